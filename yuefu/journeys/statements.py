"""Statements of merchants: what a batch is made of, line by line, and the batches of a month.

A statement proves itself before it is given out as a file (`prove`): its lines come to what is paid and carried, and the ledger has the same, line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.payments.rules import Payout
from yuefu.runtime import sql
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import Batch
from yuefu.settlement.queries import papers as paper_book
from yuefu.settlement.queries.papers import DaySum
from yuefu.settlement.rules import ADJUSTMENTS, Item, Totals

DOES_NOT_ADD_UP: Final = "statement_does_not_add_up"  # its lines do not come to what is paid and carried
LEDGER_DIFFERS: Final = "ledger_differs"  # the ledger does not have what a line says
PAYOUT_DIFFERS: Final = "payout_differs"  # what the bank was told to pay is not what the batch pays

FIGURES: Final = tuple(one.name for one in fields(Totals))
ORDERED: Final = frozenset({"scheduled", "paid", "reconciled"})
"""States of a batch in which a payout of what it pays is under way, or was carried out."""
CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """An item of a batch, with the reference that the merchant gave its order."""

    item: Item
    reference: str

    @property
    def order(self) -> str:
        """The outside id of its order; "" for what is of none."""
        return ids.text("order", self.item.order_id) if self.item.order_id else ""


@dataclass(frozen=True, slots=True)
class Part:
    """A batch of a statement with its payouts, the oldest first. `adds_up` is computed from its lines."""

    batch: Batch
    payouts: tuple[Payout, ...]
    adds_up: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """What a merchant was paid in a batch, or on the pay days of a month, of which `month` is the first day. `totals` has all figures together, where
    what one batch carried and the next took up counts neither as carried in nor as carried on. `undated`, of a month, is what has no pay day as it
    stands now, for it settles from an event."""

    merchant: Shown
    month: date | None
    parts: tuple[Part, ...]
    totals: Totals
    undated: Money | None = None

    @property
    def adds_up(self) -> bool:
        return all(one.adds_up for one in self.parts)

    @property
    def line_count(self) -> int:
        return sum(one.batch.line_count for one in self.parts)

    @property
    def currency(self) -> str:
        return self.totals.net.currency

    @property
    def name(self) -> str:
        """What its files are called by: the batch, or merchant and month."""
        return f"{self.merchant.code}-{self.month:%Y-%m}" if self.month else ids.text("batch", self.parts[0].batch.id)


def of_batch(*, batch_id: UUID) -> Statement | None:
    """The statement of a batch that this scope sees, else None."""
    found = paper_book.seen(ids=[batch_id])
    if not found:
        return None
    who = merchants.shown(ids=[found[0].merchant_id])
    return Statement(who[found[0].merchant_id], None, tuple(_parts(found)), found[0].totals)


def of_month(*, book_id: UUID, merchant_id: UUID, month: date, currency: str) -> Statement | None:
    """The statement of a merchant over the batches of which the pay day is in the month of a day; None where this scope sees no such merchant."""
    who = merchants.shown(ids=[merchant_id]).get(merchant_id)
    if who is None:
        return None
    first = month.replace(day=1)
    found = paper_book.seen(ids=settlement.batches_between(merchant_id=merchant_id, since=first, until=last_of(first)))
    sums = {name: sum(getattr(one.totals, name).minor for one in found) for name in FIGURES}
    within = sum(one.totals.carried.minor for one in sorted(found, key=lambda one: one.pay_on)[:-1])
    sums |= {name: sums[name] - within for name in ("opening", "net", "carried")}
    undated = settlement.undated(book_id=book_id, currency=currency, merchant_id=merchant_id)
    return Statement(who, first, tuple(_parts(found)), Totals(*(Money(minor, currency) for minor in sums.values())), undated)


def last_of(first: date) -> date:
    """The last day of the month that begins on a day."""
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _parts(batches: Sequence[Batch]) -> list[Part]:
    paid = payments.payouts_of_batches(batch_ids=[one.id for one in batches])
    right = paper_book.adding_up(batches=batches)
    return [Part(one, tuple(paid.get(one.id, ())), one.id in right) for one in batches]


def lines(part: Part) -> Iterator[list[Line]]:
    """The lines of a batch as they were recorded, in chunks: of a batch of any size few are held at once."""
    last: UUID | None = None
    while found := paper_book.lines(batch_id=part.batch.id, after=last, limit=CHUNK):
        last = found[-1].id
        yield named(found)


def named(items: Sequence[Item]) -> list[Line]:
    """Items with the references that the merchant knows their orders by; a part of a sale with the order of its capture."""
    parts = [item.capture_id for item in items if item.capture_id and not item.order_id]
    captured = settlement.orders_of_captures(capture_ids=parts) if parts else {}
    items = [replace(item, order_id=captured[item.capture_id]) if item.capture_id in captured else item for item in items]
    order_ids = sorted({item.order_id for item in items if item.order_id})
    known = {order_id: order.merchant_reference for order_id, order in orders.orders(order_ids).items()}
    return [Line(item, known.get(item.order_id, "") if item.order_id else "") for item in items]


def by_day(part: Part) -> list[DaySum]:
    """What the lines of a batch come to day by day, for whoever has no room for all of them."""
    return paper_book.by_day(batch_id=part.batch.id)


@dataclass(frozen=True, slots=True)
class Proven:
    """A statement that is right, and may be given out."""

    statement: Statement


def prove(*, book_id: UUID, statement: Statement) -> Proven | Refused:
    """A statement, if its lines come to what it says and the ledger has the same. Looked at as staff of the book do, whoever asks: a merchant does
    not see all of the ledger.

    Refused with DOES_NOT_ADD_UP, LEDGER_DIFFERS or PAYOUT_DIFFERS.
    """
    with sql.reading(book_id=book_id):
        found = next((fault for part in statement.parts if (fault := _fault(book_id, part))), None)
    return found or Proven(statement)


def _fault(book_id: UUID, part: Part) -> Refused | None:
    batch, said, number = part.batch, part.batch.totals, ids.text("batch", part.batch.id)
    now = [one.totals for one in paper_book.seen(ids=[batch.id])]
    if now != [said] or batch.id not in paper_book.adding_up(batches=[batch]):
        return Refused(DOES_NOT_ADD_UP, f"the lines of {number} do not come to what it says is paid and carried", "batch")
    keys = {"merchant_available": ("batch",), "merchant_reserve": ("reserve",), "merchant_frozen": ("frozen", "thawed")}
    posted = {
        code: sum(ledger.moved_by(book_id, [f"settlement:{kind}:{batch.id}" for kind in kinds], code).values())
        for code, kinds in keys.items()
    }
    if posted["merchant_available"] != -said.payout.minor:
        return Refused(LEDGER_DIFFERS, f"the ledger does not have the {said.payout} that {number} pays", "batch")
    if posted["merchant_reserve"] + posted["merchant_frozen"] != (said.released - said.reserved).minor:
        return Refused(LEDGER_DIFFERS, f"the ledger does not have what {number} keeps back and gives back", "batch")
    if (wrong := _wrong_line(book_id, batch.id)) is not None:
        return Refused(LEDGER_DIFFERS, f"the ledger does not have a line of {number}: {wrong.kind} {wrong.net}, {wrong.id}", "batch")
    ordered = [one for one in part.payouts if one.id == batch.payout_id]
    # One that came back was of what it paid by then: a part may have been frozen since.
    if batch.state in ORDERED and [one.amount for one in ordered] != [batch.pays]:
        return Refused(PAYOUT_DIFFERS, f"the payout of {number} is not {batch.pays}", "batch")
    return None


def _wrong_line(book_id: UUID, batch_id: UUID) -> Item | None:
    """The first line of a capture or refund of which the ledger says something else. What a batch makes by itself is in the entries of the batch."""
    last: UUID | None = None
    while found := paper_book.lines(batch_id=batch_id, after=last, limit=CHUNK):
        last = found[-1].id
        entered = {f"settlement:{item.kind}:{item.source_id}": item for item in found if item.order_id or item.kind in ADJUSTMENTS}
        moved = ledger.moved_by(book_id, list(entered), "merchant_pending")
        wrong = (item for key, item in entered.items() if moved.get(key, 0) != -item.net.minor)
        if (first := next(islice(wrong, 1), None)) is not None:
            return first
    return None
