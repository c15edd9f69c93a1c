"""Chromium against a server in this process, and people with roles."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Literal
from unittest import mock
from uuid import UUID
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, override_settings
from stdnum.cn import ric

from tests.web import sample_site as sample_site_of
from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.consumers import commands as consumers
from yuefu.consumers.rules import Consent
from yuefu.dates.daycount import DayCount
from yuefu.ids import IdSource
from yuefu.merchants import commands as merchants
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.offers.rules.product import ProductTerms
from yuefu.offers.rules.quote import Quote, QuoteRequest, price
from yuefu.orders import commands as orders
from yuefu.orders.rules import Order
from yuefu.risk import commands as risk
from yuefu.risk.rules.decision import Decision, Features
from yuefu.runtime import books, sql
from yuefu.runtime import vault as vaults
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.web import places

MakeWork = Callable[..., UnitOfWork]
PASSWORD = "a-long-password-for-tests"

LOGINS = [
    {"role": "finance", "login": "finance@demo", "password": "correct-horse-1"},
    {"role": "merchant_owner", "login": "owner@harbour-records", "password": "correct-horse-2"},
]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="session", autouse=True)
def _host() -> Iterator[None]:
    """The name by which Django's test client asks is a host of ours."""
    with override_settings(ALLOWED_HOSTS=["127.0.0.1", "localhost", "testserver"]):
        yield


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that shows the real pages with sample values, through the real middleware."""
    home = tmp_path_factory.mktemp("home")
    (home / "demo").mkdir()
    (home / "demo" / "logins.json").write_text(json.dumps(LOGINS))
    open_to = mock.patch.object(places, "open_to", sample_site_of.open_to)
    with open_to, override_settings(ROOT_URLCONF="tests.web.sample_site", YUEFU_HOME=home, YUEFU_DEMO=True):
        server = make_server("127.0.0.1", 0, StaticFilesHandler(WSGIHandler()), server_class=_Server, handler_class=_Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def person(make_work: MakeWork) -> Callable[..., Client]:
    """`person("finance")`, `person("merchant_owner", merchant_id)`: a browser in which somebody with that role has logged in."""

    def log_in(role: str | None, merchant_id: UUID | None = None, *, book: Book | None = None) -> Client:
        work = replace(make_work(), book=book) if book else make_work()
        login = f"{role or 'nobody'}-{work.ids.new(work.now).hex}"
        with sql.transacting():
            (user_id,) = access.create_users(work=work, users=[access.NewUser(login, "Test Person", PASSWORD)])
            assert isinstance(user_id, UUID), user_id
            if role is not None:
                (granted,) = access.grant(work=work, memberships=[access.Grant(user_id, role, merchant_id)])
                assert isinstance(granted, UUID), granted
        browser = Client(raise_request_exception=False)
        assert browser.post("/login/", {"username": login, "password": PASSWORD}).status_code == 302
        return browser

    return log_in


@pytest.fixture
def second_book(ids: IdSource) -> Book:
    return _book(ids, "test")


@pytest.fixture
def live_book(ids: IdSource) -> Book:
    """The youngest book of all is a live one."""
    return _book(ids, "live")


def _book(source: IdSource, mode: Literal["test", "live"]) -> Book:
    now = datetime.now(UTC) if mode == "live" else datetime(2026, 10, 1, 2, tzinfo=UTC)
    with sql.transacting():
        return books.create(code=f"{mode}-{secrets.token_hex(6)}", legal_entity="Second Lender", mode=mode, now=now, ids=source)


@pytest.fixture
def vault_file(tmp_path: Path) -> Iterator[Path]:
    """A key file where the settings say there is one."""
    path = tmp_path / "keys.json"
    vaults.create(path)
    with override_settings(YUEFU_KEYS_FILE=path):
        yield path


@dataclass(frozen=True)
class Placed:
    """A declined order in the database, at one of two merchants of the book."""

    order_id: UUID
    public_id: str
    reference: str
    merchant_id: UUID
    other_merchant_id: UUID


@pytest.fixture
def placed(work: UnitOfWork, vault: Vault) -> Placed:
    with sql.transacting():
        ours, theirs = merchants.onboard(work=work, vault=vault, merchants=[_merchant(1), _merchant(2)])
        (consumer_id,) = consumers.register(work=work, vault=vault, consumers=[_consumer()])
        assert isinstance(ours, UUID), ours
        assert isinstance(theirs, UUID), theirs
        assert isinstance(consumer_id, UUID), consumer_id
        reference = f"SHOP-{work.ids.new(work.now).hex[-12:]}"
        order_id = place_declined(work, ours, consumer_id, reference)
    return Placed(order_id, public.text("order", order_id), reference, ours, theirs)


def place_declined(work: UnitOfWork, merchant_id: UUID, consumer_id: UUID, reference: str) -> UUID:
    """An order that was shown, decided and declined."""
    order_id, decision_id = work.ids.many(work.now, 2)
    amount, nothing = Money(199900, "CNY"), Money(0, "CNY")
    features = Features(
        consumer_id, merchant_id, amount, 3, 36, False, "active", None, nothing, nothing, 0, nothing, None, "active", "published"
    )
    decision = Decision("declined", ("no_credit_account",), 1)
    risk.record(work=work, decisions=[risk.Decided(decision_id, order_id, features, decision)])
    product_id, kept = _shown(work, amount, merchant_id, consumer_id)
    order = Order(
        order_id, merchant_id, consumer_id, None, reference, product_id, "free", "online", "CNY", 199900, 0, 0, 0, 0, 3, "declined",
        work.now, None, 1, 0, "actual/365", "1", 0, 0, kept.disclosure_id, kept.quote_id, consumer_id, decision_id, 1,
        work.day.on,
    )  # fmt: skip
    orders.place(work=work, orders=[order])
    return order_id


def _shown(work: UnitOfWork, amount: Money, merchant_id: UUID, consumer_id: UUID) -> tuple[UUID, offers.Kept]:
    """A draft of an interest-free plan, and the record that it was shown."""
    terms = ProductTerms(
        code="free", name_zh="免息分期", name_en="Interest-free plan", payer="merchant", annual_rate=Rate(0), periods=(3,),
        minimum=Money(3, "CNY"), maximum=amount, day_count=DayCount.ACT_365, min_gap_days=10, rule_version="2026-1", jurisdiction="CN",
        lender_zh="示范小额贷款有限公司", lender_en="Example Lending Ltd", lender_licence="L0001",
    )  # fmt: skip
    (product_id,) = offers.draft_products(work=work, products=[offers.DraftProduct("d", terms)])
    assert isinstance(product_id, UUID), product_id
    priced = price(QuoteRequest(products.products(ids=[product_id])[product_id], amount, 3, work.day.on))
    assert isinstance(priced, Quote), priced
    (kept,) = offers.show(work=work, showings=[offers.Showing(priced, merchant_id, consumer_id, "zh")])
    return product_id, kept


def _merchant(number: int) -> merchants.NewMerchant:
    terms = ContractTerms(date(2026, 1, 1), 6_000, 1, "online", ((3, 18_000),), "returned", Money(50_000, "CNY"))
    return merchants.NewMerchant(
        f"k{number}", f"shop-{number}", "唱片店", "Record shop", "91110000600037341L", "media", "6222020200112233445", "corporate", terms
    )


def _consumer() -> consumers.NewConsumer:
    body = "11010119900307001"
    number = body + ric.calc_check_digit(body + "0")
    return consumers.NewConsumer("k1", "c-1", "王小明", "13800000001", number, consents=(Consent("credit", "v1", "0" * 64),))


@dataclass
class Visit:
    """A page opened in the browser, and whatever it complained about meanwhile."""

    page: Any
    complaints: list[str]


@pytest.fixture(scope="session")
def windows(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`windows(width, js, dark)`: one of the browser's profiles, each with a cache that its pages share, as a visitor's do."""
    opened: dict[tuple[int, bool, bool], Any] = {}

    def window(width: int, js: bool, dark: bool) -> Any:
        if (width, js, dark) not in opened:
            opened[width, js, dark] = chromium.new_context(
                viewport={"width": width, "height": 800 if width > 600 else 740},
                java_script_enabled=js,
                color_scheme="dark" if dark else "light",
                locale="en-GB",
                reduced_motion="reduce",
            )
        return opened[width, js, dark]

    yield window
    for each in opened.values():
        each.close()


@pytest.fixture
def visit(windows: Callable[..., Any], sample_site: str) -> Iterator[Any]:
    """`visit(path, width=…, language="en"|"zh-hans", js=True, dark=False)` opens a page of the sample site, as somebody who comes for the first time."""
    pages: list[Any] = []

    def open_page(path: str, *, width: int = 1280, language: str = "en", js: bool = True, dark: bool = False) -> Visit:
        window = windows(width, js, dark)
        window.clear_cookies()
        window.add_cookies([{"name": "django_language", "value": language, "url": sample_site}])
        page = window.new_page()
        pages.append(page)
        found = Visit(page, [])
        page.on("console", lambda message: found.complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.goto(sample_site + path, wait_until="load")
        return found

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Where screenshots are kept for a person to look at, YUEFU_SHOTS; without it none are taken."""
    given = os.environ.get("YUEFU_SHOTS")
    if given is None:
        return None
    place = Path(given)
    place.mkdir(parents=True, exist_ok=True)
    return place
