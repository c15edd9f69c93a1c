"""The journal to a file, and from the file of another book into this one. The form is in `ledger.rules.files`.

What comes in is posted to the open day and is true on the day on which it was true there, so that balances by effective date are the same.
Its keys are made of the other book and the entry: a file that is brought in again changes nothing, one that was stopped goes on. It is the
figures that come, not what stands behind them: the close of a book that has the entries of loans without the loans says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.queries import files
from yuefu.ledger.rules import Entry, LimitedAccount, Posted, beancount
from yuefu.ledger.rules.files import FORMAT, LONGEST_LINE, End, FileFault, Header, Record, record
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Book, UnitOfWork

SAME_BOOK: Final = "same_book"  # its entries are here already
BOOK_IN_USE: Final = "book_in_use"  # it has entries of its own
ACCOUNT_IN_USE: Final = "account_in_use"  # somebody has this account here already
IMPORTED: Final = "imported:"
CHUNK: Final = 1_000

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Gone:
    """What a file was given: how many entries, and the head of the seals it reaches."""

    entries: int
    accounts: int
    sealed: int
    head: str


@dataclass(frozen=True, slots=True)
class Come:
    """What a file brought: `entries` in it, of which `known` had come before."""

    source: Header
    entries: int
    known: int


def write(*, book: Book, file: BinaryIO, tell: Tell, since: date | None = None, until: date | None = None) -> Gone:
    """Writes the entries of a book between two posting days, of one snapshot, in commit order."""
    seen = sha256()
    accounts = entries = 0

    def put(lines: Sequence[str]) -> None:
        content = "".join(f"{line}\n" for line in lines).encode()
        seen.update(content)
        file.write(content)

    with sql.snapshot():
        extent = files.extent(book.id, since=since, until=until)
        chain = {"number": extent.sealed, "head": extent.head.hex()}
        named = {"book": ids.text("book", book.id), "code": book.code, "currency": book.currency}
        put([dumps({"header": {"format": FORMAT, **named, "from": since, "to": until, "chain": chain}})])
        for lines in files.account_records(book.id, chunk=CHUNK):
            put(lines)
            accounts += len(lines)
        for lines in files.entry_records(book.id, since=since, until=until, chunk=CHUNK):
            put(lines)
            entries += len(lines)
            tell(entries, extent.entries)
    assert entries == extent.entries, "one snapshot has one number of entries"
    file.write(f"{dumps({'end': {'entries': entries, 'sha256': seen.hexdigest()}})}\n".encode())
    return Gone(entries, accounts, extent.sealed, extent.head.hex())


def write_beancount(*, book: Book, file: BinaryIO, tell: Tell) -> int:
    """Writes all entries of a book for Beancount, of one snapshot, and what its accounts hold by our own sums. Returns how many entries."""
    done = 0
    with sql.snapshot():
        between = files.days(book.id)
        total = files.extent(book.id, since=None, until=None).entries
        sums = queries.sums_by_component(book.id)
        first, last = between or (date.min, date.min)
        title = f"{book.legal_entity} ({book.code})"
        file.write("".join(beancount.beginning(title=title, currency=book.currency, on=first, sums=sums, own_funds=book.id)).encode())
        for entry_ids in files.entry_ids(book.id, chunk=CHUNK):
            held = {entry.entry_id: entry for entry in queries.written(book.id, entry_ids)}
            file.write("".join(beancount.transactions((held[one] for one in entry_ids), book.id)).encode())
            done += len(entry_ids)
            tell(done, total)
        file.write("".join(beancount.ending(on=last + timedelta(days=1), sums=sums, own_funds=book.id)).encode())
    return done


def bring_in(*, desk: Desk, now: datetime, path: Path, tell: Tell) -> Come | Refused:
    """Brings a file in, a chunk a transaction, once all of it has been read without a fault.

    Its limited accounts are opened without a bound and limited as in the file when the last entry is in. Raises FileFault, which names the
    line; where an entry is refused only when it is posted, the chunks before it are in, and the same file goes on once the cause is
    mended. Refused with same_book, with book_in_use where the book has entries of its own, and with no_open_day; an account that somebody has
    here already is a FileFault, account_in_use: whoever may bring a file in changes nobody's limit or debt by it.

    What is brought in is what was proof-read, whatever becomes of the file meanwhile: it is read once, into a file without a name.
    """
    with TemporaryFile() as own:
        with path.open("rb") as file:
            header, end = _proof_read(_records(file, desk.book.id), own)
        return _bring_in(desk, now, own, tell, header, end)


def _bring_in(desk: Desk, now: datetime, own: BinaryIO, tell: Tell, header: Header, end: End) -> Come | Refused:
    if header.book_id == desk.book.id:
        return Refused(SAME_BOOK, f"this is the journal of {desk.book.code} itself: its entries are here", "file")
    if queries.has_others(desk.book.id, kind_prefix=IMPORTED):
        return Refused(BOOK_IN_USE, f"{desk.book.code} has entries of its own: bring a journal into a book without any", "file")
    done = known = 0
    for steps, act in ((LimitedAccount, _open), (Entry, _post), (LimitedAccount, _limit)):
        for chunk in _chunks(_of(steps, own, desk.book.id)):
            with open_day(desk, now) as work:
                if isinstance(work, Refused):
                    return work
                act(work, chunk)
                if steps is Entry:
                    known += len(chunk) - len(work.claimed)
                    done += len(chunk)
            if steps is Entry:
                tell(done, end.entries)
    return Come(header, done, known)


def _open(work: UnitOfWork, chunk: Sequence[tuple[int, Record]]) -> None:
    """Opens what is not open yet, and lifts the bound of what another file of the same book had opened and limited."""
    accounts = {(one.key, one.limit.currency): (line_no, one) for line_no, one in chunk if isinstance(one, LimitedAccount)}
    # One without a line that has a limit was opened for somebody here, or has come before. What a file opens has no bound until its entries
    # are in, and what has come before is left as it is.
    for name, limit in queries.unused_with_limit(work.book.id, accounts, but=LARGEST_MINOR).items():
        line_no, one = accounts.pop(name)
        if one.limit.minor != limit:
            raise FileFault(ACCOUNT_IN_USE, f"the {one.key.code} account of {one.key.owner_id} is open here with another limit", line_no)
    unbound = [replace(one, limit=Money(LARGEST_MINOR, one.limit.currency)) for _, one in accounts.values()]
    ledger.open_limited(work=work, accounts=unbound)
    ledger.set_limits(work=work, limits=[(account.key, account.limit) for account in unbound])


def _post(work: UnitOfWork, chunk: Sequence[tuple[int, Record]]) -> None:
    outcomes = ledger.post(work=work, entries=[entry for _, entry in chunk if isinstance(entry, Entry)])
    for (line_no, _), outcome in zip(chunk, outcomes, strict=True):
        if not isinstance(outcome, Posted):
            raise FileFault(outcome.code, outcome.detail, line_no)


def _limit(work: UnitOfWork, chunk: Sequence[tuple[int, Record]]) -> None:
    ledger.set_limits(work=work, limits=[(one.key, one.limit) for _, one in chunk if isinstance(one, LimitedAccount)])


def _chunks(records: Iterable[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    left = iter(records)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _proof_read(lines: Iterable[tuple[int, bytes, Record]], copy: BinaryIO) -> tuple[Header, End]:
    """Reads all of a file, copying what it reads, and returns the first and last line. Raises FileFault."""
    header, end, stage, entries = None, None, 0, 0
    seen = sha256()
    order: tuple[type, ...] = (Header, LimitedAccount, Entry, End)
    line_no = 0
    for line_no, line, found in lines:
        if end is not None:
            raise FileFault("out_of_order", "nothing follows the end", line_no)
        place = order.index(type(found))
        if place < stage or (place == 0 and header is not None):
            raise FileFault("out_of_order", "the header comes first, then the accounts, the entries and the end", line_no)
        stage = place
        if isinstance(found, Header):
            header = found
        elif isinstance(found, End):
            end = found
            if end.entries != entries:
                raise FileFault("cut_off", f"{end.entries} entries were written, {entries} are here", line_no)
            if end.sha256 not in (None, seen.hexdigest()):
                raise FileFault("changed", "the lines before are not those that were written", line_no)
        elif isinstance(found, Entry):
            entries += 1
        seen.update(line)
        copy.write(line)
    if header is None or end is None:
        raise FileFault("cut_off", "the file ends before its end", line_no + 1)
    return header, end


def _of(kind: type[LimitedAccount | Entry], file: BinaryIO, own_funds: UUID) -> Iterator[tuple[int, Record]]:
    """The records of one kind, with their lines; they stand together."""
    met = False
    file.seek(0)
    for line_no, _, found in _records(file, own_funds):
        if isinstance(found, kind):
            met = True
            yield line_no, found
        elif met:
            return


def _records(file: BinaryIO, own_funds: UUID) -> Iterator[tuple[int, bytes, Record]]:
    """Every line with its number, and what it says; never more than one line in memory."""
    source: UUID | None = None
    line_no = 0
    while line := file.readline(LONGEST_LINE + 2):
        line_no += 1
        if not line.endswith(b"\n") and len(line) <= LONGEST_LINE:
            raise FileFault("cut_off", "the file ends in the middle of a line", line_no)
        found = record(line.removeprefix(b"\xef\xbb\xbf") if line_no == 1 else line, line_no, own_funds, source)
        source = found.book_id if isinstance(found, Header) else source
        yield line_no, line, found
