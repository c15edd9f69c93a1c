"""The overview of a book: does it run, does it add up, what happened last. Reads only, inside the caller's `sql.reading(book_id=…)`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.finding import rows_of
from yuefu.journeys.stopping import MERCHANT
from yuefu.journeys.views import BridgeView, DayFigures, Overview, StopView
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loans
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.reconciliation import queries as reconciliation
from yuefu.reconciliation.queries import DayBridge
from yuefu.runtime import books, days, quarantine, stops
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement

UNKNOWN_BOOK: Final = "unknown_book"
CURSOR_MALFORMED: Final = "cursor_malformed"
LIMIT_INVALID: Final = "limit_invalid"

DAYS_SHOWN: Final = 30
MOST_ROWS: Final = 100
_DAY: Final = timedelta(days=1)


def overview(*, book_id: UUID, cursor: str = "", limit: int = 20) -> Overview | Refused:
    """The home page of a book, with up to `limit` (1 to 100) orders older than `cursor`.

    Refused with unknown_book (also where the role in force may not see it), cursor_malformed or limit_invalid.
    """
    book = books.by_id(book_id)
    if book is None:
        return Refused(UNKNOWN_BOOK, "there is no such book", "book_id")
    if not 1 <= limit <= MOST_ROWS:
        return Refused(LIMIT_INVALID, f"a page has 1 to {MOST_ROWS} orders", "limit")
    before = _place(book_id, cursor)
    if isinstance(before, Refused):
        return before
    waiting = days.waiting_to_close(book_id)
    today = open_day(book, waiting)
    figures = _figures(book, today, waiting)
    _, active, late, _, principal = loans.totals(book_id)
    listed = orders.latest(book_id, before=before, limit=limit + 1)
    return Overview(
        book_code=book.code,
        legal_entity=book.legal_entity,
        mode=book.mode,
        today=figures[-1],
        days=figures,
        loans_open=active,
        principal_outstanding=Money(principal, book.currency),
        overdue_loans=late,
        owed_to_merchants=_owed_to_merchants(book),
        trial_balance_zero=_adds_up(book_id),
        last_closed_on=_last_closed(book_id, waiting[0] if waiting else today),
        days_waiting_to_close=tuple(waiting),
        breaks_open=reconciliation.breaks_open(book_id=book_id),
        bridges=tuple(_bridge(bridge, book.currency) for bridge in reconciliation.latest_bridges(book_id=book_id)),
        orders=rows_of(listed[:limit]),
        next_cursor=ids.text("order", listed[limit - 1].id) if len(listed) > limit else "",
        stops=_stops(book),
        set_aside=quarantine.how_many_wait(book_id=book_id),
        owed_undated=settlement.undated(book_id=book.id, currency=book.currency),
    )


def open_day(book: Book, waiting: Sequence[date]) -> date:
    """The business day that is open; takes no lock. `waiting` are the days that have begun to close, oldest first.

    Days follow one another without a gap and close in order, so the open one follows the last that waits. Where none waits, it is
    looked for from the book's clock on: behind it in the seconds between cut-off and roll-over, before it where a clock was not moved.
    """
    if waiting:
        return waiting[-1] + _DAY
    on = days.business_date(book, books.now_in(book))
    state = days.state_of(book.id, on)
    if state is None:
        return on - _DAY if days.state_of(book.id, on - _DAY) else on
    while state == "closed":
        on += _DAY
        state = days.state_of(book.id, on)
    return on


def _place(book_id: UUID, cursor: str) -> UUID | Refused | None:
    if not cursor:
        return None
    try:
        order_id = ids.parse("order", cursor)
    except ids.BadId:
        return Refused(CURSOR_MALFORMED, "this is not a place in the list of orders", "cursor")
    if not orders.is_in_book(book_id, order_id):
        return Refused(CURSOR_MALFORMED, "this is not a place in the list of orders", "cursor")
    return order_id


def _figures(book: Book, today: date, waiting: Sequence[date]) -> tuple[DayFigures, ...]:
    """Up to 30 days, oldest first, today last; a day on which nothing happened has zeros."""
    shown = [today - n * _DAY for n in range(DAYS_SHOWN - 1, -1, -1)]
    # The days of a book are contiguous up to the open one: the first is found by halving.
    begun = bisect_left(shown[:-1], True, key=lambda on: days.state_of(book.id, on) is not None)
    shown = shown[begun:]
    counted = orders.day_figures(book.id, shown[0])
    captured, refunded = orders.money_figures(book.id, shown[0])
    repaid = loans.repaid_by_day(book.id, shown[0])
    paid_out = payments.paid_out_by_day(book_id=book.id, since=shown[0])
    return tuple(
        DayFigures(
            on,
            "open" if on == today else "closing" if on in waiting else "closed",
            *counted.get(on, (0, 0, 0)),
            *(Money(by_day.get(on, 0), book.currency) for by_day in (captured, refunded, repaid, paid_out)),
        )
        for on in shown
    )


def _owed_to_merchants(book: Book) -> Money:
    """Not settled, held or come back, and on its way: all that the bank has not paid yet."""
    pending = settlement.unsettled(book_id=book.id, currency=book.currency)
    kept = settlement.kept_available(book_id=book.id, currency=book.currency)
    return pending + kept + Money(payments.in_transit(book_id=book.id), book.currency)


def _stops(book: Book) -> tuple[StopView, ...]:
    found = stops.in_force(book_id=book.id, now=books.now_in(book))
    names = merchants.shown(ids=sorted({UUID(stop.value) for stop in found if stop.dimension == MERCHANT}))
    shown = {str(merchant.id): (merchant.name_en, merchant.name_zh) for merchant in names.values()}
    own = {str(book.id): (book.legal_entity, book.legal_entity)}
    return tuple(
        StopView(
            ids.text("stop", stop.id),
            stop.action,
            stop.dimension,
            *(shown | own).get(stop.value, (stop.value, stop.value)),
            stop.reason,
            stop.set_by,
            stop.set_at,
            stop.expires_at,
        )
        for stop in found
    )


def _adds_up(book_id: UUID) -> bool:
    sums: dict[str, int] = {}
    for row in ledger.trial_balance(book_id):
        sums[row.currency] = sums.get(row.currency, 0) + row.balance.minor
    return not any(sums.values())


def _last_closed(book_id: UUID, oldest_not_closed: date) -> date | None:
    before = oldest_not_closed - _DAY
    return before if days.state_of(book_id, before) == "closed" else None


def _bridge(found: DayBridge, currency: str) -> BridgeView:
    """A day that did not run yet has no figures; it is shown with zeros and its state."""
    nothing = Money.zero(currency)
    differences = {outcome: Money(minor, currency) for outcome, minor in found.differences.items()}
    bill, ours, residual = (figure or nothing for figure in (found.bill_total, found.ledger_total, found.residual))
    return BridgeView(found.source, found.on, found.state, bill, ours, differences, residual)
