"""The lines of the journal as a Parquet file, for DuckDB, Spark and `yuefu match`; proven by the balances that they moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from yuefu.ledger import queries as ledger
from yuefu.ledger.queries import files
from yuefu.runtime import parquet, sql
from yuefu.runtime.values import Book

Tell = Callable[[int, int], None]
_TOLD_EVERY = 10_000

Moved = dict[tuple[str, str], tuple[int, int]]
"""By account and currency: debits and credits in minor units."""


@dataclass(frozen=True, slots=True)
class Table:
    """What a file was given."""

    lines: int
    moved: Moved


class NotAddingUp(Exception):
    """The file does not hold what the balances of its accounts say that was moved: nobody may use it."""

    def __init__(self, detail: str) -> None:
        self.code = "not_adding_up"
        self.detail = detail
        super().__init__(detail)


def write(*, book: Book, path: Path, tell: Tell, since: date | None = None, until: date | None = None, account: str | None = None) -> Table:
    """Writes the lines of a book between two posting days, of all accounts or of those of one code, of one snapshot. What was written is read again:
    by account and currency it comes to what the balances moved. Raises NotAddingUp and OSError; what was written is of no use then.
    """
    with sql.snapshot():
        total = files.lines_counted(book.id, since=since, until=until, account=account)

        def told(rows: int) -> None:
            if rows % _TOLD_EVERY == 0 or rows == total:
                tell(rows, total)

        query, params = files.lines_asked(book.id, since=since, until=until, account=account)
        parquet.write(path, query, params, files.LINE_COLUMNS, tell=told)
        moved = _moved(book.id, since, until, account)
    written = parquet.summed(path, ("account", "currency"), "amount_minor")
    lines = sum(rows for rows, _, _ in written.values())
    found = {(code, currency): (debit, credit) for (code, currency), (_, debit, credit) in written.items() if debit or credit}
    if found != moved or lines != total:
        raise NotAddingUp(f"{lines} of {total} lines are in the file, and {_differing(found, moved)}")
    return Table(lines, found)


def _moved(book_id: UUID, since: date | None, until: date | None, account: str | None) -> Moved:
    """What was moved between two days by the checkpoints of the accounts and what came after them."""
    moved: Moved = {}
    ends = [(1, until)] + ([(-1, since - timedelta(days=1))] if since else [])
    for sign, end in ends:
        for row in ledger.trial_balance(book_id, posted_until=end):
            debit, credit = moved.get((row.code, row.currency), (0, 0))
            moved[row.code, row.currency] = (debit + sign * row.debit.minor, credit + sign * row.credit.minor)
    return {key: sums for key, sums in moved.items() if any(sums) and account in (None, key[0])}


def _differing(found: Moved, moved: Moved) -> str:
    wrong = sorted(key for key in found.keys() | moved.keys() if found.get(key) != moved.get(key))
    return f"{len(wrong)} accounts differ from their balances: {', '.join(code for code, _ in wrong[:5])}"
