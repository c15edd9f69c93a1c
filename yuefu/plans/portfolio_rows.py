"""Rows of many loans at once: numpy over columns, the same cents as `lifecycle.schedule`. Used by `portfolio`; pure.

Amounts, days and factors are whole numbers kept in float64 while they are below 2**53, so adding and subtracting them is exact. Only three
things are rounded, and each knows how far it may be off (u = 2**-53; all bounds are wide enough for the terms of second order):

* A factor is ppm × days × 10**6 / days of a year. The dividend is exact (at most 3 × 10**15) and the division correctly rounded: below
  2**43 it is off by less than 2**-10, while a quotient that is no tie lies at least 1/730 from one. `rint` gives the factor itself.
* Interest is balance × factor × 10**-12, off by 4u times itself. A row nearer to a tie than that is settled in integers:
  balance × factor - interest × 10**12 is known to be small, so int64 holds it whole although both products wrap around 2**64.
* An instalment is P × Π(1 + f) / fn over n periods, off by (10n + 4)u times itself, for all terms of both are positive. One nearer to a
  tie than that is made by the scalar path, in whole numbers of any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from yuefu.money.rates import Rounding
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.levelling import EVENING_PASSES, equal_instalment

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

ACTUAL: Final = 0  # interest for the days there are
THIRTY: Final = 1  # a period has 30 days; each must be a month long
EQUAL: Final = 2  # every period is a month, however long

NOT_COVERED: Final = "not_covered"

FIRST_DAY: Final = np.datetime64("1900-01-01", "D")

_U: Final = 2.0**-53
_HALF: Final = SCALE // 2
# Loans of one block: small enough for its tables to stay in the caches of one core, large enough for what a call of numpy costs.
_CELLS: Final = 2**17
_FEWEST: Final = 256
_FIRST_MONTH: Final = int(FIRST_DAY.astype("M8[M]").astype(np.int64))
_MONTHS: Final = np.arange("1900-01", "2260-01", dtype="M8[M]").astype("M8[D]").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Loans:
    """Columns, one entry a loan; `portfolio.loans` makes and checks them. `first_due_on` and `due_day` are NaT and 0 where not given, `months` is
    ACTUAL, THIRTY or EQUAL; `rolls` says that a day which a month lacks is the first of the next one, else it is the month's last."""

    principal_minor: Ints
    rate_ppm: Ints
    periods: Ints
    disbursed_on: Days
    first_due_on: Days
    due_day: Ints
    year_days: Ints
    months: Ints
    rolls: NDArray[np.bool_]
    even_out: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.principal_minor)

    def of(self, which: slice | Ints) -> Self:
        """Some of the loans."""
        return type(self)(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of some loans, (periods, loans): due days as days since 1970, amounts and factors as whole numbers of minor units and of 10**-12,
    the factors `scaled` by that. `carried` is interest that came into a row from those before it, which asked less than was earned."""

    loans: Loans
    due: Ints
    scaled: Floats
    principal: Floats
    interest: Floats
    carried: Floats


def blocks(loans: Loans, periods: int) -> Iterator[tuple[slice, Block]]:
    """The rows of loans of so many `periods`, block by block, each with the place of its loans. A block is good until the next one is asked for."""
    width = min(max(_CELLS // periods, _FEWEST), max(len(loans), 1))
    due, room = np.empty((periods, width), np.int64), np.empty((4, periods, width))
    for begin in range(0, len(loans), width):
        where = slice(begin, min(begin + width, len(loans)))
        some = loans.of(where)
        block = Block(some, due[:, : len(some)], *room[:, :, : len(some)])
        _fill_due_days(block)
        instalment, limit = _fill_factors(block)
        _fill_rows(_floats(some.principal_minor), block.scaled, instalment, (block.principal, block.interest, block.carried), limit)
        _even_out(block, instalment, limit)
        yield where, block


def _floats(whole: Ints) -> Floats:
    return whole.astype(np.float64)


def _month_and_day(days: Days) -> tuple[Ints, Ints]:
    """The place of each day's month in the table of months, and the day in it, from 0."""
    month = days.astype("M8[M]").astype(np.int64) - _FIRST_MONTH
    return month, days.view(np.int64) - _MONTHS[month]


def _fill_due_days(block: Block) -> None:
    """Each month's anchor day or what the month has instead; the first due day as given."""
    loans, due = block.loans, block.due
    month, anchor = _month_and_day(loans.disbursed_on)
    month += 1
    given = ~np.isnat(loans.first_due_on)
    if given.any():
        first_month, first_anchor = _month_and_day(np.where(given, loans.first_due_on, loans.disbursed_on))
        month, anchor = np.where(given, first_month, month), np.where(given, first_anchor, anchor)
    anchor = np.where(loans.due_day > 0, loans.due_day - 1, anchor)
    beyond = loans.rolls.astype(np.int64) - 1  # the last day of the month, or the one after it
    begin, end = _MONTHS[month], np.empty_like(month)
    for row in due:
        month += 1
        np.take(_MONTHS, month, out=end, mode="clip")
        np.add(begin, anchor, out=row)
        np.add(end, beyond, out=begin)
        np.minimum(row, begin, out=row)
        begin, end = end, begin
    if given.any():
        np.copyto(due[0], loans.first_due_on.view(np.int64), where=given)


def _fill_factors(block: Block) -> tuple[Floats, float]:
    """The factors × 10**-12; the instalment of each loan, and how near to a half interest must be for a second look."""
    loans, scaled = block.loans, block.scaled
    each_day, year = loans.rate_ppm * 1e6, _floats(loans.year_days)
    fixed = loans.months != ACTUAL
    any_fixed = bool(fixed.any())
    start = loans.disbursed_on.view(np.int64)
    days = np.empty_like(start)
    growth, annuity, one = np.ones_like(year), np.zeros_like(year), np.empty_like(year)
    for due, row in zip(block.due, scaled, strict=True):
        np.subtract(due, start, out=days)
        if any_fixed:
            _check_fixed(loans, start, due)
            np.copyto(days, 30, where=fixed)
        start = due
        np.multiply(days, each_day, out=row)
        np.divide(row, year, out=row)
        np.rint(row, out=row)
        np.multiply(row, 1e-12, out=row)
        np.add(row, 1.0, out=one)
        np.multiply(growth, one, out=growth)
        np.multiply(annuity, one, out=annuity)
        np.add(annuity, 1.0, out=annuity)
    largest = float(loans.principal_minor.max()) * float(scaled.max())
    return _instalments(block, growth, annuity), 0.5 - 4 * _U * largest


def _check_fixed(loans: Loans, start: Ints, due: Ints) -> None:
    """Raises PlanError where months have 30 days and a period is none, as `lifecycle.factors.regular` has it."""
    (month, day), (due_month, due_day) = _unrolled(loans, start), _unrolled(loans, due)
    last, due_last = (_MONTHS[which + 1] - _MONTHS[which] - 1 for which in (month, due_month))
    clamped = ((due_day < day) & (due_day == due_last)) | ((day < due_day) & (day == last))
    regular = (due_month - month == 1) & ((day == due_day) | clamped)
    wrong = (loans.months == THIRTY) & ~regular
    if wrong.any():
        at = int(np.argmax(wrong))
        days = [str(np.datetime64(int(one[at]), "D")) for one in (start, due)]
        detail = f"Where months have 30 days, only periods of a month are covered, not the one from {days[0]} to {days[1]}."
        raise PlanError(NOT_COVERED, detail, "first_due_on")


def _unrolled(loans: Loans, days: Ints) -> tuple[Ints, Ints]:
    """The month and day of each, the day before where it may have rolled into the next month."""
    first = loans.rolls & (_month_and_day(days.view("M8[D]"))[1] == 0)
    return _month_and_day((days - first).view("M8[D]"))


def _instalments(block: Block, growth: Floats, annuity: Floats) -> Floats:
    """The equal instalment of each loan, in whole minor units."""
    loans, periods = block.loans, len(block.due)
    exact = loans.principal_minor * growth
    exact /= annuity
    instalment = np.rint(exact)
    if periods == 1:  # the last row asks what there is
        return instalment
    unsure = np.abs(exact - instalment) > 0.5 - (10 * periods + 4) * _U * exact
    unsure &= loans.rate_ppm > 0  # without interest it is one division, correctly rounded
    for k in np.flatnonzero(unsure).tolist():
        factors = np.rint(block.scaled[:, k] * 1e12).astype(np.int64).tolist()
        instalment[k] = equal_instalment(int(loans.principal_minor[k]), factors, balloon=0, step=1, rounding=Rounding.HALF_EVEN)
    return instalment


def _fill_rows(balance: Floats, scaled: Floats, instalment: Floats, into: tuple[Floats, Floats, Floats], limit: float) -> None:
    """Principal, interest and what interest is carried, row by row. `balance` is used up."""
    all_principal, all_interest, all_carried = into
    off, found = np.empty_like(balance), np.empty_like(balance)
    carried = np.zeros_like(balance)
    last = len(scaled) - 1
    for k, (factor, principal, interest) in enumerate(zip(scaled, all_principal, all_interest, strict=True)):
        all_carried[k] = carried
        np.multiply(balance, factor, out=off)
        np.rint(off, out=found)
        np.subtract(off, found, out=off)
        np.abs(off, out=off)
        if off.max() > limit:
            near = np.flatnonzero(off > limit)
            found[near] = settled(balance[near], factor[near], found[near])
        np.add(found, carried, out=found)
        if k == last:
            principal[:], interest[:] = balance, found
            return
        np.minimum(found, instalment, out=interest)
        np.subtract(found, interest, out=carried)
        np.subtract(instalment, interest, out=principal)
        np.minimum(principal, balance, out=principal)
        np.subtract(balance, principal, out=balance)


def settled(balance: Floats, scaled: Floats, near: Floats) -> Ints:
    """balance × factor rounded half-even, exactly, where `near` is at most one off."""
    whole, factor = near.astype(np.int64), np.rint(scaled * 1e12).astype(np.int64)
    rest = balance.astype(np.int64) * factor - whole * SCALE  # both wrap around 2**64; what they differ by does not
    odd = whole & 1
    whole += (rest > _HALF) | ((rest == _HALF) & (odd == 1))
    whole -= (rest < -_HALF) | ((rest == -_HALF) & (odd == 1))
    return whole


def _even_out(block: Block, instalment: Floats, limit: float) -> None:
    """Spreads what the last instalment differs by, and keeps that where it differs by less then and no more instalments are empty; where it was
    kept, again."""
    left: Ints | None = None
    for _ in range(EVENING_PASSES):
        left = _even_out_once(block, instalment, limit, left)
        if not len(left):
            break
    _seek_even(block, instalment, limit)


def _seek_even(block: Block, instalment: Floats, limit: float) -> None:
    """Where some instalments repay nothing: the least one beside which the last asks no more, as `levelling` has it, all by halving at once."""
    count = len(block.due)
    difference = block.principal[-1] + block.interest[-1] - instalment
    found = np.flatnonzero((difference < -(count // 2)) & block.loans.even_out & (count > 1))
    found = found[(block.principal[:-1, found] == 0).any(axis=0)]
    if not len(found):
        return
    principal, scaled = _floats(block.loans.principal_minor[found]), block.scaled[:, found]
    again = np.empty((3, count, len(found)))
    low, high = np.zeros(len(found)), instalment[found].copy()
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        _fill_rows(principal.copy(), scaled, middle, (again[0], again[1], again[2]), limit)
        enough = again[0, -1] + again[1, -1] <= middle
        open_ = high - low > 1
        high, low = np.where(open_ & enough, middle, high), np.where(open_ & ~enough, middle, low)
    _fill_rows(principal.copy(), scaled, high, (again[0], again[1], again[2]), limit)
    asked, before = again[0] + again[1], block.principal[:, found] + block.interest[:, found]
    better = (np.abs(asked[-1] - high) < np.abs(difference[found])) & ((asked == 0).sum(axis=0) <= (before == 0).sum(axis=0))
    kept = found[better]
    block.principal[:, kept], block.interest[:, kept], block.carried[:, kept] = again[:, :, better]
    instalment[kept] = high[better]


def _even_out_once(block: Block, instalment: Floats, limit: float, which: Ints | None) -> Ints:
    """One pass over `which` of the loans (all of them): those that it made more even, with their instalments as they are now."""
    count, nobody = len(block.due), np.empty(0, np.int64)
    if count < 2:
        return nobody
    difference = block.principal[-1] + block.interest[-1] - instalment
    uneven = (np.abs(difference) > count // 2) & block.loans.even_out
    if which is not None:
        among = np.zeros_like(uneven)
        among[which] = True
        uneven &= among
    if not uneven.any():
        return nobody
    other = instalment + np.rint(difference / count)
    tried = np.flatnonzero(uneven & (other != instalment))
    if not len(tried):
        return nobody
    again = np.empty((3, count, len(tried)))
    _fill_rows(_floats(block.loans.principal_minor[tried]), block.scaled[:, tried], other[tried], (again[0], again[1], again[2]), limit)
    asked = again[0] + again[1]
    better = np.abs(asked[-1] - other[tried]) < np.abs(difference[tried])
    empty = block.principal[:, tried] + block.interest[:, tried] == 0
    better &= (asked == 0).sum(axis=0) <= empty.sum(axis=0)
    kept: Ints = tried[better]
    block.principal[:, kept], block.interest[:, kept], block.carried[:, kept] = again[:, :, better]
    instalment[kept] = other[kept]
    return kept
