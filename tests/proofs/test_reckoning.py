"""What the clients were told is compared with what is there; what must be over before a round of the crash proof may be."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.journeys.conftest import Shop, shop_opened
from yuefu import ids
from yuefu.ids import IdSource
from yuefu.journeys.close_of_day import Closed, close_day, roll_over
from yuefu.proofs import crash_world, reckoning
from yuefu.proofs.crash_world import end_the_day
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault


def told(reference: str, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    return {"verb": "order", "order": reference, "status": status, "answer": answer}


def orders(shop: Shop, *lines: dict[str, Any]) -> tuple[int, int]:
    found = reckoning.Found()
    reckoning._orders(found, shop.book_id, lines)
    return found.lost, found.doubled


def test_an_order_is_there_once_where_it_was_acknowledged_and_never_where_it_was_refused(shop: Shop) -> None:
    order_id = shop.buy(shop.consumer()).order_id
    (reference,) = sql.value("SELECT array_agg(merchant_reference) FROM orders_order WHERE id = %s", [order_id])
    placed = told(reference, 201, {"id": ids.text("order", order_id)})
    outdated = {"code": "quote_outdated"}
    assert orders(shop, placed, told("none", 409, outdated)) == (0, 0)
    assert orders(shop, placed, told("none", 201, {"id": ids.text("order", order_id)})) == (1, 0)
    assert orders(shop, told(reference, 409, outdated)) == (0, 1)


OWED = ["in the ledger", "where they stand", "by instalments", "by what was applied"]


@pytest.fixture(name="lender")
def _lender(vault: Vault, ids: IdSource) -> Shop:
    return shop_opened(vault, ids, version="2026-2")


def act(verb: str, order: str, amount: int) -> dict[str, Any]:
    return {"verb": verb, "order": "", "status": 201, "answer": {"order": order, "amount": amount}}


def found_wrong(*lines: dict[str, Any]) -> list[str]:
    """What the acts of orders led to otherwise than was told, without whose."""
    found = reckoning.Found()
    reckoning._acts(found, lines)
    return [line.partition(" of 01")[0] for line in found.wrong]


def test_what_a_loan_owes_is_what_was_captured_and_not_taken_back_wherever_one_looks(lender: Shop) -> None:
    got = lender.bought("900.00", product="flex")
    lender.next_day()
    lender.refund(got.order_id, "100.00")
    order = ids.text("order", got.order_id)
    placed, captured, refunded = told("any", 201, {"id": order}), act("capture", order, 900_00), act("refund", order, 100_00)
    assert found_wrong(placed, captured, refunded) == []
    assert found_wrong(placed, captured, act("refund", order, 100_01)) == ["sum of refunds", "refunds applied", *_owed(OWED)]
    with sql.transacting():
        sql.run("UPDATE loans_due SET principal_minor = principal_minor + 1 WHERE loan_id = %s AND no = 2", [got.loan_id])
    assert found_wrong(placed, captured, refunded) == _owed(["by instalments"])
    with sql.transacting():
        sql.run(
            "UPDATE loans_stretch SET loan_principal = loan_principal - 1, loan_interest = loan_interest + 1 WHERE loan_id = %s",
            [got.loan_id],
        )
    assert found_wrong(placed, captured, refunded) == _owed(["where they stand", "by instalments"])


def _owed(where: list[str]) -> list[str]:
    return [f"principal owed {each}" for each in where]


def test_a_repayment_is_money_for_its_loan_once(lender: Shop) -> None:
    got = lender.bought("900.00", product="flex")
    lender.until(date(2026, 10, 25))
    lender.repay(got.loan_id, "50.00", card="card:reckoned:ok")
    lender.repay(got.loan_id, "40.00", card="card:no:insufficient_funds")
    wrong = {minor: _repaid(got.loan_id, minor) for minor in (50_00, 49_99)}
    assert wrong[50_00] == []
    assert wrong[49_99] == ["money for the loan of card:reckoned:ok: 4999 is right, 5000 there"]
    assert _repaid(got.order_id, 50_00) == [f"loans in the ledger of {got.order_id}: 1 acknowledged, 0 there"]


def _repaid(loan_id: UUID, minor: int) -> list[str]:
    found = reckoning.Found()
    bodies = {"card:reckoned:ok": minor, "card:no:insufficient_funds": 40_00}
    lines = [
        {"verb": "repay", "order": card, "status": 201, "body": {"loan": str(loan_id), "amount": amount, "card": card}}
        for card, amount in bodies.items()
    ]
    reckoning._repayments(found, lines)
    return found.wrong


def test_a_day_that_is_over_is_stuck_until_it_has_closed(shop: Shop) -> None:
    over = reckoning._STUCK["days that are over and not closed"]
    before = sql.value(over)
    closed = crash_world.days_closed(shop.desk.book)
    with sql.transacting():
        books.move_clock(book=shop.desk.book, to=datetime.combine(shop.on, time(23, 59), shop.desk.book.tz))
    assert sql.value(over) == before
    end_the_day(shop.desk.book)
    book = books.by_id(shop.book_id)
    assert book is not None
    now = books.now_in(book)
    assert now == datetime.combine(shop.on + timedelta(days=1), time(0, 10), book.tz)
    assert sql.value(over) == before + 1
    assert roll_over(desk=shop.desk, now=now) is None
    assert sql.value(over) == before + 1, "it has begun to close"
    assert isinstance(close_day(desk=shop.desk, now=now), Closed)
    assert sql.value(over) == before
    assert crash_world.days_closed(book) == closed + 1
