"""What is told of a loan: the lines of its list of transactions, its charges, its income, and the loan itself at a point of its story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.terms import Part
from yuefu.plans.lifecycle.work import LoanState, Outcome
from yuefu.proofs.conform_loans.inputs import Loan


@dataclass(slots=True)
class Transaction:
    """A line of the list: the entry it came from, its day and name, and what became of it when it last counted."""

    entry: int
    on: date
    type: str
    amount: str
    outcome: Outcome | None = None
    reverted: bool = False
    shows_balance: bool = True


@dataclass(frozen=True, slots=True)
class Accrued:
    """Income booked on a day: interest, fees, penalties, and what was earned of the merchant's fee."""

    on: date
    interest: int
    fees: int
    penalties: int
    bought_down: int = 0


@dataclass(slots=True)
class ChargeLine:
    """A charge as the source lists it."""

    entry: int
    name: str
    part: Part
    due_on: date | None
    placed: str
    counted: str
    amount_minor: int


@dataclass(slots=True)
class Told:
    """The loan after some of its events, seen on the day on which the last one was entered, or a later one. `frauds` are the entries of charge-offs
    for fraud."""

    loan: Loan
    state: LoanState
    today: date
    transactions: list[Transaction]
    charges: list[ChargeLine]
    entries: list[Event | Undone]
    accruals: list[Accrued]
    frauds: frozenset[int]
