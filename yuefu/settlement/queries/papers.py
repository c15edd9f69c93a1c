"""Reads for statements as papers: batches in a list, what their lines come to, and the lines themselves, page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.queries.items import _BATCH, _ITEM, Batch, _batch, _item
from yuefu.settlement.rules import Item, Sum, totals

_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class DaySum:
    """What items of a batch that were earned on one day come to, of one kind."""

    on: date
    sum: Sum
    vat: Money


def seen(*, ids: Sequence[UUID]) -> list[Batch]:
    """These batches as far as this scope sees them, by pay day."""
    return sql.rows_as(_batch, _BATCH + " WHERE id = ANY(%s) ORDER BY pay_on, id", [list(ids)])


def listed(
    *, book_id: UUID, merchant_id: UUID | None, state: str | None, pay_on: date | None, before: Batch | None, limit: int
) -> list[Batch]:
    """Batches of a book, the latest pay day first, from behind one on; of one merchant, state or pay day where given."""
    tests: dict[str, tuple[Any, ...]] = {"book_id = %s": (book_id,)}
    tests |= {} if merchant_id is None else {"merchant_id = %s": (merchant_id,)}
    tests |= {} if state is None else {"state = %s": (state,)}
    tests |= {} if pay_on is None else {"pay_on = %s": (pay_on,)}
    tests |= {} if before is None else {"(pay_on, id) < (%s, %s)": (before.pay_on, before.id)}
    params = [one for given in tests.values() for one in given]
    return sql.rows_as(_batch, f"{_BATCH} WHERE {' AND '.join(tests)} ORDER BY pay_on DESC, id DESC LIMIT %s", [*params, limit])


def adding_up(*, batches: Sequence[Batch]) -> set[UUID]:
    """Of batches those whose lines add up to their figures, summed up anew. What of the net is paid depends on the contract of that day; that it
    is all of it, the table says."""
    found: dict[UUID, list[Sum]] = defaultdict(list)
    for batch_id, kind, funder_id, count, *minors, currency in sql.rows(
        "SELECT l.batch_id, i.kind, i.funder_id, count(*), sum(i.gross_minor)::bigint, sum(i.fee_minor)::bigint,"
        " sum(i.discount_minor)::bigint, sum(i.net_minor)::bigint, i.currency"
        " FROM settlement_batch_line AS l JOIN settlement_item AS i ON i.id = l.item_id"
        " WHERE l.batch_id = ANY(%s) GROUP BY l.batch_id, i.kind, i.funder_id, i.currency",
        [[batch.id for batch in batches]],
    ):
        found[batch_id].append(Sum(kind, funder_id, count, *(Money(minor, currency) for minor in minors)))
    return {batch.id for batch in batches if _add_up_to(batch, found[batch.id])}


def _add_up_to(batch: Batch, sums: Sequence[Sum]) -> bool:
    currency, said = batch.totals.net.currency, batch.totals
    if any(one.net.currency != currency for one in sums) or sum(one.count for one in sums) != batch.line_count:
        return False
    return replace(totals(sums, currency), payout=said.payout, carried=said.carried) == said and said.payout + said.carried == said.net


def lines(*, batch_id: UUID, after: UUID | None, limit: int) -> list[Item]:
    """The next lines of a batch in the order in which they were earned and recorded, from behind an item on."""
    return sql.rows_as(
        _item,
        # A page reads what it shows, however many lines the batch has: by the index of the lines, whatever the statistics say.
        f"SELECT {_ITEM} FROM (SELECT item_id FROM settlement_batch_line WHERE batch_id = %s AND item_id > %s ORDER BY item_id LIMIT %s) AS l"
        " CROSS JOIN LATERAL (SELECT * FROM settlement_item AS i WHERE i.id = l.item_id OFFSET 0) AS i ORDER BY i.id",
        [batch_id, after or _FIRST, limit],
    )


def by_day(*, batch_id: UUID) -> list[DaySum]:
    """What the lines of a batch come to, day by day and kind by kind."""
    return [
        DaySum(on, Sum(kind, None, count, *(Money(minor, currency) for minor in minors)), Money(vat, currency))
        for on, kind, count, *minors, vat, currency in sql.rows(
            "SELECT i.earned_on, i.kind, count(*), sum(i.gross_minor)::bigint, sum(i.fee_minor)::bigint, sum(i.discount_minor)::bigint,"
            " sum(i.net_minor)::bigint, sum(i.vat_minor)::bigint, i.currency"
            " FROM settlement_batch_line AS l JOIN settlement_item AS i ON i.id = l.item_id"
            " WHERE l.batch_id = %s GROUP BY i.earned_on, i.kind, i.currency ORDER BY i.earned_on, i.kind",
            [batch_id],
        )
    ]
