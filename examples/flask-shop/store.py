"""What the shop remembers: its purchases, and the messages that it has dealt with. One SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS purchase (
  reference TEXT PRIMARY KEY, amount INTEGER NOT NULL, session TEXT NOT NULL, state TEXT NOT NULL, order_id TEXT);
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
"""


@dataclass(frozen=True)
class Purchase:
    """`state` is that of its checkout session, until it has an order, whose state is then asked for."""

    reference: str
    amount: int
    session: str
    state: str
    order_id: str | None


class Store:
    """A connection for each piece of work: requests come in several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._at_work() as db:
            db.executescript(_TABLES)

    @contextmanager
    def _at_work(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=10)
        try:
            with db:
                yield db
        finally:
            db.close()

    def keep(self, purchase: Purchase) -> None:
        """Writes it, or what has become of it. One that is completed stays so, whatever comes late."""
        with self._at_work() as db:
            db.execute(
                "INSERT INTO purchase VALUES (?, ?, ?, ?, ?) ON CONFLICT (reference) DO UPDATE SET session = excluded.session,"
                " state = excluded.state, order_id = excluded.order_id WHERE purchase.order_id IS NULL",
                (purchase.reference, purchase.amount, purchase.session, purchase.state, purchase.order_id),
            )

    def find(self, reference: str) -> Purchase | None:
        with self._at_work() as db:
            row = db.execute("SELECT * FROM purchase WHERE reference = ?", (reference,)).fetchone()
        return Purchase(*row) if row else None

    def purchases(self) -> list[Purchase]:
        with self._at_work() as db:
            return [Purchase(*row) for row in db.execute("SELECT * FROM purchase ORDER BY rowid DESC LIMIT 100")]

    def is_seen(self, message: str) -> bool:
        with self._at_work() as db:
            return db.execute("SELECT 1 FROM seen WHERE id = ?", (message,)).fetchone() is not None

    def see(self, message: str) -> None:
        with self._at_work() as db:
            db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (message,))
