"""Refund of goods: what the loan, the merchant and the consumer each get back, to the cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.people import person
from yuefu.errors import Refused
from yuefu.journeys import refund, repayment
from yuefu.journeys.desk import open_day
from yuefu.journeys.refund import Refunded
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import Amendment
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.orders import queries as order_book
from yuefu.orders.commands import RefundRequest
from yuefu.payments import queries as payments
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


def yuan(text):
    return Money.parse(text, "CNY")


def refunded(shop, order_id, key="r", amount=None):
    request = RefundRequest(key, shop.seller(order_id), order_id, yuan(amount) if amount else None)
    return refund.refund(desk=shop.desk, now=shop.now(13), requests=[request])[0]


def control(shop, code):
    """Balance of a control account over all its dimensions, debit +."""
    return sum(ledger.totals(shop.book_id, [code]).values())


def given_back(shop, order_id):
    """What the channel gave back of an order, by its own books: (amount, of which payment)."""
    return sql.rows(
        "SELECT t.amount_minor, t.original_reference FROM payments_sandbox_trade t JOIN payments_channel_refund r ON r.reference = t.reference"
        " JOIN payments_collection c ON c.id = r.collection_id WHERE c.order_id = %s AND t.status = 'SUCCESS' ORDER BY t.at, t.reference",
        [order_id],
    )


def amended(shop, **changes):
    """From tomorrow on the first shop has another contract."""
    terms = {"fee": 6_000, "days": 1, "discounts": ((3, 18_000), (6, 36_000)), "on_refund": "returned", **changes}
    contract = ContractTerms(
        shop.on + timedelta(days=1), terms["fee"], terms["days"], "online", terms["discounts"], terms["on_refund"], yuan("50000.00")
    )
    with open_day(shop.desk, shop.now()) as work:
        author, second = (replace(work, by=person(name)) for name in ("alice", "bob"))
        (approval,) = merchants.propose_amendments(work=author, amendments=[Amendment(shop.merchants[0], contract, "agreed")])
        assert not isinstance(approval, Refused), approval
        made = merchants.decide_amendment(work=second, approval_id=approval, approve=True, reason="read")
        assert not isinstance(made, Refused), made
    shop.next_day()


def test_a_whole_refund_before_anything_was_paid_undoes_the_purchase(shop):
    got = shop.bought("1999.00")
    assert control(shop, "loan_principal") == 1999_00
    done = refunded(shop, got.order_id)
    assert (done.amount, done.owed_back) == (yuan("1999.00"), yuan("0.00"))
    accounts = (
        "loan_principal",
        "fee_income",
        "unearned_discount",
        "discount_income",
        "merchant_pending",
        "consumer_balance",
        "purchase_clearing",
    )
    assert {code: control(shop, code) for code in accounts} == dict.fromkeys(accounts, 0)
    assert order_book.orders([got.order_id])[got.order_id].state == "refunded"
    shop.prove()


def test_refunds_in_parts_return_fee_and_discount_to_the_cent(shop):
    # 1999.00 at 0.60 % fee and 1.80 % discount: 11.99 and 35.98.
    got = shop.bought("1999.00")
    assert (control(shop, "fee_income"), control(shop, "unearned_discount")) == (-11_99, -35_98)
    assert control(shop, "merchant_pending") == -(1999_00 - 11_99 - 35_98)
    for n, (amount, fee, discount) in enumerate([("666.33", 7_99, 23_99), ("666.33", 4_00, 11_99), ("666.34", 0, 0)]):
        refunded(shop, got.order_id, f"r{n}", amount)
        assert (control(shop, "fee_income"), control(shop, "unearned_discount")) == (-fee, -discount)
    assert control(shop, "merchant_pending") == 0
    shop.prove()


def test_a_contract_that_keeps_fee_and_discount_keeps_them_to_the_cent(shop):
    amended(shop, on_refund="kept")
    got = shop.bought("1999.00")
    refunded(shop, got.order_id, "r1", "999.00")
    refunded(shop, got.order_id, "r2")
    assert (control(shop, "fee_income"), control(shop, "merchant_pending")) == (-11_99, 11_99 + 35_98)
    assert control(shop, "unearned_discount") + control(shop, "discount_income") == -35_98
    assert control(shop, "loan_principal") == 0
    shop.prove()


def test_the_contract_of_the_capture_rules_its_refund_not_the_one_of_today(shop):
    got = shop.bought("1999.00")
    amended(shop, on_refund="kept", fee=9_000)
    refunded(shop, got.order_id)
    assert (control(shop, "fee_income"), control(shop, "merchant_pending")) == (0, 0)
    shop.prove()


def test_what_was_paid_goes_back_by_the_channel_it_came_by_latest_first(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    first, second = shop.repay(got.loan_id, "150.00"), shop.repay(got.loan_id, "50.00", hour=15)
    done = refunded(shop, got.order_id, "r1", "500.00")
    # 400.00 were still to pay: that goes first, what is beyond it was paid before.
    assert done.owed_back == yuan("100.00")
    found = {c.id: c.reference for c in payments.of_orders(order_ids=[got.order_id])[got.order_id].collections}
    assert sorted(given_back(shop, got.order_id)) == sorted([(50_00, found[second.collection_id]), (50_00, found[first.collection_id])])
    assert control(shop, "consumer_balance") == 0
    rest = refunded(shop, got.order_id, "r2")
    assert (rest.amount, rest.owed_back) == (yuan("100.00"), yuan("100.00"))
    assert (100_00, found[first.collection_id]) in given_back(shop, got.order_id)
    assert refunded(shop, got.order_id, "r1", "500.00") == done
    assert len(given_back(shop, got.order_id)) == 3
    shop.prove()


def test_a_refund_whose_answer_does_not_come_is_polled_and_never_paid_twice(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, card="card:1:refund_unknown")
    assert refunded(shop, got.order_id).owed_back == yuan("200.00")
    waiting = payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds
    assert [r.state for r in waiting] == ["unknown"]
    assert control(shop, "consumer_balance") == -200_00
    assert repayment.poll(desk=shop.desk, now=shop.now(15)) == 1
    assert repayment.poll(desk=shop.desk, now=shop.now(16)) == 0
    assert [r.state for r in payments.of_orders(order_ids=[got.order_id])[got.order_id].refunds] == ["succeeded"]
    assert len(given_back(shop, got.order_id)) == 1
    assert control(shop, "consumer_balance") == 0
    shop.prove()


def test_the_refund_of_an_interest_bearing_loan_waives_the_interest_of_the_current_period(shop):
    got = shop.bought("1200.00", product="flex")
    shop.until(shop.on + timedelta(days=6))
    accrued = control(shop, "loan_interest")
    assert accrued > 0
    done = refunded(shop, got.order_id)
    assert (done.amount, done.owed_back) == (yuan("1200.00"), yuan("0.00"))
    state = loan_book.loans([got.loan_id])[got.loan_id].state
    assert state.is_closed
    assert [row.interest for row in state.rows] == [0, 0, 0]
    shop.next_day()
    assert (control(shop, "loan_interest"), control(shop, "interest_income")) == (0, 0)
    shop.prove()


def test_a_part_refund_of_an_interest_bearing_loan_lowers_the_instalments_to_come(shop):
    got = shop.bought("1200.00", product="flex")
    before = loan_book.loans([got.loan_id])[got.loan_id].state
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    refunded(shop, got.order_id, "r1", "400.00")
    after = loan_book.loans([got.loan_id])[got.loan_id].state
    assert after.outstanding_principal == yuan("1200.00") - paid.principal - yuan("400.00")
    assert all(new.interest < old.interest for new, old in zip(after.rows[1:], before.rows[1:], strict=True))
    shop.until(date(2026, 12, 26))
    total = sum(row.interest for row in after.rows)
    assert -control(shop, "interest_income") == total
    shop.prove()


def test_a_refund_over_two_captures_takes_the_latest_first_and_each_loan_its_part(shop):
    order_id = shop.buy(shop.consumer(), "600.00").order_id
    first, second = shop.capture(order_id, "400.00"), shop.capture(order_id, "200.00")
    refunded(shop, order_id, "r1", "250.00")
    held = loan_book.loans([first.loan_id, second.loan_id])
    assert [held[c.loan_id].state.outstanding_principal for c in (first, second)] == [yuan("350.00"), yuan("0.00")]
    assert len(order_book.refunds_of([order_id])) == 2
    shop.prove()


@pytest.mark.parametrize(
    ("amount", "code"),
    [("600.01", "refund_exceeds_captured"), ("0.00", "amount_not_positive"), ("-1.00", "amount_not_positive")],
)
def test_what_cannot_be_refunded_is_refused_and_changes_nothing(shop, amount, code):
    got = shop.bought("600.00")
    assert refunded(shop, got.order_id, "r1", amount).code == code
    assert order_book.orders([got.order_id])[got.order_id].refunded == 0
    shop.prove()


def test_an_order_without_captures_has_nothing_to_refund(shop):
    order_id = shop.buy(shop.consumer()).order_id
    assert refunded(shop, order_id).code == "refund_exceeds_captured"
    request = RefundRequest("r9", shop.merchants[0], shop.merchants[0], None)
    assert refund.refund(desk=shop.desk, now=shop.now(), requests=[request])[0].code == "unknown_order"


def test_refunds_of_one_batch_each_see_those_before(shop):
    got = shop.bought("600.00")
    requests = [RefundRequest(f"r{n}", shop.seller(got.order_id), got.order_id, yuan("250.00")) for n in range(3)]
    outcomes = refund.refund(desk=shop.desk, now=shop.now(13), requests=[*requests, requests[0]])
    assert [isinstance(o, Refunded) for o in outcomes] == [True, True, False, True]
    assert outcomes[0] == outcomes[3]
    shop.prove()
