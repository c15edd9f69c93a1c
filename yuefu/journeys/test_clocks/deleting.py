"""The end of a test clock. Its rows stay, as those of any book; its API keys open nothing any more, and nobody advances it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from yuefu.access import commands as access
from yuefu.access import queries as keys
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.journeys.test_clocks.making import desk_in
from yuefu.runtime import books
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import BusinessDay, UnitOfWork
from yuefu.sandbox import commands as sandbox
from yuefu.sandbox.commands import Deletion
from yuefu.sandbox.rules.clocks import TestClock


def delete(*, desk: Desk, now: datetime, deletions: Sequence[Deletion]) -> list[TestClock | Refused | Quarantined]:
    """Deletes clocks of the book, and ends all API keys of their books in the same transaction. One outcome a request, in order: the clock as it
    stood before; again, it is deleted. Refused as `sandbox.delete_clocks` refuses.
    """
    return in_batches(
        desk,
        now,
        "test_clock.delete",
        deletions,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: _delete(desk, work, given)),
    )


def _delete(desk: Desk, work: UnitOfWork, deletions: Sequence[Deletion]) -> list[TestClock | Refused]:
    outcomes = sandbox.delete_clocks(work=work, deletions=deletions)
    for clock in {one.id: one for one in outcomes if isinstance(one, TestClock) and one.state != "deleted"}.values():
        _lock_out(desk, work, clock)
    return outcomes


def _lock_out(desk: Desk, work: UnitOfWork, clock: TestClock) -> None:
    book = books.by_id(clock.clock_book_id) if clock.clock_book_id else None
    if book is None or clock.shop_id is None:
        return
    of_shop = keys.api_keys(book_id=book.id, merchant_ids=[clock.shop_id])
    there = replace(
        work, book=book, day=BusinessDay(book.id, work.day.on, "open"), now=books.now_in(book), by=desk_in(desk, book).by, claimed={}
    )
    access.revoke_api_keys(work=there, key_ids=[key.id for key in of_shop if key.revoked_at is None])
