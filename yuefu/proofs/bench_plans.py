"""The arithmetic of plans: one loan at a time, and whole portfolios beside the numpy libraries that people know, on the same loans.

One process, one thread, no database. What is compared is measured in turns; each figure is the median of its rounds. Yardsticks get their
fastest form: numpy-financial `ipmt` and `ppmt` broadcast over loans × periods in blocks that fit the cache, pyxirr `irr` on lists of floats
made beforehand. They pay for less: level periods, no dates, nothing rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any, Final

import numpy as np

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans import portfolio
from yuefu.plans.lifecycle.events import Disbursed, Paid
from yuefu.plans.lifecycle.fold import apply, start
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState
from yuefu.plans.portfolio import Schedules
from yuefu.plans.portfolio_cost import annual_costs
from yuefu.plans.portfolio_rows import Loans
from yuefu.runtime.clock import stopwatch

LOANS: Final = 200_000
LISTS: Final = 20_000  # of them, as lists
PERIODS: Final = 12
LONG: Final = 24
ROUNDS: Final = 7
SEED: Final = 7
CALLS: Final = 100  # different loans, one after the other
PASSES: Final = 5
_BLOCK: Final = 2_048

SCALAR, EVENT, MANY, COSTS = "scalar_schedule_us", "apply_event_us", "vector_schedules_per_s", "vector_apr_per_s"
THEIR_SCHEDULES, THEIR_COSTS = "numpy_financial_schedules_per_s", "pyxirr_per_s"
FIGURES: Final = (SCALAR, EVENT, MANY, COSTS, THEIR_SCHEDULES, THEIR_COSTS)
YARDSTICKS: Final = {THEIR_SCHEDULES: "numpy_financial", THEIR_COSTS: "pyxirr"}
INSTALL: Final = "`make install` brings the packages that are measured beside: {}"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to be, at most or at least `value`, and whether it is."""

    figure: str
    value: float
    at_most: bool
    met: bool


def measure(say: Say, *, loans: int = LOANS, rounds: int = ROUNDS) -> dict[str, Any]:
    """All figures; those of yardsticks that are not installed are None, named in `plans_missing`."""
    missing = [package for package in YARDSTICKS.values() if find_spec(package) is None]
    if missing:
        say(INSTALL.format(", ".join(missing)))
    say(f"{loans:,} loans of {PERIODS} periods")
    given = some_loans(loans)
    found = portfolio.schedules(given)
    _require_the_cents_of_one_by_one(given, found)
    contests = dict(_contests(given, found))
    seconds: dict[str, list[float]] = {name: [] for name in contests}
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}")
        for name, (work, _) in contests.items():
            begun = stopwatch()
            work()
            seconds[name].append(stopwatch() - begun)
    figures: dict[str, Any] = dict.fromkeys(FIGURES)
    for name, (_, count) in contests.items():
        middle = median(seconds[name])
        figures[name] = round(1e6 * middle / count, 1) if name in {SCALAR, EVENT} else round(count / middle)
    return {**figures, "plans_loans": loans, "plans_rounds": rounds, "plans_missing": missing}


def bars(figures: Mapping[str, Any]) -> list[Bar]:
    """What figures are held to; costs at twice what pyxirr did in the same run, where it did."""
    most, least = ((SCALAR, 1_000), (EVENT, 100)), [(MANY, 1_000_000)]
    if figures[THEIR_COSTS] is not None:
        least.append((COSTS, 2 * figures[THEIR_COSTS]))
    return [
        *(Bar(name, value, at_most=True, met=figures[name] <= value) for name, value in most),
        *(Bar(name, value, at_most=False, met=figures[name] >= value) for name, value in least),
    ]


def some_loans(count: int) -> Loans:
    """Loans of 100.00 to 50,000.00, at 3 to 24 % a year, lent on any day of three years, three of seven due on the 29th, 30th or 31st."""
    dice = np.random.default_rng(SEED)
    return portfolio.loans(
        principal_minor=dice.integers(10_000, 5_000_001, count),
        rate_ppm=dice.integers(30_000, 240_001, count),
        periods=PERIODS,
        disbursed_on=np.datetime64("2024-01-01") + dice.integers(0, 1_096, count),
        due_day=dice.choice([0, 0, 0, 0, 29, 30, 31], count),
    )


def terms_of(given: Loans, at: int, periods: int = PERIODS) -> LoanTerms:
    """One of them as terms."""
    return LoanTerms(
        principal=Money(int(given.principal_minor[at]), "CNY"),
        periods=periods,
        annual_rate=Rate(int(given.rate_ppm[at])),
        disbursed_on=given.disbursed_on[at].item(),
        due_day=int(given.due_day[at]) or None,
    )


def _require_the_cents_of_one_by_one(given: Loans, found: Schedules) -> None:
    (group,) = found.groups
    for at in range(0, len(given), max(len(given) // CALLS, 1)):
        rows = schedule(terms_of(given, at))
        assert group.due_on[at].tolist() == [row.due_on for row in rows]
        assert group.principal_minor[at].tolist() == [row.principal.minor for row in rows]
        assert group.interest_minor[at].tolist() == [row.interest.minor for row in rows]


def _contests(given: Loans, found: Schedules) -> Iterator[tuple[str, tuple[Callable[[], object], int]]]:
    """What is measured: work, and how often it does the thing that is counted."""
    terms = [terms_of(given, at, LONG) for at in range(min(CALLS, len(given)))]
    yield SCALAR, (lambda: _schedule_each(terms), PASSES * len(terms))
    paid = [_in_the_middle(each) for each in terms]
    yield EVENT, (lambda: _apply_each(paid), PASSES * len(paid))
    yield MANY, (lambda: portfolio.schedules(given), len(given))
    if find_spec("numpy_financial"):
        yield THEIR_SCHEDULES, (lambda: _their_schedules(given), len(given))
    (group,) = found.groups
    flows = np.concatenate([given.principal_minor[:, None], -group.total_minor], axis=1)
    years = np.arange(PERIODS + 1) / 12
    yield COSTS, (lambda: annual_costs(flows, years), len(flows))
    if find_spec("pyxirr"):
        from pyxirr import irr

        lists = flows[:LISTS].astype(np.float64).tolist()
        yield THEIR_COSTS, (lambda: [irr(each) for each in lists], len(lists))


def _schedule_each(terms: Sequence[LoanTerms]) -> None:
    for _ in range(PASSES):
        for each in terms:
            schedule(each)


def _apply_each(paid: Sequence[tuple[LoanState, Paid]]) -> None:
    for _ in range(PASSES):
        for state, payment in paid:
            apply(state, payment)


def _in_the_middle(terms: LoanTerms) -> tuple[LoanState, Paid]:
    """A state of which a quarter is paid, and the next payment."""
    state, _ = apply(start(terms), Disbursed(on=terms.disbursed_on, amount=terms.principal))
    *before, last = schedule(terms)[: LONG // 4 + 1]
    for row in before:
        state, _ = apply(state, Paid(on=row.due_on, amount=row.total))
    return state, Paid(on=last.due_on, amount=last.total)


def _their_schedules(given: Loans) -> list[tuple[Any, Any]]:
    """Interest and principal of each row, as numpy-financial has them."""
    import numpy_financial as npf

    rates, amounts, numbers = given.rate_ppm[:, None] / 12e6, -given.principal_minor[:, None].astype(np.float64), np.arange(1, PERIODS + 1)
    made = []
    for begin in range(0, len(rates), _BLOCK):
        rate, amount = rates[begin : begin + _BLOCK], amounts[begin : begin + _BLOCK]
        made.append((npf.ipmt(rate, numbers, PERIODS, amount), npf.ppmt(rate, numbers, PERIODS, amount)))
    return made
