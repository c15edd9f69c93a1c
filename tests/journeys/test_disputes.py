"""A consumer contests an order: the merchant answers in time or has lost, the platform rules, whoever lost may appeal, and only a loss moves money."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journeys.test_events import wrong_in
from yuefu.aftersales.queries import disputes as queries
from yuefu.aftersales.queries import files as file_book
from yuefu.aftersales.rules import disputes as rules
from yuefu.aftersales.rules import files as file_rules
from yuefu.aftersales.rules.disputes import DEFAULT_POLICY, STEPS, Dispute
from yuefu.errors import Refused
from yuefu.journeys import disputes, set_aside
from yuefu.journeys.disputes import EvidenceRequest, FileRequest, OpenRequest, StepRequest
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.runtime import quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.settlement import queries as settlement

GIVEN = rules.policy(DEFAULT_POLICY)
UUID_, START, NOW = UUID(int=1), date(2026, 10, 12), datetime(2026, 10, 12, tzinfo=UTC)


def opened(shop, order_id, reason="goods_not_received", amount=None, key="D"):
    money = Money.parse(amount, "CNY") if amount else None
    (found,) = disputes.begin(desk=shop.desk, now=shop.now(), requests=[OpenRequest(key, order_id, reason, "never came", money)])
    return found


def step(shop, dispute, name, *, merchant=True, key=None):
    whose = dispute.merchant_id if merchant else None
    asked = StepRequest(key or f"{name}:{dispute.id}:{shop.on}", whose, dispute.id, name)
    (found,) = disputes.take(desk=shop.desk, now=shop.now(), requests=[asked])
    return found


def prove_it(shop, dispute, key="E", text="signed for by the neighbour", file_id=None):
    asked = EvidenceRequest(key, dispute.merchant_id, dispute.id, "delivery", text, file_id)
    (found,) = disputes.add_evidence(desk=shop.desk, now=shop.now(), requests=[asked])
    return found


def now_is(dispute):
    with sql.snapshot():
        return queries.seen(ids=[dispute.id])[dispute.id]


def code(outcome):
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def test_what_is_ruled_lost_twice_goes_back_as_a_charge_back(lived_shop):
    shop = lived_shop
    got = shop.bought("600.00")
    dispute = opened(shop, got.order_id)
    assert (dispute.state, dispute.amount, dispute.due_on) == ("initiated", Money.parse("600.00", "CNY"), shop.on + timedelta(days=21))
    assert code(opened(shop, got.order_id, key="again")) == rules.DISPUTE_OPEN
    assert code(step(shop, dispute, "submit")) == rules.NO_EVIDENCE
    prove_it(shop, dispute)
    assert step(shop, dispute, "submit", key="S").state == "representment"
    assert step(shop, dispute, "submit", key="S").state == "representment"  # The same request again.
    assert code(step(shop, dispute, "rule_lost")) == rules.NOT_POSSIBLE  # The merchant does not rule.
    assert step(shop, dispute, "rule_lost", merchant=False).state == "pre_arbitration"
    assert now_is(dispute).due_on == shop.on + timedelta(days=10)
    assert code(step(shop, dispute, "appeal_of_consumer", merchant=False)) == rules.NOT_POSSIBLE
    assert step(shop, dispute, "appeal").state == "arbitration"
    shop.prove()
    assert orders.orders([got.order_id])[got.order_id].refunded == 0
    assert step(shop, dispute, "rule_lost", merchant=False, key="final").state == "closed"
    ended = now_is(dispute)
    assert (ended.outcome, ended.ruling, ended.refunded) == ("lost", "lost", dispute.amount)
    (share,) = orders.refunds_of([got.order_id])
    assert share.refund_id == ended.refund_id
    items = settlement.items_of_sources(book_id=shop.book_id, sources=[("refund", share.id)])
    assert items["refund", share.id].event == "charge_back"
    assert not any(row.unpaid for row in loan_book.on_book([got.loan_id], shop.on, book_id=shop.book_id)[got.loan_id].rows)
    assert [one.state for one in queries.steps(dispute_ids=[dispute.id])[dispute.id]] == [
        "initiated", "representment", "pre_arbitration", "arbitration", "closed",
    ]  # fmt: skip
    assert code(step(shop, dispute, "accept")) == rules.NOT_POSSIBLE
    events = sql.rows(
        "SELECT type, snapshot, changed, key FROM runtime_outbox WHERE book_id = %s AND object_kind = 'dispute' ORDER BY seq",
        [shop.book_id],
    )
    assert [one[0].removeprefix("dispute.") for one in events] == ["opened", "submitted", "ruled", "appealed", "lost"]
    assert not [fault for kind, snapshot, changed, _ in events for fault in wrong_in(kind, snapshot) + wrong_in(kind, changed)]
    assert [one[3] for one in events][::4] == ["D", "final"]
    shop.prove()


def test_who_does_not_answer_in_time_has_lost_and_the_close_says_so(lived_shop):
    shop = lived_shop
    silent, in_time, conceded, withdrawn = (shop.bought(amount).order_id for amount in ("300.00", "400.00", "500.00", "700.00"))
    found = {order: opened(shop, order, "unauthorised", key=str(order)) for order in (silent, in_time, conceded, withdrawn)}
    prove_it(shop, found[in_time])
    step(shop, found[in_time], "submit")
    shop.refund(conceded, "100.00")
    step(shop, found[conceded], "accept")
    step(shop, found[withdrawn], "withdraw", merchant=False)
    assert now_is(found[withdrawn]).outcome == "won"
    assert now_is(found[conceded]).refunded == Money.parse("400.00", "CNY")  # What is left of it: the rest was refunded before.
    shop.until(shop.on + timedelta(days=7))
    assert now_is(found[silent]).state == "initiated"
    shop.next_day()
    ended = now_is(found[silent])
    assert (ended.outcome, ended.closed_by, ended.closed_on) == ("lost", "pass", shop.on)
    assert code(prove_it(shop, found[silent], key="late")) == rules.NOT_POSSIBLE
    assert now_is(found[in_time]).state == "representment"
    step(shop, found[in_time], "rule_won", merchant=False)
    shop.until(shop.on + timedelta(days=11))
    assert (now_is(found[in_time]).outcome, now_is(found[in_time]).refunded.minor) == ("won", 0)
    assert disputes.pass_days(desk=shop.desk, now=shop.now()) == 0
    shop.prove()


def test_one_that_cannot_be_closed_holds_up_none_behind_it(lived_shop, monkeypatch):
    shop, given_back = lived_shop, disputes._given_back
    monkeypatch.setattr(disputes, "AT_ONCE", 1)
    monkeypatch.setattr(rules, "answer_by", lambda _reason, on, _given: on + timedelta(days=1))
    both = [opened(shop, shop.bought("300.00").order_id, key=key) for key in ("one", "other")]
    stuck, behind = sorted(both, key=lambda one: one.id)

    def refused_of_one(work, step_id, dispute):
        if dispute.id == stuck.id:
            raise disputes._No(Refused("loan_busy", "not now"))
        return given_back(work, step_id, dispute)

    monkeypatch.setattr(disputes, "_given_back", refused_of_one)
    shop.until(shop.on + timedelta(days=2))
    disputes.pass_days(desk=shop.desk, now=shop.now())
    assert (now_is(stuck).state, now_is(behind).outcome) == ("initiated", "lost")


@pytest.mark.parametrize(
    ("command", "broken"),
    [("dispute.open", "open_disputes"), ("dispute.evidence", "add_evidence"), ("dispute.step", "take_step")],
)
def test_what_breaks_is_set_aside_and_sent_again(shop, monkeypatch, command, broken):
    order_id = shop.bought("300.00").order_id
    dispute = None if command == "dispute.open" else opened(shop, order_id)

    def act():
        if dispute is None:
            return opened(shop, order_id)
        return prove_it(shop, dispute) if command == "dispute.evidence" else step(shop, dispute, "accept")

    def breaks(**given):
        raise ZeroDivisionError(broken)

    with monkeypatch.context() as patch:
        patch.setattr(disputes.commands, broken, breaks)
        assert isinstance(act(), Quarantined)
        assert orders.orders([order_id])[order_id].refunded == 0, "nothing of it stays"
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    assert aside.command == command
    (done,) = set_aside.retry(desk=shop.desk, now=shop.now(14), quarantine_ids=[aside.id])
    assert done.outcome == act(), "the same request by whoever sends it"
    shop.prove()


def test_nobody_adds_to_or_steps_in_the_dispute_of_another_merchant(shop):
    dispute = opened(shop, shop.bought("300.00").order_id)
    stranger = replace(dispute, merchant_id=shop.merchants[1])
    assert code(prove_it(shop, stranger)) == code(step(shop, stranger, "accept")) == rules.UNKNOWN_DISPUTE
    file = kept(shop, b"%PDF-1.7 waybill", merchant=1)
    assert code(prove_it(shop, dispute, file_id=file.id)) == rules.UNKNOWN_FILE
    with sql.reading(merchant_id=shop.merchants[1]):
        assert not queries.seen(ids=[dispute.id])
        assert not queries.steps(dispute_ids=[dispute.id])
    with pytest.raises(psycopg.errors.ForeignKeyViolation), sql.transacting():
        sql.run(
            "INSERT INTO aftersales_dispute_evidence (id, book_id, dispute_id, merchant_id, kind, text, recorded_by, recorded_at)"
            " VALUES (gen_random_uuid(), %s, %s, %s, 'other', 'x', 'x', now())",
            [shop.book_id, dispute.id, shop.merchants[1]],
        )


def test_what_ended_stays_as_it_ended_whoever_writes(shop):
    dispute = opened(shop, shop.bought("300.00").order_id)
    step(shop, dispute, "withdraw", merchant=False)
    for change in ("state = 'initiated', outcome = '', closed_by = '', closed_on = NULL, no = no + 1", "outcome = 'lost', no = no + 1"):
        with pytest.raises(psycopg.errors.CheckViolation), sql.transacting():
            sql.run(f"UPDATE aftersales_dispute SET {change} WHERE id = %s", [dispute.id])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), sql.transacting():
        sql.run("UPDATE aftersales_dispute SET amount_minor = 1 WHERE id = %s", [dispute.id])


def kept(shop, content, *, merchant=0, key="F", name="waybill.pdf"):
    asked = FileRequest(key, shop.merchants[merchant], "dispute_evidence", name, sha256(content).digest(), content)
    (found,) = disputes.keep_files(desk=shop.desk, now=shop.now(), requests=[asked])
    return found


def test_a_file_is_sealed_and_opened_for_its_merchant_alone(shop):
    content = "收货人已签收\n".encode()
    file = kept(shop, content)
    assert (file.content_type, file.size, file.sha256) == ("text/plain; charset=utf-8", len(content), sha256(content).digest())
    assert kept(shop, content) == file
    assert code(kept(shop, b"other")) == "key_reused"
    vault = shop.desk.vault
    with sql.reading(merchant_id=shop.merchants[0]):
        assert file_book.content(file_id=file.id, vault=vault) == content
        assert content not in bytes(sql.value("SELECT sealed FROM aftersales_file WHERE id = %s", [file.id]))
    with sql.reading(merchant_id=shop.merchants[1]):
        assert file_book.content(file_id=file.id, vault=vault) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"%PDF-1.4", "application/pdf"), (b"\x89PNG\r\n\x1a\n..", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("签收".encode(), "text/plain; charset=utf-8"), (b"\xef\xbb\xbfa\tb\r\n", "text/plain; charset=utf-8"), (b"", file_rules.FILE_EMPTY),
        (b"MZ\x90\x00", file_rules.FILE_UNREADABLE), (b"\xff\xfea\x00", file_rules.FILE_UNREADABLE), (b"a\x1b[2J", file_rules.FILE_UNREADABLE),
        (b"a" * (file_rules.LARGEST + 1), file_rules.FILE_TOO_LARGE),
    ],
)  # fmt: skip
def test_a_file_is_what_its_bytes_say(content, found):
    told = file_rules.content_type(content)
    assert (told.code if isinstance(told, Refused) else told) == found


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 12)), max_size=12), st.sampled_from(rules.REASONS))
def test_whatever_is_tried_a_dispute_goes_forward_ends_once_and_nobody_rules_for_both(tries, reason):
    on = day = START
    dispute = Dispute(
        *(UUID_, 1, UUID_, UUID_, UUID_, reason, "x", Money(100, "CNY"), "initiated", rules.answer_by(reason, on, GIVEN), None, "", "", ""),
        *(None, on, NOW, None, Money.zero("CNY")),
    )
    for name, days in tries:
        day += timedelta(days=days)
        after = rules.take(dispute, name, on=day, given=GIVEN, evidence=1)
        if isinstance(after, Refused):
            continue
        assert dispute.state != "closed"
        assert rules.STATES.index(after.state) > rules.STATES.index(dispute.state)
        assert (after.no, after.ruling or dispute.ruling) == (dispute.no + 1, after.ruling)
        assert (after.state == "closed") == bool(after.outcome) == bool(after.closed_on)
        assert name != "submit" or day <= dispute.answer_by
        assert name != "pass" or after.outcome == (dispute.ruling or "lost")
        dispute = after
