"""Breaks are worked: what is suggested is done once, by two people where much is moved, and the bridge of the day on which it is booked closes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError

from tests.journeys.test_carried import of, statements, yuan
from tests.journeys.test_reconciliation import DUE, paid_day, sent
from tests.people import person
from yuefu.errors import Refused, RefusedError, one
from yuefu.journeys import breaks, jobs, reconciliation, settings
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.payments import queries as payments
from yuefu.reconciliation import commands
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import Assignment, Ending, Evidence, NewFix, Note
from yuefu.reconciliation.queries import Break, Fix
from yuefu.reconciliation.rules.breaks import DEFAULT_WORKING, RESOLVE, WORKING
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.runtime import policies, sql
from yuefu.sim import faults
from yuefu.sim.faults import Bill, Fault

ALICE, BOB = person("alice"), person("bob")


def spoilt(shop, source, cls, number=0, on=DUE):
    """The files of a day with one fault at one of its payments or lines, what comes late, and the reference."""
    files = reconciliation.fetch(desk=shop.desk, on=on)
    bill = Bill(source, files[source])
    rows = [row for row in bill.rows if row.get("业务类型", "交易") != "扣除交易手续费"]
    reference = rows[number]["商户订单号" if source == "channel_trade" else "业务凭证号"]
    late = []
    bad = bill.spoil({reference: Fault(cls, reference, source, on, 300)}, [], late, on + timedelta(days=1), random.Random(1))
    return {**files, source: bad}, late, reference


def open_breaks(shop, source=None):
    return [b for b in found.breaks(book_id=shop.book_id) if source in (None, b.source)]


def suggested(shop, of_break):
    seen = breaks.seen(desk=shop.desk, break_ids=[of_break.id], on=shop.on)[of_break.id]
    return [str(one.kind) for one in seen.suggested]


def asked(shop, of_break, kind, *, by=ALICE, key="", **given):
    new = NewFix(key or f"{of_break.id}:{kind}:{shop.on}", of_break.id, kind, "looked at it", **given)
    (outcome,) = breaks.ask(desk=replace(shop.desk, by=by), now=shop.now(15), fixes=[new])
    return outcome


def decided(shop, fix, *, by=BOB, approve=True):
    with open_day(replace(shop.desk, by=by), shop.now(16)) as work:
        return breaks.decide(work=work, approval_id=fix.approval_id, approve=approve, reason="checked")


def days(shop, count):
    """So many days end, and their bills come as they should."""
    for _ in range(count):
        on = shop.on
        shop.next_day()
        sent(shop, reconciliation.fetch(desk=shop.desk, on=on), on)


def balance(shop, code):
    return sum(row.balance.minor for row in ledger.trial_balance(shop.book_id) if row.code == code)


def stands(shop, of_break):
    b = found.breaks_by_id(book_id=shop.book_id, ids=[of_break.id])[of_break.id]
    return b.state, b.reason, b.closed_on


def told(shop, of_break):
    history = found.history(book_id=shop.book_id, break_ids=[of_break.id]).get(of_break.id, [])
    return [(event.no, event.action, event.state, event.actor) for event in history]


def test_a_fee_that_differs_is_posted_once_and_the_bridge_of_that_day_closes(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_fund", faults.FEE_DIFFERS)
    sent(shop, bad)
    (fee,) = open_breaks(shop)
    before, expense = statements(shop, DUE), balance(shop, "channel_fee_expense")
    assert (fee.kind, fee.line, fee.movement, fee.due_on) == ("fee", yuan("-4.20"), yuan("-1.20"), DUE + timedelta(days=4))
    assert suggested(shop, fee) == ["post_fee", "chase_provider"]
    done = asked(shop, fee, Kind.POST_FEE)
    assert isinstance(done, Fix)
    assert (done.state, done.amount, done.alone) == ("done", yuan("-3.00"), True)
    assert balance(shop, "channel_fee_expense") == expense + 3_00
    assert asked(shop, fee, Kind.POST_FEE) == done, "the same key is the same request"
    assert asked(shop, fee, Kind.POST_FEE, key="again").code == "no_longer_fits"
    assert balance(shop, "channel_fee_expense") == expense + 3_00
    assert stands(shop, fee) == ("corrected", "post_fee", shop.on)
    assert told(shop, fee) == [(1, "asked", "open", "user:alice"), (2, "fixed", "corrected", "user:alice")]
    booked_on = shop.on
    days(shop, 1)
    after = of(statements(shop, booked_on), "channel_fund")
    assert (after.verdict, after.statement.closing) == ("reconciled", yuan(0))
    (line,) = after.statement.lines
    assert (line.amount, line.earlier_day) == (yuan("3.00"), True)
    assert open_breaks(shop) == []
    assert found.unclassified(book_id=shop.book_id, through=booked_on) == (0, 0)
    assert statements(shop, DUE) == before


@pytest.mark.parametrize("card", ["card:1:late_success", "card:1:failed_then_success"])
def test_a_repayment_that_was_paid_and_not_booked_goes_the_way_of_every_other(shop, card):
    got = shop.bought("600.00")
    shop.until(DUE)
    assert shop.repay(got.loan_id, card=card).state in ("unknown", "failed")
    shop.next_day()
    sent(shop, reconciliation.fetch(desk=shop.desk, on=DUE))
    missing = open_breaks(shop)
    assert sorted((b.source, b.kind, b.cls) for b in missing) == [
        ("channel_fund", "fee", "missing_here"),
        ("channel_fund", "payment", "missing_here"),
        ("channel_trade", "payment", "missing_here"),
    ]
    days(shop, 5)  # longer than a late half is waited for by itself
    trade = next(b for b in missing if b.source == "channel_trade")
    assert suggested(shop, trade)[0] == "post_repayment"
    waiting = asked(shop, trade, Kind.POST_REPAYMENT)
    assert (waiting.state, waiting.alone) == ("waiting", False), "200.00 are more than one person does alone"
    assert asked(shop, trade, Kind.CHASE, key="more").code == "fix_waits"
    fee = next(b for b in missing if b.kind == "fee")
    of_fee = asked(shop, fee, Kind.POST_REPAYMENT)
    assert (of_fee.state, of_fee.alone, of_fee.amount) == ("waiting", False, yuan("1.20")), "it posts the whole payment"
    assert decided(shop, of_fee, approve=False).state == "rejected"
    approved = decided(shop, waiting)
    assert approved.state == "approved"
    assert stands(shop, trade)[0] == "open", "nothing is called within the transaction of a decision"
    jobs.reconcile(shop.desk, shop.now(17))
    assert found.fixes_by_id(book_id=shop.book_id, ids=[waiting.id])[waiting.id].state == "done"
    assert {stands(shop, b)[:2] for b in missing} == {("corrected", "post_repayment")}
    (collection,) = payments.collections_by_reference(book_id=shop.book_id, references=[trade.reference]).values()
    assert (collection.state, collection.amount) == ("succeeded", yuan("200.00"))
    shop.prove()
    booked_on = shop.on
    days(shop, 1)
    day = statements(shop, booked_on)
    assert [str(of(day, source).verdict) for source in ("channel_trade", "channel_fund")] == ["reconciled"] * 2
    assert [of(day, source).statement.closing for source in ("channel_trade", "channel_fund")] == [yuan(0)] * 2
    assert open_breaks(shop) == []
    assert {b.cls for b in found.breaks(book_id=shop.book_id, state="corrected")} == {"other_day"}


def test_what_a_channel_does_not_say_was_paid_is_not_booked(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id, card="card:1:insufficient_funds")
    shop.next_day()
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    failed = payments.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id]
    bill = Bill("channel_trade", files["channel_trade"])
    other = shop.bought("600.00")
    shop.repay(other.loan_id, amount="20.00")
    row = Bill("channel_trade", reconciliation.fetch(desk=shop.desk, on=shop.on)["channel_trade"]).rows[0]
    forged = row | {"商户订单号": failed.reference, "微信订单号": "42990000000000000000000001", "交易时间": f"{DUE} 12:00:00"}
    sent(shop, {**files, "channel_trade": bill.written([forged])})
    (missing,) = open_breaks(shop)
    waiting = asked(shop, missing, Kind.POST_REPAYMENT)
    assert waiting.state == "waiting", "the payment that would be booked is of 200.00, whatever this line says"
    decided(shop, waiting)
    (dropped,) = breaks.carry_out(desk=shop.desk, now=shop.now(17))
    assert (dropped.state, dropped.code) == ("dropped", "not_paid")
    assert stands(shop, missing)[0] == "open"
    assert [event[1] for event in told(shop, missing)] == ["asked", "approved", "dropped"]


def test_more_than_one_may_alone_waits_for_a_second_person_and_for_the_line_that_may_come(shop):
    paid_day(shop)
    bad, late, reference = spoilt(shop, "channel_fund", faults.OTHER_DAY)
    sent(shop, bad)
    payment = next(b for b in open_breaks(shop) if b.kind == "payment")
    fee = next(b for b in open_breaks(shop) if b.kind == "fee")
    assert suggested(shop, payment) == [], "it may still come by itself"
    days(shop, 3)
    assert suggested(shop, payment) == ["chase_provider"]
    chased = asked(shop, payment, Kind.CHASE)
    assert (chased.state, chased.until) == ("done", shop.on + timedelta(days=3))
    assert stands(shop, payment)[0] == "open"
    assert suggested(shop, payment) == []
    days(shop, 3)
    assert suggested(shop, payment) == ["write_off", "chase_provider"]
    waiting = asked(shop, payment, Kind.WRITE_OFF)
    assert (waiting.state, waiting.amount) == ("waiting", yuan("-200.00"))
    assert decided(shop, waiting, by=ALICE).code == "same_person"
    # The provider brings what it was asked for before the second person looks.
    on = shop.on
    shop.next_day()
    files = reconciliation.fetch(desk=shop.desk, on=on)
    mine = [row | {"记账时间": f"{on} 10:00:00"} for row in late if row["业务凭证号"] == reference and row["业务类型"] == "交易"]
    sent(shop, {**files, "channel_fund": Bill("channel_fund", files["channel_fund"], 100_00).written(mine)}, on)
    assert stands(shop, payment) == ("explained", "came_on_another_day", on)
    with pytest.raises(RefusedError, match="no_longer_fits"):
        decided(shop, waiting)
    assert decided(shop, waiting, approve=False).state == "rejected"
    assert balance(shop, "reconciliation_difference") == 0
    # The fee that never came is written off.
    asked(shop, fee, Kind.CHASE)
    assert asked(shop, fee, Kind.WRITE_OFF).state == "done"
    assert balance(shop, "reconciliation_difference") == -1_20, "they took less than we booked"
    booked_on = shop.on
    days(shop, 1)
    assert of(statements(shop, booked_on), "channel_fund").statement.closing == yuan(0)
    assert open_breaks(shop) == []


def test_a_second_person_writes_off_what_never_came(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_fund", faults.MISSING_THERE)
    sent(shop, bad)
    payment = next(b for b in open_breaks(shop) if b.kind == "payment")
    waiting = asked(shop, payment, Kind.WRITE_OFF)
    with pytest.raises(psycopg.errors.CheckViolation, match="was not decided by a second person"), sql.transacting():
        sql.run("UPDATE reconciliation_fix SET state = 'approved' WHERE id = %s", [waiting.id])
    done = decided(shop, waiting)
    assert (done.state, done.ended_on) == ("done", shop.on)
    assert decided(shop, waiting).code == "already_decided"
    assert balance(shop, "reconciliation_difference") == 200_00
    booked_on = shop.on
    days(shop, 1)
    (left,) = open_breaks(shop)
    assert left.kind == "fee"
    assert of(statements(shop, booked_on), "channel_fund").statement.closing == yuan("1.20")


def test_what_the_trade_bill_says_otherwise_is_explained_once_the_money_shows_it(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_trade", faults.AMOUNT_DIFFERS)
    fund = bad.pop("channel_fund")
    sent(shop, bad)
    (trade,) = open_breaks(shop)
    assert asked(shop, trade, Kind.CONFIRM).code == "does_not_fit", "no fund flow has come"
    assert asked(shop, trade, Kind.WRITE_OFF).code == "does_not_fit", "a trade bill is of no account"
    sent(shop, {"channel_fund": fund})
    assert suggested(shop, trade) == ["confirmed_by_money", "chase_provider"]
    assert asked(shop, trade, Kind.CONFIRM).state == "done"
    assert stands(shop, trade) == ("explained", "confirmed_by_money", shop.on)
    ended_on = shop.on
    days(shop, 1)
    trade_day = of(statements(shop, ended_on))
    assert (trade_day.verdict, trade_day.statement.closing, dict(trade_day.statement.ended)) == (
        "reconciled",
        yuan(0),
        {"explained": yuan("3.00")},
    )


def test_two_breaks_offset_each_other_to_the_cent_and_money_of_clients_is_never_written_up(shop):
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    paid_on = shop.on
    shop.next_day()
    bad, _, _ = spoilt(shop, "bank_client", faults.MISSING_THERE, 1, paid_on)
    sent(shop, bad, paid_on)
    (payout,) = open_breaks(shop)
    assert (payout.source, payout.kind, payout.cls) == ("bank_client", "payout", "missing_there")
    assert asked(shop, payout, Kind.WRITE_OFF).code == "client_money"
    assert asked(shop, payout, Kind.OFFSET, other_id=payout.id).code == "not_opposite"
    on = shop.on
    shop.next_day()
    files = reconciliation.fetch(desk=shop.desk, on=on)
    row = Bill("bank_client", reconciliation.fetch(desk=shop.desk, on=paid_on)["bank_client"]).rows[1]
    again = row | {"业务凭证号": "taken-by-the-bank", "微信支付业务单号": "8801", "资金流水单号": "8801", "记账时间": f"{on} 10:00:00"}
    sent(shop, {**files, "bank_client": Bill("bank_client", files["bank_client"], 1_000_00).written([again])}, on)
    other = next(b for b in open_breaks(shop) if b.id != payout.id)
    seen = breaks.seen(desk=shop.desk, break_ids=[other.id], on=shop.on)[other.id]
    assert seen.opposite == payout.id
    assert asked(shop, other, Kind.OFFSET).code == "unknown_break"
    assert asked(shop, other, Kind.OFFSET, other_id=payout.id, key="both").state == "done"
    assert {stands(shop, b)[:2] for b in (other, payout)} == {("explained", "offset")}
    ended_on = shop.on
    days(shop, 1)
    assert of(statements(shop, ended_on), "bank_client").statement.closing == yuan(0)


def test_a_receipt_that_the_bank_shows_and_nobody_heard_of_is_taken_like_any_other(shop):
    shop.bought("600.00")
    on = shop.on
    account = payments.money_accounts(book_id=shop.book_id)["operating"].number
    credit = shop.desk.bank.deposit(
        account=account, payer_account="6222", payer_name="张三", amount=yuan("80.00"), text="hello", key="1", now=shop.now(12)
    )
    shop.next_day()
    sent(shop, reconciliation.fetch(desk=shop.desk, on=on), on)
    (missing,) = open_breaks(shop)
    assert (missing.source, missing.kind, missing.reference) == ("bank", "receipt", credit.number)
    assert suggested(shop, missing)[0] == "post_repayment"
    assert asked(shop, missing, Kind.POST_REPAYMENT).state == "done"
    (receipt,) = payments.in_suspense(book_id=shop.book_id, after=None, limit=10)
    assert receipt.left == yuan("80.00")
    shop.prove()
    booked_on = shop.on
    days(shop, 1)
    assert of(statements(shop, booked_on), "bank").statement.closing == yuan(0)


def test_what_is_asked_wrongly_is_refused_by_name_and_uses_no_key(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_fund", faults.MISSING_THERE)
    sent(shop, bad)
    payment = next(b for b in open_breaks(shop) if b.kind == "payment")
    new = NewFix("k", payment.id, Kind.POST_FEE, "why")
    nobody = replace(new, break_id=shop.desk.ids.new(shop.now()), kind=Kind.CHASE)
    wrong = [
        *(new, replace(new, kind=Kind.POST_REPAYMENT), replace(new, kind=Kind.CONFIRM), replace(new, kind=Kind.OFFSET), nobody),
        replace(new, kind=Kind.CHASE, reason=" "),
        replace(new, kind=Kind.CHASE, until=shop.on),
    ]
    outcomes = [breaks.ask(desk=shop.desk, now=shop.now(15), fixes=[each])[0] for each in wrong]
    assert [one.code for one in outcomes] == [
        *("does_not_fit", "does_not_fit", "does_not_fit", "not_opposite", "unknown_break", "reason_missing", "day_passed")
    ]
    value = {**DEFAULT_WORKING, "alone_minor": 500_00, "write_off_minor": 199_99}
    with open_day(replace(shop.desk, by=ALICE), shop.now()) as work:
        given = {"work": work, "name": WORKING, "valid_from": shop.on, "reason": "x"}
        assert settings.propose(value={**value, "due_days": [1]}, **given).code == "setting_invalid"
        approval = settings.propose(value=value, **given)
    with open_day(replace(shop.desk, by=BOB), shop.now()) as work:
        policies.decide(work=work, approval_id=approval, approve=True, reason="x")
    assert asked(shop, payment, Kind.WRITE_OFF, key="k").code == "above_write_off"
    assert asked(shop, payment, Kind.CHASE, key="k").state == "done", "nothing of the above used the key"
    assert sql.value("SELECT count(*) FROM reconciliation_fix WHERE book_id = %s", [shop.book_id]) == 1


def asked_before(shop, count):
    """So many requests to end other breaks by hand wait already."""
    with sql.transacting():
        sql.run(
            "INSERT INTO runtime_approval (id, book_id, action, object_kind, object_id, content, reason, requested_by, requested_by_user,"
            " requested_at, state, decision_reason) SELECT gen_random_uuid(), %s, %s, 'break', gen_random_uuid(), '{}', '', %s, %s, %s,"
            " 'waiting', '' FROM generate_series(1, %s)",
            [shop.book_id, RESOLVE, ALICE.label, ALICE.user_id, shop.now(), count],
        )


def test_what_one_person_may_not_fix_alone_they_do_not_end_by_hand_either(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_trade", faults.MISSING_THERE)
    sent(shop, bad)
    (missing,) = open_breaks(shop)
    closed = Ending(missing.id, "closed", "looked at it")
    asked_before(shop, 1_000)
    with open_day(replace(shop.desk, by=ALICE), shop.now(15)) as work:
        asked, again = breaks.end(work=work, ending=closed), breaks.end(work=work, ending=closed)
    assert isinstance(asked, UUID), "200.00 are more than one person ends"
    assert (again, stands(shop, missing)[0]) == (asked, "open")
    assert breaks.seen(desk=shop.desk, break_ids=[missing.id], on=shop.on)[missing.id].ending.id == asked
    assert [row.found.id for row in breaks.listed(book_id=shop.book_id, on=shop.on, waiting=True).rows] == [missing.id]
    with open_day(replace(shop.desk, by=BOB), shop.now(15)) as work:
        ended = commands.decide_ending(work=work, approval_id=asked, approve=True, reason="checked")
    assert isinstance(ended, Break)
    assert stands(shop, missing) == ("closed", "looked at it", shop.on)


def test_opening_a_break_again_changes_no_statement_of_a_day_before(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_trade", faults.MISSING_THERE)
    sent(shop, bad)
    (missing,) = open_breaks(shop)

    def moved(state):
        with open_day(shop.desk, shop.now(15)) as work:
            one(commands.resolve_breaks(work=work, endings=[Ending(missing.id, state, "looked at it")]))

    ended_on = shop.on
    moved("explained")
    days(shop, 2)
    was = [statements(shop, DUE + timedelta(days=n)) for n in range(3)]
    assert [of(day).statement.closing for day in was] == [yuan(-200), yuan(0), yuan(0)]
    assert dict(of(was[1]).statement.ended) == {"explained": yuan(-200)}
    reopened_on = shop.on
    moved("open")
    days(shop, 1)
    moved("closed")
    days(shop, 1)
    assert [statements(shop, DUE + timedelta(days=n)) for n in range(3)] == was
    again = of(statements(shop, reopened_on)).statement
    assert (again.opening, dict(again.ended), again.closing) == (yuan(0), {"reopened": yuan(200)}, yuan(-200))
    closed = of(statements(shop, reopened_on + timedelta(days=1))).statement
    assert (closed.opening, dict(closed.ended), closed.closing) == (yuan(-200), {"closed": yuan(-200)}, yuan(0))
    assert ended_on < reopened_on
    moved("open")
    assert stands(shop, missing) == ("open", "looked at it", None)


def test_a_half_that_came_while_its_break_was_taken_for_ended_is_told_of_on_its_day(shop):
    paid_day(shop)
    bad, late, _ = spoilt(shop, "channel_trade", faults.OTHER_DAY)
    sent(shop, bad)
    (missing,) = open_breaks(shop)
    with open_day(shop.desk, shop.now(15)) as work:
        one(commands.resolve_breaks(work=work, endings=[Ending(missing.id, "explained", "theirs")]))
    first, second = shop.on, shop.on + timedelta(days=1)
    shop.next_day()
    sent(shop, reconciliation.fetch(desk=shop.desk, on=first), first)
    shop.next_day()
    with open_day(shop.desk, shop.now(7)) as work:
        one(commands.resolve_breaks(work=work, endings=[Ending(missing.id, "open", "not theirs")]))
    files = reconciliation.fetch(desk=shop.desk, on=second)
    mine = [row | {"交易时间": f"{second} 10:00:00"} for row in late]
    sent(shop, {**files, "channel_trade": Bill("channel_trade", files["channel_trade"]).written(mine)}, second)
    assert stands(shop, missing) == ("explained", "came_on_another_day", second)
    told_of = of(statements(shop, second)).statement
    assert (told_of.opening, told_of.net, dict(told_of.ended), told_of.closing) == (yuan(0), yuan(200), {"reopened": yuan(200)}, yuan(0))


def test_a_payout_that_the_bank_shows_late_reconciles_its_batch(shop):
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    paid_on = shop.on
    shop.next_day()
    bad, late, _ = spoilt(shop, "bank_client", faults.OTHER_DAY, 1, paid_on)
    sent(shop, bad, paid_on)

    def states():
        return sql.value("SELECT array_agg(DISTINCT state) FROM settlement_batch WHERE book_id = %s", [shop.book_id])

    assert states() == ["paid"]
    on = shop.on
    shop.next_day()
    files = reconciliation.fetch(desk=shop.desk, on=on)
    sent(shop, {**files, "bank_client": Bill("bank_client", files["bank_client"], 100_00).written(list(late))}, on)
    assert states() == ["reconciled"]


def test_a_break_has_an_owner_a_day_notes_and_evidence_and_its_history_never_changes(shop, as_role):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_trade", faults.MISSING_THERE)
    sent(shop, bad)
    (missing,) = open_breaks(shop)
    assert missing.due_on == DUE + timedelta(days=2), "booked and not there goes first"
    due, content = shop.on + timedelta(days=9), b"a letter of the channel"
    with open_day(replace(shop.desk, by=ALICE), shop.now(15)) as work:
        (past,) = commands.assign_breaks(work=work, assignments=[Assignment(missing.id, "finance", due_on=shop.on - timedelta(days=1))])
        assert isinstance(past, Refused)
        assert past.code == "due_passed"
        one(commands.assign_breaks(work=work, assignments=[Assignment(missing.id, "operator", due_on=due)]))
        one(commands.note_breaks(work=work, notes=[Note(missing.id, " they look into it ")]))
        letter, ticket = Evidence(missing.id, "letter.txt", content, "came by mail"), Evidence(missing.id, "ticket 4711")
        outcomes = commands.prove_breaks(work=work, evidence=[letter, ticket, replace(letter, content=b"x" * (8 * 1024 * 1024 + 1))])
        assert commands.note_breaks(work=work, notes=[Note(missing.id, " ")])[0].code == "text_invalid"
    assert isinstance(outcomes[2], Refused)
    assert outcomes[2].code == "evidence_too_large"
    assert found.breaks_by_id(book_id=shop.book_id, ids=[missing.id])[missing.id].due_on == due
    assigned, noted, kept, referred = found.history(book_id=shop.book_id, break_ids=[missing.id])[missing.id]
    assert (assigned.action, assigned.text, assigned.until, assigned.actor) == ("assigned", "operator", due, "user:alice")
    assert (noted.text, kept.text) == ("they look into it", "came by mail")
    assert (kept.evidence_name, kept.evidence_sha256, kept.has_content) == ("letter.txt", letter.sha256, True)
    assert (referred.evidence_sha256, referred.has_content) == (ticket.sha256, False)
    assert found.evidence(book_id=shop.book_id, break_id=missing.id, no=kept.no) == ("letter.txt", content)
    assert found.evidence(book_id=shop.book_id, break_id=missing.id, no=referred.no) is None
    for attack in ("UPDATE reconciliation_breakevent SET text = ''", "DELETE FROM reconciliation_breakevent"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role("default").execute(attack)
    with pytest.raises(IntegrityError, match="its history says open"), sql.transacting():
        sql.run("UPDATE reconciliation_break SET state = 'closed', closed_on = %s, reason = 'x' WHERE id = %s", [shop.on, missing.id])


def test_lists_ages_and_trends_tell_what_waits_and_for_how_long(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_fund", faults.MISSING_THERE)
    bad |= {"channel_trade": spoilt(shop, "channel_trade", faults.AMOUNT_DIFFERS, 1)[0]["channel_trade"]}
    sent(shop, bad)
    days(shop, 8)
    listed = found.breaks_listed(book_id=shop.book_id, limit=2)
    rest = found.breaks_listed(book_id=shop.book_id, after=listed[-1].id, limit=2)
    assert [b.id for b in [*listed, *rest]] == [b.id for b in open_breaks(shop)]
    assert {b.source for b in found.breaks_listed(book_id=shop.book_id, source="channel_trade")} == {"channel_trade"}
    assert found.breaks_listed(book_id=shop.book_id, overdue_on=DUE) == []
    assert len(found.breaks_listed(book_id=shop.book_id, overdue_on=shop.on, cls="missing_there", owner="finance")) == 2
    ages = found.ages(book_id=shop.book_id, on=DUE + timedelta(days=1), currency="CNY")
    assert [(a.cls, a.since, a.until, a.count, a.amount) for a in ages] == [
        ("amount_differs", 0, 1, 1, yuan("3.00")),
        ("missing_there", 0, 1, 2, yuan("201.20")),
    ]
    assert {(a.since, a.until) for a in found.ages(book_id=shop.book_id, on=DUE + timedelta(days=31), currency="CNY")} == {(31, None)}
    trend = found.trend(book_id=shop.book_id, since=DUE, until=shop.on, currency="CNY")
    assert [(t.source, t.on, t.cls, t.count, t.open) for t in trend] == [
        ("channel_fund", DUE, "missing_there", 2, 2),
        ("channel_trade", DUE, "amount_differs", 1, 1),
    ]
    assert found.trend(book_id=shop.book_id, since=DUE + timedelta(days=1), until=shop.on, currency="CNY") == []
