"""What was said of a day on each level, kept whenever it changes: how a day stood when can be told later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from yuefu.reconciliation import queries
from yuefu.reconciliation.rules.levels import Level
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps, loads
from yuefu.runtime.values import UnitOfWork


def keep_levels(*, work: UnitOfWork, on: date, levels: Sequence[Level]) -> int:
    """Keeps the levels of a day that are not as they were kept last; returns how many."""
    known = {kept.name: kept for kept in queries.levels_kept(book_id=work.book.id, on=on)}
    changed = [one for one in levels if one.name not in known or _said(known[one.name]) != _said(one)]
    columns = {"id": "uuid", "level": "text", "no": "integer", "verdict": "text", "figures": "json", "missing": "text[]"}
    values = [
        (
            new_id,
            one.name,
            known[one.name].no + 1 if one.name in known else 1,
            one.verdict.value,
            dumps(one.figures),
            "{" + ",".join(one.missing) + "}",
        )
        for new_id, one in zip(work.ids.many(work.now, len(changed)), changed, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "on_date": ("date", on), "at": ("timestamptz", work.now)}
    return sql.insert("reconciliation_level", columns, values, same=same, suffix="ON CONFLICT DO NOTHING")


def _said(one: Level | queries.KeptLevel) -> tuple[str, object, tuple[str, ...]]:
    return one.verdict.value, loads(dumps(one.figures)), tuple(one.missing)
