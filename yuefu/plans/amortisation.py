"""Equal instalments in whole minor units: the arithmetic under schedules and refunds (rule version 2026-1).

With a rate, the instalment is EMI = P * product(1 + rf_k) / fn_n, where rf_k = rate * days_k / days in the year, fn_1 = 1 and
fn_k = 1 + fn_(k-1) * (1 + rf_k): the equation of value of a declining balance with periods of unequal length. All of it is
computed in integers over one common denominator, so that the only roundings are the ones named.
"""

from collections.abc import Sequence
from datetime import date

from yuefu.dates.daycount import DayCount, days
from yuefu.money.rates import Rate, Rounding, divide

_MILLION = 1_000_000


def level_rows(*, principal: int, start_on: date, due_days: Sequence[date], rate: Rate, day_count: DayCount) -> list[tuple[int, int]]:
    """(principal, interest) in minor units for each due day, from a balance of `principal` >= 0 outstanding since `start_on`.

    The principals are >= 0 and add up to `principal`; the last takes the rounding. Interest is rounded half-even on the opening
    balance of its period. With rate 0 each row is the whole quotient and the last takes the remainder as well.
    """
    if rate.ppm == 0 or principal == 0:
        return _free_rows(principal, len(due_days))
    starts = [start_on, *due_days[:-1]]
    factors = [rate.ppm * days(start, end, day_count) for start, end in zip(starts, due_days, strict=True)]
    return _interest_rows(principal, factors, _MILLION * day_count.days_in_year)


def _free_rows(principal: int, n: int) -> list[tuple[int, int]]:
    each, rest = divmod(principal, n)
    return [(each, 0)] * (n - 1) + [(each + rest, 0)]


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


def _instalment(principal: int, factors: Sequence[int], denominator: int) -> int:
    """The equal instalment, rounded half-even; with D = denominator, F_k = fn_k * D**(k-1) keeps the recurrence in integers."""
    growth, annuity, power = denominator + factors[0], 1, 1
    for factor in factors[1:]:
        power *= denominator
        annuity = power + annuity * (denominator + factor)
        growth *= denominator + factor
    return divide(principal * growth, denominator * annuity, Rounding.HALF_EVEN)
