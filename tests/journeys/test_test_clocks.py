"""Test clocks: a book of their own, taken forward day by day, whatever happens to whoever takes them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journeys.conftest import ZONE, Shop, shop_opened
from yuefu.access import queries as keys
from yuefu.access.rules import secret_hash
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import jobs, proving, stopping, test_clocks
from yuefu.journeys.test_clocks import ClockMade
from yuefu.journeys.test_clocks.making import desk_in
from yuefu.loans import queries as loans
from yuefu.merchants import queries as merchants
from yuefu.offers import queries as products
from yuefu.runtime import books, days, sql
from yuefu.runtime.stops import READ_ONLY, Lift, NewStop, Stop
from yuefu.runtime.vault import Vault
from yuefu.sandbox import queries as practice
from yuefu.sandbox.commands import AdvanceRequest, Deletion, NewClock
from yuefu.sandbox.rules import clocks as rules
from yuefu.sandbox.rules.clocks import Advance, TestClock

NOON = datetime(2026, 10, 15, 12, tzinfo=ZONE)


@pytest.fixture(scope="module")
def merchant(vault: Vault) -> Shop:
    """A merchant's own test book, whose clock stands still."""
    return shop_opened(vault, IdSource(secrets.randbits), version="2026-2")


def made(shop: Shop, at: datetime = NOON, key: str = "", *, merchant: int = 0) -> ClockMade:
    request = NewClock(key or secrets.token_hex(8), shop.merchants[merchant], at, "late payers")
    (outcome,) = test_clocks.create(desk=shop.desk, now=shop.now(), requests=[request])
    assert isinstance(outcome, ClockMade), outcome
    return outcome


def shop_in(shop: Shop, clock: ClockMade) -> Shop:
    """The merchant in the book of its clock."""
    book = books.by_id(clock.clock.clock_book_id or UUID(int=0))
    assert book is not None
    assert book.clock_at is not None
    return Shop(desk_in(shop.desk, book), (clock.shop_id,), book.day_of(book.clock_at))


def asked(shop: Shop, clock: ClockMade, to: datetime, key: str = "") -> Advance | Refused:
    request = AdvanceRequest(key or secrets.token_hex(8), shop.merchants[0], clock.clock.id, to)
    (outcome,) = test_clocks.advance(desk=shop.desk, now=shop.now(), requests=[request])
    assert isinstance(outcome, Advance | Refused), outcome
    return outcome


def standing(clock: ClockMade) -> TestClock:
    return practice.clocks(ids=[clock.clock.id])[clock.clock.id]


class Killed(Exception):
    """Whoever took the clock forward is no more."""


def test_a_clock_is_a_book_with_the_contract_the_products_and_the_settings_of_the_merchant(merchant: Shop) -> None:
    clock = made(merchant, key="one")
    there = shop_in(merchant, clock)
    assert (there.desk.book.mode, there.desk.book.of_clock, there.desk.book.clock_at) == ("test", True, NOON)
    ours, theirs = (merchants.shown(ids=[i])[i] for i in (merchant.merchants[0], clock.shop_id))
    assert replace(theirs, id=ours.id) == ours
    contracts = merchants.contracts_in_force(merchant_ids=[merchant.merchants[0], clock.shop_id], on=there.on)
    assert contracts[clock.shop_id].terms == replace(contracts[merchant.merchants[0]].terms, valid_from=there.on)
    offered = [
        {one.terms.code: one.terms for one in products.versions(book_id=book) if one.state == "published"}
        for book in (merchant.book_id, there.book_id)
    ]
    assert offered[0] == offered[1]
    assert keys.keys_by_hash(hashes=[secret_hash(clock.secret)])[secret_hash(clock.secret)].book_id == there.book_id
    assert there.desk.book.id not in {book.id for book in books.with_jobs()}
    again = made(merchant, key="one")
    assert (again.clock.id, again.secret, again.shop_id) == (clock.clock.id, clock.secret, clock.shop_id)


def test_a_clock_goes_forward_only_and_everything_in_between_happens_in_order_api_clock_01(merchant: Shop) -> None:
    clock = made(merchant)
    there = shop_in(merchant, clock)
    loan = there.capture(there.buy(there.consumer(), "300.00", product="flex").order_id)
    back = asked(merchant, clock, NOON - timedelta(days=1))
    assert isinstance(back, Refused)
    assert back.code == rules.CLOCK_FORWARD_ONLY
    way = asked(merchant, clock, NOON + timedelta(days=31), "forth")
    assert isinstance(way, Advance)
    assert (standing(clock).state, way.days) == ("advancing", 32)
    busy = asked(merchant, clock, NOON + timedelta(days=32))
    assert isinstance(busy, Refused)
    assert busy.code == rules.CLOCK_BUSY

    def die(done: int, of: int) -> None:
        assert of == 32
        if done == 12:
            raise Killed

    with pytest.raises(Killed):
        test_clocks.go_on(desk=merchant.desk, now=merchant.now(), clock_id=clock.clock.id, tell=die)
    half = practice.last_advances(clock_ids=[clock.clock.id])[clock.clock.id]
    assert (half.state, half.days_done, standing(clock).state) == ("running", 12, "advancing")
    assert test_clocks.go_on(desk=merchant.desk, now=merchant.now(), clock_id=clock.clock.id)
    assert not test_clocks.go_on(desk=merchant.desk, now=merchant.now(), clock_id=clock.clock.id)
    assert (standing(clock).state, standing(clock).at) == ("ready", NOON + timedelta(days=31))
    assert asked(merchant, clock, NOON + timedelta(days=31), "forth") == practice.last_advances(clock_ids=[clock.clock.id])[clock.clock.id]

    closed = sql.rows("SELECT on_date, state FROM runtime_business_day WHERE book_id = %s ORDER BY on_date", [there.book_id])
    assert [state for _, state in closed] == ["closed"] * 31 + ["open"]
    assert days.open_date(there.book_id) == there.on + timedelta(days=31)
    told = sql.rows(
        "SELECT type, recorded_at FROM runtime_outbox WHERE book_id = %s AND object_id IN (%s, %s) ORDER BY epoch, xid, id",
        [there.book_id, loan.loan_id, loan.order_id],
    )
    kinds = [kind for kind, _ in told]
    assert kinds.index("instalment.due") < kinds.index("loan.overdue")
    assert kinds.count("instalment.due") == kinds.count("loan.overdue") == 1
    assert [at for _, at in told] == sorted(at for _, at in told)
    (late,) = loans.due(there.book_id, there.on + timedelta(days=31))
    assert (late.loan_id, late.oldest_due_on.day) == (loan.loan_id, 25)
    with sql.snapshot():
        proofs = proving.prove(book=there.desk.book)
    assert not {name for name, proof in proofs.items() if not proof.holds}


def test_what_cannot_be_made_or_advanced_is_refused(merchant: Shop) -> None:
    clock = made(merchant)
    too_long = asked(merchant, clock, NOON + timedelta(days=rules.MOST_DAYS + 1))
    assert isinstance(too_long, Refused)
    assert too_long.code == rules.ADVANCE_TOO_LONG
    there = shop_in(merchant, clock)
    for shop, at, name, code in (
        (there, NOON, "", rules.OWN_BOOK_ONLY),
        (merchant, NOON.replace(year=2019), "", rules.FROZEN_TIME_INVALID),
        (merchant, NOON + timedelta(days=3_660), "", rules.FROZEN_TIME_INVALID),
        (merchant, NOON, " x", rules.NAME_INVALID),
    ):
        (outcome,) = test_clocks.create(desk=shop.desk, now=shop.now(), requests=[NewClock(code, shop.merchants[0], at, name)])
        assert isinstance(outcome, Refused)
        assert outcome.code == code
    request = AdvanceRequest("x", merchant.merchants[1], clock.clock.id, NOON + timedelta(days=1))
    (outcome,) = test_clocks.advance(desk=merchant.desk, now=merchant.now(), requests=[request])
    assert isinstance(outcome, Refused)
    assert outcome.code == rules.UNKNOWN_CLOCK


def test_a_merchant_keeps_so_many_clocks_and_no_more(merchant: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_CLOCKS", 1)
    first = made(merchant, merchant=1)
    request = NewClock("another", merchant.merchants[1], NOON)
    (outcome,) = test_clocks.create(desk=merchant.desk, now=merchant.now(), requests=[request])
    assert isinstance(outcome, Refused)
    assert outcome.code == rules.TOO_MANY_CLOCKS
    test_clocks.delete(desk=merchant.desk, now=merchant.now(), deletions=[Deletion(first.clock.id)])
    (outcome,) = test_clocks.create(desk=merchant.desk, now=merchant.now(), requests=[request])
    assert isinstance(outcome, ClockMade)


def test_a_clock_that_nobody_used_for_thirty_days_goes_and_its_key_opens_nothing(merchant: Shop) -> None:
    clock, kept = made(merchant), made(merchant)
    with sql.transacting():
        sql.run("UPDATE sandbox_test_clock SET used_at = now() - interval '30 days 1 second' WHERE id = %s", [clock.clock.id])
    gone = [one for one in practice.unused() if one[0] == merchant.book_id]
    assert gone == [(merchant.book_id, clock.clock.id)]
    (before,) = test_clocks.delete(desk=merchant.desk, now=merchant.now(), deletions=[Deletion(clock.clock.id)])
    assert isinstance(before, TestClock)
    assert (standing(clock).state, standing(kept).state) == ("deleted", "ready")
    assert keys.keys_by_hash(hashes=[secret_hash(clock.secret)])[secret_hash(clock.secret)].revoked_at is not None
    assert not [one for one in practice.unused() if one[0] == merchant.book_id]
    refused = asked(merchant, clock, NOON + timedelta(days=1))
    assert isinstance(refused, Refused)
    assert refused.code == rules.CLOCK_DELETED


def test_what_cannot_be_done_ends_the_advance_and_asking_again_goes_on_from_there(merchant: Shop) -> None:
    clock = made(merchant)
    there = shop_in(merchant, clock)
    (stop,) = stopping.impose(desk=there.desk, now=NOON, wanted=[NewStop("s", READ_ONLY, "", "", "a reason")]).outcomes
    assert isinstance(stop, Stop)
    assert isinstance(asked(merchant, clock, NOON + timedelta(days=1)), Advance)
    assert test_clocks.go_on(desk=merchant.desk, now=merchant.now(), clock_id=clock.clock.id)
    way = practice.last_advances(clock_ids=[clock.clock.id])[clock.clock.id]
    assert (standing(clock).state, way.state, way.failure_code) == ("failed", "failed", "read_only")
    assert standing(clock).at == (NOON + timedelta(days=1)).replace(hour=0, minute=10)
    stopping.lift(desk=there.desk, now=NOON, lifts=[Lift(stop.id, "over")])
    assert isinstance(asked(merchant, clock, NOON + timedelta(days=1)), Advance)
    assert test_clocks.go_on(desk=merchant.desk, now=merchant.now(), clock_id=clock.clock.id)
    assert (standing(clock).state, standing(clock).at) == ("ready", NOON + timedelta(days=1))
    (closed,) = sql.rows("SELECT closed_at FROM runtime_business_day WHERE book_id = %s AND state = 'closed'", [there.book_id])
    assert closed[0] == (NOON + timedelta(days=1)).replace(hour=0, minute=10)  # at its moment, though later


def test_the_tables_themselves_refuse_a_clock_in_a_live_book_and_one_that_goes_back(merchant: Shop) -> None:
    clock = made(merchant)
    ids = jobs.id_source()
    live = f"live-{secrets.token_hex(4)}"
    with sql.transacting():
        book = books.create(code=live, legal_entity="Lender", mode="live", now=NOON, ids=ids)
    row = "INSERT INTO sandbox_test_clock (id, book_id, merchant_id, name, state, frozen_at, at, revision) VALUES (%s, %s, %s, '', 'making', %s, %s, 1)"
    with pytest.raises(Exception, match="no sandbox in a live book"), sql.transacting():
        sql.run(row, [ids.new(NOON), book.id, merchant.merchants[0], NOON, NOON])
    for change in ("at = at - interval '1 second'", "state = 'making'"):
        with pytest.raises(Exception, match="only moves forward"), sql.transacting():
            sql.run(f"UPDATE sandbox_test_clock SET {change} WHERE id = %s", [clock.clock.id])


@given(st.integers(0, 100_000), st.integers(1, 100_000), st.integers(0, 23))
def test_the_moments_of_two_advances_are_those_of_one(first: int, second: int, hour: int) -> None:
    cut_off = datetime(2026, 1, 1, hour).time()
    begin, middle, end = (NOON + timedelta(seconds=s) for s in (0, first, first + second))
    whole = list(rules.ticks(begin, end, tz=ZONE, cut_off=cut_off))
    parts = [*rules.ticks(begin, middle, tz=ZONE, cut_off=cut_off), *rules.ticks(middle, end, tz=ZONE, cut_off=cut_off)]
    assert whole == parts
    assert [one.at for one in whole] == sorted(one.at for one in whole)
