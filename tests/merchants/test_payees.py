"""Agents and hosts, and contracts that share with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.merchants.test_onboarding import CONTRACT, new, onboard, propose
from tests.people import person
from tests.settlement.sharing import new_payee, register
from yuefu.errors import Refused, RefusedError
from yuefu.merchants import commands as merchants
from yuefu.merchants import queries
from yuefu.merchants.commands import payees as commands
from yuefu.merchants.queries import payees
from yuefu.merchants.rules import FeeRule, sharing, terms_from_json, terms_json
from yuefu.merchants.rules.sharing import ProfitShare, Receiver
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

NOTHING = Money(0, "CNY")


def test_an_agent_stands_below_another_and_is_found_with_those_above_it(work: UnitOfWork, vault: Vault) -> None:
    made = register(work, vault, new_payee("north"), new_payee("harbour", parent="north"), new_payee("lin", "host"))
    north, harbour, _ = made
    assert all(isinstance(one, UUID) for one in made)
    assert isinstance(harbour, UUID)
    assert [(one.code, one.parent_id) for one in payees.lines(agent_ids=[harbour], book_id=work.book.id)[harbour]] == [
        ("harbour", north),
        ("north", None),
    ]
    assert [(one.code, one.kind, one.state) for one in payees.payees(book_id=work.book.id)] == [
        ("harbour", "agent", "active"),
        ("lin", "host", "active"),
        ("north", "agent", "active"),
    ]


def test_a_key_makes_a_payee_once_and_keeps_no_number(work: UnitOfWork, vault: Vault) -> None:
    asked = new_payee("north")
    assert register(work, vault, asked) == register(work, vault, asked)
    other = register(work, vault, replace(asked, account="6217000000000999"))[0]
    assert isinstance(other, Refused)
    assert other.code == "key_reused"
    assert asked.identity not in repr(asked)
    assert asked.account not in repr(asked)
    kept = sql.rows("SELECT identity_sealed, account_sealed, account_masked FROM merchants_payee WHERE book_id = %s", [work.book.id])[0]
    assert asked.identity.encode() not in bytes(kept[0])
    assert asked.account.encode() not in bytes(kept[1])
    assert kept[2].endswith(asked.account[-4:])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"code": "A"}, "code_invalid"),
        ({"kind": "merchant"}, "payee_kind_invalid"),
        ({"form": "club"}, "payee_kind_invalid"),
        ({"name_zh": ""}, "name_invalid"),
        ({"identity": "110101199001010010"}, "identity_invalid"),
        ({"identity": "91110000600037341L"}, "identity_invalid"),
        ({"form": "company", "account_kind": "corporate"}, "identity_invalid"),
        ({"account_kind": "corporate"}, "payee_account_invalid"),
        ({"form": "company", "identity": "91110000600037341L"}, "payee_account_invalid"),
        ({"account": "12"}, "account_invalid"),
        ({"code": "north"}, "code_taken"),
        ({"parent": "nobody"}, "parent_invalid"),
        ({"parent": "lin"}, "parent_invalid"),
        ({"kind": "host", "parent": "north"}, "parent_invalid"),
        ({"parent": "south"}, "agents_too_deep"),
        ({"parent": "gone"}, "parent_invalid"),
    ],
)
def test_what_is_no_payee_is_refused_and_disturbs_nobody(work: UnitOfWork, vault: Vault, wrong: dict[str, Any], code: str) -> None:
    known = register(work, vault, new_payee("north"), new_payee("south", parent="north"), new_payee("lin", "host"), new_payee("gone"))
    assert isinstance(known[3], UUID)
    with sql.transacting():
        commands.end(work=work, payee_ids=[known[3]], reason="left")
    refused, made = register(work, vault, replace(new_payee("harbour"), **wrong), new_payee("pier"))
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert isinstance(made, UUID)


def test_who_has_ended_is_ended_once(work: UnitOfWork, vault: Vault) -> None:
    (made,) = register(work, vault, new_payee("north"))
    assert isinstance(made, UUID)
    with sql.transacting():
        outcomes = commands.end(work=work, payee_ids=[made, made, work.book.id], reason="left")
    assert outcomes[0] == made
    assert [one.code for one in outcomes[1:] if isinstance(one, Refused)] == ["payee_ended", "unknown_payee"]


def test_a_payee_stays_what_it_is(work: UnitOfWork, vault: Vault, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]) -> None:
    register(work, vault, new_payee("north"))
    connection = as_role("default")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE merchants_payee SET account_index = '' WHERE book_id = %s", [work.book.id])
    connection.rollback()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("reader").execute("SELECT FROM merchants_payee")


# --------------------------------------------------------------------------------------------------------------------- what contracts say

HOST = Receiver("host", 30_000, NOTHING)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"receivers": ()}, "profit_share_invalid"),
        ({"receivers": (HOST, HOST)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 100_001, NOTHING),)}, "profit_share_invalid"),  # more than the fee
        ({"receivers": (Receiver("platform", 10_000, NOTHING),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("agent", 10_000, NOTHING),)}, "profit_share_invalid"),  # which?
        ({"receivers": (Receiver("host", 0, NOTHING),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 10, Money(-1, "CNY")),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 10, Money(1, "EUR")),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 10, NOTHING, on_refund="half"),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 10, NOTHING, level=2),)}, "profit_share_invalid"),
        ({"receivers": (Receiver("host", 10, NOTHING, default_ppm=1_000_001),)}, "profit_share_invalid"),
        ({"early_periods": 2}, "profit_share_invalid"),
        ({"early_periods": 13, "early_days": 5}, "profit_share_invalid"),
    ],
)
def test_a_contract_that_shares_otherwise_is_refused(work: UnitOfWork, vault: Vault, changed: dict[str, Any], code: str) -> None:
    given: dict[str, Any] = {"receivers": (HOST,), **changed}
    terms = replace(CONTRACT, fee_rate_ppm=100_000, sharing=ProfitShare(**given))
    (refused,) = onboard(work, vault, new(contract=terms))
    assert isinstance(refused, Refused)
    assert refused.code == code


@pytest.mark.parametrize(
    ("industry", "fee_ppm", "allowed"),
    [
        ("apparel", 80_000, True),
        ("apparel", 79_999, False),
        ("digital", 60_000, True),
        ("digital", 100_001, False),
        ("toys", 150_000, True),
        ("toys", 79_999, False),
    ],
)
def test_a_fee_that_is_shared_is_within_the_band_of_the_industry(
    work: UnitOfWork, vault: Vault, industry: str, fee_ppm: int, allowed: bool
) -> None:
    terms = replace(CONTRACT, fee_rate_ppm=fee_ppm, sharing=ProfitShare((HOST,)))
    (made,) = onboard(work, vault, new(contract=terms, industry=industry))
    assert isinstance(made, UUID) == allowed
    if isinstance(made, Refused):
        assert (made.code, made.field) == ("profit_share_outside_band", "fee_rate_ppm")


def test_an_agent_is_there_active_not_too_deep_and_not_the_merchant_itself(
    work: UnitOfWork, make_work: Callable[..., UnitOfWork], vault: Vault
) -> None:
    itself, ended, host, good = register(
        work, vault, new_payee("itself", account="6222020200112233445"), new_payee("ended"), new_payee("lin", "host"), new_payee("north")
    )
    assert isinstance(ended, UUID)
    with sql.transacting():
        commands.end(work=work, payee_ids=[ended], reason="left")

    def terms(agent: Any, level: int = 1) -> Any:
        return replace(
            CONTRACT, fee_rate_ppm=100_000, valid_from=work.day.on,
            sharing=ProfitShare((Receiver("agent", 10_000, NOTHING, level=level),), agent),
        )  # fmt: skip

    refusals = {
        "account_of_merchant": terms(itself),
        "payee_ended": terms(ended),
        "unknown_payee": terms(host),
        "profit_share_invalid": terms(good, 3),
    }
    for code, wanted in refusals.items():
        (refused,) = onboard(work, vault, new(key=code, contract=wanted))
        assert isinstance(refused, Refused)
        assert refused.code == code
    (shop,) = onboard(work, vault, new())
    assert isinstance(shop, UUID)
    for code, wanted in refusals.items():
        refused = propose(work, shop, fee_rate_ppm=100_000, sharing=wanted.sharing)
        assert isinstance(refused, Refused)
        assert refused.code == code
    approval = propose(work, shop, fee_rate_ppm=100_000, sharing=terms(good).sharing)
    assert isinstance(approval, UUID)
    assert isinstance(good, UUID)
    with sql.transacting():
        commands.end(work=work, payee_ids=[good], reason="left")
    with pytest.raises(RefusedError), sql.transacting():  # it ended while the contract waited
        merchants.decide_amendment(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="read")


def test_a_second_person_approves_exactly_what_is_shared(work: UnitOfWork, make_work: Callable[..., UnitOfWork], vault: Vault) -> None:
    (agent,) = register(work, vault, new_payee("north"))
    (shop,) = onboard(work, vault, new())
    assert isinstance(agent, UUID)
    assert isinstance(shop, UUID)
    shares = ProfitShare((HOST, Receiver("agent", 5, Money(7, "CNY"), Money(900, "CNY"), 1, "kept", 3)), agent, 3, 45)
    approval = propose(work, shop, fee_rate_ppm=100_000, sharing=shares)
    assert isinstance(approval, UUID)
    with sql.transacting():
        merchants.decide_amendment(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="read")
    agreed = queries.contracts_in_force(merchant_ids=[shop], on=work.day.on)[shop].terms
    assert agreed.sharing == shares
    assert terms_from_json(terms_json(agreed)) == agreed


@pytest.mark.parametrize("category", ["A", "x", "phones and more", "é" * 3])
def test_a_fee_names_a_category_by_its_code(work: UnitOfWork, vault: Vault, category: str) -> None:
    (refused,) = onboard(work, vault, new(contract=replace(CONTRACT, fees=(FeeRule(1, NOTHING, category=category),))))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail) == ("fees_invalid", "fee 1: a category is named by its code")


def test_the_default_bands_are_those_of_the_industries() -> None:
    known = sharing.bands(sharing.DEFAULT_BANDS)
    assert {name: known.band(name) for name in ("apparel", "beauty", "digital", "home", "mother_baby")} == {
        "apparel": (80_000, 120_000), "beauty": (100_000, 150_000), "digital": (60_000, 100_000), "home": (70_000, 110_000),
        "mother_baby": (80_000, 150_000),
    }  # fmt: skip
