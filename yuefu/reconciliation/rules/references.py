"""What both sides said of one payment, day by day, and what follows: its class, whether somebody must act, and what is at risk. Pure.

"There" is the channel or the bank, "here" our books; what came in is positive. What was paid is read on the account of money, never on
a hold. A class reads the amounts as they stand: something booked and taken back is as if it had never been booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import Effect, effect_of
from yuefu.reconciliation.rules.matching import DEFAULT_WINDOW_DAYS

Side = Literal["there", "here"]


class Class(StrEnum):
    """What became of a payment, refund or other movement, by what both sides said of it so far."""

    MATCHED = "matched"
    UNDER_APPLIED = "under_applied"
    OVER_APPLIED = "over_applied"
    WRONG_SIGN = "wrong_sign"
    UNAPPLIED_PAYMENT = "unapplied_payment"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    APPLIED_BEFORE_FINAL = "applied_before_final"
    ORPHAN_APPLICATION = "orphan_application"
    REVERSED_AFTER_APPLICATION = "reversed_after_application"
    DUPLICATE = "duplicate"
    UNCLASSIFIED = "unclassified"


class Result(StrEnum):
    """Whether somebody must act: nothing to do, not yet, something to look at, or a break."""

    OK = "ok"
    PENDING = "pending"
    WARNING = "warning"
    BREAK = "break"


# Money that is booked and is not there goes first, then what is there and disagrees, then what nobody has booked yet.
PRIORITY: Final = {
    Class.ORPHAN_APPLICATION: 1,
    Class.REVERSED_AFTER_APPLICATION: 1,
    Class.UNDER_APPLIED: 2,
    Class.OVER_APPLIED: 2,
    Class.WRONG_SIGN: 2,
    Class.DUPLICATE: 2,
    Class.UNAPPLIED_PAYMENT: 3,
}
"""How urgent a break of a class is, 1 to 3; other classes never are breaks."""
_MOVED: Final = frozenset({Effect.MOVED, Effect.UNSTATED, Effect.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Grace:
    """How many days a side may be late before it is a break: we with booking, they with showing that money moved."""

    here_days: int = 1
    there_days: int = DEFAULT_WINDOW_DAYS


@dataclass(frozen=True, slots=True)
class Told:
    """One side says something of a reference: `amount` is what it puts on the account of money, `held` on a hold.

    `key` tells apart what is looked at on its own, of which a reference may have several. A line of a bill is told with the amount that
    it prints, also where its `effect` is that nothing has moved yet.
    """

    key: str
    kind: str
    reference: str
    side: Side
    on: date
    amount: Money
    effect: Effect
    held: Money | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A reference by the end of a day. `first_seen` is None while there is nothing but the announcement of a payment."""

    key: str
    kind: str
    reference: str
    there: Money
    here: Money
    held: Money
    effect_there: Effect | None = None
    effect_here: Effect | None = None
    first_seen: date | None = None
    failed_before: bool = False
    """It had failed there before anything was booked here."""
    duplicate: bool = False

    @property
    def difference(self) -> Money:
        """Bill − books: positive is money that is there and not booked."""
        return self.there - self.here

    @property
    def applied(self) -> bool:
        return bool(self.here) and self.effect_here in _MOVED

    @property
    def final(self) -> bool:
        return bool(self.there) and self.effect_there in _MOVED


def fold(told: Iterable[Told], *, through: date, before: Mapping[str, Standing] | None = None) -> dict[str, Standing]:
    """Where each key stands by the end of `through`: `before` and all that was told up to that day, in order. Later days are left out."""
    standing = dict(before or {})
    for one in told:
        if one.on <= through:
            nothing = Money.zero(one.amount.currency)
            known = standing.get(one.key) or Standing(one.key, one.kind, one.reference, nothing, nothing, nothing)
            standing[one.key] = _and(known, one)
    return standing


def _and(known: Standing, one: Told) -> Standing:
    """What is known of a key, and one thing more."""
    held = known.held if one.held is None else known.held + one.held
    seen = known.first_seen
    if seen is None and (one.side == "here" or one.amount):
        seen = one.on
    if one.side == "here":
        failed_before = known.failed_before or (known.effect_there is Effect.NOT_MOVED and not known.here)
        return replace(known, here=known.here + one.amount, effect_here=one.effect, first_seen=seen, held=held, failed_before=failed_before)
    duplicate = known.duplicate or one.duplicate
    return replace(known, there=known.there + one.amount, effect_there=one.effect, first_seen=seen, held=held, duplicate=duplicate)


def final(announced: Told | None, *, key: str, kind: str, reference: str, on: date, amount: Money) -> Told:
    """The payment happened, for `amount`, whatever was announced: all of that hold goes, be the amount less or more."""
    held = None if announced is None or announced.held is None else -announced.held
    return Told(key, kind, reference, "there", on, amount, Effect.MOVED, held)


def halves(
    *,
    key: str,
    kind: str,
    reference: str,
    on: date,
    line: tuple[Money, str] | None,
    movement: tuple[Money, str] | None,
    duplicate: bool,
) -> list[Told]:
    """What an item of a day tells: the amount and status of its line, of its movement, or of both.

    A bill tells how things were by the end of its day, so that what we booked on that day came first.
    """
    told = []
    if movement is not None:
        told.append(Told(key, kind, reference, "here", on, movement[0], effect_of(movement[1])))
    if line is not None:
        told.append(Told(key, kind, reference, "there", on, line[0], effect_of(line[1]), duplicate=duplicate))
    return told


@dataclass(frozen=True, slots=True)
class Placed:
    """The class of a reference on a day. `break_on` is the day on which what is late becomes a break, also once it is one."""

    cls: Class
    result: Result
    break_on: date | None = None

    @property
    def priority(self) -> int | None:
        return PRIORITY[self.cls] if self.result is Result.BREAK else None


def classify(standing: Standing, *, on: date, grace: Grace) -> Placed:
    """What a reference is by the end of `on`; every reference has one class.

    A word that nobody knows is a warning where the amounts agree, and counts as money that moved where they do not. A row printed with an
    amount that never moved, and that we have not booked, is a warning: its bill counts it.
    """
    if standing.duplicate:
        return Placed(Class.DUPLICATE, Result.BREAK)
    if standing.effect_there is Effect.NOT_MOVED:
        return _not_moved(standing)
    if standing.final and standing.applied:
        return _both(standing)
    if standing.applied:
        break_on = _since(standing) + timedelta(days=grace.there_days)
        if on < break_on:
            return Placed(Class.APPLIED_BEFORE_FINAL, Result.PENDING, break_on)
        return Placed(Class.ORPHAN_APPLICATION, Result.BREAK, break_on)
    if standing.there:
        break_on = _since(standing) + timedelta(days=grace.here_days)
        return Placed(Class.UNAPPLIED_PAYMENT, Result.PENDING if on < break_on else Result.BREAK, break_on)
    return Placed(Class.IN_PROGRESS, Result.OK)


def _not_moved(standing: Standing) -> Placed:
    if not standing.applied:
        return Placed(Class.FAILED, Result.WARNING if standing.difference else Result.OK)
    cls = Class.ORPHAN_APPLICATION if standing.failed_before else Class.REVERSED_AFTER_APPLICATION
    return Placed(cls, Result.BREAK)


def _both(standing: Standing) -> Placed:
    there, here = standing.there, standing.here
    if there == here:
        if Effect.UNKNOWN in {standing.effect_there, standing.effect_here}:
            return Placed(Class.UNCLASSIFIED, Result.WARNING)
        return Placed(Class.MATCHED, Result.OK)
    if (there.minor > 0) != (here.minor > 0):
        return Placed(Class.WRONG_SIGN, Result.BREAK)
    return Placed(Class.UNDER_APPLIED if abs(here.minor) < abs(there.minor) else Class.OVER_APPLIED, Result.BREAK)


def _since(standing: Standing) -> date:
    assert standing.first_seen is not None, "whatever has an amount was seen on some day"
    return standing.first_seen


def at_risk(standing: Standing, placed: Placed) -> Money:
    """How much money may be lost, never negative: what is booked and not there, is there and not booked, or is between the two."""
    if placed.result in {Result.OK, Result.WARNING}:
        return Money.zero(standing.here.currency)
    if placed.cls in {Class.UNAPPLIED_PAYMENT, Class.DUPLICATE}:
        risk = standing.there
    elif placed.cls in {Class.UNDER_APPLIED, Class.OVER_APPLIED, Class.WRONG_SIGN}:
        risk = standing.difference
    else:
        risk = standing.here
    return Money(abs(risk.minor), risk.currency)


@dataclass(frozen=True, slots=True)
class Touch:
    """Something posted `posted` to what `key` names, which then stood at `after`."""

    key: str
    at: datetime
    posted: Money
    after: Money


def rewind(live: Mapping[str, Money], touches: Iterable[Touch], *, cutoff: datetime) -> dict[str, Money]:
    """What everything stood at by `cutoff`, read later: what was touched since stood where its first touch since found it.

    Also where nothing is left of it now, or where it was not there yet (0). Touches up to and at the cut-off are in `live` and stay.
    """
    first: dict[str, Touch] = {}
    for touch in touches:
        known = first.get(touch.key)
        if touch.at > cutoff and (known is None or touch.at < known.at):
            first[touch.key] = touch
    return {**live, **{key: touch.after - touch.posted for key, touch in first.items()}}
