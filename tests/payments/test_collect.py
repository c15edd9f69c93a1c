"""Collections and their refunds: the attempt first, then what the channel says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import psycopg
import pytest

from yuefu import ids
from yuefu.errors import Refused, one
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import CollectionAttempt, RefundAttempt
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.payments.rules import ChannelRefund, ChannelResult, Collection, CollectOrder, RefundOrder
from yuefu.runtime import sql
from yuefu.runtime.keys import KEY_REUSED
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def attempt(work: UnitOfWork, consumer_id: UUID, *, key: str = "k1", minor: int = 66_634, instrument: str = "sandbox") -> Collection:
    request = CollectionAttempt(key, consumer_id, ids_of(work), ids_of(work), cny(minor), instrument)
    with sql.transacting():
        (outcome,) = payments.attempt_collections(work=work, attempts=[request])
    assert isinstance(outcome, Collection)
    return outcome


def ids_of(work: UnitOfWork) -> UUID:
    return work.ids.new(work.now)


def success(collection: Collection, *, fee: int = 400) -> ChannelResult:
    return ChannelResult(collection.reference, "succeeded", collection.amount, cny(fee), "4200-1", DAY)


def settle(work: UnitOfWork, results: Sequence[ChannelResult]) -> list[Collection | Refused]:
    with sql.transacting():
        return payments.settle_collections(work=work, results=results)


def refund(work: UnitOfWork, *attempts: RefundAttempt) -> list[ChannelRefund | Refused]:
    with sql.transacting():
        return payments.attempt_refunds(work=work, attempts=attempts)


def settle_refunds(work: UnitOfWork, *results: ChannelResult) -> list[ChannelRefund | Refused]:
    with sql.transacting():
        return payments.settle_refunds(work=work, results=results)


def books(work: UnitOfWork) -> dict[str, int]:
    codes = ["channel_cash", "channel_fee_expense", "collections_clearing", "consumer_balance"]
    return {
        key.code: money.minor for key, money in ledger.balances(work.book.id, [AccountKey(code) for code in codes], "CNY").items() if money
    }


def funders(work: UnitOfWork) -> set[tuple[str, UUID]]:
    found = sql.rows(
        "SELECT DISTINCT e.kind, l.funder_id FROM ledger_entry e JOIN ledger_line l ON l.posted_on = e.posted_on AND l.entry_id = e.id"
        " WHERE e.book_id = %s",
        [work.book.id],
    )
    return {(kind, funder) for kind, funder in found}


def test_every_line_of_a_collection_and_of_its_refund_says_whose_money_it_is(work: UnitOfWork, consumer_id: UUID) -> None:
    funder = ids_of(work)
    request = CollectionAttempt("of a funder", consumer_id, ids_of(work), None, cny(1_000), "sandbox", funder)
    with sql.transacting():
        made = one(payments.attempt_collections(work=work, attempts=[request]))
    settle(work, [success(made, fee=6)])
    (begun,) = refund(work, RefundAttempt("r", made.id, cny(500)))
    assert isinstance(begun, ChannelRefund)
    settle_refunds(work, ChannelResult(begun.reference, "succeeded", begun.amount, cny(3), "5030-1", DAY))
    assert (made.funder_id, begun.funder_id, begun.money_account_id) == (funder, funder, made.money_account_id)
    assert funders(work) == {("collection", funder), ("channel_refund", funder)}


def test_a_collection_of_nobody_in_particular_is_of_own_funds(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    settle(work, [success(made)])
    assert funders(work) == {("collection", work.book.id)}


def test_an_attempt_is_stored_with_its_reference_and_posts_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    assert made.reference == ids.text("collection", made.id)
    assert len(made.reference) <= 32
    assert queries.collections(book_id=work.book.id, ids=[made.id]) == {made.id: made}
    assert books(work) == {}


def test_a_known_key_returns_its_collection_and_other_content_is_refused(work: UnitOfWork, consumer_id: UUID) -> None:
    request = CollectionAttempt("same", consumer_id, None, None, cny(100), "sandbox")
    with sql.transacting():
        first, twin = payments.attempt_collections(work=work, attempts=[request, request])
    with sql.transacting():
        again, other = payments.attempt_collections(work=work, attempts=[request, replace(request, amount=cny(101))])
    assert first == twin == again
    assert isinstance(other, Refused)
    assert (other.code, other.field) == (KEY_REUSED, "amount")


@pytest.mark.parametrize(("amount", "code"), [(Money(0, "CNY"), "amount_not_positive"), (Money(5, "USD"), "currency_differs")])
def test_an_amount_that_cannot_be_collected_is_refused_and_disturbs_nobody(
    work: UnitOfWork, consumer_id: UUID, amount: Money, code: str
) -> None:
    bad = CollectionAttempt("bad", consumer_id, None, None, amount, "sandbox")
    good = CollectionAttempt("good", consumer_id, None, None, cny(1), "sandbox")
    with sql.transacting():
        refused, made = payments.attempt_collections(work=work, attempts=[bad, good])
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert isinstance(made, Collection)


def test_a_success_is_posted_gross_with_its_fee(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    (settled,) = settle(work, [success(made)])
    assert isinstance(settled, Collection)
    assert (settled.state, settled.settled_on, settled.posted_on) == ("succeeded", DAY, DAY)
    assert books(work) == {"channel_cash": 66_234, "channel_fee_expense": 400, "collections_clearing": -66_634}
    shown = {(m.movement, m.reference, m.amount.minor) for m in ledger.movements(work.book.id, "channel_cash", DAY)}
    assert shown == {("payment", made.reference, 66_634), ("fee", made.reference, -400)}
    (trade,) = queries.trade_movements(book_id=work.book.id, on=DAY)
    assert (trade.id, trade.reference, trade.kind, trade.amount, trade.status) == (
        made.id,
        made.reference,
        "payment",
        cny(66_634),
        "SUCCESS",
    )


def test_a_success_without_fee_has_no_line_of_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    settle(work, [success(attempt(work, consumer_id, minor=1), fee=0)])
    assert books(work) == {"channel_cash": 1, "collections_clearing": -1}


def test_the_same_answer_again_changes_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    first, within = settle(work, [success(made), success(made)])
    (later,) = settle(work, [success(made)])
    assert first == within == later
    assert books(work)["collections_clearing"] == -66_634


def test_a_contradicting_answer_is_refused_and_changes_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    settle(work, [success(made)])
    failed = ChannelResult(made.reference, "failed", made.amount, cny(0), failure_code="x")
    other_amount = replace(success(made), amount=cny(1))
    foreign = replace(success(made), reference="pay_foreign")
    codes = [o.code for o in settle(work, [failed, other_amount, foreign]) if isinstance(o, Refused)]
    assert codes == [rules.CONTRADICTS, rules.AMOUNT_DIFFERS, rules.UNKNOWN_REFERENCE]
    assert queries.collections(book_id=work.book.id, ids=[made.id])[made.id].state == "succeeded"


def test_a_failure_keeps_its_reason_and_moves_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    (settled,) = settle(work, [ChannelResult(made.reference, "failed", made.amount, cny(0), failure_code="insufficient_funds")])
    assert isinstance(settled, Collection)
    assert (settled.state, settled.failure_code) == ("failed", "insufficient_funds")
    assert books(work) == {}


def test_an_unknown_outcome_waits_to_be_asked_for_and_then_counts_on_the_channels_day(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id, instrument="sandbox:unknown_then_success")
    channel = SandboxChannel(work.book)
    settle(work, channel.collect(orders=[CollectOrder(made.reference, made.instrument, made.amount)], now=work.now))
    later = work.now.replace(hour=23)
    (waiting,) = queries.collections_to_poll(book_id=work.book.id, before=later, limit=10)
    assert (waiting.id, waiting.state) == (made.id, "unknown")
    assert books(work) == {}
    answers = channel.query(references=[waiting.reference, "pay_never_sent"], now=later)
    assert list(answers) == [waiting.reference]
    settle(work, list(answers.values()))
    assert queries.collections_to_poll(book_id=work.book.id, before=later, limit=10) == []
    assert books(work) == {"channel_cash": 66_234, "channel_fee_expense": 400, "collections_clearing": -66_634}


def test_refunds_of_a_collection_never_exceed_it_even_in_one_batch(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id, minor=1_000)
    settle(work, [success(made, fee=6)])
    asked = [RefundAttempt("a", made.id, cny(600)), RefundAttempt("b", made.id, cny(500)), RefundAttempt("c", made.id, cny(400))]
    first, second, third = refund(work, *asked)
    assert isinstance(first, ChannelRefund)
    assert isinstance(second, Refused)
    assert second.code == rules.REFUND_EXCEEDS_COLLECTION
    assert isinstance(third, ChannelRefund)
    assert queries.collections(book_id=work.book.id, ids=[made.id])[made.id].left == cny(0)
    assert refund(work, *asked) == [first, second, third]


def test_only_money_that_came_can_go_back(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    outcomes = refund(work, RefundAttempt("a", made.id, cny(1)), RefundAttempt("b", ids_of(work), cny(1)))
    assert [o.code for o in outcomes if isinstance(o, Refused)] == [rules.COLLECTION_NOT_SUCCEEDED, rules.UNKNOWN_COLLECTION]


def test_a_refund_is_posted_net_of_the_fee_that_comes_back(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    settle(work, [success(made)])
    (begun,) = refund(work, RefundAttempt("r", made.id, cny(33_317)))
    assert isinstance(begun, ChannelRefund)
    assert (begun.order_id, begun.loan_id, begun.original_reference) == (made.order_id, made.loan_id, made.reference)
    (settled,) = settle_refunds(work, ChannelResult(begun.reference, "succeeded", begun.amount, cny(200), "5030-1", DAY))
    assert isinstance(settled, ChannelRefund)
    assert books(work) == {
        "channel_cash": 66_234 - 33_117,
        "channel_fee_expense": 200,
        "collections_clearing": -66_634,
        "consumer_balance": 33_317,
    }
    assert made.order_id is not None
    paid = queries.of_orders(order_ids=[made.order_id])[made.order_id]
    assert ([c.id for c in paid.collections], [r.id for r in paid.refunds]) == ([made.id], [begun.id])
    found = queries.orders_of_references(book_id=work.book.id, references=[made.reference, begun.reference, "x"])
    assert found == {made.reference: made.order_id, begun.reference: made.order_id}


def test_a_failed_refund_gives_its_amount_back_to_the_collection(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    settle(work, [success(made)])
    (begun,) = refund(work, RefundAttempt("r", made.id, made.amount))
    assert isinstance(begun, ChannelRefund)
    failed = ChannelResult(begun.reference, "failed", begun.amount, cny(0), failure_code="closed")
    settle_refunds(work, failed)
    settle_refunds(work, failed)
    assert queries.collections(book_id=work.book.id, ids=[made.id])[made.id].left == made.amount
    assert made.loan_id is not None
    assert [c.id for c in queries.refundable(loan_ids=[made.loan_id])[made.loan_id]] == [made.id]


def test_two_refunds_at_the_channel_give_the_whole_fee_back(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id, minor=1_001)
    channel = SandboxChannel(work.book)
    settle(work, channel.collect(orders=[CollectOrder(made.reference, "sandbox", made.amount)], now=work.now))
    begun = [
        r
        for r in refund(work, RefundAttempt("a", made.id, cny(334)), RefundAttempt("b", made.id, cny(667)))
        if isinstance(r, ChannelRefund)
    ]
    orders = [RefundOrder(r.reference, r.original_reference, r.amount) for r in begun]
    settle_refunds(work, *channel.refund(orders=orders, now=work.now))
    assert books(work) == {"collections_clearing": -1_001, "consumer_balance": 1_001}


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE payments_collection SET refunded_minor = amount_minor + 1 WHERE id = %(id)s",
        "UPDATE payments_collection SET state = 'succeeded' WHERE id = %(id)s AND settled_on IS NULL",
        "UPDATE payments_collection SET amount_minor = 0 WHERE id = %(id)s",
        "UPDATE payments_collection SET book_id = gen_random_uuid() WHERE id = %(id)s",
        "INSERT INTO payments_channel_refund (id, book_id, reference, collection_id, consumer_id, amount_minor, fee_returned_minor,"
        " currency, provider_id, state, failure_code, attempted_at) SELECT gen_random_uuid(), gen_random_uuid(), 'x', id, consumer_id, 1,"
        " 0,"
        " currency, '', 'attempted', '', now() FROM payments_collection WHERE id = %(id)s",
    ],
)
def test_the_database_refuses_what_no_command_would_do(as_role, work: UnitOfWork, consumer_id: UUID, attack: str) -> None:  # type: ignore[no-untyped-def]
    made = attempt(work, consumer_id)
    with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege)):
        as_role("default").execute(attack, {"id": made.id})


@pytest.mark.parametrize("table", ["money_account", "collection", "channel_refund", "payout", "transfer", "sandbox_trade", "sandbox_flow"])
def test_nothing_of_payments_can_be_deleted_and_the_sandbox_is_nobodys_to_read(as_role, table: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(f"DELETE FROM payments_{table}")
    if table.startswith("sandbox"):
        for role in ("staff", "reader"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(role).execute(f"SELECT 1 FROM payments_{table}")


def test_a_consumer_sees_own_collections_only(work: UnitOfWork, consumer_id: UUID) -> None:
    made = attempt(work, consumer_id)
    with sql.reading(consumer_id=consumer_id):
        assert list(queries.collections(book_id=work.book.id, ids=[made.id])) == [made.id]
    with sql.reading(consumer_id=ids_of(work)):
        assert queries.collections(book_id=work.book.id, ids=[made.id]) == {}
