"""Sales of which the merchant has its part of each instalment as it is collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.rules.parts import InParts

_BEFORE_ALL: Final = UUID(int=0)


def captures_in_parts(*, book_id: UUID, after: UUID | None, limit: int) -> tuple[list[UUID], UUID | None]:
    """The captures of which something waits until it is collected, by a page of `limit` items without a day; and the item after which the next page
    begins, None where there is none. One that waits itself is not found again by what waits with it."""
    found = sql.rows(
        # Item by item, or a page would read all items before it.
        "WITH page AS MATERIALIZED (SELECT w.item_id FROM settlement_waiting AS w WHERE w.book_id = %s AND w.settles_on IS NULL AND w.item_id > %s"
        " ORDER BY w.item_id LIMIT %s) SELECT page.item_id, i.capture_id FROM page CROSS JOIN LATERAL ("
        "SELECT CASE WHEN i.settle_from = 'collection' AND (i.kind = 'capture' OR NOT EXISTS (SELECT FROM settlement_item AS c"
        " JOIN settlement_waiting AS v ON v.item_id = c.id WHERE c.kind = 'capture' AND c.source_id = i.capture_id AND v.settles_on IS NULL))"
        " THEN i.capture_id END AS capture_id FROM settlement_item AS i WHERE i.id = page.item_id OFFSET 0) AS i ORDER BY page.item_id",
        [book_id, after or _BEFORE_ALL, limit],
    )
    captures = dict.fromkeys(capture_id for _, capture_id in found if capture_id)
    return list(captures), found[-1][0] if len(found) == limit else None


def orders_of_captures(*, capture_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The order of each capture."""
    return dict(
        sql.rows("SELECT source_id, order_id FROM settlement_item WHERE kind = 'capture' AND source_id = ANY(%s)", [list(capture_ids)])
    )


def in_parts(*, book_id: UUID, capture_ids: Sequence[UUID]) -> list[InParts]:
    """These captures as they stand, by id; those that settle otherwise are left out."""
    found = sql.rows(
        "SELECT c.source_id, c.merchant_id, c.loan_id, c.funder_id, c.product, c.contract_version, s.changed_on, c.settle_days, c.currency,"
        " s.gross, s.net, s.rest, s.waiting FROM settlement_item AS c CROSS JOIN LATERAL ("
        "SELECT sum(i.gross_minor) FILTER (WHERE i.kind IN ('capture', 'refund'))::bigint AS gross,"
        " sum(i.net_minor) FILTER (WHERE i.kind IN ('capture', 'refund'))::bigint AS net,"
        " max(i.earned_on) FILTER (WHERE i.kind IN ('capture', 'refund')) AS changed_on,"
        " coalesce(sum(i.net_minor) FILTER (WHERE i.settles_on IS NULL AND e.id IS NULL), 0)::bigint AS rest,"
        " coalesce(array_agg(i.id) FILTER (WHERE i.settles_on IS NULL AND e.id IS NULL), '{}') AS waiting"
        " FROM settlement_item AS i LEFT JOIN settlement_evidence AS e ON e.item_id = i.id WHERE i.capture_id = c.source_id) AS s"
        " WHERE c.kind = 'capture' AND c.source_id = ANY(%s) AND c.book_id IS NOT DISTINCT FROM %s AND c.settle_from = 'collection' ORDER BY 1",
        [list(capture_ids), book_id],
    )
    return [
        InParts(*[*named, *(Money(minor, currency) for minor in (gross, net, rest)), tuple(waiting)])
        for *named, currency, gross, net, rest, waiting in found
    ]
