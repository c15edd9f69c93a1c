"""Equal instalments in whole minor units: the arithmetic under schedules and refunds (rule version 2026-1).

With a rate, the instalment is EMI = P * product(1 + rf_k) / fn_n, where rf_k = rate * days_k / days in the year, fn_1 = 1 and
fn_k = 1 + fn_(k-1) * (1 + rf_k): the equation of value of a declining balance with periods of unequal length. All of it is
computed in integers over one common denominator, so that the only roundings are the ones named.

Ceilings say the most that each instalment may be, where something was shown before: a cent of rounding then goes where it has room.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date

from yuefu.dates.daycount import DayCount, days
from yuefu.money.rates import Rate, Rounding, divide

_MILLION = 1_000_000


def level_rows(
    *,
    principal: int,
    start_on: date,
    due_days: Sequence[date],
    rate: Rate,
    day_count: DayCount,
    ceilings: Sequence[int] | None = None,
) -> list[tuple[int, int]]:
    """(principal, interest) in minor units for each due day, from a balance of `principal` >= 0 outstanding since `start_on`.

    The principals are >= 0 and add up to `principal`; the last takes the rounding. Interest is rounded half-even on the opening
    balance of its period. With rate 0 each row is the whole quotient and the last takes the remainder as well.

    With `ceilings`, in minor units >= 0, these are the rows as long as none asks more than its own. Else they are as level as they can be
    below them; without interest the remainder goes to the latest rows that have room. Where no rows at this rate stay below (never at
    rate 0 if the ceilings add up to `principal`), what is too much is found in the last one, or in a row whose interest alone is more.
    """
    if rate.ppm == 0 or principal == 0:
        rows = _free_rows(principal, len(due_days))
        return rows if _fit(rows, ceilings) else _free_rows_below(principal, ceilings or ())
    starts = [start_on, *due_days[:-1]]
    factors = [rate.ppm * days(start, end, day_count) for start, end in zip(starts, due_days, strict=True)]
    denominator = _MILLION * day_count.days_in_year
    rows = _interest_rows(principal, factors, denominator)
    return rows if _fit(rows, ceilings) else _interest_rows_below(principal, factors, denominator, ceilings or ())


def _fit(rows: Sequence[tuple[int, int]], ceilings: Sequence[int] | None) -> bool:
    return ceilings is None or all(sum(row) <= most for row, most in zip(rows, ceilings, strict=True))


def _free_rows(principal: int, n: int) -> list[tuple[int, int]]:
    each, rest = divmod(principal, n)
    return [(each, 0)] * (n - 1) + [(each + rest, 0)]


def _free_rows_below(principal: int, ceilings: Sequence[int]) -> list[tuple[int, int]]:
    """Water filled into vessels of unequal height: the highest level that the principal reaches everywhere, then the rest from behind."""
    levels = range(max(ceilings) + 1)
    level = bisect_right(levels, principal, key=lambda height: sum(min(height, most) for most in ceilings)) - 1
    rows = [min(level, most) for most in ceilings]
    rest = principal - sum(rows)
    for k in reversed(range(len(rows))):
        more = min(rest, ceilings[k] - rows[k])
        rows[k], rest = rows[k] + more, rest - more
    rows[-1] += rest
    return [(row, 0) for row in rows]


def _interest_rows(principal: int, factors: Sequence[int], denominator: int) -> list[tuple[int, int]]:
    """Rows for period rates factors[k] / denominator.

    A first period so long that its interest exceeds the instalment repays no principal, and the instalment is found anew for the
    rows after it: a balance never grows.
    """
    balance, rows = principal, []
    instalment = _instalment(balance, factors, denominator)
    for k, factor in enumerate(factors[:-1]):
        interest = divide(balance * factor, denominator, Rounding.HALF_EVEN)
        if interest > instalment:
            rows.append((0, interest))
            instalment = _instalment(balance, factors[k + 1 :], denominator)
            continue
        repaid = min(instalment - interest, balance)
        rows.append((repaid, interest))
        balance -= repaid
    rows.append((balance, divide(balance * factors[-1], denominator, Rounding.HALF_EVEN)))
    return rows


def _interest_rows_below(principal: int, factors: Sequence[int], denominator: int, ceilings: Sequence[int]) -> list[tuple[int, int]]:
    """Rows at the lowest level that leaves the last one no more than the others. A higher level repays earlier, so the last only falls."""

    def holds(level: int) -> bool:
        return sum(_rows_at(level, principal, factors, denominator, ceilings)[-1]) <= min(level, ceilings[-1])

    level = bisect_left(range(max(ceilings)), True, key=holds)
    return _rows_at(level, principal, factors, denominator, ceilings)


def _rows_at(level: int, principal: int, factors: Sequence[int], denominator: int, ceilings: Sequence[int]) -> list[tuple[int, int]]:
    """Rows that ask `level` or their ceiling, at least their interest; the last asks what is left."""
    balance, rows = principal, []
    for factor, most in zip(factors[:-1], ceilings[:-1], strict=True):
        interest = divide(balance * factor, denominator, Rounding.HALF_EVEN)
        repaid = min(max(min(level, most) - interest, 0), balance)
        rows.append((repaid, interest))
        balance -= repaid
    rows.append((balance, divide(balance * factors[-1], denominator, Rounding.HALF_EVEN)))
    return rows


def _instalment(principal: int, factors: Sequence[int], denominator: int) -> int:
    """The equal instalment, rounded half-even; with D = denominator, F_k = fn_k * D**(k-1) keeps the recurrence in integers."""
    growth, annuity, power = denominator + factors[0], 1, 1
    for factor in factors[1:]:
        power *= denominator
        annuity = power + annuity * (denominator + factor)
        growth *= denominator + factor
    return divide(principal * growth, denominator * annuity, Rounding.HALF_EVEN)
