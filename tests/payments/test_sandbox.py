"""The sandbox channel and bank: idempotent by our reference, and files that can be read back and agree with each other."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from yuefu.money.amounts import Money
from yuefu.payments.gateways.ports import Bank, Channel, GatewayError
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import CHANNEL_NUMBER, CLIENT_NUMBER, OPERATING_NUMBER, CollectOrder, MoveOrder, PayOrder, RefundOrder
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.pairs import verify_pair
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.fixture
def channel(work: UnitOfWork) -> SandboxChannel:
    return SandboxChannel(work.book)


@pytest.fixture
def bank(work: UnitOfWork) -> SandboxBank:
    made = SandboxBank(work.book)
    made.receive(orders=[MoveOrder("trf_seed", cny(1_000_000), "", OPERATING_NUMBER)], payer="funder", now=work.now)
    made.move(orders=[MoveOrder("trf_cover", cny(1_000_000), OPERATING_NUMBER, CLIENT_NUMBER)], now=work.now)
    return made


def withdrawal(reference: str, minor: int) -> MoveOrder:
    return MoveOrder(reference, cny(minor), CHANNEL_NUMBER, OPERATING_NUMBER)


def test_both_are_what_the_ports_ask_for(channel: SandboxChannel, bank: SandboxBank) -> None:
    ports: tuple[Channel, Bank] = (channel, bank)
    assert all(ports)


def test_the_same_reference_never_takes_twice(work: UnitOfWork, channel: SandboxChannel) -> None:
    order = CollectOrder("pay_1", "sandbox", cny(129_900))
    first, twin = channel.collect(orders=[order, order], now=work.now)
    (later,) = channel.collect(orders=[order], now=work.now + timedelta(days=3))
    assert first == twin == later
    assert (first.outcome, first.fee, first.on) == ("succeeded", cny(779), DAY)
    assert channel.balance() == cny(129_900 - 779)


def test_a_reference_with_another_amount_is_not_accepted_and_nothing_moves(work: UnitOfWork, channel: SandboxChannel) -> None:
    channel.collect(orders=[CollectOrder("pay_1", "sandbox", cny(100))], now=work.now)
    with pytest.raises(GatewayError, match="reference_reused"):
        channel.collect(orders=[CollectOrder("pay_2", "sandbox", cny(5)), CollectOrder("pay_1", "sandbox", cny(101))], now=work.now)
    assert channel.balance() == cny(99)
    assert channel.query(references=["pay_2"], now=work.now) == {}


@pytest.mark.parametrize(
    ("instrument", "first", "asked", "balance"),
    [
        ("sandbox", "succeeded", "succeeded", 994),
        ("sandbox:anything", "succeeded", "succeeded", 994),
        ("sandbox:insufficient_funds", "failed", "failed", 0),
        ("sandbox:account_closed", "failed", "failed", 0),
        ("sandbox:unknown_then_success", "unknown", "succeeded", 994),
        ("sandbox:unknown_then_failure", "unknown", "failed", 0),
    ],
)
def test_the_instrument_decides_what_happens(
    work: UnitOfWork, channel: SandboxChannel, instrument: str, first: str, asked: str, balance: int
) -> None:
    (result,) = channel.collect(orders=[CollectOrder("pay_1", instrument, cny(1_000))], now=work.now)
    assert (result.outcome, channel.balance().minor) == (first, balance)
    assert channel.query(references=["pay_1"], now=work.now)["pay_1"].outcome == asked


@pytest.mark.parametrize(
    ("instrument", "outcomes", "balance"),
    [
        ("sandbox", ["succeeded", "succeeded"], 795),
        ("sandbox:refund_fails_once", ["failed", "succeeded"], 895),
        ("sandbox:refund_fails", ["failed", "failed"], 994),
    ],
)
def test_the_instrument_decides_what_happens_to_refunds(
    work: UnitOfWork, channel: SandboxChannel, instrument: str, outcomes: list[str], balance: int
) -> None:
    channel.collect(orders=[CollectOrder("pay_1", instrument, cny(1_000))], now=work.now)
    orders = [RefundOrder(f"crf_{n}", "pay_1", cny(100)) for n in (1, 2)]
    asked = [channel.refund(orders=[order], now=work.now)[0] for order in orders]
    assert ([result.outcome for result in asked], channel.balance().minor) == (outcomes, balance)
    assert [result.outcome for result in channel.refund(orders=orders, now=work.now)] == outcomes


def test_the_files_of_a_day_can_be_read_and_agree_with_each_other(work: UnitOfWork, channel: SandboxChannel) -> None:
    orders = [CollectOrder(f"pay_{n}", "sandbox", cny(n * 3_331), payer=f"csm_{n}", description="第 1/3 期, `a`") for n in range(1, 30)]
    orders.append(CollectOrder("pay_broke", "sandbox:insufficient_funds", cny(10)))
    orders.append(CollectOrder("pay_tiny", "sandbox", cny(1)))
    channel.collect(orders=orders, now=work.now)
    channel.refund(orders=[RefundOrder("crf_1", "pay_9", cny(10_000)), RefundOrder("crf_2", "pay_9", cny(19_979))], now=work.now)
    (withdrawn,) = channel.withdraw(orders=[withdrawal("trf_1", 500_000)], now=work.now)
    assert withdrawn.outcome == "done"
    trade, fund = read_bill(channel.trade_bill(on=DAY)), read_bill(channel.fund_flow(on=DAY))
    assert (trade.account, trade.on, len(trade.lines)) == (CHANNEL_NUMBER, DAY, 32)
    assert verify_pair(trade, fund) == []
    assert [line.kind for line in fund.lines].count("fee") == 29
    assert fund.lines[-1].balance == channel.balance()
    refunds = [line for line in trade.lines if line.kind == "refund"]
    assert sum(line.fee.minor for line in refunds) == -round(29_979 * 0.006)
    arrived = [
        line for line in read_bill(SandboxBank(work.book).statement(account=OPERATING_NUMBER, on=DAY)).lines if line.kind == "withdrawal"
    ]
    assert [(line.reference, line.amount.minor) for line in arrived] == [("trf_1", 500_000)]


def test_a_day_without_anything_has_empty_files(channel: SandboxChannel, bank: SandboxBank) -> None:
    other = DAY + timedelta(days=1)
    for data in (channel.trade_bill(on=other), channel.fund_flow(on=other), bank.statement(account=CLIENT_NUMBER, on=other)):
        assert read_bill(data).lines == ()


def test_more_than_was_taken_cannot_be_given_back(work: UnitOfWork, channel: SandboxChannel) -> None:
    channel.collect(orders=[CollectOrder("pay_1", "sandbox", cny(100))], now=work.now)
    orders = [RefundOrder("crf_1", "pay_1", cny(60)), RefundOrder("crf_2", "pay_1", cny(41)), RefundOrder("crf_3", "pay_none", cny(1))]
    assert [r.outcome for r in channel.refund(orders=orders, now=work.now)] == ["succeeded", "failed", "failed"]
    assert [r.outcome for r in channel.refund(orders=orders, now=work.now)] == ["succeeded", "failed", "failed"]


def test_a_refund_without_answer_is_told_when_asked_for(work: UnitOfWork, channel: SandboxChannel) -> None:
    channel.collect(orders=[CollectOrder("pay_1", "sandbox:refund_unknown", cny(100))], now=work.now)
    (result,) = channel.refund(orders=[RefundOrder("crf_1", "pay_1", cny(100))], now=work.now)
    assert result.outcome == "unknown"
    assert channel.query(references=["crf_1"], now=work.now)["crf_1"].outcome == "succeeded"


def test_more_than_the_account_has_cannot_be_withdrawn(work: UnitOfWork, channel: SandboxChannel) -> None:
    for _ in range(2):
        assert [r.outcome for r in channel.withdraw(orders=[withdrawal("trf_1", 1)], now=work.now)] == ["failed"]


@pytest.mark.parametrize(
    ("beneficiary", "first", "next_day", "balance"),
    [
        ("622200009990000", "paid", "paid", 999_000),
        ("622200009990001", "rejected", "rejected", 1_000_000),
        ("622200009990002", "sent", "paid", 999_000),
        ("622200009990003", "paid", "returned", 1_000_000),
    ],
)
def test_the_beneficiary_decides_what_becomes_of_a_payout(
    work: UnitOfWork, bank: SandboxBank, beneficiary: str, first: str, next_day: str, balance: int
) -> None:
    order = PayOrder("po_1", beneficiary, cny(1_000))
    assert [r.outcome for r in bank.pay(account=CLIENT_NUMBER, orders=[order, order], now=work.now)] == [first, first]
    later = work.now + timedelta(days=1)
    assert bank.query(account=CLIENT_NUMBER, references=["po_1", "po_2"], now=later)["po_1"].outcome == next_day
    assert [r.outcome for r in bank.pay(account=CLIENT_NUMBER, orders=[order], now=later)] == [next_day]
    assert bank.balance(account=CLIENT_NUMBER) == cny(balance)
    lines = [line for on in (DAY, DAY + timedelta(days=1)) for line in read_bill(bank.statement(account=CLIENT_NUMBER, on=on)).lines]
    assert sum(line.amount.minor for line in lines) == balance


def test_a_bank_account_without_enough_money_pays_what_it_can(work: UnitOfWork, bank: SandboxBank) -> None:
    orders = [
        PayOrder("po_1", "622200001", cny(900_000)),
        PayOrder("po_2", "622200002", cny(200_000)),
        PayOrder("po_3", "622200003", cny(100_000)),
    ]
    assert [r.outcome for r in bank.pay(account=CLIENT_NUMBER, orders=orders, now=work.now)] == ["paid", "rejected", "paid"]
    assert bank.balance(account=CLIENT_NUMBER) == cny(0)


def test_money_of_a_funder_arrives_once(work: UnitOfWork, bank: SandboxBank) -> None:
    bank.receive(orders=[MoveOrder("trf_seed", cny(1_000_000), "", OPERATING_NUMBER)], payer="funder", now=work.now)
    assert (bank.balance(account=OPERATING_NUMBER), bank.balance(account=CLIENT_NUMBER)) == (cny(0), cny(1_000_000))


def test_money_between_two_accounts_is_in_the_books_of_both_once(work: UnitOfWork, bank: SandboxBank) -> None:
    orders = [
        MoveOrder("trf_back", cny(300_000), CLIENT_NUMBER, OPERATING_NUMBER),
        MoveOrder("trf_more", cny(900_000), CLIENT_NUMBER, OPERATING_NUMBER),
        MoveOrder("trf_there", cny(100_000), OPERATING_NUMBER, CLIENT_NUMBER),
    ]
    for _ in range(2):
        assert [r.outcome for r in bank.move(orders=orders, now=work.now)] == ["done", "failed", "done"]
    assert (bank.balance(account=OPERATING_NUMBER), bank.balance(account=CLIENT_NUMBER)) == (cny(200_000), cny(800_000))
    shown = {
        account: [(line.kind, line.reference, line.amount.minor) for line in read_bill(bank.statement(account=account, on=DAY)).lines]
        for account in (OPERATING_NUMBER, CLIENT_NUMBER)
    }
    moved = [("safeguarding", "trf_cover", -1_000_000), ("release", "trf_back", 300_000), ("safeguarding", "trf_there", -100_000)]
    assert shown[OPERATING_NUMBER] == [("funding", "trf_seed", 1_000_000), *moved]
    assert shown[CLIENT_NUMBER] == [(kind, number, -minor) for kind, number, minor in moved]


def test_an_account_that_is_not_ours_is_not_spoken_about(work: UnitOfWork, bank: SandboxBank) -> None:
    with pytest.raises(GatewayError, match="unknown_account"):
        bank.pay(account="6100000000000009", orders=[PayOrder("po_1", "622200001", cny(1))], now=work.now)
    with pytest.raises(GatewayError, match="unknown_account"):
        bank.move(orders=[MoveOrder("trf_1", cny(1), CLIENT_NUMBER, "6100000000000009")], now=work.now)
    assert bank.balance(account=CLIENT_NUMBER) == cny(1_000_000)


def test_a_gateway_is_never_called_inside_a_transaction(work: UnitOfWork, channel: SandboxChannel) -> None:
    with pytest.raises(RuntimeError), sql.transacting():
        channel.collect(orders=[CollectOrder("pay_1", "sandbox", cny(1))], now=work.now)
