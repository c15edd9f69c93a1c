"""What pages show of the statements of merchants: batches in a list, and the lines of one, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.statements import Line, Part, named
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import Batch
from yuefu.settlement.queries import papers as paper_book

CURSOR_MALFORMED: Final = "cursor_malformed"
PAGE: Final = 50
LINES: Final = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batches are asked for: of a merchant by its code, in a state, of a pay day; "" and None are for all."""

    merchant: str = ""
    state: str = ""
    pay_on: date | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch in the list, and whose it is."""

    public_id: str
    batch: Batch
    merchant: Shown


@dataclass(frozen=True, slots=True)
class BatchList:
    """A page of batches, the latest pay day first; `next_cursor` is "" on the last. `unknown_merchant`: nobody has the code that was asked for. `undated` is
    in none, for it settles from an event that has not come."""

    wanted: Wanted
    rows: tuple[BatchRow, ...]
    next_cursor: str
    unknown_merchant: bool = False
    undated: Money | None = None


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some lines of a batch in the order in which they were recorded; `next_cursor` is "" on the last page."""

    lines: tuple[Line, ...]
    next_cursor: str


def listed(*, book_id: UUID, currency: str, wanted: Wanted, cursor: str = "", limit: int | None = None) -> BatchList | Refused:
    """Batches that this scope sees, from behind `cursor` on. Refused with cursor_malformed."""
    most, place = limit or PAGE, _place(cursor)
    if isinstance(place, Refused):
        return place
    merchant_id = merchants.by_codes(book_id=book_id, codes=[wanted.merchant]).get(wanted.merchant) if wanted.merchant else None
    if wanted.merchant and merchant_id is None:
        return BatchList(wanted, (), "", unknown_merchant=True)
    found = paper_book.listed(
        book_id=book_id, merchant_id=merchant_id, state=wanted.state or None, pay_on=wanted.pay_on, before=place, limit=most + 1
    )
    who = merchants.shown(ids=sorted({one.merchant_id for one in found}))
    rows = tuple([BatchRow(ids.text("batch", one.id), one, who[one.merchant_id]) for one in found[:most]])
    undated = settlement.undated(book_id=book_id, currency=currency, merchant_id=merchant_id)
    return BatchList(wanted, rows, rows[-1].public_id if len(found) > most else "", undated=undated)


def page(*, part: Part, cursor: str = "", limit: int | None = None) -> LinePage | Refused:
    """The lines of a batch from behind `cursor` on. Refused with cursor_malformed."""
    most = limit or LINES
    try:
        after = UUID(hex=cursor) if cursor else None
    except ValueError:
        return _malformed()
    found = paper_book.lines(batch_id=part.batch.id, after=after, limit=most + 1)
    return LinePage(tuple(named(found[:most])), found[most - 1].id.hex if len(found) > most else "")


def _place(cursor: str) -> Batch | Refused | None:
    if not cursor:
        return None
    try:
        found = paper_book.seen(ids=[ids.parse("batch", cursor)])
    except ids.BadId:
        return _malformed()
    return found[0] if found else _malformed()


def _malformed() -> Refused:
    return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")
