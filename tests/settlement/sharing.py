"""What tests of shares have in common: agents, a host, and a contract that shares."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stdnum.cn import ric

from tests.settlement.scene import cny
from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.merchants.commands import payees
from yuefu.merchants.commands.payees import NewPayee
from yuefu.merchants.rules.sharing import ProfitShare, Receiver
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.settlement.queries import shares as share_book

_numbers = itertools.count(1)


def new_payee(code: str, kind: str = "agent", **changes: Any) -> NewPayee:
    number = next(_numbers)
    body = f"11010119900101{number % 1000:03d}"
    given = {
        "key": f"p{number}", "code": code, "kind": kind, "form": "person", "name_zh": "李雷", "name_en": "Li Lei",
        "identity": body + ric.calc_check_digit(body + "0"), "account": f"62170000{number:08d}", "account_kind": "personal",
    }  # fmt: skip
    return NewPayee(**(given | changes))


def register(work: UnitOfWork, vault: Vault, *new: NewPayee) -> list[UUID | Refused]:
    with sql.transacting():
        return payees.register(work=work, vault=vault, new=new)


@dataclass(frozen=True, slots=True)
class Others:
    """Who shares: an agent, the one above it, a host."""

    agent: UUID
    above: UUID
    host: UUID


def others(work: UnitOfWork, vault: Vault) -> Others:
    above, agent, host = register(work, vault, new_payee("north"), new_payee("harbour", parent="north"), new_payee("lin", "host"))
    assert isinstance(agent, UUID)
    assert isinstance(above, UUID)
    assert isinstance(host, UUID)
    return Others(agent, above, host)


def sharing(of: Others, **changes: Any) -> ProfitShare:
    """Of the price: the host 5 % and at most 80 yuan, the agent 2 % and 0.50, the one above 1 %; all of it back by an early default but the agent's half."""
    receivers = (
        Receiver("host", 50_000, cny(0), cap=cny(80_00)),
        Receiver("agent", 20_000, cny(50), default_ppm=500_000),
        Receiver("agent", 10_000, cny(0), level=2, on_refund="kept"),
    )
    given: dict[str, Any] = {"receivers": receivers, "agent_id": of.agent, "early_periods": 2, "early_days": 30}
    return ProfitShare(**(given | changes))


def owed(work: UnitOfWork) -> dict[str, int]:
    """What the ledger owes each party, which shares have too."""
    accounts = {party: AccountKey(f"{party}_share") for party in ("funder", "agent", "host")}
    balances = ledger.balances(work.book.id, list(accounts.values()), "CNY")
    said = {party: -balances[account].minor for party, account in accounts.items()}
    known = share_book.owed(book_id=work.book.id, currency="CNY")
    assert {party: known.get(party, 0) for party in said} == said
    return {party: minor for party, minor in said.items() if minor}
