"""Where a merchant's money goes: a corporate account in its own name, another one by two people, every version kept."""

from dataclasses import replace

import psycopg
import pytest

from tests.merchants.test_onboarding import ALICE, BOB, new, onboard
from yuefu.errors import Refused, RefusedError
from yuefu.merchants import commands as merchants
from yuefu.merchants import queries
from yuefu.merchants.commands import AccountChange, StateChange
from yuefu.runtime import approvals, sql

OTHER = "6222020200998877665"


@pytest.fixture
def shop(work, vault):
    (merchant_id,) = onboard(work, vault, new())
    return merchant_id


def change(merchant_id, **changes):
    return replace(AccountChange(merchant_id, OTHER, "corporate", "唱片店", "102100099996", "moved to another bank"), **changes)


def propose(work, vault, wanted):
    with sql.transacting():
        return merchants.propose_account(work=work, vault=vault, change=wanted)


def decide(work, asked, *, approve=True):
    with sql.transacting():
        return merchants.decide_account(work=work, approval_id=asked, approve=approve, reason="called the bank")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"settlement_account_kind": "personal"}, "account_not_corporate"),
        ({"settlement_account_holder": "张三"}, "holder_differs"),
        ({"settlement_bank_code": "12345"}, "bank_code_invalid"),
    ],
)
def test_a_merchant_with_an_account_that_is_not_its_own_is_not_taken_on(work, vault, changes, code):
    (refused,) = onboard(work, vault, new(**changes))
    assert (refused.code, queries.merchants(book_id=work.book.id)) == (code, [])


def test_a_name_is_the_same_in_any_width_and_with_blanks(work, vault):
    (merchant_id,) = onboard(work, vault, new(name_zh="唱片店(北京)", settlement_account_holder="唱片店（北京） "))
    found = queries.accounts_in_force(merchant_ids=[merchant_id])[merchant_id]
    assert (found.version, found.kind, found.holder, found.bank_code, found.valid_from) == (1, "corporate", "唱片店(北京)", "", work.day.on)


def test_another_account_takes_two_people_and_the_first_stays(work, make_work, vault, shop):
    first = queries.accounts_in_force(merchant_ids=[shop])[shop]
    asked = propose(make_work(by=ALICE), vault, change(shop))
    (content,) = [one.content for one in approvals.listed(book_id=work.book.id)]
    assert OTHER not in str(content)
    assert queries.settlement_accounts(merchant_ids=[shop], vault=vault) == {shop: "6222020200112233445"}
    assert decide(make_work(by=ALICE), asked).code == approvals.SAME_PERSON
    made = decide(make_work(by=BOB), asked)
    assert [(one.id, one.version, one.masked, one.bank_code) for one in queries.account_versions(merchant_id=shop)] == [
        (first.id, 1, first.masked, ""),
        (made, 2, queries.shown(ids=[shop])[shop].settlement_account_masked, "102100099996"),
    ]
    assert queries.settlement_accounts(merchant_ids=[shop], vault=vault) == {shop: OTHER}
    numbers = {one.account_id: one.number for one in queries.beneficiaries(account_ids=[first.id, made], vault=vault).values()}
    assert numbers == {first.id: "6222020200112233445", made: OTHER}


def test_a_rejected_account_changes_nothing(work, make_work, vault, shop):
    assert decide(make_work(by=BOB), propose(make_work(by=ALICE), vault, change(shop)), approve=False) is None
    assert len(queries.account_versions(merchant_id=shop)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "personal"}, "account_not_corporate"),
        ({"number": "12"}, "account_invalid"),
        ({"holder": "老板"}, "holder_differs"),
        ({"bank_code": "ICBC"}, "bank_code_invalid"),
    ],
)
def test_an_account_that_cannot_be_is_not_even_asked_for(work, vault, shop, changes, code):
    refused = propose(work, vault, change(shop, **changes))
    assert isinstance(refused, Refused)
    assert (refused.code, approvals.listed(book_id=work.book.id)) == (code, [])


def test_of_two_requests_only_the_first_approved_is_carried_out(make_work, vault, shop):
    one, two = (propose(make_work(by=ALICE), vault, change(shop, number=number)) for number in (OTHER, "6222020200990000000"))
    decide(make_work(by=BOB), two)
    with pytest.raises(RefusedError, match="changed_since"):
        decide(make_work(by=BOB), one)
    assert queries.settlement_accounts(merchant_ids=[shop], vault=vault) == {shop: "6222020200990000000"}


def test_a_closed_merchant_gets_no_other_account(work, make_work, vault, shop):
    asked = propose(make_work(by=ALICE), vault, change(shop))
    with sql.transacting():
        merchants.change_states(work=work, changes=[StateChange(shop, "closed", "left")])
    with pytest.raises(RefusedError, match="merchant_closed"):
        decide(make_work(by=BOB), asked)
    assert propose(work, vault, change(shop)).code == "merchant_closed"


ROW = (
    "INSERT INTO merchants_account (id, book_id, merchant_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked,"
    " valid_from, approval_id, recorded_by, recorded_at) SELECT gen_random_uuid(), book_id, merchant_id, {version}, '{kind}', {holder}, '',"
    " number_sealed, number_index, number_masked, valid_from, {approval}, 'x', now() FROM merchants_account WHERE merchant_id = %s AND version = 1"
)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"version": 1, "kind": "personal", "approval": "NULL"}, "merchants_account_is_corporate"),
        ({"holder": "'张三'"}, "in the name of the merchant"),
        ({}, "was not approved"),
        ({"approval": "NULL"}, "was not approved"),
        ({"version": 2, "kind": "personal"}, "was not approved"),
    ],
)
def test_the_database_takes_no_account_that_two_people_did_not_agree_on(as_role, work, make_work, vault, shop, row, said):
    approval = propose(make_work(by=ALICE), vault, change(shop))
    asked = ROW.format(**{"version": 2, "kind": "corporate", "holder": "holder", "approval": f"'{approval}'", **row})
    with as_role("default") as connection, pytest.raises(psycopg.errors.CheckViolation, match=said):
        connection.execute(asked, [shop])


def test_what_a_bank_found_of_an_account_stays_and_nothing_else_of_it_changes(as_role, work, shop):
    account = queries.accounts_in_force(merchant_ids=[shop])[shop]
    with sql.transacting():
        merchants.flag_accounts(work=work, faults={account.id: "account_closed"})
        merchants.flag_accounts(work=work, faults={account.id: "another"})
    found = queries.accounts_in_force(merchant_ids=[shop])[shop]
    assert (found.flagged_on, found.fault, queries.flagged(book_id=work.book.id)) == (work.day.on, "account_closed", [shop])
    for attack, error in (
        ("UPDATE merchants_account SET fault = 'none', flagged_on = flagged_on WHERE id = %s", psycopg.errors.CheckViolation),
        ("UPDATE merchants_account SET number_masked = '*' WHERE id = %s", psycopg.errors.InsufficientPrivilege),
        ("DELETE FROM merchants_account WHERE id = %s", psycopg.errors.InsufficientPrivilege),
    ):
        with as_role("default") as connection, pytest.raises(error):
            connection.execute(attack, [account.id])
