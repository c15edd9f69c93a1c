"""Tests run on a real PostgreSQL, as the real roles, with committed data. Each test has a book of its own, so nothing needs cleaning up.

The controlling process starts one temporary cluster (or uses the server of DATABASE_URL) and migrates a template database;
every worker process works in its own copy of it.
"""

from __future__ import annotations

import atexit
import os
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql as pgsql

# The same examples each time, so that a red test is the fault of a change; `HYPOTHESIS_PROFILE=searching` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

SHANGHAI = ZoneInfo("Asia/Shanghai")
SETTINGS = {"max_connections": "200", "fsync": "off", "full_page_writes": "off"}
"""Of the server of tests. It need not outlive a power cut: what is proven to has a server of its own (`tests/runtime/test_cluster.py`, `yuefu.proofs`)."""

_cleanup = ExitStack()


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _template() -> str:
    """URL of a migrated template database on the server the tests use; made once by the controlling process."""
    from tests import homes
    from yuefu.runtime import cluster, provision

    given = os.environ.get("DATABASE_URL")
    if given:
        server, name = given, f"yuefu_test_{os.getpid()}"
        os.environ["YUEFU_TEST_SERVER"] = server
        with psycopg.connect(given, autocommit=True) as owner:
            owner.execute(pgsql.SQL("CREATE DATABASE {}").format(pgsql.Identifier(name)))
        url = _with_database(server, name)
        _cleanup.callback(_drop, given, name)
    else:
        running = _cleanup.enter_context(cluster.temporary(say=lambda text: None, settings=SETTINGS))
        url = provision.prepare_cluster(running.address)
    os.environ["DATABASE_URL"] = url
    provision.migrate(url, say=lambda text: None)
    if not given:
        homes.keep(running)
    from django.db import connections

    connections.close_all()
    return url


def _drop(server: str, name: str) -> None:
    from yuefu.runtime import provision

    with psycopg.connect(server, autocommit=True) as owner:
        provision.drop_database(owner, name)


def _own_copy(template: str) -> str:
    """A copy of the template for this process; it goes with the cluster, or with the process where the server is not ours."""
    source = urlsplit(template).path.lstrip("/")
    name = f"{source}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    server = os.environ.get("YUEFU_TEST_SERVER") or _with_database(template, "postgres")
    with psycopg.connect(server, autocommit=True) as owner:
        owner.execute(pgsql.SQL("CREATE DATABASE {} TEMPLATE {}").format(pgsql.Identifier(name), pgsql.Identifier(source)))
        # What a database lets whom do is not copied with it.
        owner.execute(pgsql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(pgsql.Identifier(name)))
    if os.environ.get("YUEFU_TEST_SERVER"):
        _cleanup.callback(_drop, server, name)
    return _with_database(template, name)


def _keys(path: Path) -> None:
    from yuefu.runtime import vault

    if not path.exists():
        vault.create(path)
        _cleanup.callback(path.unlink, missing_ok=True)


def _set_up() -> None:
    home = Path(os.environ.setdefault("YUEFU_HOME", f"/tmp/yuefu-tests-{os.getpid()}"))
    os.environ["YUEFU_KEYS_FILE"] = str(home / "keys.json")
    template = os.environ.get("YUEFU_TEST_TEMPLATE")
    if template is None:
        _keys(home / "keys.json")  # here, before there are workers who would both find none
        template = _template()
        os.environ["YUEFU_TEST_TEMPLATE"] = template
    if "PYTEST_XDIST_WORKER" in os.environ or not os.environ.get("PYTEST_XDIST_TESTRUNUID"):
        os.environ["DATABASE_URL"] = _own_copy(template)
    os.environ["DJANGO_SETTINGS_MODULE"] = "yuefu.config.settings"
    import django
    from django.conf import settings
    from django.db import connections

    from yuefu.runtime.databases import django_databases

    django.setup()
    settings.DATABASES = django_databases()
    settings.PASSWORD_HASHERS = ["tests.passwords.Quick"]  # many tests make users; one of them makes the real hash
    connections.close_all()
    connections.settings = connections.configure_settings(settings.DATABASES)
    for alias in settings.DATABASES:  # wrappers made for the template keep its address
        if hasattr(connections._connections, alias):
            delattr(connections._connections, alias)


atexit.register(_cleanup.close)
_set_up()

from yuefu.errors import Refused  # noqa: E402
from yuefu.ids import IdSource  # noqa: E402
from yuefu.ledger import commands as ledger  # noqa: E402
from yuefu.payments import commands as payments  # noqa: E402
from yuefu.payments.rules import SANDBOX_ACCOUNTS  # noqa: E402
from yuefu.runtime import books, days, sql  # noqa: E402
from yuefu.runtime import vault as vaults  # noqa: E402
from yuefu.runtime.values import Actor, Book, BusinessDay, UnitOfWork, system_actor  # noqa: E402
from yuefu.runtime.vault import Vault  # noqa: E402

MakeWork = Callable[..., UnitOfWork]


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return vaults.create(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture
def ids() -> IdSource:
    return IdSource(random.Random(secrets.randbits(64)).getrandbits)


@pytest.fixture
def book(ids: IdSource) -> Book:
    """A fresh test book whose first open day is 2026-10-01; its clock stands at 10:00 there."""
    now = datetime.combine(date(2026, 10, 1), time(10), SHANGHAI)
    with sql.transacting():
        made = books.create(code=f"test-{secrets.token_hex(6)}", legal_entity="Test Lender", mode="test", now=now, ids=ids, clock_at=now)
        ledger.make_partitions(first=date(2026, 9, 1), months=6)
        day = days.open_first(book=made, on=date(2026, 10, 1), now=now)
        payments.open_money_accounts(work=UnitOfWork(made, day, now, system_actor("test"), ids), accounts=SANDBOX_ACCOUNTS)
    return made


@pytest.fixture
def make_work(book: Book, ids: IdSource) -> MakeWork:
    """`make_work()`, `make_work(on=date, at=time, by=Actor)`: the surroundings of a batch in this test's book."""

    def make(*, on: date = date(2026, 10, 1), at: time = time(10), by: Actor | None = None, state: str = "open") -> UnitOfWork:
        now = datetime.combine(on, at, SHANGHAI)
        return UnitOfWork(book, BusinessDay(book.id, on, state), now, by or system_actor("test"), ids)  # type: ignore[arg-type]

    return make


@pytest.fixture
def work(make_work: MakeWork) -> UnitOfWork:
    return make_work()


@pytest.fixture
def next_day(book: Book, make_work: MakeWork) -> Callable[[UnitOfWork], UnitOfWork]:
    """Rolls the book over and returns the surroundings of the following day, 10:00. Days stay `closing` behind it."""

    def roll(work: UnitOfWork) -> UnitOfWork:
        following = work.day.on + timedelta(days=1)
        later = replace(work, now=datetime.combine(following, time(0, 0, 1), SHANGHAI))
        with sql.transacting():
            rolled = days.roll_over(book=book, now=later.now)
        assert not isinstance(rolled, Refused), rolled
        return make_work(on=following)

    return roll


@pytest.fixture
def as_role() -> Iterator[Callable[[str], psycopg.Connection[tuple[object, ...]]]]:
    """A raw connection as `default` (writer), `reader`, `staff` or `owner`, for attacks by SQL."""
    from django.db import connections

    opened: list[psycopg.Connection[tuple[object, ...]]] = []

    def connect(alias: str) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(**connections[alias].get_connection_params() | {"cursor_factory": psycopg.Cursor})
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


LONGEST_FIRST = ("tests/proofs/", "tests/cli/test_kept_world", "tests/cli/test_the_script", "tests/sim/", "tests/journeys/", "tests/cli/")
"""Where tests take long. Each file is one process's, so what is begun last had better be short: else one process works and the other waits."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, each in its own order."""

    def place(item: pytest.Item) -> int:
        return next((place for place, path in enumerate(LONGEST_FIRST) if item.nodeid.startswith(path)), len(LONGEST_FIRST))

    items.sort(key=place)
    # The browser's driver leaves an event loop running in this thread, in which Django asks no database: what needs none comes before.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, one for all tests of a process: its driver keeps an event loop, and there is room for one."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing: apt-get install chromium fonts-noto-cjk"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
