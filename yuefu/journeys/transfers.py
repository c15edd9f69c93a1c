"""Transfers between accounts of the ledger: any number at once, in transactions of a bounded size that never cut a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.ledger.rules import Moved, Transfer, chains
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork

AT_ONCE: Final = 5_000

Outcome = Moved | Refused | Quarantined


def transfer(*, desk: Desk, now: datetime, transfers: Sequence[Transfer]) -> list[Outcome]:
    """One outcome each, in order; each sees the effect of those before it. A chain is carried out by one transaction, whole or not at all.

    See `ledger.commands.transfer`. A chain that raises whenever it is tried is kept aside and every transfer of it is Quarantined.
    """
    outcomes: list[Outcome] = []
    for part in _parts(chains(transfers)):
        answers = in_batches(desk, now, "transfer", part, lambda batch: on_open_day(desk, now, batch, _transfer))
        for chain, answer in zip(part, answers, strict=True):
            outcomes += list(answer) if isinstance(answer, tuple) else [answer] * len(chain)
    return outcomes


def _parts(found: Sequence[Sequence[Transfer]]) -> Iterator[list[Sequence[Transfer]]]:
    """Chains in parts of about AT_ONCE transfers; one that is longer by itself is a part of its own."""
    part: list[Sequence[Transfer]] = []
    size = 0
    for chain in found:
        if part and size + len(chain) > AT_ONCE:
            yield part
            part, size = [], 0
        part.append(chain)
        size += len(chain)
    if part:
        yield part


def _transfer(work: UnitOfWork, batch: Sequence[Sequence[Transfer]]) -> list[tuple[Moved | Refused, ...] | Refused]:
    answers = iter(ledger.transfer(work=work, transfers=[one for chain in batch for one in chain]))
    return [tuple(next(answers) for _ in chain) for chain in batch]


def expire(*, desk: Desk, now: datetime, limit: int = 2_000) -> int:
    """Ends up to `limit` pending transfers whose time is over. Returns how many; call until it is 0."""
    if not ledger_book.expiring_transfers(desk.book.id, now, 1):
        return 0
    with open_day(desk, now) as work:
        return 0 if isinstance(work, Refused) else ledger.expire_transfers(work=work, limit=limit)
