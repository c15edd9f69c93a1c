"""Quotes of early settlement: what they ask, how long they hold, and who may take them up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SHANGHAI
from tests.papers.conftest import FIRST, Lender
from tests.plans.lifecycle.lives import MANY, lives
from tests.plans.lifecycle.small_loans import fen
from yuefu.errors import Refused
from yuefu.journeys import papers
from yuefu.journeys.desk import open_day
from yuefu.loans.queries import keeping
from yuefu.money.amounts import Money
from yuefu.papers import queries as paper_book
from yuefu.papers.commands import QuoteRequest
from yuefu.papers.rules.quotes import VALID_MINUTES, PayoffQuote, content, digest, loan_payoff, settling_event
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import apply
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import Excess, LoanTerms
from yuefu.runtime import policies, sql


def code(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def test_a_quote_is_what_the_loans_ask_part_by_part_and_paying_it_ends_them(lender: Lender) -> None:
    plain = lender.lent()
    late = lender.lent(None, late=t.LateTerms(fee=fen(10_00)))
    kept = lender.lent(None, e.Paid(date(2026, 9, 1), fen(50_00), excess=Excess.KEEP))
    found = lender.quoted()
    assert [one.loan_id for one in found.loans] == sorted([plain, late, kept])
    by_loan = {one.loan_id: one for one in found.loans}
    assert by_loan[plain].principal == fen(1200_00)
    assert by_loan[plain].interest == fen(16_57)  # 1200 × 12 % × 42 nights of 365
    assert by_loan[late].penalties == fen(10_00)
    assert by_loan[kept].principal + by_loan[kept].from_credit >= fen(1200_00) - fen(50_00)
    assert found.total == sum((one.total for one in found.loans[1:]), found.loans[0].total)
    for loan_id, one in by_loan.items():
        state = keeping.read(lender.desk.book.id, [loan_id])[loan_id].life.state
        after, outcome = apply(state, e.PaidOff(FIRST))
        assert after.status == "closed"
        assert one.total == outcome.principal + outcome.interest + outcome.fees + outcome.penalties + outcome.credit
    assert (found.on, found.valid_until.astimezone(SHANGHAI).isoformat()) == (FIRST, "2026-10-02T00:00:00+08:00")


def test_what_is_stored_is_what_was_promised_and_known_by_its_hash(lender: Lender) -> None:
    lender.lent()
    made = lender.quoted()
    stored = paper_book.quoted(lender.desk.book.id, made.id)
    assert stored == made
    assert digest(content(stored)) == stored.sha256
    assert digest(content(replace(stored, loans=(replace(stored.loans[0], interest=fen(1)),)))) != stored.sha256
    assert paper_book.quoted(uuid4(), made.id) is None


def test_the_same_key_gives_the_same_quote_also_after_something_happened(lender: Lender) -> None:
    loan_id = lender.lent()
    first = lender.quoted(loan_id, key="once")
    lender.enter(loan_id, e.Paid(FIRST, fen(100_00)))
    assert lender.quoted(loan_id, key="once") == first
    assert code(lender.ask(key="once")) == "key_reused"
    assert lender.quoted(loan_id).total < first.total


def test_the_setting_shortens_how_long_a_quote_holds_but_never_beyond_its_day(lender: Lender) -> None:
    loan_id = lender.lent()
    with open_day(lender.desk, lender.at()) as work:
        assert not isinstance(work, Refused)
        policies.establish(work=work, name=VALID_MINUTES, value=30, valid_from=FIRST)
    assert lender.quoted(loan_id).valid_until == lender.at(10, 30)
    assert lender.quoted(loan_id, now=lender.at(23, 45)).valid_until == lender.at(23, 45) + timedelta(minutes=15)


@pytest.mark.parametrize("value", [0, 1441, "30", True, None, 2.5])
def test_the_setting_is_minutes_of_one_day(value: Any) -> None:
    from yuefu.papers.rules.quotes import minutes

    with pytest.raises(ValueError, match="whole number of minutes"):
        minutes(value)
    assert minutes(1440) == 1440


def test_what_cannot_be_quoted_is_refused_and_its_key_is_free_for_later(lender: Lender) -> None:
    mine, other = lender.lent(), lender.lent(lender.bert)
    assert code(lender.ask(uuid4())) == "unknown_loan"
    assert code(lender.ask(mine, other)) == "unknown_loan", "another consumer's loan is nobody's business"
    assert code(lender.ask(lender.agreed())) == "not_disbursed"
    lender.enter(other, e.WrittenOff(FIRST))
    assert code(lender.ask(other, of=lender.bert)) == "loan_written_off"
    assert code(lender.ask(of=lender.bert, key="later")) == "nothing_owed"
    lender.lent(lender.bert)
    assert isinstance(lender.ask(of=lender.bert, key="later"), PayoffQuote)
    lender.enter(mine, e.PaidOff(FIRST))
    assert code(lender.ask(mine)) == "nothing_owed"
    assert (
        code(papers.quote(desk=lender.desk, now=lender.at() + timedelta(days=1), requests=[QuoteRequest("late", lender.bert)])[0])
        == "day_over"
    )
    assert not lender.events("payoff_quote")[1:], "a refusal tells nobody"


def test_where_the_credit_balance_pays_it_all_there_is_nothing_to_pay(lender: Lender) -> None:
    loan_id = lender.lent(None, e.Paid(date(2026, 9, 1), fen(1300_00), excess=Excess.KEEP))
    assert code(lender.ask(loan_id)) == "nothing_owed"


def test_loans_of_several_currencies_are_no_one_sum(lender: Lender) -> None:
    lender.lent()
    dollars = lender.lent(currency="USD")
    assert code(lender.ask()) == "currency_differs"
    assert lender.quoted(dollars).total > Money(1200_00, "USD")


def test_a_quote_is_used_once_by_whoever_pays_it(lender: Lender) -> None:
    lender.lent()
    made, payment = lender.quoted(), uuid4()
    assert code(lender.use(made, of=lender.bert)) == "unknown_quote"
    assert code(lender.use(replace(made, id=uuid4()))) == "unknown_quote"
    used = lender.use(made, source=payment)
    assert isinstance(used, PayoffQuote)
    assert (used.used_for, used.used_at) == (payment, lender.at(11))
    assert lender.use(made, source=payment, now=lender.at(12)) == used
    assert code(lender.use(made)) == "quote_used"
    found = lender.events("payoff_quote")
    assert [(kind, seq) for kind, seq, _ in found] == [("payoff_quote.issued", 1), ("payoff_quote.used", 2)]
    assert found[1][2]["used_for_id"] == str(payment)


def test_a_quote_ends_at_its_moment_and_with_its_day(lender: Lender) -> None:
    loan_id = lender.lent()
    made = lender.quoted(loan_id)
    assert code(lender.use(made, now=made.valid_until)) == "quote_expired"
    lender.next_day()
    assert code(lender.use(made, now=lender.at(9))) == "quote_expired"
    again = lender.quoted(loan_id)
    assert again.total.minor - made.total.minor == 39, "a night more"  # 1200 × 12 % / 365


def test_whatever_happens_to_a_loan_makes_its_quote_stale(lender: Lender) -> None:
    one, two = lender.lent(), lender.lent()
    made = lender.quoted(one, two)
    lender.enter(two, e.Paid(date(2026, 9, 1), fen(1_00)))
    assert code(lender.use(made)) == "quote_stale"
    made = lender.quoted(one, two)
    lender.enter(two, Undone(2))
    assert code(lender.use(made)) == "quote_stale"
    made = lender.quoted(one, two)
    lender.enter(one, e.PaidOff(FIRST))
    assert code(lender.use(made)) == "quote_stale", "of the other something is owed still"
    lender.enter(two, e.PaidOff(FIRST))
    assert code(lender.use(made)) == "nothing_owed"


@MANY
@given(lives(), st.integers(0, 60))
def test_what_settles_a_loan_takes_in_what_was_quoted_to_the_cent(life: tuple[LoanTerms, list[Event]], days: int) -> None:
    agreed, happened = life
    on = max(event.on for event in happened) + timedelta(days=days)
    state, tally = told(agreed, happened)
    try:
        quoted = loan_payoff(UUID(int=1), len(happened), state, on)
    except LoanError:  # nothing is owed, or it was written off
        return
    event = settling_event(quoted, on, len(happened))
    assert event is not None
    after, paid = told(agreed, [*happened, event])
    assert (after.status, paid.repaid - tally.repaid) == ("closed", quoted.total.minor)


def test_what_was_paid_by_a_quote_is_entered_later_as_of_its_day(lender: Lender) -> None:
    one, two = lender.lent(), lender.lent(None, late=t.LateTerms(fee=fen(10_00)))
    made = lender.quoted()
    assert isinstance(lender.use(made), PayoffQuote)
    lender.next_day()
    for part in made.loans:
        event = settling_event(part, made.on, part.seq)
        assert event is not None
        lender.enter(part.loan_id, event)
    kept = keeping.read(lender.desk.book.id, [one, two])
    assert [kept[part.loan_id].life.tally.repaid for part in made.loans] == [part.total.minor for part in made.loans]
    assert {lender.certified(loan_id).settled.settled_on for loan_id in (one, two)} == {made.on}


def test_what_something_happened_to_since_takes_the_money_and_no_more(lender: Lender) -> None:
    loan_id = lender.lent()
    (part,) = lender.quoted().loans
    assert settling_event(part, FIRST, part.seq + 1) == e.Paid(FIRST, part.total)
    assert settling_event(replace(part, principal=fen(0), interest=fen(0)), FIRST, part.seq + 1) is None
    assert part.loan_id == loan_id


def test_many_quotes_take_as_many_statements_as_one(lender: Lender, monkeypatch: pytest.MonkeyPatch) -> None:
    loans = [lender.lent() for _ in range(12)]
    execute, sent = sql._executed, 0

    def heard(query: str, params: Any) -> Any:
        nonlocal sent
        sent += 1
        return execute(query, params)

    monkeypatch.setattr(sql, "_executed", heard)

    def statements(*requests: QuoteRequest) -> int:
        nonlocal sent
        sent = 0
        outcomes = papers.quote(desk=lender.desk, now=lender.at(), requests=requests)
        assert all(isinstance(one, PayoffQuote) for one in outcomes)
        return sent

    statements(QuoteRequest("the terms of a sheet are read once a process", lender.anna, (loans[0],)))
    few = statements(QuoteRequest("few", lender.anna, (loans[0],)))
    many = statements(*[QuoteRequest(f"many-{k}", lender.anna, tuple(loans)) for k in range(10)])
    assert 5 < many == few


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE papers_payoff_quote SET total_minor = 1",
        "UPDATE papers_payoff_line SET interest_minor = 0",
        "DELETE FROM papers_payoff_use",
    ],
)
def test_nobody_rewrites_a_quote(lender: Lender, as_role: Any, attack: str) -> None:
    lender.lent()
    lender.use(lender.quoted())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(attack)


def attacked(statement: str, params: list[Any]) -> str:
    with pytest.raises(psycopg.Error) as raised, sql.transacting():
        sql.run(statement, params)
    return str(raised.value)


def test_the_tables_hold_a_quote_together(lender: Lender) -> None:
    mine, other = lender.lent(), lender.lent(lender.bert)
    made = lender.quoted(mine)
    line = (
        "INSERT INTO papers_payoff_line (quote_id, loan_id, book_id, consumer_id, seq, principal_minor, interest_minor, fees_minor, penalties_minor,"
        " from_credit_minor, total_minor, saved_minor) VALUES (%s, %s, %s, %s, 1, %s, 0, 0, 0, 0, %s, 0)"
    )
    book_id = lender.desk.book.id
    second = lender.lent()
    assert "not what it asks" in attacked(line, [made.id, second, book_id, lender.anna, 5, 5])
    assert "papers_payoff_line_adds_up" in attacked(line, [made.id, second, book_id, lender.anna, 5, 6])
    copy = 'WITH made AS (INSERT INTO papers_payoff_quote SELECT %s, book_id, consumer_id, "on", currency, 1, 5, issued_at, valid_until, sha256 FROM'
    new = uuid4()
    copied = f"{copy} papers_payoff_quote WHERE id = %s RETURNING id) {line}"
    assert "not its own" in attacked(copied, [new, made.id, new, other, book_id, lender.anna, 5, 5])
    assert "papers_payoff_line_book_id_quote_id_consumer_id_fk" in attacked(line, [made.id, other, book_id, lender.bert, 5, 5])
    use = "INSERT INTO papers_payoff_use (quote_id, book_id, consumer_id, source_id, used_at, used_by) VALUES (%s, %s, %s, %s, %s, 'x')"
    assert "does not hold" in attacked(use, [made.id, book_id, lender.anna, uuid4(), made.valid_until])


def test_a_consumer_reads_the_own_quotes_only(lender: Lender) -> None:
    lender.lent()
    lender.lent(lender.bert)
    mine, other = lender.quoted(), lender.quoted(of=lender.bert)

    def seen(reader: UUID) -> list[UUID]:
        with sql.reading(consumer_id=reader):
            return [i for i in (mine.id, other.id) if paper_book.quoted(lender.desk.book.id, i)]

    assert (seen(lender.anna), seen(lender.bert)) == ([mine.id], [other.id])
