"""Mandates with the channel: signed without an answer, refused, ended on its side, and told of as events."""

from __future__ import annotations

import pytest

from tests.journeys.test_debits import LIMIT, bought, dying, lived, revoke, run, shop_events, signed, told
from tests.journeys.test_events import wrong_in
from yuefu.errors import Refused
from yuefu.journeys import debits, jobs, mandates
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.commands import NewMandate
from yuefu.payments.rules import MandateResult


def asked(shop, *, key="m", instrument="wallet:1:ok", consumer=None, **more):
    request = NewMandate(key, consumer or shop.consumer(), "wallet", instrument, LIMIT, **more)
    return mandates.sign(desk=shop.desk, now=shop.now(11), requests=[request])[0]


def test_a_signing_without_an_answer_is_asked_for(shop):
    mandate = asked(shop, instrument="wallet:1:sign_unknown")
    assert (mandate.state, mandate.contract) == ("signing", "")
    jobs.poll(shop.desk, shop.now(12))
    stands = payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id]
    assert (stands.state, stands.signed_at, stands.contract != "") == ("active", shop.now(12), True)


def test_a_mandate_that_was_revoked_before_the_answer_came_never_becomes_active(shop):
    mandate = asked(shop, instrument="wallet:1:sign_unknown")
    dying(shop, lambda: revoke(shop, mandate), "revoke")
    (told_late,) = mandates.book(desk=shop.desk, now=shop.now(13), results=[MandateResult(mandate.reference, "active", "n-late")])
    assert (told_late.state, told_late.contract) == ("revoked", "n-late")
    jobs.poll(shop.desk, shop.now(14))
    assert payments.mandates(book_id=shop.book_id, ids=[mandate.id])[mandate.id].told_at == shop.now(14)


def test_a_mandate_that_the_channel_refuses_leaves_room_for_another(shop):
    consumer = shop.consumer()
    refused = asked(shop, consumer=consumer, instrument="wallet:1:sign_refused")
    assert (refused.state, refused.code) == ("failed", "sign_refused")
    assert asked(shop, consumer=consumer, key="m2").state == "active"
    assert asked(shop, consumer=consumer, key="m", instrument="wallet:1:sign_refused").id == refused.id, "the key stands for the first"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "cash"}, "kind_unknown"),
        ({"instrument": "credit_card:1"}, "credit_funded"),
        ({"limit": Money(5, "USD")}, "currency_differs"),
    ],
)
def test_what_can_be_mended_uses_up_no_key(shop, more, code):
    consumer = shop.consumer()
    given = {"kind": "wallet", "instrument": "wallet:1:ok", "limit": LIMIT, **more}
    (refused,) = mandates.sign(desk=shop.desk, now=shop.now(), requests=[NewMandate("k", consumer, **given)])
    assert refused.code == code
    assert asked(shop, consumer=consumer, key="k").state == "active"


def test_nobody_signs_for_a_consumer_of_another_book(shop, other_shop):
    refused = asked(shop, consumer=other_shop.consumer())
    assert isinstance(refused, Refused)
    assert refused.code == "unknown_consumer"


def test_a_mandate_that_the_channel_ends_by_itself_is_lost_with_what_was_planned(shop):
    loan_id, mandate = bought(shop)
    lived(shop, shop.on.replace(day=24))
    ended = MandateResult(mandate.reference, "ended", mandate.contract)
    first, second = mandates.book(desk=shop.desk, now=shop.now(15), results=[ended, ended])
    assert first == second
    assert (first.state, first.code) == ("lost", "mandate_ended")
    (unknown,) = mandates.book(desk=shop.desk, now=shop.now(15), results=[MandateResult("mdt_nobody", "ended")])
    assert unknown.code == "unknown_reference"
    (debit,) = payments.debits_listed(book_id=shop.book_id, loan_id=loan_id)
    assert (debit.debit.state, debit.debit.code, debit.latest.state) == ("cancelled", "mandate_lost", "dropped")
    shop.next_day()
    assert run(shop).sent == 0
    assert len(told(shop, "mandate.lost")) == 1


def test_every_event_of_mandates_and_debits_has_the_one_form_and_no_gap(shop):
    bought(shop)
    _, revoked = bought(shop, "wallet:1:insufficient_funds")
    bought(shop, "wallet:1:account_closed")
    bought(shop, "wallet:1:failed_then_success", until=shop.on.replace(day=26))
    signed(shop, shop.consumer(), "wallet:1:sign_refused")
    lived(shop, shop.on.replace(day=26))
    revoke(shop, revoked)
    lived(shop, shop.on.replace(day=27))
    found = [row for row in shop_events(shop) if row[1] in ("mandate", "debit", "contradiction")]
    assert {
        "mandate.signing", "mandate.active", "mandate.failed", "mandate.revoked", "mandate.lost", "mandate.expired", "debit.planned",
        "debit.announced", "debit.attempted", "debit.failed", "debit.collected", "debit.cancelled", "contradiction.found",
    } <= {row[0] for row in found}  # fmt: skip
    faults, seen = [], {}
    for kind, of, object_id, seq, snapshot, changed in found:
        faults += [] if snapshot["id"] == str(object_id) else [f"{kind} is of another"]
        faults += wrong_in(kind, snapshot) + wrong_in(f"{kind} changed", changed)
        faults += [f"{kind}: {name} is as it was" for name, old in changed.items() if snapshot.get(name) == old]
        assert seq == seen.get((of, object_id), 0) + 1, (kind, seq)
        seen[of, object_id] = seq
    assert not sorted(set(faults))
    assert debits.run(desk=shop.desk, now=shop.now(23)).planned == 0
