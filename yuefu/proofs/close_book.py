"""A book whose close is to be killed: some hundreds of loans of several products and ages, in arrears and not, with late charges, kept credits and
pauses to come; and the payments that arrive while its days close.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import close_of_day, founding
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import Desk
from yuefu.journeys.founding import Founded, NewBook
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.loans import rules
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.rules import Party
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import OPERATING
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.proofs.close_victim import FIRST_DAY, open_on
from yuefu.runtime import books, days, sql, vault
from yuefu.runtime.values import Book, UnitOfWork, system_actor

CODE: Final = "prove"
CURRENCY: Final = "CNY"
ZONE: Final = ZoneInfo("Asia/Shanghai")
MOST_WAITING: Final = 3
PAYMENTS_A_LOAN: Final = 2
_DAYS_AGO: Final = (0, 0, 0, 0, 1, 2, 9)
"""Some payments are true on a day that closes meanwhile, which must not see them."""

_LATE: Final = t.LateTerms(fee=Money(10_00, CURRENCY), interest=Rate(180_000), grace_days=2, cap=Rate(60_000))
_KEEP: Final = t.Waterfall(excess=t.Excess.KEEP)


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    rates: tuple[int, ...]
    recalculate: bool = True
    fees: tuple[t.Fee, ...] = ()
    waterfall: t.Waterfall = field(default_factory=t.Waterfall)
    bought_down: bool = False


_PRODUCTS: Final = (
    _Product("flex", (89_900, 239_900)),
    _Product("fixed", (50_000, 168_000), recalculate=False),
    _Product("free", (0,), bought_down=True),
    _Product("plus", (79_900,), fees=(t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(3_000)),), waterfall=_KEEP),
)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money for a loan, in minor units, under the id of what it comes from; it was paid so many days before it is entered."""

    source_id: UUID
    loan_id: UUID
    minor: int
    days_ago: int


@dataclass(frozen=True, slots=True)
class _Lent:
    """A loan that is to be brought in, with what happened to it until then."""

    party: Party
    terms: LoanTerms
    facts: tuple[Event, ...]


# ------------------------------------------------------------------------------------------------------------------------------- the book


def build(*, seed: str, loans: int, waiting: int, rolled: bool) -> list[Payment]:
    """Founds the book with its loans, the clock past the cut-off of `waiting` days that have not closed; with `rolled` all of them are over and
    the next one is open, else the first of them still is. Returns payments for the day on which the book then opens, in the order in which they come.

    The same seed makes the same book, ids included.
    """
    dice = random.Random(seed)
    desk = _found(IdSource(dice.getrandbits))
    lent = _bring_in(desk, dice, loans)
    _close(desk, FIRST_DAY)
    desk = at(desk, last_moment(waiting))
    if rolled:
        for _ in range(waiting - 1):
            assert close_of_day.roll_over(desk=desk, now=last_moment(waiting)) is None
        assert close_of_day.roll_over(desk=desk, now=last_moment(waiting)) is None
    chosen = [dice.choice(lent) for _ in range(loans * PAYMENTS_A_LOAN)]
    sources = desk.ids.many(last_moment(waiting), len(chosen))
    return [
        Payment(source, one.party.loan_id, _amount(dice, one.terms), dice.choice(_DAYS_AGO))
        for source, one in zip(sources, chosen, strict=True)
    ]


def last_moment(waiting: int) -> datetime:
    """When that many days after the first are over."""
    return datetime.combine(open_on(waiting), time(0, 10), ZONE)


def _found(ids: IdSource) -> Desk:
    opening = datetime.combine(FIRST_DAY, time(0, 10), ZONE)
    by = system_actor("prove")
    made = founding.found(new=NewBook(CODE, "Yuefu Demo Lender", "test", FIRST_DAY), now=opening, by=by, ids=ids, months=3)
    assert isinstance(made, Founded), made
    return desk_of(made.book, ids)


def desk_of(book: Book, ids: IdSource) -> Desk:
    """The desk of the proof."""
    return Desk(book, system_actor("prove"), ids, vault.load(_keys()), SandboxChannel(book), SandboxBank(book))


def _keys() -> Path:
    from django.conf import settings

    return Path(settings.YUEFU_KEYS_FILE)


def at(desk: Desk, now: datetime) -> Desk:
    """The desk with the clock of its book moved on."""
    with sql.transacting():
        moved = books.move_clock(book=desk.book, to=now)
    assert isinstance(moved, Book), moved
    return replace(desk, book=moved)


def _close(desk: Desk, on: date) -> None:
    after = datetime.combine(on + timedelta(days=1), time(0, 10), ZONE)
    closed = close_of_day.close_day(desk=at(desk, after), now=after, on=on)
    assert isinstance(closed, Closed), closed


def _bring_in(desk: Desk, dice: random.Random, count: int) -> list[_Lent]:
    now = datetime.combine(FIRST_DAY, time(12), ZONE)
    ids = desk.ids.many(now, 2 * count)
    lent = [_lent(dice, desk.book, loan_id, consumer_id) for loan_id, consumer_id in zip(ids[:count], ids[count:], strict=True)]
    with sql.transacting():
        work = _open(desk, now)
        assert not any(living.agree(work=work, agreements=[(one.party, one.terms) for one in lent]))
    # One fact a loan at a time: of several at once each would be told anew from all before it.
    for n in range(max(len(one.facts) for one in lent)):
        with sql.transacting():
            work = _open(desk, now)
            due = [one for one in lent if n < len(one.facts)]
            sources = work.ids.many(now, len(due))
            facts = [NewFact(source, one.party.loan_id, one.facts[n]) for source, one in zip(sources, due, strict=True)]
            outcomes = living.enter(work=work, facts=facts)
            assert all(isinstance(one, Entered) for one in outcomes), outcomes
            post_money(work, f"prove:{n}", [fact.entry for fact in facts])
    return lent


def _open(desk: Desk, now: datetime) -> UnitOfWork:
    work = days.working(book=desk.book, now=now, by=desk.by, ids=desk.ids)
    assert isinstance(work, UnitOfWork), work
    return work


def post_money(work: UnitOfWork, key: str, facts: Sequence[object]) -> None:
    """What went out or came in with facts, at the bank: clearing accounts are empty after it."""
    lent = sum(fact.amount.minor for fact in facts if isinstance(fact, e.Disbursed))
    lent -= sum(fact.amount.minor for fact in facts if isinstance(fact, e.BoughtDown))
    paid = sum(fact.amount.minor for fact in facts if isinstance(fact, e.Paid | e.Recovered))
    cash = payments.money_accounts(book_id=work.book.id)[OPERATING].id
    lines = [
        Line(AccountKey("bank_cash", cash), Money(paid - lent, CURRENCY), movement="payment"),
        Line(AccountKey("collections_clearing"), Money(-paid, CURRENCY)),
        Line(AccountKey("purchase_clearing"), Money(lent, CURRENCY)),
    ]
    moving = tuple(line for line in lines if line.amount)
    if moving:
        (posted,) = ledger.post(work=work, entries=[Entry(key, "prove.money", moving)])
        assert isinstance(posted, Posted), posted


# ------------------------------------------------------------------------------------------------------------------------------ its loans


def _lent(dice: random.Random, book: Book, loan_id: UUID, consumer_id: UUID) -> _Lent:
    product = dice.choice(_PRODUCTS)
    terms = _terms(dice, product)
    party = Party(loan_id, None, None, consumer_id, None, book.id, product.name, CURRENCY, "elsewhere")
    return _Lent(party, terms, tuple(_lived(dice, terms, product)))


def _terms(dice: random.Random, product: _Product) -> LoanTerms:
    """Terms of a loan that was lent in the last half year; on every third something falls due on one of the days that close."""
    periods = dice.choice((1, 3, 6, 12))
    near = FIRST_DAY + timedelta(days=dice.randrange(MOST_WAITING + 2))
    day = near.day if dice.random() < 0.35 else dice.randrange(1, 29)
    months = dice.randrange(min(periods, 6) + 1)
    first = _months_before(FIRST_DAY.replace(day=1), months, day)
    return LoanTerms(
        principal=Money(dice.randrange(300_00, 9_000_00, 100), CURRENCY),
        periods=periods,
        annual_rate=Rate(dice.choice(product.rates)),
        disbursed_on=min(first - timedelta(days=dice.randrange(20, 46)), FIRST_DAY),
        first_due_on=first,
        recalculate=product.recalculate,
        late=_LATE,
        fees=product.fees,
        waterfall=product.waterfall,
    )


def _months_before(of: date, months: int, day: int) -> date:
    year, month0 = divmod(of.year * 12 + of.month - 1 - months, 12)
    return date(year, month0 + 1, min(day, monthrange(year, month0 + 1)[1]))


def _lived(dice: random.Random, terms: LoanTerms, product: _Product) -> list[Event]:
    """Lent and paid as asked, but for the last one to three instalments of a quarter of all loans; then, for some, something else."""
    happened: list[Event] = [e.Disbursed(terms.disbursed_on, terms.principal)]
    if product.bought_down:
        happened.append(e.BoughtDown(terms.disbursed_on, Money(terms.principal.minor // 20, CURRENCY)))
    life = rules.begun(terms)
    for event in happened:
        life = rules.entered(life, event, FIRST_DAY)
    passed = [day for day in due_days(terms) if day <= FIRST_DAY]
    late = dice.randrange(1, 4) if dice.random() < 0.25 else 0
    for k, due in enumerate(passed[: len(passed) - late]):
        asked = looked_at(life.state, due).rows.unpaid(k)
        if asked:
            happened.append(e.Paid(due, Money(asked + (dice.randrange(1, 50_00) if dice.random() < 0.1 else 0), CURRENCY)))
            life = rules.entered(life, happened[-1], FIRST_DAY)
    if life.status == "active" and dice.random() < 0.2:
        happened.append(_besides(dice))
    return happened


def _besides(dice: random.Random) -> Event:
    """Something that is rarer than a payment; what is entered ahead comes true while the days close."""
    ahead = FIRST_DAY + timedelta(days=dice.randrange(1, MOST_WAITING + 2))
    until = ahead + timedelta(days=dice.randrange(5))
    choices: tuple[Event, ...] = (
        e.InterestPaused(ahead, until),
        e.ArrearsPaused(ahead, until),
        e.ChargedOff(FIRST_DAY),
        e.WrittenOff(FIRST_DAY),
        e.Charged(FIRST_DAY, "post", t.Part.FEE, Money(5_00, CURRENCY), ahead),
    )
    return dice.choice(choices)


def _amount(dice: random.Random, terms: LoanTerms) -> int:
    """About an instalment, a part of one, or so much that the loan may end with it."""
    about = terms.principal.minor // terms.periods
    return dice.choice((about, about * 11 // 10, 1_00, about // 3, terms.principal.minor))


# ------------------------------------------------------------------------------------------------------------------------------- payments


def pay(*, work: UnitOfWork, paid: Sequence[Payment]) -> list[Entered | Refused]:
    """Enters payments on the open day, each with the money of it at the bank. One outcome each, in order."""
    facts = [
        NewFact(one.source_id, one.loan_id, e.Paid(work.day.on - timedelta(days=one.days_ago), Money(one.minor, CURRENCY))) for one in paid
    ]
    outcomes = living.enter(work=work, facts=facts)
    for fact, outcome in zip(facts, outcomes, strict=True):
        if isinstance(outcome, Entered):
            post_money(work, f"prove.money:{fact.source_id}", [fact.entry])
    return outcomes
