"""Whether what a contract says of sharing can be: the band of the industry, and an agent that is there and is not the merchant itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from yuefu.errors import Refused
from yuefu.merchants.queries import payees as queries
from yuefu.merchants.rules import ContractTerms, payees
from yuefu.merchants.rules.sharing import BANDS, DEFAULT_BANDS, SHARING_INVALID, Bands, bands, outside
from yuefu.runtime import policies
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import Book

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a merchant wants: its industry, the keyed hash of its account, and the terms."""

    industry: str
    account_index: bytes
    terms: ContractTerms


def bands_of(book: Book, on: date) -> Bands:
    """The bands of a book on a day. A book from before there was a setting has those that a new one begins with."""
    try:
        return bands(policies.in_force(book_id=book.id, name=BANDS, on=on)[1])
    except MissingSetting:
        return bands(DEFAULT_BANDS)


def faults(book: Book, on: date, wanted: Mapping[K, Wanted]) -> dict[K, Refused]:
    """Why some cannot be, by what they are known by; contracts that share nothing are not among them."""
    sharing = {name: one for name, one in wanted.items() if one.terms.sharing}
    if not sharing:
        return {}
    of_book = bands_of(book, on)
    agents = sorted({one.terms.sharing.agent_id for one in sharing.values() if one.terms.sharing and one.terms.sharing.agent_id})
    lines = queries.lines(agent_ids=agents, book_id=book.id)
    accounts = queries.accounts(ids=agents)
    found = {}
    for name, one in sharing.items():
        assert one.terms.sharing
        agent_id = one.terms.sharing.agent_id
        fault = outside(one.terms.fee_rates, industry=one.industry, of=of_book) or _depth_fault(one.terms, of_book)
        if fault is None and agent_id:
            line = lines.get(agent_id, [])
            fault = _agent_fault(line[0] if line else None) or _self_fault(one, accounts[agent_id])
        if fault:
            found[name] = fault
    return found


def _depth_fault(terms: ContractTerms, of: Bands) -> Refused | None:
    assert terms.sharing
    deepest = max((one.level for one in terms.sharing.receivers if one.party == "agent"), default=0)
    return (
        None
        if deepest <= of.agent_depth
        else Refused(SHARING_INVALID, f"agents of {of.agent_depth} levels receive at most", "profit_share")
    )


def _agent_fault(agent: payees.Payee | None) -> Refused | None:
    if agent is None or agent.kind != "agent":
        return Refused(payees.UNKNOWN_PAYEE, "there is no such agent in this book", "agent")
    return None if agent.state == "active" else Refused(payees.PAYEE_ENDED, f"{agent.code} has ended", "agent")


def _self_fault(wanted: Wanted, account_index: bytes) -> Refused | None:
    """Who brings itself and is paid for it takes back a part of its own fee: it is not what an agent is for."""
    if wanted.account_index != account_index:
        return None
    return Refused(payees.ACCOUNT_OF_MERCHANT, "the agent is paid to the account of the merchant", "agent")
