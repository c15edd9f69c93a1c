"""A consumer and a merchant of this test's book."""

from __future__ import annotations

import itertools
from datetime import date
from uuid import UUID

import pytest
from stdnum.cn import ric, uscc

from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import one
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

_numbers = itertools.count(1)


@pytest.fixture
def consumer_id(work: UnitOfWork, vault: Vault) -> UUID:
    body = "11010519900307" + f"{next(_numbers):03d}"
    with sql.transacting():
        new = NewConsumer(
            key="c", external_ref="c-1", name="张三", phone="+8613800138000", id_number=body + ric.calc_check_digit(body + "0"), consents=()
        )
        return one(consumers.register(work=work, vault=vault, consumers=[new]))


@pytest.fixture
def merchant_id(work: UnitOfWork, vault: Vault) -> UUID:
    body = f"91110000{next(_numbers):09d}"
    terms = ContractTerms(
        valid_from=date(2026, 10, 1),
        fee_rate_ppm=6_000,
        settlement_days=1,
        channel="online",
        discounts=((3, 18_000),),
        fee_on_refund="returned",
        negative_limit=Money(100_000, "CNY"),
    )
    new = NewMerchant(
        key="m",
        code="shop",
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
