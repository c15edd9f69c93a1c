"""Transfers as a journey: who asks where no day is open, what runs out by itself, and what a close of day finds."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from yuefu.errors import Refused
from yuefu.journeys import close_of_day, jobs, transfers
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, LimitedAccount, Moved, Transfer
from yuefu.money.amounts import Money
from yuefu.runtime import books, sql
from yuefu.runtime.values import UnitOfWork


@pytest.fixture
def keys(shop):
    """Of an account without a limit, and of one to which 100 may be debited."""
    found = AccountKey("payouts_in_transit", uuid4()), AccountKey("merchant_available", uuid4())
    with open_day(shop.desk, shop.now()) as work:
        assert isinstance(work, UnitOfWork)
        ledger.open_control(work=work, accounts=[(found[0], "CNY")])
        ledger.open_limited(work=work, accounts=[LimitedAccount(found[1], Money(100, "CNY"))])
    return found


def kept(key, keys, minutes):
    return Transfer(key, keys[1], keys[0], 60, "CNY", pending=True, timeout=timedelta(minutes=minutes))


def pending(shop, keys):
    return queries.figures(shop.book_id, [keys[1]], "CNY")[keys[1]][0]


@pytest.mark.parametrize("by", ["the job of each minute", "the close of the day"])
def test_what_runs_out_is_free_again_by(shop, keys, by):
    (outcome,) = transfers.transfer(desk=shop.desk, now=shop.now(10), transfers=[kept("p", keys, 30)])
    assert isinstance(outcome, Moved)
    assert pending(shop, keys) == 60
    if by == "the job of each minute":
        jobs.expire(shop.desk, shop.now(10) + timedelta(minutes=29))
        assert pending(shop, keys) == 60
        jobs.expire(shop.desk, shop.now(10) + timedelta(minutes=30))
    else:
        shop.next_day(close=False)
        closed = close_of_day.close_day(desk=shop.desk, now=shop.now(1))
        assert isinstance(closed, Closed), closed
    assert pending(shop, keys) == 0
    shop.prove()


def test_what_transfers_keep_of_other_limits_does_not_disturb_the_proof_of_credit_lines(shop, keys):
    shop.bought()
    transfers.transfer(desk=shop.desk, now=shop.now(15), transfers=[kept("p", keys, 3_000)])
    shop.prove()
    shop.next_day()
    assert pending(shop, keys) == 60


def test_without_an_open_day_each_is_refused_and_nothing_runs_out(shop, keys):
    with sql.transacting():
        other = books.create(code=f"no-day-{uuid4().hex}", legal_entity="None", mode="test", now=shop.now(), ids=shop.desk.ids)
    desk = jobs.desk_of(other, "test")
    chain = [kept("p", keys, 1), Transfer("q", void="p")]
    outcomes = transfers.transfer(desk=desk, now=shop.now(), transfers=chain)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refused)] == ["no_open_day"] * 2
    assert transfers.expire(desk=desk, now=shop.now()) == 0
    assert transfers.transfer(desk=desk, now=shop.now(), transfers=[]) == []
