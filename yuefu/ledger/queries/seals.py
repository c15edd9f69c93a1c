"""Reading the seal chain: what an entry says, and whether it still says what was sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID

from yuefu.runtime import sql

# Everything an entry and its lines say, as one text; a change of any column changes it. JSON quotes every text, so that no two
# entries give the same one; moments are written as numbers, because their JSON depends on the time zone of the session.
# A hold is said only by a line that takes from one, and what an entry takes back, or whose approval it is of, only by such an entry: the
# others read as before there was such a thing.
_LINE = """
    l.line_no, l.book_id, l.account_id, l.amount_minor, l.currency, l.order_id, l.loan_id, l.merchant_id, l.funder_id, l.movement, l.reference,
        l.epoch, l.xid::text
"""
_CONTENT = f"""
    json_build_array(e.id, e.book_id, e.posted_on, e.effective_on, extract(epoch FROM e.recorded_at), e.kind, e.line_count, e.actor, e.request_id,
        e.run_id, e.epoch, e.xid::text, (SELECT json_agg(CASE WHEN l.hold_id IS NULL THEN json_build_array({_LINE})
        ELSE json_build_array({_LINE}, l.hold_id) END ORDER BY l.line_no)
        FROM ledger_line l WHERE l.posted_on = e.posted_on AND l.entry_id = e.id))::text
    || coalesce((SELECT json_build_array(r.reversed_id, r.reversed_on, r.posted_on)::text FROM ledger_reversal r
        WHERE r.book_id = e.book_id AND r.entry_id = e.id), '')
    || CASE WHEN e.kind = 'manual' THEN coalesce((SELECT json_build_array(j.approval_id, j.posted_on)::text FROM ledger_journal j
        WHERE j.book_id = e.book_id AND j.entry_id = e.id), 'approved by nobody') ELSE '' END
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: how many links hold, and the first that does not."""

    sealed: int
    unsealed: int
    first_bad: int | None
    bad_entry: UUID | None
    reason: str

    @property
    def intact(self) -> bool:
        return self.first_bad is None


@dataclass(frozen=True, slots=True)
class Content:
    """An entry and all it says; nothing, and no place in commit order, where it is gone."""

    entry_id: UUID
    posted_on: date
    epoch: int | None
    xid: int | None
    text: str


def entry_contents(book_id: UUID, *, unsealed: bool, limit: int, after: int = 0) -> list[Content]:
    """Entries with all they say: the next unsealed ones in commit order, or sealed ones by number after `after`."""
    if unsealed:
        # Its place as parameters, and the epoch asked once: so the index of commit order is entered where the chain ends.
        return sql.rows_as(
            Content,
            f"""
            SELECT e.id, e.posted_on, e.epoch, e.xid::text::bigint, {_CONTENT} FROM ledger_entry e
            WHERE e.book_id = %s AND (e.epoch, e.xid, e.id) > (%s::integer, %s::xid8, %s::uuid)
              AND (e.epoch < (SELECT runtime_epoch()) OR e.xid < pg_snapshot_xmin(pg_current_snapshot()))
            ORDER BY e.epoch, e.xid, e.id LIMIT %s
            """,
            [book_id, *_end_of_chain(book_id), limit],
        )
    return sql.rows_as(
        Content,
        f"SELECT s.entry_id, s.posted_on, e.epoch, e.xid::text::bigint, CASE WHEN e.id IS NULL THEN '' ELSE {_CONTENT} END FROM ledger_seal s"
        " LEFT JOIN ledger_entry e ON e.posted_on = s.posted_on AND e.id = s.entry_id"
        " WHERE s.book_id = %s AND s.number > %s ORDER BY s.number LIMIT %s",
        [book_id, after, limit],
    )


def _end_of_chain(book_id: UUID) -> tuple[int | None, str | None, UUID | None]:
    """The place in commit order of the last entry that is sealed. Where that entry is gone there is none, and nothing comes after it."""
    found = sql.rows(
        "SELECT e.epoch, e.xid::text, e.id FROM ledger_seal s LEFT JOIN ledger_entry e ON e.posted_on = s.posted_on AND e.id = s.entry_id"
        " WHERE s.book_id = %s ORDER BY s.number DESC LIMIT 1",
        [book_id],
    )
    return found[0] if found else (0, "0", UUID(int=0))


def verify(book_id: UUID, *, anchors: Mapping[int, bytes] | None = None, chunk: int = 5_000) -> Verdict:
    """Recomputes the chain from its first link. `anchors` are heads (number → digest) kept outside the database: they tell a
    chain that was cut off or rewritten as a whole. Names the first link, and its entry, that does not hold.
    """
    digest, number, place = b"", 0, (0, 0, UUID(int=0))
    outside = {link: head for link, head in (anchors or {}).items() if link}  # the head of an empty chain says nothing
    while contents := entry_contents(book_id, unsealed=False, limit=chunk, after=number):
        stored = {
            row[0]: bytes(row[1])
            for row in sql.rows(
                "SELECT number, digest FROM ledger_seal WHERE book_id = %s AND number > %s ORDER BY number LIMIT %s",
                [book_id, number, chunk],
            )
        }
        for one in contents:
            number += 1
            entry_id = one.entry_id
            digest = sha256(digest + one.text.encode()).digest()
            if number not in stored:
                return _bad(book_id, number, entry_id, "a link of the chain is missing")
            if one.epoch is None or one.xid is None:
                return _bad(book_id, number, entry_id, "the entry is gone")
            before, place = place, (one.epoch, one.xid, entry_id)
            if place <= before:
                return _bad(book_id, number, entry_id, "the link does not stand where the entry was committed")
            if stored[number] != digest:
                return _bad(book_id, number, entry_id, "the entry does not say what was sealed")
            if outside.pop(number, digest) != digest:
                return _bad(book_id, number, entry_id, "the chain differs from the head kept outside the database")
    if outside:
        return _bad(book_id, number + 1, None, f"the chain ends at {number}, but a head was kept for {max(outside)}: links were cut off")
    strays = _strays(book_id, number)
    if strays:
        return _bad(book_id, number, strays[0], "an entry stands before the last sealed one but was never sealed")
    return Verdict(number, _unsealed(book_id, number), None, None, "")


def _bad(book_id: UUID, number: int, entry_id: UUID | None, reason: str) -> Verdict:
    return Verdict(number - 1, _unsealed(book_id, number - 1), number, entry_id, reason)


def _unsealed(book_id: UUID, sealed: int) -> int:
    count: int = sql.value("SELECT count(*) FROM ledger_entry WHERE book_id = %s", [book_id])
    return max(count - sealed, 0)


def _strays(book_id: UUID, number: int) -> list[UUID]:
    """Entries that lie before the last sealed one in commit order and have no seal: slipped in afterwards."""
    found = sql.rows(
        "SELECT e.id FROM ledger_seal last JOIN ledger_entry le ON le.posted_on = last.posted_on AND le.id = last.entry_id"
        " JOIN ledger_entry e ON e.book_id = last.book_id AND (e.epoch, e.xid, e.id) < (le.epoch, le.xid, le.id)"
        " LEFT JOIN ledger_seal s ON s.book_id = e.book_id AND s.entry_id = e.id"
        " WHERE last.book_id = %s AND last.number = %s AND s.entry_id IS NULL ORDER BY e.epoch, e.xid, e.id LIMIT 1",
        [book_id, number],
    )
    return [row[0] for row in found]


def sealed(book_id: UUID) -> int:
    """The number of the last link of a book's chain; 0 where there is none."""
    number: int = sql.value("SELECT coalesce(max(number), 0) FROM ledger_seal WHERE book_id = %s", [book_id])
    return number
