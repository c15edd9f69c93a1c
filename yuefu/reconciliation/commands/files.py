"""Receiving bills: read as a whole, checked, kept, or refused with nothing stored."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.reconciliation import queries
from yuefu.reconciliation.queries import BillFile
from yuefu.reconciliation.rules import settlements
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Book, UnitOfWork

# Beside the codes of BillError, which say what is wrong with a file.
UNKNOWN_SOURCE = "unknown_source"
WRONG_SOURCE = "wrong_source"  # a trade bill given as a fund flow, or the other way round
FOREIGN_ACCOUNT = "foreign_account"  # the bill of another merchant number
OTHER_DAY = "other_day"  # the lines are of another day than the file was said to be of
SEVERAL_DAYS = "several_days"
DAY_UNKNOWN = "day_unknown"  # an empty bill does not say its day: give it
DAY_NOT_BEGUN = "day_not_begun"  # no honest bill is of a day to come
DAY_HAS_A_FILE = "day_already_has_a_file"  # this source and day has a file with other content
TOTALS_DIFFER = "summary_mismatch"  # a payout is not what its transactions, which are there, make
LINES_RECEIVED = "lines_received"  # what this settlement has of days that have a bill is all there: it was fetched from too early a day on
TOTALS_RECEIVED = "totals_received"  # of these payouts the totals are there already: they would count twice

_LAYOUTS: Final = {
    "channel_trade": ("wechat.trade.ALL", "wechat.trade.SUCCESS", "wechat.trade.REFUND", "alipay.trade"),
    "channel_fund": ("wechat.fundflow.", "alipay.account", *settlements.LAYOUTS),
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
    """A file that is there. `again`: it was received before, nothing changed. `days` are its files a day, in order: one, but for a settlement, which
    may be of several; `file` is the last of them.
    """

    days: tuple[BillFile, ...]
    again: bool

    @property
    def file(self) -> BillFile:
        return self.days[-1]


@dataclass(frozen=True, slots=True)
class _Read:
    """A bill that may be received, and the last of its days."""

    source: str
    bill: Bill
    on: date
    data: bytes

    @property
    def days(self) -> list[date]:
        first = self.bill.since or self.on
        return [first + timedelta(days=n) for n in range((self.on - first).days + 1)]


@dataclass(slots=True)
class _Known:
    """What is there of the days, contents and payouts that files are of, with what they bring. A payout is its parts, each once, in minor units;
    `numbers` are those of lines that earlier files have, by source.
    """

    days: dict[tuple[str, date], BillFile]
    contents: dict[tuple[str, str], list[BillFile]]
    lines: dict[UUID, list[BillLine]]
    payouts: dict[tuple[str, str], dict[settlements.Part, int]]
    numbers: set[tuple[str, str]]
    fresh: list[tuple[BillFile, Sequence[BillLine], bytes | None]] = field(default_factory=list)

    def keep(self, file: BillFile, lines: Sequence[BillLine], data: bytes | None) -> None:
        self.days[file.source, file.on] = file
        self.lines[file.id] = list(lines)
        self.contents.setdefault((file.source, file.sha256), []).append(file)
        self.fresh.append((file, lines, data))
        self.numbers |= {(file.source, line.provider_id) for line in lines if line.provider_id}
        for line in lines:
            if settlements.is_klarna(file.layout) and line.business_id and line.kind not in settlements.NO_PART:
                parts = self.payouts.setdefault((file.source, line.business_id), {})
                parts[settlements.part_of(line, f"{file.id}/{line.line_no}")] = line.amount.minor


def receive_files(
    *, work: UnitOfWork, files: Sequence[FileIn], read: Callable[[bytes], Bill], accounts: Mapping[str, str]
) -> list[Received | Refused]:
    """Reads and stores bills; one outcome each, in order. A refused file leaves nothing behind and disturbs no other.

    `read` is the reader of a file of one bill (gateways.reading.read_one); `accounts` gives the account a source must be of, where its layout
    states one. The same content again is Received with `again`, and so is a file that says the same in other bytes. A settlement of a channel abroad
    is a file for each of its days in the time zone of the book (`rules.settlements`). Refused with the code of a BillError or one of this module's.
    """
    # Two deliveries of one day queue here: the second one finds the first.
    locks.wait(locks.BILL_FILES, work.book.id)
    given = [_not_ahead(_read(file, read, accounts, work.book), work.day.on) for file in files]
    known = _known(work, [one for one in given if isinstance(one, _Read)])
    outcomes = [one if isinstance(one, Refused) else _received(work, one, known) for one in given]
    _store(work, known.fresh)
    return outcomes


def _read(file: FileIn, read: Callable[[bytes], Bill], accounts: Mapping[str, str], book: Book) -> _Read | Refused:
    layouts = _LAYOUTS.get(file.source)
    if layouts is None:
        return Refused(UNKNOWN_SOURCE, f"a source is one of {', '.join(_LAYOUTS)}", "source")
    try:
        bill = settlements.told(settlements.in_zone(read(file.data), book.tz))
    except BillError as error:
        return Refused(error.code, error.detail, "data")
    if not bill.layout.startswith(layouts):
        return Refused(WRONG_SOURCE, f"this is a file of layout {bill.layout}, not one of {file.source}", "source")
    expected = accounts.get(file.source, "")
    if expected and bill.account not in ("", expected):
        return Refused(FOREIGN_ACCOUNT, f"the file is of account {bill.account[:40]}, not of {expected}", "data")
    if bill.since is not None and not settlements.is_settlement(bill.layout):
        return Refused(SEVERAL_DAYS, f"the file is of {bill.since} to {bill.on}: a book receives one day after the other", "data")
    if bill.since is not None and bill.on is not None and (bill.on - bill.since).days >= settlements.MOST_DAYS:
        return Refused(SEVERAL_DAYS, f"the file is of {bill.since} to {bill.on}, which no settlement is", "data")
    if bill.currency != book.currency:
        return Refused("other_currency", f"the file is in {bill.currency}, the book in {book.currency}", "data")
    if file.on is not None and bill.on is not None and (file.on != bill.on or bill.since is not None):
        return Refused(OTHER_DAY, f"the lines are of {bill.since or bill.on} to {bill.on}, not of {file.on}", "on")
    on = bill.on or file.on
    return (
        _Read(file.source, bill, on, file.data)
        if on
        else Refused(DAY_UNKNOWN, "the bill has no lines and does not say its day; give it", "on")
    )


def _not_ahead(given: _Read | Refused, today: date) -> _Read | Refused:
    """The bill of today may come early and waits for the day to be over; one of a day to come would stand before all that are real."""
    if isinstance(given, _Read) and given.on > today:
        return Refused(DAY_NOT_BEGUN, f"the bill is of {given.on}, today is {today} in this book", "on")
    return given


def _known(work: UnitOfWork, given: Sequence[_Read]) -> _Known:
    book_id = work.book.id
    days = queries.files_of_days(book_id=book_id, days=[(one.source, on) for one in given for on in one.days])
    settled = [one for one in given if settlements.is_settlement(one.bill.layout)]
    contents = queries.files_of_contents(book_id=book_id, contents=[(one.source, one.bill.sha256) for one in settled])
    # Only where a day has a file with other bytes it matters what that one says.
    others = [days[one.source, one.on] for one in given if not settlements.is_settlement(one.bill.layout) and (one.source, one.on) in days]
    sums = {one.bill.sha256 for one in given}
    lines = queries.lines_of_files(file_ids=[file.id for file in others if file.sha256 not in sums])
    named = {(one.source, line.business_id) for one in settled if settlements.is_klarna(one.bill.layout) for line in one.bill.lines}
    numbers = {
        (one.source, line.provider_id)
        for one in settled
        for line in one.bill.lines
        if line.provider_id and (one.source, line.occurred_on) in days
    }
    return _Known(
        days,
        contents,
        lines,
        payouts=queries.payouts_of_klarna(book_id=book_id, named=sorted(named)),
        numbers=queries.numbers_received(book_id=book_id, numbers=sorted(numbers)),
    )


def _received(work: UnitOfWork, given: _Read, known: _Known) -> Received | Refused:
    if settlements.is_settlement(given.bill.layout) and given.bill.lines:
        return _settlement_received(work, given, known)
    source, bill, on = given.source, given.bill, given.on
    earlier = known.days.get((source, on))
    if earlier is not None:
        same = earlier.sha256 == bill.sha256 or _says_the_same(earlier, known.lines.get(earlier.id, ()), bill)
        return Received((earlier,), True) if same else Refused(DAY_HAS_A_FILE, f"{source} of {on} has another file", "data")
    kept = _kept(work, given, on, bill.lines, bill.totals)
    known.keep(kept, bill.lines, given.data)
    return Received((kept,), False)


def _says_the_same(earlier: BillFile, lines: Sequence[BillLine], bill: Bill) -> bool:
    """Whether a bill is one that is there, written once more: a bank numbers each message anew."""
    if (earlier.layout, earlier.account, dict(earlier.totals)) != (bill.layout, bill.account, dict(bill.totals)) or not bill.lines:
        return False
    told = [replace(line, provider_id=_as_stored(line, was)) for line, was in zip(bill.lines, lines, strict=False)]
    return len(told) == len(lines) == len(bill.lines) and [replace(line, line_no=0) for line in lines] == [
        replace(line, line_no=0) for line in told
    ]


def _as_stored(line: BillLine, was: BillLine) -> str:
    """The number of a line; bare where it was stored so, before a bank's numbers had their statement before them."""
    bare = f"/{was.provider_id}"
    same = was.provider_id and line.provider_id.endswith((bare, f"{bare}/{line.line_no}"))
    return was.provider_id if same else line.provider_id


def _settlement_received(work: UnitOfWork, given: _Read, known: _Known) -> Received | Refused:
    """A file for each day that has none yet; the first that has lines keeps the bytes."""
    source = given.source
    if again := known.contents.get((source, given.bill.sha256)):
        return Received(tuple(again), True)
    bill = _counted_once(given, known)
    if isinstance(bill, Refused):
        return bill
    taken = {on for on in given.days if (source, on) in known.days}
    again_there = [(source, line.provider_id) in known.numbers for line in bill.lines if line.provider_id and line.occurred_on in taken]
    if again_there and all(again_there):
        return Refused(
            LINES_RECEIVED, f"its {len(again_there)} lines of days that have a bill were received with it: fetch what came later", "data"
        )
    by_day = settlements.placed(bill, taken)
    if not by_day:
        return Refused(DAY_HAS_A_FILE, f"{source} of {given.on} has another file, and lines of this one find no day", "data")
    whole = next((on for on, lines in by_day.items() if lines), given.on)
    first = _kept(work, given, whole, by_day[whole], {"lines": len(by_day[whole])})
    days = []
    for on, lines in by_day.items():
        kept = first if on == whole else replace(_kept(work, given, on, lines, {"lines": len(lines)}), whole_id=first.id)
        known.keep(kept, lines, given.data if on == whole else None)
        days.append(kept)
    return Received(tuple(days), False)


def _counted_once(given: _Read, known: _Known) -> Bill | Refused:
    """The bill without what the book has by another file: of Klarna, transactions may come in one and the totals of their payouts in another."""
    bill = given.bill
    if not settlements.is_klarna(bill.layout):
        return bill
    names = {line.business_id for line in bill.lines}
    there = {name: known.payouts[given.source, name] for name in sorted(names) if (given.source, name) in known.payouts}
    doubled = next((name for name, parts in there.items() if any(reference == name for _, reference, *_ in parts)), None)
    if doubled is not None:
        return Refused(TOTALS_RECEIVED, f"the totals of the payout {doubled[:40]} were received before", "data")
    if bill.layout != settlements.PAYOUTS:
        return bill
    made = settlements.paid_out(bill)
    for name, parts in there.items():
        if (minor := sum(parts.values())) != made.get(name, 0):
            return Refused(
                TOTALS_DIFFER, f"the payout {name[:40]} is {made.get(name, 0)}, its transactions make {minor} (minor units)", "data"
            )
    return settlements.without_totals(bill, there)


def _kept(work: UnitOfWork, given: _Read, on: date, lines: Sequence[BillLine], totals: Mapping[str, int]) -> BillFile:
    bill = given.bill
    said = (bill.sha256, bill.layout, bill.account, bill.currency)
    return BillFile(work.ids.new(work.now), given.source, on, *said, len(lines), dict(totals), work.now, None)


def _store(work: UnitOfWork, fresh: Sequence[tuple[BillFile, Sequence[BillLine], bytes | None]]) -> None:
    for file, _, data in sorted(fresh, key=lambda one: one[2] is None):  # what keeps the bytes goes first: the others name it
        packed = data if data is None or data.startswith(b"\x1f\x8b") else gzip.compress(data, mtime=0)
        sql.run(
            "INSERT INTO reconciliation_file (id, book_id, source, on_date, sha256, layout, account, currency, line_count, totals, content,"
            " received_at, whole_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(file.id, work.book.id, file.source, file.on, file.sha256, file.layout, file.account, file.currency, file.line_count),
                *(dumps(file.totals), packed, file.received_at, file.whole_id),
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


def _store_lines(work: UnitOfWork, fresh: Sequence[tuple[BillFile, Sequence[BillLine], bytes | None]]) -> None:
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
    for file, lines, _ in fresh:
        for start in range(0, len(lines), 10_000):
            chunk = lines[start : start + 10_000]
            sql.insert("reconciliation_line", columns, [_line_values(work.book.id, file, line) for line in chunk])


def _line_values(book_id: UUID, file: BillFile, line: BillLine) -> tuple[object, ...]:
    balance = None if line.balance is None else line.balance.minor
    # The channel's local time is kept as it was printed, marked UTC: a zone is not part of the bill.
    at = line.occurred_at.replace(tzinfo=UTC)
    return (
        *(file.id, line.line_no, book_id, file.source, file.on, line.kind, line.reference, line.provider_id, line.business_id, at),
        *(line.amount.minor, line.fee.minor, line.amount.currency, line.status, balance),
    )
