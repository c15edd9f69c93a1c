"""The account of a loan over a range of days adds up, part by part, whatever happened to it."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import MANY, lives
from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, fen, terms
from yuefu.loans.entries import Position, position
from yuefu.papers.rules.statements import Account, Parts, Recorded, account, days_refusal
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import in_order
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy

LOAN = UUID(int=1)
DAY = timedelta(days=1)


def books_say(agreed: LoanTerms, facts: list[Event | Undone], day: date) -> Parts:
    """What of a loan is owed by the end of a day, from the books' side: the facts up to it told at once."""
    known = [event for _, event in in_order(facts) if event.on <= day]
    stands = position(*told(agreed, known), day) if known else Position()
    return Parts(stands.loan_principal, stands.loan_interest, stands.loan_fees, stands.loan_penalties, -stands.consumer_balance)


def account_of(agreed: LoanTerms, facts: list[Event | Undone], first: date, last: date) -> Account:
    return account(LOAN, "flex", agreed, [Recorded(one, last) for one in facts], first, last)


def added_up(found: Account) -> Parts:
    total = found.opening
    for line in found.lines:
        total += line.moved
    return total


@MANY
@given(lives(), st.integers(-40, 600), st.integers(0, 700), st.data())
def test_opening_and_movements_are_the_closing_balance_and_both_are_the_books(
    life: tuple[LoanTerms, list[Event]], after: int, days: int, data: st.DataObject
) -> None:
    agreed, happened = life
    first = agreed.disbursed_on + after * DAY
    last = first + days * DAY
    facts: list[Event | Undone] = [*happened]
    if len(happened) > 1 and data.draw(st.booleans()):
        facts.append(Undone(len(happened)))  # the last one, so that those before still can be
    found = account_of(agreed, facts, first, last)
    assert added_up(found) == found.closing
    assert found.opening == books_say(agreed, facts, first - DAY)
    assert found.closing == books_say(agreed, facts, last)


@MANY
@given(lives())
def test_money_moves_what_is_owed_by_its_amount_to_the_cent(life: tuple[LoanTerms, list[Event]]) -> None:
    agreed, happened = life
    found = account_of(agreed, [*happened], agreed.disbursed_on, happened[-1].on)
    assert [line.no for line in found.lines if line.kind == "fact"] == [no for no, _ in in_order(happened)]
    given_up = False
    for line in found.lines:
        event = happened[line.no - 1] if line.no else None
        given_up = given_up or isinstance(event, e.WrittenOff)
        if isinstance(event, e.Paid) and not event.interest_refund:
            assert line.moved.owed == -event.amount.minor
        if isinstance(event, e.PaidInstalment | e.Waived):
            assert line.moved.owed == -event.amount.minor
        if isinstance(event, e.CreditRefunded | e.ChargedBack) and given_up:
            assert line.moved.owed == -line.moved.credit <= event.amount.minor, "of credit balance; the rest is given up with all else"
        elif isinstance(event, e.PaidBack | e.CreditRefunded | e.ChargedBack):
            assert line.moved.owed == event.amount.minor
        if isinstance(event, e.PaidOff):
            assert line.amount is not None
            assert line.moved.owed == -line.amount.minor


def rows(found: Account) -> list[str]:
    """A line each: kind, day, what, amount, then principal, interest, fees, late charges, credit, and what is owed after it."""
    owed, told_ = found.opening.owed, [f"opening {found.opening.owed}"]
    for line in found.lines:
        owed += line.moved.owed
        moved = line.moved
        parts = f"{moved.principal} {moved.interest} {moved.fees} {moved.penalties} {moved.credit}"
        told_.append(f"{line.kind} {line.on} {line.what} {line.amount.minor if line.amount else None} | {parts} | {owed}")
    return [*told_, f"closing {found.closing.owed}"]


def test_an_account_reads_as_it_happened() -> None:
    agreed = terms(late=t.LateTerms(fee=fen(10_00)))
    facts: list[Event | Undone] = [
        e.Disbursed(LENT, fen(1200_00)),
        e.Paid(FEB, fen(100_00)),
        e.Paid(date(2025, 2, 10), fen(50_00)),
        Undone(3),
        e.Paid(date(2025, 2, 15), fen(2000_00)),
    ]
    assert rows(account_of(agreed, facts, FEB, date(2025, 2, 28))) == [
        "opening 121184",
        "borne 2025-02-01 None None | 0 39 0 0 0 | 121223",
        "fact 2025-02-01 paid_repayment 10000 | -8777 -1223 0 0 0 | 111223",
        "undone 2025-02-10 paid_repayment 5000 | 0 0 0 0 0 | 111223",
        "borne 2025-02-15 None None | 0 512 0 1000 0 | 112735",
        "fact 2025-02-15 paid_repayment 200000 | -111223 -512 0 -1000 87265 | -87265",
        "closing -87265",
    ]


def test_a_late_entry_stands_on_its_day_with_the_day_on_which_it_was_entered() -> None:
    told_ = [
        Recorded(e.Disbursed(LENT, fen(1200_00)), LENT),
        Recorded(e.Paid(MAR, fen(100_00)), MAR),
        Recorded(e.Paid(FEB, fen(70_00)), date(2025, 3, 9)),
        Recorded(Undone(2), date(2025, 3, 10)),
    ]
    found = account(LOAN, "flex", terms(), told_, LENT, date(2025, 3, 31))
    facts = [(line.no, line.on, line.recorded_on, line.undone_by, line.undone_on) for line in found.lines if line.kind != "borne"]
    assert facts == [
        (1, LENT, LENT, None, None),
        (3, FEB, date(2025, 3, 9), None, None),
        (2, MAR, MAR, 4, date(2025, 3, 10)),
    ]
    assert added_up(found) == found.closing


def test_a_refund_says_what_it_paid_and_what_it_ended() -> None:
    agreed = terms(recalculate=False)
    facts: list[Event | Undone] = [e.Disbursed(LENT, fen(1200_00)), e.Paid(FEB, fen(1200_00), PaidBy.MERCHANT_REFUND, None, True)]
    found = account_of(agreed, facts, LENT, MAR)
    assert (found.status, found.closing) == ("closed", Parts())
    assert added_up(found) == Parts()


def test_what_a_write_off_took_out_and_what_came_in_after_it_is_told_apart() -> None:
    facts: list[Event | Undone] = [e.Disbursed(LENT, fen(1200_00)), e.WrittenOff(MAR), e.Recovered(date(2025, 3, 20), fen(300_00))]
    found = account_of(terms(), facts, MAR, date(2025, 3, 31))
    assert (found.status, found.closing) == ("written_off", Parts())
    assert (found.given_up, found.recovered) == (
        found.opening.owed + sum(line.moved.owed for line in found.lines if line.kind == "borne"),
        300_00,
    )


def test_a_range_of_days_has_to_be_one_and_to_have_been() -> None:
    assert days_refusal(LENT, FEB, FEB) is None
    backwards, ahead = days_refusal(FEB, LENT, FEB), days_refusal(LENT, MAR, FEB)
    assert backwards is not None
    assert ahead is not None
    assert (backwards.code, ahead.code) == ("days_out_of_order", "day_ahead")
