"""The life of one order as the database has it, read by a fixed number of queries: what a trace is told from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta, tzinfo
from itertools import groupby
from typing import Final
from uuid import UUID

from yuefu.journeys.overview import open_day
from yuefu.ledger import queries as ledger
from yuefu.ledger.queries import EntryLine
from yuefu.loans import queries as loan_book
from yuefu.loans.queries import Recorded
from yuefu.loans.queries.shown import Look, looks
from yuefu.loans.rules import OnBook
from yuefu.offers import queries as offers
from yuefu.offers.queries import StoredQuote
from yuefu.orders import queries as order_book
from yuefu.orders.queries import Captured, Placed, RefundShare
from yuefu.orders.rules import Order
from yuefu.payments import queries as payments
from yuefu.payments.queries import OrderPayments
from yuefu.payments.rules import BANK, ChannelRefund, Collection, Payout
from yuefu.reconciliation import queries as reconciliation
from yuefu.reconciliation.queries import Break, SeenLine
from yuefu.reconciliation.rules.matching import SOURCES
from yuefu.risk import queries as risk
from yuefu.risk.queries import StoredDecision
from yuefu.runtime import books, days
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import Batch, SettledItem

DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Life:
    """What the database has about one order and the audience may see."""

    order: Order
    placed: Placed
    book: Book | None
    as_of: date
    captures: list[Captured]
    refunds: list[RefundShare]
    items: list[SettledItem]
    batches: Mapping[UUID, Batch]
    payouts: list[Payout]
    quote: StoredQuote | None = None
    whole: bool = False
    decision: StoredDecision | None = None
    loans: list[OnBook] = field(default_factory=list)
    looks: Mapping[UUID, Look] = field(default_factory=dict)
    loan_of: Mapping[UUID, UUID] = field(default_factory=dict)
    events: list[Recorded] = field(default_factory=list)
    paid: OrderPayments = field(default_factory=lambda: OrderPayments((), ()))
    entries: list[list[EntryLine]] = field(default_factory=list)
    bills: list[SeenLine] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    classified: set[tuple[str, UUID]] = field(default_factory=set)

    @property
    def tz(self) -> tzinfo:
        return self.book.tz if self.book else UTC

    @property
    def channel_payments(self) -> list[Collection | ChannelRefund]:
        """What the bills of the channel show: not what came by bank transfer, or went back of it."""
        collections = [moved for moved in self.paid.collections if moved.channel != BANK]
        return [*collections, *(moved for moved in self.paid.refunds if moved.channel != BANK)]

    @property
    def is_over(self) -> bool:
        """Nothing was captured and nothing can be any more: the stages after the decision never come."""
        return not self.captures and self.order.remaining == 0

    @property
    def capturable_until(self) -> date | None:
        return self.order.expires_at.astimezone(self.tz).date() if self.order.remaining else None


def known_as(payment: Collection | ChannelRefund) -> UUID:
    """The id by which the channel's bills know it: of a part, that of its whole."""
    return payment.part_of or payment.id if isinstance(payment, Collection) else payment.id


def read_merchant_side(order: Order, placed: Placed, book: Book | None) -> Life:
    captures, refunds = order_book.captures_of([order.id]), order_book.refunds_of([order.id])
    items = settlement.of_orders(order_ids=[order.id]).get(order.id, [])
    batch_ids = sorted({item.batch_id for item in items if item.batch_id})
    batches = settlement.batches_by_id(book_id=placed.book_id, ids=batch_ids)
    paid = [payout for group in payments.payouts_of_batches(batch_ids=batch_ids).values() for payout in group]
    known = [placed.on, *(c.captured_on for c in captures), *(r.refunded_on for r in refunds), *(b.pay_on for b in batches.values())]
    as_of = days.business_date(book, books.now_in(book)) if book else max(known)
    shown = offers.quotes(ids=[order.quote_id], book_id=placed.book_id) if order.quote_id else {}
    return Life(order, placed, book, as_of, captures, refunds, items, batches, paid, next(iter(shown.values()), None))


def read_lender_side(life: Life) -> None:
    order_id, book_id = life.order.id, life.placed.book_id
    life.whole = True
    life.book = life.book or books.by_id(book_id)
    assert life.book is not None, "who may see an order in full may see its book"
    life.as_of = open_day(life.book, days.waiting_to_close(book_id))
    life.decision = risk.of_orders(order_ids=[order_id]).get(order_id)
    life.loans = loan_book.on_book_of([order_id], life.as_of, book_id=book_id).get(order_id, [])
    life.looks = looks(book_id, [loan.dims.loan_id for loan in life.loans], life.as_of)
    life.loan_of = loan_book.by_capture([capture.id for capture in life.captures])
    life.events = loan_book.recorded([order_id]).get(order_id, [])
    life.paid = payments.of_orders(order_ids=[order_id]).get(order_id, life.paid)
    of_payouts = ledger.lines_of_payouts(
        book_id, life.order.merchant_id, days=_days_of_payouts(life), references=[payout.reference for payout in life.payouts]
    )
    life.entries = [list(group) for _, group in groupby(ledger.lines_of_order([order_id]) + of_payouts, key=lambda line: line.entry_id)]
    life.bills = _bills(life)
    life.breaks = reconciliation.breaks_of_orders(order_ids=[order_id]).get(order_id, [])
    moved = [known_as(payment) for payment in life.channel_payments]
    moved += [lines[0].entry_id for lines in life.entries if any(line.movement for line in lines)]
    life.classified = reconciliation.classified(book_id=book_id, movement_ids=moved)


def _days_of_payouts(life: Life) -> list[date]:
    """Posting days that may have entries of the payouts: when they were ordered, and the week in which the bank's word was heard."""
    found = {batch.pay_on for batch in life.batches.values()}
    for payout in life.payouts:
        found.add(payout.ordered_at.astimezone(life.tz).date())
        found.update(on + n * DAY for on in (payout.paid_on, payout.returned_on) if on for n in range(8))
    return sorted(found)


def _bills(life: Life) -> list[SeenLine]:
    references = [p.reference for p in life.channel_payments] + [payout.reference for payout in life.payouts]
    found = reconciliation.lines_of_references(book_id=life.placed.book_id, references=references)
    return sorted(
        (line for lines in found.values() for line in lines), key=lambda line: (line.on, SOURCES.index(line.source), line.line_no)
    )
