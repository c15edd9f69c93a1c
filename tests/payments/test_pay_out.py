"""Payouts to merchants and transfers between our own accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from yuefu.errors import Refused, one
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_queries
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import PayoutOrder, TransferOrder
from yuefu.payments.rules import Payout, PayResult, Transfer, TransferResult
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def earn(work: UnitOfWork, merchant_id: UUID, minor: int) -> None:
    lines = (Line(AccountKey("merchant_pending"), cny(minor)), Line(AccountKey("merchant_available", owner_id=merchant_id), cny(-minor)))
    with sql.transacting():
        one(ledger.post(work=work, entries=[Entry(f"earn:{minor}", "test", lines)]))


def available(work: UnitOfWork, merchant_id: UUID) -> int:
    return -ledger_queries.limited(work.book.id, "merchant_available", [merchant_id])[merchant_id].posted.minor


def balances(work: UnitOfWork) -> dict[str, int]:
    codes = ["payouts_in_transit", "client_cash", "bank_cash", "channel_cash"]
    return {k.code: m.minor for k, m in ledger_queries.balances(work.book.id, [AccountKey(c) for c in codes], "CNY").items() if m}


def order(work: UnitOfWork, merchant_id: UUID, *, minor: int = 90_000, key: str = "b:1") -> Payout | Refused:
    request = PayoutOrder(key, merchant_id, work.ids.new(work.now), cny(minor))
    with sql.transacting():
        return payments.order_payouts(work=work, orders=[request])[0]


def say(work: UnitOfWork, *results: PayResult) -> list[Payout | Refused]:
    with sql.transacting():
        return payments.settle_payouts(work=work, results=results)


def cover(work: UnitOfWork, minor: int) -> Transfer:
    """Own money that becomes client money."""
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder(f"cover:{minor}", "safeguarding", cny(minor))]))
        return one(payments.settle_transfers(work=work, results=[TransferResult(made.reference, "done", made.amount, "n", DAY)]))


@pytest.fixture
def payout(work: UnitOfWork, merchant_id: UUID) -> Payout:
    earn(work, merchant_id, 90_000)
    ordered = order(work, merchant_id)
    assert isinstance(ordered, Payout)
    return ordered


def test_an_ordered_payout_takes_the_money_from_what_is_available(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    assert available(work, merchant_id) == 0
    assert balances(work) == {"payouts_in_transit": -90_000}
    assert [p.id for p in queries.payouts_to_send(book_id=work.book.id, limit=5)] == [payout.id]
    assert queries.payouts_of_batches(batch_ids=[payout.batch_id]) == {payout.batch_id: [payout]}


def test_a_payout_beyond_what_is_available_and_owed_is_refused_and_not_stored(work: UnitOfWork, merchant_id: UUID) -> None:
    refused = order(work, merchant_id, minor=100_001)
    assert isinstance(refused, Refused)
    assert refused.code == "limit_exceeded"
    assert queries.payouts_to_send(book_id=work.book.id, limit=5) == []


def test_payouts_to_others_are_found_before_the_limit_is_counted(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    stranger = work.ids.new(work.now)
    assert queries.payouts_to_send(book_id=work.book.id, limit=1, except_to=[merchant_id, stranger]) == []
    assert queries.payouts_to_send(book_id=work.book.id, limit=1, except_to=[stranger]) == [payout]


def test_a_payout_on_its_way_is_asked_for_before_one_that_was_paid(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    earn(work, merchant_id, 80_000)
    later = order(work, merchant_id, minor=80_000, key="b:2")
    assert isinstance(later, Payout)
    say(work, PayResult(payout.reference, "paid", payout.amount, "8801-1", DAY), PayResult(later.reference, "sent", later.amount))
    for limit, expected in ((1, [later.id]), (2, [later.id, payout.id])):
        assert [p.id for p in queries.payouts_to_poll(book_id=work.book.id, paid_since=DAY, limit=limit)] == expected


def test_a_paid_payout_leaves_the_bank_once(work: UnitOfWork, payout: Payout) -> None:
    cover(work, 90_000)
    with sql.transacting():
        (sent,) = payments.send_payouts(work=work, payouts=[payout])
    assert isinstance(sent, Payout)
    assert sent.state == "sent"
    paid = PayResult(payout.reference, "paid", payout.amount, "8801-1", DAY)
    say(work, paid, paid)
    say(work, paid, replace(paid, outcome="sent"))
    assert balances(work) == {"bank_cash": -90_000}
    shown = [m for m in ledger_queries.movements(work.book.id, "client_cash", DAY) if m.movement == "payout"]
    assert [(m.reference, m.amount) for m in shown] == [(payout.reference, cny(-90_000))]


def test_a_returned_payout_comes_back_to_the_bank_and_to_the_merchant(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    paid = PayResult(payout.reference, "paid", payout.amount, "8801-1", date(2026, 9, 30))
    returned = replace(paid, outcome="returned", on=DAY, failure_code="closed")
    outcomes = say(work, paid, returned, returned)
    assert all(isinstance(o, Payout) for o in outcomes)
    assert balances(work) == {}
    assert available(work, merchant_id) == 90_000
    shown = sorted((m.movement, m.amount.minor) for m in ledger_queries.movements(work.book.id, "client_cash", DAY))
    assert shown == [("payout", -90_000), ("payout_returned", 90_000)]


def test_a_return_heard_before_the_payment_is_booked_as_both(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    (after,) = say(work, PayResult(payout.reference, "returned", payout.amount, "8801-1", DAY, "closed"))
    assert isinstance(after, Payout)
    assert (after.paid_on, after.returned_on) == (DAY, DAY)
    assert (balances(work), available(work, merchant_id)) == ({}, 90_000)
    assert len(ledger_queries.movements(work.book.id, "client_cash", DAY)) == 2


def test_a_rejected_payout_never_touches_the_bank(work: UnitOfWork, merchant_id: UUID, payout: Payout) -> None:
    (after,) = say(work, PayResult(payout.reference, "rejected", payout.amount, "", DAY, "insufficient_funds"))
    assert isinstance(after, Payout)
    assert (after.state, after.paid_on) == ("returned", None)
    assert (balances(work), available(work, merchant_id)) == ({}, 90_000)
    assert ledger_queries.movements(work.book.id, "client_cash", DAY) == []


def test_what_was_paid_cannot_be_rejected(work: UnitOfWork, payout: Payout) -> None:
    paid = PayResult(payout.reference, "paid", payout.amount, "8801-1", DAY)
    outcomes = say(work, paid, replace(paid, outcome="rejected"), replace(paid, amount=cny(1)), replace(paid, reference="po_x"))
    assert [o.code for o in outcomes if isinstance(o, Refused)] == [rules.CONTRADICTS, rules.AMOUNT_DIFFERS, rules.UNKNOWN_REFERENCE]


def test_a_withdrawal_shows_on_both_accounts_and_funding_on_the_banks(work: UnitOfWork) -> None:
    funder = work.ids.new(work.now)
    orders = [TransferOrder("w", "withdrawal", cny(5_000)), TransferOrder("f", "funding", cny(70_000), funder)]
    with sql.transacting():
        made = [t for t in payments.order_transfers(work=work, orders=orders) if isinstance(t, Transfer)]
    assert [t.id for t in queries.transfers_open(book_id=work.book.id)] == sorted(t.id for t in made)
    results = [TransferResult(t.reference, "done", t.amount, "n", DAY) for t in made]
    for _ in range(2):
        with sql.transacting():
            payments.settle_transfers(work=work, results=results)
    assert balances(work) == {"bank_cash": 75_000, "channel_cash": -5_000}
    assert [m.movement for m in ledger_queries.movements(work.book.id, "channel_cash", DAY)] == ["withdrawal"]
    assert sorted(m.movement for m in ledger_queries.movements(work.book.id, "bank_cash", DAY)) == ["funding", "withdrawal"]
    assert queries.transfers_open(book_id=work.book.id) == []


def test_a_failed_transfer_moves_nothing_and_stays_failed(work: UnitOfWork) -> None:
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder("w", "withdrawal", cny(5))]))
        failed = TransferResult(made.reference, "failed", made.amount, "", DAY, "insufficient_funds")
        after, contradiction = payments.settle_transfers(work=work, results=[failed, replace(failed, outcome="done")])
    assert isinstance(after, Transfer)
    assert (after.state, after.moved_on) == ("failed", None)
    assert isinstance(contradiction, Refused)
    assert balances(work) == {}


def test_funding_names_its_funder_and_a_withdrawal_has_none(work: UnitOfWork) -> None:
    orders = [TransferOrder("f", "funding", cny(1)), TransferOrder("w", "withdrawal", cny(1), work.ids.new(work.now))]
    with sql.transacting():
        outcomes = payments.order_transfers(work=work, orders=orders)
    assert [o.code for o in outcomes if isinstance(o, Refused)] == [rules.FUNDER_MISSING] * 2
