"""A lender in a book of its own whose first day is 2026-10-01, and two people who borrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import SHANGHAI
from tests.plans.lifecycle.small_loans import fen
from yuefu.consumers import commands as consumers
from yuefu.errors import Refused
from yuefu.journeys import close_of_day, papers
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.jobs import desk_of
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.rules import Party
from yuefu.money.rates import Rate
from yuefu.papers import commands as paper_commands
from yuefu.papers.commands import QuoteRequest, UseQuote
from yuefu.papers.rules.certificates import Certificate
from yuefu.papers.rules.quotes import PayoffQuote
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import books, sql
from yuefu.runtime.values import Book
from yuefu.sim import people

FIRST = date(2026, 10, 1)
LENT = date(2026, 8, 20)


@dataclass
class Lender:
    """Lends, enters what happens, and hands out papers, each on the open day at an hour of the caller's."""

    desk: Desk
    anna: UUID
    bert: UUID
    on: date = FIRST

    def at(self, hour: int = 10, minute: int = 0) -> datetime:
        return datetime.combine(self.on, time(hour, minute), SHANGHAI)

    def agreed(self, consumer_id: UUID | None = None, *, principal: int = 1200_00, currency: str = "CNY", **given: Any) -> UUID:
        """1200.00 at 12 % in 3 months from 2026-08-20 on, nothing of it lent yet."""
        (loan_id,) = self.desk.ids.many(self.at(), 1)
        usual: dict[str, Any] = {"periods": 3, "annual_rate": Rate(120_000), "disbursed_on": LENT}
        agreed = LoanTerms(principal=replace_currency(principal, currency), **usual | given)
        party = Party(loan_id, None, None, consumer_id or self.anna, None, self.desk.book.id, "flex", currency, "elsewhere")
        with open_day(self.desk, self.at()) as work:
            assert not isinstance(work, Refused)
            assert living.agree(work=work, agreements=[(party, agreed)]) == [None]
        return loan_id

    def lent(self, consumer_id: UUID | None = None, *events: Event, **given: Any) -> UUID:
        loan_id = self.agreed(consumer_id, **given)
        amount = replace_currency(given.get("principal", 1200_00), given.get("currency", "CNY"))
        self.enter(loan_id, e.Disbursed(given.get("disbursed_on", LENT), amount), *events)
        return loan_id

    def enter(self, loan_id: UUID, *entries: Event | Undone) -> None:
        with open_day(self.desk, self.at()) as work:
            assert not isinstance(work, Refused)
            outcomes = living.enter(work=work, facts=[NewFact(uuid4(), loan_id, entry) for entry in entries])
        assert all(isinstance(one, Entered) for one in outcomes), outcomes

    def next_day(self) -> None:
        self.on += timedelta(days=1)
        with sql.transacting():
            moved = books.move_clock(book=self.desk.book, to=self.at(1))
        assert isinstance(moved, Book)
        self.desk = replace(self.desk, book=moved)
        assert close_of_day.roll_over(desk=self.desk, now=self.at(1)) is None

    # --- papers ---

    def ask(self, *loan_ids: UUID, of: UUID | None = None, key: str | None = None, now: datetime | None = None) -> PayoffQuote | Refused:
        request = QuoteRequest(key or uuid4().hex, of or self.anna, loan_ids)
        return papers.quote(desk=self.desk, now=now or self.at(), requests=[request])[0]

    def quoted(self, *loan_ids: UUID, **given: Any) -> PayoffQuote:
        found = self.ask(*loan_ids, **given)
        assert isinstance(found, PayoffQuote), found
        return found

    def use(
        self, quote: PayoffQuote, *, of: UUID | None = None, source: UUID | None = None, now: datetime | None = None
    ) -> PayoffQuote | Refused:
        with open_day(self.desk, now or self.at(11)) as work:
            assert not isinstance(work, Refused)
            return paper_commands.use(work=work, uses=[UseQuote(quote.id, of or self.anna, source or uuid4())])[0]

    def ask_certificate(self, loan_id: UUID) -> Certificate | Refused:
        return papers.certify(desk=self.desk, now=self.at(), loan_ids=[loan_id])[0]

    def certified(self, loan_id: UUID) -> Certificate:
        found = self.ask_certificate(loan_id)
        assert isinstance(found, Certificate), found
        return found

    def events(self, kind: str) -> list[tuple[str, int, Any]]:
        """Type, number and snapshot of what was told of papers of a kind, in order."""
        return sql.rows_as(
            lambda *row: row,
            "SELECT type, seq, snapshot FROM runtime_outbox WHERE book_id = %s AND object_kind = %s ORDER BY epoch, xid, id",
            [self.desk.book.id, kind],
        )


def replace_currency(minor: int, currency: str) -> Any:
    return replace(fen(minor), currency=currency) if currency != "CNY" else fen(minor)


@pytest.fixture
def lender(book: Book) -> Lender:
    desk = desk_of(book, "test")
    new = [people.customer(number=f"0000{k}", seed=7, as_of=FIRST).new for k in (4, 5)]
    with open_day(desk, datetime.combine(FIRST, time(10), SHANGHAI)) as work:
        assert not isinstance(work, Refused)
        anna, bert = consumers.register(work=work, vault=desk.vault, consumers=new)
    assert isinstance(anna, UUID)
    assert isinstance(bert, UUID)
    return Lender(desk, anna, bert)
