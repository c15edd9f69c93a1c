"""Receiving bills: read as a whole, checked, kept, or refused with nothing stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.reconciliation import queries
from yuefu.reconciliation.queries import BillFile
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

# Beside the codes of BillError, which say what is wrong with a file.
UNKNOWN_SOURCE = "unknown_source"
WRONG_SOURCE = "wrong_source"  # a trade bill given as a fund flow, or the other way round
FOREIGN_ACCOUNT = "foreign_account"  # the bill of another merchant number
OTHER_DAY = "other_day"  # the lines are of another day than the file was said to be of
SEVERAL_DAYS = "several_days"
DAY_UNKNOWN = "day_unknown"  # an empty bill does not say its day: give it
DAY_NOT_BEGUN = "day_not_begun"  # no honest bill is of a day to come
DAY_HAS_A_FILE = "day_already_has_a_file"  # this source and day has a file with other content

_LAYOUTS: Final = {
    "channel_trade": ("wechat.trade.ALL", "wechat.trade.SUCCESS", "wechat.trade.REFUND", "alipay.trade"),
    "channel_fund": ("wechat.fundflow.", "alipay.account"),
    "bank": ("wechat.fundflow.", "bank."),
    "bank_client": ("wechat.fundflow.", "bank."),
}
"""The layouts that a source may come in."""


@dataclass(frozen=True, slots=True)
class FileIn:
    """A bill as it came. `on` is needed for a bill without lines and checked for any other."""

    source: str
    data: bytes
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is there. `again`: it was received before, nothing changed."""

    file: BillFile
    again: bool


def receive_files(
    *, work: UnitOfWork, files: Sequence[FileIn], read: Callable[[bytes], Bill], accounts: Mapping[str, str]
) -> list[Received | Refused]:
    """Reads and stores bills; one outcome each, in order. A refused file leaves nothing behind and disturbs no other.

    `read` is the reader of a file of one bill (gateways.reading.read_one); `accounts` gives the account a source must be of, where its layout
    states one. The same content again is Received with `again`. Refused with the code of a BillError or one of this module's.
    """
    # Two deliveries of one day queue here: the second one finds the first.
    locks.wait(locks.BILL_FILES, work.book.id)
    read_bills = [_not_ahead(_read(file, read, accounts, work.book.currency), work.day.on) for file in files]
    days = [(file.source, on) for file, given in zip(files, read_bills, strict=True) if not isinstance(given, Refused) for on in [given[1]]]
    known = queries.files_of_days(book_id=work.book.id, days=days)
    outcomes: list[Received | Refused] = []
    fresh: list[tuple[BillFile, Bill, bytes]] = []
    for file, given in zip(files, read_bills, strict=True):
        if isinstance(given, Refused):
            outcomes.append(given)
            continue
        bill, on = given
        earlier = known.get((file.source, on))
        if earlier is not None:
            same = earlier.sha256 == bill.sha256
            outcomes.append(Received(earlier, True) if same else Refused(DAY_HAS_A_FILE, f"{file.source} of {on} has another file", "data"))
            continue
        kept = _kept(work, file.source, on, bill)
        known[file.source, on] = kept
        fresh.append((kept, bill, file.data))
        outcomes.append(Received(kept, False))
    _store(work, fresh)
    return outcomes


def _read(file: FileIn, read: Callable[[bytes], Bill], accounts: Mapping[str, str], currency: str) -> tuple[Bill, date] | Refused:
    layouts = _LAYOUTS.get(file.source)
    if layouts is None:
        return Refused(UNKNOWN_SOURCE, f"a source is one of {', '.join(_LAYOUTS)}", "source")
    try:
        bill = read(file.data)
    except BillError as error:
        return Refused(error.code, error.detail, "data")
    if not bill.layout.startswith(layouts):
        return Refused(WRONG_SOURCE, f"this is a file of layout {bill.layout}, not one of {file.source}", "source")
    expected = accounts.get(file.source, "")
    if expected and bill.account not in ("", expected):
        return Refused(FOREIGN_ACCOUNT, f"the file is of account {bill.account[:40]}, not of {expected}", "data")
    if bill.since is not None:
        return Refused(SEVERAL_DAYS, f"the file is of {bill.since} to {bill.on}: a book receives one day after the other", "data")
    if bill.currency != currency:
        return Refused("other_currency", f"the file is in {bill.currency}, the book in {currency}", "data")
    if file.on is not None and bill.on is not None and file.on != bill.on:
        return Refused(OTHER_DAY, f"the lines are of {bill.on}, not of {file.on}", "on")
    on = bill.on or file.on
    return (bill, on) if on else Refused(DAY_UNKNOWN, "the bill has no lines and does not say its day; give it", "on")


def _not_ahead(given: tuple[Bill, date] | Refused, today: date) -> tuple[Bill, date] | Refused:
    """The bill of today may come early and waits for the day to be over; one of a day to come would stand before all that are real."""
    if not isinstance(given, Refused) and given[1] > today:
        return Refused(DAY_NOT_BEGUN, f"the bill is of {given[1]}, today is {today} in this book", "on")
    return given


def _kept(work: UnitOfWork, source: str, on: date, bill: Bill) -> BillFile:
    new_id = work.ids.new(work.now)
    return BillFile(new_id, source, on, bill.sha256, bill.layout, bill.account, bill.currency, len(bill.lines), dict(bill.totals), work.now)


def _store(work: UnitOfWork, fresh: Sequence[tuple[BillFile, Bill, bytes]]) -> None:
    for file, _, data in fresh:
        packed = data if data.startswith(b"\x1f\x8b") else gzip.compress(data, mtime=0)
        sql.run(
            "INSERT INTO reconciliation_file (id, book_id, source, on_date, sha256, layout, account, currency, line_count, totals, content,"
            " received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(file.id, work.book.id, file.source, file.on, file.sha256, file.layout, file.account, file.currency, file.line_count),
                *(dumps(file.totals), packed, file.received_at),
            ],
        )
    _store_lines(work, fresh)
    days = work.ids.many(work.now, len(fresh))
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "source": "text",
        "on_date": "date",
        "state": "text",
        "file_id": "uuid",
        "differences": "jsonb",
    }
    columns |= {"line_count": "integer", "movement_count": "integer"}
    values = [
        (day_id, work.book.id, f.source, f.on, "waiting", f.id, "{}", f.line_count, 0)
        for day_id, (f, _, _) in zip(days, fresh, strict=True)
    ]
    sql.insert("reconciliation_day", columns, values)
    audit.record(work=work, action="reconciliation.receive_files", object_kind="bill_file", object_ids=[f.id for f, _, _ in fresh])


def _store_lines(work: UnitOfWork, fresh: Sequence[tuple[BillFile, Bill, bytes]]) -> None:
    columns = {
        "file_id": "uuid",
        "line_no": "integer",
        "book_id": "uuid",
        "source": "text",
        "on_date": "date",
        "kind": "text",
        "reference": "text",
        "provider_id": "text",
        "business_id": "text",
        "occurred_at": "timestamptz",
        "amount_minor": "bigint",
        "fee_minor": "bigint",
        "currency": "text",
        "status": "text",
        "balance_minor": "bigint",
    }
    for file, bill, _ in fresh:
        for start in range(0, len(bill.lines), 10_000):
            chunk = bill.lines[start : start + 10_000]
            sql.insert("reconciliation_line", columns, [_line_values(work.book.id, file, line) for line in chunk])


def _line_values(book_id: UUID, file: BillFile, line: BillLine) -> tuple[object, ...]:
    balance = None if line.balance is None else line.balance.minor
    # The channel's local time is kept as it was printed, marked UTC: a zone is not part of the bill.
    at = line.occurred_at.replace(tzinfo=UTC)
    return (
        *(file.id, line.line_no, book_id, file.source, file.on, line.kind, line.reference, line.provider_id, line.business_id, at),
        *(line.amount.minor, line.fee.minor, line.amount.currency, line.status, balance),
    )
