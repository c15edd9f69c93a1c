"""What a consumer pays of a loan through the merchant: once, for its own loans only, and told the same for ever."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import FIRST_DUE, Merchant, Reply, at_once
from yuefu import ids as public
from yuefu.loans import queries as loan_book
from yuefu.runtime import sql

CARD = "card:1:ok"
OTHER_LOAN = "loan_01h455vb4pex5vsknk084sn02q"


def due(merchant: Merchant) -> tuple[str, str]:
    """The order and the loan of 900.00 in three instalments, on the day on which the first of them is due."""
    return merchant.due(90_000)


def pay(merchant: Merchant, name: str, *, key: str | None = "new", **body: Any) -> Reply:
    return merchant.post(f"/v1/loans/{name}/repayments", {"instrument": CARD} | body, key=key)


def owed(loan: str) -> int:
    """What is still to be paid of a loan, in minor units."""
    rows = loan_book.loans([public.parse("loan", loan)])[public.parse("loan", loan)].state.rows
    return sum(row.principal + row.interest - row.principal_paid - row.interest_paid for row in rows)


def taken(merchant: Merchant) -> list[tuple[int, str]]:
    """What the channel took in the book of the merchant, by its own books."""
    return sql.rows(
        "SELECT amount_minor, status FROM payments_sandbox_trade WHERE book_id = %s AND kind = 'payment' ORDER BY at, amount_minor",
        [merchant.shop.book_id],
    )


def returned(merchant: Merchant) -> int:
    """What went back to consumers of the book."""
    return int(sql.value("SELECT coalesce(sum(amount_minor), 0) FROM payments_channel_refund WHERE book_id = %s", [merchant.shop.book_id]))


def test_a_part_of_a_loan_is_collected_and_applied(merchant: Merchant) -> None:
    _, loan = due(merchant)
    reply = pay(merchant, loan, amount=20_000)
    assert reply.status == 201
    assert reply.body == {
        "object": "repayment", "id": reply.body["id"], "loan": loan, "amount": 20_000, "amount_applied": 20_000, "amount_returned": 0,
        "currency": "CNY",
    }  # fmt: skip
    assert reply.body["id"].startswith("pay_")
    assert owed(loan) == 70_000
    assert taken(merchant) == [(20_000, "SUCCESS")]
    merchant.shop.prove()


def test_all_that_is_due_is_collected_and_the_key_stands_for_what_it_was_then(merchant: Merchant) -> None:
    _, loan = merchant.sold(90_000)
    nothing = pay(merchant, loan, key="K")
    assert (nothing.status, nothing.code, nothing.body["errors"][0]["parameter"]) == (409, "nothing_due", "loan_id")
    merchant.shop.until(FIRST_DUE)
    first = pay(merchant, loan, key="K")
    assert (first.status, first.body["amount"], owed(loan)) == (201, 30_000, 60_000)
    again = pay(merchant, loan, key="K")
    assert (again.status, again.raw, again.replayed) == (201, first.raw, True)
    assert pay(merchant, loan).code == "nothing_due"
    assert pay(merchant, loan, key="K", amount=30_000).pointers == ["#/amount"]
    assert taken(merchant) == [(30_000, "SUCCESS")]


def test_no_merchant_takes_more_of_a_consumer_than_is_due(merchant: Merchant) -> None:
    _, loan = merchant.sold(90_000)
    early = pay(merchant, loan, amount=100)
    assert (early.status, early.code) == (409, "nothing_due")
    merchant.shop.until(FIRST_DUE)
    for amount in (30_001, 90_000, 10**13):
        reply = pay(merchant, loan, key="K", amount=amount)
        assert (reply.status, reply.code, reply.pointers) == (409, "more_than_due", ["#/amount"])
        assert "300.00" in reply.body["detail"]
    assert (owed(loan), taken(merchant)) == (90_000, [])
    assert pay(merchant, loan, key="K", amount=30_000).status == 201  # no key was claimed by what was refused
    assert pay(merchant, loan, key="K", amount=30_000).replayed
    merchant.shop.prove()


def test_the_same_again_is_told_the_same_whatever_happened_since(merchant: Merchant) -> None:
    order, loan = due(merchant)
    first = pay(merchant, loan, key="K", amount=20_000)
    assert merchant.post(f"/v1/orders/{order}/refund", {}).status == 201
    merchant.shop.next_day()
    again = pay(merchant, loan, key="K", amount=20_000)
    assert (again.status, again.raw, again.replayed) == (201, first.raw, True)
    assert taken(merchant) == [(20_000, "SUCCESS")]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"amount": 10_001}, "#/amount"), ({"instrument": "card:2:ok"}, "#/instrument"), ({"amount": None}, "#/amount")],
)
def test_the_same_key_for_something_else_names_what_differs(merchant: Merchant, change: dict[str, Any], pointer: str) -> None:
    _, loan = due(merchant)
    assert pay(merchant, loan, key="K", amount=10_000).status == 201
    reply = pay(merchant, loan, key="K", **({"amount": 10_000} | change))
    assert (reply.status, reply.code, reply.pointers) == (422, "idempotency_key_reused", [pointer])
    assert owed(loan) == 80_000


def test_the_same_key_for_another_loan_is_refused_and_names_it(merchant: Merchant) -> None:
    _, first = merchant.sold(90_000)
    _, second = merchant.sold(90_000)
    merchant.shop.until(FIRST_DUE)
    assert pay(merchant, first, key="K", amount=10_000).status == 201
    reply = pay(merchant, second, key="K", amount=10_000)
    assert (reply.status, reply.code, reply.body["errors"][0]["parameter"]) == (422, "idempotency_key_reused", "loan_id")
    assert owed(second) == 90_000


def test_two_merchants_use_the_same_key_for_themselves(merchant: Merchant, neighbour: Merchant) -> None:
    """Also for one consumer, who owes for what both sold."""
    consumer = merchant.consumer()
    loans = []
    for seller in (merchant, neighbour):
        order = seller.post("/v1/orders", seller.order(consumer, 60_000)).body["id"]
        loans.append(seller.post(f"/v1/orders/{order}/capture", {}).body["loan"])
    merchant.shop.until(FIRST_DUE)
    replies = [pay(seller, loan, key="K", amount=10_000) for seller, loan in zip((merchant, neighbour), loans, strict=True)]
    assert [(reply.status, reply.replayed) for reply in replies] == [(201, False), (201, False)]
    assert [owed(loan) for loan in loans] == [50_000, 50_000]


@pytest.mark.parametrize("name", ["loan_", "nonsense", OTHER_LOAN, "ord_01h455vb4pex5vsknk084sn02q", "x" * 3_000, "loan_%00"])
def test_a_loan_that_is_not_there(merchant: Merchant, name: str) -> None:
    reply = pay(merchant, name, amount=100)
    assert (reply.status, reply.code) == (404, "unknown_loan")


def test_the_loan_of_another_merchant_takes_nothing_and_leaves_the_key_free(merchant: Merchant, neighbour: Merchant) -> None:
    _, theirs = neighbour.sold(90_000)
    refused, unknown = pay(merchant, theirs, key="K", amount=10_000), pay(merchant, OTHER_LOAN, amount=10_000)
    assert (refused.status, refused.code) == (404, "unknown_loan")
    assert {n: v for n, v in refused.body.items() if n not in ("instance", "request_id")} == {
        n: v for n, v in unknown.body.items() if n not in ("instance", "request_id")
    }
    assert (owed(theirs), taken(merchant)) == (90_000, [])
    _, ours = merchant.sold(90_000)
    merchant.shop.until(FIRST_DUE)
    assert pay(merchant, ours, key="K", amount=10_000).status == 201


def test_what_the_channel_does_not_take_is_a_problem_that_stays(merchant: Merchant) -> None:
    _, loan = due(merchant)
    failed = pay(merchant, loan, key="K", amount=10_000, instrument="card:1:insufficient_funds")
    assert (failed.status, failed.code, failed.body["reasons"]) == (402, "repayment_failed", ["insufficient_funds"])
    assert failed.body["retryable"] is False
    again = pay(merchant, loan, key="K", amount=10_000, instrument="card:1:insufficient_funds")
    assert (again.status, again.raw, again.replayed) == (402, failed.raw, True)
    assert owed(loan) == 90_000
    assert pay(merchant, loan, amount=10_000).status == 201


@pytest.mark.parametrize(("rule", "status", "left"), [("unknown_then_success", 201, 80_000), ("unknown_then_failure", 402, 90_000)])
def test_what_the_channel_does_not_answer_is_asked_for_and_told_later(merchant: Merchant, rule: str, status: int, left: int) -> None:
    from yuefu.journeys import repayment

    _, loan = due(merchant)
    body = {"amount": 10_000, "instrument": f"card:1:{rule}"}
    for _ in range(2):
        pending = pay(merchant, loan, key="K", **body)
        assert (pending.status, pending.code, pending.body["retryable"], pending.replayed) == (409, "repayment_pending", True, False)
        assert int(pending.headers["retry-after"]) > 0
    repayment.poll(desk=merchant.shop.desk, now=merchant.shop.now(15))
    told = pay(merchant, loan, key="K", **body)
    assert (told.status, told.replayed) == (status, True)
    assert told.body["id" if status == 201 else "repayment"] == pending.body["repayment"]
    assert (owed(loan), len(taken(merchant))) == (left, 1)


def test_what_a_repayment_cannot_be(merchant: Merchant) -> None:
    _, loan = merchant.sold(90_000)
    found = {
        (reply.status, reply.code, *reply.pointers)
        for reply in (
            pay(merchant, loan, amount=0), pay(merchant, loan, amount="100"), pay(merchant, loan, amount=100, instrument=""),
            pay(merchant, loan, amount=100, instrument="x" * 129), pay(merchant, loan, amount=100, instrument="a\nb"),
            pay(merchant, loan, currency="CNY"), pay(merchant, loan, amount=100, currency="EUR"), pay(merchant, loan, amount=100, loan="x"),
            merchant.post(f"/v1/loans/{loan}/repayments", {"amount": 100}),
        )
    }  # fmt: skip
    assert found == {
        (422, "invalid_request", "#/amount"), (422, "invalid_request", "#/instrument"), (422, "invalid_request", "#"),
        (422, "currency_differs", "#/currency"), (422, "invalid_request", "#/loan"),
    }  # fmt: skip
    assert merchant.post(f"/v1/loans/{loan}/repayments").code == "body_missing"
    assert pay(merchant, loan, key=None, amount=100).code == "idempotency_key_missing"
    assert (owed(loan), taken(merchant)) == (90_000, [])


def test_twins_in_flight_are_taken_once_and_told_the_same(merchant: Merchant) -> None:
    _, loan = due(merchant)
    replies = at_once(*[lambda: pay(merchant, loan, key="K", amount=10_000)] * 8)
    assert {(reply.status, reply.raw) for reply in replies} == {(201, replies[0].raw)}
    assert sorted(reply.replayed for reply in replies) == [False] + [True] * 7
    assert (owed(loan), taken(merchant)) == (80_000, [(10_000, "SUCCESS")])
    merchant.shop.prove()


def test_of_two_at_the_same_time_what_is_too_much_goes_back_or_is_not_taken(merchant: Merchant) -> None:
    _, loan = due(merchant)
    replies = at_once(*[lambda: pay(merchant, loan, amount=20_000)] * 2)
    through = [reply for reply in replies if reply.status == 201]
    assert [reply.code for reply in replies if reply.status != 201] == ["more_than_due"] * (2 - len(through))
    assert sorted(reply.body["amount_applied"] for reply in through) == [10_000, 20_000][-len(through) :]
    assert owed(loan) == 90_000 - sum(reply.body["amount_applied"] for reply in through)
    assert len(through) == 1 or returned(merchant) == 10_000
    merchant.shop.prove()


def test_a_repayment_and_a_refund_of_one_order_at_the_same_time_add_up(merchant: Merchant) -> None:
    order, loan = due(merchant)
    replies = at_once(
        *[lambda: pay(merchant, loan, amount=15_000)] * 2, lambda: merchant.post(f"/v1/orders/{order}/refund", {"amount": 80_000})
    )
    assert replies[2].status == 201
    assert {(reply.status, reply.body.get("code")) for reply in replies[:2]} <= {(201, None), (409, "more_than_due"), (409, "nothing_due")}
    # 900.00 were lent and 800.00 of the goods came back: 100.00 are owed, or were paid and not given back.
    paid = sum(amount for amount, _ in taken(merchant))
    assert paid == 15_000 * sum(reply.status == 201 for reply in replies[:2])
    assert owed(loan) + paid - returned(merchant) == 10_000
    merchant.shop.prove()
