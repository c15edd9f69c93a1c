"""Client money: as much as is owed lies apart, no more is moved there, and payouts are sent as far as it goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settlement.sharing import new_payee, register
from yuefu.errors import Refused, one
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import PayoutOrder, Safeguarded, SharePayoutOrder, TransferOrder
from yuefu.payments.rules import OPERATING_NUMBER, BankCredit, Payout, PayResult, Transfer, TransferResult
from yuefu.runtime import locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

DAY = date(2026, 10, 1)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def earn(work: UnitOfWork, merchant_id: UUID, minor: int) -> None:
    lines = (Line(AccountKey("merchant_pending"), cny(minor)), Line(AccountKey("merchant_available", owner_id=merchant_id), cny(-minor)))
    with sql.transacting():
        one(ledger.post(work=work, entries=[Entry(f"earn:{minor}", "test", lines)]))


def order(work: UnitOfWork, merchant_id: UUID, *minors: int) -> list[Payout]:
    orders = [PayoutOrder(f"b:{minor}", merchant_id, work.ids.new(work.now), cny(minor)) for minor in minors]
    with sql.transacting():
        return [one([payout]) for payout in payments.order_payouts(work=work, orders=orders)]


def safeguard(work: UnitOfWork) -> Safeguarded:
    with sql.transacting():
        found = payments.safeguard(work=work)
    assert isinstance(found, Safeguarded), found
    return found


def hear(work: UnitOfWork, transfer: Transfer | None, outcome: str = "done") -> None:
    assert transfer is not None
    with sql.transacting():
        one(payments.settle_transfers(work=work, results=[TransferResult(transfer.reference, outcome, transfer.amount, "n", DAY)]))  # type: ignore[arg-type]


def fund(work: UnitOfWork, minor: int) -> Transfer:
    with sql.transacting():
        return one(payments.order_transfers(work=work, orders=[TransferOrder(f"f{minor}", "funding", cny(minor), work.book.id)]))


def send(work: UnitOfWork) -> list[str]:
    """What became of each payout that waits, in the order in which they were ordered."""
    with sql.transacting():
        outcomes = payments.send_payouts(work=work, payouts=queries.payouts_to_send(book_id=work.book.id, limit=9))
    return [o.code if isinstance(o, Refused) else o.state for o in outcomes]


def figures(found: Safeguarded) -> tuple[int, int, int, tuple[str, int] | None]:
    moved = (found.ordered.kind, found.ordered.amount.minor) if found.ordered else None
    return found.owed.minor, found.held.minor, found.under_way.minor, moved


def test_what_became_available_is_moved_once_whatever_is_on_its_way(work: UnitOfWork, merchant_id: UUID) -> None:
    assert figures(safeguard(work)) == (0, 0, 0, None)
    earn(work, merchant_id, 900)
    first = safeguard(work)
    assert figures(first) == (900, 0, 0, ("safeguarding", 900))
    assert figures(safeguard(work)) == (900, 0, 900, None)
    order(work, merchant_id, 400)  # available or in transit: it is owed
    assert figures(safeguard(work)) == (900, 0, 900, None)
    hear(work, first.ordered)
    assert figures(safeguard(work)) == (900, 900, 0, None)
    earn(work, merchant_id, 50)
    assert figures(safeguard(work)) == (950, 900, 0, ("safeguarding", 50))


def test_a_transfer_that_failed_is_ordered_anew(work: UnitOfWork, merchant_id: UUID) -> None:
    earn(work, merchant_id, 900)
    hear(work, safeguard(work).ordered, "failed")
    again = safeguard(work)
    assert figures(again) == (900, 0, 0, ("safeguarding", 900))
    assert len(queries.transfers_open(book_id=work.book.id)) == 1


def test_what_is_not_owed_goes_back_to_own_money(work: UnitOfWork, merchant_id: UUID) -> None:
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder("by hand", "safeguarding", cny(700))]))
    hear(work, made)
    earn(work, merchant_id, 500)
    back = safeguard(work)
    assert figures(back) == (500, 700, 0, ("release", 200))
    order(work, merchant_id, 500)
    assert send(work) == ["sent"], "what is on its way out is not there any more, the rest is"
    assert figures(safeguard(work)) == (500, 700, -200, None)


def test_payouts_wait_for_their_money_and_a_large_one_does_not_hold_up_the_others(work: UnitOfWork, merchant_id: UUID) -> None:
    earn(work, merchant_id, 1_000)
    order(work, merchant_id, 300, 400, 250)
    assert send(work) == [rules.NOT_COVERED] * 3
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder("some", "safeguarding", cny(650))]))
    assert send(work) == [rules.NOT_COVERED] * 3, "what is ordered is not there yet"
    hear(work, made)
    assert send(work) == ["sent", rules.NOT_COVERED, "sent"]
    assert send(work) == [rules.NOT_COVERED], "what was sent is promised"
    hear(work, safeguard(work).ordered)
    assert send(work) == ["sent"]


def test_nobody_with_shares_is_paid_out_of_what_may_have_to_go_back(work: UnitOfWork, vault: Vault) -> None:
    agent = one(register(work, vault, new_payee("harbour")))
    hear(work, fund(work, 100))
    credit = BankCredit("BK-1", OPERATING_NUMBER, cny(900), "6222000000000001", "Somebody", "", datetime.combine(work.day.on, time(9)))
    with sql.transacting():
        (taken,) = payments.take_receipts(work=work, vault=vault, came=[credit], heard_by="file")
        assert not isinstance(taken, Refused)
        orders = [SharePayoutOrder(f"s{minor}", "agent", agent, work.ids.new(work.now), cny(minor)) for minor in (101, 100)]
        assert all(isinstance(one, Payout) for one in payments.order_share_payouts(work=work, orders=orders))
    assert send(work) == [rules.NOT_COVERED, "sent"]


def test_nobody_with_shares_is_paid_out_of_what_merchants_are_owed(work: UnitOfWork, merchant_id: UUID, vault: Vault) -> None:
    earn(work, merchant_id, 600)
    agent = one(register(work, vault, new_payee("harbour")))
    hear(work, fund(work, 1_000))
    with sql.transacting():
        orders = [SharePayoutOrder(f"s{minor}", "agent", agent, work.ids.new(work.now), cny(minor)) for minor in (401, 300, 150, 100)]
        assert all(isinstance(one, Payout) for one in payments.order_share_payouts(work=work, orders=orders))
    assert send(work) == [rules.NOT_COVERED, "sent", rules.NOT_COVERED, "sent"]
    transfer = safeguard(work).ordered
    assert send(work) == [rules.NOT_COVERED] * 2, "what is on its way to the client account is not there any more"
    hear(work, transfer)
    hear(work, fund(work, 551))
    assert send(work) == ["sent", "sent"]


def test_paying_and_returning_leaves_owed_and_held_equal(work: UnitOfWork, merchant_id: UUID) -> None:
    earn(work, merchant_id, 900)
    payout, other = order(work, merchant_id, 600, 300)
    hear(work, safeguard(work).ordered)
    for result in (
        PayResult(payout.reference, "paid", payout.amount, "n", DAY),
        PayResult(other.reference, "rejected", other.amount, "n", DAY, "closed"),
        PayResult(payout.reference, "returned", payout.amount, "n", DAY, "closed"),
    ):
        with sql.transacting():
            one(payments.settle_payouts(work=work, results=[result]))
        found = safeguard(work)
        assert (found.owed, found.ordered) == (found.held, None)


@given(owed=st.integers(0, 10**15), held=st.integers(0, 10**15), under_way=st.integers(-(10**15), 10**15))
def test_after_the_transfer_as_much_is_there_as_is_owed(owed: int, held: int, under_way: int) -> None:
    moved = rules.safeguarding(owed=owed, held=held, under_way=under_way)
    kind, minor = moved or ("safeguarding", 0)
    assert minor >= 0
    assert held + under_way + (minor if kind == "safeguarding" else -minor) == owed


@given(st.lists(st.integers(1, 1_000), max_size=20), st.integers(-500, 5_000))
def test_no_more_is_sent_than_is_there(minors: list[int], free: int) -> None:
    account = uuid4()
    payouts = [_payout(account, minor) for minor in minors]
    reached = rules.covered(payouts, {account: free})
    spent = sum(minor for minor, enough in zip(minors, reached, strict=True) if enough)
    assert spent <= max(free, 0)
    assert all(enough or minor > free - spent for minor, enough in zip(minors, reached, strict=True))


def _payout(account: UUID, minor: int) -> Payout:
    return Payout(uuid4(), "r", account, uuid4(), uuid4(), cny(minor), "", "scheduled", "", datetime(2026, 10, 1, tzinfo=UTC), None, None)


def test_who_decides_about_client_money_waits_for_who_does_so_already(work: UnitOfWork, merchant_id: UUID, as_role) -> None:  # type: ignore[no-untyped-def]
    earn(work, merchant_id, 900)
    with as_role("default") as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [str(work.book.id), locks.CLIENT_MONEY])
        with pytest.raises(psycopg.errors.LockNotAvailable), sql.transacting(lock_timeout_ms=100):
            payments.safeguard(work=work)
        with pytest.raises(psycopg.errors.LockNotAvailable), sql.transacting(lock_timeout_ms=100):
            payments.send_payouts(work=work, payouts=[])
    assert queries.transfers_open(book_id=work.book.id) == []
