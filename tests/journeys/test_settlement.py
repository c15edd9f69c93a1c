"""Settlement of merchants: T+N over days nobody works, payouts and what becomes of them, and debts that are carried over."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest
from prometheus_client import REGISTRY

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import jobs, proving, settlement
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import StateChange
from yuefu.money.amounts import Money
from yuefu.payments import commands
from yuefu.payments import queries as payments
from yuefu.payments.commands import TransferOrder
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import CLIENT_NUMBER, OPERATING_NUMBER
from yuefu.runtime import days, runs, sql
from yuefu.settlement import queries as statements
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


def test_nothing_is_settled_on_a_day_nobody_works_whatever_fell_due_before(shop):
    shop.bought("600.00")  # due on a day on which nobody settled
    shop.until(FRIDAY)
    for _ in range(3):
        shop.next_day()
        assert len(settled(shop)) == (shop.on == MONDAY)
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


# ---------------------------------------------------------------------------------------------------------------------- client money


def empty_shop(shop):
    """The bank account of own money as it is before a funder sends anything: every transfer out of it fails."""
    for table in ("payments_sandbox_flow", "payments_sandbox_trade"):
        with sql.owning():
            sql.run(f"DELETE FROM {table} WHERE book_id = %s AND side = 'operating'", [shop.book_id])


def client_money(shop):
    with sql.snapshot():
        return proving.prove(book=shop.desk.book)["client_money"]


def test_what_became_available_lies_in_the_client_account_before_it_is_paid_from_there(shop):
    shop.bought("600.00")
    shop.next_day()
    settled(shop)
    found = payments.transfers_of_kind(book_id=shop.book_id, kind="safeguarding")
    assert [(t.state, t.amount) for t in found] == [("done", NET)]
    moved = ledger.movement_days(shop.book_id, payments.money_accounts(book_id=shop.book_id)["client"].id)
    assert sorted(kind for kind, _ in moved) == ["payout", "safeguarding"]
    assert client_money(shop).detail == {"owed": 0, "held": 0, "under_way": 0, "shortfall": 0}
    shop.prove()


def test_without_own_money_nobody_is_paid_the_day_closes_with_an_alarm_and_a_later_settlement_pays(shop):
    empty_shop(shop)
    shop.bought("600.00")
    shop.next_day()
    (batch,) = settled(shop)
    assert [p.state for p in payouts(shop, batch)] == ["scheduled"]
    assert client_money(shop).detail == {"owed": NET.minor, "held": 0, "under_way": 0, "shortfall": NET.minor}
    assert REGISTRY.get_sample_value("yuefu_client_money_short_minor", {"book": shop.desk.book.code}) == NET.minor
    shop.next_day()  # closes the day
    assert days.state_of(shop.book_id, shop.on - timedelta(days=1)) == "closed"
    assert not isinstance(settlement.fund(desk=shop.desk, now=shop.now(8), key="late", amount=Money.parse("700.00", "CNY")), Refused)
    assert settled(shop) == []
    assert [p.state for p in payouts(shop, batch)] == ["paid"]
    assert REGISTRY.get_sample_value("yuefu_client_money_short_minor", {"book": shop.desk.book.code}) == 0
    found = payments.transfers_of_kind(book_id=shop.book_id, kind="safeguarding")
    assert [t.state for t in found] == ["failed", "done"]
    assert at_bank(shop) == (70_000 - NET.minor, 0)


class SilentBank(SandboxBank):
    """A bank that moves the money between our accounts, and whose answer is lost; or that hears nothing at all."""

    heard = True

    def move(self, *, orders, now):
        if self.heard:
            super().move(orders=orders, now=now)
        raise LostCall


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("by", ["the next settlement", "the poll"])
def test_a_safeguarding_transfer_whose_answer_is_lost_holds_payouts_up_and_moves_once(shop, heard, by):
    shop.bought("600.00")
    shop.next_day()
    silent = SilentBank(shop.desk.book)
    silent.heard = heard
    whole, shop.desk = shop.desk, replace(shop.desk, bank=silent)
    with suppress(LostCall):
        settled(shop)
    shop.desk = whole
    (batch,) = statements.batches_on(book_id=shop.book_id, pay_on=shop.on)
    assert ([p.state for p in payouts(shop, batch)], control(shop, "client_cash")) == (["scheduled"], 0)
    assert client_money(shop).detail == {"owed": NET.minor, "held": 0, "under_way": NET.minor, "shortfall": 0}
    assert settlement.send_payouts(desk=shop.desk, now=shop.now(9)) == []
    if by == "the poll":
        jobs.poll(shop.desk, shop.now(10))
    else:
        settled(shop, hour=10)
    assert [p.state for p in payouts(shop, batch)] == ["paid"]
    assert at_bank(shop) == (1_000_000_00 - NET.minor, 0)
    assert [t.state for t in payments.transfers_of_kind(book_id=shop.book_id, kind="safeguarding")] == ["done"]
    shop.prove()


def test_own_money_in_the_client_account_keeps_the_day_from_closing(shop):
    with open_day(shop.desk, shop.now()) as work:
        orders = [TransferOrder("by hand", "safeguarding", Money.parse("1.00", "CNY"))]
        commands.order_transfers(work=work, orders=orders)
    assert not client_money(shop).holds, "what is on its way there counts"
    settlement.resume_transfers(desk=shop.desk, now=shop.now())
    assert client_money(shop).detail["shortfall"] == -1_00
    assert settled(shop) == []  # which moves it back
    assert client_money(shop).holds
    assert (control(shop, "client_cash"), at_bank(shop)) == (0, (1_000_000_00, 0))
    shop.prove()


# ------------------------------------------------------------------------------------------------------------------- merchants who stop


def say_state(shop, state, merchant=0):
    with open_day(shop.desk, shop.now()) as work:
        (changed,) = merchants.change_states(work=work, changes=[StateChange(shop.merchants[merchant], state, "looked into")])
    assert not isinstance(changed, Refused), changed


def left_waiting(shop, *sellers):
    """A purchase of each and a settlement whose transfer is lost, so that the payouts wait for their money. Leaves the bank well."""
    for merchant in sellers:
        shop.bought("600.00", merchant=merchant)
    shop.next_day()
    silent = SilentBank(shop.desk.book)
    silent.heard = False
    whole, shop.desk = shop.desk, replace(shop.desk, bank=silent)
    found = settled(shop)
    shop.desk = whole
    assert [p.state for batch in found for p in payouts(shop, batch)] == ["scheduled"] * len(sellers)
    return {batch.merchant_id: batch for batch in found}


@pytest.mark.parametrize("state", ["suspended", "closed"])
@pytest.mark.parametrize("by", ["the next settlement", "the poll"])
def test_a_merchant_who_is_stopped_while_its_payout_waits_is_not_paid_and_the_others_are(shop, state, by):
    batches = left_waiting(shop, 0, 1)
    say_state(shop, state)
    if by == "the poll":
        jobs.poll(shop.desk, shop.now(11))
    else:
        settled(shop, hour=11)
    stopped, other = (payouts(shop, batches[merchant])[0].state for merchant in shop.merchants)
    assert (stopped, other) == ("scheduled", "paid")
    assert (client_money(shop).holds, at_bank(shop)) == (True, (1_000_000_00 - 2 * NET.minor, NET.minor))
    shop.prove()


@pytest.mark.parametrize("by", ["the next settlement", "the poll"])
def test_a_merchant_who_is_active_again_is_paid_what_waited_once(shop, by):
    (batch,) = left_waiting(shop, 0).values()
    say_state(shop, "suspended")
    settled(shop, hour=11)
    shop.next_day()
    settled(shop)
    assert [p.state for p in payouts(shop, batch)] == ["scheduled"]
    say_state(shop, "active")
    for hour in (12, 13):
        if by == "the poll":
            jobs.poll(shop.desk, shop.now(hour))
        else:
            settled(shop, hour=hour)
    assert [p.state for p in payouts(shop, batch)] == ["paid"]
    assert at_bank(shop) == (1_000_000_00 - NET.minor, 0)
    shop.prove()


def test_payouts_that_are_held_back_take_nobodys_place(shop):
    left_waiting(shop, 0)
    (second,) = left_waiting(shop, 1).values()
    for merchant in (0, 1):
        say_state(shop, "suspended", merchant)
    settled(shop, hour=11)  # covers both and pays neither
    say_state(shop, "active", 1)
    assert [p.batch_id for p in settlement.send_payouts(desk=shop.desk, now=shop.now(11), limit=1)] == [second.id]


def test_a_payout_on_its_way_to_a_merchant_who_is_stopped_is_still_asked_for(shop):
    shop.bought("600.00")
    shop.next_day()
    whole, shop.desk = shop.desk, replace(shop.desk, bank=CutBank(shop.desk.book))
    (batch,) = settled(shop)
    shop.desk = whole
    say_state(shop, "suspended")
    shop.poll_payouts()
    assert [p.state for p in payouts(shop, batch)] == ["paid"]
    shop.prove()


# ------------------------------------------------------------------------------------------------------- one gateway fails, the rest goes on


class MuteBank(SandboxBank):
    """A bank that takes transfers and answers nothing about them, without an error."""

    def move(self, *, orders, now):
        return []


class DownChannel(SandboxChannel):
    """A channel that nobody can talk to."""

    def withdraw(self, *, orders, now):
        raise LostCall

    def query(self, *, references, now):
        raise LostCall


def transfer_states(shop):
    return {kind: [t.state for t in payments.transfers_of_kind(book_id=shop.book_id, kind=kind)] for kind in ("withdrawal", "safeguarding")}


def failed_calls(call):
    return REGISTRY.get_sample_value("yuefu_gateway_calls_failed_total", {"call": call}) or 0


def test_a_transfer_that_the_bank_says_nothing_of_stays_ordered_and_is_done_later(shop):
    shop.bought("600.00")
    shop.next_day()
    whole, shop.desk = shop.desk, replace(shop.desk, bank=MuteBank(shop.desk.book))
    (batch,) = settled(shop)
    assert (transfer_states(shop)["safeguarding"], [p.state for p in payouts(shop, batch)]) == (["ordered"], ["scheduled"])
    assert run_of(shop)[0] == "done"
    shop.desk = whole
    settled(shop, hour=10)
    assert (transfer_states(shop)["safeguarding"], [p.state for p in payouts(shop, batch)]) == (["done"], ["paid"])
    assert at_bank(shop) == (1_000_000_00 - NET.minor, 0)
    shop.prove()


def test_a_covered_payout_goes_although_the_transfer_for_another_fails(shop):
    (first,) = left_waiting(shop, 0).values()
    say_state(shop, "suspended")
    settled(shop, hour=11)  # covers the first payout, which is held back
    say_state(shop, "active")
    before = failed_calls("safeguarding")
    shop.bought("600.00", merchant=1)
    shop.next_day()
    silent = SilentBank(shop.desk.book)
    silent.heard = False
    whole, shop.desk = shop.desk, replace(shop.desk, bank=silent)
    (second,) = settled(shop)
    assert [payouts(shop, batch)[0].state for batch in (first, second)] == ["paid", "scheduled"]
    assert (run_of(shop)[0], failed_calls("safeguarding")) == ("done", before + 1)
    shop.desk = whole
    settled(shop, hour=10)
    assert [payouts(shop, batch)[0].state for batch in (first, second)] == ["paid", "paid"]
    shop.prove()


def test_a_withdrawal_that_a_channel_does_not_answer_holds_no_payout_up(shop):
    got = shop.bought("600.00")
    shop.next_day()
    settled(shop)
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    (batch,) = left_waiting(shop, 1).values()
    whole, shop.desk = shop.desk, replace(shop.desk, channel=DownChannel(shop.desk.book))
    with pytest.raises(LostCall):
        settlement.withdraw(desk=shop.desk, now=shop.now(9), key="w")
    moved = settlement.resume_transfers(desk=shop.desk, now=shop.now(10))
    assert {(t.kind, t.state) for t in moved} == {("withdrawal", "ordered"), ("safeguarding", "done")}
    assert [p.state for p in payouts(shop, batch)] == ["paid"]
    shop.desk = whole
    settlement.resume_transfers(desk=shop.desk, now=shop.now(11))
    assert transfer_states(shop)["withdrawal"] == ["done"]
    shop.prove()


def test_a_payment_call_that_fails_lets_the_run_end(shop):
    shop.bought("600.00")
    shop.next_day()
    before = failed_calls("pay")
    shop.desk = replace(shop.desk, bank=CutBank(shop.desk.book))
    (batch,) = settled(shop)
    assert ([p.state for p in payouts(shop, batch)], run_of(shop)[0], failed_calls("pay")) == (["sent"], "done", before + 1)


# ---------------------------------------------------------------------------------------------------------------------------- the run


class Killed(Exception):
    pass


class ShortLived(IdSource):
    """Gives out ids until so many batches of a book are committed: whoever builds the next one is killed."""

    __slots__ = ("book_id", "until")

    def many(self, now, count):
        committed = "SELECT count(*) FROM settlement_batch WHERE book_id = %s AND xmin::text <> pg_current_xact_id()::xid::text"
        if sql.value(committed, [self.book_id]) >= self.until:
            raise Killed
        return super().many(now, count)


def mortal(shop, batches):
    """A desk whose work is killed once there are so many batches."""
    ids = ShortLived(secrets.randbits)
    ids.book_id, ids.until = shop.book_id, batches
    return replace(shop.desk, ids=ids)


def run_of(shop):
    (found,) = sql.rows(
        "SELECT id, state FROM runtime_run WHERE book_id = %s AND kind = 'settlement' AND on_date = %s", [shop.book_id, shop.on]
    )
    return found[1], [(s.name, s.state, s.chunks_done) for s in runs.steps(found[0])]


def test_a_run_that_is_killed_between_two_chunks_goes_on_and_pays_everybody_once(shop):
    for merchant in (0, 1):
        shop.bought("600.00", merchant=merchant)
    shop.next_day()
    whole, shop.desk = shop.desk, mortal(shop, batches=1)
    with pytest.raises(Killed):
        settlement.settle(desk=shop.desk, now=shop.now(9), chunk=1)
    shop.desk = whole
    assert run_of(shop) == (
        "running",
        [("build", "running", 1), ("safeguard", "waiting", 0), ("pay", "waiting", 0), ("share", "waiting", 0)],
    )
    assert len(statements.batches_on(book_id=shop.book_id, pay_on=shop.on)) == 1
    found = settlement.settle(desk=shop.desk, now=shop.now(10), chunk=1)
    assert [b.merchant_id for b in found] == sorted(shop.merchants)
    assert run_of(shop) == ("done", [("build", "done", 2), ("safeguard", "done", 0), ("pay", "done", 0), ("share", "done", 0)])
    assert [[p.amount for p in payouts(shop, b)] for b in found] == [[NET], [NET]]
    assert [t.amount for t in payments.transfers_of_kind(book_id=shop.book_id, kind="safeguarding")] == [NET + NET]
    shop.prove()


@pytest.mark.parametrize(("killed_in", "ends"), [("build", "failed"), ("pay", "done")])
def test_a_run_that_was_killed_and_overtaken_by_the_next_day_is_ended_by_its_settlement(shop, monkeypatch, killed_in, ends):
    for merchant in (0, 1):
        shop.bought("600.00", merchant=merchant)
    shop.next_day()
    if killed_in == "build":
        killed = mortal(shop, batches=1)
    else:
        killed = replace(shop.desk, vault=None)  # no account of a merchant can be read: it dies with all batches built
    with pytest.raises((Killed, AttributeError)):
        settlement.settle(desk=killed, now=shop.now(9), chunk=1)
    first = shop.on
    shop.next_day()
    assert runs.latest(book_id=shop.book_id, kind=settlement.KIND, limit=2) == [(first, "running")]
    settled(shop)
    assert runs.latest(book_id=shop.book_id, kind=settlement.KIND, limit=2) == [(shop.on, "done"), (first, ends)]
    paid = [p.amount for on in (first, shop.on) for b in statements.batches_on(book_id=shop.book_id, pay_on=on) for p in payouts(shop, b)]
    assert paid == [NET, NET]
    shop.prove()


def test_what_falls_due_after_the_run_is_done_waits_for_the_next_pay_day(shop):
    shop.bought("600.00")
    shop.next_day()
    assert len(settled(shop)) == 1
    late = shop.bought("600.00", merchant=1)
    with sql.owning():  # as one whose contract pays it out on the day itself
        sql.run("ALTER TABLE settlement_item DISABLE TRIGGER USER")
        sql.run("UPDATE settlement_item SET settles_on = %s WHERE order_id = %s", [shop.on, late.order_id])
        sql.run("ALTER TABLE settlement_item ENABLE TRIGGER USER")
    assert len(settled(shop, hour=15)) == 1
    shop.next_day()
    assert [b.merchant_id for b in settled(shop)] == [shop.merchants[1]]
    shop.prove()


def test_two_who_settle_at_once_take_turns_chunk_by_chunk(shop):
    for merchant in (0, 1):
        shop.bought("600.00", merchant=merchant)
    shop.next_day()
    shop.at_once(*[lambda: settlement.settle(desk=shop.desk, now=shop.now(9), chunk=1)] * 2)
    found = statements.batches_on(book_id=shop.book_id, pay_on=shop.on)
    assert [[p.state for p in payouts(shop, b)] for b in found] == [["paid"], ["paid"]]
    assert sum(t.amount.minor for t in payments.transfers_of_kind(book_id=shop.book_id, kind="safeguarding")) == 2 * NET.minor
    shop.prove()


def test_a_batch_of_an_unpaid_pay_day_before_is_covered_with_the_next(shop):
    empty_shop(shop)
    shop.bought("600.00")
    shop.next_day()
    settled(shop)
    shop.bought("600.00", merchant=1)
    shop.next_day()
    settlement.fund(desk=shop.desk, now=shop.now(8), key="late", amount=Money.parse("600.00", "CNY"))
    (second,) = settled(shop)
    assert [p.state for p in payouts(shop, second)] == ["scheduled"], "one transfer for all, and there is not enough for it"
    settlement.fund(desk=shop.desk, now=shop.now(11), key="later", amount=Money.parse("600.00", "CNY"))
    settled(shop, hour=12)
    assert [p.state for p in payouts(shop, second)] == ["paid"]
