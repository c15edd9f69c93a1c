"""Stop switches: what can be stopped, for what, and what a stop means. One person imposes a stop, and one lifts it, with a reason each.

`new_credit` declines what is authorised from then on, with a reason of its own; what was authorised before is captured, for the consumer
has agreed to it. `payouts` leaves payouts scheduled, their batches are built; what was sent goes on. `read_only` refuses whatever writes to
the book. Quotes go on while credit is stopped: a price is no offer to lend, and the decision says why there is none today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.errors import LockNotAvailable

from yuefu.errors import Refused
from yuefu.journeys.desk import LOCK_TIMEOUT_MS, Desk, open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import CHANNELS
from yuefu.offers import queries as products
from yuefu.runtime import sql, stops
from yuefu.runtime.logs import logger
from yuefu.runtime.stops import READ_ONLY, WHOLE_BOOK, Lift, NewStop, Stop
from yuefu.runtime.values import UnitOfWork

log = logger(__name__)

NEW_CREDIT: Final = "new_credit"
PAYOUTS: Final = "payouts"
PRODUCT, FUNDER, MERCHANT, CHANNEL = "product", "funder", "merchant", "channel"

DIMENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    NEW_CREDIT: (PRODUCT, FUNDER, MERCHANT, CHANNEL),
    PAYOUTS: (MERCHANT,),
    READ_ONLY: (),
}
"""Action → what it can be stopped for, other than the whole book."""

UNKNOWN_ACTION: Final = "unknown_action"
NOT_STOPPED_BY_IT: Final = "not_stopped_by_it"  # this action is not stopped by that dimension
UNKNOWN_TARGET: Final = "unknown_target"


@dataclass(frozen=True, slots=True)
class Imposed:
    """One outcome a stop, in order. The stops are in force; `drained` says that the batches that began before them have ended too."""

    outcomes: list[Stop | Refused]
    drained: bool


def impose(*, desk: Desk, now: datetime, wanted: Sequence[NewStop]) -> Imposed:
    """Imposes stops, then waits for the batches that began before, for ten seconds at most: from there on none is at work that has not
    seen the stops.

    The value of a stop is the code of a product, the id of a funder or merchant, or a sales channel. Refused with unknown_action,
    not_stopped_by_it or unknown_target, and as `stops.impose` refuses.
    """
    outcomes = _impose(desk, now, wanted)
    tell(desk=desk, now=now)
    try:
        with sql.transacting(lock_timeout_ms=LOCK_TIMEOUT_MS):
            stops.drain(book_id=desk.book.id)
    except LockNotAvailable:
        log.warning("work that began before a stop goes on", book=desk.book.code)
        return Imposed(outcomes, drained=False)
    return Imposed(outcomes, drained=True)


def _impose(desk: Desk, now: datetime, wanted: Sequence[NewStop]) -> list[Stop | Refused]:
    with open_day(desk, now, though_read_only=True) as work:
        if isinstance(work, Refused):
            return [work] * len(wanted)
        outcomes: list[Stop | Refused | None] = [_unfit(work, one) for one in wanted]
        fit = [i for i, refused in enumerate(outcomes) if refused is None]
        for i, done in zip(fit, stops.impose(work=work, stops=[wanted[i] for i in fit]), strict=True):
            outcomes[i] = done
    return [outcome for outcome in outcomes if outcome is not None]


def _unfit(work: UnitOfWork, wanted: NewStop) -> Refused | None:
    dimensions = DIMENSIONS.get(wanted.action)
    if dimensions is None:
        return Refused(UNKNOWN_ACTION, f"what can be stopped is {', '.join(DIMENSIONS)}", "action")
    if (wanted.dimension, wanted.value) == WHOLE_BOOK:
        return None
    if wanted.dimension not in dimensions:
        only = f"by {', '.join(dimensions)} or" if dimensions else ""
        return Refused(NOT_STOPPED_BY_IT, f"{wanted.action} is stopped {only} for the whole book", "dimension")
    if not _KNOWN[wanted.dimension](work.book.id, wanted.value):
        return Refused(UNKNOWN_TARGET, f"there is no {wanted.dimension} {wanted.value!r:.80} in this book", "value")
    return None


def _is_product(book_id: UUID, value: str) -> bool:
    return any(product.terms.code == value for product in products.versions(book_id=book_id))


def _is_funder(book_id: UUID, value: str) -> bool:
    return value == str(book_id)  # Own funds are the only ones yet.


def _is_merchant(book_id: UUID, value: str) -> bool:
    return any(str(merchant.id) == value for merchant in merchants.merchants(book_id=book_id))


def _is_channel(_: UUID, value: str) -> bool:
    return value in CHANNELS


_KNOWN: Final[Mapping[str, Callable[[UUID, str], bool]]] = {
    PRODUCT: _is_product,
    FUNDER: _is_funder,
    MERCHANT: _is_merchant,
    CHANNEL: _is_channel,
}


def lift(*, desk: Desk, now: datetime, lifts: Sequence[Lift]) -> list[Stop | Refused]:
    """Lifts stops, in a read-only book too; one outcome each, in order. Refused as `stops.lift` refuses."""
    with open_day(desk, now, though_read_only=True) as work:
        if isinstance(work, Refused):
            return [work] * len(lifts)
        outcomes = stops.lift(work=work, lifts=lifts)
    tell(desk=desk, now=now)
    return outcomes


def tell(*, desk: Desk, now: datetime) -> None:
    """The metrics of what is stopped."""
    stops.gauge(book=desk.book, now=now, actions=list(DIMENSIONS))


def payouts_stopped(*, book_id: UUID, now: datetime) -> tuple[bool, list[UUID]]:
    """Whether no payout is sent, and else the merchants who are sent none."""
    found = stops.targets(book_id=book_id, action=PAYOUTS, now=now)
    return WHOLE_BOOK in found, sorted(UUID(value) for dimension, value in found if dimension == MERCHANT)
