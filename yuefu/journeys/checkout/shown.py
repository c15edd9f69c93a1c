"""What was shown to a consumer, read back from the cost table that was kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import queries as products
from yuefu.offers.queries import AgreedQuote
from yuefu.offers.rules.disclosure import Disclosure
from yuefu.plans.terms import Terms


@dataclass(frozen=True, slots=True)
class Shown:
    """The plan of a kept cost table, read back from what it says; `product` is the code of its product."""

    product: str
    terms: Terms
    day_count: str
    due_days: tuple[date, ...]
    total: int
    largest: int

    @classmethod
    def of(cls, table: Disclosure) -> Shown:
        said: Mapping[str, Any] = table.content
        rows, basis = said["instalments"], said["items"][0]["basis"]
        due_days = tuple(date.fromisoformat(row["due_on"]) for row in rows)
        terms = Terms(
            principal=Money(said["principal_minor"], said["currency"]),
            periods=said["term"]["periods"],
            annual_rate=Rate(basis["rate_ppm"]),
            day_count=DayCount(basis["day_count"]),
            disbursed_on=date.fromisoformat(said["drawn_on"]),
            first_due_on=due_days[0],
            due_day=max(day.day for day in due_days),
            rule_version=said["rule_version"],
        )
        return cls(
            said["product"]["code"],
            terms,
            terms.day_count.value,
            due_days,
            said["paid_total_minor"],
            max(row["total_minor"] for row in rows),
        )


_MOST_TABLES: Final = 4_096
_read_before: dict[bytes, Shown] = {}
"""Plans by the hash of their cost table. Popular prices are shown again and again, and what has the same hash says the same."""


def tables(book_id: UUID, agreed: Collection[AgreedQuote]) -> dict[UUID, Shown]:
    """The plan of each cost table that was agreed to, by its id."""
    hashes = {quote.disclosure_id: quote.table_hash for quote in agreed}
    found = {table: shown for table, mark in hashes.items() if (shown := _read_before.get(mark))}
    if len(found) < len(hashes):
        stored = products.disclosures(ids=[table for table in hashes if table not in found], book_id=book_id)
        new = {table: Shown.of(one.disclosure) for table, one in stored.items()}
        if len(_read_before) + len(new) > _MOST_TABLES:
            _read_before.clear()
        _read_before.update({hashes[table]: shown for table, shown in new.items()})
        found |= new
    return found
