"""Transfers as stored, and the four figures of an account: debits and credits, pending and posted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from yuefu.ledger.queries.accounts import find_accounts, lock_limited_ids
from yuefu.ledger.rules import DEBIT, AccountKey
from yuefu.ledger.rules.transfer_batch import Place, Record
from yuefu.ledger.rules.transfers import Ended, Flags, is_key
from yuefu.runtime import sql

# What is pending of one side: of the side that a limit counts it is held there, by transfers and by holds alike.
_PENDING = """
    CASE WHEN l.side = {side} THEN l.held_minor ELSE (SELECT coalesce(sum(t.amount_minor), 0) FROM ledger_transfer t
        WHERE t.{account} = a.id AND t.kind = 'pending' AND t.ended = '') END
"""
_DEBITS_PENDING = _PENDING.format(side=1, account="debit_account_id")
_CREDITS_PENDING = _PENDING.format(side=-1, account="credit_account_id")
# Checkpoints, and the tail in commit order that is not in them yet. Lines of limited accounts are in no checkpoint.
_MOVED = """
    SELECT c.debit_minor AS debit, c.credit_minor AS credit FROM ledger_checkpoint c WHERE c.account_id = a.id
    UNION ALL
    SELECT greatest(n.amount_minor, 0), greatest(-n.amount_minor, 0) FROM ledger_line n WHERE n.account_id = a.id AND (n.epoch, n.xid) >= (
        coalesce((SELECT h.epoch FROM ledger_horizon h WHERE h.book_id = a.book_id AND a.kind <> 'limited'), 0),
        coalesce((SELECT h.xid::xid8 FROM ledger_horizon h WHERE h.book_id = a.book_id AND a.kind <> 'limited'), '0'::xid8))
"""


def figures(book_id: UUID, keys: Sequence[AccountKey], currency: str) -> dict[AccountKey, list[int]]:
    """[debits_pending, debits_posted, credits_pending, credits_posted] of each account, in minor units, all of one moment. An account that
    was never used, or never opened, has zeros. Reads all lines of a limited account.
    """
    ids = find_accounts(book_id, [(key, currency) for key in keys])
    found = {
        account_id: [int(figure) for figure in four]
        for account_id, *four in sql.rows(
            f"SELECT a.id, {_DEBITS_PENDING}, m.debit, {_CREDITS_PENDING}, m.credit FROM ledger_account a"
            " LEFT JOIN ledger_limit l ON l.account_id = a.id CROSS JOIN LATERAL"
            f" (SELECT coalesce(sum(debit), 0) AS debit, coalesce(sum(credit), 0) AS credit FROM ({_MOVED}) AS moved) AS m WHERE a.id = ANY(%s)",
            [list(ids.values())],
        )
    }
    return {key: found[ids[key, currency]] if (key, currency) in ids else [0, 0, 0, 0] for key in keys}


def lock_places(book_id: UUID, places: Iterable[Place]) -> None:
    """Locks the limits among accounts, ids ascending, and fills in what they are and hold."""
    by_id = {place.account_id: place for place in places}
    for account_id, balance in lock_limited_ids(book_id, list(by_id)).items():
        place = by_id[account_id]
        place.limit, place.side, place.net = balance.limit, balance.side, balance.posted
        if balance.side == DEBIT:
            place.debits_pending = balance.held
        else:
            place.credits_pending = balance.held


def fill_in(places: Sequence[Place]) -> None:
    """The figures of accounts, limited or not, at this moment. Those of accounts without a limit may move meanwhile: nobody locks them."""
    if not places:
        return
    by_id = {place.account_id: place for place in places}
    found = sql.rows(
        f"SELECT a.id, {_DEBITS_PENDING}, {_CREDITS_PENDING}, CASE WHEN l.account_id IS NOT NULL THEN l.posted_minor"
        f" ELSE (SELECT coalesce(sum(debit - credit), 0) FROM ({_MOVED}) AS moved) END"
        " FROM ledger_account a LEFT JOIN ledger_limit l ON l.account_id = a.id WHERE a.id = ANY(%s)",
        [list(by_id)],
    )
    for account_id, debits, credits_, net in found:
        place = by_id[account_id]
        place.debits_pending, place.credits_pending, place.net = int(debits), int(credits_), int(net)


def closed_ids(ids: Sequence[UUID]) -> set[UUID]:
    """The closed ones among accounts."""
    return {row[0] for row in sql.rows("SELECT id FROM ledger_account WHERE id = ANY(%s) AND closed_at IS NOT NULL", [list(ids)])}


def transferred(book_id: UUID, keys: Collection[str]) -> dict[str, int]:
    """What transfers moved, kept pending or released, in minor units, by key; those that do not exist, or failed, are absent."""
    return {row.key: row.amount_minor for row in _keyed(book_id, keys) if row.amount_minor is not None}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of ledger_transfer."""

    id: UUID
    key: str
    flags: Flags
    debit_id: UUID | None
    credit_id: UUID | None
    amount_minor: int | None
    timeout: timedelta | None
    expires_at: datetime | None
    pending_id: UUID | None
    ended: Ended
    debit_hold: UUID | None
    credit_hold: UUID | None
    refused: str


def _rows(where: str, params: Sequence[Any]) -> list[_Row]:
    return sql.rows_as(
        lambda i, key, kind, linked, bd, bc, cd, cc, *rest: _Row(i, key, Flags(kind, linked, bd, bc, cd, cc), *rest),
        "SELECT id, key, kind, linked, balancing_debit, balancing_credit, closing_debit, closing_credit, debit_account_id, credit_account_id,"
        " amount_minor, expires_at - recorded_at, expires_at, pending_id, ended, debit_hold_id, credit_hold_id, refused"
        f" FROM ledger_transfer WHERE {where}",
        params,
    )


def _keyed(book_id: UUID, keys: Collection[str]) -> list[_Row]:
    """Those stored under keys; what cannot be a key finds nothing."""
    return _rows("book_id = %s AND key = ANY(%s::text[])", [book_id, sql.array(sorted(filter(is_key, keys)), "text")])


@dataclass(frozen=True, slots=True)
class Stored:
    """Transfers that exist, with those they resolve, and all accounts of a batch; nothing is locked yet, and no figure is known."""

    records: dict[str, Record]
    places: dict[tuple[AccountKey, str], Place]


def stored(book_id: UUID, keys: Collection[str], accounts: Collection[AccountKey]) -> Stored:
    """What is stored under keys of transfers, the accounts of those, and the accounts of keys in whatever currency they are open."""
    rows = _keyed(book_id, keys)
    here = {row.id for row in rows}
    rows += _rows("id = ANY(%s)", [sorted({row.pending_id for row in rows if row.pending_id} - here)])
    ids = {i for row in rows for i in (row.debit_id, row.credit_id) if i}
    places = _accounts(book_id, accounts, ids)
    by_id: dict[UUID | None, Place] = {place.account_id: place for place in places}
    records = {
        row.id: Record(
            row.id,
            row.key,
            row.flags,
            by_id.get(row.debit_id),
            by_id.get(row.credit_id),
            row.amount_minor or 0,
            row.timeout,
            row.expires_at,
            None,
            row.ended,
            row.debit_hold,
            row.credit_hold,
            row.refused,
        )
        for row in rows
    }
    for row in rows:
        records[row.id].pending = records[row.pending_id] if row.pending_id else None
    return Stored({record.key: record for record in records.values()}, {(place.key, place.currency): place for place in places})


def _accounts(book_id: UUID, keys: Collection[AccountKey], ids: Collection[UUID]) -> list[Place]:
    account = "SELECT id, code, owner_id, funder_id, product, currency, merchant_id FROM ledger_account WHERE book_id = %s AND "
    owned, shared = [key for key in keys if key.owner_id], [key for key in keys if not key.owner_id]
    # Three ways into the keys of the table; one condition for all of them reads every account of a code.
    found = sql.rows(
        f"{account} code = ANY(%s) AND owner_id = ANY(%s) UNION {account} code = ANY(%s) AND owner_id IS NULL UNION {account} id = ANY(%s)",
        [
            *(book_id, sorted({key.code for key in owned}), list({key.owner_id for key in owned})),
            *(book_id, sorted({key.code for key in shared})),
            *(book_id, list(ids)),
        ],
    )
    wanted, asked = set(ids), set(keys)
    places = [
        Place(account_id, AccountKey(code, owner, funder, product), currency, merchant_id=merchant)
        for account_id, code, owner, funder, product, currency, merchant in found
    ]
    return [place for place in places if place.key in asked or place.account_id in wanted]


def lock_pending(book_id: UUID, records: Iterable[Record]) -> None:
    """Locks pending transfers, ids ascending, and fills in how they stand."""
    by_id = {record.id: record for record in records}
    if not by_id:
        return
    found = sql.rows(
        "SELECT id, ended FROM ledger_transfer WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE", [book_id, list(by_id)]
    )
    for transfer_id, ended in found:
        by_id[transfer_id].ended = ended


def expiring_transfers(book_id: UUID, now: datetime, limit: int) -> list[str]:
    """The keys of pending transfers whose time is over, the earliest first."""
    found = sql.rows(
        "SELECT key FROM ledger_transfer WHERE book_id = %s AND kind = 'pending' AND ended = '' AND expires_at <= %s"
        " ORDER BY expires_at, id LIMIT %s",
        [book_id, now, limit],
    )
    return [row[0] for row in found]
