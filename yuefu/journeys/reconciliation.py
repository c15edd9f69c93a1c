"""Reconciliation of a day: the bills of the channel and the bank against what was booked, source by source.

The bills of D arrive on D+1. A file that cannot be read leaves nothing behind; a day that cannot be run stays failed, with an alarm,
and is run again by the worker, from the file that is there. A closed day is never opened: corrections are posted to the open day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from yuefu.errors import Refused
from yuefu.journeys import breaks, levels
from yuefu.journeys.desk import Desk, open_day
from yuefu.payments import queries as payments
from yuefu.payments.rules import CHANNEL, CLIENT, OPERATING
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import DayOutcome, FileIn, Received
from yuefu.reconciliation.gateways.reading import read_one
from yuefu.runtime import days
from yuefu.runtime.logs import logger
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement

SOURCES: Final = ("channel_trade", "channel_fund", "bank", "bank_client")
_PAYS: Final = ("bank_client", "bank")
"""Where payouts leave; before there was an account for client money they left the own one."""

_NUMBERS: Final = {"channel_trade": CHANNEL, "channel_fund": CHANNEL, "bank": OPERATING, "bank_client": CLIENT}

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of one file: received (or again), and its day's outcome, or why not. Of one of several days, `days` has the outcome of each, and
    `outcome` is that of the last, or of the first that was refused.
    """

    source: str
    on: date | None
    received: Received | Refused
    outcome: DayOutcome | Refused | None
    days: tuple[tuple[date, DayOutcome | Refused], ...] = ()


def fetch(*, desk: Desk, on: date) -> dict[str, bytes]:
    """The files of a day, one a source, as the channel and the bank give them."""
    return {source: _fetched(desk, source, on) for source in SOURCES}


def _fetched(desk: Desk, source: str, on: date) -> bytes:
    if source == "channel_trade":
        return desk.channel.trade_bill(on=on)
    if source == "channel_fund":
        return desk.channel.fund_flow(on=on)
    account = payments.money_accounts(book_id=desk.book.id)[_NUMBERS[source]]
    return desk.bank.statement(account=account.number, on=on)


def reconcile(*, desk: Desk, now: datetime, files: Sequence[FileIn], accounts: Mapping[str, str] | None = None) -> list[Reconciled]:
    """Receives files and reconciles the days they complete, in order of days. One outcome a file, in order.

    `accounts` gives the number that the files of a source must name, where their layout has one: those of our accounts at the channel and the bank
    unless given. A day that breaks keeps none of the others; what broke is raised in the end.
    """
    if accounts is None:
        ours = payments.money_accounts(book_id=desk.book.id)
        accounts = {source: ours[code].number for source, code in _NUMBERS.items() if code in ours}
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return [Reconciled(file.source, file.on, work, None) for file in files]
        received = reconciliation.receive_files(work=work, files=files, read=read_one, accounts=accounts)
    completed = sorted({(one.on, one.source) for r in received if isinstance(r, Received) for one in r.days})
    outcomes, errors = _run_all(desk, now, completed)
    levels.keep(desk=desk, now=now, on=sorted({on for on, _ in outcomes}))
    _raise(errors)
    return [
        _reconciled(given, outcomes) if isinstance(given, Received) else Reconciled(file.source, file.on, given, None)
        for file, given in zip(files, received, strict=True)
    ]


def _reconciled(given: Received, outcomes: Mapping[tuple[date, str], DayOutcome | Refused]) -> Reconciled:
    of_days = tuple((file.on, outcomes[file.on, file.source]) for file in given.days)
    chief = next((outcome for _, outcome in of_days if isinstance(outcome, Refused)), of_days[-1][1])
    return Reconciled(given.file.source, given.file.on, given, chief, of_days)


def catch_up(*, desk: Desk, now: datetime, days_back: int = 14) -> list[Reconciled]:
    """Fetches and reconciles what is not done of the days before the open one, the oldest first. A day whose file is there, because that came before the
    day was over, or because it failed, is run with that file first. One outcome a file that was fetched. Each source and day has its turn whatever becomes
    of the others; what broke is raised in the end.
    """
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return []
        today = work.day.on
    ran, errors = _run_all(desk, now, found.days_to_run(book_id=desk.book.id, before=today))
    if done := sorted({on for (on, _), outcome in ran.items() if isinstance(outcome, DayOutcome)}):
        levels.keep(desk=desk, now=now, on=done)
    since = today - timedelta(days=days_back)
    there = {(b.on, b.source) for b in found.day_bridges(book_id=desk.book.id, since=since, until=today - timedelta(days=1))}
    outcomes = []
    for on in days.past(book_id=desk.book.id, since=since):
        files = []
        for source in SOURCES:
            if (on, source) not in there:
                try:
                    files.append(FileIn(source, _fetched(desk, source, on), on))
                except Exception as error:  # noqa: BLE001 - raised below, when the others have had their turn
                    errors.append(error)
        try:
            outcomes += reconcile(desk=desk, now=now, files=files)
        except Exception as error:  # noqa: BLE001 - raised below, when the others have had their turn
            errors.append(error)
    _raise(errors)
    return outcomes


def _run_all(
    desk: Desk, now: datetime, wanted: Sequence[tuple[date, str]]
) -> tuple[dict[tuple[date, str], DayOutcome | Refused], list[Exception]]:
    """What became of sources and days, and what broke."""
    outcomes, errors = {}, []
    for on, source in wanted:
        try:
            outcomes[on, source] = _run(desk, now, source, on)
        except Exception as error:  # noqa: BLE001 - raised by the caller, when the others have had their turn
            errors.append(error)
    return outcomes, errors


def _raise(errors: Sequence[Exception]) -> None:
    if len(errors) > 1:
        raise ExceptionGroup("several failed", errors)
    if errors:
        raise errors[0]


def _run(desk: Desk, now: datetime, source: str, on: date) -> DayOutcome | Refused:
    """One source and day in one transaction; an exception is noted on the day and leaves nothing half done."""
    try:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            by = breaks.working_of(work.book.id, work.day.on)
            outcome = reconciliation.reconcile_day(work=work, source=source, on=on, by=by, matching=desk.matching())
            if source in _PAYS and isinstance(outcome, DayOutcome) and not outcome.again:
                _settle(desk, source, on, work)
            return outcome
    except Exception as error:
        log.error("reconciliation failed", source=source, day=str(on), error=repr(error))
        with open_day(desk, now) as work:
            if not isinstance(work, Refused):
                reconciliation.fail_day(work=work, source=source, on=on, reason=repr(error))
        raise


def _settle(desk: Desk, source: str, on: date, work: UnitOfWork) -> None:
    """Batches whose payout the bank shows as we booked it are reconciled."""
    matched = found.matched_references(book_id=desk.book.id, source=source, on=on, kind="payout")
    paid = payments.payouts_by_reference(book_id=desk.book.id, references=matched)
    batch_ids = {p.batch_id for p in paid.values() if p.state == "paid" and p.merchant_id}
    settlement.mark_reconciled(work=work, batch_ids=sorted(batch_ids))
    settlement.mark_shares_reconciled(work=work, references=matched)
