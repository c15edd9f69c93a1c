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

from yuefu.errors import one
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
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
def merchant_id(make_merchant: MakeMerchant) -> UUID:
    return make_merchant()
