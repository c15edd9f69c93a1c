"""Advisory locks: what queues by a name rather than by a row, all kinds in one place so that no two share a number.

Held until the transaction ends (`alone` until it is let go). Some stand in SQL as well, where triggers and functions take them, and have the
same number there: CAPTURE and INVOICES (of `settlement`), PARTITIONS and CLOSING (of `ledger`). SET_UP is taken by
`databases`, before there is a connection of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from yuefu.runtime import sql

SET_UP: Final = 7041776  # of a database: roles and grants
PARTITIONS: Final = 7041777  # the months of the ledger
CAPTURE: Final = 7041778  # what is refunded of a capture
SETTLEMENT: Final = 7041779  # the batches of a book
BILL_FILES: Final = 7041780  # what a book has received
RUN: Final = 7041781  # one chunk of a run at a time
DAY: Final = 7041782  # of a book: shared by whoever works on the open day, alone for the roll-over
CLIENT_MONEY: Final = 7041783  # what of a book's money is that of clients
SEAL: Final = 7041784  # the end of the chain of a book
SANDBOX: Final = 7041785  # one side of the sandbox
BOOKS: Final = 7041786  # who makes a book
CLOSING: Final = 7041787  # control accounts of a book: shared by whoever posts, alone for whoever closes one
HANDS: Final = 7041788  # of a run: shared by all who work on a chunk of it, to be counted
REVERSAL: Final = 7041790  # an entry that is being taken back
PORTFOLIOS: Final = 7041791  # the numbers of the portfolios of a book
CERTIFICATES: Final = 7041792  # the numbers of the certificates of a book
FUND_PLAN: Final = 7041801  # what a merchant plans and tells
PAYEES: Final = 7041793  # the agents and hosts of a book
METADATA: Final = 7041799  # what is noted on an object
STORES: Final = 7041803  # the stores of a merchant, and the tills in them
TEST_CLOCKS: Final = 7041810  # the test clocks of a merchant
ADVANCING: Final = 7041811  # who takes a test clock forward
PRACTISE: Final = 7041812  # whom a merchant practises with
INVOICES: Final = 7041796  # the invoices of a book and their numbers
CODES: Final = 7041813  # the codes for one thing, or to one phone
ENDPOINTS: Final = 7041814  # the webhook endpoints of a merchant


def wait(kind: int, name: UUID | str, *, shared: bool = False) -> None:
    """Waits for the lock of a kind and name: with other sharers beside it where it is `shared`, else alone."""
    suffix = "_shared" if shared else ""
    sql.run(f"SELECT pg_advisory_xact_lock{suffix}(hashtextextended(%s, %s))", [str(name), kind])


def holders(kind: int, name: UUID | str) -> int:
    """How many hold the lock of a kind and name now."""
    found: int = sql.value(
        "SELECT count(*) FROM pg_locks AS l, hashtextextended(%s, %s) AS h WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND l.classid::bigint = (h >> 32) & 4294967295 AND l.objid::bigint = h & 4294967295",
        [str(name), kind],
    )
    return found


@contextmanager
def alone(kind: int, name: UUID) -> Iterator[bool]:
    """Whether nobody else holds the lock of a kind and name outside of a transaction; then it is held until the end, whatever transactions begin
    and end meanwhile. It belongs to the connection: of a process that is killed it is free at once.
    """
    got = bool(sql.value("SELECT pg_try_advisory_lock(hashtextextended(%s, %s))", [str(name), kind]))
    try:
        yield got
    finally:
        if got:
            sql.run("SELECT pg_advisory_unlock(hashtextextended(%s, %s))", [str(name), kind])


def wait_for_each(kind: int, names: Iterable[UUID]) -> None:
    """Waits for the locks of a kind in ascending order of their names, so that two who want several never wait for each other."""
    sql.run(
        "SELECT pg_advisory_xact_lock(hashtextextended(g.name::text, %s))"
        " FROM (SELECT name FROM unnest(%s::uuid[]) WITH ORDINALITY AS given (name, n) ORDER BY n) AS g",
        [kind, sorted(set(names))],
    )
