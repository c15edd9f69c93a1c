"""Taking entries back by entries that mirror them.

Order of locks: keys (sorted), the originals (by advisory lock, ascending), then as posting does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.commands.posting import post_fresh
from yuefu.ledger.queries.entries import reversals, written
from yuefu.ledger.rules import Posted, Reversal
from yuefu.ledger.rules.reversing import ALREADY_REVERSED, UNKNOWN_ENTRY, Written, mirrored
from yuefu.runtime import keys, locks, sql
from yuefu.runtime.values import UnitOfWork

SCOPE = "ledger.reverse"

_REVERSAL = {"book_id": "uuid", "reversed_id": "uuid", "reversed_on": "date", "entry_id": "uuid", "posted_on": "date"}


def reverse(*, work: UnitOfWork, requests: Sequence[Reversal]) -> list[Posted | Refused]:
    """Takes entries back, each by a new entry with all its lines mirrored.

    One outcome a request, in order. Refused with unknown_entry, already_reversed, and as `post` refuses: where a limit has no room for
    what comes back, nothing is forced. Of two requests for one entry in a call the second gets already_reversed, or the refusal of the
    first. The table keeps that an entry is reversed once at most, and by its mirror.
    """
    ids = work.ids.many(work.now, len(requests))
    return keys.answer(
        work=work,
        scope=SCOPE,
        requests=requests,
        object_ids=ids,
        decide=lambda fresh: _reverse_fresh(work, {i: (ids[i], requests[i]) for i in fresh}),
        recall=lambda known: {i: Posted(i) for i in known},
    )


def _reverse_fresh(work: UnitOfWork, fresh: Mapping[int, tuple[UUID, Reversal]]) -> dict[int, Posted | Refused]:
    wanted = [asked.entry_id for _, asked in fresh.values()]
    locks.wait_for_each(locks.REVERSAL, wanted)
    found = {one.entry_id: one for one in written(work.book.id, wanted)}
    gone = reversals(work.book.id, wanted)
    outcomes: dict[int, Posted | Refused] = {}
    first: dict[UUID, int] = {}
    for index, (_, asked) in fresh.items():
        if asked.entry_id not in found:
            outcomes[index] = Refused(UNKNOWN_ENTRY, "there is no such entry in this book", "entry_id")
        elif asked.entry_id in gone:
            outcomes[index] = _already()
        else:
            first.setdefault(asked.entry_id, index)
    to_post = list(first.values())
    entries = [mirrored(found[fresh[index][1].entry_id], fresh[index][1]) for index in to_post]
    posted = post_fresh(work, entries, {n: fresh[index][0] for n, index in enumerate(to_post)})
    outcomes.update({to_post[n]: outcome for n, outcome in posted.items()})
    _store(work, [(found[fresh[index][1].entry_id], outcomes[index]) for index in to_post])
    for index, (_, asked) in fresh.items():
        if index not in outcomes:
            before = outcomes[first[asked.entry_id]]
            outcomes[index] = before if isinstance(before, Refused) else _already()
    return outcomes


def _already() -> Refused:
    return Refused(ALREADY_REVERSED, "this entry has been reversed", "entry_id")


def _store(work: UnitOfWork, done: Sequence[tuple[Written, Posted | Refused]]) -> None:
    rows = [
        (work.book.id, original.entry_id, original.posted_on, outcome.entry_id, work.day.on)
        for original, outcome in done
        if isinstance(outcome, Posted)
    ]
    sql.insert("ledger_reversal", _REVERSAL, rows)
