"""Transfers: many at once, each decided on the effect of those before it, linked ones together or not at all.

Order of locks: limited accounts (ids ascending), pending transfers (ids ascending), the closing of control accounts (shared, or alone
where the batch closes something), keys (sorted, as they are written). Keys are read before they are written, not claimed: of two batches
with one key the second to commit meets the unique key, and a second look then sees what the first has done (`runtime.batch.in_halves`,
over `chains`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.commands.columns import ENTRY, LINE
from yuefu.ledger.queries import transfers as queries
from yuefu.ledger.queries.transfers import Stored
from yuefu.ledger.rules.posting import CREDIT, DAY_NOT_OPEN, DEBIT
from yuefu.ledger.rules.transfer_batch import Decided, Record, decide
from yuefu.ledger.rules.transfers import Moved, Transfer
from yuefu.runtime import days, locks, sql
from yuefu.runtime.values import UnitOfWork

ENTRY_KIND: Final = "transfer"

_TRANSFER = {
    "id": "uuid",
    "book_id": "uuid",
    "key": "text",
    "kind": "text",
    "linked": "boolean",
    "balancing_debit": "boolean",
    "balancing_credit": "boolean",
    "closing_debit": "boolean",
    "closing_credit": "boolean",
    "debit_account_id": "uuid",
    "credit_account_id": "uuid",
    "currency": "text",
    "amount_minor": "bigint",
    "pending_id": "uuid",
    "debit_hold_id": "uuid",
    "credit_hold_id": "uuid",
    "posted_on": "date",
    "recorded_at": "timestamptz",
    "expires_at": "timestamptz",
    "refused": "text",
}
_HOLD = {
    "id": "uuid",
    "book_id": "uuid",
    "account_id": "uuid",
    "amount_minor": "bigint",
    "placed_at": "timestamptz",
    "expires_at": "timestamptz",
    "side": "smallint",
}


def transfer(*, work: UnitOfWork, transfers: Sequence[Transfer]) -> list[Moved | Refused]:
    """Carries out transfers on the day of `work`, one outcome each, in order; a known key returns its first outcome with `again`.

    Refusals in order of precedence: see `ledger.rules.transfers`; day_not_open for all where the day takes no entries. Accounts are
    opened before (`open_limited`, `open_control`). What a balancing transfer may move is exact on a limited account, which is locked; on
    any other it is the balance of this moment, and what others are just posting is not in it.
    """
    if not transfers:
        return []
    if not days.takes_entries(work.day):
        return [Refused(DAY_NOT_OPEN, f"{work.day.on} takes no entries", "posted_on")] * len(transfers)
    found = _locked(work, transfers)
    decided = decide(transfers, places=found.places, known=found.records, now=work.now, ids=work.ids.many(work.now, len(transfers)))
    _write(work, decided)
    return decided.outcomes


def _locked(work: UnitOfWork, transfers: Sequence[Transfer]) -> Stored:
    """All that the batch is decided on, with the figures it needs."""
    keys = {key for t in transfers for key in (t.key, t.resolves) if key is not None}
    found = queries.stored(work.book.id, keys, {key for t in transfers for key in (t.debit, t.credit) if key is not None})
    places = list(found.places.values())
    queries.lock_places(work.book.id, places)
    resolved = {t.resolves for t in transfers}
    queries.lock_pending(work.book.id, [record for key, record in found.records.items() if key in resolved])
    locks.wait(locks.CLOSING, work.book.id, shared=not any(t.closing_debit or t.closing_credit for t in transfers))
    closed = queries.closed_ids([place.account_id for place in places])
    for place in places:
        place.closed = place.account_id in closed
    balancing = {(t.debit, t.currency) for t in transfers if t.balancing_debit} | {
        (t.credit, t.currency) for t in transfers if t.balancing_credit
    }
    queries.fill_in([place for key, place in found.places.items() if key in balancing])
    return found


def expire_transfers(*, work: UnitOfWork, limit: int) -> int:
    """Ends up to `limit` pending transfers whose time is over: what they keep is free again, what they closed is open. Returns how many."""
    found = queries.stored(work.book.id, queries.expiring_transfers(work.book.id, work.now, limit), ())
    queries.lock_places(work.book.id, found.places.values())
    queries.lock_pending(work.book.id, found.records.values())
    over = [record for record in found.records.values() if record.ended == ""]
    _release([(hold, "expired", record.amount) for record in over for hold in (record.debit_hold, record.credit_hold)])
    return sql.update("ledger_transfer", "id", {"id": "uuid", "ended": "text"}, sorted((record.id, "expired") for record in over))


# ------------------------------------------------------------------------------------------------------------------------------ writing


def _write(work: UnitOfWork, decided: Decided) -> None:
    """First what frees limits and opens accounts, then what is posted, then what is kept pending and what closes accounts: so no statement
    meets a limit or a closed account that the batch in its order did not meet. What was made and resolved by one batch held nothing.
    """
    voids = [record for record in decided.made if record.flags.kind == "void" and record.pending and not record.pending.fresh]
    first = {record.id for record in voids}
    rest = [record for record in decided.made if record.id not in first]
    _release(_freed(decided.made))
    _insert(work, voids)
    _post(work, [record for record in rest if _moves(record)])
    _hold(work, [record for record in rest if record.flags.kind == "pending" and record.ended == "" and record.amount])
    _insert(work, [*rest, *decided.failed])


def _moves(record: Record) -> bool:
    return record.flags.kind in ("transfer", "post") and record.amount > 0


def _freed(made: Iterable[Record]) -> list[tuple[UUID | None, str, int]]:
    """What is released of holds: all by a void, the rest by a post of less."""
    freed: list[tuple[UUID | None, str, int]] = []
    for record in made:
        pending = record.pending
        if pending is None or pending.fresh:
            continue
        rest = pending.amount - (record.amount if record.flags.kind == "post" else 0)
        state = "voided" if rest == pending.amount else "pending"
        freed += [(hold, state, rest) for hold in (pending.debit_hold, pending.credit_hold) if rest]
    return freed


def _release(freed: Iterable[tuple[UUID | None, str, int]]) -> None:
    rows = sorted((hold, state, rest) for hold, state, rest in freed if hold is not None)
    sql.update("ledger_hold", "id", {"id": "uuid", "state": "text", "released_minor": "bigint"}, rows)


def _hold(work: UnitOfWork, pending: Iterable[Record]) -> None:
    """A hold against each limit that counts what is pending. Its id is kept with the transfer."""
    rows = []
    for record in pending:
        for place, side in ((record.debit, DEBIT), (record.credit, CREDIT)):
            assert place is not None, "only a failed transfer has no accounts"
            if place.limit is None or place.side != side:
                continue
            hold = work.ids.new(work.now)
            if side == DEBIT:
                record.debit_hold = hold
            else:
                record.credit_hold = hold
            rows.append((hold, work.book.id, place.account_id, record.amount, work.now, record.expires_at, side))
    sql.insert("ledger_hold", _HOLD, rows)


def _post(work: UnitOfWork, moved: Sequence[Record]) -> None:
    book, on, now = work.book.id, work.day.on, work.now
    heads = [(r.id, book, on, on, now, ENTRY_KIND, 2, work.by.label, work.by.request_id, work.day.run_id) for r in moved]
    lines = [line for record in moved for line in _lines(book, on, record)]
    written = sql.insert_with(sql.Into("ledger_entry", ENTRY, heads), sql.Into("ledger_line", LINE, lines)) if heads else 0
    assert written == 2 * len(moved), "both lines of every transfer that moves something are written"


def _lines(book: UUID, on: date, record: Record) -> list[tuple[object, ...]]:
    """The debit and the credit, each taking from the hold that was placed for it."""
    before = record.pending if record.pending and not record.pending.fresh else None
    sides = ((1, record.debit, 1, before and before.debit_hold), (2, record.credit, -1, before and before.credit_hold))
    lines: list[tuple[object, ...]] = []
    for number, place, sign, hold in sides:
        assert place is not None, "only a failed transfer has no accounts"
        moved = (place.account_id, sign * record.amount, place.currency)
        lines.append((on, record.id, number, book, *moved, None, None, place.merchant_id, place.key.funder_id or book, "", "", hold))
    return lines


def _insert(work: UnitOfWork, records: Iterable[Record]) -> None:
    """Sorted by key, so that two batches with the same keys wait for each other instead of deadlocking."""
    sql.insert("ledger_transfer", _TRANSFER, [_row(work, record) for record in sorted(records, key=lambda r: r.key)])


def _row(work: UnitOfWork, record: Record) -> tuple[object, ...]:
    head = (record.id, work.book.id, record.key, *record.flags)
    if record.refused:
        return (*head, *[None] * 8, work.now, None, record.refused)
    debit, credit = record.debit, record.credit
    assert debit is not None, "only a failed transfer has no accounts"
    assert credit is not None, "only a failed transfer has no accounts"
    moved = (debit.account_id, credit.account_id, debit.currency, record.amount, record.pending.id if record.pending else None)
    held = (record.debit_hold, record.credit_hold)
    return (*head, *moved, *held, work.day.on if _moves(record) else None, work.now, record.expires_at, "")
