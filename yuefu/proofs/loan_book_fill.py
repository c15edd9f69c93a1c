"""A book of very many loans that are under way, as fast as the database takes them: by COPY, from two processes, with every constraint, trigger and
index in force.

Each process tells some thousand lives by the rules (`loan_book_lives`), and writes the rows of all of them again and again with new ids: what is
kept of each loan is what its facts come to. The ledger is given the sums of where they stand, and the money that came and went with them.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from struct import Struct
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql as pgsql

from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.loans import entries
from yuefu.loans.commands import agreeing, writing
from yuefu.loans.entries import BY_FUNDER, Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.keeping import ACCOUNTS, Kept
from yuefu.loans.rules import Party, due_rows
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.rules import OPERATING
from yuefu.plans.lifecycle.events import Event
from yuefu.plans.lifecycle.plain import kind_of, written_event, written_sheet
from yuefu.proofs.loan_book_lives import CURRENCY, PRODUCTS, Lived, lived
from yuefu.runtime import sql
from yuefu.runtime.beside import Beside
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Actor, Book, BusinessDay, UnitOfWork

LIVES: Final = 2_000
"""So many different lives tells each process; a multiple is written of each in a large book."""
PROCESSES: Final = 2
ORIGIN: Final = "a filled book"
TABLES: Final = ("loans_agreement", "loans_checkpoint", "loans_stretch", "loans_lateness", "loans_fact", "loans_due")

Progress = Callable[[int, int], None]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Given:
    """What a process has to know to write its part of the loans, as they stand by the end of the day `by`."""

    book: Book
    day: BusinessDay
    now: datetime
    actor: Actor
    by: date
    portfolio_no: Mapping[str, int]
    seed: str
    number: int
    loans: int


def fill(*, work: UnitOfWork, loans: int, seed: int = 1, progress: Progress) -> None:
    """Adds so many loans to a book without any, as they stood by the end of the day before that of `work`, and posts on this day what they are of
    each account. `progress` is told how many of them are there.

    The tables are written as their owner, whom row-level security leaves alone meanwhile: COPY cannot go through it.
    """
    by = work.day.on - timedelta(days=1)
    with sql.transacting():
        numbers = agreeing.portfolios(work, [(work.book.id, one.name, CURRENCY) for one in PRODUCTS])
    portfolio_no = {product: no for (_, product, _), no in numbers.items()}
    given = [
        Given(work.book, work.day, work.now, work.by, by, portfolio_no, f"{seed}:{n}", n, share)
        for n in range(PROCESSES)
        if (share := loans // PROCESSES + (n < loans % PROCESSES))
    ]
    with _unscoped(), ExitStack() as stack:
        writers = [stack.enter_context(Beside("yuefu.proofs.loan_book_fill:Writer", one)) for one in given]
        _write_all(writers, loans, progress)
        sums = [writer.call("sums") for writer in writers]
    stands = {product: Position(*map(sum, zip(*(of[product] for of in sums), strict=True))) for product in portfolio_no}
    with sql.transacting():
        posted = ledger.post(work=work, entries=opening(work, by, stands))
    assert all(isinstance(one, Posted) for one in posted), posted


def _write_all(writers: Sequence[Beside], loans: int, progress: Progress) -> None:
    """Each has been told of the next piece before it is done with one."""
    written, at_work = 0, list(writers)
    for writer in at_work * 2:
        writer.tell("write")
    while at_work:
        for writer in list(at_work):
            more = writer.answer()
            if more:
                written += more
                progress(written, loans)
                writer.tell("write")
            else:
                at_work.remove(writer)
    for writer in writers:
        writer.answer()


@contextmanager
def _unscoped() -> Iterator[None]:
    """The tables of loans without row-level security for their owner, and not vacuumed while they grow: that is done when they are whole."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        _each_table(owner, "NO FORCE ROW LEVEL SECURITY, SET (autovacuum_enabled = off)")
        try:
            yield
        finally:
            _each_table(owner, "FORCE ROW LEVEL SECURITY, RESET (autovacuum_enabled)")
        owner.execute(f"ANALYZE {', '.join(TABLES)}")


def settle() -> None:
    """Does what the database does by itself in a while, so that it does not do it while something is measured."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        owner.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}")
        with suppress(psycopg.errors.InsufficientPrivilege):  # where the owner may not, the next one comes by itself
            owner.execute("CHECKPOINT")


def _each_table(owner: psycopg.Connection[Any], change: str) -> None:
    for table in TABLES:
        owner.execute(f"ALTER TABLE {table} {change}")


def opening(work: UnitOfWork, by: date, stands: Mapping[str, Position]) -> list[Entry]:
    """What the loans of each product are of the accounts, and the money that went out and came in with them: lent from the funds of the funder."""
    entries = []
    lent = collected = 0
    for product, position in sorted(stands.items()):
        amounts = {name: getattr(position, name) for name in ACCOUNTS}
        lines = [_line(work.book.id, product if name in BY_FUNDER else None, name, minor) for name, minor in amounts.items() if minor]
        if lines:
            entries.append(Entry(f"fill:{product}", "loan.moved_here", tuple(lines), effective_on=by))
        lent -= position.purchase_clearing
        collected += position.collections_clearing
    cash = payments.money_accounts(book_id=work.book.id)[OPERATING].id
    bank, capital = AccountKey("bank_cash", cash), AccountKey("funder_capital", None, work.book.id)
    money = [
        Line(capital, Money(-lent, CURRENCY), funder_id=work.book.id),
        Line(AccountKey("purchase_clearing"), Money(lent, CURRENCY)),
        Line(bank, Money(collected, CURRENCY), movement="payment"),
        Line(AccountKey("collections_clearing"), Money(-collected, CURRENCY)),
    ]
    lines = [line for line in money if line.amount]
    return [*entries, Entry("fill:money", "loan.moved_here", tuple(lines), effective_on=by)] if lines else entries


def _line(funder_id: UUID, product: str | None, code: str, minor: int) -> Line:
    key = AccountKey(code) if product is None else AccountKey(code, None, funder_id, product)
    return Line(key, Money(minor, CURRENCY), funder_id=funder_id)


def _stands(one: Lived, by: int) -> Position:
    """Where a loan stands by the end of a day."""
    return entries.run_on(one.running.position, one.running.stretch, one.running.since.toordinal(), by)


# ------------------------------------------------------------------------------------------------------------------------ over there


class Writer:
    """One of the processes: it tells lives, then writes them piece by piece."""

    def __init__(self, given: Given) -> None:
        self._left = given.loans
        self._ids = Ids(given.now, given.number, f"{given.book.id}:{given.seed}")
        dice = random.Random(given.seed)
        lives = [lived(dice, n, given.by, given.portfolio_no) for n in range(_lives(given.loans))]
        self._tables, self._positions = _tables(given, lives), [(one.product, _stands(one, given.by.toordinal())) for one in lives]
        self._sums = {product: [0] * len(ACCOUNTS) for product in given.portfolio_no}
        # Nobody waits for the disk with each piece: what a crash would lose is filled again, and `settle` writes all of it.
        self._owner = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, options="-c synchronous_commit=off")

    def write(self) -> int:
        """Writes each life once more, as far as loans are left. Returns how many loans that were."""
        count = min(self._left, len(self._positions))
        if not count:
            self._owner.close()
            return 0
        loan_ids = self._ids.many(count)
        with self._owner.transaction(), self._owner.cursor() as cursor:
            for table in self._tables:
                with cursor.copy(table.copy) as copy:
                    copy.write(table.rows(loan_ids, self._ids))
        for product, position in self._positions[:count]:
            self._sums[product] = [one + getattr(position, name) for one, name in zip(self._sums[product], ACCOUNTS, strict=True)]
        self._left -= count
        return count

    def sums(self) -> dict[str, list[int]]:
        """Where all loans that were written stand, by product: what they are of each account."""
        return self._sums


def _lives(loans: int) -> int:
    """How many lives are told of so many loans: each is written ten times, but for those of a small book or of a very large one."""
    return min(LIVES, max(loans // 10, 100), loans)


class Ids:
    """UUIDv7 of one moment that rise, as `ids.IdSource` makes them, thousands at a time."""

    def __init__(self, now: datetime, number: int, seed: str) -> None:
        self._head = (int(now.timestamp() * 1000) << 16) | (7 << 12)
        dice = random.Random(seed)
        self._dice = np.random.default_rng(dice.getrandbits(64))
        self._last = (2 << 62) | (number << 59) | dice.getrandbits(58)

    def many(self, count: int) -> Bytes:
        """So many ids, one a row of bytes."""
        low = self._last + np.cumsum(self._dice.integers(1, 1 << 20, count, np.uint64), dtype=np.uint64)
        made = np.empty((count, 2), ">u8")
        made[:, 0], made[:, 1] = self._head, low
        self._last = int(low[-1]) if count else self._last
        return made.view(np.uint8)


LOAN: Final = "loan"  # stands for the id of the loan
NEW: Final = "new"  # stands for an id of its own

_SIZE, _COUNT = Struct(">i"), Struct(">h")
_KINDS: Final[Mapping[str, Struct]] = {"smallint": _COUNT, "integer": _SIZE, "bigint": Struct(">q"), "boolean": Struct("?")}
_NULL: Final = _SIZE.pack(-1)
_SIGNATURE, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), _COUNT.pack(-1)
_FIRST_DAY: Final = date(2000, 1, 1)
_FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)


def _field(kind: str, value: Any) -> bytes:
    """A value as COPY has it in its binary form: its length, then what PostgreSQL sends of its type."""
    if value is None:
        return _NULL
    if kind in _KINDS:
        plain = _KINDS[kind].pack(value)
    elif kind == "date":
        plain = _SIZE.pack((value - _FIRST_DAY).days)
    elif kind == "timestamptz":
        plain = _KINDS["bigint"].pack((value - _FIRST_MOMENT) // timedelta(microseconds=1))
    elif kind == "uuid":
        plain = bytes(16) if value in {LOAN, NEW} else value.bytes
    else:
        plain = value.encode()
    return _SIZE.pack(len(plain)) + plain


class Table:
    """Rows of some loans in the binary form of COPY, with gaps where ids come."""

    def __init__(self, name: str, columns: Mapping[str, str], loans: Sequence[Sequence[Sequence[Any]]]) -> None:
        """`loans` has the rows of each, all of them with LOAN and NEW where an id of theirs stands."""
        names = pgsql.SQL(", ").join(map(pgsql.Identifier, columns))
        self.copy = pgsql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(pgsql.Identifier(name), names)
        kinds, head = list(columns.values()), _COUNT.pack(len(columns))
        data = bytearray(_SIGNATURE)
        of_loans: list[int] = []
        of_new: list[int] = []
        whose: list[int] = []
        ends = [(len(data), 0, 0)]
        for place, rows in enumerate(loans):
            for row in rows:
                data += head
                for kind, value in zip(kinds, row, strict=True):
                    if value is LOAN or value is NEW:
                        (of_loans if value is LOAN else of_new).append(len(data) + _SIZE.size)
                    if value is LOAN:
                        whose.append(place)
                    data += _field(kind, value)
            ends.append((len(data), len(of_loans), len(of_new)))
        self._data, self._ends = np.frombuffer(bytes(data), np.uint8), ends
        self._of_loans, self._of_new, self._whose = (np.array(each, np.int64) for each in (of_loans, of_new, whose))

    def rows(self, loan_ids: Bytes, ids: Ids) -> bytes:
        """What COPY is given for as many loans as there are ids."""
        end, loans, new = self._ends[len(loan_ids)]
        data = self._data[:end].copy()
        gaps = np.lib.stride_tricks.sliding_window_view(data, 16, writeable=True)
        gaps[self._of_loans[:loans]] = loan_ids[self._whose[:loans]]
        gaps[self._of_new[:new]] = ids.many(new)
        return data.tobytes() + _END


def _tables(given: Given, lives: Sequence[Lived]) -> list[Table]:
    """What is kept of lives, in an order in which each row finds those that it names."""
    ids = IdSource(secrets.randbits)
    work = UnitOfWork(given.book, given.day, given.now, given.actor, ids)
    with sql.transacting():
        texts = [dumps(written_sheet(one.life.terms)) for one in lives]
        sheets = agreeing.sheets_of(work, set(texts))
    sheet_ids = [sheets[text] for text in texts]
    book = {"book_id": ("uuid", given.book.id)}
    agreed = [[_agreement(given.book, one, sheet_id)] for one, sheet_id in zip(lives, sheet_ids, strict=True)]
    return [
        _table("loans_agreement", agreeing.AGREEMENT | {"agreed_at": "timestamptz", "agreed_on": "date"}, agreed, book),
        _table("loans_checkpoint", keeping.CHECKPOINT, [[_checkpoint(given.book, one)] for one in lives], book),
        _table("loans_stretch", keeping.STRETCH | {"due_told_on": "date"}, [[_stretch(given.by, one)] for one in lives], book),
        _table("loans_lateness", keeping.LATENESS | {"on": "date"}, [list(_lateness(one)) for one in lives], book),
        _table(
            "loans_fact",
            keeping.FACT | {"recorded_at": "timestamptz", "recorded_on": "date"},
            [[_fact(given.book, no, one) for no, one in enumerate(life.facts, start=1)] for life in lives],
            book,
        ),
        _table("loans_due", keeping.DUE, [[(LOAN, no, *row) for no, row in enumerate(due_rows(one.rows))] for one in lives], book),
    ]


def _table(name: str, columns: Mapping[str, str], loans: Sequence[Sequence[Sequence[Any]]], same: sql.Same) -> Table:
    more = {column: kind for column, (kind, _) in same.items()}
    values = [value for _, value in same.values()]
    return Table(name, {**columns, **more}, [[(*row, *values) for row in rows] for rows in loans])


def _party(book: Book, one: Lived) -> Party:
    """Whose a loan is: somebody who is in no other table, for the loan came from another core."""
    return Party(LOAN, None, None, NEW, None, book.id, one.product, CURRENCY, ORIGIN)  # type: ignore[arg-type]


def _agreement(book: Book, one: Lived, sheet_id: UUID) -> tuple[Any, ...]:
    party, on = _party(book, one), one.life.terms.disbursed_on
    return (*agreeing.party_values(party), *agreeing.own_values(one.life.terms), sheet_id, _noon(book, on), on)


def _checkpoint(book: Book, one: Lived) -> tuple[Any, ...]:
    return writing.checkpoint_values(Kept(_party(book, one), one.life, one.running))


def _stretch(by: date, one: Lived) -> tuple[Any, ...]:
    """The close of the last day has told of what fell due on it and was not paid."""
    told = any(due == by.toordinal() and unpaid for due, unpaid in zip(one.rows.due, one.rows.all_unpaid(), strict=True))
    return *writing.stretch_values(LOAN, one.running), by if told else None  # type: ignore[arg-type]


def _lateness(one: Lived) -> Iterator[tuple[Any, ...]]:
    for on, late in one.lateness:
        yield LOAN, *writing.lateness_values(late), on


def _fact(book: Book, no: int, fact: Event) -> tuple[Any, ...]:
    return NEW, LOAN, no, kind_of(fact), fact.on, None, dumps(written_event(fact)), NEW, _noon(book, fact.on), fact.on


def _noon(book: Book, on: date) -> datetime:
    return datetime.combine(on, time(12), book.tz)
