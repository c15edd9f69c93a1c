"""Settlement of merchants: T+N over days nobody works, payouts and what becomes of them, and debts that are carried over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

from yuefu.errors import Refused
from yuefu.journeys import settlement
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import CLIENT_NUMBER, OPERATING_NUMBER
from yuefu.settlement.queries import Batch

FRIDAY, MONDAY = date(2026, 10, 16), date(2026, 10, 19)
NET = Money.parse("585.60", "CNY")  # of 600.00: 0.60 % fee and 1.80 % discount


def settled(shop, *, hour=9) -> list[Batch]:
    found = settlement.settle(desk=shop.desk, now=shop.now(hour))
    assert not isinstance(found, Refused)
    return found


def control(shop, code):
    return sum(ledger.totals(shop.book_id, [code]).values())


def at_bank(shop):
    """What the bank itself says of own and of client money."""
    bank = SandboxBank(shop.desk.book)
    return bank.balance(account=OPERATING_NUMBER).minor, bank.balance(account=CLIENT_NUMBER).minor


def payouts(shop, batch):
    return payments.payouts_of_batches(batch_ids=[batch.id]).get(batch.id, [])


class LostCall(Exception):
    pass


class CutBank(SandboxBank):
    """A bank that pays, and whose answer is lost."""

    def pay(self, *, account, orders, now):
        super().pay(account=account, orders=orders, now=now)
        raise LostCall


def test_what_is_captured_on_a_friday_is_paid_on_monday_with_saturday_and_sunday(shop):
    shop.until(FRIDAY)
    for _ in range(3):  # Friday, Saturday and Sunday
        shop.bought("600.00")
        shop.next_day()
        assert len(settled(shop)) == (shop.on == MONDAY)
    (batch,) = settled(shop)
    assert (batch.pay_on, batch.line_count, batch.totals.payout) == (MONDAY, 3, NET + NET + NET)
    shop.bought("600.00")
    shop.next_day()
    (batch,) = settled(shop)
    assert (batch.pay_on, batch.line_count) == (MONDAY + timedelta(days=1), 1)
    shop.prove()


def test_a_batch_that_is_settled_again_is_paid_once(shop):
    shop.bought("600.00")
    shop.next_day()
    (batch,) = settled(shop)
    assert [(p.state, p.amount) for p in payouts(shop, batch)] == [("paid", NET)]
    before = control(shop, "bank_cash")
    assert [b.id for b in settled(shop, hour=10)] == [batch.id]
    assert control(shop, "bank_cash") == before == 1_000_000_00 - NET.minor
    assert (control(shop, "client_cash"), at_bank(shop)) == (0, (before, 0))
    shop.prove()


def test_a_payout_whose_answer_is_lost_is_asked_for_and_paid_once(shop):
    shop.bought("600.00")
    shop.next_day()
    whole, shop.desk = shop.desk, replace(shop.desk, bank=CutBank(shop.desk.book))
    with suppress(LostCall):
        settled(shop)
    shop.desk = whole
    (batch,) = settled(shop)
    assert [p.state for p in payouts(shop, batch)] == ["sent"]
    assert control(shop, "payouts_in_transit") == -NET.minor
    shop.poll_payouts()
    shop.poll_payouts()
    (batch,) = settled(shop)
    assert (batch.state, [p.state for p in payouts(shop, batch)]) == ("paid", ["paid"])
    assert at_bank(shop) == (1_000_000_00 - NET.minor, 0)
    shop.prove()


def test_a_payout_that_comes_back_is_owed_again(shop):
    shop.bought("600.00", merchant=1)
    shop.next_day()
    (batch,) = settled(shop)
    assert batch.state == "scheduled"
    shop.next_day()
    shop.poll_payouts()
    (payout,) = payouts(shop, batch)
    assert (payout.state, payout.failure_code, payout.returned_on) == ("returned", "beneficiary_account_closed", shop.on)
    available = ledger.limited(shop.book_id, "merchant_available", [shop.merchants[1]])[shop.merchants[1]]
    assert available.posted == -NET
    assert (control(shop, "payouts_in_transit"), control(shop, "bank_cash")) == (0, 1_000_000_00 - NET.minor)
    assert (control(shop, "client_cash"), at_bank(shop)) == (NET.minor, (1_000_000_00 - NET.minor, NET.minor))
    shop.prove()


def test_what_a_merchant_owes_is_carried_to_the_next_batch_that_earns_something(shop):
    got = shop.bought("600.00")
    shop.next_day()
    settled(shop)
    shop.refund(got.order_id)
    shop.next_day()
    (debt,) = settled(shop)
    assert (debt.totals.net, debt.totals.payout, debt.totals.carried) == (-NET, Money.zero("CNY"), -NET)
    assert payouts(shop, debt) == []
    shop.next_day()
    assert settled(shop) == []
    shop.bought("1200.00")
    shop.until(MONDAY)
    (batch,) = settled(shop)
    assert (batch.totals.opening, batch.totals.payout) == (-NET, NET)
    shop.prove()


def test_a_withdrawal_moves_all_that_the_channel_holds_once(shop):
    got = shop.bought("600.00")
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    moved = settlement.withdraw(desk=shop.desk, now=shop.now(23), key="w")
    assert moved.amount == Money.parse("198.80", "CNY")  # 200.00 less 0.60 %
    assert settlement.withdraw(desk=shop.desk, now=shop.now(23), key="w2") is None
    assert (control(shop, "channel_cash"), control(shop, "bank_cash")) == (0, 1_000_000_00 + 198_80)
    shop.prove()


class CutChannel(SandboxChannel):
    """A channel that moves the money, and whose answer is lost."""

    def withdraw(self, *, orders, now):
        super().withdraw(orders=orders, now=now)
        raise LostCall


def test_a_withdrawal_whose_answer_is_lost_is_booked_when_its_key_comes_again(shop):
    got = shop.bought("600.00")
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    whole, shop.desk = shop.desk, replace(shop.desk, channel=CutChannel(shop.desk.book))
    with suppress(LostCall):
        settlement.withdraw(desk=shop.desk, now=shop.now(22), key="w")
    shop.desk = whole
    assert (control(shop, "channel_cash"), SandboxChannel(shop.desk.book).balance().minor) == (198_80, 0)
    first, again = (settlement.withdraw(desk=shop.desk, now=shop.now(23), key="w") for _ in range(2))
    assert first == again
    assert (first.state, control(shop, "channel_cash"), control(shop, "bank_cash")) == ("done", 0, 1_000_000_00 + 198_80)
    shop.prove()


def test_funds_sent_twice_with_one_key_arrive_once(shop):
    first, second = (settlement.fund(desk=shop.desk, now=shop.now(), key="more", amount=Money.parse("500.00", "CNY")) for _ in range(2))
    assert first == second
    assert control(shop, "bank_cash") == 1_000_500_00
    shop.prove()
