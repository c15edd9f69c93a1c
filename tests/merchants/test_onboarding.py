"""Onboarding merchants, amending their contracts, suspending and closing them."""

import json
from dataclasses import replace
from datetime import date
from uuid import uuid4

import psycopg
import pytest

from tests.people import person
from yuefu.errors import Refused, RefusedError, one
from yuefu.ledger import queries as ledger
from yuefu.merchants import commands as merchants
from yuefu.merchants import queries
from yuefu.merchants.commands import Amendment, NewMerchant, StateChange
from yuefu.merchants.rules import Contract, ContractTerms, FeeRule, Sold, Tier, terms_from_json, terms_json
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.runtime import approvals, sql

ALICE, BOB = person("alice"), person("bob")
CONTRACT = ContractTerms(
    valid_from=date(2026, 1, 1),
    fee_rate_ppm=6_000,
    settlement_days=1,
    channel="online",
    discounts=((3, 18_000), (6, 32_000)),
    fee_on_refund="returned",
    negative_limit=Money(50_000, "CNY"),
)


NOTHING = Money(0, "CNY")
TIERS = (Tier(Money(1_000_000_00, "CNY"), 4_500), Tier(Money(5_000_000_00, "CNY"), 3_000))
FEES = (
    FeeRule(0, NOTHING, product="launch", most_periods=6),
    FeeRule(3_800, Money(10, "CNY"), channel="store", fewest_periods=6, most_periods=12),
    FeeRule(5_500, NOTHING, product="free", tiers=TIERS),
)


def new(number=1, **changes):
    merchant = NewMerchant(
        f"k{number}", f"shop-{number}", "唱片店", "Record shop", "91110000600037341L", "media", "6222020200112233445", "corporate", CONTRACT
    )
    return replace(merchant, **changes)


def onboard(work, vault, *new_merchants):
    with sql.transacting():
        return merchants.onboard(work=work, vault=vault, merchants=list(new_merchants))


def propose(work, merchant, **changes):
    with sql.transacting():
        amendment = Amendment(merchant, replace(CONTRACT, **{"valid_from": work.day.on, **changes}), "renegotiated")
        return merchants.propose_amendments(work=work, amendments=[amendment])[0]


def decide(work, approval, approve=True):
    with sql.transacting():
        return merchants.decide_amendment(work=work, approval_id=approval, approve=approve, reason="checked")


def change(work, *changes):
    with sql.transacting():
        return merchants.change_states(work=work, changes=[StateChange(*each) for each in changes])


def limit_of(work, merchant):
    return ledger.limited(book_id=work.book.id, code="merchant_available", owner_ids=[merchant])[merchant].limit


def codes(outcomes):
    return [outcome.code if isinstance(outcome, Refused) else "ok" for outcome in outcomes]


def test_an_onboarded_merchant_has_a_contract_and_an_account_with_its_limit(work, vault):
    merchant = one(onboard(work, vault, new()))
    contract = queries.contracts_in_force(merchant_ids=[merchant], on=work.day.on)[merchant]
    assert (contract.version, contract.terms) == (1, CONTRACT)
    assert contract.fee_of(Sold("free", "online", 3), Money(0, "CNY")) == (Rate(6_000), Money(0, "CNY"))
    assert [contract.discount_rate(periods) for periods in (3, 6, 12)] == [Rate(18_000), Rate(32_000), None]
    assert limit_of(work, merchant) == Money(50_000, "CNY")
    assert queries.by_codes(book_id=work.book.id, codes=["shop-1", "shop-2"]) == {"shop-1": merchant}


def test_the_settlement_account_is_shown_masked_and_opened_for_the_bank_only(work, vault):
    merchant = one(onboard(work, vault, new()))
    shown = queries.shown(ids=[merchant])[merchant]
    assert (shown.settlement_account_masked, shown.state) == ("*" * 15 + "3445", "active")
    assert queries.settlement_accounts(merchant_ids=[merchant], vault=vault) == {merchant: "6222020200112233445"}
    for table in ("merchants_merchant", "runtime_key", "runtime_outbox", "runtime_audit"):
        stored = " ".join(row[0] for row in sql.rows(f"SELECT row_to_json(t)::text FROM {table} t WHERE book_id = %s", [work.book.id]))
        assert "6222020200112233445" not in stored, table
    assert "6222020200112233445" not in repr(new())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "Shop!"}, "code_invalid"),
        ({"name_zh": ""}, "name_invalid"),
        ({"name_en": " padded"}, "name_invalid"),
        ({"uscc": "91110000600037341A"}, "uscc_invalid"),
        ({"industry": ""}, "industry_invalid"),
        ({"settlement_account": "12-34"}, "account_invalid"),
        ({"settlement_account_kind": "personal"}, "account_not_corporate"),
        ({"contract": replace(CONTRACT, fee_rate_ppm=1_000_000)}, "fee_rate_invalid"),
        ({"contract": replace(CONTRACT, settlement_days=61)}, "settlement_days_invalid"),
        ({"contract": replace(CONTRACT, channel="fax")}, "channel_invalid"),
        ({"contract": replace(CONTRACT, fee_on_refund="maybe")}, "fee_on_refund_invalid"),
        ({"contract": replace(CONTRACT, negative_limit=Money(1, "USD"))}, "negative_limit_invalid"),
        ({"contract": replace(CONTRACT, negative_limit=Money(-1, "CNY"))}, "negative_limit_invalid"),
        ({"contract": replace(CONTRACT, discounts=((6, 1), (3, 1)))}, "discount_invalid"),
        ({"contract": replace(CONTRACT, discounts=((37, 1),))}, "discount_invalid"),
        ({"contract": replace(CONTRACT, discounts=((3, 994_000),))}, "discount_invalid"),
        (
            {
                "contract": replace(
                    CONTRACT, discounts=((3, 500_000),), fees=(FeeRule(0, NOTHING, tiers=(Tier(Money(1, "CNY"), 500_000),)),)
                )
            },
            "discount_invalid",
        ),
        ({"contract": replace(CONTRACT, minimum_payout=Money(-1, "CNY"))}, "minimum_payout_invalid"),
        *(
            ({"contract": replace(CONTRACT, reserve_ppm=ppm, reserve_days=days)}, "reserve_invalid")
            for ppm, days in ((-1, 1), (1_000_000, 1), (1, 0), (1, 366), (0, 1), (0, -1))
        ),
        ({"contract": replace(CONTRACT, minimum_payout=Money(1, "USD"))}, "minimum_payout_invalid"),
        ({"contract": replace(CONTRACT, fees=FEES * 34)}, "fees_invalid"),
        *(
            ({"contract": replace(CONTRACT, fees=(FEES[0], replace(FEES[2], **wrong)))}, "fees_invalid")
            for wrong in (
                {"rate_ppm": -1},
                {"rate_ppm": 1_000_000},
                {"fixed": Money(-1, "CNY")},
                {"fixed": Money(1, "USD")},
                {"product": "a b"},
                {"channel": "fax"},
                {"fewest_periods": 1},
                {"most_periods": 37},
                {"fewest_periods": 7, "most_periods": 6},
                {"tiers": TIERS[::-1]},
                {"tiers": (TIERS[0], TIERS[0])},
                {"tiers": (Tier(NOTHING, 1),)},
                {"tiers": (Tier(Money(1, "USD"), 1),)},
                {"tiers": (Tier(Money(1, "CNY"), 1_000_000),)},
            )
        ),
    ],
)
def test_an_unfit_merchant_is_refused_and_its_neighbour_is_not(work, vault, changes, code):
    assert codes(onboard(work, vault, new(1, **changes), new(2))) == [code, "ok"]


def test_a_code_exists_once_and_a_key_onboards_once(work, vault):
    first = one(onboard(work, vault, new()))
    assert onboard(work, vault, new(), new()) == [first, first]
    assert codes(onboard(work, vault, new(2, code="shop-1"), new(3), new(4, code="shop-3"))) == ["code_taken", "ok", "code_taken"]
    assert [(o.code, o.field) for o in onboard(work, vault, new(settlement_account="9999999999"))] == [("key_reused", "settlement_account")]


@pytest.mark.parametrize(
    ("sold", "volume", "rate", "fixed"),
    [
        (Sold("launch", "online", 6), 0, 0, 0),
        (Sold("launch", "online", 7), 0, 6_000, 0),  # for none of the fees: the contract's own
        (Sold("free", "store", 6), 9_999_999_99, 3_800, 10),  # the first that is for it says what it costs, whatever comes after
        (Sold("free", "store", 13), 0, 5_500, 0),
        (Sold("free", "online", 3), 999_999_99, 5_500, 0),
        (Sold("free", "online", 3), 1_000_000_00, 4_500, 0),
        (Sold("free", "online", 3), 4_999_999_99, 4_500, 0),
        (Sold("free", "online", 3), 5_000_000_00, 3_000, 0),
    ],
)
def test_what_a_capture_costs_depends_on_what_was_sold_and_how_much_of_it(sold, volume, rate, fixed):
    contract = Contract(uuid4(), uuid4(), 1, replace(CONTRACT, fees=FEES))
    assert contract.fee_of(sold, Money(volume, "CNY")) == (Rate(rate), Money(fixed, "CNY"))


def test_fees_and_the_least_that_is_paid_out_are_kept_as_they_were_agreed(work, make_work, vault):
    terms = replace(CONTRACT, fees=FEES, minimum_payout=Money(100_00, "CNY"), reserve_ppm=50_000, reserve_days=90)
    merchant, plain = onboard(work, vault, new(contract=terms), new(2))
    assert queries.contracts_in_force(merchant_ids=[merchant], on=work.day.on)[merchant].terms == terms
    contract_id = decide(
        make_work(by=BOB), propose(make_work(by=ALICE), plain, fees=FEES[1:], minimum_payout=Money(5, "CNY"), reserve_ppm=1, reserve_days=2)
    )
    (_, after) = queries.contract_versions(merchant_id=plain)
    assert (after.id, after.terms.fees, after.minimum_payout) == (contract_id, FEES[1:], Money(5, "CNY"))
    assert (after.terms.reserve_ppm, after.terms.reserve_days) == (1, 2)
    assert terms_from_json(json.loads(json.dumps(terms_json(terms)))) == terms


def test_an_amendment_that_was_asked_for_before_there_were_fees_can_still_be_approved(work, make_work, vault):
    merchant = one(onboard(work, vault, new()))
    content = terms_json(replace(CONTRACT, valid_from=work.day.on, fee_rate_ppm=5_000))
    before = {name: value for name, value in content.items() if name not in {"fees", "minimum_payout_minor", "reserve_ppm", "reserve_days"}}
    with sql.transacting():
        asked = approvals.request(
            work=make_work(by=ALICE), action=merchants.AMEND, object_kind="merchant", object_id=merchant, content=before, reason="z"
        )
    decide(make_work(by=BOB), asked)
    contract = queries.contracts_in_force(merchant_ids=[merchant], on=work.day.on)[merchant]
    assert (contract.version, contract.terms.fee_rate_ppm, contract.terms.fees) == (2, 5_000, ())


def test_an_amendment_takes_two_people(work, make_work, vault):
    merchant = one(onboard(work, vault, new()))
    approval = propose(make_work(by=ALICE), merchant, fee_rate_ppm=5_000)
    assert decide(make_work(by=ALICE), approval).code == "same_person"
    assert queries.contracts_in_force(merchant_ids=[merchant], on=work.day.on)[merchant].version == 1
    contract_id = decide(make_work(by=BOB), approval)
    contract = queries.contracts_in_force(merchant_ids=[merchant], on=work.day.on)[merchant]
    assert (contract.id, contract.version, contract.terms.fee_rate_ppm) == (contract_id, 2, 5_000)
    assert decide(make_work(by=BOB), approval).code == "already_decided"
    assert [version.version for version in queries.contract_versions(merchant_id=merchant)] == [1, 2]


def test_a_rejected_amendment_changes_nothing(work, make_work, vault):
    merchant = one(onboard(work, vault, new()))
    assert decide(make_work(by=BOB), propose(make_work(by=ALICE), merchant, fee_rate_ppm=1), approve=False) is None
    assert len(queries.contract_versions(merchant_id=merchant)) == 1


def test_a_contract_for_a_later_day_takes_effect_on_that_day_with_its_limit(work, make_work, vault):
    merchant = one(onboard(work, vault, new()))
    later = {"valid_from": date(2026, 10, 5), "negative_limit": Money(9_000, "CNY")}
    decide(make_work(by=BOB), propose(make_work(by=ALICE), merchant, **later))
    seen = []
    for day in (4, 5):
        on = date(2026, 10, day)
        with sql.transacting():
            merchants.apply_limits(work=make_work(on=on))
        seen.append((queries.contracts_in_force(merchant_ids=[merchant], on=on)[merchant].version, limit_of(work, merchant).minor))
    assert seen == [(1, 50_000), (2, 9_000)]


def test_a_contract_never_changes_the_past(work, vault):
    merchant = one(onboard(work, vault, new()))
    assert propose(work, merchant, valid_from=date(2026, 9, 30)).code == "backdated"


def test_an_approval_of_something_else_amends_nothing_and_stays_undecided(work, make_work, vault, ids):
    with sql.transacting():
        other = approvals.request(
            work=make_work(by=ALICE), action="x", object_kind="y", object_id=ids.new(work.now), content={}, reason="z"
        )
    with pytest.raises(RefusedError, match="not_an_amendment"):
        decide(make_work(by=BOB), other)
    assert sql.value("SELECT state FROM runtime_approval WHERE id = %s", [other]) == "waiting"


def test_a_merchant_closed_in_between_is_not_amended(work, make_work, vault):
    merchant = one(onboard(work, vault, new()))
    approval = propose(make_work(by=ALICE), merchant)
    one(change(work, (merchant, "closed", "left")))
    with pytest.raises(RefusedError, match="merchant_closed"):
        decide(make_work(by=BOB), approval)
    assert len(queries.contract_versions(merchant_id=merchant)) == 1


def test_states_change_by_the_table_and_in_order(work, vault, ids):
    merchant = one(onboard(work, vault, new()))
    steps = [("suspended", "fraud"), ("active", "cleared"), ("active", "again"), ("closed", ""), ("closed", "left"), ("active", "back")]
    outcomes = change(work, *[(merchant, state, reason) for state, reason in steps], (ids.new(work.now), "closed", "x"))
    assert codes(outcomes) == [
        "ok", "ok", "not_allowed_from_state", "reason_missing", "ok", "not_allowed_from_state", "unknown_merchant",
    ]  # fmt: skip
    assert queries.shown(ids=[merchant])[merchant].state == "closed"
    events = sql.rows("SELECT seq, snapshot->>'state' FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [merchant])
    assert events == [(1, "active"), (2, "suspended"), (3, "active"), (4, "closed")]


def test_the_database_keeps_contracts_as_signed_and_accounts_corporate(work, vault, as_role):
    merchant = one(onboard(work, vault, new()))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
        writer.execute("UPDATE merchants_contract SET fee_rate_ppm = 1 WHERE merchant_id = %s", [merchant])
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute("UPDATE merchants_merchant SET settlement_account_kind = 'personal' WHERE id = %s", [merchant])
    copied = "INSERT INTO merchants_contract SELECT (json_populate_record(c, %s)).* FROM merchants_contract c WHERE merchant_id = %s"
    for change_of, violation in [
        ('{"id": "00000000-0000-7000-8000-000000000001", "version": 2}', psycopg.errors.CheckViolation),
        (
            '{"id": "00000000-0000-7000-8000-000000000001", "version": 2, "approval_id": "00000000-0000-7000-8000-000000000002",'
            ' "book_id": "00000000-0000-7000-8000-000000000003"}',
            psycopg.errors.CheckViolation,
        ),
    ]:
        with pytest.raises(violation), as_role("default") as writer:
            writer.execute(copied, [change_of, merchant])


def test_a_new_version_says_what_was_approved_for_this_merchant(work, make_work, vault, as_role):
    """Without the trigger each of them would be a contract that nobody agreed to."""
    mine, other = onboard(work, vault, new(1), new(2))
    writer = as_role("default")
    copied = "INSERT INTO merchants_contract SELECT (jsonb_populate_record(c, %s)).* FROM merchants_contract c WHERE merchant_id = %s"

    def refusal(approval, merchant=mine, **changed):
        said = {"id": str(uuid4()), "version": 2, "approval_id": str(approval), "fee_rate_ppm": 5_000, **changed}
        try:
            with writer.transaction(force_rollback=True):
                writer.execute(copied, [json.dumps(said), merchant])
        except psycopg.errors.IntegrityError as error:
            return error.diag.constraint_name or error.diag.message_primary
        return "taken"

    waiting = propose(make_work(by=ALICE), mine, fee_rate_ppm=5_000)
    with sql.transacting():
        approved = approvals.request(
            work=make_work(by=ALICE),
            action=merchants.AMEND,
            object_kind="merchant",
            object_id=mine,
            content=terms_json(replace(CONTRACT, fee_rate_ppm=5_000)),
            reason="z",
        )
        elsewhere = approvals.request(
            work=make_work(by=ALICE), action="product.publish", object_kind="merchant", object_id=mine, content={}, reason="z"
        )
        for approval in (approved, elsewhere):
            approvals.decide(work=make_work(by=BOB), approval_id=approval, approve=True, reason="")
    assert refusal(approved) == "taken"
    not_approved = "version 2 of this contract was not approved"
    assert {refusal(approval) for approval in (waiting, elsewhere, uuid4())} == {not_approved}
    assert refusal(approved, merchant=other) == not_approved
    for changed in (
        {"fee_rate_ppm": 4_999},
        {"discount_ppm": {}},
        {"valid_from": "2026-10-02"},
        {"settlement_days": 0},
        {"fees": [{}]},
        {"minimum_payout_minor": 1},
        {"reserve_ppm": 1, "reserve_days": 1},
    ):
        assert refusal(approved, **changed) == not_approved, changed


def test_a_merchant_reads_only_itself_and_its_own_contract(work, vault):
    mine, other = onboard(work, vault, new(1), new(2))
    with sql.reading(merchant_id=mine):
        assert list(queries.shown(ids=[mine, other])) == [mine]
        assert list(queries.contracts_in_force(merchant_ids=[mine, other], on=work.day.on)) == [mine]
