"""What the triggers of the ledger look up, they look up by its key, also in a partition that looks small: see ADR 0013."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connections

from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

ENTRIES = 1_000


def looked_up(table: str) -> int:
    """How often this transaction has gone into the indexes of a table."""
    return int(sql.value("SELECT sum(pg_stat_get_xact_numscans(indexrelid)) FROM pg_index WHERE indrelid = %s::regclass", [table]))


@pytest.mark.parametrize("before", [0, 1, 30])
def test_each_entry_and_its_lines_are_found_by_key(work: UnitOfWork, entry: Callable[..., Entry], before: int) -> None:
    with sql.transacting():
        ledger.post_once(work=work, entries=[entry(f"before-{n}", 1) for n in range(before)])
    if before:
        with connections["owner"].cursor() as owner:
            owner.execute("ANALYZE ledger_entry_202610, ledger_line_202610")
    with sql.transacting():
        sql.run("DISCARD PLANS")  # those made for a smaller table
        posted = ledger.post_once(work=work, entries=[entry(f"key-{n}", 5) for n in range(ENTRIES)])
        found = {table: looked_up(table) for table in ("ledger_entry_202610", "ledger_line_202610")}
    assert all(isinstance(one, Posted) for one in posted)
    assert all(count >= ENTRIES for count in found.values()), found
