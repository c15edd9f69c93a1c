"""Posting: entries in, one outcome each, in order. What lines move of limits and take from holds is added up by their trigger.

Order of locks: keys (sorted), the day (shared), limited accounts (ids ascending), holds (ids ascending), the closing of
control accounts (shared).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.commands.accounts import ensure_control
from yuefu.ledger.commands.columns import ENTRY, LINE
from yuefu.ledger.queries.accounts import closed_among, lock_holds, lock_limited
from yuefu.ledger.queries.entries import SCOPE
from yuefu.ledger.rules import CHART, AccountKey, Entry, Posted
from yuefu.ledger.rules.posting import (
    DAY_NOT_OPEN,
    MOST_ENTRIES,
    TOO_MANY_ENTRIES,
    Balance,
    OpenHold,
    Working,
    decide,
    shape_refusal,
    taking_line,
)
from yuefu.runtime import days, keys, sql
from yuefu.runtime.values import UnitOfWork

T = TypeVar("T")


def post(*, work: UnitOfWork, entries: Sequence[Entry]) -> list[Posted | Refused]:
    """Posts entries to the day of `work`.

    One outcome an entry, in order; each sees the effect of those before it. A known key returns its first outcome, a key with
    other content is Refused with key_reused. Refusals in order of precedence: see `ledger.rules.posting`.

    Entries tied together by `linked` are posted all or not at all. A refusal is kept for the key of each of them: a group that failed has
    failed, and is tried again under new keys. A group sent again whole is answered from its keys; entries that are new do not join those
    that were answered before.
    """
    if len(entries) > MOST_ENTRIES:
        return [Refused(TOO_MANY_ENTRIES, f"one call posts at most {MOST_ENTRIES} entries, not {len(entries)}")] * len(entries)
    ids = work.ids.many(work.now, len(entries))

    def decide_fresh(fresh: list[int]) -> dict[int, Posted | Refused]:
        return post_fresh(work, entries, {i: ids[i] for i in fresh})

    return keys.answer(
        work=work,
        scope=SCOPE,
        requests=entries,
        object_ids=ids,
        decide=decide_fresh,
        recall=lambda known: {i: Posted(i) for i in known},
    )


def post_once(*, work: UnitOfWork, entries: Sequence[Entry]) -> list[Posted | Refused]:
    """`post` of entries of which each belongs to a row that this transaction writes and that can be there only once, such as the fact of a loan by
    its source. That row is what their key would be, so none is claimed: sent again they would be posted again, and a refusal is not kept."""
    if len(entries) > MOST_ENTRIES:
        return [Refused(TOO_MANY_ENTRIES, f"one call posts at most {MOST_ENTRIES} entries, not {len(entries)}")] * len(entries)
    verdicts = post_fresh(work, entries, dict(enumerate(work.ids.many(work.now, len(entries))))) if entries else {}
    return [verdicts[index] for index in range(len(entries))]


def rehearse(*, work: UnitOfWork, act: Callable[[UnitOfWork], T]) -> T:
    """What `act` would lead to now: it is carried out, with all that the database checks when it commits, and then undone, keys included."""
    with sql.undone():
        outcome = act(replace(work, claimed={}))
        sql.run("SET CONSTRAINTS ALL IMMEDIATE")
    return outcome


def post_fresh(work: UnitOfWork, entries: Sequence[Entry], fresh: Mapping[int, UUID]) -> dict[int, Posted | Refused]:
    """Decides and writes the fresh ones among the entries of a call, given as index → id. Their keys are claimed by the caller."""
    on = work.day.on
    if days.takes_entries(work.day):
        unsound = {i: refused for i in fresh if (refused := shape_refusal(entries[i], on))}
    else:
        unsound = dict.fromkeys(fresh, Refused(DAY_NOT_OPEN, f"{on} takes no entries", "posted_on"))
    sound = [entries[i] for i in fresh if i not in unsound]
    keyed = _keyed(enumerate(sound))
    limited = lock_limited(work.book.id, [key for key in keyed if _is_limited(key)])
    holds = lock_holds(work.book.id, [entry.uses_hold.hold_id for entry in sound if entry.uses_hold])
    closed = closed_among(work.book.id, [key for key in keyed if not _is_limited(key)])
    verdicts = decide(entries, fresh=fresh, unsound=unsound, working=Working(limited, holds, closed, work.now))
    accepted = [(fresh[i], entries[i]) for i, refused in verdicts.items() if refused is None]
    _write(work, accepted, limited, holds, keyed if len(accepted) == len(sound) else _keyed(accepted))
    return {i: refused or Posted(fresh[i]) for i, refused in verdicts.items()}


def _keyed(numbered: Iterable[tuple[object, Entry]]) -> set[tuple[AccountKey, str]]:
    """The accounts of entries, by (key, currency)."""
    return {(line.account, line.amount.currency) for _, entry in numbered for line in entry.lines}


def _is_limited(key: tuple[AccountKey, str]) -> bool:
    return CHART[key[0].code].kind == "limited"


def _write(
    work: UnitOfWork,
    accepted: Sequence[tuple[UUID, Entry]],
    limited: Mapping[tuple[AccountKey, str], Balance],
    holds: Mapping[UUID, OpenHold],
    wanted: set[tuple[AccountKey, str]],
) -> None:
    if not accepted:
        return
    ids = ensure_control(work=work, wanted=wanted - limited.keys())
    ids |= {key: balance.account_id for key, balance in limited.items()}
    book, on, now = work.book.id, work.day.on, work.now
    acting = [work.acting(entry.cause) for _, entry in accepted]
    same = {"posted_on": ("date", on), "book_id": ("uuid", book)}
    heads = [(i, e.effective_on or on, e.kind, len(e.lines), by.label, by.request_id) for (i, e), by in zip(accepted, acting, strict=True)]
    of_heads = same | {"recorded_at": ("timestamptz", now), "run_id": ("uuid", work.day.run_id)}
    taking = [taking_line(entry, limited, holds) for _, entry in accepted]
    lines = [
        (
            entry_id,
            number,
            ids[line.account, line.amount.currency],
            line.amount.minor,
            line.amount.currency,
            line.order_id,
            line.loan_id,
            line.merchant_id,
            line.funder_id or book,
            line.movement,
            line.reference,
            entry.uses_hold.hold_id if entry.uses_hold and number == taker else None,
        )
        for (entry_id, entry), taker in zip(accepted, taking, strict=True)
        for number, line in enumerate(entry.lines, start=1)
    ]
    written = sql.insert_with(
        sql.Into("ledger_entry", _but(ENTRY, *of_heads), heads, of_heads, ("effective_on", "kind", "actor", "request_id")),
        sql.Into("ledger_line", _but(LINE, *same), lines, same, ("currency", "hold_id")),
    )
    assert written == len(lines), "every line of every accepted entry is written"


def _but(columns: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: kind for name, kind in columns.items() if name not in names}
