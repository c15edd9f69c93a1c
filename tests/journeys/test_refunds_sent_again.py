"""A refund that we booked and no bill of its channel shows is sent again under its reference: once it is known there, and never paid twice."""

from __future__ import annotations

from dataclasses import replace

from tests.journeys.test_breaks import asked, days, decided, open_breaks, stands, suggested, told
from tests.journeys.test_carried import of, statements, yuan
from tests.journeys.test_reconciliation import sent
from yuefu.journeys import breaks, reconciliation
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.runtime import sql
from yuefu.sim.faults import Bill


def given_back(shop, amount="50.00"):
    """A refund at the channel on one day: money that nothing was due for goes back. It is the day after; the reference of the refund."""
    got = shop.bought("600.00")
    shop.repay(got.loan_id, amount=amount)
    on = shop.on
    shop.next_day()
    (refund,) = payments.refunds_of_payments(
        book_id=shop.book_id, references=[line.reference for line in flow(shop, on) if line.kind == "payment"]
    )
    return refund, on


def flow(shop, on):
    return read_bill(reconciliation.fetch(desk=shop.desk, on=on)["channel_fund"]).lines


def forgotten(shop, refund):
    """The provider lost a refund that it had confirmed: with its record, and the money is where it was."""
    with sql.owning():
        sql.run("DELETE FROM payments_sandbox_trade WHERE book_id = %s AND reference = %s", [shop.book_id, refund.reference])
        sql.run("DELETE FROM payments_sandbox_flow WHERE book_id = %s AND reference = %s", [shop.book_id, refund.reference])
        sql.run(
            "UPDATE payments_sandbox_trade SET refunded_minor = 0 WHERE book_id = %s AND reference = %s",
            [shop.book_id, refund.original_reference],
        )


def test_a_refund_that_its_provider_lost_is_sent_again_under_its_reference_and_its_line_resolves_the_breaks(shop):
    refund, on = given_back(shop, "150.00")
    forgotten(shop, refund)
    sent(shop, reconciliation.fetch(desk=shop.desk, on=on), on)
    trade, fund = sorted(open_breaks(shop), key=lambda b: b.source, reverse=True)
    assert [(b.kind, b.cls, b.reference) for b in (trade, fund)] == [("refund", "missing_there", refund.reference)] * 2
    assert suggested(shop, fund) == [], "it may still come by itself"
    days(shop, 4)
    assert suggested(shop, fund) == ["send_refund_again", "chase_provider"]
    assert asked(shop, fund, Kind.POST_REPAYMENT).code == "does_not_fit"
    waiting = asked(shop, fund, Kind.SEND_REFUND)
    assert (waiting.state, waiting.alone, waiting.amount) == ("waiting", False, yuan("149.10"))
    assert decided(shop, waiting).state == "approved"
    assert shop.desk.channel.query(references=[refund.reference], now=shop.now()) == {}, (
        "nothing is called within the transaction of a decision"
    )
    (done,) = breaks.carry_out(desk=shop.desk, now=shop.now(17))
    assert (done.state, done.code, done.entry_id) == ("done", "", None)
    assert breaks.carry_out(desk=shop.desk, now=shop.now(17)) == []
    assert told(shop, fund)[-1][1:3] == ("sent", "open")
    assert suggested(shop, trade) == suggested(shop, fund) == ["chase_provider"]
    again = asked(shop, trade, Kind.SEND_REFUND, key="once more")
    assert decided(shop, again).state == "approved"
    breaks.carry_out(desk=shop.desk, now=shop.now(17))
    assert [e.text for e in found.history(book_id=shop.book_id, break_ids=[trade.id])[trade.id]][-1] == "known_there"
    assert [(line.reference, line.kind) for line in flow(shop, shop.on) if line.reference == refund.reference] == [
        (refund.reference, "refund")
    ]
    shop.prove()
    sent_on = shop.on
    days(shop, 1)
    assert {stands(shop, b) for b in (trade, fund)} == {("explained", "came_on_another_day", sent_on)}
    assert open_breaks(shop) == []
    assert [of(statements(shop, sent_on), source).statement.closing for source in ("channel_trade", "channel_fund")] == [yuan(0)] * 2


class Deaf(SandboxChannel):
    """A channel that does not find what it is asked about, and may not answer what it is sent."""

    silent = False

    def query(self, *, references, now):
        return {}

    def refund(self, *, orders, now):
        results = super().refund(orders=orders, now=now)
        return [replace(one, outcome="unknown", on=None) for one in results] if self.silent else results


def test_a_refund_is_never_paid_twice_whatever_its_provider_says(shop):
    refund, on = given_back(shop)
    files = reconciliation.fetch(desk=shop.desk, on=on)
    bill = Bill("channel_fund", files["channel_fund"])
    sent(shop, {"channel_fund": bill.written([row for row in bill.rows if row["业务凭证号"] != refund.reference])}, on)
    (missing,) = open_breaks(shop)
    before = shop.desk.channel.balance()
    shop.desk = replace(shop.desk, channel=Deaf(shop.desk.book))
    shop.desk.channel.silent = True
    waiting = asked(shop, missing, Kind.SEND_REFUND)
    assert (waiting.state, waiting.alone) == ("approved", True), "no answer is no end"
    assert asked(shop, missing, Kind.CHASE).code == "fix_waits"
    shop.desk.channel.silent = False
    acts = [lambda: breaks.carry_out(desk=shop.desk, now=shop.now(17))] * 2
    outcomes = shop.at_once(*acts)
    assert {fix.state for done in outcomes for fix in done} == {"done"}
    assert SandboxChannel(shop.desk.book).balance() == before, "it had paid it before"
    assert [e.action for e in found.history(book_id=shop.book_id, break_ids=[missing.id])[missing.id]] == ["asked", "sent"]
    shop.prove()


def test_a_reference_that_its_provider_has_for_something_else_is_no_refund(shop):
    refund, on = given_back(shop)
    files = reconciliation.fetch(desk=shop.desk, on=on)
    with sql.owning():
        sql.run(
            "UPDATE payments_sandbox_trade SET amount_minor = 1 WHERE book_id = %s AND reference = %s", [shop.book_id, refund.reference]
        )
    bill = Bill("channel_fund", files["channel_fund"])
    sent(shop, {"channel_fund": bill.written([row for row in bill.rows if row["业务凭证号"] != refund.reference])}, on)
    (missing,) = open_breaks(shop)
    assert asked(shop, missing, Kind.SEND_REFUND).code == "refused_there", "it says another amount"
    shop.desk = replace(shop.desk, channel=Deaf(shop.desk.book))
    assert asked(shop, missing, Kind.SEND_REFUND, key="again").code == "refused_there", "it does not take it"


def test_a_refund_that_its_provider_refuses_is_dropped_and_only_a_refund_is_sent_again(shop):
    refund, on = given_back(shop)
    payment = refund.original_reference
    with sql.owning():
        sql.run("UPDATE payments_sandbox_trade SET status = 'FAIL', failure_code = 'closed' WHERE reference = %s", [refund.reference])
    files = reconciliation.fetch(desk=shop.desk, on=on)
    sent(shop, {"channel_trade": files["channel_trade"]}, on)
    (missing,) = open_breaks(shop)
    assert (missing.kind, missing.reference) == ("refund", refund.reference)
    dropped = asked(shop, missing, Kind.SEND_REFUND)
    assert (dropped.state, dropped.code) == ("dropped", "refused_there")
    assert told(shop, missing)[-1][1:3] == ("dropped", "open")
    bill = Bill("channel_fund", files["channel_fund"])
    sent(shop, {"channel_fund": bill.written([row for row in bill.rows if row["业务凭证号"] != payment])}, on)
    other = next(b for b in open_breaks(shop) if b.source == "channel_fund" and b.kind == "payment")
    assert asked(shop, other, Kind.SEND_REFUND).code == "does_not_fit"
