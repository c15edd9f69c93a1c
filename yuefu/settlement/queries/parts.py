"""Sales of which the merchant has its part of each instalment as it is collected."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.settlement.rules.parts import InParts


def captures_in_parts(*, book_id: UUID, after: UUID | None, limit: int) -> list[UUID]:
    """The next captures, ids ascending and above `after`, of which something waits until it is collected."""
    found = sql.rows(
        "SELECT DISTINCT i.capture_id FROM settlement_waiting AS w JOIN settlement_item AS i ON i.id = w.item_id"
        " WHERE w.book_id = %s AND w.settles_on IS NULL AND i.settle_from = 'collection' AND (%s::uuid IS NULL OR i.capture_id > %s)"
        " ORDER BY 1 LIMIT %s",
        [book_id, after, after, limit],
    )
    return [row[0] for row in found]


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
