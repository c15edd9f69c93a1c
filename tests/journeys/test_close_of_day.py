"""The close of a day: due, accrue, overdue, prove; stopped, repeated, tampered with, and in order."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from yuefu.errors import Refused
from yuefu.journeys import checkout, close_of_day
from yuefu.journeys.close_of_day import Closed
from yuefu.ledger import queries as ledger
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.orders.commands import CaptureRequest
from yuefu.runtime import days, runs, sql

DUE = date(2026, 10, 25)


def close(shop, on=None):
    return close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=on)


def control(shop, code):
    return sum(ledger.totals(shop.book_id, [code]).values())


def steps(run_id):
    return {step.name: (step.state, step.chunks_done) for step in runs.steps(run_id)}


def lines(shop):
    """How much of the ledger there is: entries, and lines of the day's own kinds."""
    kinds = sql.rows(
        "SELECT kind, count(*) FROM ledger_entry WHERE book_id = %s AND run_id IS NOT NULL GROUP BY 1 ORDER BY 1", [shop.book_id]
    )
    return ledger.entries_posted(shop.book_id), kinds


class PulledPlug(Exception):
    pass


def stopping(command, *, after):
    """The command of a chunk that stops the run, with all its work done and not committed, once it did `after` chunks."""
    done = 0

    def chunk(**given):
        nonlocal done
        found = command(**given)
        done += 1
        if done > after:
            raise PulledPlug
        return found

    return chunk


def test_a_day_does_not_close_before_its_cut_off(shop):
    assert close(shop).code == "before_cut_off"
    assert close(shop, shop.on).code == "before_cut_off"
    assert close(shop, date(2026, 1, 1)).code == "unknown_day"
    assert days.state_of(shop.book_id, shop.on) == "open"


def test_a_day_may_post_first_and_be_proven_later_while_the_next_one_runs(shop):
    assert close_of_day.post_day(desk=shop.desk, now=shop.now(1)).code == "before_cut_off"
    shop.bought("1200.00", product="flex")
    shop.next_day()
    first = shop.on
    shop.next_day(close=False)
    assert close_of_day.post_day(desk=shop.desk, now=shop.now(1), on=first) is None
    posted = lines(shop)
    assert "loan.accrued" in dict(posted[1])
    assert days.state_of(shop.book_id, first) == "closing"
    assert close_of_day.post_day(desk=shop.desk, now=shop.now(1), on=first) is None
    assert lines(shop) == posted
    shop.bought("600.00")
    own = posted[1]
    assert close(shop, first).on == first
    assert lines(shop)[1] == own
    assert days.state_of(shop.book_id, first) == "closed"
    assert close_of_day.post_day(desk=shop.desk, now=shop.now(1), on=first) is None
    assert close(shop, first).again


def test_days_close_in_order(shop):
    first = shop.on
    shop.next_day(close=False)
    shop.next_day(close=False)
    assert close(shop, first + timedelta(days=1)).code == "earlier_day_not_closed"
    assert close(shop).on == first
    assert close(shop).on == first + timedelta(days=1)
    assert days.state_of(shop.book_id, shop.on) == "open"


def test_interest_accrues_by_the_day_and_adds_up_to_each_instalment(shop):
    got = shop.bought("1200.00", product="flex")
    rows = loan_book.loans([got.loan_id])[got.loan_id].state.rows
    earned = []
    while shop.on <= rows[0].due_on:
        before = control(shop, "interest_income")
        shop.next_day()
        earned.append(before - control(shop, "interest_income"))
    # Capture day itself bears no interest yet; the due day's is the last of the instalment.
    assert sum(earned) == rows[0].interest
    assert max(earned) - min(earned[1:]) <= 1
    shop.until(rows[-1].due_on + timedelta(days=1))
    assert -control(shop, "interest_income") == sum(row.interest for row in rows)
    shop.next_day()
    assert -control(shop, "interest_income") == sum(row.interest for row in rows)
    shop.prove()


def test_the_discount_of_an_interest_free_plan_is_earned_with_each_due_day(shop):
    shop.bought("1999.00")
    assert (control(shop, "unearned_discount"), control(shop, "discount_income")) == (-35_98, 0)
    shop.until(DUE + timedelta(days=1))
    assert control(shop, "discount_income") == -11_99
    shop.until(date(2026, 11, 26))
    assert control(shop, "discount_income") == -23_99
    shop.until(date(2026, 12, 26))
    assert (control(shop, "unearned_discount"), control(shop, "discount_income")) == (0, -35_98)
    shop.prove()


def test_what_is_not_paid_when_its_day_ends_is_overdue_and_what_is_paid_is_not(shop):
    late, paid = shop.bought("600.00"), shop.bought("600.00")
    shop.until(DUE)
    shop.repay(paid.loan_id)
    shop.next_day()
    since = {loan_id: held.arrears_since for loan_id, held in loan_book.loans([late.loan_id, paid.loan_id]).items()}
    assert since == {late.loan_id: DUE, paid.loan_id: None}


def test_a_day_on_which_nothing_happens_takes_few_statements_and_transactions(lived_shop, monkeypatch):
    """Most days of most books: each statement is planned anew, each transaction waits for the disk."""
    lived_shop.bought("900.00", product="flex")
    lived_shop.next_day()
    lived_shop.next_day(close=False)
    asked, committed = counting(monkeypatch, psycopg.Cursor, "execute"), counting(monkeypatch, psycopg.Connection, "commit")
    closed = close(lived_shop)
    assert isinstance(closed, Closed), closed
    assert 60 < len(asked) <= 109
    assert len(committed) == 9  # rolled over, begun, steps, loans, their end, what they brought, horizon, proofs, closed


def counting(monkeypatch, kind, name):
    called, original = [], getattr(kind, name)
    monkeypatch.setattr(kind, name, lambda self, *given, **more: called.append(name) or original(self, *given, **more))
    return called


@pytest.mark.parametrize("step", ["fall_due", "accrue_interest", "mark_arrears"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_run_that_was_stopped_goes_on_and_posts_nothing_twice(shop, monkeypatch, step, after):
    for product in ("free", "flex", "free", "flex"):
        shop.bought("900.00", product=product)
    shop.until(DUE)
    shop.next_day(close=False)
    monkeypatch.setattr(close_of_day, "CHUNK", 1)
    with monkeypatch.context() as broken:
        broken.setattr(loans, step, stopping(getattr(loans, step), after=after))
        with pytest.raises(PulledPlug):
            close(shop, DUE)
    assert days.state_of(shop.book_id, DUE) == "closing"
    closed = close(shop, DUE)
    assert isinstance(closed, Closed), closed
    assert steps(closed.run_id)["due"] == ("done", 4)
    assert steps(closed.run_id)["accrue"] == ("done", 2)
    told = sql.rows(
        "SELECT type, count(*) FROM runtime_outbox WHERE book_id = %s AND type IN ('instalment.due', 'loan.overdue') GROUP BY 1 ORDER BY 1",
        [shop.book_id],
    )
    assert told == [("instalment.due", 4), ("loan.overdue", 4)]
    # 900.00 at 1.80 % is 16.20 of discount, a third of it earned, of two loans.
    assert control(shop, "discount_income") == -2 * 5_40
    shop.prove()


def test_a_day_that_is_closed_again_stays_as_it_is_and_says_the_same(shop):
    shop.bought("1200.00", product="flex")
    shop.next_day()
    yesterday = shop.on - timedelta(days=1)
    before = lines(shop)
    first, second = close(shop, yesterday), close(shop, yesterday)
    assert first == second
    assert first.again
    proofs = {
        "trial_balance_zero",
        "subledgers_equal_control",
        "nothing_unposted",
        "statements_add_up",
        "bills_add_up",
        "client_money",
        "loans_equal_replay",
    }
    assert set(first.proofs) == proofs
    assert lines(shop) == before


def test_a_proof_that_fails_leaves_the_day_closing_with_an_alarm_until_it_is_mended(shop, capsys):
    got = shop.bought("600.00")
    shop.next_day(close=False)
    yesterday = shop.on - timedelta(days=1)
    tamper = "UPDATE loans_instalment SET principal_minor = principal_minor + %s WHERE loan_id = %s AND no = 3"
    with sql.owning():
        assert sql.run(tamper, [7, got.loan_id]) == 1
    refused = close(shop, yesterday)
    assert isinstance(refused, Refused)
    assert (refused.code, "subledgers_equal_control" in refused.detail) == ("proof_failed", True)
    assert days.state_of(shop.book_id, yesterday) == "closing"
    run_id = sql.value("SELECT id FROM runtime_run WHERE book_id = %s AND on_date = %s", [shop.book_id, yesterday])
    assert steps(run_id)["prove"][0] == "failed"
    assert runs.latest(book_id=shop.book_id, kind=close_of_day.KIND, limit=1) == [(yesterday, "failed")]
    with sql.owning():
        sql.run(tamper, [-7, got.loan_id])
    assert isinstance(close(shop, yesterday), Closed)
    assert days.state_of(shop.book_id, yesterday) == "closed"
    assert runs.latest(book_id=shop.book_id, kind=close_of_day.KIND, limit=1) == [(yesterday, "done")]


def test_nothing_is_posted_to_a_day_that_is_closing_or_closed_but_its_own_close(shop):
    order_id = shop.buy(shop.consumer(), "600.00").order_id
    first = shop.on
    shop.next_day(close=False)
    # A moment of yesterday changes nothing: the journey works on the day that is open.
    yesterday = shop.now() - timedelta(days=1)
    checkout.capture(desk=shop.desk, now=yesterday, requests=[CaptureRequest("x", shop.seller(order_id), order_id)])
    days_of = "SELECT DISTINCT posted_on FROM ledger_entry WHERE book_id = %s AND kind = 'loan.booked'"
    assert sql.rows(days_of, [shop.book_id]) == [(shop.on,)]
    shop.bought("600.00", product="flex")
    assert isinstance(close(shop, first), Closed)
    strangers = "SELECT count(*) FROM ledger_entry WHERE book_id = %s AND posted_on = %s AND run_id IS NULL AND recorded_at >= %s"
    assert sql.rows(strangers, [shop.book_id, first, shop.now(1)]) == [(0,)]
    shop.prove()
