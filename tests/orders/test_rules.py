"""What may be done with an order: every step from every state, and what amounts add up to."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.money.amounts import Money
from yuefu.orders import rules
from yuefu.orders.rules import Order

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)
ON = date(2026, 10, 12)
_ids = IdSource(random.Random(3).getrandbits)


def new():
    return _ids.new(NOW)


def yuan(minor):
    return Money(minor, "CNY")


def order(authorised=600_00, **changes) -> Order:
    made = Order(
        id=new(),
        merchant_id=new(),
        consumer_id=new(),
        credit_account_id=new(),
        merchant_reference="R",
        product_id=new(),
        product="free",
        channel="online",
        currency="CNY",
        amount=600_00,
        authorised=authorised,
        captured=0,
        released=0,
        refunded=0,
        periods=3,
        state="authorised" if authorised else "declined",
        expires_at=NOW + timedelta(days=7),
        first_due_on=date(2026, 10, 25),
        due_day=25,
        annual_rate_ppm=0,
        day_count="act/365",
        rule_version="2026-1",
        shown_total=600_00,
        shown_instalment=200_00,
        disclosure_id=new(),
        quote_id=new(),
        quote_shown_to=new(),
        decision_id=new(),
        seq=1,
        placed_on=NOW.date(),
    )
    return replace(made, **changes)


def captured(one, minor, *, now=NOW, on=ON):
    done = rules.capture(one, yuan(minor) if minor else None, new(), now, on)
    return done if isinstance(done, Refused) else done[0]


def test_a_step_names_the_state_it_leads_to():
    start = order()
    part = captured(start, 200_00)
    whole = captured(part, 0)
    voided, _ = rules.release(start, "voided", NOW)
    expired, _ = rules.release(start, "expired", NOW + timedelta(days=8))
    rest, _ = rules.release(part, "voided", NOW)
    taken_back, _ = rules.refund(whole, yuan(1))
    all_back, _ = rules.refund(taken_back, None)
    states = [one.state for one in (start, part, whole, voided, expired, rest, taken_back, all_back)]
    assert states == ["authorised", "part_captured", "captured", "voided", "expired", "captured", "part_refunded", "refunded"]


def test_an_order_refunded_whole_of_which_more_can_be_captured_is_not_over():
    one, _ = rules.refund(captured(order(), 200_00), None)
    assert (one.state, one.remaining) == ("part_refunded", 400_00)
    assert rules.release(one, "voided", NOW)[0].state == "refunded"


@pytest.mark.parametrize(
    ("change", "asked", "code"),
    [
        ({}, 600_01, "capture_exceeds_authorised"),
        ({}, 2, "capture_too_small"),
        ({}, -1, "amount_not_positive"),
        ({"authorised": 0, "state": "declined"}, 1_00, "order_declined"),
        ({"released": 600_00, "state": "voided"}, 1_00, "nothing_left_to_capture"),
        ({"expires_at": NOW}, 1_00, "authorisation_expired"),
        ({"first_due_on": ON}, 1_00, "calendar_passed"),
        ({"currency": "EUR"}, 1_00, "other_currency"),
    ],
)
def test_a_capture_that_cannot_be_is_refused_with_its_reason(change, asked, code):
    assert captured(order(**change), asked).code == code


def test_what_is_not_there_is_refused():
    assert captured(None, 1_00).code == "unknown_order"
    assert rules.release(None, "voided", NOW).code == "unknown_order"
    assert rules.refund(None, None).code == "unknown_order"
    assert rules.release(captured(order(), 0), "voided", NOW).code == "nothing_left_to_capture"
    assert rules.release(order(), "expired", NOW).code == "not_expired"
    assert rules.refund(order(), None).code == "refund_exceeds_captured"
    assert rules.refund(captured(order(), 100_00), yuan(0)).code == "amount_not_positive"


steps = st.lists(st.tuples(st.sampled_from(["capture", "refund", "void"]), st.one_of(st.none(), st.integers(-5, 700_00))), max_size=12)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_no_way_through_an_order_breaks_its_sums(given_steps):
    one = order()
    for verb, minor in given_steps:
        amount = None if minor is None else yuan(minor)
        if verb == "capture":
            done = rules.capture(one, amount, new(), NOW, ON)
        elif verb == "refund":
            done = rules.refund(one, amount)
        else:
            done = rules.release(one, "voided", NOW)
        if isinstance(done, Refused):
            continue
        before, one = one, done[0]
        assert one.seq == before.seq + 1
        assert 0 <= one.refunded <= one.captured
        assert one.captured + one.released + one.remaining == one.authorised
        assert one.remaining >= 0
        assert sum(c.amount for c in one.captures) == one.captured
        assert sum(c.refunded for c in one.captures) == one.refunded
        assert all(0 <= c.refunded <= c.amount for c in one.captures)
        if verb == "refund":
            assert sum(part.amount.minor for part in done[1]) == one.refunded - before.refunded
