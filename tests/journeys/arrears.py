"""People who owe: loans of rule version 2026-2 in a shop's book, lent long ago, and what is done about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.journeys.conftest import ZONE, Shop
from tests.people import person
from tests.plans.lifecycle.small_loans import fen
from yuefu.collecting import commands as cases
from yuefu.collecting import queries as case_book
from yuefu.collecting.commands import Looked, NewContact, NewMeasure, NewPromise
from yuefu.collecting.queries import Case, Measure
from yuefu.errors import Refused
from yuefu.journeys import collecting
from yuefu.journeys.desk import Desk, open_day
from yuefu.ledger import commands as ledger_commands
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.loans import entries
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import Life, Party
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments import queries as payments
from yuefu.payments.rules import OPERATING
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.values import Actor, UnitOfWork

CLEARED = ("collections_clearing", "purchase_clearing")
ALICE, BOB = person("alice"), person("bob")


def stands(one: Kept, life: Life, closed: date) -> Position:
    """Where a loan stands in the books of a day that was closed."""
    running = one.running
    if running.since >= closed:
        return running.position
    if closed.toordinal() <= running.stretch.until:
        return entries.run_on(running.position, running.stretch, running.since.toordinal(), closed.toordinal())
    return entries.position(life.state, life.tally, closed)


@dataclass
class Town:
    """A shop's book in which people owe; what they owe with is not bought there."""

    shop: Shop
    lent: list[UUID] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        return self.shop.desk

    @property
    def book_id(self) -> UUID:
        return self.shop.book_id

    @property
    def on(self) -> date:
        return self.shop.on

    def at(self, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(self.on, time(hour, minute), ZONE)

    def desk_of(self, by: Actor) -> Desk:
        return replace(self.desk, by=by)

    def ago(self, days: int) -> date:
        return self.on - timedelta(days=days)

    def lend(self, consumer_id: UUID, *, principal: int = 1200_00, first_due_on: date | None = None, **given: Any) -> UUID:
        """1200.00 at 12 % in 6 months, of which the first instalment fell due 5 days ago unless told otherwise; with a late fee of 10.00."""
        first = first_due_on or self.ago(5)
        usual: dict[str, Any] = {"periods": 6, "annual_rate": Rate(120_000), "late": t.LateTerms(fee=fen(10_00))}
        terms = LoanTerms(principal=fen(principal), disbursed_on=first - timedelta(days=31), first_due_on=first, **usual | given)
        party = Party(uuid4(), None, None, consumer_id, None, self.book_id, "flex", "CNY", "elsewhere")
        with open_day(self.desk, self.at(9)) as work:
            assert not isinstance(work, Refused)
            assert living.agree(work=work, agreements=[(party, terms)]) == [None]
        self.lent.append(party.loan_id)
        self.enter(party.loan_id, e.Disbursed(terms.disbursed_on, terms.principal))
        return party.loan_id

    def try_enter(self, loan_id: UUID, *entries: Event | Undone) -> list[Entered | Refused]:
        with open_day(self.desk, self.at(9)) as work:
            assert not isinstance(work, Refused)
            facts = [NewFact(uuid4(), loan_id, entry) for entry in entries]
            outcomes = living.enter(work=work, facts=facts)
            _at_the_bank(work)
        return outcomes

    def enter(self, loan_id: UUID, *entries: Event | Undone) -> None:
        outcomes = self.try_enter(loan_id, *entries)
        assert all(isinstance(one, Entered) for one in outcomes), outcomes

    def pay(self, loan_id: UUID, amount: int, on: date | None = None) -> None:
        self.enter(loan_id, e.Paid(on or self.on, fen(amount)))

    def look(self) -> Looked:
        looked = collecting.run(desk=self.desk, now=self.at(9))
        assert isinstance(looked, Looked), looked
        return looked

    def case(self, consumer_id: UUID) -> Case:
        """The latest case of a person."""
        return case_book.cases_of(book_id=self.book_id, consumer_id=consumer_id)[0]

    def contact(self, case: Case, *, hour: int = 10, minute: int = 0, **given: Any) -> UUID | Refused:
        new = NewContact(**{"key": str(uuid4()), "case_id": case.id, "channel": "call", **given})
        (outcome,) = collecting.contact(desk=self.desk, now=self.at(hour, minute), contacts=[new])
        return outcome

    def promise(self, case: Case, amount: int, due_on: date) -> UUID | Refused:
        (outcome,) = collecting.promise(desk=self.desk, now=self.at(10), promises=[NewPromise(str(uuid4()), case.id, fen(amount), due_on)])
        return outcome

    def promise_state(self, promise_id: UUID | Refused) -> str:
        assert isinstance(promise_id, UUID), promise_id
        return case_book.promises_by_id(book_id=self.book_id, ids=[promise_id])[promise_id].state

    def propose(self, loan_id: UUID, event: Event | Undone, *, by: Actor = ALICE, key: str | None = None) -> UUID | Refused:
        new = NewMeasure(key or str(uuid4()), loan_id, event, "the person cannot pay")
        (outcome,) = collecting.propose(desk=self.desk_of(by), now=self.at(10), measures=[new])
        return outcome

    def measure(self, measure_id: UUID | Refused) -> Measure:
        assert isinstance(measure_id, UUID), measure_id
        return case_book.measures_by_id(book_id=self.book_id, ids=[measure_id])[measure_id]

    def decide(self, measure_id: UUID | Refused, *, by: Actor = BOB, approve: bool = True) -> UUID | Refused:
        approval_id = self.measure(measure_id).approval_id
        assert approval_id is not None
        with open_day(self.desk_of(by), self.at(11)) as work:
            assert not isinstance(work, Refused)
            return cases.decide_measure(work=work, approval_id=approval_id, approve=approve, reason="read")

    def done(self, loan_id: UUID, event: Event | Undone) -> UUID:
        """Proposed by one and approved by another."""
        measure_id = self.propose(loan_id, event)
        assert self.decide(measure_id) == measure_id
        assert isinstance(measure_id, UUID)
        return measure_id

    def status(self, loan_id: UUID) -> str:
        with sql.transacting():
            return keeping.lock(self.book_id, [loan_id])[loan_id].life.status

    def check(self) -> None:
        """The ledger has of each account what the loans are of it by themselves."""
        with sql.transacting():
            all_of_them = [row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE book_id = %s", [self.book_id])]
            kept = keeping.lock(self.book_id, all_of_them)
            closed = self.ago(1)
            lives = living.lives_on(kept, closed)
            stand = [stands(one, lives[loan_id], closed) for loan_id, one in kept.items()]
        own = {name: sum(getattr(position, name) for position in stand) for name in Position.__slots__}
        books = dict.fromkeys(Position.__slots__, 0)
        for (code, *_), minor in ledger.totals(self.book_id, list(Position.__slots__)).items():
            books[code] += minor
        assert {name: books[name] for name in books if name not in CLEARED} == {name: own[name] for name in own if name not in CLEARED}
        assert not any(books[name] for name in CLEARED)

    def let_days_pass(self, count: int, *, close: bool = True) -> None:
        for _ in range(count):
            self.shop.next_day(close=close)


def _at_the_bank(work: UnitOfWork) -> None:
    """What came in and went out is at the bank: nothing is left to be cleared."""
    left = {code: minor for (code, *_), minor in ledger.totals(work.book.id, list(CLEARED)).items() if minor}
    cash = payments.money_accounts(book_id=work.book.id)[OPERATING].id
    lines = [Line(AccountKey(code), Money(-minor, "CNY")) for code, minor in left.items()]
    if lines:
        bank = Line(AccountKey("bank_cash", cash), Money(sum(left.values()), "CNY"), movement="payment")
        lines += [bank] if bank.amount else []
        (posted,) = ledger_commands.post(work=work, entries=[Entry(f"test:{uuid4()}", "test.money", tuple(lines))])
        assert isinstance(posted, Posted), posted


def codes(outcomes: Sequence[UUID | Refused]) -> list[str]:
    """Refusals by their codes, what was done as done."""
    return [one.code if isinstance(one, Refused) else "done" for one in outcomes]
