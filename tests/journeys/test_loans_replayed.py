"""What is stored of a loan is a cache: after whatever happened it is what a replay gives, each close proves it, and it can be rebuilt."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from yuefu.errors import Refused
from yuefu.journeys import close_of_day, repayment, replay, undoing
from yuefu.journeys.desk import open_day
from yuefu.journeys.undoing import UndoRequest
from yuefu.loans import commands as loans
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Rebuilt
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


def differing(shop):
    return replay.verify(book=shop.desk.book, loan_ids=loan_book.all_ids(shop.book_id))


def tampered(query, *params):
    with sql.owning():
        assert sql.run(query, list(params)) == 1


def rebuilt(shop, *loan_ids):
    with open_day(shop.desk, shop.now(20)) as work:
        assert not isinstance(work, Refused)
        return loans.rebuild_loans(work=work, loan_ids=loan_ids)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_loans_they_are_stored_as_a_replay_has_them(shop, seed):
    """Paid in part, late, too much, back-dated, refunded, undone and captured in parts, in an order drawn by chance."""
    chance = random.Random(seed)
    consumer = shop.consumer()
    bought = [shop.capture(shop.buy(consumer, "900.01", product=p).order_id) for p in ("free", "flex", "free", "flex")]
    parts = shop.buy(consumer, "999.99", product="free", periods=6).order_id
    bought += [shop.capture(parts, amount) for amount in ("300.01", "400.01", None)]
    paid = []
    for on in (date(2026, 10, 20), DUE, date(2026, 10, 27), date(2026, 11, 25), date(2026, 11, 28)):
        shop.until(on)
        repayment.poll(desk=shop.desk, now=shop.now(9))
        for got in chance.sample(bought, 4):
            match chance.randrange(4):
                case 0 | 1:
                    paid.append(shop.repay(got.loan_id, f"{chance.randrange(1, 40_000) / 100:.2f}"))
                case 2:
                    undoing.undo(
                        desk=shop.desk, now=shop.now(15), requests=[UndoRequest(f"{on}{p}", p.collection_id, "x") for p in paid[-1:]]
                    )
                case 3:  # Heard of days later, and true since today.
                    shop.repay(got.loan_id, f"{chance.randrange(1, 20_000) / 100:.2f}", "card:1:unknown_then_success")
        assert differing(shop) == {}
    for got in bought[:2]:
        shop.refund(got.order_id)
    shop.prove()


def test_a_changed_instalment_is_found_by_the_close_of_its_day_and_mended_by_a_rebuild(shop):
    got, other = shop.bought("600.00"), shop.bought("600.00", product="flex")
    shop.next_day(close=False)
    yesterday = shop.on - timedelta(days=1)
    before = loan_book.loans([got.loan_id, other.loan_id])
    tamper = "UPDATE loans_instalment SET principal_minor = principal_minor + %s WHERE loan_id = %s AND no = %s"
    tampered(tamper, 7, got.loan_id, 3)
    tampered(tamper, -7, got.loan_id, 2)
    refused = close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=yesterday)
    assert isinstance(refused, Refused)
    assert "loans_equal_replay" in refused.detail
    assert "subledgers_equal_control" not in refused.detail, "the sums are right: only a replay sees it"
    assert differing(shop) == {got.loan_id: ("instalments",)}
    assert rebuilt(shop, got.loan_id, other.loan_id) == [Rebuilt(got.loan_id, changed=True), Rebuilt(other.loan_id, changed=False)]
    assert differing(shop) == {}
    assert loan_book.loans([got.loan_id, other.loan_id]) == before
    assert isinstance(close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=yesterday), close_of_day.Closed)
    shop.prove()


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        ("UPDATE loans_instalment SET principal_paid_minor = principal_paid_minor - 1 WHERE loan_id = %s AND no = 1", {"instalments"}),
        ("DELETE FROM loans_instalment WHERE loan_id = %s AND no = 3", {"instalments"}),
        ("UPDATE loans_loan SET excess_minor = excess_minor + 1 WHERE id = %s", {"excess"}),
        ("UPDATE loans_loan SET refunded_principal_minor = 1 WHERE id = %s", {"refunded_principal"}),
        ("UPDATE loans_loan SET closed_on = '2026-10-12' WHERE id = %s", {"closed_on", "state"}),
    ],
)
def test_what_was_changed_is_named_and_rebuilt(shop, tamper, found):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "50.00")
    before = loan_book.loans([got.loan_id])
    tampered(tamper, got.loan_id)
    assert {i: set(names) for i, names in differing(shop).items()} == {got.loan_id: found}
    assert rebuilt(shop, got.loan_id) == [Rebuilt(got.loan_id, changed=True)]
    assert loan_book.loans([got.loan_id]) == before
    shop.prove()


def test_a_loan_of_which_the_discount_or_the_number_of_its_events_is_wrong_is_named(shop):
    got = shop.bought("600.00")
    shop.until(DUE + timedelta(days=1))
    tampered("UPDATE loans_loan SET discount_earned_minor = discount_earned_minor + 1 WHERE id = %s", got.loan_id)
    assert differing(shop) == {got.loan_id: ("discount_earned",)}
    tampered("UPDATE loans_event SET no = 900 WHERE loan_id = %s", got.loan_id)
    assert differing(shop) == {got.loan_id: ("seq", "discount_earned")}


def test_a_rebuild_leaves_what_was_agreed_alone(shop):
    got = shop.bought("600.00")
    with sql.owning():
        sql.run("ALTER TABLE loans_instalment DISABLE TRIGGER loans_instalment_kept")
        sql.run("UPDATE loans_instalment SET due_on = due_on + 1 WHERE loan_id = %s AND no = 3", [got.loan_id])
        sql.run("ALTER TABLE loans_instalment ENABLE TRIGGER loans_instalment_kept")
    later = shop.bought("600.00")
    tampered("UPDATE loans_loan SET last_event_on = last_event_on + 1 WHERE id = %s", later.loan_id)
    assert differing(shop) == {got.loan_id: ("instalments",), later.loan_id: ("last_event_on",)}
    nobody = shop.desk.ids.new(shop.now())
    assert [one.code for one in rebuilt(shop, got.loan_id, later.loan_id, nobody)] == ["not_rebuildable", "not_rebuildable", "unknown_loan"]
