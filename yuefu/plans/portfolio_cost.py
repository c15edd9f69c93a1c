"""The annual cost of many loans at once, over numpy: the same figures as `plans.annual_cost` gives loan by loan.

Newton's method on the discount factor, in blocks that stay in the cache. It is trusted only where there is one solution, that is where all that is drawn
comes before all that is paid, and where it settles. With one draw it always does: the balance falls in the factor, ever steeper, and from a
start beyond the solution each step comes closer without passing it. Every other loan is computed by the scalar path; a loan that costs nothing
costs exactly 0. Nothing is answered by a silent NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from yuefu.plans.annual_cost import (
    EARLIEST_YEAR,
    FLOW_TOO_FAR,
    LATEST_YEAR,
    AnnualCostError,
    YearFlow,
    annual_cost_in_years,
)

Floats = npt.NDArray[np.float64]
Minors = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.intp]

ROWS_UNEQUAL: Final = "rows_unequal"

_BLOCK: Final = 2_048  # loans; 13 flows of float64 of so many are 213 kB, which a core has close by
_MOST_STEPS: Final = 12
_SETTLED: Final = 1e-9  # of the factor: what the next step would change is below what a float can tell
_LOWEST, _HIGHEST = -98.9, 1e4  # per cent: below ends the range of the scalar path; above, 8 decimals are at the end of a float's digits
_EXACT: Final = 2**53


def annual_costs(net: Minors, times: Floats | Sequence[Fraction]) -> Floats:
    """Compound per cent a year of each loan.

    `net` is (loans, flows) in minor units of each loan's currency: what is drawn above zero, what is paid below, fees included. `times` in years,
    ascending: (flows,) where all loans have the same, else (loans, flows). Differs from the scalar path by less than 1e-8. Raises AnnualCostError,
    as the scalar path does, for the first loan met that has no annual cost, and for times out of order or out of range.
    """
    amounts = np.asarray(net)
    years = np.asarray(times if isinstance(times, np.ndarray) else [float(t) for t in times], dtype=np.float64)
    if amounts.ndim != 2 or amounts.dtype.kind != "i" or years.shape not in (amounts.shape[1:], amounts.shape):
        raise AnnualCostError(ROWS_UNEQUAL, "Amounts are whole minor units, a row a loan; each row or all together have as many times.")
    return _costs(amounts, years, np.arange(len(amounts)))


def annual_costs_ragged(net: Minors, times: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    """`annual_costs` of loans of different numbers of flows: loan k has those from `offsets[k]` up to `offsets[k + 1]`.

    Raises as it does, and for offsets that do not rise from 0 to the number of flows.
    """
    sizes = np.diff(offsets)
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(net) or len(net) != len(times) or (sizes < 0).any():
        raise AnnualCostError(ROWS_UNEQUAL, "Offsets rise from 0 to the number of flows, and each flow has its time.")
    found = np.empty(len(sizes))
    for size in np.unique(sizes):  # what is of one length is one table
        loans = np.flatnonzero(sizes == size)
        places = offsets[loans][:, None] + np.arange(size)
        found[loans] = _costs(np.asarray(net)[places], np.asarray(times, dtype=np.float64)[places], loans)
    return found


def _costs(net: Minors, years: Floats, numbers: Numbers) -> Floats:
    """The costs of loans that have these numbers where one is told of."""
    _check_times(years)
    found = np.empty(len(net))
    for first in range(0, len(net), _BLOCK):
        part = slice(first, first + _BLOCK)
        found[part] = _block(net[part], years if years.ndim == 1 else years[part], numbers[part])
    return found


def simple_pct(compound_pct: Floats) -> Floats:
    """12 times the monthly rate of each compound rate, per cent a year."""
    simple: Floats = 1200 * np.expm1(np.log1p(compound_pct / 100) / 12)
    return simple


def _check_times(years: Floats) -> None:
    if not years.size:
        return
    if not np.isfinite(years).all() or (years > LATEST_YEAR).any() or (years < EARLIEST_YEAR).any():
        raise AnnualCostError(FLOW_TOO_FAR, f"Each flow must lie {EARLIEST_YEAR} to {LATEST_YEAR} years from the first draw.")
    if (np.diff(years, axis=-1) < 0).any():
        raise AnnualCostError(ROWS_UNEQUAL, "The times of a loan ascend.")


def _block(net: Minors, years: Floats, numbers: Numbers) -> Floats:
    """The costs of a block of loans."""
    flows = np.ascontiguousarray(net.T, dtype=np.float64)
    lent, owed = np.maximum(flows, 0.0).sum(axis=0), -np.minimum(flows, 0.0).sum(axis=0)
    exact = (lent + owed < _EXACT) & (lent > 0) & (owed > 0)  # sums of floats are those of the integers
    with np.errstate(all="ignore"):  # what comes of it is looked at below, loan by loan
        spacing = _spacing(years)
        found, settled = _periodic(flows, lent, owed, spacing) if spacing else _timed(flows, lent, owed, years)
        trusted = exact & settled & (found > _LOWEST) & (found < _HIGHEST) & _drawn_before_paid(flows)
    nothing = exact & (lent == owed)
    found[nothing] = 0.0
    for row in np.flatnonzero(~trusted & ~nothing):
        found[row] = _scalar(net[row], years if years.ndim == 1 else years[row], int(numbers[row]))
    return found


def _drawn_before_paid(flows: Floats) -> Bools:
    """Whether each loan is paid only after all of it is drawn."""
    paid = np.logical_or.accumulate(flows < 0, axis=0)
    found: Bools = np.logical_not((paid & (flows > 0)).any(axis=0))
    return found


def _spacing(years: Floats) -> float:
    """Years between each flow and the next, where all are equally far apart and begin with 0; else 0."""
    if years.ndim != 1 or len(years) < 2 or years[0] != 0:
        return 0.0
    step = float(years[1])
    return step if np.allclose(years, step * np.arange(len(years)), rtol=0, atol=1e-14) else 0.0


def _periodic(flows: Floats, lent: Floats, owed: Floats, spacing: float) -> tuple[Floats, Bools]:
    """Equally spaced flows: a polynomial in the factor of one period, by Horner's rule with its derivative."""
    factor = _start(flows, np.arange(len(flows), dtype=np.float64)[:, None], lent, owed)
    value, slope, settled = np.empty_like(factor), np.empty_like(factor), np.zeros(len(factor), dtype=bool)
    for _ in range(_MOST_STEPS):
        value[:] = flows[-1]
        slope.fill(0.0)
        for flow in flows[-2::-1]:
            slope *= factor
            slope += value
            value *= factor
            value += flow
        value /= slope
        factor -= value
        settled = np.abs(value) <= _SETTLED * factor
        if settled.all():
            break
    return 100 * np.expm1(np.log(factor) / -spacing), settled


def _timed(flows: Floats, lent: Floats, owed: Floats, years: Floats) -> tuple[Floats, Bools]:
    """Flows at any times: sums of powers of the factor of a year, through its logarithm."""
    times = np.ascontiguousarray(years.T) if years.ndim == 2 else years[:, None]
    times = times - times[:1]
    log_factor = np.log(_start(flows, times, lent, owed))
    settled = np.zeros(len(log_factor), dtype=bool)
    for _ in range(_MOST_STEPS):
        worth = np.exp(times * log_factor)
        worth *= flows
        step = worth.sum(axis=0)
        worth *= times
        step /= worth.sum(axis=0)
        log_factor -= step
        settled = np.abs(step) <= _SETTLED
        if settled.all():
            break
    return 100 * np.expm1(-log_factor), settled


def _start(flows: Floats, times: Floats, lent: Floats, owed: Floats) -> Floats:
    """The factor as if all were drawn and all were paid at their mean times. With one draw this is beyond the solution, never short of it."""
    paid = (np.minimum(flows, 0.0) * times).sum(axis=0) / -owed
    drawn = (np.maximum(flows, 0.0) * times).sum(axis=0) / lent
    factor: Floats = (lent / owed) ** (1 / (paid - drawn))
    return factor


def _scalar(net: Minors, years: Floats, number: int) -> float:
    """By the scalar path, which looks for the solution nearest 0."""
    flows = [(Fraction(float(t)), int(minor)) for t, minor in zip(years, net, strict=True) if minor]
    draws = [YearFlow(t, minor) for t, minor in flows if minor > 0]
    payments = [YearFlow(t, -minor) for t, minor in flows if minor < 0]
    try:
        return float(annual_cost_in_years(draws=draws, payments=payments).compound_pct)
    except AnnualCostError as error:
        raise AnnualCostError(error.code, f"Loan {number} (from 0): {error.detail}") from error
