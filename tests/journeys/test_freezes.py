"""Freezes over days, with client money, files and a bank that answers meanwhile: every proof of a close holds after each step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.people import person
from yuefu.errors import Refused, one
from yuefu.journeys import payout_files, reports, settlement
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import StateChange
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments import rules
from yuefu.runtime import policies
from yuefu.settlement import commands as batches
from yuefu.settlement import queries
from yuefu.settlement.commands import Clearing, NewFreeze

NET = Money.parse("585.60", "CNY")


def cny(text):
    return Money.parse(text, "CNY")


def asked(shop, ask):
    with open_day(replace(shop.desk, by=person("alice")), shop.now(9)) as work:
        found = ask(work)
    assert isinstance(found, UUID), found
    return found


def decided(shop, decide, approval):
    with open_day(replace(shop.desk, by=person("bob")), shop.now(9)) as work:
        found = decide(work=work, approval_id=approval, approve=True, reason="looked at it")
    assert isinstance(found, UUID), found
    return found


def freeze(shop, amount=None, *, merchant=0, days=60):
    wanted = NewFreeze(shop.merchants[merchant], amount, shop.on + timedelta(days=days), "abnormal funds")
    return decided(shop, batches.decide_freeze, asked(shop, lambda work: batches.propose_freeze(work=work, wanted=wanted)))


def client(shop):
    return sum(ledger.totals(shop.book_id, ["client_cash"]).values())


def batch_of(shop):
    (found,) = queries.batches_on(book_id=shop.book_id, pay_on=shop.on)
    return found


def test_frozen_money_stays_client_money_until_it_is_paid(shop):
    made = freeze(shop, days=3)
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    assert (batch_of(shop).state, client(shop)) == ("held", NET.minor)
    shop.prove()
    shop.next_day()
    shop.settle()
    shop.next_day()
    shop.prove()
    shop.settle()  # its day has come
    ended = queries.freeze(book_id=shop.book_id, freeze_id=made)
    assert (ended.state, ended.ended_on, batch_of(shop).state, batch_of(shop).totals.payout) == ("ended", shop.on, "paid", NET)
    assert client(shop) == 0
    shop.prove()
    shop.next_day()


def test_a_freeze_that_ends_before_its_day_keeps_the_books_provable_until_the_next_pay_day(shop):
    made = freeze(shop, cny("100.00"))
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    ending = asked(shop, lambda work: batches.propose_unfreeze(work=work, freeze_id=made, reason="explained"))
    assert decided(shop, batches.decide_unfreeze, ending) == made
    shop.prove()
    shop.next_day()
    shop.settle()
    assert (batch_of(shop).totals.payout, client(shop)) == (cny("100.00"), 0)
    shop.prove()
    shop.next_day()
    made = reports.give_out(desk=shop.desk, now=shop.now(8))
    assert not [one for one in made if isinstance(one, Refused)], "the days on which money is frozen and let go have their reports"


@pytest.mark.parametrize("amount", [None, cny("100.00")])
def test_a_freeze_that_is_approved_while_settlement_runs_keeps_its_part_or_comes_too_late(shop, amount):
    shop.bought("600.00")
    wanted = NewFreeze(shop.merchants[0], amount, shop.on + timedelta(days=9), "abnormal funds")
    approval = asked(shop, lambda work: batches.propose_freeze(work=work, wanted=wanted))
    shop.next_day()
    found = shop.at_once(lambda: settlement.settle(desk=shop.desk, now=shop.now(9)), lambda: decided(shop, batches.decide_freeze, approval))
    assert not [one for one in found if isinstance(one, Exception | Refused)]
    shop.settle()
    kept = queries.freeze(book_id=shop.book_id, freeze_id=found[1]).kept
    paid = [p.amount for p in payments.payouts_of_batches(batch_ids=[batch_of(shop).id]).get(batch_of(shop).id, []) if p.state == "paid"]
    assert sum((p.minor for p in paid), kept.minor) == NET.minor
    assert kept in (amount or NET, cny("0.00"))
    shop.prove()


def test_what_a_cancelled_file_gives_back_is_frozen_first(shop):
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(
            work=work, name=rules.PAYOUTS, value={"by": "file", "debtor": "示例小额贷款", "debtor_bank": ""}, valid_from=work.day.on
        )
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    made, _ = payout_files.export(desk=shop.desk, now=shop.now(11))
    freeze(shop, cny("100.00"))
    assert queries.frozen(book_id=shop.book_id, currency="CNY") == cny("0.00")  # the bank has it
    payout_files.cancel(desk=shop.desk, now=shop.now(12), file_id=made.id, reason="not taken there")
    assert (queries.frozen(book_id=shop.book_id, currency="CNY"), batch_of(shop).pays) == (cny("100.00"), NET - cny("100.00"))
    again, _ = payout_files.export(desk=shop.desk, now=shop.now(13))
    assert again.total == NET - cny("100.00")
    shop.prove()


def test_a_batch_that_two_people_clear_is_paid_though_its_merchant_is_suspended(shop):
    shop.bought("600.00")
    shop.bought("300.00")
    with open_day(shop.desk, shop.now()) as work:
        one(merchants.change_states(work=work, changes=[StateChange(shop.merchants[0], "suspended", "review")]))
    shop.next_day()
    shop.settle()
    held = batch_of(shop)
    assert (held.state, held.reason) == ("held", "merchant_not_active")
    approval = asked(shop, lambda work: batches.propose_clearing(work=work, clearing=Clearing(held.id, "a court said so")))
    assert decided(shop, batches.decide_clearing, approval) == held.id
    shop.settle()
    assert batch_of(shop).state == "paid"
    shop.prove()
