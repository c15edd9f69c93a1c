"""How reconciliation goes over some days: breaks by channel, how old those are that are open, and what was said of each day. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.reconciliation import queries as found
from yuefu.reconciliation.queries import Trend
from yuefu.reconciliation.rules.breaks import Aged
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.matching import SOURCES
from yuefu.runtime import books

MOST_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class SourceTrend:
    """Breaks of one source by day and class, and all of them together."""

    source: str
    days: tuple[Trend, ...]

    @property
    def count(self) -> int:
        return sum(day.count for day in self.days)

    @property
    def open(self) -> int:
        return sum(day.open for day in self.days)


@dataclass(frozen=True, slots=True)
class Trends:
    """From `since` to `until`; ages are counted to `on`. Of a day of which nothing was said yet there are no levels."""

    since: date
    until: date
    on: date
    sources: tuple[SourceTrend, ...]
    ageing: tuple[Aged, ...]
    levels: Mapping[date, Mapping[str, Verdict]]

    @property
    def days(self) -> list[Trend]:
        """All sources together, the latest day first."""
        return sorted((day for source in self.sources for day in source.days), key=lambda one: one.on, reverse=True)


def trends(*, book_id: UUID, on: date, days: int) -> Trends:
    """Those of the last `days` days before `on`."""
    book = books.by_id(book_id)
    assert book is not None, "somebody may read it"
    until, since = on - timedelta(days=1), on - timedelta(days=min(days, MOST_DAYS))
    told = found.trend(book_id=book_id, since=since, until=until, currency=book.currency)
    levels: dict[date, dict[str, Verdict]] = {}
    for kept in found.levels_kept(book_id=book_id, on=since, until=until):
        levels.setdefault(kept.on, {})[kept.name] = kept.verdict
    sources = tuple(SourceTrend(source, tuple(one for one in told if one.source == source)) for source in SOURCES)
    return Trends(since, until, on, sources, found.ages(book_id=book_id, on=on, currency=book.currency), levels)
