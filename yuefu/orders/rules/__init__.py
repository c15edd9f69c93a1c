"""What may be done with an order, and what it then is. Pure; amounts in minor units of the order's currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money

Way = Literal["voided", "expired", "released"]
STATES: Final = ("declined", "authorised", "part_captured", "captured", "part_refunded", "refunded", "voided", "expired")
State = Literal["declined", "authorised", "part_captured", "captured", "part_refunded", "refunded", "voided", "expired"]

UNKNOWN_ORDER = "unknown_order"
ORDER_DECLINED = "order_declined"
NOTHING_LEFT = "nothing_left_to_capture"  # captured, voided or expired already
AUTHORISATION_EXPIRED = "authorisation_expired"  # ask the consumer again
AMOUNT_NOT_POSITIVE = "amount_not_positive"
OTHER_CURRENCY = "other_currency"
CAPTURE_EXCEEDS = "capture_exceeds_authorised"
CAPTURE_TOO_SMALL = "capture_too_small"  # less than one minor unit per instalment
REFUND_EXCEEDS = "refund_exceeds_captured"
UNKNOWN_EVENT = "unknown_event"
CALENDAR_PASSED = "calendar_passed"  # the first due day shown to the consumer has come
NOTHING_TO_EXTEND = "nothing_to_extend"  # it holds already for as long as it may
NOTHING_CAPTURED = "nothing_captured"  # what was never captured is voided, not released

LONGEST_DAYS: Final = 180
"""How long after it was placed an order can be held at most, however often it is extended."""

EVENTS: Final = ("refund", "rejection", "charge_back")
"""What way money comes back: goods are given back, refused at the door, or the payer has contested. What it costs is the contract's to say."""


@dataclass(frozen=True, slots=True)
class Capture:
    id: UUID
    number: int
    amount: int
    refunded: int
    captured_on: date


@made_quickly
@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands while a batch is decided."""

    id: UUID
    merchant_id: UUID
    consumer_id: UUID
    credit_account_id: UUID | None
    merchant_reference: str
    product_id: UUID
    product: str
    channel: str
    currency: str
    amount: int
    authorised: int
    captured: int
    released: int
    refunded: int
    periods: int
    state: State
    expires_at: datetime
    first_due_on: date | None
    due_day: int
    annual_rate_ppm: int
    day_count: str
    rule_version: str
    shown_total: int
    shown_instalment: int
    disclosure_id: UUID | None
    quote_id: UUID | None
    quote_shown_to: UUID | None
    decision_id: UUID
    seq: int
    placed_on: date
    host_id: UUID | None = None
    category: str = ""
    store_id: UUID | None = None
    terminal_id: UUID | None = None
    captures: tuple[Capture, ...] = ()

    @property
    def remaining(self) -> int:
        return self.authorised - self.captured - self.released


@dataclass(frozen=True, slots=True)
class Part:
    """The share of a refund that one capture bears."""

    capture_id: UUID
    amount: Money


def state_of(order: Order, released_by: Literal["voided", "expired"] = "voided") -> State:
    """The state that the amounts of an order amount to; `released_by` names the way out of one that was never captured."""
    if order.state == "declined":
        return "declined"
    if order.captured == 0:
        return released_by if order.remaining == 0 else "authorised"
    if order.refunded:
        return "refunded" if order.refunded == order.captured and order.remaining == 0 else "part_refunded"
    return "captured" if order.remaining == 0 else "part_captured"


def capture(order: Order | None, amount: Money | None, capture_id: UUID, now: datetime, on: date) -> tuple[Order, Capture] | Refused:
    """Takes `amount` of what is authorised, or all that is left."""
    refused = _usable(order, amount)
    if refused or order is None:
        return refused or Refused(UNKNOWN_ORDER)
    refused = _over(order, now, on)
    if refused:
        return refused
    taken = amount.minor if amount else order.remaining
    if taken > order.remaining:
        return Refused(
            CAPTURE_EXCEEDS, f"{Money(order.remaining, order.currency).decimal_text()} {order.currency} is left to capture", "amount"
        )
    if taken < order.periods:
        return Refused(CAPTURE_TOO_SMALL, f"{order.periods} instalments need at least {order.periods} minor units", "amount")
    made = Capture(capture_id, len(order.captures) + 1, taken, 0, on)
    after = replace(order, captured=order.captured + taken, captures=(*order.captures, made), seq=order.seq + 1)
    return replace(after, state=state_of(after)), made


def release(order: Order | None, by: Way, now: datetime) -> tuple[Order, int] | Refused:
    """Gives back what is not captured; `released` is the rest of what was captured in part. Returns the order and how much was freed."""
    refused = _usable(order, None)
    if refused or order is None:
        return refused or Refused(UNKNOWN_ORDER)
    if order.remaining == 0:
        return Refused(NOTHING_LEFT, f"the order is {order.state}", "order_id")
    if by == "expired" and order.expires_at > now:
        return Refused("not_expired", f"the authorisation holds until {order.expires_at.isoformat()}", "order_id")
    if by == "released" and order.captured == 0:
        return Refused(NOTHING_CAPTURED, "nothing of the order was captured: void it", "order_id")
    freed = order.remaining
    after = replace(order, released=order.released + freed, seq=order.seq + 1)
    return replace(after, state=state_of(after, "expired" if by == "expired" else "voided")), freed


def extend(order: Order | None, until: datetime, now: datetime, on: date) -> Order | Refused:
    """Lets the authorisation hold until a moment, if that is later than it does. What is over is never extended."""
    refused = _usable(order, None)
    if refused or order is None:
        return refused or Refused(UNKNOWN_ORDER)
    refused = _over(order, now, on)
    if refused:
        return refused
    if until <= order.expires_at:
        return Refused(NOTHING_TO_EXTEND, f"it holds until {order.expires_at.isoformat()} and can hold no longer", "order_id")
    return replace(order, expires_at=until, seq=order.seq + 1)


def refund(order: Order | None, amount: Money | None, event: str = "refund") -> tuple[Order, tuple[Part, ...]] | Refused:
    """Takes back `amount` of what was captured, or all of it: from the latest capture first, as it is the least repaid."""
    if event not in EVENTS:
        return Refused(UNKNOWN_EVENT, f"what comes back is one of {', '.join(EVENTS)}", "event")
    refused = _usable(order, amount)
    if refused or order is None:
        return refused or Refused(UNKNOWN_ORDER)
    refundable = order.captured - order.refunded
    wanted = amount.minor if amount else refundable
    if wanted > refundable or refundable == 0:
        return Refused(REFUND_EXCEEDS, f"{Money(refundable, order.currency).decimal_text()} {order.currency} can be refunded", "amount")
    parts, captures = _share(order.captures, wanted, order.currency)
    after = replace(order, refunded=order.refunded + wanted, captures=captures, seq=order.seq + 1)
    return replace(after, state=state_of(after)), parts


def _over(order: Order, now: datetime, on: date) -> Refused | None:
    """Why nothing more can be captured."""
    if order.remaining == 0:
        return Refused(NOTHING_LEFT, f"the order is {order.state}", "order_id")
    if order.expires_at <= now:
        return Refused(AUTHORISATION_EXPIRED, f"the authorisation ended at {order.expires_at.isoformat()}", "order_id")
    if order.first_due_on is None or order.first_due_on <= on:
        return Refused(CALENDAR_PASSED, f"the first due day shown was {order.first_due_on}", "order_id")
    return None


def _share(captures: Sequence[Capture], wanted: int, currency: str) -> tuple[tuple[Part, ...], tuple[Capture, ...]]:
    parts: list[Part] = []
    after = list(captures)
    for index in range(len(after) - 1, -1, -1):
        one = after[index]
        taken = min(wanted, one.amount - one.refunded)
        if taken:
            parts.append(Part(one.id, Money(taken, currency)))
            after[index] = replace(one, refunded=one.refunded + taken)
            wanted -= taken
    assert wanted == 0, "the captures of an order add up to what is captured"
    return tuple(parts), tuple(after)


def _usable(order: Order | None, amount: Money | None) -> Refused | None:
    if order is None:
        return Refused(UNKNOWN_ORDER, "there is no such order of this merchant", "order_id")
    if order.state == "declined":
        return Refused(ORDER_DECLINED, "a declined order can only be asked again", "order_id")
    if amount is not None and amount.currency != order.currency:
        return Refused(OTHER_CURRENCY, f"the order is in {order.currency}", "amount")
    if amount is not None and amount.minor <= 0:
        return Refused(AMOUNT_NOT_POSITIVE, "the amount must be more than zero", "amount")
    return None
