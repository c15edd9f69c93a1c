"""The three levels of a reconciled day: made as files arrive and as days close, and kept whenever they say something else than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import carried
from yuefu.journeys.carried import SourceDay
from yuefu.journeys.close_of_day import KIND
from yuefu.journeys.desk import Desk, open_day
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.payments.entries import COMPONENTS
from yuefu.payments.queries import money_accounts
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.queries import MONEY_ACCOUNT
from yuefu.reconciliation.rules import levels as rules
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.levels import Account, Level
from yuefu.reconciliation.rules.references import Result
from yuefu.runtime import books, days, runs

_BILLS: Final = ("channel_trade", "channel_fund")
_BANKS: Final = ("bank", "bank_client")
_CLEARING: Final = ("collections_clearing", "purchase_clearing")
"""Accounts through which everything passes at once: by the end of a day nothing lies there."""


def of_day(*, book_id: UUID, on: date, sources: Sequence[SourceDay] | None = None) -> tuple[Level, ...]:
    """The levels of a day as they are now; `sources` are its statements, where somebody has them already. Reads only."""
    if sources is None:
        day = carried.day(book_id=book_id, on=on)
        sources = () if isinstance(day, Refused) else day.sources
    by_name = {source.source: source for source in sources}
    return (_transaction(by_name), _cash(book_id, on, by_name), _balance(book_id, on))


def keep(*, desk: Desk, now: datetime, on: Sequence[date]) -> int:
    """Keeps what the levels of some days say, where that is another than before; returns how many were."""
    kept = 0
    for each in on:
        made = of_day(book_id=desk.book.id, on=each)
        with open_day(desk, now) as work:
            if not isinstance(work, Refused):
                kept += reconciliation.keep_levels(work=work, on=each, levels=made)
    return kept


def catch_up(*, desk: Desk, now: datetime, days_back: int = 14) -> int:
    """The last days once more: one may have closed since its files came."""
    today = days.open_date(desk.book.id)
    past = days.past(book_id=desk.book.id, since=today - timedelta(days=days_back)) if today else []
    return keep(desk=desk, now=now, on=past)


def _transaction(sources: Mapping[str, SourceDay]) -> Level:
    return rules.transaction({name: _of_bill(sources.get(name)) for name in _BILLS})


def _of_bill(source: SourceDay | None) -> tuple[Verdict, Mapping[str, Any] | None]:
    if source is None or source.statement is None:
        return Verdict.INCOMPLETE, None
    told = source.statement
    breaks = len(told.having(Result.BREAK))
    return source.verdict, {
        "bill": told.bill,
        "books": told.books,
        "difference": told.net,
        "carried_on": told.closing,
        "breaks": breaks,
        "at_risk": told.at_risk,
    }


def _cash(book_id: UUID, on: date, sources: Mapping[str, SourceDay]) -> Level:
    book = books.by_id(book_id)
    assert book is not None, "its statements were read"
    held = {row.code: row.balance for row in ledger.trial_balance(book_id, posted_until=on) if row.balance.currency == book.currency}
    printed = found.printed_balances(book_id=book_id, on=on)
    accounts = money_accounts(book_id=book_id)
    nothing = Money.zero(book.currency)

    def account(name: str) -> tuple[Verdict, Account | None]:
        source = sources.get(name)
        if source is None or source.statement is None:
            return Verdict.INCOMPLETE, None
        ours = accounts[MONEY_ACCOUNT[name]]
        ledger_balance = held.get(COMPONENTS[ours.kind, ours.purpose], nothing)
        return source.verdict, Account(printed.get(name), ledger_balance, source.statement.closing)

    clearing = {code: held.get(code, nothing) for code in _CLEARING}
    return rules.cash({name: account(name) for name in _BANKS}, clearing)


def _balance(book_id: UUID, on: date) -> Level:
    run = runs.on_day(book_id=book_id, kind=KIND, on=on)
    if run is None:
        return rules.balance(closed=False, failed=(), proofs=())
    state, steps = run
    prove = next(step for step in steps if step.name == "prove")
    told = dict(prove.detail)
    failed = tuple(told.pop("failed", ()))
    return rules.balance(closed=state == "done", failed=failed, proofs=sorted(told))
