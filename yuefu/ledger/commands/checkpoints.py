"""Off the write path: rolling lines up into checkpoints, and chaining entries into seals. Both follow commit order."""

from __future__ import annotations

from hashlib import sha256

from yuefu.ledger.queries.seals import entry_contents
from yuefu.runtime import locks, sql
from yuefu.runtime.values import UnitOfWork


def roll_up(*, work: UnitOfWork) -> int:
    """Moves the horizon of a book up to the oldest transaction still running and adds what lies below it to the checkpoints.

    A transaction held open keeps the horizon below it, so nothing that commits late is skipped. Returns the lines rolled up. The
    database does it by a function of its owner: whoever posts can write neither checkpoints nor the horizon.
    """
    added: int = sql.value("SELECT ledger_roll_up(%s, %s)", [work.book.id, work.now])
    return added


def seal(*, work: UnitOfWork, limit: int) -> tuple[int, bytes]:
    """Chains up to `limit` more entries, in commit order. Returns the number of the last link and its digest, to be kept elsewhere."""
    locks.wait(locks.SEAL, work.book.id)
    found = sql.rows("SELECT number, digest FROM ledger_seal WHERE book_id = %s ORDER BY number DESC LIMIT 1", [work.book.id])
    number, digest = (found[0][0], bytes(found[0][1])) if found else (0, b"")
    links = []
    for one in entry_contents(work.book.id, unsealed=True, limit=limit):
        number += 1
        digest = sha256(digest + one.text.encode()).digest()
        links.append((work.book.id, number, one.entry_id, one.posted_on, digest, work.now))
    columns = {
        "book_id": "uuid",
        "number": "bigint",
        "entry_id": "uuid",
        "posted_on": "date",
        "digest": "bytea",
        "sealed_at": "timestamptz",
    }
    sql.insert("ledger_seal", columns, links)
    return number, digest
