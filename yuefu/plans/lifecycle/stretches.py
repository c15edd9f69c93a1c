"""How a loan goes on by itself while nothing happens to it: what each night brings, and the day on which it has to be looked at again.

Between two such days a loan moves along two lines. Interest is that of the running row: by the night, bearing × factor of the nights, where it
follows what is really owed, or straight over the days of the row, where it stays as scheduled. The fee of a merchant for a lower rate is
income straight over the term. All else steps, on days that are known ahead: a row falls due, a late fee is charged, a pause begins or ends, a
bucket of lateness changes. So the close of a day finds what millions of loans brought by arithmetic over columns (`portfolio_stretches`),
and opens only those whose stretch has ended. A loan whose terms follow no such line has stretches of no day, and is opened every day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from yuefu.frozen import made_quickly
from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.arrears import next_bucket_on
from yuefu.plans.lifecycle.earning import earned_of
from yuefu.plans.lifecycle.factors import SCALE, share_of_year
from yuefu.plans.lifecycle.rows import NORMAL, Rows
from yuefu.plans.lifecycle.terms import InterestBy, YearBasis
from yuefu.plans.lifecycle.work import Work

FOREVER: Final = date.max.toordinal()

_MILLION: Final = 10**6
_LARGEST_BEARING: Final = 10**12
_LARGEST_FACTOR: Final = 8 * 10**12
_LARGEST_SHARE: Final = 2**62


@made_quickly
@dataclass(frozen=True, slots=True)
class Stretch:
    """Days from the one on which the loan was looked at up to and with `until`, all days as ordinals.

    By the end of a day the running row has brought, beside what does not change: with `nightly`, `rest` + `bearing` × the factor of the nights
    since `begin`, which is nightly × nights ÷ whole rounded half-even, all of it in 10**-12 minor units and rounded half-even to whole ones, and
    never less than `floor`; else, with `whole`, bearing × nights ÷ whole, rounded half-even. Of the `discount` of a merchant it has brought what
    the days since `discount_begin`, this one counted, are of `discount_days`.
    """

    until: int
    begin: int = 0
    bearing: int = 0
    nightly: int = 0
    whole: int = 0
    rest: int = 0
    floor: int = 0
    discount: int = 0
    discount_begin: int = 0
    discount_days: int = 0

    def interest(self, day: int) -> int:
        """What the line of interest has come to by the end of `day`, in minor units."""
        if not self.whole:
            return 0
        nights = day - self.begin
        if not self.nightly:
            return divide(self.bearing * nights, self.whole, Rounding.HALF_EVEN)
        exact = self.rest + self.bearing * divide(self.nightly * nights, self.whole, Rounding.HALF_EVEN)
        return max(divide(exact, SCALE, Rounding.HALF_EVEN), self.floor)

    def discounted(self, day: int) -> int:
        """What the line of the discount has come to by the end of `day`, in minor units."""
        if not self.discount:
            return 0
        passed = min(day + 1 - self.discount_begin, self.discount_days)
        return divide(self.discount * passed, self.discount_days, Rounding.HALF_EVEN)


def stretch_of(work: Work) -> Stretch:
    """How a loan goes on from the day on which it was opened to be looked at."""
    rows, today = work.rows, work.on
    if not any(rows.all_unpaid()):
        return Stretch(FOREVER, *_FLAT, *_discount(work))
    until = min(_next_step(work), _next_pause(work), next_bucket_on(work) - 1)
    if until <= today or (work.charged_off_on and work.balance <= 0):
        return Stretch(today)
    if work.written_off_on:
        line: Line | None = _FLAT
    else:
        line = _by_the_night(work) if work.terms.recalculate else _straight(rows, today)
    return Stretch(until, *line, *_discount(work)) if line else Stretch(today)


Line = tuple[int, int, int, int, int, int]
_FLAT: Final[Line] = (0, 0, 0, 0, 0, 0)


def _next_step(work: Work) -> int:
    """The last day before a row falls due with something that this changes, becomes overdue or gives way to the next, or a late charge is made."""
    rows, today, late = work.rows, work.on, work.terms.late
    until = FOREVER
    for due, start, unpaid, principal, charged, costs in zip(
        rows.due, rows.start, rows.all_unpaid(), rows.principal, rows.late_fee, _unpaid_costs(rows), strict=True
    ):
        if due > today:
            until = min(until, due - 1 if costs or (work.overpaid and unpaid) else due)
            if start > today:
                until = min(until, start)
        elif unpaid:
            if due == today:  # it is overdue tomorrow
                return today
            if late.interest.ppm and principal and due + late.grace_days < FOREVER:
                until = min(until, max(due + late.grace_days, today))
            if not charged and (late.fee is not None or late.fee_rate.ppm) and due + late.grace_days >= today:
                until = min(until, due + late.grace_days)
            if work.terms.overdue_to_due_day:
                return today
    return until


def _unpaid_costs(rows: Rows) -> list[int]:
    if not any(rows.fees) and not any(rows.penalties):
        return [0] * len(rows.due)
    return [rows.unpaid_costs(k) for k in range(len(rows.due))]


def _next_pause(work: Work) -> int:
    """The last day before a pause of interest begins, or the one on which it ends."""
    ends = [begin if begin > work.on else end for begin, end in work.pauses if end > work.on]
    return min(ends, default=FOREVER)


def _running(rows: Rows, today: int) -> list[int]:
    return [k for k, (start, due) in enumerate(zip(rows.start, rows.due, strict=True)) if start <= today < due and rows.kind[k] == NORMAL]


def _by_the_night(work: Work) -> Line | None:
    """The line of interest on what is owed; None where it follows none that is known here."""
    rows, interest, terms, today = work.rows, work.interest, work.terms, work.on
    running = _running(rows, today)
    if work.balance <= 0 or not running or any(begin <= today < end for begin, end in work.pauses):
        return _FLAT
    if len(running) > 1 or not interest.plain or interest.each or not _linear(work):
        return None
    k = running[0]
    bearing = _bearing(work, k)
    if bearing <= 0 or not rows.ppm[k]:
        return _FLAT
    stretches = interest.running(max(work.since, rows.start[k]), today)
    begin = stretches[-1][0] if stretches else today
    found = rows.closed[k] + sum(interest.of(bearing, rows, k, first, last) for first, last in stretches[:-1])
    whole_units, rest = divmod(found, SCALE)
    rest += (whole_units & 1) * SCALE  # a tie goes to the even unit of all of it
    share, whole = share_of_year(terms, rows.start[k], rows.due[k], begin, begin + 1)
    nightly, nights = rows.ppm[k] * share * _MILLION, rows.due[k] - begin
    too_large = bearing > _LARGEST_BEARING or nightly * nights > _LARGEST_SHARE or nightly * nights > whole * _LARGEST_FACTOR
    others = sum(interest.minor(_found(work, i)) for i in range(len(rows)) if i != k and rows.kind[i] == NORMAL)
    offset = whole_units - (whole_units & 1)
    floor = earned_of(work).interest - others - offset
    line = Stretch(0, begin, bearing, nightly, whole, rest)
    if too_large or floor < line.interest(today):
        return None
    return begin, bearing, nightly, whole, rest, floor


def _linear(work: Work) -> bool:
    """Whether each night of a row counts for the same share of a year."""
    return work.terms.interest_by is InterestBy.PERIOD or work.terms.day_count.year is not YearBasis.ACTUAL


def _bearing(work: Work, k: int) -> int:
    """The principal that row `k` bears interest on: all that is owed, or all but what is overdue; at a flat rate what was lent."""
    if work.interest.lent:
        return work.interest.lent
    if work.terms.interest_on_overdue:
        return work.balance
    rows = work.rows
    return work.balance - sum(rows.unpaid_principal(i) for i in range(k))


def _found(work: Work, k: int) -> int:
    """Interest of row `k` for its nights so far."""
    rows, interest = work.rows, work.interest
    begin, until = max(work.since, rows.start[k]), min(rows.due[k], work.on)
    return rows.closed[k] + (interest.of(_bearing(work, k), rows, k, begin, until) if begin < until else 0)


def _straight(rows: Rows, today: int) -> Line | None:
    running = [k for k, (start, due) in enumerate(zip(rows.start, rows.due, strict=True)) if start <= today < due and rows.interest[k]]
    if not running:
        return _FLAT
    if len(running) > 1 or rows.interest[running[0]] > _LARGEST_BEARING:
        return None
    k = running[0]
    return rows.start[k], rows.interest[k], 0, rows.due[k] - rows.start[k], 0, 0


def _discount(work: Work) -> tuple[int, int, int]:
    begin, due = work.terms.disbursed_on.toordinal(), work.rows.due
    if not work.bought_down or not due or work.on + 1 >= due[-1]:
        return 0, 0, 0
    return work.bought_down, begin, due[-1] - begin
