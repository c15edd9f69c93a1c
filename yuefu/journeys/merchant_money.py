"""A merchant's own money: its fund plan over what it was paid, how much of its sales is by monthly payment, and what is missing if it is paid later; and
what it plans and tells of itself.

Reads inside the caller's `sql.reading(…)`, and what a merchant tells of itself. Nothing here holds money back or moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.growth import commands
from yuefu.growth import queries as growth
from yuefu.growth.commands import Bill
from yuefu.growth.queries import Payable
from yuefu.growth.rules import concentration as rules
from yuefu.growth.rules import plans, stress
from yuefu.growth.rules.concentration import Lines, Month
from yuefu.growth.rules.plans import Envelope, Plan
from yuefu.growth.rules.stress import Dated, Stress
from yuefu.insight import queries as insight
from yuefu.journeys.desk import Desk, open_day
from yuefu.money.amounts import Money
from yuefu.runtime import policies
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement

SHIFT_INVALID: Final = "shift_invalid"
HORIZON_INVALID: Final = "horizon_invalid"

_MOST_MONTHS: Final = 36


@dataclass(frozen=True, slots=True)
class Divided:
    """A batch that was paid out on its pay day, by the plan of that day."""

    pay_on: date
    paid: Money
    plan: Plan
    parts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Funds:
    """The plan of today, and the batches of some days by the plans of their pay days; `sums` are by the names of envelopes."""

    plan: Plan
    divided: tuple[Divided, ...]
    sums: tuple[tuple[str, Money], ...]


@dataclass(frozen=True, slots=True)
class Liquidity:
    """What comes to a merchant and what it owes, and the path of its money as agreed and under stress. `waiting` has no day yet, for it settles from an
    event: it is on no path."""

    cash: Money
    waiting: Money
    coming: tuple[Dated, ...]
    due: tuple[Dated, ...]
    stress: Stress
    payables: tuple[Payable, ...]


def funds(*, book: Book, merchant_id: UUID, today: date, since: date, until: date) -> Funds:
    """Batches of pay days between two, each divided by largest remainder: the parts are what was paid, to the cent. A payout that the
    bank sent back counts: it is sent again."""
    known = growth.plans(merchant_id=merchant_id)
    divided = []
    sums: dict[str, Money] = {}
    ids = settlement.batches_between(merchant_id=merchant_id, since=since, until=until)
    for statement in settlement.statements(batch_ids=ids):
        paid = statement.batch.totals.payout
        if not paid:
            continue
        plan = plans.in_force(known, statement.batch.pay_on, merchant_id)
        parts = plans.divided(paid, plan.envelopes)
        divided.append(Divided(statement.batch.pay_on, paid, plan, tuple(parts)))
        for envelope, part in zip(plan.envelopes, parts, strict=True):
            sums[envelope.name] = sums.get(envelope.name, Money.zero(book.currency)) + part
    return Funds(plans.in_force(known, today, merchant_id), tuple(divided), tuple(sums.items()))


def concentration(*, book: Book, merchant_id: UUID, today: date, lines: Lines, months: int = 12) -> list[Month]:
    """Months that are over, the latest first: what was sold by monthly payment of all that the merchant says it took."""
    assert 1 <= months <= _MOST_MONTHS, "some months"
    firsts: list[tuple[date, date]] = []
    last = today.replace(day=1) - timedelta(days=1)
    while len(firsts) < months:
        firsts.append((last.replace(day=1), last))
        last = last.replace(day=1) - timedelta(days=1)
    told = growth.revenue(merchant_id=merchant_id, since=firsts[-1][0], until=firsts[0][0])
    sold = insight.sold_by_month(book.id, merchant_id, book.currency, firsts[-1][0], firsts[0][1])
    return [rules.month(first, Money(sold.get(first, 0), book.currency), told.get(first), lines) for first, _ in firsts]


def lines_of(*, book: Book, on: date) -> Lines:
    """The watch line and the alert of a book. Asked outside of the scope of a merchant, which sees no settings."""
    try:
        return rules.lines(policies.in_force(book_id=book.id, name=rules.POLICY, on=on)[1])
    except MissingSetting:
        return rules.lines(dict(rules.DEFAULT_POLICY))


def liquidity(*, book: Book, merchant_id: UUID, today: date, cash: Money, shift_days: int, horizon_days: int = 60) -> Liquidity | Refused:
    """What is missing, and when, if all that is to come from here comes `shift_days` later, until so many days from today. Refused with shift_invalid or
    horizon_invalid."""
    if not 0 <= shift_days <= stress.LONGEST_SHIFT:
        return Refused(SHIFT_INVALID, f"a shift is 0 to {stress.LONGEST_SHIFT} days", "days")
    if not 1 <= horizon_days <= stress.LONGEST_HORIZON:
        return Refused(HORIZON_INVALID, f"one looks 1 to {stress.LONGEST_HORIZON} days ahead", "horizon")
    comes = tuple(
        Dated(one.on, Money(one.minor, book.currency), one.what) for one in insight.coming(book.id, merchant_id, book.currency, today)
    )
    payables = tuple(growth.payables(merchant_id=merchant_id))
    owed = tuple(Dated(one.due_on, one.amount, one.supplier) for one in payables)
    until = today + timedelta(days=horizon_days)
    waits = settlement.undated(book_id=book.id, currency=book.currency, merchant_id=merchant_id)
    return Liquidity(
        cash, waits, comes, owed, stress.stressed(cash, comes, owed, today=today, until=until, shift_days=shift_days), payables
    )


def change_plan(*, desk: Desk, now: datetime, merchant_id: UUID, envelopes: Sequence[Envelope], valid_from: date | None) -> Plan | Refused:
    """As `growth.change_plan`; from today on unless a day is given."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        return commands.change_plan(work=work, merchant_id=merchant_id, envelopes=envelopes, valid_from=valid_from or work.day.on)


def tell_revenue(*, desk: Desk, now: datetime, merchant_id: UUID, month: date, amount: Money) -> Refused | None:
    """As `growth.tell_revenue`."""
    with open_day(desk, now) as work:
        return work if isinstance(work, Refused) else commands.tell_revenue(work=work, merchant_id=merchant_id, month=month, amount=amount)


def owe(*, desk: Desk, now: datetime, merchant_id: UUID, bill: Bill) -> UUID | Refused:
    """As `growth.owe`, of one bill."""
    with open_day(desk, now) as work:
        return work if isinstance(work, Refused) else commands.owe(work=work, merchant_id=merchant_id, bills=[bill])[0]


def end_payable(*, desk: Desk, now: datetime, merchant_id: UUID, supplier: str, reference: str, how: str) -> UUID | Refused:
    """As `growth.end_payable`."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        return commands.end_payable(work=work, merchant_id=merchant_id, supplier=supplier, reference=reference, how=how)
