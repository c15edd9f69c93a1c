"""What a merchant lists about its money: every filter finds what reading all of it would, page by page, of its own and of nobody else."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from tests.journeys.conftest import shop_opened
from tests.journeys.told import world
from yuefu.ids import IdSource
from yuefu.journeys import refund_states
from yuefu.journeys import told as journey_told
from yuefu.loans import queries as loan_book
from yuefu.loans.queries import told as loan_told
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.paging import Span
from yuefu.settlement.queries import told


@pytest.fixture(scope="module")
def shop(vault):
    return world(vault)


class Lists:
    """Each list by its name, read as a merchant."""

    def __init__(self, shop, merchant):
        self.book_id, self.merchant_id = shop.book_id, merchant
        self.reads: dict[str, Callable[..., Any]] = {
            "captures": journey_told.captures,
            "refunds": partial(refund_states.listed, book_id=shop.book_id),
            "loans": loan_told.loans,
            "transactions": journey_told.entries,
            "batches": told.batches,
            "payouts": journey_told.payouts,
        }

    def page(self, name: str, span: Span, **where: Any) -> list[Any] | None:
        found: list[Any] | None = read_as(self.merchant_id, lambda: self.reads[name](merchant_id=self.merchant_id, where=where, span=span))
        return found

    def all(self, name: str, limit: int = 100, **where: Any) -> list[Any]:
        """Page after page, downwards."""
        found: list[Any] = []
        while True:
            page = self.page(name, Span(limit, older_than=id_of(found[-1]) if found else None), **where)
            assert page is not None
            found += page
            if len(page) < limit:
                return found


def id_of(row: Any) -> UUID:
    found: UUID = getattr(row, "told", getattr(row, "payout", row)).id
    return found


def values(rows: Sequence[Any], of: Callable[[Any], Any]) -> list[Any]:
    """What there is to ask for, and nothing twice."""
    return list(dict.fromkeys(of(row) for row in rows))


FILTERS: list[tuple[str, str, Callable[[Any], Any], Callable[[Any, Any], bool]]] = [
    ("captures", "order", lambda r: r.told.order_id, lambda r, v: r.told.order_id == v),
    ("captures", "merchant_reference", lambda r: r.told.merchant_reference, lambda r, v: r.told.merchant_reference == v),
    ("captures", "created_from", lambda r: r.told.captured_at, lambda r, v: r.told.captured_at >= v),
    ("captures", "created_before", lambda r: r.told.captured_at, lambda r, v: r.told.captured_at < v),
    ("refunds", "order", lambda r: r.told.order_id, lambda r, v: r.told.order_id == v),
    ("refunds", "merchant_reference", lambda r: r.told.merchant_reference, lambda r, v: r.told.merchant_reference == v),
    ("refunds", "state", lambda r: r.state, lambda r, v: r.state == v),
    ("refunds", "created_from", lambda r: r.told.refunded_at, lambda r, v: r.told.refunded_at >= v),
    ("refunds", "created_before", lambda r: r.told.refunded_at, lambda r, v: r.told.refunded_at < v),
    ("loans", "order", lambda r: r.order_id, lambda r, v: r.order_id == v),
    ("loans", "capture", lambda r: r.capture_id, lambda r, v: r.capture_id == v),
    ("loans", "state", lambda r: r.state, lambda r, v: r.state == v),
    ("loans", "created_from", lambda r: r.booked_at, lambda r, v: r.booked_at >= v),
    ("loans", "created_before", lambda r: r.booked_at, lambda r, v: r.booked_at < v),
    ("transactions", "order", lambda r: r.told.order_id, lambda r, v: r.told.order_id == v),
    ("transactions", "source", lambda r: r.source, lambda r, v: r.source == v),
    ("transactions", "settlement", lambda r: r.told.batch_id, lambda r, v: r.told.batch_id == v),
    ("transactions", "type", lambda r: r.told.type, lambda r, v: r.told.type == v),
    ("transactions", "created_from", lambda r: r.told.recorded_at, lambda r, v: r.told.recorded_at >= v),
    ("transactions", "created_before", lambda r: r.told.recorded_at, lambda r, v: r.told.recorded_at < v),
    ("transactions", "available_from", lambda r: r.told.available_on, lambda r, v: r.told.available_on >= v),
    ("transactions", "available_until", lambda r: r.told.available_on, lambda r, v: r.told.available_on <= v),
    ("batches", "state", lambda r: r.state, lambda r, v: r.state == v),
    ("batches", "pay_from", lambda r: r.pay_on, lambda r, v: r.pay_on >= v),
    ("batches", "pay_until", lambda r: r.pay_on, lambda r, v: r.pay_on <= v),
    ("payouts", "state", lambda r: r.payout.state, lambda r, v: r.payout.state == v),
    ("payouts", "settlement", lambda r: r.payout.batch_id, lambda r, v: r.payout.batch_id == v),
    ("payouts", "created_from", lambda r: r.payout.ordered_at, lambda r, v: r.payout.ordered_at >= v),
    ("payouts", "created_before", lambda r: r.payout.ordered_at, lambda r, v: r.payout.ordered_at < v),
    ("payouts", "paid_from", lambda r: r.payout.paid_on, lambda r, v: r.payout.paid_on is not None and r.payout.paid_on >= v),
    ("payouts", "paid_until", lambda r: r.payout.paid_on, lambda r, v: r.payout.paid_on is not None and r.payout.paid_on <= v),
]


@pytest.mark.parametrize("name", ["captures", "refunds", "loans", "transactions", "batches", "payouts"])
def test_every_filter_of_a_list_finds_what_reading_all_of_it_would(shop, name):
    for merchant in shop.merchants:
        lists = Lists(shop, merchant)
        every = lists.all(name)
        asked = [(key, value, passes) for of, key, value, passes in FILTERS if of == name]
        for key, value, passes in asked:
            for wanted in (one for one in values(every, value) if one is not None):
                assert lists.all(name, **{key: wanted}) == [row for row in every if passes(row, wanted)], (key, wanted)
        for (key, value, passes), (other, second, also) in itertools.combinations(asked, 2):
            for row in every[:: max(1, len(every) // 3)]:
                one, two = value(row), second(row)
                if one is not None and two is not None:
                    wanted = {key: one, other: two}
                    assert lists.all(name, limit=3, **wanted) == [r for r in every if passes(r, one) and also(r, two)], wanted


@pytest.mark.parametrize("name", ["captures", "refunds", "loans", "transactions", "batches", "payouts"])
def test_pages_go_both_ways_and_begin_beside_a_row_of_ones_own_alone(shop, name):
    mine, theirs = (Lists(shop, merchant) for merchant in shop.merchants)
    every = mine.all(name)
    assert [id_of(row) for row in every] == sorted((id_of(row) for row in every), reverse=True)
    assert mine.all(name, limit=2) == every
    for n, row in enumerate(every):
        assert mine.page(name, Span(2, newer_than=id_of(row))) == every[max(0, n - 2) : n]
    assert not {id_of(row) for row in every} & {id_of(row) for row in theirs.all(name)}
    assert theirs.page(name, Span(2, older_than=id_of(every[0]))) is None


def test_the_world_has_what_there_is_to_tell(shop):
    """Else the filters would be tested on nothing."""
    mine, theirs = (Lists(shop, merchant) for merchant in shop.merchants)
    assert {row.told.type for row in mine.all("transactions")} >= {"capture", "refund", "reversal", "rejection"}
    assert {row.state for row in mine.all("refunds")} == {"succeeded", "failed", "pending"}
    assert {row.closed for row in mine.all("loans")} == {True, False}
    assert {row.payout.state for row in [*mine.all("payouts"), *theirs.all("payouts")]} >= {"paid", "returned"}


def test_a_payout_is_the_net_of_its_transactions_but_for_what_was_frozen_of_it(shop):
    for merchant in shop.merchants:
        lists = Lists(shop, merchant)
        batches = {row.id: row for row in lists.all("batches")}
        paid = lists.all("payouts")
        assert paid
        for payout in (one.payout for one in paid):
            of_it = lists.all("transactions", payout=payout.id)
            assert of_it == lists.all("transactions", settlement=payout.batch_id)
            assert sum(row.told.net.minor for row in of_it) == payout.amount.minor + batches[payout.batch_id].withheld.minor


def test_the_balance_is_all_that_is_owed_and_was_not_paid(shop):
    for merchant in shop.merchants:
        lists = Lists(shop, merchant)
        with sql.reading(merchant_id=merchant):
            balance = told.balance(merchant_id=merchant, currency="CNY")
        every = [row.told for row in lists.all("transactions")]
        assert balance.pending == Money(
            sum(row.net.minor for row in every if row.batch_id is None and row.type not in ("released", "thawed")), "CNY"
        )
        paid = sum(one.payout.amount.minor for one in lists.all("payouts") if one.payout.state == "paid")
        here = balance.pending + balance.available + balance.in_transit + balance.reserved + balance.frozen
        # What a batch hands on to a later one is in it with one sign and in that with the other.
        moved = sum(row.net.minor for row in every if row.type in ("capture", "refund", "reversal", "rejection", "charge_back"))
        assert here.minor + paid == moved


@pytest.mark.parametrize("version", ["2026-1", "2026-2"])
def test_a_loan_is_told_with_its_plan_by_either_rule_version(vault, version):
    shop = shop_opened(vault, IdSource(secrets.randbits), version=version)
    bought = [shop.bought(amount, product=product) for amount in ("199.99", "1000.01") for product in ("free", "flex")]
    shop.repay(bought[0].loan_id, "20.00")
    lists = Lists(shop, shop.merchants[0])
    stored = loan_book.on_book([one.loan_id for one in bought], shop.on, book_id=shop.book_id)
    told = {loan.id: loan for loan in lists.all("loans")}
    assert told.keys() == stored.keys() == {one.loan_id for one in bought}
    for loan_id, loan in told.items():
        assert [(row.no, row.due_on, row.principal, row.interest) for row in loan.instalments] == [
            (row.no, row.due_on, row.principal, row.interest) for row in stored[loan_id].rows
        ]
        assert loan.principal.minor == sum(row.principal for row in loan.instalments)
        assert lists.all("loans", capture=loan.capture_id) == [loan]
    assert {one.capture_id: one.loan_id for one in bought} == read_as(
        shop.merchants[0], lambda: loan_told.of_captures(capture_ids=[one.capture_id for one in bought])
    )


def test_a_merchant_sees_no_more_of_loans_than_it_is_told(shop):
    """Its login has a view of its own loans and no way to what was paid of them, or how late; nor to the loans of others by their ids."""
    mine, theirs = shop.merchants
    loans = [loan.id for loan in Lists(shop, mine).all("loans")]
    for table in ("loans_loan", "loans_agreement", "loans_instalment", "loans_due", "payments_collection", "payments_channel_refund"):
        assert read_as(mine, lambda table=table: sql.value(f"SELECT count(*) FROM {table}")) == 0, table
    seen = "SELECT count(*) FROM loans_seen_by_merchant WHERE id = ANY(%s)"
    assert read_as(mine, lambda: sql.value(seen, [loans])) == len(loans)
    assert read_as(theirs, lambda: sql.value(seen, [loans])) == 0


def read_as(merchant_id: UUID, read: Callable[[], Any]) -> Any:
    with sql.reading(merchant_id=merchant_id):
        return read()
