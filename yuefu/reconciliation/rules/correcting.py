"""Entries of ours that correct breaks, among the movements of a day: each belongs to its break, whatever the bill of the day says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.fixes import CORRECTION
from yuefu.reconciliation.rules.matching import DayResult, Item, Movement, Outcome, bridge


def set_apart(movements: Sequence[Movement], known: Collection[str]) -> tuple[list[Movement], list[Movement]]:
    """(what the bill of the day should show, what corrects breaks): the latter have the reference of a fix that is known."""
    corrections = [movement for movement in movements if movement.kind == CORRECTION and movement.reference in known]
    apart = set(map(id, corrections))
    return [movement for movement in movements if id(movement) not in apart], corrections


def with_corrections(
    result: DayResult, *, lines: Sequence[BillLine], movements: Sequence[Movement], corrections: Sequence[Movement], currency: str
) -> DayResult:
    """The day with its corrections as items of their own, and the bridge over all of it. `movements` are those that `result` is about."""
    if not corrections:
        return result
    added = tuple(Item(Outcome.CORRECTION, one.reference, one.kind, None, one, -one.amount) for one in corrections)
    items = (*result.items, *added)
    return replace(result, items=items, bridge=bridge(lines=lines, movements=[*movements, *corrections], items=items, currency=currency))
