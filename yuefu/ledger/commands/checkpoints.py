"""Off the write path: rolling lines up into checkpoints, and chaining entries into seals. Both follow commit order."""

from __future__ import annotations

from hashlib import sha256

from yuefu.ledger.queries.seals import entry_contents
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork


def roll_up(*, work: UnitOfWork) -> int:
    """Moves the horizon of a book up to the oldest transaction still running and adds what lies below it to the checkpoints.

    A transaction held open keeps the horizon below it, so nothing that commits late is skipped. Returns the lines rolled up.
    """
    sql.run(
        "INSERT INTO ledger_horizon (book_id, epoch, xid, moved_at) VALUES (%s, 1, '0', %s) ON CONFLICT DO NOTHING",
        [work.book.id, work.now],
    )
    ((epoch, xid),) = sql.rows("SELECT epoch, xid FROM ledger_horizon WHERE book_id = %s FOR UPDATE", [work.book.id])
    # Asked only once the lock is held: a snapshot taken while another roll-up was waited for would move the horizon back.
    ((upper, now_epoch),) = sql.rows("SELECT pg_snapshot_xmin(pg_current_snapshot())::text, runtime_epoch()")
    added: int = sql.value(
        """
        WITH moved AS (
            SELECT l.account_id, l.posted_on, sum(greatest(l.amount_minor, 0)) AS debit, sum(greatest(-l.amount_minor, 0)) AS credit, count(*) AS n
            FROM ledger_account a JOIN ledger_line l ON l.account_id = a.id
            WHERE a.book_id = %(book)s AND a.kind <> 'limited'
              AND (l.epoch, l.xid) >= (%(epoch)s, %(xid)s::xid8) AND (l.epoch, l.xid) < (%(now_epoch)s, %(upper)s::xid8)
            GROUP BY l.account_id, l.posted_on
        ), written AS (
            INSERT INTO ledger_checkpoint AS c (account_id, posted_on, book_id, debit_minor, credit_minor, line_count)
            SELECT account_id, posted_on, %(book)s, debit, credit, n FROM moved
            ON CONFLICT (account_id, posted_on) DO UPDATE SET debit_minor = c.debit_minor + excluded.debit_minor,
                credit_minor = c.credit_minor + excluded.credit_minor, line_count = c.line_count + excluded.line_count
        )
        SELECT coalesce(sum(n), 0)::bigint FROM moved
        """,
        {"book": work.book.id, "epoch": epoch, "xid": xid, "upper": upper, "now_epoch": now_epoch},
    )
    sql.run("UPDATE ledger_horizon SET epoch = %s, xid = %s, moved_at = %s WHERE book_id = %s", [now_epoch, upper, work.now, work.book.id])
    return added


def seal(*, work: UnitOfWork, limit: int) -> tuple[int, bytes]:
    """Chains up to `limit` more entries, in commit order. Returns the number of the last link and its digest, to be kept elsewhere."""
    sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7041778))", [str(work.book.id)])
    found = sql.rows("SELECT number, digest FROM ledger_seal WHERE book_id = %s ORDER BY number DESC LIMIT 1", [work.book.id])
    number, digest = (found[0][0], bytes(found[0][1])) if found else (0, b"")
    links = []
    for entry_id, posted_on, content in entry_contents(work.book.id, unsealed=True, limit=limit):
        number += 1
        digest = sha256(digest + content.encode()).digest()
        links.append((work.book.id, number, entry_id, posted_on, digest, work.now))
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
