"""A merchant whose contract settles by period has its part of each instalment as it is collected; the parts are the net of the sale, to the cent."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.loans.test_lists import nodes, rows_of
from tests.people import person
from tests.settlement.conftest import TERMS, MakeMerchant
from tests.settlement.dealings import dealings
from tests.settlement.scene import DAY, PAY_DAY, accrue, capture, cny, proofs_hold, refund, settle, unproven
from tests.settlement.test_from_an_event import code_of, told, undated
from yuefu.journeys import statement_files, statements
from yuefu.journeys.statements import Proven
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import Amendment
from yuefu.merchants.rules import ContractTerms, terms_fault, terms_from_json, terms_json
from yuefu.merchants.rules.holds import Holds
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries, rules
from yuefu.settlement.commands import CaptureAccrual, Collected
from yuefu.settlement.rules import Item

SOLD = 300_00
NET = 292_80  # less 0.60 % fee and 1.80 % discount
FAR = date(2027, 3, 1)
MakeWork = Callable[..., UnitOfWork]


def sell(work: UnitOfWork, make_merchant: MakeMerchant, **agreed: Any) -> CaptureAccrual:
    one = capture(work, make_merchant(settle_by="period", **agreed), minor=SOLD)
    (item,) = accrue(work, one)
    assert isinstance(item, Item)
    assert (item.settles_on, item.settle_from, item.net) == (None, "collection", cny(NET))
    return one


def collected(work: UnitOfWork, of: CaptureAccrual, left: int, on: date | None = DAY) -> list[int]:
    """So much principal is left; the parts that follow."""
    with sql.transacting():
        return [item.net.minor for item in settlement.settle_parts(work=work, collected={of.capture_id: Collected(cny(left), on)})]


def paid(work: UnitOfWork, on: date) -> int:
    """What a pay day brings, or takes."""
    return sum(batch.totals.net.minor for batch in settle(work, on))


def test_each_part_is_paid_so_many_days_after_it_was_collected(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = sell(work, make_merchant)
    assert (collected(work, one, SOLD), settle(work, FAR)) == ([], [])
    assert collected(work, one, 200_00) == [97_60]
    assert collected(work, one, 200_00) == [], "of the same nothing more is found"
    assert (undated(work), paid(work, DAY), paid(work, PAY_DAY)) == (NET - 97_60, 0, 97_60)  # T+1 over the holiday
    assert proofs_hold(work)
    assert collected(work, one, 99_99, PAY_DAY) == [97_61]
    assert collected(work, one, 0, PAY_DAY) == []
    assert undated(work) == 0
    (batch,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (batch.line_count, batch.totals.captures, batch.totals.opening, batch.totals.payout) == (
        4,
        cny(SOLD),
        cny(-97_60),
        cny(NET - 97_60),
    )
    assert proofs_hold(work)
    assert unproven(work) == [], "every statement may be given out"
    shown = queries.statement(batch_id=batch.id)
    assert shown is not None
    assert {line.item.order_id for line in statements.named(shown.items)} == {one.order_id}
    written = io.BytesIO()
    with sql.reading(book_id=work.book.id):
        found = statements.of_batch(batch_id=batch.id)
        assert found is not None
    proven = statements.prove(book_id=work.book.id, statement=found)
    assert isinstance(proven, Proven)
    with sql.reading(book_id=work.book.id):
        statement_files.write(proven=proven, form="csv", language="zh", lender="x", to=written)
    assert ("分期结算款" in written.getvalue().decode(), "已分期结算" in written.getvalue().decode()) == (True, True)


def test_what_is_paid_early_or_given_up_is_all_due(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = sell(work, make_merchant)
    assert collected(work, one, 0, None) == []
    assert (undated(work), paid(work, PAY_DAY)) == (0, NET)
    assert collected(work, one, 0) == []


def test_a_payment_that_is_taken_off_again_is_given_back_and_comes_again(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = sell(work, make_merchant)
    collected(work, one, 200_00)
    assert paid(work, PAY_DAY) == 97_60
    assert collected(work, one, SOLD, PAY_DAY) == [-97_60]
    assert paid(work, PAY_DAY + timedelta(days=1)) == -97_60
    collected(work, one, 0, PAY_DAY)
    assert paid(work, PAY_DAY + timedelta(days=3)) == NET - 97_60, "what was carried is paid from it"
    assert collected(work, one, 100_00, PAY_DAY) == [-97_60], "also of a sale that was paid whole"
    assert undated(work) == 97_60
    assert collected(work, one, 0, PAY_DAY) == []
    assert (undated(work), paid(work, FAR)) == (0, 0)
    assert proofs_hold(work)


@pytest.mark.parametrize(
    ("left", "back", "after"), [(200_00, 100_00, 100_00), (100_00, 200_00, 0), (100_00, 300_00, 0), (300_00, 300_00, 0)]
)
def test_what_goes_back_lowers_what_is_to_come_and_takes_what_was_paid_too_much(
    work: UnitOfWork, make_merchant: MakeMerchant, left: int, back: int, after: int
) -> None:
    one = sell(work, make_merchant)
    collected(work, one, left)
    had = paid(work, PAY_DAY)
    accrue(work, refund(work, one, back))
    collected(work, one, after)
    had += paid(work, PAY_DAY + timedelta(days=1))
    assert had == (NET * (SOLD - back) // SOLD) * (SOLD - back - after) // max(SOLD - back, 1)
    collected(work, one, 0)
    had += paid(work, FAR) - (min(0, had))
    assert (had, undated(work)) == (NET * (SOLD - back) // SOLD, 0)
    assert proofs_hold(work)
    assert unproven(work) == []


def test_a_part_that_no_batch_takes_up_is_found_by_the_order_of_its_sale(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = sell(work, make_merchant)
    collected(work, one, 200_00)
    assert queries.left_out(book_id=work.book.id, on=PAY_DAY) == [one.order_id]
    paid(work, PAY_DAY)
    assert queries.left_out(book_id=work.book.id, on=FAR) == []


def test_no_delivery_and_no_other_sale_is_a_collection(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one, other = sell(work, make_merchant), capture(work, make_merchant())
    accrue(work, other)
    for kind in ("delivered", "received"):
        assert code_of(told(work, one, kind=kind)) == rules.OTHER_EVENT
    assert collected(work, other, 0) == []
    assert undated(work) == NET


def test_the_database_keeps_parts_in_pairs_and_whole_until_they_are_collected(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = sell(work, make_merchant)
    lonely = (
        "INSERT INTO settlement_item (id, book_id, merchant_id, kind, source_id, capture_id, product, gross_minor, fee_minor, discount_minor,"
        " net_minor, currency, contract_version, fee_on_refund, earned_on, settles_on, recorded_at) SELECT gen_random_uuid(), book_id, merchant_id,"
        " 'part', gen_random_uuid(), capture_id, '', 100, 0, 0, 100, currency, 1, '', earned_on, earned_on, now() FROM settlement_item"
        " WHERE capture_id = %s"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="deducted"), sql.transacting():
        sql.run(lonely, [one.capture_id])
    forged = (
        "INSERT INTO settlement_evidence (id, book_id, item_id, merchant_id, kind, reference, proven_on, settles_on, told_on, recorded_by, recorded_at)"
        " SELECT gen_random_uuid(), book_id, id, merchant_id, 'delivered', 'x', %s, %s, %s, '', now() FROM settlement_item WHERE capture_id = %s"
    )
    with pytest.raises(psycopg.errors.CheckViolation, match="no evidence"), sql.transacting():
        sql.run(forged, [DAY, PAY_DAY, DAY, one.capture_id])


def test_a_reserve_agreed_later_is_kept_of_what_was_sold_whole(work: UnitOfWork, make_work: MakeWork, make_merchant: MakeMerchant) -> None:
    """A sale by period ends under a contract that keeps back a tenth; of it nothing is, of a sale under that contract a tenth."""
    old = sell(work, make_merchant)
    collected(work, old, 30_00)
    had = paid(work, PAY_DAY)
    amend(make_work, old.merchant_id, replace(TERMS, valid_from=DAY, reserve_ppm=100_000, reserve_days=30))
    new = capture(work, old.merchant_id, minor=100_00)
    (item,) = accrue(work, new)
    assert isinstance(item, Item)
    collected(work, old, 0, PAY_DAY)
    (batch,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (batch.totals.captures, batch.totals.reserved, batch.totals.payout) == (cny(400_00), cny(10_00), cny(NET - had + 97_60 - 10_00))
    assert proofs_hold(work)


def amend(make_work: MakeWork, merchant_id: UUID, terms: ContractTerms) -> None:
    """Two people agree with a merchant on a new contract."""
    with sql.transacting():
        (approval,) = merchants.propose_amendments(work=make_work(by=person("alice")), amendments=[Amendment(merchant_id, terms, "agreed")])
        assert isinstance(approval, UUID)
        assert isinstance(
            merchants.decide_amendment(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="met"), UUID
        )


def test_a_page_of_sales_that_wait_reads_no_others(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    """Of thirty sales some have parts that wait with them; each is found once, by pages of five items that read a few rows for each."""
    merchant_id = make_merchant(settle_by="period")
    sales = [capture(work, merchant_id, minor=SOLD) for _ in range(30)]
    accrue(work, *sales)
    for one in sales[::3]:
        collected(work, one, 200_00)
        collected(work, one, 100_00)
    collected(work, sales[0], 0)
    collected(work, sales[0], 100_00)  # of it only what is deducted waits
    with connections["owner"].cursor() as owner:  # as it does by itself in a while
        owner.execute("ANALYZE settlement_item, settlement_waiting")
    found: list[UUID] = []
    after: UUID | None = None
    while True:
        assert rows_read(lambda after=after: queries.captures_in_parts(book_id=work.book.id, after=after, limit=5)) <= 5 * 4
        captures, after = queries.captures_in_parts(book_id=work.book.id, after=after, limit=5)
        found += captures
        if after is None:
            break
    assert sorted(found) == sorted(one.capture_id for one in sales)


def rows_read(act: Callable[[], object]) -> int:
    """How many rows of its tables what an act asks reads, those that it throws away too."""
    with mock.patch.object(sql, "rows", side_effect=sql.rows) as asked:
        act()
    ((query, params),) = (call.args for call in asked.call_args_list)
    with sql.transacting():
        sql.run("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")  # in so small a book all fits into a page
        ((told,),) = sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
    return sum(rows_of(node) for node in nodes(told[0]["Plan"]))


@settings(max_examples=dealings(10), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    sold=st.integers(1, 99_999),
    fee=st.integers(0, 90_000),
    on_refund=st.sampled_from(["kept", "returned"]),
    steps=st.lists(st.tuples(st.sampled_from(["left", "back", "pay"]), st.integers(0, 100)), max_size=10),
)
def test_whatever_is_collected_taken_off_and_given_back_the_parts_are_the_net(
    work: UnitOfWork, make_merchant: MakeMerchant, sold: int, fee: int, on_refund: str, steps: list[tuple[str, int]]
) -> None:
    merchant_id: UUID = make_merchant(settle_by="period", fee_rate_ppm=fee, fee_on_refund=on_refund)
    one = capture(work, merchant_id, minor=sold)
    (item,) = accrue(work, one)
    assert isinstance(item, Item)
    owed, gross, days = item.net.minor, sold, (PAY_DAY + timedelta(days=n) for n in range(99))
    paid_out = 0
    for name, part in [*steps, ("left", 0), ("pay", 0)]:
        if name == "left":
            collected(work, one, gross * part // 100)
        elif name == "back" and gross * part // 100:
            (back,) = accrue(work, refund(work, one, gross * part // 100))
            assert isinstance(back, Item)
            owed, gross = owed + back.net.minor, gross + back.gross.minor
        elif name == "pay":
            day = next(days)
            paid_out += sum(batch.totals.payout.minor for batch in settle(work, day) if batch.merchant_id == merchant_id)
        assert proofs_hold(work)
    waits = sql.value(
        "SELECT coalesce(sum(net_minor), 0)::bigint FROM settlement_waiting w JOIN settlement_item i ON i.id = w.item_id WHERE w.merchant_id = %s",
        [merchant_id],
    )
    assert paid_out + waits == owed
    assert queries.undated(book_id=work.book.id, currency="CNY", merchant_id=merchant_id) == cny(0)


@pytest.mark.parametrize(
    "changes",
    [
        {"settle_by": "month"},
        {"settle_by": "period", "settle_from": "delivery"},
        {"settle_by": "period", "holds": Holds(evidence_days=1)},
        {"settle_by": "period", "reserve_ppm": 1, "reserve_days": 1},
    ],
)
def test_what_no_contract_settles_by(changes: dict[str, Any]) -> None:
    fault = terms_fault(replace(TERMS, **changes), currency="CNY")
    assert fault is not None
    assert (fault.code, fault.field) == ("settle_by_invalid", "settle_by")


def test_what_it_settles_by_is_kept_as_it_was_agreed() -> None:
    for way in ("whole", "period"):
        assert terms_from_json(terms_json(replace(TERMS, settle_by=way))).settle_by == way
