"""The statements of days of reconciliation: one verdict a day, a bridge that closes, and what is open carried until it is ended."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from tests.journeys.test_reconciliation import DUE, paid_day, sent
from yuefu import ids
from yuefu.errors import Refused, one
from yuefu.journeys import carried, reconciliation, settings
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.reconciliation import commands
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import Ending
from yuefu.reconciliation.rules.policy import DEFAULT_POLICY, POLICY, policy
from yuefu.runtime import policies, sql
from yuefu.sim import faults
from yuefu.sim.faults import Bill, Fault

NEXT = DUE + timedelta(days=1)


def yuan(text):
    return Money(int(Decimal(text) * 100), "CNY")


def statements(shop, on):
    """The sources of a day, after checking what holds for every day: both identities, and that it begins where the one before ended."""
    with sql.reading(book_id=shop.book_id):
        day, before = (carried.day(book_id=shop.book_id, on=each) for each in (on, on - timedelta(days=1)))
    for source, earlier in zip(day.sources, before.sources, strict=True):
        if source.statement is not None:
            assert (source.statement.residual.passed, source.statement.continuity.passed) == (True, True)
            assert source.statement.opening == (earlier.statement.closing if earlier.statement else yuan(0))
            assert source.before is None or source.before.passed
    return day


def of(day, source="channel_trade"):
    return next(one for one in day.sources if one.source == source)


def files_of(shop, on):
    return reconciliation.fetch(desk=shop.desk, on=on)


def payments_in(files):
    return Bill("channel_trade", files["channel_trade"]).payments()


def spoilt(files, cls, reference, *, named=""):
    """The trade bill of the day with one fault at a payment, and the rows that come a day later."""
    late = []
    fault = Fault(cls, named or reference, "channel_trade", DUE)
    bill = Bill("channel_trade", files["channel_trade"]).spoil({reference: fault}, [], late, NEXT, random.Random(1))
    return {**files, "channel_trade": bill}, late


def shown(source):
    return [
        (str(i.placed.cls), str(i.placed.result), str(i.lifecycle), i.impact, i.standing.difference, i.ended)
        for i in source.statement.items
    ]


def test_a_clean_day_is_reconciled_and_one_without_all_of_its_files_is_incomplete(shop):
    with sql.reading(book_id=shop.book_id):
        none = carried.day(book_id=shop.book_id)
    assert isinstance(none, Refused)
    assert none.code == "no_files"
    paid_day(shop)
    files = files_of(shop, DUE)
    bank = files.pop("bank")
    sent(shop, files)
    day = statements(shop, DUE)
    assert (day.verdict, of(day, "bank").state, of(day, "bank").statement) == ("incomplete", "missing", None)
    assert [one.verdict for one in day.sources] == ["reconciled", "reconciled", "incomplete", "reconciled"]
    sent(shop, {"bank": bank})
    with sql.reading(book_id=shop.book_id):
        day = carried.day(book_id=shop.book_id)
    assert (day.on, day.verdict) == (DUE, "reconciled")
    trade = of(day).statement
    assert (trade.bill, trade.books, trade.lines, trade.closing, trade.items) == (yuan(600), yuan(600), (), yuan(0), ())


def test_a_line_that_comes_a_day_late_is_pending_then_matches_of_an_earlier_day(shop):
    paid_day(shop)
    files = files_of(shop, DUE)
    bad, late = spoilt(files, faults.OTHER_DAY, payments_in(files)[0])
    sent(shop, bad)
    first = statements(shop, DUE)
    assert (first.verdict, of(first).verdict, of(first, "channel_fund").verdict) == ("pending", "pending", "reconciled")
    assert shown(of(first)) == [("applied_before_final", "pending", "", yuan(-200), yuan(-200), "")]
    shop.next_day()
    following = files_of(shop, NEXT)
    bill = Bill("channel_trade", following["channel_trade"])
    sent(shop, {**following, "channel_trade": bill.spoil({}, late, [], NEXT, random.Random(1))}, NEXT)
    second = statements(shop, NEXT)
    assert second.verdict == "reconciled"
    (line,) = of(second).statement.lines
    assert (line.cls, line.result, line.earlier_day, line.amount, line.count) == ("matched", "ok", True, yuan(200), 1)
    assert (of(second).statement.opening, of(second).statement.closing) == (yuan(-200), yuan(0))
    assert statements(shop, DUE) == first, "what was said of a day stays"


def test_what_never_comes_is_carried_becomes_a_break_and_leaves_when_a_person_ends_it(shop):
    paid_day(shop)
    files = files_of(shop, DUE)
    bad, _ = spoilt(files, faults.MISSING_THERE, payments_in(files)[0])
    sent(shop, bad)
    said = [of(statements(shop, DUE)).verdict]
    for days in (1, 2, 3):
        shop.next_day()
        sent(shop, files_of(shop, DUE + timedelta(days=days)), DUE + timedelta(days=days))
        said.append(of(statements(shop, DUE + timedelta(days=days))).verdict)
    assert said == ["pending", "pending", "pending", "breaks"]
    last = of(statements(shop, DUE + timedelta(days=3)))
    assert shown(last) == [("orphan_application", "break", "new", yuan(0), yuan(-200), "")]
    assert (last.statement.items[0].placed.priority, last.statement.at_risk) == (1, yuan(200))
    (line,) = last.statement.outside
    assert (line.cls, line.earlier_day, line.amount) == ("orphan_application", True, yuan(-200))

    (waiting,) = found.breaks(book_id=shop.book_id)
    with reconciliation.open_day(shop.desk, shop.now(9)) as work:
        one(commands.resolve_breaks(work=work, endings=[Ending(waiting.id, "closed", "written_off")]))
    ended_on = shop.on
    shop.next_day()
    sent(shop, files_of(shop, ended_on), ended_on)
    ended = of(statements(shop, ended_on))
    assert shown(ended) == [("orphan_application", "break", "resolved", yuan(0), yuan(-200), "closed")]
    assert (ended.verdict, ended.statement.ended, ended.statement.closing) == ("reconciled", {"closed": yuan(-200)}, yuan(0))
    shop.next_day()
    sent(shop, files_of(shop, ended_on + timedelta(days=1)), ended_on + timedelta(days=1))
    after = of(statements(shop, ended_on + timedelta(days=1)))
    assert (after.verdict, after.statement.opening, after.statement.items) == ("reconciled", yuan(0), ())


@pytest.mark.parametrize(
    ("fault", "cls", "result", "difference", "at_risk"),
    [
        (faults.AMOUNT_DIFFERS, "under_applied", "break", yuan("0.69"), yuan("0.69")),
        (faults.DUPLICATE, "duplicate", "break", yuan(200), yuan(200)),
        (faults.MISSING_HERE, "unapplied_payment", "pending", yuan(200), yuan(0)),
        (faults.STATUS_DIFFERS, "reversed_after_application", "break", yuan(0), yuan(200)),
    ],
)
def test_each_difference_has_a_class_and_money_at_risk(shop, fault, cls, result, difference, at_risk):
    paid_day(shop, 1)
    files = files_of(shop, DUE)
    named = ids.text("collection", ids.IdSource(random.Random(1).getrandbits).new(shop.now())) if fault == faults.MISSING_HERE else ""
    bad, _ = spoilt(files, fault, payments_in(files)[0], named=named)
    sent(shop, bad)
    source = of(statements(shop, DUE))
    (item,) = source.statement.items
    assert (item.placed.cls, item.placed.result, item.standing.difference, source.statement.at_risk) == (cls, result, difference, at_risk)


def test_a_bill_that_begins_elsewhere_than_the_last_one_ended_is_a_warning_fr_rewind_01(shop):
    first, second = (shop.bought("600.00") for _ in range(2))
    shop.until(DUE)
    shop.repay(first.loan_id)
    shop.next_day()
    sent(shop, files_of(shop, DUE))
    for amount in ("50.00", "60.00"):
        shop.repay(second.loan_id, amount)
        shop.next_day()
    later = NEXT + timedelta(days=1)
    sent(shop, {"channel_fund": files_of(shop, later)["channel_fund"]}, later)
    with sql.reading(book_id=shop.book_id):
        source = of(carried.day(book_id=shop.book_id, on=later), "channel_fund")
    assert (source.verdict, source.statement.verdict()) == ("warnings", "reconciled")
    # A bill prints what lies there after each line: what it begins with is read back from the first.
    assert source.balances.opening == source.balances.closing - source.statement.bill
    assert (source.before.passed, source.before.off) == (False, source.balances.before - source.balances.opening)


def test_the_other_half_of_a_break_is_suggested_by_the_rules_of_the_book(shop):
    paid_day(shop)
    files = files_of(shop, DUE)
    gone, doubled, _ = payments_in(files)
    bad, _ = spoilt(files, faults.MISSING_THERE, gone)
    bad, _ = spoilt(bad, faults.MISSING_HERE, doubled, named=f"{gone[:-1]}x")
    sent(shop, bad)
    breaks = {b.cls: b for b in found.breaks(book_id=shop.book_id) if b.source == "channel_trade"}
    assert {cls: b.reference for cls, b in breaks.items()} == {"missing_here": f"{gone[:-1]}x", "missing_there": gone}

    def candidates(break_id):
        with sql.reading(book_id=shop.book_id):
            return carried.candidates(book_id=shop.book_id, break_id=break_id, on=shop.on)

    here, there = breaks["missing_here"], breaks["missing_there"]
    (line,), (movement,) = candidates(there.id), candidates(here.id)
    assert (line.rule, line.breaks, line.references, line.off, line.apart_days) == (
        "same_amount",
        (here.id,),
        (here.reference,),
        yuan(0),
        0,
    )
    assert (movement.rule, movement.breaks, movement.references) == ("same_amount", (there.id,), (there.reference,))
    assert candidates(UUID(int=7)).code == "unknown_break"
    assert found.breaks(book_id=shop.book_id, state="open") == list(breaks.values()), "nothing was done with it"
    with reconciliation.open_day(shop.desk, shop.now(9)) as work:
        one(commands.resolve_breaks(work=work, endings=[Ending(here.id, "explained", "same_payment")]))
    assert candidates(here.id).code == "not_waiting"
    assert candidates(there.id) == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"here_days": 1.5}, "whole number"),
        ({"there_days": -1}, "whole number"),
        ({"more": 1}, "nothing else"),
        ({"suggestions": [{"name": "a"}]}, "fit nothing"),
        ({"suggestions": [{"name": "a", "days": 1}, {"name": "a", "days": 2}]}, "name of its own"),
        ({"suggestions": [{"name": "a", "amount_drift": 0.01}]}, "decimal text"),
        ({"suggestions": [{"name": "a", "amount_drift": "1.5"}]}, "decimal text"),
        ({"suggestions": [{"name": "a", "amount_drift": "-0.1"}]}, "decimal text"),
        ({"suggestions": [{"name": "a", "reference": "like"}]}, "like"),
        ({"suggestions": [{"name": "a b", "days": 1}]}, "letters"),
        ({"suggestions": [{"name": "a", "days": 1, "sql": ""}]}, "nothing else"),
        ({"suggestions": {}}, "list"),
        ({"checks": [{"name": "a", "same": ["bill:bank", "bill:bank"]}]}, "twice"),
    ],
)
def test_a_setting_that_is_none_is_refused_with_what_is_wrong(change, why):
    with pytest.raises(ValueError, match=why):
        policy({**DEFAULT_POLICY, **change})
    assert settings.CHECKS[POLICY] is policy
    assert settings.LATER[POLICY] == DEFAULT_POLICY


def test_the_grace_of_a_book_is_a_setting(shop):
    paid_day(shop, 1)
    files = files_of(shop, DUE)
    bad, _ = spoilt(files, faults.MISSING_THERE, payments_in(files)[0])
    sent(shop, bad)
    assert of(statements(shop, DUE)).verdict == "pending"
    with reconciliation.open_day(shop.desk, shop.now(9)) as work:
        policies.establish(work=work, name=POLICY, value={**DEFAULT_POLICY, "there_days": 0}, valid_from=DUE)
    assert of(statements(shop, DUE)).verdict == "breaks"


def test_checks_of_balances_are_a_setting_and_count_in_the_verdict(shop):
    paid_day(shop, 1)
    files = files_of(shop, DUE)
    client = files.pop("bank_client")
    sent(shop, files)
    checks = [
        {"name": "channel", "zero": {"ledger:channel_cash": 1, "bill:channel_fund": -1}},
        {"name": "client", "same": ["ledger:client_cash", "bill:bank_client"]},
        {"name": "funded", "zero": {"ledger:bank_cash": 1, "ledger:suspense": 1}, "tolerance_minor": 5},
    ]
    with reconciliation.open_day(shop.desk, shop.now(9)) as work:
        policies.establish(work=work, name=POLICY, value={**DEFAULT_POLICY, "checks": checks}, valid_from=DUE)
    day = statements(shop, DUE)
    channel, missing, funded = day.checks
    assert (channel.name, channel.outcome.passed, channel.outcome.off) == ("channel", True, yuan(0))
    assert (missing.outcome.reason, missing.missing, missing.verdict) == ("source_missing", ("bill:bank_client",), "incomplete")
    assert (funded.outcome.reason, funded.verdict) == ("beyond_tolerance", "warnings")
    with sql.reading(book_id=shop.book_id):
        row = next(row for row in ledger.trial_balance(shop.book_id, posted_until=DUE) if row.code == "bank_cash")
    assert funded.outcome.off == row.balance
    assert day.verdict == "incomplete"
    sent(shop, {"bank_client": client})
    day = statements(shop, DUE)
    assert [source.verdict for source in day.sources] == ["reconciled"] * 4
    assert day.verdict == "incomplete", "that account never moved: nothing says what lies in it"
