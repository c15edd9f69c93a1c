"""How the money stands that refunds of goods owe back to consumers: by what it is owed for, and by loan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from yuefu.payments.queries.moving import refunds
from yuefu.payments.rules import ChannelRefund
from yuefu.runtime import keys, sql

REFUND_KEYS: Final = "payments.refund"
"""The scope of the keys that refunds are asked for with: what they are for, a colon, and which of the loan's collections they are of, from 0."""


def orders_not_given_back(*, book_id: UUID) -> list[UUID]:
    """Orders of which a refund is under way or failed, whatever became of it later, in the order of ids."""
    found = sql.rows(
        "SELECT DISTINCT c.order_id FROM payments_channel_refund AS r JOIN payments_collection AS c ON c.id = r.collection_id"
        " WHERE r.book_id = %s AND r.posted_on IS NULL AND c.order_id IS NOT NULL ORDER BY 1",
        [book_id],
    )
    return [row[0] for row in found]


def refunds_for(*, book_id: UUID, sources: Mapping[UUID, UUID]) -> dict[UUID, list[ChannelRefund]]:
    """The first refunds of what is owed back for each source, of which the loan is given. What was tried again later is the loan's."""
    counts = dict(
        sql.rows(
            "SELECT loan_id, count(*) FROM payments_collection WHERE loan_id = ANY(%s) AND book_id = %s GROUP BY loan_id",
            [sorted(set(sources.values())), book_id],
        )
    )
    names = {f"{source}:{n}": source for source, loan_id in sources.items() for n in range(counts.get(loan_id, 0))}
    asked = keys.objects(book_id=book_id, scope=REFUND_KEYS, names=list(names)) if names else {}
    told = refunds(book_id=book_id, ids=list(asked.values())) if asked else {}
    found: dict[UUID, list[ChannelRefund]] = defaultdict(list)
    for name, refund_id in asked.items():
        found[names[name]].append(told[refund_id])
    return dict(found)


def under_way(*, book_id: UUID, loan_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these loans of which a refund has no answer yet."""
    found = sql.rows(
        "SELECT DISTINCT c.loan_id FROM payments_collection AS c JOIN payments_channel_refund AS r ON r.collection_id = c.id"
        " WHERE c.loan_id = ANY(%s) AND c.book_id = %s AND r.state IN ('attempted', 'unknown')",
        [list(loan_ids), book_id],
    )
    return {row[0] for row in found}
