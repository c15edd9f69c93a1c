"""Lives of loans as a lender has them who lends every day: some thousands of them, told by the rules, of which `loan_book_fill` makes a book of any size.

Of four products in twelve instalments each: at an interest that follows what is owed, at one that stays as scheduled, free of interest where the
merchant pays for it, and with a fee each month. Lent on any day of the last year, due on any day of the month; who pays does so on the due day, or
up to five days before. Three in a hundred stopped paying, most of them a month ago.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Final

from yuefu.loans.commands.living import change_of
from yuefu.loans.entries import position_of
from yuefu.loans.queries.keeping import NEVER, Running
from yuefu.loans.rules import Life, begun, entered
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.arrears import NOT_OVERDUE, Overdue, overdue_of
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.events import BoughtDown, Disbursed, Event, Paid
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.rows import Rows
from yuefu.plans.lifecycle.stretches import Stretch, stretch_of
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState

CURRENCY: Final = "CNY"
PERIODS: Final = 12

_IN_EVERY_MONTH: Final = 28
NOT_PAYING_ONE_IN: Final = 50
LATE_ONE_IN: Final = 33
LATE_BY: Final = (1, 2, 3, 4, 5, 6)
LATE_SHARES: Final = (60, 15, 9, 6, 5, 5)
_DAY_SHARES: Final = (*(10 for _ in range(28)), 9, 7, 7)  # a month-end has those of the 31st too
_PAID_BEFORE: Final = (0, 0, 0, 0, 0, 1, 2, 3, 4, 5)
"""How many days before the due day one pays: half of them on the day itself."""

_LATE: Final = t.LateTerms(fee=Money(10_00, CURRENCY), interest=Rate(180_000), grace_days=3, cap=Rate(60_000))
_FREE_COSTS: Final = Rate(50_000)
"""What a merchant pays of the price for a loan that is free for the consumer."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is lent under one name; `share` of all loans."""

    name: str
    share: int
    rates: tuple[int, ...]
    recalculate: bool = True
    late: t.LateTerms = _LATE
    fees: tuple[t.Fee, ...] = ()
    bought_down: bool = False


PRODUCTS: Final = (
    Product("flex", 45, (89_900, 149_900, 199_900, 239_900)),
    Product("fixed", 20, (50_000, 118_800, 168_000), recalculate=False, late=replace(_LATE, fee=None)),
    Product("free", 20, (0,), late=replace(_LATE, interest=Rate(0)), bought_down=True),
    Product("plus", 15, (79_900,), fees=(t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(3_000)),)),
)


@dataclass(frozen=True, slots=True)
class Lived:
    """A loan by the end of a day: what happened to it, what it came to be and where it stands, and how late it was from which day on."""

    product: str
    facts: tuple[Event, ...]
    life: Life
    running: Running
    rows: Rows
    lateness: tuple[tuple[date, Overdue], ...]


def lived(random: Random, number: int, by: date, portfolio_no: Mapping[str, int]) -> Lived:
    """The `number`-th life of a series, by the end of a day."""
    late = random.choices(LATE_BY, LATE_SHARES)[0] if number % LATE_ONE_IN == LATE_ONE_IN // 2 else 0
    (product,) = random.choices(PRODUCTS, [one.share for one in PRODUCTS])
    terms = _terms(random, product, by, passed=random.randrange(late, PERIODS) if late else number % PERIODS)
    life, facts = _told(random, terms, product, by, late)
    lateness = tuple(_lateness(life.state, by)) if late else ()
    changes = sum(change_of(one, other) is not None for one, other in pairwise([NOT_OVERDUE, *(one for _, one in lateness)]))
    running = _left(life, by, portfolio_no[product.name], told=1 + len(facts) + late + changes)
    work = looked_at(life.state, by)
    return Lived(product.name, tuple(facts), life, running, work.rows, lateness)


def _left(life: Life, by: date, portfolio_no: int, *, told: int) -> Running:
    """Where a loan stands and how it goes on as the closes of all days until `by` left it: looked at on the day of its last fact, on the day after, and
    whenever its stretch had ended."""
    day = life.state.last_on
    work = looked_at(life.state, date.fromordinal(day))
    stretch = Stretch(day)  # that of a loan that was touched ends with the day
    while stretch.until < by.toordinal():
        day = stretch.until + 1
        work = looked_at(life.state, date.fromordinal(day))
        stretch = stretch_of(work)
    return Running(
        replaced_on=NEVER,
        portfolio_no=portfolio_no,
        since=date.fromordinal(day),
        stretch=stretch,
        stuck=False,
        told=told,
        late=overdue_of(work),
        position=position_of(work, life.tally),
    )


def _terms(random: Random, product: Product, by: date, *, passed: int) -> LoanTerms:
    """Terms of a loan of which so many instalments were due by a day."""
    (due_day,) = random.choices(range(1, 32), _DAY_SHARES)
    coming = by + timedelta(days=1)
    if _day(coming, 0, due_day) < coming:
        coming = _day(coming, 1, due_day)
    first = _day(coming, -passed, due_day)
    return LoanTerms(
        principal=Money(random.randrange(300_00, 20_000_00, 100), CURRENCY),
        periods=PERIODS,
        annual_rate=Rate(random.choice(product.rates)),
        disbursed_on=min(first - timedelta(days=random.randrange(20, 46)), by),
        first_due_on=first,
        due_day=due_day if due_day > _IN_EVERY_MONTH else None,
        recalculate=product.recalculate,
        late=product.late,
        fees=product.fees,
    )


def _day(of: date, months: int, due_day: int) -> date:
    """The due day of a month, so many months from that of a day."""
    year, month0 = divmod(of.year * 12 + of.month - 1 + months, 12)
    return date(year, month0 + 1, min(due_day, monthrange(year, month0 + 1)[1]))


def _told(random: Random, terms: LoanTerms, product: Product, by: date, late: int) -> tuple[Life, list[Event]]:
    """Lent, then each instalment paid that was due by a day, or is paid before it is due; but for the last `late` of those that were due, and
    for the last of all, with which the loan would end."""
    facts: list[Event] = [Disbursed(terms.disbursed_on, terms.principal)]
    if product.bought_down:
        facts.append(BoughtDown(terms.disbursed_on, Money(terms.principal.minor * _FREE_COSTS.ppm // 10**6, CURRENCY)))
    life = begun(terms)
    for fact in facts:
        life = entered(life, fact, by)
    days = due_days(terms)
    paying = days[: sum(day <= by for day in days) - late] if late else days[:-1]
    for k, due in enumerate(paying):
        on = max(due - timedelta(days=random.choice(_PAID_BEFORE)), date.fromordinal(life.state.last_on))
        if on > by:
            break
        asked = looked_at(life.state, on).rows.unpaid(k)
        if asked:
            facts.append(Paid(on, Money(asked, CURRENCY)))
            life = entered(life, facts[-1], by)
    return life, facts


def _lateness(state: LoanState, by: date) -> Iterator[tuple[date, Overdue]]:
    """What is overdue, from each day on which that was something else than the day before."""
    before = NOT_OVERDUE
    for day in range(state.last_on, by.toordinal() + 1):
        on = date.fromordinal(day)
        late = overdue_of(looked_at(state, on))
        if late != before:
            yield on, late
        before = late
