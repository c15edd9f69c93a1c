"""A shop to buy from: a book of its own with products, merchants and funds, and consumers with a credit account."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from stdnum.cn import ric, uscc

from tests.people import person
from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys import checkout, close_of_day, proving, reconciliation, refund, repayment, replay, settlement
from yuefu.journeys.checkout import Authorised, Captured, Purchase, Wish
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.ledger import commands as ledger
from yuefu.loans import queries as loan_book
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import NewMerchant
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers.commands import DraftProduct, Publication
from yuefu.offers.rules.product import CONSUMER, MERCHANT, ProductTerms
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.payments import commands as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import SANDBOX_ACCOUNTS
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.plans.terms import NO_LATE
from yuefu.reconciliation.commands import DayOutcome, FileIn
from yuefu.runtime import books, days, policies, sql
from yuefu.runtime.values import Book, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 10, 12)
LATE_DAY = date(2026, 10, 15)
RISK = {"min_age": 18, "max_age": 65, "students_blocked": True, "max_overdue_days": 0, "max_overdue_minor": 0}
CAPS = {"CN": [{"from": "2020-01-01", "measure": "compound_irr", "max_pct": "24"}]}

_numbers = itertools.count(1)


@dataclass
class Shop:
    """Plays a day as staff, merchants and consumers would, at 10:00 unless told otherwise."""

    desk: Desk
    merchants: tuple[UUID, ...]
    on: date = FIRST_DAY
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def book_id(self) -> UUID:
        return self.desk.book.id

    def now(self, hour: int = 10) -> datetime:
        return datetime.combine(self.on, time(hour), ZONE)

    def consumer(self, *, limit: str = "20000.00", repayment_day: int = 25) -> UUID:
        number = next(_numbers)
        body = f"1101051990{number // 900 % 12 + 1:02d}07{number % 900:03d}"
        with open_day(self.desk, self.now()) as work:
            assert not isinstance(work, Refused)
            new = NewConsumer(f"c{number}", f"c-{number}", "张三", "13800138000", body + ric.calc_check_digit(body + "0"))
            consumer_id = one(consumers.register(work=work, vault=self.desk.vault, consumers=[new]))
            line = OpenAccount(f"a{number}", consumer_id, Money.parse(limit, "CNY"), repayment_day - 10, repayment_day, 1)
            one(credit.open_accounts(work=work, accounts=[line]))
        return consumer_id

    def buy(self, consumer_id: UUID, amount: str = "1999.00", *, product: str = "free", periods: int = 3, merchant: int = 0) -> Authorised:
        n = next(self._count)
        merchant_id = self.merchants[merchant]
        (quoted,) = checkout.quote(
            desk=self.desk, now=self.now(), wishes=[Wish(merchant_id, consumer_id, product, Money.parse(amount, "CNY"), periods)]
        )
        assert not isinstance(quoted, Refused), quoted
        purchase = Purchase(f"p{n}", merchant_id, f"REF-{n:04d}", consumer_id, quoted.quote_id)
        (outcome,) = checkout.authorise(desk=self.desk, now=self.now(), purchases=[purchase])
        assert isinstance(outcome, Authorised), outcome
        return outcome

    def capture(self, order_id: UUID, amount: str | None = None) -> Captured:
        money = Money.parse(amount, "CNY") if amount else None
        (outcome,) = checkout.capture(
            desk=self.desk, now=self.now(11), requests=[CaptureRequest(f"k{next(self._count)}", self.seller(order_id), order_id, money)]
        )
        assert isinstance(outcome, Captured), outcome
        return outcome

    def seller(self, order_id: UUID) -> UUID:
        """The merchant of an order; whose it would be where there is none."""
        found = order_book.orders([order_id])
        return found[order_id].merchant_id if found else self.merchants[0]

    def bought(self, amount: str = "1999.00", *, product: str = "free", periods: int = 3, merchant: int = 0) -> Captured:
        """A new consumer buys and gets the goods."""
        return self.capture(self.buy(self.consumer(), amount, product=product, periods=periods, merchant=merchant).order_id)

    def void(self, order_id: UUID) -> None:
        (outcome,) = checkout.void(
            desk=self.desk, now=self.now(12), requests=[VoidRequest(f"v{next(self._count)}", self.seller(order_id), order_id)]
        )
        assert not isinstance(outcome, Refused), outcome

    def refund(self, order_id: UUID, amount: str | None = None) -> None:
        money = Money.parse(amount, "CNY") if amount else None
        (outcome,) = refund.refund(
            desk=self.desk, now=self.now(13), requests=[RefundRequest(f"r{next(self._count)}", self.seller(order_id), order_id, money)]
        )
        assert not isinstance(outcome, Refused), outcome

    def repay(self, loan_id: UUID, amount: str | None = None, card: str = "card:1:ok", *, hour: int = 14) -> Repaid:
        money = Money.parse(amount, "CNY") if amount else None
        (outcome,) = repayment.repay(
            desk=self.desk, now=self.now(hour), requests=[RepayRequest(f"y{next(self._count)}", loan_id, money, card)]
        )
        assert isinstance(outcome, Repaid), outcome
        return outcome

    def settle(self) -> None:
        assert not isinstance(settlement.settle(desk=self.desk, now=self.now(9)), Refused)

    def poll_payouts(self) -> None:
        settlement.poll_payouts(desk=self.desk, now=self.now(9), paid_since=self.on - timedelta(days=7))

    def next_day(self, *, close: bool = True) -> None:
        """The clock passes midnight; the day before is closed."""
        self.on += timedelta(days=1)
        self.move_clock()
        if close:
            closed = close_of_day.close_day(desk=self.desk, now=self.now(1))
            assert isinstance(closed, Closed), closed
        else:
            assert close_of_day.roll_over(desk=self.desk, now=self.now(1)) is None

    def move_clock(self) -> None:
        """To one o'clock of the day it is."""
        with sql.transacting():
            moved = books.move_clock(book=self.desk.book, to=self.now(1))
        assert isinstance(moved, Book)
        self.desk = replace(self.desk, book=moved)

    def until(self, on: date) -> None:
        while self.on < on:
            self.next_day()

    def prove(self, *, loan_ids: Sequence[UUID] | None = None) -> None:
        """Every proof of a close holds now, and there was something to prove. All loans are replayed, unless some are named."""
        with sql.snapshot():
            proofs = proving.prove(book=self.desk.book, since=FIRST_DAY)
            assert not replay.verify(book=self.desk.book, loan_ids=loan_book.all_ids(self.book_id) if loan_ids is None else loan_ids)
        assert proofs
        wrong = {name: proof.detail for name, proof in proofs.items() if not proof.holds}
        assert not wrong, wrong

    def at_once(self, *acts: Callable[[], object]) -> list[object]:
        """Runs acts at the same moment, each on a connection of its own. One outcome an act: what it returned, or what it raised."""
        barrier = threading.Barrier(len(acts))

        def run(act: Callable[[], object]) -> object:
            try:
                sql.value("SELECT 1")
                barrier.wait(timeout=20)
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            futures = [pool.submit(run, act) for act in acts]
            return [future.exception(timeout=60) or future.result() for future in futures]

    def reconcile(self, *, without: Sequence[str] = ()) -> None:
        """The bills of yesterday, as the channel and the bank tell them."""
        yesterday = self.on - timedelta(days=1)
        files = reconciliation.fetch(desk=self.desk, on=yesterday)
        given = [FileIn(source, data, yesterday) for source, data in files.items() if source not in without]
        for found in reconciliation.reconcile(desk=self.desk, now=self.now(8), files=given):
            assert isinstance(found.outcome, DayOutcome), found


def _terms(code: str, payer: str, rate: Rate, rule_version: str, late: LateTerms) -> ProductTerms:
    return ProductTerms(
        code=code,
        name_zh={"free": "免息分期", "flex": "灵活分期"}[code],
        name_en={"free": "Interest-free plan", "flex": "Flexible plan"}[code],
        payer=payer,
        annual_rate=rate,
        periods=(3, 6, 12),
        minimum=Money(100_00, "CNY"),
        maximum=Money(50_000_00, "CNY"),
        day_count=DayCount.ACT_365,
        min_gap_days=10,
        rule_version=rule_version,
        jurisdiction="CN",
        lender_zh="示范小额贷款有限公司",
        lender_en="Example Lending Ltd",
        lender_licence="L0001",
        late=late,
    )


def _publish(work: UnitOfWork, authorisation_days: int, version: str, late: LateTerms) -> None:
    policies.establish(work=work, name=checkout.RISK_POLICY, value=RISK, valid_from=work.day.on)
    policies.establish(work=work, name=checkout.AUTHORISATION_DAYS, value=authorisation_days, valid_from=work.day.on)
    policies.establish(work=work, name=offers.CAPS, value=CAPS, valid_from=work.day.on)
    author, second = (replace(work, by=person(name)) for name in ("alice", "bob"))
    drafts = [
        DraftProduct("free", _terms("free", MERCHANT, Rate(0), version, late)),
        DraftProduct("flex", _terms("flex", CONSUMER, Rate(144_000), version, late)),
    ]
    for product in offers.draft_products(work=author, products=drafts):
        approval = one(offers.propose_publications(work=author, publications=[Publication(one([product]), "launch")]))
        outcome = offers.decide_publication(work=second, approval_id=approval, approve=True, reason="read")
        assert not isinstance(outcome, Refused), outcome


def _onboard(work: UnitOfWork, vault: Vault, settle_by: str) -> tuple[UUID, ...]:
    """A shop whose bank takes its money, and one whose bank sends it back a day later."""
    bodies = ["91110000MA0000001", "91110000MA0000002"]
    new = [
        NewMerchant(
            key=f"m{n}",
            code=f"shop-{n}",
            name_zh=f"{n}号店",
            name_en=f"Shop {n}",
            uscc=body + uscc.calc_check_digit(body),
            industry="media",
            settlement_account=account,
            settlement_account_kind="corporate",
            contract=ContractTerms(
                *(work.day.on, 6_000, 1, "online", ((3, 18_000), (6, 36_000)), "returned", Money(50_000_00, "CNY")),
                settle_by=settle_by,
            ),
        )
        for n, (body, account) in enumerate(zip(bodies, ("6222000000000001", "6222000009990003"), strict=True), start=1)
    ]
    return tuple(one([merchant]) for merchant in merchants.onboard(work=work, vault=vault, merchants=new))


def shop_opened(
    vault: Vault,
    ids: IdSource,
    on: date = FIRST_DAY,
    *,
    authorisation_days: int = 7,
    version: str = "2026-1",
    late: LateTerms = NO_LATE,
    settle_by: str = "whole",
) -> Shop:
    now = datetime.combine(on, time(8), ZONE)
    with sql.transacting():
        book = books.create(code=f"shop-{secrets.token_hex(6)}", legal_entity="Test Lender", mode="test", now=now, ids=ids, clock_at=now)
        ledger.make_partitions(first=on, months=5)
        day = days.open_first(book=book, on=on, now=now)
        payments.open_money_accounts(work=UnitOfWork(book, day, now, system_actor("test"), ids), accounts=SANDBOX_ACCOUNTS)
    desk = Desk(book, system_actor("test"), ids, vault, SandboxChannel(book), SandboxBank(book))
    with open_day(desk, now) as work:
        assert not isinstance(work, Refused)
        _publish(work, authorisation_days, version, late)
        made = _onboard(work, vault, settle_by)
    assert not isinstance(settlement.fund(desk=desk, now=now, key="funds", amount=Money(1_000_000_00, "CNY")), Refused)
    return Shop(desk, made, on)


@pytest.fixture
def shop(vault: Vault, ids: IdSource) -> Shop:
    return shop_opened(vault, ids)


@pytest.fixture
def lived_shop(vault: Vault, ids: IdSource) -> Shop:
    """One that lends by rule version 2026-2."""
    return shop_opened(vault, ids, version="2026-2")


@pytest.fixture
def late_shop(vault: Vault, ids: IdSource) -> Shop:
    """As `lived_shop`, opened on the last day from which the 25th is far enough away to fall due on: fewer days pass until then."""
    return shop_opened(vault, ids, LATE_DAY, version="2026-2")


@pytest.fixture(scope="module")
def patient_shop(vault: Vault) -> Shop:
    """One whose authorisations last nine days, for all tests of a file."""
    return shop_opened(vault, IdSource(secrets.randbits), authorisation_days=9)


@pytest.fixture
def other_shop(vault: Vault, ids: IdSource) -> Shop:
    """The same in another book."""
    return shop_opened(vault, ids)


@pytest.fixture
def shop_at_the_end_of_january(vault: Vault, ids: IdSource) -> Shop:
    return shop_opened(vault, ids, date(2027, 1, 31))
