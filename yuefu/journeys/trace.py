"""The trace of an order: its whole life as stages, a timeline with each ledger entry and bill line, and its instalments.

Reads only, inside the caller's `sql.reading(…)`, by a fixed number of queries however long the life is. A merchant sees its side: the
order, captures, refunds, settlement and payouts; not the loan, the reasons of a decision, or the books of the lender.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.journeys.life import Life, read_lender_side, read_merchant_side
from yuefu.journeys.stages import stages_of
from yuefu.journeys.timeline import Draft, drafts_of
from yuefu.journeys.views import BillView, EntryView, Happening, InstalmentView, LineView, StageCode, Trace
from yuefu.ledger import queries as ledger
from yuefu.ledger.queries import EntryLine
from yuefu.ledger.rules.chart import CHART
from yuefu.loans import queries as loan_book
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import queries as offers
from yuefu.orders import queries as order_book
from yuefu.payments import queries as payments
from yuefu.payments.queries import Moved
from yuefu.plans.label import price_label, render_price_label
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms
from yuefu.reconciliation import queries as reconciliation
from yuefu.reconciliation.queries import SeenLine
from yuefu.risk import queries as risk
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import Accrued

UNKNOWN_ORDER: Final = "unknown_order"
MOST_NAMED: Final = 20

Audience = Literal["staff", "merchant"]


def trace(*, order_id: UUID, audience: Audience = "staff", book: Book | None = None) -> Trace | Refused:
    """The whole life of one order, as far as the audience may see it. Refused with unknown_order.

    The role of a merchant may not read books: pass `book`, else days of its trace are by UTC and it is as of the last thing that happened.
    """
    order, placed = order_book.orders([order_id]).get(order_id), order_book.placed(order_id)
    if order is None or placed is None:
        return Refused(UNKNOWN_ORDER, "there is no such order", "order_id")
    life = read_merchant_side(order, placed, book)
    if audience == "staff":
        read_lender_side(life)
    return _told(life, drafts_of(life))


@dataclass(frozen=True, slots=True)
class Traced:
    """How many orders of a book can be followed through every stage that has fallen due, and the first of those that cannot."""

    complete: int
    total: int
    missing: tuple[tuple[UUID, StageCode], ...]


def traced_orders(*, book_id: UUID, as_of: date) -> Traced:
    """Follows every order of a book, set by set: a declined one to its decision, any other through each stage due by `as_of`.

    Loan: one for each capture. Posting: as many ledger entries of each kind as there are facts. Settlement: an item for each capture and
    refund share, in a batch once its day has come, and a payout where the batch pays. Repayment: what was collected is applied and what
    was applied was collected; what was due before `as_of` is paid or the loan is in arrears. Reconciliation: on days that are done each
    movement of the order's money is in an item, and a payout that was paid has a movement. `missing` names up to 20 orders, each with
    the first stage that it lacks.
    """
    known = order_book.declined_or_not(book_id)
    lacking = _Lacking(known)
    captures, shares = order_book.capture_orders(book_id), order_book.share_orders(book_id)
    loans, moved, items = loan_book.booked(book_id), payments.moved(book_id=book_id), settlement.accrued(book_id=book_id)
    applied = loan_book.sources(book_id)
    # A loan that was lost is still known to what was accrued and collected for it.
    order_of_loan = {item.loan_id: item.order_id for item in items if item.loan_id}
    order_of_loan |= {m.loan_id: m.order_id for m in moved if m.loan_id} | dict(loans.values())
    lacking.add("decision", known.keys() - risk.of_orders(order_ids=list(known)).keys())
    lacking.add("loan", (order for capture, order in captures.items() if capture not in loans))
    lacking.add("posting", _not_posted(book_id, order_of_loan, applied, moved, items))
    lacking.add("settlement", _not_settled(book_id, as_of, captures, shares, items))
    lacking.add("repayment", _not_applied(order_of_loan, shares, applied, moved))
    lacking.add("repayment", loan_book.unmarked_arrears(book_id, as_of))
    lacking.add("reconciliation", _not_reconciled(book_id, moved, items))
    missing = sorted(lacking.first.items())
    return Traced(len(known) - len(missing), len(known), tuple(missing[:MOST_NAMED]))


class _Lacking:
    """The first stage that each order lacks."""

    def __init__(self, known: Container[UUID]) -> None:
        self._known = known
        self.first: dict[UUID, StageCode] = {}

    def add(self, stage: StageCode, order_ids: Iterable[UUID]) -> None:
        for order_id in order_ids:
            assert order_id in self._known, f"{order_id} is of this book"
            self.first.setdefault(order_id, stage)


_OF_MONEY: Final = ("loan.booked", "loan.repaid", "loan.refunded", "loan.recovered", "loan.reversed", "loan.charged_back")
"""What an order leads to of the entries of its loan. The others are of what was done about it, as a write-off, or of credit that paid by itself."""


def _known_as(kind: str) -> str:
    """After a write-off what was repaid or refunded is posted as recovered."""
    return "loan.recovered" if kind in {"loan.repaid", "loan.refunded"} else kind


def _not_posted(
    book_id: UUID,
    order_of_loan: Mapping[UUID, UUID],
    applied: Sequence[tuple[str, UUID, UUID]],
    moved: Sequence[Moved],
    items: Sequence[Accrued],
) -> set[UUID]:
    """Orders of loans of which facts and ledger entries are not as many, kind by kind."""
    facts = Counter[tuple[str, UUID]](("loan.booked", loan) for loan in order_of_loan)
    facts.update((f"loan.{kind}", loan) for kind, _, loan in applied)
    # A payment over several loans is one entry, however many of its parts are for a loan.
    outside = {("collection" if m.kind == "payment" else "channel_refund", m.reference, m.loan_id) for m in moved if m.loan_id}
    facts.update((kind, loan) for kind, _, loan in outside)
    facts.update(("collection_released", m.loan_id) for m in moved if m.loan_id and m.released)
    facts.update((f"settlement_{item.kind}", item.loan_id) for item in items if item.loan_id)
    posted = Counter[tuple[str, UUID]]()
    for (kind, loan), count in ledger.entries_by_loan(book_id).items():
        if kind in _OF_MONEY or not kind.startswith("loan."):
            posted[_known_as(kind), loan] += count
    facts = Counter((_known_as(kind), loan) for kind, loan in facts.elements())
    wrong = {loan for kind, loan in facts.keys() | posted.keys() if facts[kind, loan] != posted[kind, loan]}
    return {order_of_loan[loan] for loan in wrong if loan in order_of_loan}


def _not_settled(
    book_id: UUID, as_of: date, captures: Mapping[UUID, UUID], shares: Mapping[UUID, UUID], items: Sequence[Accrued]
) -> set[UUID]:
    accrued = {(item.kind, item.source_id) for item in items}
    payouts = payments.payouts_of_book(book_id=book_id)
    unpaid = set(settlement.without_payout(book_id=book_id))
    wrong = {order for capture, order in captures.items() if ("capture", capture) not in accrued}
    wrong |= {order for share, order in shares.items() if ("refund", share) not in accrued}
    wrong |= {item.order_id for item in items if item.batch_id in unpaid or (item.payout_id and item.payout_id not in payouts)}
    return wrong | set(settlement.left_out(book_id=book_id, on=as_of))


def _not_applied(
    order_of_loan: Mapping[UUID, UUID],
    shares: Mapping[UUID, UUID],
    applied: Sequence[tuple[str, UUID, UUID]],
    moved: Sequence[Moved],
) -> set[UUID]:
    """Orders with money collected and not applied, or applied and never collected; the same for refunds of goods. What waits for its day is
    not applied yet."""
    orders = [(kind, source, order_of_loan[loan]) for kind, source, loan in applied if loan in order_of_loan]
    repaid = {source: order for kind, source, order in orders if kind == "repaid"}
    refunded = {source: order for kind, source, order in orders if kind == "refunded"}
    collected = {m.id: m.order_id for m in moved if m.kind == "payment" and not m.waits}
    pairs = ((collected, repaid), (repaid, collected), (shares, refunded), (refunded, shares))
    return {have[source] for have, other in pairs for source in have.keys() - other.keys()}


def _not_reconciled(book_id: UUID, moved: Sequence[Moved], items: Sequence[Accrued]) -> set[UUID]:
    """Orders with a movement that is in no item although the bill of its day was gone through, and those paid out without a movement."""
    done, seen = reconciliation.days_done(book_id=book_id), reconciliation.classified_keys(book_id=book_id)
    accounts = payments.money_accounts(book_id=book_id)
    shown = {
        source: ledger.movement_days(book_id, accounts[code].id)
        for source, code in reconciliation.MONEY_ACCOUNT.items()
        if code in accounts
    }
    shown["channel_trade"] = {(m.kind, m.reference): m.posted_on for m in moved if not m.by_bank}
    lost = {key[1] for source, keys in shown.items() for key, on in keys.items() if (source, on) in done and key not in seen[source]}
    payouts = payments.payouts_of_book(book_id=book_id).values()
    # Before there was an account for client money, payouts left the own one.
    left_bank = shown["bank"].keys() | shown["bank_client"].keys()
    lost |= {payout.reference for payout in payouts if payout.paid_on and ("payout", payout.reference) not in left_bank}
    unseen = {payout.id for payout in payouts if payout.reference in lost}
    return {m.order_id for m in moved if m.reference in lost} | {item.order_id for item in items if item.payout_id in unseen}


def _told(life: Life, drafts: Sequence[Draft]) -> Trace:
    order = life.order
    merchant = merchants.shown(ids=[order.merchant_id])[order.merchant_id]
    return Trace(
        order_id=order.id,
        public_id=ids.text("order", order.id),
        merchant_reference=order.merchant_reference,
        merchant_en=merchant.name_en,
        merchant_zh=merchant.name_zh,
        channel=order.channel,
        # Personal data stays sealed here; the id names the person to whoever may look further.
        consumer_ref=ids.text("consumer", order.consumer_id) if life.whole else "",
        product=order.product,
        periods=order.periods,
        amount=Money(order.amount, order.currency),
        captured=Money(order.captured, order.currency),
        refunded=Money(order.refunded, order.currency),
        state=order.state,
        decision="declined" if order.state == "declined" else "approved",
        reasons=life.decision.decision.reasons if life.decision else (),
        as_of=life.as_of,
        total_payable=Money(order.shown_total, order.currency),
        **_price(life),
        stages=tuple(stages_of(life, drafts)),
        timeline=tuple(_happening(life, draft) for draft in drafts),
        instalments=tuple(_instalments(life)),
    )


def _price(life: Life) -> dict[str, str]:
    """What the consumer was shown. A merchant may not read disclosures: its label is made anew from the terms that the order keeps."""
    order = life.order
    found = offers.disclosures(ids=[order.disclosure_id], book_id=life.placed.book_id) if life.whole and order.disclosure_id else {}
    stored = next(iter(found.values()), None)
    if stored is None:
        label = _label(schedule(_shown_terms(life))) if order.first_due_on else ""
        names = {"product_en": order.product, "product_zh": order.product}
        return names | {"price_label": label, "annual_cost_pct": "", "annual_cost_simple_pct": "", "disclosure_hash": ""}
    said: Mapping[str, Any] = stored.disclosure.content
    return {
        "product_en": said["product"]["name_en"],
        "product_zh": said["product"]["name_zh"],
        "price_label": _label([_shown(row, said["currency"]) for row in said["instalments"]]),
        "annual_cost_pct": said["annual_cost"]["compound_pct"],
        "annual_cost_simple_pct": said["annual_cost"]["simple_pct"],
        "disclosure_hash": stored.disclosure.hash.hex(),
    }


def _label(instalments: Sequence[Instalment]) -> str:
    return render_price_label(price_label(instalments))


def _shown(row: Mapping[str, Any], currency: str) -> Instalment:
    principal, interest = Money(row["principal_minor"], currency), Money(row["interest_minor"], currency)
    return Instalment(row["no"], date.fromisoformat(row["due_on"]), principal, interest)


def _shown_terms(life: Life) -> Terms:
    order = life.order
    assert order.first_due_on is not None
    amount, rate, count = Money(order.amount, order.currency), Rate(order.annual_rate_ppm), DayCount(order.day_count)
    return Terms(amount, order.periods, rate, count, life.placed.on, order.first_due_on, order.due_day, order.rule_version)


def _happening(life: Life, draft: Draft) -> Happening:
    entries = tuple(_entry(lines) for lines in sorted(draft.entries, key=_told_in))
    return Happening(draft.at, draft.on, draft.kind, draft.amount, draft.params, entries, tuple(_bill(life, line) for line in draft.bills))


def _told_in(lines: Sequence[EntryLine]) -> tuple[datetime, bool]:
    """By time; of one moment, money that came in before it is applied, and what became available before it is paid out."""
    return lines[0].recorded_at, lines[0].kind in ("loan.repaid", "payout_ordered")


def _entry(lines: Sequence[EntryLine]) -> EntryView:
    head = lines[0]
    views = tuple(_line(line) for line in lines)
    return EntryView(ids.text("entry", head.entry_id), head.kind, head.posted_on, head.effective_on, head.recorded_at, head.actor, views)


def _line(line: EntryLine) -> LineView:
    account, amount = CHART[line.code], line.amount
    debit, credit = (amount, None) if amount.minor > 0 else (None, -amount)
    return LineView(line.code, account.name_en, account.name_zh, debit, credit, line.movement, line.reference)


def _bill(life: Life, line: SeenLine) -> BillView:
    """A line that was alone on its day may have found its other half since: then its break knows better."""
    outcome = line.outcome or ""
    if outcome == "missing_here":
        later = (b.cls for b in life.breaks if (b.source, b.kind, b.reference) == (line.source, line.kind, line.reference))
        outcome = next(later, outcome)
    source: Any = line.source
    return BillView(source, line.on, line.line_no, line.kind, line.reference, line.provider_id, line.amount, outcome)


def _instalments(life: Life) -> Iterator[InstalmentView]:
    """What each loan asks now; an instalment that refunds took away altogether is left out."""
    for held in life.loans:
        look, currency = life.looks[held.dims.loan_id], held.dims.currency
        for row in look.rows:
            if row.asked:
                amounts = (row.principal, row.interest, row.fees + row.penalties, row.paid, row.refunded, row.unpaid)
                principal, interest, charges, paid, refunded, to_pay = (Money(minor, currency) for minor in amounts)
                loan, state = ids.text("loan", held.dims.loan_id), row.state(life.as_of)
                yield InstalmentView(loan, row.no, row.due_on, principal, interest, charges, paid, refunded, to_pay, state)
