"""An account of a loan over a range of days: where it stood before, what each fact changed, where it stands after. Pure.

By the days on which things are true, as they are known now: a fact that was entered late stands on its day, one that was undone changes nothing and
is marked. What a loan bears by itself between two facts (interest, charges, a kept credit that pays what falls due) is a line too, so that the opening
balance and all lines add up to the closing balance, part by part, and money moves what is owed by its amount, to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans.entries import Position, position
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.events import Event, Paid, Undone
from yuefu.plans.lifecycle.fold import apply, as_of, in_order, start
from yuefu.plans.lifecycle.plain import kind_of
from yuefu.plans.lifecycle.tally import Tally, counted
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState

DAYS_OUT_OF_ORDER: Final = "days_out_of_order"
DAY_AHEAD: Final = "day_ahead"  # an account is given of days that were


@dataclass(frozen=True, slots=True)
class Parts:
    """What is owed of each part, in minor units, and the credit balance that is owed to the consumer."""

    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0
    credit: int = 0

    @property
    def owed(self) -> int:
        """All that is owed, less the credit balance."""
        return self.principal + self.interest + self.fees + self.penalties - self.credit

    def __add__(self, more: Parts) -> Parts:
        return Parts(*[getattr(self, name) + getattr(more, name) for name in Parts.__slots__])

    def __sub__(self, less: Parts) -> Parts:
        return Parts(*[getattr(self, name) - getattr(less, name) for name in Parts.__slots__])


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact as it was entered, on which business day."""

    entry: Event | Undone
    recorded_on: date


@dataclass(frozen=True, slots=True)
class Line:
    """One movement. `borne`: by itself until the day `on`, what the next fact made due or ended among it. `fact`: by the fact `no`, which was entered
    on `recorded_on`. `undone`: a fact that does not count, for fact `undone_by` says so since `undone_on`."""

    kind: Literal["borne", "fact", "undone"]
    on: date
    moved: Parts
    no: int | None = None
    what: str | None = None
    amount: Money | None = None
    recorded_on: date | None = None
    undone_by: int | None = None
    undone_on: date | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The account of one loan from the end of the day before `first` to the end of `last`. `given_up` is what a write-off took out of it by then,
    `recovered` what came in after it: the first less the second is not in the closing balance, though the consumer may owe it still."""

    loan_id: UUID
    product: str
    currency: str
    first: date
    last: date
    status: str
    opening: Parts
    lines: tuple[Line, ...]
    closing: Parts
    given_up: int
    recovered: int


def account(loan_id: UUID, product: str, terms: LoanTerms, told: Sequence[Recorded], first: date, last: date) -> Account:
    """The account of a loan from all that was entered of it, in that order."""
    happened = [(no, event) for no, event in in_order([one.entry for one in told]) if event.on <= last]
    before = [event for _, event in happened if event.on < first]
    state, tally = start(terms), Tally()
    for event in before:
        state, tally = _after(state, tally, event)
    stands = opened = _stands(state, tally, first - timedelta(days=1))
    lines: list[Line] = []
    for no, event in happened[len(before) :]:
        seen = _stands(state, tally, event.on)
        state, tally = _after(state, tally, event)
        after = _stands(state, tally, event.on)
        earned = _earned(seen, after)
        lines += _borne(event.on, _parts(seen) - _parts(stands) + earned)
        lines.append(_fact(no, event, _parts(after) - _parts(seen) - earned, told[no - 1].recorded_on, terms.currency))
        stands = after
    closed = _stands(state, tally, last)
    # A stable order: what does not count comes after the facts of its day, and what is borne to the end comes last.
    lines = sorted([*lines, *_undone(told, first, last)], key=lambda line: (line.on, line.kind == "undone"))
    lines += _borne(last, _parts(closed) - _parts(stands))
    status = as_of(state, last).status if state.lent else state.status
    return Account(
        loan_id, product, terms.currency, first, last, status, _parts(opened), tuple(lines), _parts(closed), tally.given_up, tally.recovered
    )


def _after(state: LoanState, tally: Tally, event: Event) -> tuple[LoanState, Tally]:
    after, outcome = apply(state, event)
    return after, counted(tally, event, outcome, state, after)


def _stands(state: LoanState, tally: Tally, day: date) -> Position:
    """Where a loan stands in the books by the end of a day; nowhere as long as nothing was lent."""
    return position(state, tally, day) if state.lent else Position()


def _parts(stands: Position) -> Parts:
    return Parts(stands.loan_principal, stands.loan_interest, stands.loan_fees, stands.loan_penalties, -stands.consumer_balance)


def _earned(before: Position, after: Position) -> Parts:
    """What a fact itself made due or no longer due, beside what it moved: interest of days to come that an early end asks, or a refund ends."""
    return Parts(
        interest=before.interest_income - after.interest_income,
        fees=before.loan_fee_income - after.loan_fee_income,
        penalties=before.penalty_income - after.penalty_income,
    )


def _borne(on: date, moved: Parts) -> list[Line]:
    return [Line("borne", on, moved)] if moved != Parts() else []


def _fact(no: int, event: Event, moved: Parts, recorded_on: date, currency: str) -> Line:
    """The line of a fact. One that names no amount of money has that which it changed of what is owed."""
    named = getattr(event, "amount", None)
    amount = named if isinstance(named, Money) else Money(abs(moved.owed), currency) if moved.owed else None
    return Line("fact", event.on, moved, no, word_of(event), amount, recorded_on)


def word_of(event: Event) -> str:
    """The kind of a fact; of a payment with who gave it: `paid_repayment`."""
    kind = kind_of(event)
    return f"{kind}_{event.by.value}" if isinstance(event, Paid) else kind


def _undone(told: Sequence[Recorded], first: date, last: date) -> Iterator[Line]:
    for by, undo in enumerate(told, start=1):
        if isinstance(undo.entry, Undone):
            fact = told[undo.entry.entry - 1]
            assert not isinstance(fact.entry, Undone), "what is undone is an event"
            if first <= fact.entry.on <= last:
                amount = getattr(fact.entry, "amount", None)
                yield Line(
                    "undone", fact.entry.on, Parts(), undo.entry.entry, word_of(fact.entry), amount, fact.recorded_on, by, undo.recorded_on
                )


@dataclass(frozen=True, slots=True)
class Statement:
    """The accounts of one loan or of all loans of a consumer over a range of days, both ends included. `left_out` are active loans of rule version
    2026-1, of which there is no account."""

    consumer_id: UUID
    first: date
    last: date
    accounts: tuple[Account, ...]
    left_out: tuple[UUID, ...] = ()

    def sums(self) -> dict[str, tuple[Parts, Parts]]:
        """Opening and closing balances of all accounts together, by currency."""
        found: dict[str, tuple[Parts, Parts]] = {}
        for one in self.accounts:
            opening, closing = found.get(one.currency, (Parts(), Parts()))
            found[one.currency] = opening + one.opening, closing + one.closing
        return found


def days_refusal(first: date, last: date, today: date) -> Refused | None:
    """Why no account can be given of a range of days."""
    if last < first:
        return Refused(DAYS_OUT_OF_ORDER, f"the range ends on {last}, before its first day {first}", "last")
    if last > today:
        return Refused(DAY_AHEAD, f"an account is given of days that were, {today} at the latest", "last")
    return None
