"""From a capture to a merchant's money: accrual, the batch of a pay day, its payout and what may go wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settlement.scene import DAY, PAY_DAY, accrue, available, books, capture, cny, proofs_hold, refund, sell, settle
from yuefu.errors import Refused
from yuefu.money.rates import Rate
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_queries
from yuefu.payments.rules import PayResult
from yuefu.runtime import sql
from yuefu.runtime.paging import Span
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries, rules
from yuefu.settlement.commands import CaptureAccrual, RefundAccrual
from yuefu.settlement.queries import Batch, told
from yuefu.settlement.rules import GivenBack, Item


def test_a_capture_is_owed_net_of_fee_and_discount_and_settles_after_the_holidays(work: UnitOfWork, merchant_id: UUID) -> None:
    (item,) = accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    assert (item.fee, item.discount, item.net, item.settles_on) == (cny(1_199), cny(3_598), cny(195_103), PAY_DAY)
    assert books(work) == {"purchase_clearing": 199_900, "fee_income": -1_199, "unearned_discount": -3_598, "merchant_pending": -195_103}
    assert proofs_hold(work, merchant_id)


def test_a_plan_the_consumer_pays_for_costs_the_merchant_no_discount(work: UnitOfWork, merchant_id: UUID) -> None:
    (item,) = accrue(work, capture(work, merchant_id, periods=None))
    assert isinstance(item, Item)
    assert item.discount == cny(0)
    assert "unearned_discount" not in books(work)


def test_what_was_accrued_before_returns_its_item_and_posts_once(work: UnitOfWork, merchant_id: UUID) -> None:
    asked = capture(work, merchant_id)
    back = refund(work, asked, 100)
    first, second, twin = accrue(work, asked, back, asked)
    assert accrue(work, asked, back) == [first, second]
    assert twin == first
    other = CaptureAccrual(asked.capture_id, asked.order_id, merchant_id, None, None, "free", cny(1), 3, DAY)
    (refused,) = accrue(work, other)
    assert isinstance(refused, Refused)
    assert refused.code == "source_reused"
    assert books(work)["purchase_clearing"] == 199_800


def test_what_cannot_be_accrued_is_refused_and_disturbs_nobody(work: UnitOfWork, merchant_id: UUID) -> None:
    good = capture(work, merchant_id, minor=1_000)
    items = [
        capture(work, work.ids.new(work.now)),
        capture(work, merchant_id, periods=12),
        capture(work, merchant_id, minor=0),
        RefundAccrual(work.ids.new(work.now), work.ids.new(work.now), cny(1), DAY),
        good,
        refund(work, good, 600),
        refund(work, good, 401),
        refund(work, good, 400),
    ]
    outcomes = accrue(work, *items)
    codes = [o.code if isinstance(o, Refused) else o.kind for o in outcomes]
    assert codes == [
        *(rules.NO_CONTRACT, rules.NO_SUCH_PLAN, rules.AMOUNT_NOT_POSITIVE, rules.UNKNOWN_CAPTURE),
        *("capture", "refund", rules.REFUND_EXCEEDS_CAPTURE, "refund"),
    ]
    assert books(work) == {}
    assert proofs_hold(work, merchant_id)


def test_a_contract_that_keeps_the_fee_gives_nothing_of_it_back(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="kept")
    asked = capture(work, merchant_id)
    accrue(work, asked)
    (back,) = accrue(work, refund(work, asked, 199_900))
    assert isinstance(back, Item)
    assert (back.fee, back.discount, back.net) == (cny(0), cny(0), cny(-199_900))
    assert books(work) == {"fee_income": -1_199, "unearned_discount": -3_598, "merchant_pending": 4_797}


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=8), st.integers(0, 200_000), st.integers(0, 300_000))
def test_refunds_that_add_up_to_a_capture_give_all_of_its_fee_and_discount_back(parts: list[int], fee_ppm: int, discount_ppm: int) -> None:
    gross = cny(sum(parts))
    share = rules.capture_share(gross, fee_rate=Rate(fee_ppm), fixed=cny(0), discount_rate=Rate(discount_ppm))
    ids = [UUID(int=n) for n in range(4)]
    of = Item(
        *(ids[0], ids[1], "capture", None, ids[2], ids[2], None, None, "free", gross),
        *(share.fee, share.discount, share.net, rules.vat_of(share.fee, Rate(60_000)), 1, "returned", DAY, DAY),
    )
    before, shares = GivenBack.nothing("CNY"), []
    for part in parts:
        one = rules.refund_share(of, before=before, amount=cny(part), treatment="returned")
        shares.append(one)
        before = GivenBack(before.gross + cny(part), before.fee + one.fee, before.discount + one.discount)
    assert sum(s.vat.minor for s in shares) == of.vat.minor
    assert sum(s.fee.minor for s in shares) == share.fee.minor
    assert sum(s.discount.minor for s in shares) == share.discount.minor
    assert sum(s.net.minor for s in shares) == share.net.minor


def test_a_pay_day_makes_one_batch_a_merchant_whose_lines_add_up_to_its_payout_str_bt_02(
    work: UnitOfWork, make_merchant: Callable[..., UUID]
) -> None:
    first, second, slow = make_merchant(), make_merchant(), make_merchant(settlement_days=3)
    asked = capture(work, first)
    accrue(work, asked, refund(work, asked, 99_900), capture(work, first, minor=5_000), capture(work, second), capture(work, slow))
    batches = settle(work)
    assert [b.merchant_id for b in batches] == sorted([first, second])
    mine = next(b for b in batches if b.merchant_id == first)
    assert (mine.line_count, mine.state, mine.totals.captures, mine.totals.opening) == (3, "scheduled", cny(204_900), cny(0))
    assert mine.totals.net == mine.totals.payout == cny(195_103 - 97_503 + 4_880)
    statement = queries.statement(batch_id=mine.id)
    assert statement is not None
    assert statement.adds_up
    assert [item.kind for item in statement.items] == ["capture", "capture", "refund"]
    (payout,) = payment_queries.payouts_of_batches(batch_ids=[mine.id])[mine.id]
    assert (payout.id, payout.amount) == (mine.payout_id, mine.totals.payout)
    assert sum(item.net.minor for item in statement.items) == payout.amount.minor
    assert books(work)["payouts_in_transit"] == -sum(b.totals.payout.minor for b in batches)
    assert proofs_hold(work, first, second, slow)
    settled = queries.of_orders(order_ids=[asked.order_id])[asked.order_id]
    assert {(s.item.kind, s.batch_id, s.payout_id) for s in settled} == {("capture", mine.id, payout.id), ("refund", mine.id, payout.id)}


def test_a_pay_day_run_again_finds_what_it_built(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, capture(work, merchant_id))
    first = settle(work)
    accrue(work, capture(work, merchant_id))
    assert settle(work) == first
    assert len(settle(work, date(2026, 10, 9))) == 1
    assert queries.batch_count(book_id=work.book.id) == 2
    assert [b.pay_on for b in told.batches(merchant_id=merchant_id, where={}, span=Span(5)) or []] == [date(2026, 10, 9), PAY_DAY]
    assert proofs_hold(work, merchant_id)


def test_a_negative_balance_is_carried_until_sales_cover_it(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="kept")
    asked = capture(work, merchant_id, minor=10_000, periods=None)
    accrue(work, asked)
    settle(work)
    accrue(work, refund(work, asked, 10_000))
    (negative,) = settle(work, date(2026, 10, 9))
    assert (negative.state, negative.totals.net, negative.totals.payout) == ("accrued", cny(-10_000), cny(0))
    assert (negative.totals.carried, negative.payout_id) == (cny(-10_000), None)
    assert settle(work, date(2026, 10, 10)) == []
    accrue(work, capture(work, merchant_id, minor=20_000, periods=None))
    (covered,) = settle(work, date(2026, 10, 12))
    assert (covered.totals.opening, covered.totals.payout) == (cny(-10_000), cny(19_880 - 10_000))
    statement = queries.statement(batch_id=covered.id)
    assert statement is not None
    assert statement.adds_up
    assert proofs_hold(work, merchant_id)


def test_what_becomes_available_names_the_funder_of_each_share(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    """Funder A sold 10,000, of which 4,000 came back to it; funder B had only a refund of an older sale; a sale of own funds beside them."""
    merchant_id = make_merchant(fee_on_refund="kept")
    a, b = work.ids.many(work.now, 2)
    of_b = replace(capture(work, merchant_id, minor=3_000, periods=None), funder_id=b)
    of_a = replace(capture(work, merchant_id, minor=10_000, periods=None), funder_id=a)
    accrue(work, of_b)
    settle(work)
    accrue(work, of_a, capture(work, merchant_id, minor=5_000, periods=None), refund(work, of_a, 4_000), refund(work, of_b, 1_000))
    (batch,) = settle(work, date(2026, 10, 9))
    shares = {(funder, code): minor for funder, code, minor in sql.rows(SHARES, [work.book.id, str(batch.id)])}
    net = {a: 10_000 - 60 - 4_000, b: -1_000, work.book.id: 5_000 - 30}
    assert shares == {(funder, "merchant_pending"): minor for funder, minor in net.items()} | {
        (funder, "merchant_available"): -minor for funder, minor in net.items()
    }
    assert sum(net.values()) == batch.totals.payout.minor
    assert proofs_hold(work, merchant_id)


def test_a_carried_balance_is_of_own_funds(work: UnitOfWork) -> None:
    funder, merchant = work.ids.many(work.now, 2)
    items = [
        Item(*work.ids.many(work.now, 1), merchant, kind, None, merchant, None, None, of, "", *[cny(minor)] * 5, 1, "", DAY, DAY)  # type: ignore[arg-type]
        for kind, of, minor in [("capture", funder, 900), ("carried", None, -200), ("refund", funder, -100)]
    ]
    assert rules.shares_of_funders(items, own_funds=work.book.id) == {funder: cny(800), work.book.id: cny(-200)}


SHARES = (
    "SELECT l.funder_id, a.code, l.amount_minor FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
    " JOIN runtime_key k ON k.book_id = l.book_id AND k.object_id = l.entry_id WHERE l.book_id = %s AND k.key = 'settlement:batch:' || %s"
)


def test_a_batch_follows_its_payout_and_a_returned_one_is_paid_again(
    work: UnitOfWork, merchant_id: UUID, correct: Callable[[UUID], None]
) -> None:
    accrue(work, capture(work, merchant_id))
    (batch,) = settle(work)

    def follow(outcome: str) -> list[Batch | Refused]:
        (payout, *_) = [p for p in payment_queries.payouts_of_batches(batch_ids=[batch.id])[batch.id] if p.state != "returned"]
        with sql.transacting():
            results = [PayResult(payout.reference, outcome, payout.amount, "n", work.day.on)]  # type: ignore[arg-type]
            settled = [p for p in payments.settle_payouts(work=work, results=results) if not isinstance(p, Refused)]
            return settlement.mark_payouts(work=work, payouts=[*settled, *settled])

    assert [o.state for o in follow("paid") if isinstance(o, Batch)] == ["paid", "paid"]
    assert [o.state for o in follow("returned") if isinstance(o, Batch)] == ["returned", "returned"]
    assert (available(work, merchant_id), proofs_hold(work, merchant_id)) == (batch.totals.payout.minor, True)
    with sql.transacting():
        (flagged,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(flagged, Refused)
    assert flagged.code == rules.ACCOUNT_FLAGGED
    correct(merchant_id)
    with sql.transacting():
        (again,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(again, Batch)
    assert (again.state, again.payout_id != batch.payout_id) == ("scheduled", True)
    assert (available(work, merchant_id), proofs_hold(work, merchant_id)) == (0, True)
    follow("paid")
    with sql.transacting():
        reconciled, unknown = settlement.mark_reconciled(work=work, batch_ids=[batch.id, work.ids.new(work.now)])
        (refused,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(reconciled, Batch)
    assert (reconciled.state, reconciled.version) == ("reconciled", 6)
    assert isinstance(unknown, Refused)
    assert isinstance(refused, Refused)


def test_the_batch_of_a_suspended_merchant_is_held_and_can_be_released(as_role, work: UnitOfWork, merchant_id: UUID) -> None:  # type: ignore[no-untyped-def]
    accrue(work, capture(work, merchant_id))
    with sql.transacting():
        sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    assert (batch.state, batch.payout_id, available(work, merchant_id)) == ("held", None, batch.totals.payout.minor)
    assert proofs_hold(work, merchant_id)
    with sql.transacting():
        (released,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(released, Batch)
    assert released.state == "scheduled"
    assert proofs_hold(work, merchant_id)


BATCH = (
    "INSERT INTO settlement_batch (id, book_id, merchant_id, pay_on, currency, line_count, captures_minor, fees_minor, discounts_minor,"
    " refunds_minor, opening_minor, net_minor, payout_minor, carried_minor, state, version, payout_id, built_at) SELECT gen_random_uuid(),"
    " book_id, merchant_id, '2026-11-01', currency, 1, {figures}, 'held', 1, NULL, now() FROM settlement_batch WHERE id = %(id)s"
)


def waiting(merchant_id: UUID) -> set[UUID]:
    return {row[0] for row in sql.rows("SELECT item_id FROM settlement_waiting WHERE merchant_id = %s", [merchant_id])}


def test_an_item_waits_until_it_is_in_a_batch(work: UnitOfWork, merchant_id: UUID) -> None:
    first = capture(work, merchant_id)
    sold, back = accrue(work, first, refund(work, first, 900))
    assert isinstance(sold, Item)
    assert isinstance(back, Item)
    assert waiting(merchant_id) == {sold.id, back.id}
    settle(work)
    assert waiting(merchant_id) == set()
    (later,) = accrue(work, refund(work, first, 199_000))
    assert isinstance(later, Item)
    settle(work, date(2026, 10, 9))  # pays nothing: what is owed is carried, and waits
    carried = sql.value("SELECT id FROM settlement_item WHERE merchant_id = %s AND kind = 'carried'", [merchant_id])
    assert waiting(merchant_id) == {carried}
    assert settle(work, date(2026, 10, 12)) == []  # alone it makes no batch
    assert waiting(merchant_id) == {carried}


def test_what_is_earned_while_a_batch_is_built_waits_for_the_next(
    work: UnitOfWork, merchant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    accrue(work, capture(work, merchant_id))
    summed, meanwhile = queries.due, capture(work, merchant_id)

    def due(**given: Any) -> Any:
        found = summed(**given)
        sell(work, meanwhile)
        settlement.accrue(work=work, items=[meanwhile])
        return found

    monkeypatch.setattr(queries, "due", due)
    (batch,) = settle(work)
    assert batch.line_count == 1
    (left,) = waiting(merchant_id)
    assert sql.value("SELECT source_id FROM settlement_item WHERE id = %s", [left]) == meanwhile.capture_id


READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'settlement_item'"


def test_a_day_reads_what_waits_and_not_what_was_settled(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, *(capture(work, merchant_id) for _ in range(30)))
    settle(work)
    accrue(work, capture(work, merchant_id))
    with sql.transacting(by_keys=True):
        before = sql.value(READ)
        assert queries.due_merchants(book_id=work.book.id, on=PAY_DAY, after=None, limit=10) == [merchant_id]
        found = queries.due(book_id=work.book.id, on=PAY_DAY, merchant_ids=[merchant_id], currency="CNY")
        read = sql.value(READ) - before
    assert [one.count for one in found[merchant_id].sums] == [1]
    assert read == 1


def test_what_does_not_wait_cannot_be_paid(as_role, work: UnitOfWork, merchant_id: UUID) -> None:  # type: ignore[no-untyped-def]
    accrue(work, capture(work, merchant_id))
    (batch,) = settle(work)
    (item,) = accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    figures = ", ".join(str(part.minor) for part in (item.gross, item.fee, item.discount))
    adds_up = BATCH.format(figures=f"{figures}, 0, 0, {item.net.minor}, {item.net.minor}, 0")
    put_in = (
        "INSERT INTO settlement_batch_line (item_id, book_id, merchant_id, batch_id) SELECT %(item)s, book_id, merchant_id, id"
        " FROM settlement_batch WHERE merchant_id = %(merchant)s AND pay_on = '2026-11-01'"
    )
    given = {"id": batch.id, "item": item.id, "merchant": merchant_id}
    connection = as_role("default")

    def tried(*statements: str) -> None:
        with connection.transaction(force_rollback=True):
            for statement in statements:
                connection.execute(statement, given)

    tried(adds_up, put_in)
    with pytest.raises(psycopg.errors.CheckViolation, match="does not wait"):
        tried("DELETE FROM settlement_waiting WHERE item_id = %(item)s", adds_up, put_in)


@pytest.mark.parametrize(
    "attack",
    [
        BATCH.format(figures="10, 0, 0, 0, 0, 9, 9, 0"),  # figures that do not add up
        BATCH.format(figures="10, 0, 0, 0, 0, 10, 10, 0"),  # figures without lines
        "INSERT INTO settlement_batch_line (item_id, book_id, merchant_id, batch_id) SELECT i.id, i.book_id, i.merchant_id, %(id)s"
        " FROM settlement_item i WHERE i.id NOT IN (SELECT item_id FROM settlement_batch_line) AND i.merchant_id ="
        " (SELECT merchant_id FROM settlement_batch WHERE id = %(id)s)",  # another line
        "INSERT INTO settlement_item SELECT gen_random_uuid(), book_id, merchant_id, 'refund', order_id, gen_random_uuid(), capture_id,"
        " loan_id, funder_id, product, -gross_minor - 1, -fee_minor, -discount_minor, -net_minor - 1, currency, contract_version,"
        " fee_on_refund, earned_on, settles_on, recorded_at FROM settlement_item WHERE id = %(item)s",  # more back than was captured
        "UPDATE settlement_batch SET state = 'accrued' WHERE id = %(id)s",  # a payout that vanishes
        "INSERT INTO settlement_waiting (item_id, book_id, merchant_id, settles_on) SELECT gen_random_uuid(), book_id, merchant_id,"
        " settles_on FROM settlement_item WHERE id = %(item)s",  # what is no item cannot wait
    ],
)
def test_the_database_refuses_a_statement_that_does_not_add_up(as_role, work: UnitOfWork, merchant_id: UUID, attack: str) -> None:  # type: ignore[no-untyped-def]
    (item,) = accrue(work, capture(work, merchant_id))
    (batch,) = settle(work)
    accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    connection = as_role("default")
    # A batch without lines is only seen when its transaction ends; the others fail at once.
    with pytest.raises(psycopg.errors.IntegrityError), connection.transaction():
        connection.execute(attack, {"id": batch.id, "item": item.id})


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement_item SET net_minor = 0",
        "UPDATE settlement_batch SET payout_minor = 0",
        "UPDATE settlement_batch_line SET batch_id = gen_random_uuid()",
        "DELETE FROM settlement_item",
        "DELETE FROM settlement_batch",
        "DELETE FROM settlement_batch_line",
    ],
)
def test_figures_of_settlement_cannot_be_changed_by_the_writer(as_role, attack: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(attack)


def test_a_merchant_sees_own_statements_only(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    mine, other = make_merchant(), make_merchant()
    accrue(work, capture(work, mine), capture(work, other))
    by_merchant = {batch.merchant_id: batch.id for batch in settle(work)}
    with sql.reading(merchant_id=mine):
        assert queries.statement(batch_id=by_merchant[other]) is None
        own = queries.statement(batch_id=by_merchant[mine])
        assert own is not None
        assert own.adds_up


def test_two_refunds_of_one_capture_cannot_pass_each_other_by_an_old_snapshot(as_role, work: UnitOfWork, merchant_id: UUID) -> None:  # type: ignore[no-untyped-def]
    (item,) = accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    connection = as_role("default")
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(psycopg.errors.CheckViolation, match="read committed"):
        connection.execute(
            "INSERT INTO settlement_item SELECT gen_random_uuid(), book_id, merchant_id, 'refund', order_id, gen_random_uuid(), capture_id,"
            " loan_id, funder_id, product, -gross_minor, -fee_minor, -discount_minor, -net_minor, currency, contract_version,"
            " fee_on_refund, earned_on, settles_on, recorded_at FROM settlement_item WHERE id = %s",
            [item.id],
        )
