"""A merchant that is paid by period: its part of each instalment, as loans of either version are repaid, taken off, refunded and written off."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from tests.journeys.conftest import LATE_DAY, Shop, shop_opened
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import instalment_parts, trace, undoing
from yuefu.journeys.desk import open_day
from yuefu.journeys.undoing import Undone, UndoRequest
from yuefu.loans.commands import living
from yuefu.loans.commands.living import NewFact
from yuefu.plans.lifecycle import events
from yuefu.runtime.paging import Span
from yuefu.runtime.vault import Vault
from yuefu.settlement import queries
from yuefu.settlement.queries import Batch, told

NET = 300_00 - 1_80 - 5_40
PART = NET // 3
DUE = date(2026, 10, 25)


def paid(shop: Shop) -> list[int]:
    """What the pay days brought so far."""
    return [batch.totals.net.minor for batch in reversed(batches(shop))]


def batches(shop: Shop) -> list[Batch]:
    """Those of the merchant, newest first."""
    return told.batches(merchant_id=shop.merchants[0], where={}, span=Span(20)) or []


def waiting(shop: Shop) -> int:
    return queries.undated(book_id=shop.book_id, currency="CNY", merchant_id=shop.merchants[0]).minor


def next_pay_day(shop: Shop) -> list[int]:
    shop.next_day()
    shop.settle()
    return paid(shop)


def had(shop: Shop) -> int:
    """What the merchant has been paid, less what it owes for that."""
    found = batches(shop)
    return sum(one.totals.payout.minor for one in found) + found[0].totals.carried.minor


def entered(shop: Shop, loan_id: UUID, entry: events.Event | events.Undone) -> int:
    """Enters a fact of a loan; its number."""
    with open_day(shop.desk, shop.now(16)) as work:
        assert not isinstance(work, Refused)
        (done,) = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), loan_id, entry)])
        assert not isinstance(done, Refused), done
        return done.no


@pytest.mark.parametrize("version", ["2026-1", "2026-2"])
def test_a_part_follows_each_instalment_and_what_is_taken_off_or_goes_back_follows_too(vault: Vault, ids: IdSource, version: str) -> None:
    """Three sales of 300.00: one is repaid, one repaid and taken off, one repaid and returned; of a loan with a life a fourth is written off."""
    shop = shop_opened(vault, ids, LATE_DAY, version=version, settle_by="period")
    sales = [shop.bought("300.00") for _ in range(3)]
    lost = [shop.bought("300.00")] if version == "2026-2" else []
    while shop.on < DUE:
        shop.next_day()
    shop.settle()
    assert paid(shop) == [], "the goods are delivered, and nothing is collected"
    repaid = [shop.repay(one.loan_id) for one in sales]
    looks = [lambda: instalment_parts.find(desk=shop.desk, now=shop.now(15), chunk=2)] * 2
    assert sum(len(one) for one in shop.at_once(*looks) if isinstance(one, list)) == 3, "two at once find it once"
    shop.next_day()
    shop.settle()
    assert paid(shop) == [3 * PART]
    shop.settle()
    assert paid(shop) == [3 * PART], "a pay day that is run again finds nothing"
    assert waiting(shop) == (3 + len(lost)) * NET - 3 * PART
    (undone,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u1", repaid[1].collection_id, "another's card")])
    assert isinstance(undone, Undone), undone
    shop.refund(sales[2].order_id)
    written_off = [entered(shop, one.loan_id, events.WrittenOff(shop.on)) for one in lost]
    next_pay_day(shop)
    next_pay_day(shop)
    assert had(shop) == PART + len(lost) * NET
    assert waiting(shop) == NET - PART + NET
    for one, no in zip(lost, written_off, strict=True):
        entered(shop, one.loan_id, events.Undone(no))
    next_pay_day(shop)
    next_pay_day(shop)
    assert (had(shop), waiting(shop)) == (PART, NET - PART + (1 + len(lost)) * NET), "what was not lost after all is given back"
    traced = trace.traced_orders(book_id=shop.book_id, as_of=shop.on)
    assert [code for _, code in traced.missing if code == "settlement"] == []
    shop.prove()
