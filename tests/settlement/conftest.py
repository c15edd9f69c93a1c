"""Merchants of this test's book."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from stdnum.cn import uscc

from tests.people import person
from yuefu.errors import one
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import AccountChange, NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

_numbers = itertools.count(1)


MakeMerchant = Callable[..., UUID]


TERMS = ContractTerms(
    valid_from=date(2026, 10, 1),
    fee_rate_ppm=6_000,
    settlement_days=1,
    channel="online",
    discounts=((3, 18_000),),
    fee_on_refund="returned",
    negative_limit=Money(0, "CNY"),
)


@pytest.fixture
def make_merchant(work: UnitOfWork, vault: Vault) -> MakeMerchant:
    """`make_merchant(fee_on_refund="kept", settlement_days=2)`: an onboarded merchant; fee 0.60 %, discount 1.80 % for three periods."""

    def make(**agreed: Any) -> UUID:
        number = next(_numbers)
        body = f"91110000{number:09d}"
        terms = replace(TERMS, **agreed)
        new = NewMerchant(
            key=f"m{number}",
            code=f"shop-{number}",
            name_zh="商店",
            name_en="Shop",
            uscc=body + uscc.calc_check_digit(body),
            industry="apparel",
            settlement_account="622200009990000",
            settlement_account_kind="corporate",
            contract=terms,
        )
        with sql.transacting():
            return one(merchants.onboard(work=work, vault=vault, merchants=[new]))

    return make


@pytest.fixture
def correct(make_work: Callable[..., UnitOfWork], vault: Vault) -> Callable[[UUID], None]:
    """`correct(merchant_id)`: two people give a merchant the account that it says it has."""

    def change(merchant_id: UUID) -> None:
        asked = AccountChange(merchant_id, "622200009990009", "corporate", "商店", "102100099996", "the bank told us")
        with sql.transacting():
            approval = merchants.propose_account(work=make_work(by=person("alice")), vault=vault, change=asked)
            assert isinstance(approval, UUID)
            done = merchants.decide_account(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="called")
            assert isinstance(done, UUID)

    return change


@pytest.fixture
def merchant_id(make_merchant: MakeMerchant) -> UUID:
    return make_merchant()
