"""The set-up of a demo world: a book, its settings, two people to approve, products on offer, three shops, money in the bank."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.access import commands as access
from yuefu.access import queries as users
from yuefu.access.commands import Grant, NewUser
from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys import founding, settlement
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.founding import NewBook
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.notices.rules import policy as notices
from yuefu.offers import commands as offers
from yuefu.offers.commands import DraftProduct, Publication
from yuefu.offers.rules.product import CONSUMER, MERCHANT, ProductTerms
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.plans.terms import LIVED, NO_LATE
from yuefu.runtime import books, sql
from yuefu.runtime.values import Actor, Book, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault

T = TypeVar("T")

BOOK_CODE: Final = "demo"
FUNDS: Final = Money(50_000_000_00, "CNY")
_PERIODS: Final = (*range(2, 13), 18, 24, 36)
_DISCOUNTS: Final = tuple((n, 6_000 * n) for n in _PERIODS)
_SHOPS: Final = (
    ("record-house", "唱片之家", "Record House", "online", 6_000, 1, "returned", "6222000000000001"),
    ("disc-city", "碟城音像", "Disc City", "store", 8_000, 1, "kept", "6222000000000002"),
    ("melody-live", "乐迷直播间", "Melody Live", "live", 10_000, 2, "returned", "6222000009990002"),
)
_USCC: Final = ("91310000MA1K00100U", "91310000MA1K001110", "91310000MA1K001224")
_SETTINGS: Final = {
    **founding.CHINA,
    notices.SENDER: {"name_zh": "月付演示", "name_en": "Yuefu Demo", "pay_at": "yuefu.example", "contact": "400-000-0000"},
}
_LATE: Final = LateTerms(Money(5_00, "CNY"), interest=Rate(216_000), grace_days=3, cap=Rate(50_000))
"""What being late costs of the plan with interest: of half as much again as its rate lenders speak where an agreement is broken, below the cap."""
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_PEOPLE: Final = (
    ("operator", "operator", "运营 Operator", None),
    ("finance", "finance", "财务 Finance", None),
    ("risk", "risk", "风控 Risk", None),
    ("record-house", "merchant_owner", "唱片之家 Record House", "record-house"),
)


@dataclass(frozen=True, slots=True)
class Login:
    role: str
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class World:
    """A world ready to be lived in."""

    desk: Desk
    shops: tuple[UUID, ...]
    logins: tuple[Login, ...]


def found(*, first_day: date, seed: int, vault: Vault, months: int, code: str = BOOK_CODE, people: bool = True) -> World:
    """Makes the book with everything it needs, its first day open. `months` of ledger partitions are made ahead."""
    dice = random.Random(f"{seed}:world")
    ids = IdSource(dice.getrandbits)
    opening = datetime.combine(first_day, time(0, 5), tzinfo=_ZONE)
    by = system_actor("demo")
    new = NewBook(code, "Yuefu Demo Lender", "test", first_day)
    book = one([founding.found(new=new, now=opening, by=by, ids=ids, settings=_SETTINGS, months=months + 3)]).book
    desk = Desk(book, by, ids, vault, SandboxChannel(book), SandboxBank(book))
    with open_day(desk, opening) as work:
        assert isinstance(work, UnitOfWork)
        _products(work)
        shops = _shops(work, vault)
        logins = _logins(work, shops) if people else ()
    funded = settlement.fund(desk=desk, now=opening, key="demo:funds", amount=FUNDS)
    assert not isinstance(funded, Refused), funded
    return World(desk, tuple(shops.values()), logins)


def at(desk: Desk, now: datetime) -> Desk:
    """The same desk with the book's clock moved to `now`."""
    with sql.transacting():
        moved = books.move_clock(book=desk.book, to=now)
    assert isinstance(moved, Book), moved
    return replace(desk, book=moved)


def _terms(code: str, zh: str, en: str, payer: str, rate: Rate, late: LateTerms = NO_LATE) -> ProductTerms:
    return ProductTerms(
        code=code,
        name_zh=zh,
        name_en=en,
        payer=payer,
        annual_rate=rate,
        periods=_PERIODS,
        minimum=Money(10_00, "CNY"),
        maximum=Money(50_000_00, "CNY"),
        day_count=DayCount.ACT_365,
        min_gap_days=10,
        rule_version=LIVED,
        jurisdiction="CN",
        lender_zh="月付演示小额贷款有限公司",
        lender_en="Yuefu Demo Lending Ltd",
        lender_licence="DEMO-0001",
        late=late,
    )


def person(work: UnitOfWork, login: str) -> Actor:
    """A person without a role or a password that anybody knows; a demo before may have brought them along."""
    known = users.user_by_login(login=login)
    user_id = known.id if known else one(access.create_users(work=work, users=[NewUser(login, login, secrets.token_urlsafe(24))]))
    return Actor("user", login, user_id)


def _products(work: UnitOfWork) -> None:
    """Drafted by one person, published by another: the tables would not have it otherwise."""
    drafts = [
        DraftProduct("demo:free", _terms("free", "免息分期", "Interest-free plan", MERCHANT, Rate(0))),
        DraftProduct("demo:flex", _terms("flex", "灵活分期", "Flexible plan", CONSUMER, Rate(144_000), _LATE)),
    ]
    author, second = (replace(work, by=person(work, login)) for login in ("product-author", "product-approver"))
    products = [_sure(p) for p in offers.draft_products(work=author, products=drafts)]
    publications = [Publication(product, "opening of the demo") for product in products]
    for approval in offers.propose_publications(work=author, publications=publications):
        _sure(offers.decide_publication(work=second, approval_id=_sure(approval), approve=True, reason="checked"))


def _shops(work: UnitOfWork, vault: Vault) -> dict[str, UUID]:
    new = [
        NewMerchant(
            key=f"demo:{code}",
            code=code,
            name_zh=zh,
            name_en=en,
            uscc=_USCC[index],
            industry="media",
            settlement_account=account,
            settlement_account_kind="corporate",
            contract=ContractTerms(work.day.on, fee, settle, channel, _DISCOUNTS, on_refund, Money(50_000_00, "CNY")),
        )
        for index, (code, zh, en, channel, fee, settle, on_refund, account) in enumerate(_SHOPS)
    ]
    made = merchants.onboard(work=work, vault=vault, merchants=new)
    return {merchant.code: _sure(merchant_id) for merchant, merchant_id in zip(new, made, strict=True)}


def _logins(work: UnitOfWork, shops: dict[str, UUID]) -> tuple[Login, ...]:
    """People of the demo with fresh passwords. A login that another demo book made before keeps its own."""
    logins = tuple(Login(role, login, secrets.token_urlsafe(9)) for login, role, _, _ in _PEOPLE)
    made = access.create_users(
        work=work, users=[NewUser(x.login, name, x.password) for x, (_, _, name, _) in zip(logins, _PEOPLE, strict=True)]
    )
    grants = [
        Grant(user, role, shops[shop] if shop else None)
        for user, (_, role, _, shop) in zip(made, _PEOPLE, strict=True)
        if not isinstance(user, Refused)
    ]
    for outcome in access.grant(work=work, memberships=grants):
        _sure(outcome)
    return logins


def _sure(outcome: T | Refused | None) -> T:
    assert outcome is not None
    return one([outcome])


def channel_of(shop: int) -> str:
    """The sales channel a shop sells through."""
    return _SHOPS[shop][3]
