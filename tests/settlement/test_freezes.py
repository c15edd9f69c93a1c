"""Money of merchants that is frozen, let go, and paid by hand; each by two people, each cent in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.people import person
from tests.settlement.scene import PAY_DAY, accrue, available, capture, cny, proofs_hold, settle, unproven
from yuefu.errors import Refused, RefusedError, one
from yuefu.insight import queries as insight
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import TransferOrder
from yuefu.payments.rules import PayResult, TransferResult
from yuefu.runtime import approvals, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries, rules
from yuefu.settlement.commands import Clearing, NewFreeze
from yuefu.settlement.queries import Batch

ALICE, BOB = person("alice"), person("bob")
MakeWork = Callable[..., UnitOfWork]
NET = 97_600  # of 1,000.00: 0.60 % fee and 1.80 % discount
UNTIL = date(2026, 12, 1)


@pytest.fixture(autouse=True)
def given_out(work: UnitOfWork) -> Iterator[None]:
    """Whatever was frozen: every statement may be given out in the end."""
    yield
    assert unproven(work) == []


@pytest.fixture
def two(make_work: MakeWork) -> Callable[..., Any]:
    """`two(ask, decide, **changes)`: one person asks, another decides; what the decision led to."""

    def act(ask: Callable[[UnitOfWork], UUID | Refused], decide: Callable[..., Any], *, approve: bool = True) -> Any:
        with sql.transacting():
            asked = ask(make_work(by=ALICE))
        if isinstance(asked, Refused):
            return asked
        with sql.transacting():
            mine = decide(work=make_work(by=ALICE), approval_id=asked, approve=approve, reason="x")
        assert isinstance(mine, Refused)
        assert mine.code == approvals.SAME_PERSON
        with sql.transacting():
            return decide(work=make_work(by=BOB), approval_id=asked, approve=approve, reason="looked at it")

    return act


@pytest.fixture
def freeze(two: Callable[..., Any], merchant_id: UUID) -> Callable[..., Any]:
    def act(minor: int | None, *, until: date = UNTIL, approve: bool = True, merchant: UUID = merchant_id) -> Any:
        wanted = NewFreeze(merchant, None if minor is None else cny(minor), until, "abnormal funds")
        return two(lambda work: settlement.propose_freeze(work=work, wanted=wanted), settlement.decide_freeze, approve=approve)

    return act


@pytest.fixture
def unfreeze(two: Callable[..., Any]) -> Callable[..., Any]:
    def act(freeze_id: UUID) -> Any:
        return two(
            lambda work: settlement.propose_unfreeze(work=work, freeze_id=freeze_id, reason="cleared up"), settlement.decide_unfreeze
        )

    return act


@pytest.fixture
def clear(two: Callable[..., Any]) -> Callable[..., Any]:
    def act(batch_id: UUID, **outside: Any) -> Any:
        wanted = Clearing(batch_id, "the merchant called", **outside)
        return two(lambda work: settlement.propose_clearing(work=work, clearing=wanted), settlement.decide_clearing)

    return act


def frozen(work: UnitOfWork) -> int:
    return -ledger.balances(work.book.id, [AccountKey("merchant_frozen")], "CNY")[AccountKey("merchant_frozen")].minor


def of(batch: Batch) -> Batch:
    (found,) = sql.rows("SELECT book_id FROM settlement_batch WHERE id = %s", [batch.id])
    return queries.batches_by_id(book_id=found[0], ids=[batch.id])[batch.id]


def answered(work: UnitOfWork, batch: Batch, outcome: str, *, code: str = "") -> list[Batch | Refused]:
    """What a bank says of the payout of a batch."""
    (payout,) = [p for p in payment_book.payouts_of_batches(batch_ids=[batch.id])[batch.id] if p.state != "returned"]
    with sql.transacting():
        result = PayResult(payout.reference, outcome, payout.amount, "n", work.day.on, code)  # type: ignore[arg-type]
        return settlement.mark_payouts(work=work, payouts=[one(payments.settle_payouts(work=work, results=[result]))])


def funded(work: UnitOfWork, amount: Money) -> None:
    """Client money to pay out of."""
    with sql.transacting():
        orders = [TransferOrder("f", "funding", amount, work.book.id), TransferOrder("s", "safeguarding", amount)]
        for transfer in payments.order_transfers(work=work, orders=orders):
            assert not isinstance(transfer, Refused)
            one(
                payments.settle_transfers(
                    work=work, results=[TransferResult(transfer.reference, "done", transfer.amount, "n", work.day.on)]
                )
            )


def test_a_freeze_keeps_what_was_asked_of_the_next_batch_and_the_rest_is_paid(work: UnitOfWork, merchant_id: UUID, freeze: Any) -> None:
    made = freeze(30_000)
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    assert (batch.state, batch.totals.reserved, batch.totals.payout) == ("scheduled", cny(30_000), cny(NET - 30_000))
    assert (frozen(work), queries.freeze(book_id=work.book.id, freeze_id=made).kept) == (30_000, cny(30_000))  # type: ignore[union-attr]
    assert proofs_hold(work, merchant_id)
    accrue(work, capture(work, merchant_id, minor=100_000))
    (later,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (later.totals.payout, frozen(work)) == (cny(NET), 30_000)
    assert proofs_hold(work, merchant_id)


def test_a_freeze_of_everything_pays_nothing_until_it_ends(work: UnitOfWork, merchant_id: UUID, freeze: Any, unfreeze: Any) -> None:
    made = freeze(None)
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    assert (batch.state, batch.reason, batch.totals.payout, frozen(work)) == ("held", rules.FROZEN, cny(0), NET)
    assert proofs_hold(work, merchant_id)
    assert unfreeze(made) == made
    assert (frozen(work), unfreeze(made).code, proofs_hold(work, merchant_id)) == (NET, rules.FREEZE_ENDED, True)
    (next_one,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (next_one.state, next_one.totals.released, next_one.totals.payout, frozen(work)) == ("scheduled", cny(NET), cny(NET), 0)
    assert proofs_hold(work, merchant_id)


def test_a_freeze_ends_by_itself_on_its_day(
    work: UnitOfWork, merchant_id: UUID, freeze: Any, next_day: Callable[[UnitOfWork], UnitOfWork]
) -> None:
    made = freeze(50_000, until=work.day.on + timedelta(days=1))
    accrue(work, capture(work, merchant_id, minor=100_000))
    settle(work)
    assert frozen(work) == 50_000
    later = next_day(work)
    (batch,) = settle(later, PAY_DAY + timedelta(days=1))
    ended = queries.freeze(book_id=work.book.id, freeze_id=made)
    assert ended is not None
    assert (ended.state, ended.ended_on, ended.kept) == ("ended", later.day.on, cny(50_000))
    assert (batch.totals.payout, frozen(work)) == (cny(50_000), 0)
    assert proofs_hold(later, merchant_id)


def test_a_payout_that_no_bank_has_yet_is_taken_back_and_what_is_left_is_ordered_anew(
    work: UnitOfWork, merchant_id: UUID, freeze: Any
) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    freeze(30_000)
    now = of(batch)
    assert (now.state, now.pays, now.withheld, now.reason) == ("scheduled", cny(NET - 30_000), cny(30_000), "")
    assert [(p.state, p.amount.minor) for p in payment_book.payouts_of_batches(batch_ids=[batch.id])[batch.id]] == [
        ("returned", NET),
        ("scheduled", NET - 30_000),
    ]
    assert (frozen(work), proofs_hold(work, merchant_id)) == (30_000, True)


def test_what_was_sent_goes_on_and_is_frozen_if_it_comes_back(
    work: UnitOfWork, merchant_id: UUID, freeze: Any, correct: Callable[[UUID], None], clear: Any
) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    answered(work, batch, "sent")
    freeze(30_000)
    assert frozen(work) == 0
    answered(work, batch, "paid")
    answered(work, batch, "returned", code="beneficiary_account_closed")
    back = of(batch)
    assert (back.state, back.reason, back.pays, frozen(work)) == ("returned", "beneficiary_account_closed", cny(NET - 30_000), 30_000)
    assert proofs_hold(work, merchant_id)
    with pytest.raises(RefusedError, match="account_flagged"):
        clear(batch.id)
    correct(merchant_id)
    assert clear(batch.id) == batch.id
    assert (of(batch).state, available(work, merchant_id), proofs_hold(work, merchant_id)) == ("scheduled", 0, True)


def test_a_flagged_account_holds_the_next_batch_and_says_why(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    answered(work, batch, "sent")
    answered(work, batch, "returned", code="bank_ac04")
    accrue(work, capture(work, merchant_id, minor=100_000))
    (held,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (held.state, held.reason) == ("held", rules.ACCOUNT_FLAGGED)
    assert proofs_hold(work, merchant_id)


def test_two_freezes_are_filled_one_after_the_other(work: UnitOfWork, merchant_id: UUID, freeze: Any, unfreeze: Any) -> None:
    first, second = freeze(60_000), freeze(60_000)
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    kept = [queries.freeze(book_id=work.book.id, freeze_id=i).kept.minor for i in (first, second)]  # type: ignore[union-attr]
    assert (kept, batch.totals.payout, proofs_hold(work, merchant_id)) == ([60_000, NET - 60_000], cny(0), True)
    unfreeze(first)
    (later,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (later.totals.payout, frozen(work), proofs_hold(work, merchant_id)) == (cny(NET - 60_000), 60_000, True)


def test_a_held_batch_is_frozen_where_it_is_and_cleared_of_the_rest(work: UnitOfWork, merchant_id: UUID, freeze: Any, clear: Any) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    assert (batch.state, batch.reason) == ("held", rules.NOT_ACTIVE)
    freeze(40_000)
    assert (of(batch).pays, frozen(work)) == (cny(NET - 40_000), 40_000)
    assert [(one.what, one.minor) for one in insight.coming(work.book.id, merchant_id, "CNY", work.day.on)] == [("held", NET - 40_000)]
    assert clear(batch.id) == batch.id
    (payout,) = payment_book.payouts_of_batches(batch_ids=[batch.id])[batch.id]
    assert (payout.by_hand, payout.amount) == (True, cny(NET - 40_000))
    waiting = payment_book.payouts_to_send(book_id=work.book.id, limit=5, unless_by_hand=[merchant_id])
    assert [p.id for p in waiting] == [payout.id]
    assert proofs_hold(work, merchant_id)
    again = clear(batch.id)
    assert isinstance(again, Refused)
    assert again.code == rules.NOT_POSSIBLE


def test_all_that_is_frozen_cannot_be_cleared(work: UnitOfWork, merchant_id: UUID, freeze: Any, clear: Any) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    freeze(None)
    assert (of(batch).pays, clear(batch.id).code) == (cny(0), rules.NOTHING_TO_PAY)


def test_what_was_paid_outside_is_booked_by_the_banks_reference(work: UnitOfWork, merchant_id: UUID, clear: Any) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    outside = {"reference": "ICBC-20261008-77", "paid_on": work.day.on}
    with pytest.raises(RefusedError, match="not_covered"):
        clear(batch.id, **outside)
    funded(work, cny(NET))
    assert clear(batch.id, **outside) == batch.id
    (payout,) = payment_book.payouts_of_batches(batch_ids=[batch.id])[batch.id]
    assert (of(batch).state, payout.reference, payout.state, payout.paid_on) == ("paid", "ICBC-20261008-77", "paid", work.day.on)
    assert sum(ledger.totals(work.book.id, ["client_cash"]).values()) == 0
    assert proofs_hold(work, merchant_id)
    accrue(work, capture(work, merchant_id, minor=100_000))
    (other,) = settle(work, PAY_DAY + timedelta(days=1))
    assert clear(other.id, **outside).code == rules.REFERENCE_REUSED
    assert clear(other.id, reference="x", paid_on=work.day.on + timedelta(days=1)).code == rules.PAID_ON_INVALID
    assert clear(other.id, reference=" x", paid_on=work.day.on).code == rules.REFERENCE_INVALID


def test_a_clearing_of_what_changed_meanwhile_is_not_carried_out(
    make_work: MakeWork, work: UnitOfWork, merchant_id: UUID, freeze: Any
) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    with sql.transacting():
        asked = settlement.propose_clearing(work=make_work(by=ALICE), clearing=Clearing(batch.id, "why"))
    assert isinstance(asked, UUID)
    freeze(1)
    with pytest.raises(RefusedError, match="changed_since"), sql.transacting():
        settlement.decide_clearing(work=make_work(by=BOB), approval_id=asked, approve=True, reason="x")
    assert of(batch).state == "held"


def test_what_cannot_be_frozen_is_not_asked_for(work: UnitOfWork, freeze: Any, ids: Any) -> None:
    assert freeze(0).code == "amount_not_positive"
    assert freeze(1, until=work.day.on).code == rules.UNTIL_PASSED
    assert freeze(1, merchant=ids.new(work.now)).code == rules.UNKNOWN_MERCHANT
    assert freeze(1, approve=False) is None
    assert queries.freezes(book_id=work.book.id, merchant_id=None, with_ended=True, limit=10) == []


def test_a_payout_that_was_reconciled_may_come_back_once_and_with_its_own_amount(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, capture(work, merchant_id, minor=100_000))
    (batch,) = settle(work)
    answered(work, batch, "paid")
    with sql.transacting():
        settlement.mark_reconciled(work=work, batch_ids=[batch.id])
    (payout,) = payment_book.payouts_of_batches(batch_ids=[batch.id])[batch.id]

    def back(minor: int) -> Any:
        with sql.transacting():
            outcome = payments.settle_payouts(
                work=work, results=[PayResult(payout.reference, "returned", cny(minor), "n", work.day.on, "account_closed")]
            )[0]
            return outcome if isinstance(outcome, Refused) else settlement.mark_payouts(work=work, payouts=[outcome])[0]

    assert back(NET - 1).code == "amount_differs"
    assert of(batch).state == "reconciled"
    first, second = back(NET), back(NET)
    assert (first.state, second.version, first.version, first.reason) == ("returned", first.version, second.version, "account_closed")
    assert (available(work, merchant_id), proofs_hold(work, merchant_id)) == (NET, True)


@pytest.mark.parametrize(
    "attack",
    [
        "INSERT INTO settlement_freeze (id, book_id, merchant_id, asked_minor, currency, until, reason, begun_on, approval_id, recorded_by, recorded_at)"
        " SELECT gen_random_uuid(), book_id, merchant_id, 5, currency, until, reason, begun_on, approval_id, 'x', now() FROM settlement_freeze",
        "UPDATE settlement_freeze SET kept_minor = 0",
        "UPDATE settlement_freeze SET state = 'ended', ended_on = begun_on",
        "UPDATE settlement_freeze SET state = 'ended', ended_on = begun_on, ended_by_id = approval_id",
        "INSERT INTO settlement_freeze_part (id, book_id, merchant_id, freeze_id, batch_id, amount_minor, recorded_at)"
        " SELECT gen_random_uuid(), book_id, merchant_id, freeze_id, batch_id, 1, now() FROM settlement_freeze_part",
        "UPDATE settlement_batch SET withheld_minor = payout_minor + 1",
        "DELETE FROM settlement_freeze_part",
    ],
)
def test_the_database_freezes_what_two_people_said_and_no_more(
    as_role: Any, work: UnitOfWork, merchant_id: UUID, freeze: Any, attack: str
) -> None:
    freeze(30_000)
    accrue(work, capture(work, merchant_id, minor=100_000))
    settle(work)
    with as_role("default") as connection, pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege)):
        connection.execute(attack)
