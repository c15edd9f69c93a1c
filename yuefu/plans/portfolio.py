"""Whole portfolios: schedules and planned balances of many loans at once, columns in and columns out, over numpy.

The same cents as `lifecycle.schedule` (rule version 2026-2), loan by loan; how they are kept is told in `portfolio_rows` and, with a worked
table, in docs/algorithms/portfolio.md. Covered are monthly equal instalments on a yearly basis of 360, 364 or 365 days: `uncovered` names
the term that takes a loan elsewhere, and `schedules_of` sends those to the scalar path and says which they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from yuefu.money.rates import Rounding
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.factors import SCALE, regular
from yuefu.plans.lifecycle.levelling import fees_minor
from yuefu.plans.lifecycle.rows import Interest
from yuefu.plans.lifecycle.schedule import ScheduleRow, opening_rows, schedule
from yuefu.plans.lifecycle.terms import (
    MOST_PERIODS,
    Adjust,
    FeeWhen,
    Frequency,
    InstalmentRate,
    InterestBy,
    LoanTerms,
    Method,
    MonthBasis,
    MonthEnd,
    Remainder,
    YearBasis,
)
from yuefu.plans.portfolio_rows import ACTUAL, EQUAL, NOT_COVERED, THIRTY, Block, Days, Ints, Loans, blocks, settled

LARGEST_PRINCIPAL: Final = 10**12
LARGEST_PPM: Final = 10**7
LONGEST_FIRST_PERIOD: Final = 300
EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2199, 12, 31)

COLUMN_WRONG: Final = "column_wrong"
COLUMNS_UNEQUAL: Final = "columns_unequal"
OUT_OF_RANGE: Final = "out_of_range"


@dataclass(frozen=True, slots=True)
class Group:
    """Loans of one number of periods, by their `positions`; tables of shape (loans, periods), amounts in minor units."""

    positions: Ints
    due_on: Days
    principal_minor: Ints
    interest_minor: Ints

    @property
    def total_minor(self) -> Ints:
        """What each instalment asks."""
        return self.principal_minor + self.interest_minor

    @property
    def interest_in_all_minor(self) -> Ints:
        """Interest over the whole life of each loan."""
        return np.asarray(self.interest_minor.sum(axis=1))


@dataclass(frozen=True, slots=True)
class Alone:
    """A loan that the scalar path computed, and the term because of which."""

    position: int
    field: str
    rows: tuple[ScheduleRow, ...]


@dataclass(frozen=True, slots=True)
class Schedules:
    """The rows of each loan: in exactly one of the groups, or alone."""

    groups: tuple[Group, ...]
    alone: tuple[Alone, ...] = ()


@dataclass(frozen=True, slots=True)
class Balances:
    """Of each loan, in minor units: principal outstanding, and interest earned but not asked yet."""

    principal_minor: Ints
    interest_minor: Ints


def loans(
    *,
    principal_minor: Any,
    rate_ppm: Any,
    periods: Any,
    disbursed_on: Any,
    first_due_on: Any = None,
    due_day: Any = 0,
    year_days: Any = 365,
    months: Any = ACTUAL,
    rolls: Any = False,
    even_out: Any = True,
) -> Loans:
    """Columns from arrays, lists, or one value for all loans. `principal_minor` up to 10**12 minor units, `rate_ppm` a year up to 10**7 (1000 %).

    Raises PlanError naming the column and, where it is one, the loan: COLUMN_WRONG for values of another kind, COLUMNS_UNEQUAL for lengths
    that do not fit, OUT_OF_RANGE for what no loan has or this path does not cover.
    """
    whole = {
        "principal_minor": principal_minor,
        "rate_ppm": rate_ppm,
        "periods": periods,
        "due_day": due_day,
        "year_days": year_days,
        "months": months,
    }
    columns = {name: _column(name, values, "iu", np.int64) for name, values in whole.items()}
    columns |= {name: _column(name, values, "b", np.bool_) for name, values in (("rolls", rolls), ("even_out", even_out))}
    columns["disbursed_on"] = _days("disbursed_on", disbursed_on)
    columns["first_due_on"] = _days("first_due_on", np.datetime64("NaT", "D") if first_due_on is None else first_due_on)
    try:
        shaped = np.broadcast_arrays(*columns.values())
    except ValueError:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in columns.items() if values.ndim)
        raise PlanError(COLUMNS_UNEQUAL, f"Columns have one entry a loan: {lengths}.") from None
    made = Loans(**{name: np.ascontiguousarray(values) for name, values in zip(columns, shaped, strict=True)})
    _check(made)
    return made


def schedules(given: Loans) -> Schedules:
    """The schedules of all loans, in groups by their number of periods, which rises."""
    return Schedules(tuple(_group(given, np.flatnonzero(given.periods == count), int(count)) for count in np.unique(given.periods)))


def schedules_of(terms: Sequence[LoanTerms]) -> Schedules:
    """The schedules of loans by their terms; positions are those in `terms`. What this path does not cover is computed by `schedule`.

    Raises TermsError as `schedule` does.
    """
    fields = [uncovered(each) for each in terms]
    alone = tuple(Alone(at, field, schedule(terms[at])) for at, field in enumerate(fields) if field)
    covered = [at for at, field in enumerate(fields) if not field]
    if not covered:
        return Schedules((), alone)
    where = np.array(covered, np.int64)
    found = schedules(loans_of([terms[at] for at in covered]))
    groups = [Group(where[one.positions], one.due_on, one.principal_minor, one.interest_minor) for one in found.groups]
    return Schedules(tuple(groups), alone)


def balances_on(given: Loans, on: Any) -> Balances:
    """What each loan is planned to owe at the end of the day `on` (one, or one a loan), each row paid when due; nothing before it is lent."""
    days = np.broadcast_to(_days("on", on), (len(given),))
    if np.isnat(days).any():
        raise PlanError(COLUMN_WRONG, "A balance is on a day.", "on")
    found = Balances(np.empty(len(given), np.int64), np.empty(len(given), np.int64))
    for count in np.unique(given.periods):
        positions = np.flatnonzero(given.periods == count)
        for where, block in blocks(given.of(positions), int(count)):
            at = positions[where]
            found.principal_minor[at], found.interest_minor[at] = _owed(block, days[at].view(np.int64))
    return found


def balance_on(terms: LoanTerms, on: date) -> tuple[int, int]:
    """The scalar counterpart of `balances_on`: principal outstanding and interest earned but not asked yet, in minor units.

    Raises PlanError with NOT_COVERED, naming the term.
    """
    field = uncovered(terms)
    if field:
        raise PlanError(NOT_COVERED, f"Planned balances are not found for loans with this {field}.", field)
    if on < terms.disbursed_on:
        return 0, 0
    rows, interest, day = opening_rows(terms), Interest(terms, ()), on.toordinal()
    principal, earned = terms.principal.minor, 0
    for k, due in enumerate(rows.due):
        earned += interest.minor(interest.of(principal, rows, k, rows.start[k], min(due, day)))
        if due <= day:
            principal -= rows.principal[k]
            earned -= rows.interest[k]
    return principal, earned


def uncovered(terms: LoanTerms) -> str:
    """The field of the first term that this path does not cover; "" where it covers all of them."""
    return next((name for name, covers in _COVERED if not covers(terms)), "")


def loans_of(terms: Sequence[LoanTerms]) -> Loans:
    """The columns of loans by their terms, all of which are covered."""
    return loans(
        principal_minor=[each.principal.minor for each in terms],
        rate_ppm=[each.annual_rate.ppm for each in terms],
        periods=[each.periods for each in terms],
        disbursed_on=[each.disbursed_on for each in terms],
        first_due_on=[np.datetime64("NaT", "D") if each.first_due_on is None else each.first_due_on for each in terms],
        due_day=[each.due_day or 0 for each in terms],
        year_days=[360 if each.interest_by is InterestBy.PERIOD else int(each.day_count.year) for each in terms],
        months=[_months(each) for each in terms],
        rolls=[each.month_end is MonthEnd.ROLL for each in terms],
        even_out=[each.even_out for each in terms],
    )


def _months(terms: LoanTerms) -> int:
    if terms.interest_by is InterestBy.PERIOD:
        return EQUAL
    return THIRTY if terms.day_count.month is MonthBasis.D30 else ACTUAL


def _first_covered(terms: LoanTerms) -> bool:
    """Whether the first period is not too long, and a month where months have 30 days: the second too, which a due day of its own may change."""
    if terms.first_due_on is not None and (terms.first_due_on - terms.disbursed_on).days > LONGEST_FIRST_PERIOD:
        return False
    if _months(terms) != THIRTY or (terms.first_due_on is None and terms.due_day is None) or terms.due_days is not None:
        return True
    first_two = replace(terms, periods=min(terms.periods, 2), grace_principal=0, grace_interest=0, interest_free=0)
    days = [terms.disbursed_on.toordinal(), *(day.toordinal() for day in due_days(first_two))]
    return all(regular(terms, start, end) for start, end in pairwise(days))


_COVERED: Final = (
    ("principal", lambda terms: terms.principal.minor <= LARGEST_PRINCIPAL),
    ("annual_rate", lambda terms: terms.annual_rate.ppm <= LARGEST_PPM),
    ("disbursed_on", lambda terms: EARLIEST <= terms.disbursed_on <= LATEST),
    ("method", lambda terms: terms.method is Method.EQUAL_INSTALMENTS),
    ("frequency", lambda terms: terms.frequency is Frequency.MONTHS),
    ("every", lambda terms: terms.every == 1),
    ("first_due_on", _first_covered),
    ("due_days", lambda terms: terms.due_days is None),
    ("day_count", lambda terms: terms.interest_by is InterestBy.PERIOD or terms.day_count.year is not YearBasis.ACTUAL),
    ("adjust", lambda terms: terms.adjust is Adjust.NONE),
    ("rounding", lambda terms: terms.rounding is Rounding.HALF_EVEN),
    ("decimals", lambda terms: terms.unit == 1),
    ("multiple", lambda terms: terms.step == 1),
    ("remainder", lambda terms: terms.remainder is Remainder.LAST),
    ("instalment_rate", lambda terms: terms.instalment_rate is InstalmentRate.ACTUAL),
    ("down_payment", lambda terms: terms.down_payment is None),
    ("grace_principal", lambda terms: not terms.grace_principal),
    ("grace_interest", lambda terms: not terms.grace_interest),
    ("interest_free", lambda terms: not terms.interest_free),
    ("balloon", lambda terms: not (terms.balloon and terms.balloon.minor)),
    ("fees", lambda terms: not any(fees_minor(terms, when, terms.principal.minor) for when in FeeWhen)),
    ("ceilings", lambda terms: terms.ceilings is None),
)


def _column(name: str, values: Any, kinds: str, kind: type[Any]) -> NDArray[Any]:
    given = np.asarray(values)
    if given.ndim > 1 or (given.dtype.kind not in kinds and given.size):
        wanted = "true or false" if kinds == "b" else "whole numbers of 64 bits"
        raise PlanError(COLUMN_WRONG, f"The column {name} holds {wanted}, one a loan, not {given.ndim} dimensions of {given.dtype}.", name)
    return given.astype(kind)


def _days(name: str, values: Any) -> NDArray[Any]:
    try:
        given = np.asarray(values, "datetime64[D]")
    except (TypeError, ValueError):
        raise PlanError(COLUMN_WRONG, f"The column {name} holds days.", name) from None
    if given.ndim > 1:
        raise PlanError(COLUMN_WRONG, f"The column {name} holds one day a loan, not {given.ndim} dimensions.", name)
    return given


def _check(given: Loans) -> None:
    begin, first = given.disbursed_on, given.first_due_on
    none = np.isnat(first)
    longest = begin + np.timedelta64(LONGEST_FIRST_PERIOD, "D")
    for name, values, good, allowed in (
        ("principal_minor", given.principal_minor, _within(given.principal_minor, 1, LARGEST_PRINCIPAL), f"from 1 to {LARGEST_PRINCIPAL}"),
        ("rate_ppm", given.rate_ppm, _within(given.rate_ppm, 0, LARGEST_PPM), f"from 0 to {LARGEST_PPM}"),
        ("periods", given.periods, _within(given.periods, 1, MOST_PERIODS), f"from 1 to {MOST_PERIODS}"),
        ("disbursed_on", begin, (begin >= np.datetime64(EARLIEST)) & (begin <= np.datetime64(LATEST)), f"from {EARLIEST} to {LATEST}"),
        ("first_due_on", first, none | ((first > begin) & (first <= longest)), f"1 to {LONGEST_FIRST_PERIOD} days after disbursed_on"),
        ("due_day", given.due_day, _within(given.due_day, 0, 31), "from 1 to 31, or 0 for the day of the first"),
        ("year_days", given.year_days, np.isin(given.year_days, (360, 364, 365)), "360, 364 or 365"),
        ("months", given.months, _within(given.months, ACTUAL, EQUAL), "ACTUAL, THIRTY or EQUAL"),
        ("months", given.months, (given.months != EQUAL) | (given.year_days == 360), "ACTUAL or THIRTY unless year_days is 360"),
    ):
        if not good.all():
            at = int(np.argmin(good))
            raise PlanError(OUT_OF_RANGE, f"Loan {at}: {name} is {allowed}, not {values[at]}.", name)


def _within(values: Ints, least: int, most: int) -> NDArray[np.bool_]:
    return np.asarray((values >= least) & (values <= most))


def _group(given: Loans, positions: Ints, periods: int) -> Group:
    some = given if len(positions) == len(given) else given.of(positions)
    due, principal, interest = (np.empty((periods, len(positions)), np.int64) for _ in range(3))
    for where, block in blocks(some, periods):
        due[:, where] = block.due
        np.copyto(principal[:, where], block.principal, casting="unsafe")
        np.copyto(interest[:, where], block.interest, casting="unsafe")
    return Group(positions, due.view("M8[D]").T, principal.T, interest.T)


def _owed(block: Block, on: Ints) -> tuple[Ints, Ints]:
    """Principal outstanding and interest not asked yet at the end of the days `on`."""
    given, count = block.loans, len(block.due)
    begun = given.disbursed_on.view(np.int64)
    past = block.due <= on
    principal = (given.principal_minor - (block.principal * past).sum(axis=0)) * (on >= begun)
    row = past.sum(axis=0)
    here, loan = np.minimum(row, count - 1), np.arange(len(given))
    start = np.where(here > 0, block.due[here - 1, loan], begun)
    end = block.due[here, loan]
    fixed = given.months != ACTUAL
    shares = given.rate_ppm * np.where(fixed, 30, 1) * np.maximum(np.minimum(on, end) - start, 0) * 10**6
    scaled = _half_even(shares, given.year_days * np.where(fixed, end - start, 1)) / SCALE
    interest = settled(principal, scaled, np.rint(principal * scaled))
    interest += np.where((row < count) & (on >= begun), block.carried[here, loan], 0).astype(np.int64)
    return principal.astype(np.int64), interest


def _half_even(dividend: Ints, divisor: Ints) -> Ints:
    whole, rest = np.divmod(dividend, divisor)
    beyond = 2 * rest - divisor
    whole += (beyond > 0) | ((beyond == 0) & (whole % 2 == 1))
    return whole
