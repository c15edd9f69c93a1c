"""Every code that the business can show has a text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from django.utils.translation import override

from yuefu.access.rules import ROLES
from yuefu.aftersales import rules as aftersales
from yuefu.consumers import rules as consumer_rules
from yuefu.growth import commands as growth
from yuefu.growth.rules.concentration import Level
from yuefu.growth.rules.plans import DEFAULT, ENVELOPES_INVALID
from yuefu.insight.rules.clearing import Sold
from yuefu.insight.rules.places import ALL_PLACES
from yuefu.journeys import close_of_day, opening, proving, share_pages, statement_words, statements, stopping, views
from yuefu.journeys.checkout import hosted, values
from yuefu.journeys.reports import sold_figures
from yuefu.ledger.rules.chart import CHART, OPENING
from yuefu.loans.queries import listing
from yuefu.merchants.rules import CHANNELS
from yuefu.merchants.rules.sharing import PARTIES
from yuefu.offers.rules.wording import LANGUAGES
from yuefu.orders.rules import State
from yuefu.orders.rules.checkout import SESSION_OVER
from yuefu.orders.rules.checkout import STATES as SESSION_STATES
from yuefu.payments.rules import PAYOUT_STEPS, TRANSFER_ENDS
from yuefu.payments.rules import receipts as receipt_rules
from yuefu.plans.lifecycle.plain import KINDS
from yuefu.plans.lifecycle.terms import PaidBy
from yuefu.reconciliation.gateways import adyen, alipay_rows, klarna
from yuefu.reconciliation.models import BreakEvent
from yuefu.reconciliation.rules import balances
from yuefu.reconciliation.rules.breaks import STATES as BREAK_STATES
from yuefu.reconciliation.rules.carrying import REOPENED, Lifecycle
from yuefu.reconciliation.rules.fixes import CORRECTION
from yuefu.reconciliation.rules.fixes import Kind as FixKind
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.levels import NAMES as LEVEL_NAMES
from yuefu.reconciliation.rules.matching import SOURCES, Outcome
from yuefu.reconciliation.rules.references import Class, Result
from yuefu.risk.rules import wording
from yuefu.settlement import rules as settlement
from yuefu.settlement.rules import invoices, shares
from yuefu.web import breaks, closing, loan_texts, scanned, suspense, texts
from yuefu.web import checkout as web_checkout
from yuefu.web import funds as web_funds
from yuefu.web import invoices as web_invoices
from yuefu.web.breaks import CHOICES as BREAK_CHOICES
from yuefu.web.places import PLACES

ROOT = Path(__file__).resolve().parents[2]
# Kinds of entries that are put together at run time, by the expression that does it.
COMPOSED = {
    "f'settlement_{item.kind}'": {"settlement_capture", "settlement_refund"},
    "f'loan.{kind}'": {"loan.repaid", "loan.refunded", "loan.reversed"} | {f"loan.{kind}" for kind in KINDS},
    "t.kind": set(TRANSFER_ENDS),
}


def happening_kinds() -> set[str]:
    """The kinds that the text below `Happening.kind` promises: `order.captured|voided` is two of them."""
    tree = ast.parse(Path(views.__file__).read_text())
    (happening,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Happening"]
    found: set[str] = set()
    for node in happening.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and "order.created" in str(node.value.value):
            for object_kind, verbs in re.findall(r"([a-z]+)\.([a-z_|]+)", str(node.value.value)):
                found |= {f"{object_kind}.{verb}" for verb in verbs.split("|")}
    assert found
    return found


def entry_kinds() -> set[str]:
    """What stands as `kind` of an Entry in the accounting policies, followed through the functions that make entries."""
    return {kind for path in sorted((ROOT / "yuefu").glob("*/entries.py")) for kind in _kinds_in(ast.parse(path.read_text()))}


def _kinds_in(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for made in _calls(function, "Entry"):
            kind = next((word.value for word in made.keywords if word.arg == "kind"), None) or made.args[1]
            if isinstance(kind, ast.Name):
                place = [argument.arg for argument in function.args.args].index(kind.id)
                for call in _calls(tree, function.name):
                    yield from _values(call.args[place])
            else:
                yield from _values(kind)


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name]


def _values(node: ast.expr) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else COMPOSED[ast.unparse(node)]


def proofs() -> set[str]:
    """The names in what `proving.prove` returns, read from its source."""
    (prove,) = [node for node in ast.parse(Path(proving.__file__).read_text()).body if getattr(node, "name", "") == "prove"]
    return {key.value for node in ast.walk(prove) if isinstance(node, ast.Dict) for key in node.keys if isinstance(key, ast.Constant)}


def break_events() -> set[str]:
    """What may happen to a break, as the table has it."""
    (constraint,) = [c for c in BreakEvent._meta.constraints if c.name == "reconciliation_breakevent_action"]
    return set(dict(constraint.condition.children)["action__in"])


REFUSALS = ("BACKDATED", "_OVER", "_INVALID", "_DIFFERS", "_REUSED", "UNKNOWN_PAYABLE", "ENDED", "_MALFORMED")
CODES = {
    "stage": set(get_args(views.StageCode)),
    "stage_state": set(get_args(views.StageState)),
    "order_state": set(get_args(State)),
    "checkout_state": set(SESSION_STATES),
    "checkout_fault": {
        *(consumer_rules.CODE_WRONG, consumer_rules.CODE_OVER, consumer_rules.TOO_MANY_CODES, consumer_rules.CODES_UNAVAILABLE),
        *(consumer_rules.PHONE_INVALID, hosted.NOT_IDENTIFIED, hosted.BROKE, web_checkout.CONSENT_MISSING, values.UNKNOWN_QUOTE),
        *(
            scanned.AMOUNT_MALFORMED,
            values.NO_PLAN,
            values.QUOTE_OUTDATED,
            values.UNKNOWN_CONSUMER,
            SESSION_OVER,
            "no_open_day",
            "read_only",
        ),
    },
    "decision": {"approved", "declined"},
    "reason": set(wording.REASONS),
    "happening": happening_kinds(),
    "instalment_state": {"paid", "refunded", "given_up", "part_paid", "due", "overdue", "upcoming"},
    "outcome": {outcome.value for outcome in Outcome},
    "source": set(SOURCES),
    "movement": {"payment", "refund", "fee", "payout", "payout_returned", "receipt", "other", OPENING, CORRECTION}
    | set(TRANSFER_ENDS)
    | set(adyen._KINDS.values())
    | {kind for kind, _ in (*klarna._TYPES.values(), *klarna._TOTALS.values())}
    | set(alipay_rows._KINDS.values()),
    "entry_kind": entry_kinds() | {opening.KIND},
    "day_state": {"open", "closing", "closed"},
    "bridge_state": {"waiting", "running", "done", "failed"},
    "run_state": {"waiting", "running", "done", "failed"},
    "close_step": set(close_of_day.STEPS),
    "proof": proofs(),
    "tried": set(closing.TRIED),
    "suspense": {"", *receipt_rules.WAITS},
    "suggestion": {"near_reference", "same_payer", "amount_of_bill"},
    "return_state": {state for step in receipt_rules.RETURN_STEPS for state in step},
    "heard_by": set(receipt_rules.HEARD_BY),
    "suspense_done": set(suspense.DONE),
    "verdict": set(Verdict),
    "carried_class": set(Class),
    "carried_result": set(Result),
    "lifecycle": set(Lifecycle),
    "ended": (set(BREAK_STATES) - {"open"}) | {REOPENED},
    "break_state": set(BREAK_CHOICES),
    "page": {place.route for place in PLACES},
    "fix": set(FixKind),
    "fix_state": {"waiting", "approved", "done", "rejected", "dropped"},
    "break_event": break_events(),
    "level": set(LEVEL_NAMES),
    "break_done": set(breaks.DONE),
    "check": {"", balances.SOURCE_MISSING, balances.BEYOND_TOLERANCE, balances.BASE_BALANCE_ZERO},
    "batch_state": {state for step in settlement.TRANSITIONS for state in step} | {"accrued"},
    "share_state": {state for step in shares.TRANSITIONS for state in step} | {"accrued"},
    "share_line": set(share_pages.KINDS) - {"due", "carried"},
    "party": set(PARTIES),
    "payout_state": {state for step in PAYOUT_STEPS for state in step},
    "settlement_line": set(statement_words.KINDS) - {"payout", "withheld", "next"},
    "statement_fault": {statements.DOES_NOT_ADD_UP, statements.LEDGER_DIFFERS, statements.PAYOUT_DIFFERS},
    "invoice_state": set(invoices.STATES),
    "invoice_done": set(web_invoices.DONE),
    "invoice_refused": {value for name, value in vars(invoices).items() if name.isupper() and str(value).isidentifier()}
    | {"no_open_day", "read_only"},
    "loan_state": set(listing.STATES),
    "related": {"bill", "case", "measure", "aftersale", "payoff_quote", "certificate"},
    "aftersale": set(aftersales.KINDS),
    "related_state": {
        "open",
        "paid",
        "overdue",
        "cured",
        "written_off",
        "waiting",
        "entered",
        "rejected",
        "issued",
        "used",
        "in_force",
        "withdrawn",
    }
    | set(aftersales.STATES),
    "place": {"money", "owed", *ALL_PLACES},
    "envelope": {one.name for one in DEFAULT},
    "concentration": set(get_args(Level)),
    "coming": {"sales", "reserve", "payouts", "held"},
    "path": {"as_agreed", "later"},
    "funds_done": set(web_funds.ACTS),
    "funds_refused": {
        value for module in (growth, web_funds) for name, value in vars(module).items() if name.isupper() and name.endswith(REFUSALS)
    }
    - {"currency_differs"}
    | {ENVELOPES_INVALID, "no_open_day", "read_only"},
    "sold": set(sold_figures(Sold("CNY", *[0] * 12))),
    "sales_channel": set(CHANNELS),
    "mode": {"test", "live"},
    "role": set(ROLES),
    "language": set(LANGUAGES),
    "shown_to": {"shopper", "anybody"},
    "stop": set(stopping.DIMENSIONS),
    "stopped_for": {"", *(name for names in stopping.DIMENSIONS.values() for name in names)},
    "next_step": {"nothing"} | {f"{stage}.{state}" for stage in get_args(views.StageCode) for state in ("waiting", "overdue")},
}


@pytest.mark.parametrize("kind", CODES)
def test_every_code_of_a_kind_has_a_text_in_both_languages(kind: str) -> None:
    missing = CODES[kind] - texts.TABLES[kind].keys()
    assert missing == set()
    for code in CODES[kind]:
        with override("en"):
            english = texts.text_of(kind, code)
        with override("zh-hans"):
            chinese = texts.text_of(kind, code)
        assert english
        assert re.search(r"[\u4e00-\u9fff]", chinese), f"{code} has no Chinese text: {chinese}"


def test_a_code_that_is_gone_has_no_text_left() -> None:
    may_have_more = {"reason", "outcome"}
    assert {kind: texts.TABLES[kind].keys() - codes for kind, codes in CODES.items() if kind not in may_have_more} == {
        kind: set() for kind in CODES if kind not in may_have_more
    }


def test_every_account_is_named_in_both_languages() -> None:
    assert [account.code for account in CHART.values() if not account.name_en or not re.search(r"[\u4e00-\u9fff]", account.name_zh)] == []


def test_every_state_that_has_a_colour_has_a_word() -> None:
    assert {kind: tones.keys() - texts.TABLES[kind].keys() for kind, tones in texts.TONES.items()} == {kind: set() for kind in texts.TONES}
    assert {kind: texts.TABLES[kind].keys() - tones.keys() for kind, tones in texts.TONES.items()} == {kind: set() for kind in texts.TONES}


def test_an_unknown_code_is_shown_rather_than_hidden() -> None:
    assert texts.text_of("order_state", "half_eaten") == "half eaten"
    assert texts.tone_of("order_state", "half_eaten") == "still"


def test_all_that_is_entered_of_a_loan_has_a_word_in_both_languages() -> None:
    for kind in {*loan_texts.LOAN_FACTS, *KINDS, *(f"paid_{by.value}" for by in PaidBy)}:
        with override("zh-hans"):
            assert re.search(r"[\u4e00-\u9fff]", loan_texts.fact(kind, chinese=True)), kind
        with override("en"):
            assert loan_texts.fact(kind, chinese=False)
