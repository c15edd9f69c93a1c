"""What a contract says of fees, of the least that is paid out, and of what is kept back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.settlement.dealings import dealings
from tests.settlement.scene import PAY_DAY, accrue, capture, cny, proofs_hold, refund, settle, unproven
from yuefu.ledger import queries as ledger
from yuefu.merchants.rules import FeeRule, Tier
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import queries
from yuefu.settlement.commands import CaptureAccrual, batches
from yuefu.settlement.rules import Item


def test_what_is_too_little_is_carried_until_it_is_enough(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(minimum_payout=cny(200_00))
    accrue(work, capture(work, merchant_id, minor=100_00, periods=None))
    (first,) = settle(work)
    assert (first.state, first.totals.payout, first.totals.carried) == ("accrued", cny(0), cny(99_40))
    shown = queries.statement(batch_id=first.id)
    assert shown is not None
    assert shown.adds_up
    assert settle(work, date(2026, 10, 9)) == []  # it is not enough by itself
    accrue(work, capture(work, merchant_id, minor=101_21, periods=None))
    (second,) = settle(work, date(2026, 10, 12))
    assert (second.state, second.totals.opening, second.totals.payout, second.totals.carried) == (
        "scheduled",
        cny(99_40),
        cny(200_00),
        cny(0),
    )
    assert second.line_count == 2
    assert proofs_hold(work, merchant_id)


def test_what_was_carried_is_paid_once_the_contract_pays_out_less(
    work: UnitOfWork, make_merchant: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant_id = make_merchant(minimum_payout=cny(200_00))
    accrue(work, capture(work, merchant_id, minor=100_00, periods=None))
    settle(work)
    monkeypatch.setattr(batches.merchants, "contracts_in_force", lambda **given: {})
    (paid,) = settle(work, date(2026, 10, 9))
    assert (paid.line_count, paid.totals.payout) == (1, cny(99_40))
    assert proofs_hold(work, merchant_id)


def test_a_capture_costs_what_the_contract_says_of_its_product_channel_category_and_periods(
    work: UnitOfWork, make_merchant: Callable[..., UUID]
) -> None:
    merchant_id = make_merchant(
        fees=(
            FeeRule(9_000, cny(0), channel="store", category="phones"),
            FeeRule(3_800, cny(10), channel="store"),
            FeeRule(0, cny(5_00), fewest_periods=12),
            FeeRule(5_000, cny(0), product="flex"),
        )
    )
    of = capture(work, merchant_id, minor=100_00, periods=None)
    each = [replace(of, capture_id=i, order_id=o, loan_id=n) for i, o, n in zip(*(iter(work.ids.many(work.now, 18)),) * 3, strict=True)]
    items = accrue(
        work,
        replace(each[0], channel="store", periods=3),
        replace(each[1], channel="online", periods=12),
        replace(each[2], product="flex", channel="online", periods=3),
        each[3],
        replace(each[4], gross=cny(3), periods=24),
        replace(each[5], channel="store", category="phones", periods=3),
    )
    assert [(item.fee.minor, item.net.minor) for item in items if isinstance(item, Item)] == [
        (48, 99_52), (5_00, 95_00), (50, 99_50), (60, 99_40), (3, 0),  # never more than there is
        (90, 99_10),
    ]  # fmt: skip
    back = accrue(work, refund(work, each[0], 50_00), refund(work, each[0], 50_00))
    assert [item.fee.minor for item in back if isinstance(item, Item)] == [-24, -24]  # with its share of what each capture costs


def test_a_tier_is_reached_by_what_was_sold_in_the_month_before(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    tiers = (Tier(cny(150_00), 4_000), Tier(cny(1_000_00), 1_000))
    merchant_id = make_merchant(fees=(FeeRule(5_000, cny(0), tiers=tiers),), valid_from=date(2026, 1, 1))

    def sold(on: date, minor: int) -> CaptureAccrual:
        return replace(capture(work, merchant_id, minor=minor, periods=None), earned_on=on, channel="online", periods=3)

    first = sold(date(2026, 8, 10), 100_00)
    accrue(work, first, sold(date(2026, 8, 31), 60_00), replace(refund(work, first, 40_00), earned_on=date(2026, 8, 31)))
    days = (date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 30), date(2026, 10, 1))
    items = accrue(work, *(sold(on, 70_00) for on in days))  # in August nothing was sold in July, in September 230.00 in August
    assert [item.fee.minor for item in items if isinstance(item, Item)] == [35, 28, 28, 35]


def test_a_part_of_what_is_sold_is_kept_back_and_given_back_later(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(reserve_ppm=50_000, reserve_days=30)
    accrue(work, capture(work, merchant_id, minor=100_01, periods=None))
    (first,) = settle(work)
    assert (first.totals.reserved, first.totals.released, first.totals.payout) == (cny(5_00), cny(0), cny(99_41 - 5_00))
    assert (first.line_count, first.state) == (2, "scheduled")
    shown = queries.statement(batch_id=first.id)
    assert shown is not None
    assert shown.adds_up
    assert [(item.kind, item.net.minor) for item in shown.items] == [("capture", 99_41), ("reserved", -5_00)]
    assert queries.in_reserve(book_id=work.book.id, currency="CNY") == cny(5_00)
    assert proofs_hold(work, merchant_id)
    due = PAY_DAY + timedelta(days=30)
    assert settle(work, due - timedelta(days=1)) == []
    (second,) = settle(work, due)
    assert (second.totals.reserved, second.totals.released, second.totals.payout) == (cny(0), cny(5_00), cny(5_00))
    assert queries.in_reserve(book_id=work.book.id, currency="CNY") == cny(0)
    assert proofs_hold(work, merchant_id)


@pytest.mark.parametrize(
    ("sold", "returned", "kept", "paid"),
    [(100_00, 0, 60_00, 39_40), (100_00, 30_00, 60_00, 9_58), (100_00, 50_00, 49_70, 0), (100_00, 100_00, 0, 0)],
)
def test_no_more_is_kept_back_than_is_left(
    work: UnitOfWork, make_merchant: Callable[..., UUID], sold: int, returned: int, kept: int, paid: int
) -> None:
    merchant_id = make_merchant(reserve_ppm=600_000, reserve_days=1)
    of = capture(work, merchant_id, minor=sold, periods=None)
    accrue(work, of, *([refund(work, of, returned)] if returned else []))
    (batch,) = settle(work)
    assert (batch.totals.reserved, batch.totals.payout, batch.totals.carried) == (cny(kept), cny(paid), cny(0))
    assert proofs_hold(work, merchant_id)


def test_what_is_given_back_covers_what_the_merchant_owes(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(reserve_ppm=100_000, reserve_days=1, fee_on_refund="kept")
    of = capture(work, merchant_id, minor=100_00, periods=None)
    accrue(work, of)
    settle(work)
    accrue(work, refund(work, of, 30_00))
    (batch,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (batch.totals.released, batch.totals.net, batch.totals.carried, batch.state) == (cny(10_00), cny(-20_00), cny(-20_00), "accrued")
    assert proofs_hold(work, merchant_id)
    assert unproven(work) == []


Step = tuple[str, int]


@settings(max_examples=dealings(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fee=st.integers(0, 90_000),
    fixed=st.integers(0, 5_00),
    least=st.integers(0, 300_00),
    reserve=st.one_of(st.just((0, 0)), st.tuples(st.integers(1, 400_000), st.integers(1, 4))),
    on_refund=st.sampled_from(["kept", "returned"]),
    steps=st.lists(
        st.tuples(st.sampled_from(["sell", "sell free", "give back", "settle"]), st.integers(1, 400_00)), min_size=1, max_size=12
    ),
)
def test_whatever_the_contract_says_and_whatever_happens_everybody_s_part_adds_up(
    work: UnitOfWork,
    make_merchant: Callable[..., UUID],
    fee: int,
    fixed: int,
    least: int,
    reserve: tuple[int, int],
    on_refund: str,
    steps: list[Step],
) -> None:
    merchant_id = make_merchant(
        fee_rate_ppm=fee,
        fees=(FeeRule(fee, cny(fixed), product="free", fewest_periods=3, most_periods=3),),
        minimum_payout=cny(least),
        reserve_ppm=reserve[0],
        reserve_days=reserve[1],
        fee_on_refund=on_refund,
    )
    day, sold, left, before = PAY_DAY, 0, [], _balances(work)
    for act, minor in steps:
        if act == "give back" and left:
            of, rest = left.pop()
            amount = min(minor, rest)
            accrue(work, refund(work, of, amount))
            sold -= amount
            left += [(of, rest - amount)] if rest > amount else []
        elif act.startswith("sell"):
            of = replace(capture(work, merchant_id, minor=minor, periods=3 if act == "sell free" else None), channel="online", periods=3)
            accrue(work, of)
            sold += minor
            left.insert(0, (of, minor))
        elif act == "settle":
            for batch in settle(work, day):
                shown = queries.statement(batch_id=batch.id)
                assert shown is not None
                assert shown.adds_up
                assert batch.merchant_id != merchant_id or not batch.totals.payout or batch.totals.payout >= cny(least)
            day += timedelta(days=1)
    assert proofs_hold(work)
    now = _balances(work)
    moved = {code: now.get(code, 0) - before.get(code, 0) for code in now.keys() | before.keys()}
    parts = ("fee_income", "unearned_discount", "merchant_pending", "merchant_reserve", "merchant_available", "payouts_in_transit")
    assert moved.get("purchase_clearing", 0) == sold
    assert -sum(moved.get(code, 0) for code in parts) == sold


def _balances(work: UnitOfWork) -> dict[str, int]:
    return {row.code: row.debit.minor - row.credit.minor for row in ledger.trial_balance(work.book.id)}
