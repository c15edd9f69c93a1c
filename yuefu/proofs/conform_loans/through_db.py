"""The loans of cases in a real loan book: agreed, entered and posted by its commands, and told from its tables."""

from __future__ import annotations

import random
from datetime import date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.loans.commands import living
from yuefu.loans.commands.living import NewFact
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.rules import Party
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import replay
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.proofs.conform_loans.course import Course
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork, system_actor

FIRST_DAY: Final = date(2200, 1, 1)
"""The one business day of the book, later than what any case tells: everything is entered late, as from a core that is left."""


class PostedOtherwise(Exception):
    """The ledger has something else of the loans than they have themselves."""


class LoanBook:
    """A book with one day, in which cases play. What is in it is the same each time, but for its name."""

    def __init__(self, code: str = "conform-loans") -> None:
        now = datetime.combine(FIRST_DAY, time(12), ZoneInfo("Asia/Shanghai"))
        ids = IdSource(random.Random(code).getrandbits)
        with sql.transacting():
            made = books.create(code=code, legal_entity="Loans of another core", mode="test", now=now, ids=ids, clock_at=now)
            ledger.make_partitions(first=FIRST_DAY, months=1)
            day = days.open_first(book=made, on=FIRST_DAY, now=now)
        self.work = UnitOfWork(made, day, now, system_actor("conform"), ids)

    def course(self, terms: LoanTerms) -> Course:
        """A loan of these terms, of which nothing has happened."""
        return KeptCourse(terms, book=self)

    def agree(self, terms: LoanTerms) -> UUID:
        """A new loan in the book. Raises LoanError as it refuses it."""
        loan_id, consumer = self.work.ids.many(self.work.now, 2)
        party = Party(loan_id, None, None, consumer, None, self.work.book.id, "moved", terms.currency, "a case")
        with sql.transacting():
            refused = living.agree(work=self.work, agreements=[(party, terms)])[0]
        if refused is not None:
            raise LoanError(refused.code, refused.detail, refused.field or "")
        return loan_id

    def check(self) -> None:
        """Raises PostedOtherwise where the ledger has another sum of an account than the loans have."""
        ids = [row[0] for row in sql.rows("SELECT loan_id FROM loans_checkpoint WHERE book_id = %s", [self.work.book.id])]
        own: dict[tuple[str, str], int] = {}
        with sql.transacting():
            for one in keeping.lock(self.work.book.id, ids).values():
                for name in Position.__slots__:
                    key = (name, one.party.currency)
                    own[key] = own.get(key, 0) + getattr(one.running.position, name)
        has: dict[tuple[str, str], int] = {}
        for (code, _, _, currency), minor in ledger_book.totals(self.work.book.id, list(Position.__slots__)).items():
            has[code, currency] = has.get((code, currency), 0) + minor
        wrong = {key: (minor, has.get(key, 0)) for key, minor in own.items() if minor != has.get(key, 0)}
        if wrong:
            told = ", ".join(
                f"{name} {currency} of the loans {has_}, of the ledger {own_}" for (name, currency), (has_, own_) in sorted(wrong.items())
            )
            raise PostedOtherwise(f"The loans and the ledger differ, in minor units: {told}.")


class KeptCourse(Course):
    """A loan whose entries, state and terms are those of the tables, read anew after each entry."""

    __slots__ = ("_book", "_loan_id")

    def __init__(self, terms: LoanTerms, *, book: LoanBook) -> None:
        super().__init__(terms)
        self._book = book
        self._loan_id = book.agree(terms)

    def enter(self, entry: Event | Undone) -> int:
        """Takes an entry and gives its number. Raises LoanError as the loan book refuses it."""
        self._enter(entry)
        self._read()
        return len(self.entries)

    def change_terms(self, terms: LoanTerms) -> None:
        """As if these had been agreed from the first: in another loan, for what was agreed is never rewritten."""
        self.terms = terms
        self._loan_id = self._book.agree(terms)
        for entry in list(self.entries):
            self._enter(entry)
        self._read()

    def _enter(self, entry: Event | Undone) -> None:
        work = self._book.work
        with sql.transacting():
            outcome = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), self._loan_id, entry)])[0]
        if isinstance(outcome, Refused):
            raise LoanError(outcome.code, outcome.detail, outcome.field or "")

    def _read(self) -> None:
        with sql.transacting():
            kept = keeping.lock(self._book.work.book.id, [self._loan_id])[self._loan_id]
        self.terms, self._state = kept.life.terms, kept.life.state
        self.entries = keeping.facts([self._loan_id])[self._loan_id]
        _, self.outcomes = replay(self.terms, self.entries)
        self.replayed = True
