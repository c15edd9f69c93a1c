"""The `yuefu` command in this process, against a world of its own: three shops and one buyer."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from yuefu.cli.main import main
from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.journeys.desk import open_day
from yuefu.runtime import books
from yuefu.runtime import vault as vaults
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.sim import people, world

FIRST_DAY = date(2026, 10, 12)
UTC_MOMENT = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(\+00:00|Z)")
"""How a moment looks that came as it is stored; the books of these tests are in China."""


@dataclass(frozen=True)
class Answer:
    """What one command line gave."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> Any:
        """The last line of standard output as JSON."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def code(self) -> str:
        return str(self.last["error"]["code"])


Command = Callable[..., Answer]


@pytest.fixture
def raw(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`raw("order", "list")`: one command line as it is typed."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level

    def run(*words: str) -> Answer:
        capsys.readouterr()
        status = main(words)
        said = capsys.readouterr()
        as_stored = "quarantine" in words  # it shows requests and outcomes as they were written down
        assert as_stored or not UTC_MOMENT.search(said.out), "moments are told in the zone of the book"
        return Answer(status, said.out, said.err)

    yield run
    logging.getLogger().handlers, logging.getLogger().level = handlers, level


@dataclass(frozen=True)
class Town:
    book: str
    buyer: str


@pytest.fixture(scope="session")
def keys() -> Vault:
    """The keys of all tests, made before the first: commands make none where books are there already, and other tests leave some."""
    return vaults.load(Path(os.environ["YUEFU_KEYS_FILE"]))


@pytest.fixture(scope="session")
def town(keys: Vault) -> Town:
    """The book of all tests that do not mind where its clock stands."""
    return a_town(keys)


def a_town(vault: Vault) -> Town:
    """A book with products, shops, money, and one adult with a credit line, on its first day."""
    code = f"cli-{secrets.token_hex(4)}"
    made = world.found(first_day=FIRST_DAY, seed=secrets.randbits(40), vault=vault, months=2, code=code, people=False)
    buyer = people.customer(number="00004", seed=7, as_of=FIRST_DAY)
    with open_day(made.desk, books.now_in(made.desk.book)) as work:
        assert isinstance(work, UnitOfWork)
        (buyer_id,) = consumers.register(work=work, vault=vault, consumers=[buyer.new])
        opened = credit.open_accounts(
            work=work,
            accounts=[OpenAccount("one", buyer_id, buyer.limit, buyer.repayment_day, buyer.repayment_day, 1)],  # type: ignore[arg-type]
        )
    assert len(opened) == 1
    return Town(code, buyer.new.external_ref)


@pytest.fixture
def cli(raw: Command, town: Town) -> Command:
    """`cli("order", "list")`: the command in the town's book, with --json."""

    def run(*words: str) -> Answer:
        return raw(*words, "--json", "--book", town.book)

    return run


@pytest.fixture
def shown(cli: Command, town: Town) -> Callable[..., str]:
    """`shown(amount="30.00")`: a quote to the buyer."""

    def quote(*, amount: str = "30.00", periods: int = 3, merchant: str = "record-house") -> str:
        quoted = cli("quote", "--amount", amount, "--periods", str(periods), "--consumer", town.buyer, "--merchant", merchant)
        assert quoted.status == 0, quoted.out
        return str(quoted.last["quote"])

    return quote


@pytest.fixture
def authorised(cli: Command, town: Town, shown: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """`authorised(amount="30.00")`: an approved order."""

    def make(*, amount: str = "30.00", merchant: str = "record-house") -> dict[str, Any]:
        reference = f"R-{secrets.token_hex(5)}"
        made = cli(
            "order", "authorise", "--quote", shown(amount=amount, merchant=merchant), "--consumer", town.buyer,
            "--reference", reference, "--merchant", merchant,
        )  # fmt: skip
        assert made.status == 0, made.out
        assert made.last["decision"] == "approved", made.out
        return {**made.last, "reference": reference}

    return make


@pytest.fixture
def person(cli: Command) -> Callable[..., str]:
    """`person("finance")`: the login of a new user with a role."""

    def add(role: str, merchant: str | None = None) -> str:
        login = f"{re.sub('_', '-', role)}-{secrets.token_hex(4)}"
        made = cli("user", "add", login, "--role", role, *(("--merchant", merchant) if merchant else ()))
        assert made.status == 0, made.out
        return login

    return add
