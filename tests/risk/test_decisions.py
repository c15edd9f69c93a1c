"""The decision on an order: who is approved, who is declined and why, and what is kept of it."""

from dataclasses import replace
from datetime import date
from itertools import combinations
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import one
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.risk import commands as risk
from yuefu.risk import queries
from yuefu.risk.commands import Decided, NewMark
from yuefu.risk.rules import wording
from yuefu.risk.rules.decision import MOST_REASONS, PRECEDENCE, Decision, Features, decide, policy
from yuefu.runtime import sql

SETTING = {"min_age": 18, "max_age": 70, "students_blocked": True, "max_overdue_days": 0, "max_overdue_minor": 0}
FAST = {"max_orders_1h": 3, "max_orders_24h": 5, "max_amount_24h_minor": 1_000_000}
POLICY = policy(3, SETTING | FAST)
FINE = Features(
    consumer_id=UUID(int=1),
    merchant_id=UUID(int=2),
    amount=Money(199_900, "CNY"),
    periods=3,
    age_years=18,
    is_student=False,
    consumer_state="active",
    credit_state="active",
    limit=Money(500_000, "CNY"),
    exposure=Money(300_100, "CNY"),
    overdue_days=0,
    overdue=Money(0, "CNY"),
    duplicate_of=None,
    merchant_state="active",
    product_state="published",
)
GROUNDS = {
    "new_credit_stopped": {"new_credit_stopped": True},
    "product_stopped": {"product_stopped": True},
    "funder_stopped": {"funder_stopped": True},
    "merchant_stopped": {"merchant_stopped": True},
    "channel_stopped": {"channel_stopped": True},
    "product_not_offered": {"product_state": "retired"},
    "merchant_suspended": {"merchant_state": "suspended"},
    "under_age": {"age_years": 17},
    "over_age": {"age_years": 71},
    "student": {"is_student": True},
    "consumer_closed": {"consumer_state": "closed"},
    "suspected_fraud": {"suspected_fraud": True},
    "under_review": {"under_review": True},
    "no_credit_account": {"credit_state": None},
    "account_frozen": {"credit_state": "frozen"},
    "overdue": {"overdue_days": 1},
    "velocity": {"orders_1h": 3},
    "duplicate": {"duplicate_of": UUID(int=9)},
    "limit": {"exposure": Money(300_101, "CNY")},
}


def test_an_order_at_every_border_is_approved():
    assert decide(FINE, POLICY) == Decision("approved", (), 3)
    assert decide(replace(FINE, age_years=70), POLICY).approved


@pytest.mark.parametrize(
    ("seen", "most"), [("orders_1h", "max_orders_1h"), ("orders_24h", "max_orders_24h"), ("amount_24h_minor", "max_amount_24h_minor")]
)
def test_each_velocity_has_a_maximum_of_its_own_and_none_where_it_is_left_out(seen, most):
    just, too_much = replace(FINE, **{seen: FAST[most] - 1}), replace(FINE, **{seen: FAST[most]})
    assert decide(just, POLICY).approved
    assert decide(too_much, POLICY).reasons == ("velocity",)
    without = {name: value for name, value in FAST.items() if name != most}
    assert decide(too_much, policy(3, SETTING | without)).approved
    for wrong in (-1, True, "3", None, 1.5):
        with pytest.raises(ValueError, match=r"risk\.policy"):
            policy(3, SETTING | {most: wrong})


@pytest.mark.parametrize("code", list(GROUNDS))
def test_each_ground_alone_declines_with_its_own_reason(code):
    assert decide(replace(FINE, **GROUNDS[code]), POLICY) == Decision("declined", (code,), 3)


def test_every_reason_has_its_ground_here_and_a_text_in_both_languages():
    assert set(GROUNDS) == set(PRECEDENCE) == set(wording.REASONS)
    assert all(wording.text(code, "zh") != wording.text(code, "en") for code in PRECEDENCE)


def test_two_reasons_stand_in_order_of_precedence():
    for first, second in combinations(PRECEDENCE, 2):
        features = replace(FINE, **(GROUNDS[first] | GROUNDS[second]))
        if {first, second} not in ({"under_age", "over_age"}, {"no_credit_account", "account_frozen"}, {"no_credit_account", "limit"}):
            assert decide(features, POLICY).reasons == (first, second)


def test_at_most_four_reasons_are_given():
    features = replace(FINE, **(GROUNDS["under_age"] | GROUNDS["student"] | GROUNDS["overdue"] | GROUNDS["duplicate"] | GROUNDS["limit"]))
    assert decide(features, POLICY).reasons == ("under_age", "student", "overdue", "duplicate")


def test_an_amount_overdue_counts_without_a_day_and_the_tolerance_is_the_policys():
    owing = replace(FINE, overdue_days=2, overdue=Money(100, "CNY"))
    assert decide(owing, policy(4, SETTING | {"max_overdue_days": 2, "max_overdue_minor": 100})).approved
    assert decide(replace(FINE, overdue=Money(1, "CNY")), POLICY).reasons == ("overdue",)
    assert decide(replace(FINE, is_student=True), policy(4, SETTING | {"students_blocked": False})).approved


@settings(max_examples=80)
@given(st.sets(st.sampled_from(list(GROUNDS))))
def test_a_decision_is_the_same_every_time_and_explained_exactly_when_it_declines(codes):
    features = FINE
    for code in sorted(codes):
        features = replace(features, **GROUNDS[code])
    decision = decide(features, POLICY)
    assert decision == decide(features, POLICY)
    assert decision.approved == (not codes) == (not decision.reasons)
    assert len(decision.reasons) <= MOST_REASONS
    assert set(decision.reasons) <= codes


@pytest.mark.parametrize(
    "change",
    [
        {"min_age": "18"},
        {"min_age": True},
        {"students_blocked": 1},
        {"min_age": 0},
        {"max_age": 17},
        {"max_overdue_days": -1},
        {"surprise": 1},
    ],
)
def test_a_policy_with_a_wrong_or_unknown_value_is_not_read(change):
    with pytest.raises(ValueError, match=r"risk\.policy"):
        policy(1, SETTING | change)


def test_a_policy_with_a_missing_value_is_not_read():
    with pytest.raises(ValueError, match=r"risk\.policy"):
        policy(1, {"min_age": 18})


@pytest.fixture
def parties(work, vault):
    body = "11010119900307001"
    person = NewConsumer("k1", "c1", "王小明", "13800000001", body + ric.calc_check_digit(body + "0"))
    contract = ContractTerms(date(2026, 1, 1), 6_000, 1, "online", (), "returned", Money(0, "CNY"))
    shop = NewMerchant("m1", "shop", "店", "Shop", "91110000600037341L", "media", "6222020200112233445", "corporate", contract)
    with sql.transacting():
        consumer = one(consumers.register(work=work, vault=vault, consumers=[person]))
        merchant = one(merchants.onboard(work=work, vault=vault, merchants=[shop]))
    return replace(FINE, consumer_id=consumer, merchant_id=merchant)


def record(work, ids, *features):
    made = [Decided(ids.new(work.now), ids.new(work.now), f, decide(f, POLICY)) for f in features]
    with sql.transacting():
        risk.record(work=work, decisions=made)
    return made


def test_decisions_are_kept_with_what_they_were_made_on(work, ids, parties):
    declined = replace(parties, overdue_days=4, duplicate_of=UUID(int=9))
    made = record(work, ids, parties, declined)
    found = queries.of_orders(order_ids=[*(d.order_id for d in made), ids.new(work.now)])
    assert {order: stored.decision.reasons for order, stored in found.items()} == {
        made[0].order_id: (),
        made[1].order_id: ("overdue", "duplicate"),
    }
    stored = found[made[1].order_id]
    assert (stored.id, stored.decision.policy_version, stored.decided_at) == (made[1].id, 3, work.now)
    assert stored.features["overdue_days"] == 4
    assert stored.features["duplicate_of"] == str(UUID(int=9))
    assert stored.features["consumer_id"] == str(parties.consumer_id)
    assert len(stored.features) == len(Features.__dataclass_fields__) + 1


def test_an_empty_batch_records_nothing(work, ids):
    assert record(work, ids) == []


def test_an_order_has_one_decision(work, ids, parties):
    (made,) = record(work, ids, parties)
    with pytest.raises(Exception, match="order_id"), sql.transacting():
        risk.record(work=work, decisions=[replace(made, id=ids.new(work.now))])


def test_decisions_are_append_only_explained_and_stay_in_their_book(work, ids, parties, as_role):
    record(work, ids, parties)
    for statement in ("UPDATE risk_decision SET outcome = 'declined'", "DELETE FROM risk_decision"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
            writer.execute(statement)
    copied = (
        "INSERT INTO risk_decision (id, book_id, order_id, consumer_id, merchant_id, outcome, reasons, features, policy_version,"
        " decided_at)"
        " VALUES (gen_random_uuid(), %s, gen_random_uuid(), %s, %s, %s, %s, '{}', 1, now())"
    )
    book, consumer, merchant, other = work.book.id, parties.consumer_id, parties.merchant_id, ids.new(work.now)
    wrong = [
        (psycopg.errors.CheckViolation, book, consumer, merchant, "declined", "[]"),
        (psycopg.errors.CheckViolation, book, consumer, merchant, "approved", '["limit"]'),
        (psycopg.errors.CheckViolation, book, consumer, merchant, "declined", '["a","b","c","d","e"]'),
        (psycopg.errors.CheckViolation, book, consumer, merchant, "declined", '"limit"'),
        (psycopg.errors.CheckViolation, book, consumer, merchant, "perhaps", '["limit"]'),
        (psycopg.errors.ForeignKeyViolation, other, consumer, merchant, "approved", "[]"),
        (psycopg.errors.ForeignKeyViolation, book, other, merchant, "approved", "[]"),
        (psycopg.errors.ForeignKeyViolation, book, consumer, other, "approved", "[]"),
    ]
    for violation, *values in wrong:
        with pytest.raises(violation), as_role("default") as writer:
            writer.execute(copied, values)


def test_a_consumer_reads_the_own_decisions_only(work, ids, parties):
    (made,) = record(work, ids, parties)
    with sql.reading(consumer_id=parties.consumer_id):
        assert list(queries.of_orders(order_ids=[made.order_id])) == [made.order_id]
    with sql.reading(consumer_id=ids.new(work.now)):
        assert queries.of_orders(order_ids=[made.order_id]) == {}


def test_a_mark_stands_until_it_is_lifted_and_is_there_once(work, vault):
    person = NewConsumer(
        "marked", "marked-1", "张三", "13800138000", "11010519900307" + "001" + ric.calc_check_digit("11010519900307" + "0010")
    )
    consumer = one(consumers.register(work=work, vault=vault, consumers=[person]))
    risk.mark(work=work, marks=[NewMark(consumer, "fraud", "sandbox"), NewMark(consumer, "review", "sandbox")])
    risk.mark(work=work, marks=[NewMark(consumer, "fraud", "again")])
    assert queries.marks(consumer_ids=[consumer]) == {consumer: {"fraud", "review"}}
    assert risk.lift(work=work, consumer_ids=[consumer], kind="review") == 1
    assert risk.lift(work=work, consumer_ids=[consumer], kind="review") == 0
    assert queries.marks(consumer_ids=[consumer, UUID(int=1)]) == {consumer: {"fraud"}}
    with pytest.raises(Exception, match="only lifted, and once"):
        sql.run("UPDATE risk_mark SET reason = 'other' WHERE consumer_id = %s AND kind = 'review'", [consumer])
