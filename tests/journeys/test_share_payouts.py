"""What agents and hosts are owed of fees is paid as merchants are: ordered by two people, by the bank or by file, once whatever becomes of the call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from lxml import etree

from tests.journeys.conftest import Shop, shop_opened
from tests.journeys.test_payout_files import BY_FILE, answer, references, take
from tests.journeys.test_settlement import CutBank, LostCall, at_bank, control
from tests.journeys.test_sharing import live_shop_of, sold
from tests.people import person
from yuefu.errors import Refused, RefusedError, one
from yuefu.ids import IdSource
from yuefu.journeys import payout_files, stopping
from yuefu.journeys import settlement as journey
from yuefu.journeys.desk import open_day
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import PayeeAccountChange
from yuefu.merchants.queries import payee_accounts
from yuefu.payments import queries as payments
from yuefu.payments import rules
from yuefu.payments.commands import payouts as payout_commands
from yuefu.payments.rules import OPERATING_NUMBER, Payout
from yuefu.runtime import policies, sql, stops
from yuefu.runtime.stops import Lift, NewStop
from yuefu.runtime.vault import Vault
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import NewFreeze, SharePayment, ShareRelease
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.queries.shares import ShareBatch

CLOSED_LATER = "6217000009990003"
HOST, AGENT = 30_00, 6_00


@pytest.fixture
def due(vault: Vault, ids: IdSource) -> Shop:
    """A sale of 600.00 was settled: the host is due 30.00 and the agent 6.00. The host's bank sends money back a day later."""
    shop = live_shop_of(shop_opened(vault, ids), vault, host_account=CLOSED_LATER)
    sold(shop)
    shop.next_day()
    shop.settle()
    return shop


def batches(shop: Shop) -> dict[str, ShareBatch]:
    return {one.party: one for one in share_book.batches(book_id=shop.book_id)}


def states(shop: Shop) -> dict[str, str]:
    return {party: one.state for party, one in batches(shop).items()}


def ask(shop: Shop, *parties: str) -> UUID | Refused:
    wanted = tuple(batches(shop)[party].id for party in parties or ("host", "agent"))
    with open_day(replace(shop.desk, by=person("alice")), shop.now()) as work:
        assert not isinstance(work, Refused)
        return settlement.propose_share_release(work=work, release=ShareRelease(wanted, "of this pay day"))


def decide(shop: Shop, asked: UUID | Refused, *, by: str = "bob") -> list[ShareBatch] | Refused | None:
    assert isinstance(asked, UUID), asked
    with open_day(replace(shop.desk, by=person(by)), shop.now()) as work:
        assert not isinstance(work, Refused)
        return settlement.decide_share_release(work=work, approval_id=asked, approve=True, reason="looked at")


def another_account(shop: Shop, party: str, number: str = "6217000000000042", name: str = "李雷") -> UUID | Refused:
    change = PayeeAccountChange(party, batches(shop)[party].payee_id, number, "personal", name, "102100099996", "told by phone")
    with open_day(replace(shop.desk, by=person("alice")), shop.now()) as work:
        assert not isinstance(work, Refused)
        asked = merchants.propose_payee_account(work=work, vault=shop.desk.vault, change=change)
    if isinstance(asked, Refused):
        return asked
    with open_day(replace(shop.desk, by=person("bob")), shop.now()) as work:
        assert not isinstance(work, Refused)
        done = merchants.decide_payee_account(work=work, approval_id=asked, approve=True, reason="called back")
        assert done is not None
        return done


def test_shares_leave_own_money_once_two_people_say_so_and_are_found_at_the_bank(due: Shop) -> None:
    own, client = at_bank(due)
    due.settle()
    assert (states(due), at_bank(due)) == ({"host": "due", "agent": "due"}, (own, client))
    asked = ask(due)
    assert isinstance(decide(due, asked, by="alice"), Refused)
    decide(due, asked)
    assert states(due) == {"host": "scheduled", "agent": "scheduled"}
    assert (control(due, "host_share"), control(due, "agent_share")) == (-HOST, -AGENT)
    due.prove()
    due.settle()
    due.settle()
    assert states(due) == {"host": "paid", "agent": "paid"}
    assert (control(due, "host_share"), control(due, "agent_share")) == (0, 0)
    assert at_bank(due) == (own - HOST - AGENT, client)
    assert isinstance(ask(due, "agent"), Refused)
    due.prove()
    due.next_day()
    due.reconcile()
    assert states(due)["agent"] == "reconciled"


def test_of_two_requests_for_a_batch_one_pays_it(due: Shop) -> None:
    one, two = ask(due, "agent"), ask(due, "agent", "host")
    outcomes = due.at_once(lambda: decide(due, one), lambda: decide(due, two))
    refused = [o for o in outcomes if isinstance(o, RefusedError)]
    assert [o.refused.code for o in refused] == ["not_due"], outcomes
    assert sql.rows(
        "SELECT count(*) FROM payments_payout WHERE book_id = %s AND batch_id = %s", [due.book_id, batches(due)["agent"].id]
    ) == [(1,)]
    due.settle()
    due.prove()


def test_a_payout_of_shares_whose_answer_is_lost_is_asked_for_and_paid_once(due: Shop) -> None:
    own, _ = at_bank(due)
    decide(due, ask(due, "agent"))
    whole, due.desk = due.desk, replace(due.desk, bank=CutBank(due.desk.book))
    with suppress(LostCall):
        due.settle()
    due.desk = whole
    due.settle()
    (payout,) = payments.payouts_of_batches(batch_ids=[batches(due)["agent"].id])[batches(due)["agent"].id]
    assert (payout.state, states(due)["agent"]) == ("sent", "scheduled")
    due.poll_payouts()
    due.poll_payouts()
    assert (states(due)["agent"], at_bank(due)[0]) == ("paid", own - AGENT)
    due.prove()


def test_what_comes_back_is_owed_again_and_goes_to_another_account(due: Shop, vault: Vault) -> None:
    decide(due, ask(due, "host"))
    due.settle()
    assert states(due)["host"] == "paid"
    due.next_day()
    due.poll_payouts()
    due.poll_payouts()
    back = batches(due)["host"]
    assert (back.state, back.reason, control(due, "host_share")) == ("returned", "beneficiary_account_closed", -HOST)
    due.prove()
    refused = ask(due, "host")
    assert isinstance(refused, Refused)
    assert refused.code == "account_flagged"
    for wrong, code in (
        ({"name": "韩梅梅"}, "holder_differs"),
        ({"number": "6222000000000001"}, "account_of_merchant"),
        ({"number": "7"}, "account_invalid"),
    ):
        refused = another_account(due, "host", **wrong)
        assert isinstance(refused, Refused)
        assert refused.code == code
    assert isinstance(another_account(due, "host"), UUID)
    decide(due, ask(due, "host"))
    due.settle()
    first, second = payments.payouts_of_batches(batch_ids=[back.id])[back.id]
    assert ((first.state, second.state), batches(due)["host"].state, control(due, "host_share")) == (("returned", "paid"), "paid", 0)
    versions = payee_accounts.versions(book_id=due.book_id, payee_id=back.payee_id)
    assert [(one.id, one.masked[-4:]) for one in versions] == [(first.account_id, "0003"), (second.account_id, "0042")]
    due.prove()


def test_what_came_back_may_be_paid_outside(due: Shop) -> None:
    decide(due, ask(due, "host"))
    due.settle()
    due.next_day()
    due.poll_payouts()
    batch = batches(due)["host"]

    def outside(reference: str) -> UUID | Refused:
        with open_day(replace(due.desk, by=person("alice")), due.now()) as work:
            assert not isinstance(work, Refused)
            return settlement.propose_share_payments(work=work, payments=[SharePayment(batch.id, reference, "by hand")])[0]

    assert isinstance(outside(batch.reference), Refused), "the bank knows another payment by this"
    asked = outside("BK-9")
    assert isinstance(asked, UUID)
    with open_day(replace(due.desk, by=person("bob")), due.now()) as work:
        assert not isinstance(work, Refused)
        settlement.decide_share_payment(work=work, approval_id=asked, approve=True, reason="seen")
    assert (batches(due)["host"].state, batches(due)["host"].payout_id, control(due, "host_share")) == ("paid", None, 0)
    due.poll_payouts()  # the payout that came back says nothing of it any more
    assert batches(due)["host"].state == "paid"
    due.prove()


def test_what_was_told_to_be_paid_outside_is_not_paid_again_before_that_is_decided(due: Shop) -> None:
    batch = batches(due)["host"]
    before = ask(due, "host")
    with open_day(replace(due.desk, by=person("alice")), due.now()) as work:
        assert not isinstance(work, Refused)
        told = one(settlement.propose_share_payments(work=work, payments=[SharePayment(batch.id, "BK-9", "by payroll")]))
    refused = ask(due, "host", "agent")
    assert isinstance(refused, Refused)
    assert refused.code == "waits_for_approval"
    with pytest.raises(RefusedError, match="waits_for_approval"):
        decide(due, before)
    free, why = settlement.releasable(book_id=due.book_id)
    assert (free, why) == ([batches(due)["agent"].id], {batch.id: "waits_for_approval"})
    with open_day(replace(due.desk, by=person("bob")), due.now()) as work:
        assert not isinstance(work, Refused)
        settlement.decide_share_payment(work=work, approval_id=told, approve=False, reason="it was not")
    decide(due, before)
    due.settle()
    assert states(due) == {"host": "paid", "agent": "due"}


def test_payees_who_wait_for_own_money_take_up_no_place_of_merchants(due: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(due, ask(due))
    sold(due, channel="online", host="")
    stopping.impose(desk=due.desk, now=due.now(), wanted=[NewStop("halt", stopping.PAYOUTS, "", "", "alarm")])
    due.next_day()
    due.settle()
    stopping.lift(desk=due.desk, now=due.now(9), lifts=[Lift(stops.in_force(book_id=due.book_id, now=due.now(9))[0].id, "over")])
    monkeypatch.setattr(payout_commands, "kept_for_merchants", lambda work: 10**15)
    (sent,) = journey.send_payouts(desk=due.desk, now=due.now(11), limit=1)
    assert (sent.merchant_id, states(due)) == (due.merchants[2], {"host": "scheduled", "agent": "scheduled"})


def test_a_funder_has_not_the_account_of_an_agent(due: Shop) -> None:
    change = PayeeAccountChange(
        "funder", batches(due)["agent"].payee_id, "6217000000000042", "corporate", "Harbour", "102100099996", "typed"
    )
    with open_day(replace(due.desk, by=person("alice")), due.now()) as work:
        assert not isinstance(work, Refused)
        refused = merchants.propose_payee_account(work=work, vault=due.desk.vault, change=change)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("unknown_payee", "payee")


def test_a_stop_of_payouts_is_one_of_shares_too(due: Shop) -> None:
    decide(due, ask(due, "agent"))
    stopping.impose(desk=due.desk, now=due.now(), wanted=[NewStop("halt", stopping.PAYOUTS, "", "", "alarm")])
    due.settle()
    due.poll_payouts()
    assert states(due)["agent"] == "scheduled"


@pytest.fixture
def ordered(vault: Vault, ids: IdSource) -> Shop:
    """As `due`, but a stop keeps the merchant's money from the bank, and the agent's 6.00 are ordered."""
    shop = live_shop_of(shop_opened(vault, ids), vault)
    sold(shop)
    shop.next_day()
    stopping.impose(
        desk=shop.desk, now=shop.now(), wanted=[NewStop("look", stopping.PAYOUTS, "merchant", str(shop.merchants[2]), "a look")]
    )
    shop.settle()
    decide(shop, ask(shop, "agent"))
    return shop


def frozen(shop: Shop) -> UUID:
    wanted = NewFreeze(shop.merchants[2], None, shop.on + timedelta(days=30), "asked by the police")
    with open_day(replace(shop.desk, by=person("alice")), shop.now()) as work:
        assert not isinstance(work, Refused)
        asked = settlement.propose_freeze(work=work, wanted=wanted)
    assert isinstance(asked, UUID), asked
    with open_day(replace(shop.desk, by=person("bob")), shop.now()) as work:
        assert not isinstance(work, Refused)
        made = settlement.decide_freeze(work=work, approval_id=asked, approve=True, reason="the letter is true")
    assert isinstance(made, UUID), made
    return made


def test_what_is_frozen_between_looking_and_sending_keeps_its_shares(ordered: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    own, _ = at_bank(ordered)
    look = journey.payouts_waiting

    def then_frozen(**asked: Any) -> list[Payout]:
        found = look(**asked)
        if asked["pays"] == "payees":
            monkeypatch.undo()
            frozen(ordered)
        return found

    monkeypatch.setattr(journey, "payouts_waiting", then_frozen)
    ordered.settle()
    ordered.poll_payouts()
    assert (states(ordered)["agent"], at_bank(ordered)[0]) == ("scheduled", own)
    ordered.prove()


def test_what_is_frozen_while_a_file_is_made_keeps_its_shares_out_of_it(ordered: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_day(ordered.desk, ordered.now()) as work:
        assert not isinstance(work, Refused)
        policies.establish(work=work, name=rules.PAYOUTS, value=BY_FILE, valid_from=work.day.on)
    look = journey.payouts_waiting

    def then_frozen(**asked: Any) -> list[Payout]:
        found = look(**asked)
        monkeypatch.undo()
        ordered.at_once(lambda: frozen(ordered))
        return found

    monkeypatch.setattr(journey, "payouts_waiting", then_frozen)
    refused = payout_files.export(desk=ordered.desk, now=ordered.now(11), pays="payees")
    assert isinstance(refused, Refused)
    assert (refused.code, states(ordered)["agent"]) == ("nothing_to_export", "scheduled")


def test_payees_have_a_file_of_their_own_whose_answer_their_batches_follow(due: Shop) -> None:
    with open_day(due.desk, due.now()) as work:
        assert not isinstance(work, Refused)
        policies.establish(work=work, name=rules.PAYOUTS, value=BY_FILE, valid_from=work.day.on)
    decide(due, ask(due))
    due.settle()
    refused = payout_files.export(desk=due.desk, now=due.now(11))
    assert isinstance(refused, Refused)
    assert refused.code == "nothing_to_export", "shares are not in a file to merchants"
    exported = payout_files.export(desk=due.desk, now=due.now(11), pays="payees", pay_on=due.on)
    assert not isinstance(exported, Refused), exported
    made, content = exported
    tree = etree.fromstring(content)
    assert (made.count, made.total.minor, tree.findtext(".//{*}DbtrAcct//{*}Id/{*}Othr/{*}Id")) == (2, HOST + AGENT, OPERATING_NUMBER)
    due.poll_payouts()
    assert states(due) == {"host": "scheduled", "agent": "scheduled"}
    assert not isinstance(payout_files.cancel(desk=due.desk, now=due.now(12), file_id=made.id, reason="lost"), Refused)
    again = payout_files.export(desk=due.desk, now=due.now(13), pays="payees")
    assert not isinstance(again, Refused), again
    assert references(again[1]) == references(content), "a bank that was given both knows the second"
    made, content = again
    known = {one.reference: party for party, one in batches(due).items()}
    told = [(r, "RJCT" if known[r] == "host" else "ACSC", "AC04" if known[r] == "host" else "", None) for r in references(content)]
    assert not isinstance(take(due, answer(made, told)), Refused)
    assert (states(due), batches(due)["host"].reason) == ({"host": "returned", "agent": "paid"}, "bank_ac04")
    assert payee_accounts.flagged(book_id=due.book_id) == [batches(due)["host"].payee_id]
    assert (control(due, "host_share"), control(due, "agent_share")) == (-HOST, 0)
    due.prove()


def test_the_tables_take_no_step_that_nobody_approved(due: Shop, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]) -> None:
    decide(due, ask(due, "agent"))
    host, agent = batches(due)["host"], batches(due)["agent"]
    approval = sql.value("SELECT approval_id FROM settlement_share_batch WHERE id = %s", [agent.id])
    stolen = (
        f"state = 'scheduled', version = 2, payout_id = '{agent.payout_id}', reference = '{agent.reference}', approval_id = '{approval}'"
    )
    for attack, error in (
        (stolen, psycopg.errors.CheckViolation),
        ("state = 'paid', version = 2, reference = 'x'", psycopg.errors.CheckViolation),
        ("state = 'accrued'", psycopg.errors.CheckViolation),
        ("due_minor = 1", psycopg.errors.InsufficientPrivilege),
    ):
        with as_role("default") as connection, pytest.raises(error):
            connection.execute(f"UPDATE settlement_share_batch SET {attack} WHERE id = %s", [host.id])
    with as_role("default") as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(
            "INSERT INTO payments_payout (id, book_id, reference, money_account_id, batch_id, amount_minor, currency, provider_id, state, failure_code,"
            " ordered_at, party, payee_id) SELECT gen_random_uuid(), book_id, 'x', (SELECT id FROM payments_money_account m WHERE m.book_id = b.book_id"
            " AND code = 'client'), id, 1, 'CNY', '', 'scheduled', '', now(), party, payee_id FROM settlement_share_batch b WHERE id = %s",
            [host.id],
        )
