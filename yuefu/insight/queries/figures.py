"""What the lines of some days moved, and what packages keep of the same days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.insight.rules.clearing import Fact, Moved, Sold
from yuefu.insight.rules.places import MONEY, PLACE_OF
from yuefu.runtime import sql

PLACED: Final = "(SELECT * FROM unnest(%(codes)s::text[], %(places)s::text[]) AS p (code, place))"
"""Each component with its place."""


def placed() -> dict[str, Any]:
    """The parameters of PLACED."""
    return {"codes": list(PLACE_OF), "places": list(PLACE_OF.values())}


def moved(book_id: UUID, since: date, until: date) -> list[Moved]:
    """What moved between two posting days: by place, kind and, where money lies, movement; and by component, whatever the kind."""
    return sql.rows_as(
        Moved,
        f"""
        WITH lines AS (
            SELECT p.place, a.code, l.currency, e.kind, CASE WHEN p.place = ANY(%(money)s) THEN l.movement ELSE '' END AS movement,
                l.entry_id, l.amount_minor
            FROM ledger_line l JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id
            JOIN ledger_account a ON a.id = l.account_id JOIN {PLACED} AS p ON p.code = a.code
            WHERE l.book_id = %(book)s AND l.posted_on BETWEEN %(since)s AND %(until)s
        )
        SELECT place, coalesce(code, ''), currency, coalesce(kind, ''), coalesce(movement, ''), count(DISTINCT entry_id),
            sum(amount_minor)::bigint
        FROM lines GROUP BY GROUPING SETS ((place, currency, kind, movement), (place, currency, code))
        """,
        {"book": book_id, "since": since, "until": until, "money": list(MONEY), **placed()},
    )


def sold(book_id: UUID, since: date, until: date) -> list[Sold]:
    """What settlement keeps of these days: items by the day they were earned on, batches by their pay day."""
    return sql.rows_as(
        Sold,
        """
        WITH items AS (
            SELECT currency, count(*) FILTER (WHERE kind = 'capture') AS captures,
                coalesce(sum(gross_minor) FILTER (WHERE kind = 'capture'), 0) AS gross,
                coalesce(sum(fee_minor) FILTER (WHERE kind = 'capture'), 0) AS fees,
                coalesce(sum(discount_minor) FILTER (WHERE kind = 'capture'), 0) AS discounts,
                count(*) FILTER (WHERE kind = 'refund') AS refunds, coalesce(-sum(net_minor) FILTER (WHERE kind = 'refund'), 0) AS given_back
            FROM settlement_item WHERE book_id = %(book)s AND earned_on BETWEEN %(since)s AND %(until)s AND kind IN ('capture', 'refund')
            GROUP BY currency
        ), batches AS (
            SELECT currency, count(*) AS batches, sum(net_minor) AS settled, sum(payout_minor) AS payout, sum(carried_minor) AS carried,
                sum(reserved_minor) AS reserved, sum(released_minor) AS released
            FROM settlement_batch WHERE book_id = %(book)s AND pay_on BETWEEN %(since)s AND %(until)s GROUP BY currency
        )
        SELECT currency, coalesce(captures, 0), coalesce(gross, 0)::bigint, coalesce(fees, 0)::bigint, coalesce(discounts, 0)::bigint,
            coalesce(refunds, 0), coalesce(given_back, 0)::bigint, coalesce(batches, 0), coalesce(settled, 0)::bigint,
            coalesce(payout, 0)::bigint, coalesce(carried, 0)::bigint, coalesce(reserved, 0)::bigint, coalesce(released, 0)::bigint
        FROM items FULL JOIN batches USING (currency) ORDER BY currency
        """,
        {"book": book_id, "since": since, "until": until},
    )


_OURS: Final = """
    SELECT e.kind, l.movement, l.reference, l.currency, sum(l.amount_minor) AS minor
    FROM ledger_line l JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id
    WHERE l.book_id = %(book)s AND l.posted_on BETWEEN %(since)s AND %(until)s AND l.movement <> '' AND l.amount_minor <> 0
        AND (e.kind, l.movement) IN (SELECT kind, movement FROM one_sided)
    GROUP BY e.kind, l.movement, l.reference, l.currency
"""
"""What money accounts should show of payments, by reference. A transfer between two accounts of ours is left out: both sides show it, and it
comes to nothing."""

_THEIRS: Final = """
    SELECT 'collection' AS kind, 'payment' AS movement, reference, currency, amount_minor AS minor FROM payments_collection
        WHERE book_id = %(book)s AND posted_on BETWEEN %(since)s AND %(until)s AND part_of_id IS NULL AND state = 'succeeded'
    UNION ALL SELECT 'collection', 'fee', reference, currency, -fee_minor FROM payments_collection
        WHERE book_id = %(book)s AND posted_on BETWEEN %(since)s AND %(until)s AND part_of_id IS NULL AND state = 'succeeded' AND fee_minor > 0
    UNION ALL SELECT 'channel_refund', 'refund', reference, currency, fee_returned_minor - amount_minor FROM payments_channel_refund
        WHERE book_id = %(book)s AND posted_on BETWEEN %(since)s AND %(until)s AND state = 'succeeded' AND amount_minor > fee_returned_minor
    UNION ALL SELECT 'receipt', 'receipt', number, currency, sum(amount_minor) FROM payments_receipt
        WHERE book_id = %(book)s AND posted_on BETWEEN %(since)s AND %(until)s GROUP BY number, currency
    UNION ALL SELECT o.kind, o.movement, p.reference, p.currency, p.amount_minor * CASE o.kind WHEN 'payout_paid' THEN -1 ELSE 1 END
        FROM ours o JOIN payments_payout p ON p.book_id = %(book)s AND p.reference = o.reference AND p.paid_on IS NOT NULL
        WHERE o.kind IN ('payout_paid', 'payout_returned') AND (o.kind = 'payout_paid' OR p.returned_on IS NOT NULL)
    UNION ALL SELECT o.kind, o.movement, r.reference, r.currency, r.amount_minor * CASE o.kind WHEN 'receipt_return' THEN -1 ELSE 1 END
        FROM ours o JOIN payments_receipt_return r ON r.book_id = %(book)s AND r.reference = o.reference AND r.paid_on IS NOT NULL
        WHERE o.kind IN ('receipt_return', 'receipt_return_refused') AND (o.kind = 'receipt_return' OR r.returned_on IS NOT NULL)
    UNION ALL SELECT 'funding', 'funding', t.reference, t.currency, t.amount_minor
        FROM ours o JOIN payments_transfer t ON t.book_id = %(book)s AND t.reference = o.reference AND t.state = 'done' AND t.kind = 'funding'
        WHERE o.kind = 'funding'
"""

_ONE_SIDED: Final = (
    ("collection", "payment"), ("collection", "fee"), ("channel_refund", "refund"), ("receipt", "receipt"), ("payout_paid", "payout"),
    ("payout_returned", "payout_returned"), ("receipt_return", "payout"), ("receipt_return_refused", "payout_returned"), ("funding", "funding"),
)  # fmt: skip


def facts(book_id: UUID, since: date, until: date) -> list[Fact]:
    """Payments one by one, by reference; and what settlement keeps, in sums: each against the lines of these days."""
    params = {"book": book_id, "since": since, "until": until}
    kinds, movements = (list(column) for column in zip(*_ONE_SIDED, strict=True))
    payments = sql.rows_as(
        Fact,
        f"""
        WITH one_sided AS (SELECT * FROM unnest(%(kinds)s::text[], %(movements)s::text[]) AS k (kind, movement)),
            ours AS MATERIALIZED ({_OURS}), theirs AS ({_THEIRS})
        SELECT 'payments.' || kind || '.' || movement, currency, coalesce(sum(o.minor), 0)::bigint, coalesce(sum(t.minor), 0)::bigint,
            count(*) FILTER (WHERE o.minor IS DISTINCT FROM t.minor)
        FROM ours o FULL JOIN theirs t USING (kind, movement, reference, currency) GROUP BY kind, movement, currency ORDER BY 1, 2
        """,
        params | {"kinds": kinds, "movements": movements},
    )
    return [*payments, *_settlement(params)]


def _settlement(params: dict[str, Any]) -> list[Fact]:
    """Items accrued, what batches made available, and what they kept back or released, as a reserve or frozen."""
    return sql.rows_as(
        Fact,
        """
        WITH lines AS (
            SELECT e.kind, a.code, l.currency, -sum(l.amount_minor) AS minor
            FROM ledger_line l JOIN ledger_entry e ON e.posted_on = l.posted_on AND e.id = l.entry_id
            JOIN ledger_account a ON a.id = l.account_id
            WHERE l.book_id = %(book)s AND l.posted_on BETWEEN %(since)s AND %(until)s
                AND e.kind IN ('settlement_capture', 'settlement_refund', 'settlement_batch', 'settlement_reserve', 'settlement_frozen',
                    'settlement_thawed')
                AND a.code IN ('merchant_pending', 'merchant_available', 'merchant_reserve', 'merchant_frozen')
            GROUP BY e.kind, a.code, l.currency
        ), ours AS (
            SELECT CASE WHEN kind = 'settlement_batch' THEN 'available' WHEN code IN ('merchant_reserve', 'merchant_frozen') THEN 'reserve' ELSE kind END
                AS name, currency, sum(minor) AS minor
            FROM lines WHERE code = CASE kind WHEN 'settlement_batch' THEN 'merchant_available' WHEN 'settlement_reserve' THEN 'merchant_reserve'
                WHEN 'settlement_frozen' THEN 'merchant_frozen' WHEN 'settlement_thawed' THEN 'merchant_frozen' ELSE 'merchant_pending' END
            GROUP BY 1, 2
        ), theirs AS (
            SELECT 'settlement_' || kind AS name, currency, sum(net_minor) AS minor FROM settlement_item
                WHERE book_id = %(book)s AND earned_on BETWEEN %(since)s AND %(until)s AND kind IN ('capture', 'refund')
                GROUP BY kind, currency
            UNION ALL SELECT 'available', currency, sum(payout_minor) FROM settlement_batch
                WHERE book_id = %(book)s AND pay_on BETWEEN %(since)s AND %(until)s GROUP BY currency
            UNION ALL SELECT 'reserve', currency, sum(reserved_minor - released_minor) FROM settlement_batch
                WHERE book_id = %(book)s AND pay_on BETWEEN %(since)s AND %(until)s GROUP BY currency
        )
        SELECT 'settlement.' || name, currency, coalesce(o.minor, 0)::bigint, coalesce(t.minor, 0)::bigint
        FROM ours o FULL JOIN theirs t USING (name, currency) ORDER BY 1, 2
        """,
        params,
    )


@dataclass(frozen=True, slots=True)
class BackDated:
    """Entries of a kind that were posted after some days and were true on one of them: how many, on which posting days, and what they turned over."""

    kind: str
    currency: str
    entries: int
    first_posted_on: date
    last_posted_on: date
    minor: int


def back_dated(book_id: UUID, since: date, until: date) -> list[BackDated]:
    """What was posted after the last of these days and was true on one of them; credit lines, which are no money, are left out of the turnover."""
    return sql.rows_as(
        BackDated,
        f"""
        SELECT e.kind, l.currency, count(DISTINCT e.id), min(e.posted_on), max(e.posted_on),
            coalesce(sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0 AND p.place <> 'lines'), 0)::bigint
        FROM ledger_entry e JOIN ledger_line l ON l.posted_on = e.posted_on AND l.entry_id = e.id JOIN ledger_account a ON a.id = l.account_id
        JOIN {PLACED} AS p ON p.code = a.code
        WHERE e.book_id = %(book)s AND e.effective_on BETWEEN %(since)s AND %(until)s AND e.posted_on > %(until)s
            AND e.effective_on < e.posted_on
        GROUP BY e.kind, l.currency ORDER BY e.kind, l.currency
        """,
        {"book": book_id, "since": since, "until": until, **placed()},
    )


@dataclass(frozen=True, slots=True)
class Coming:
    """What is to come to a merchant on a day: of sales and of reserves that are released, or by a payout that is ordered."""

    on: date
    what: str
    minor: int


def coming(book_id: UUID, merchant_id: UUID, currency: str, today: date) -> list[Coming]:
    """What a merchant is owed and when it is settled, as it stands now, by day; what is payable and under way is there today. What has no day yet is left
    out."""
    return sql.rows_as(
        Coming,
        """
        SELECT w.settles_on, CASE i.kind WHEN 'released' THEN 'reserve' ELSE 'sales' END, sum(i.net_minor)::bigint
        FROM settlement_waiting w JOIN settlement_item i ON i.id = w.item_id
        WHERE w.book_id = %(book)s AND w.merchant_id = %(merchant)s AND i.currency = %(currency)s
            AND w.settles_on IS NOT NULL GROUP BY 1, 2
        UNION ALL SELECT %(today)s, 'payouts', sum(amount_minor)::bigint FROM payments_payout
        WHERE book_id = %(book)s AND merchant_id = %(merchant)s AND currency = %(currency)s AND state IN ('scheduled', 'sent')
        HAVING sum(amount_minor) > 0
        UNION ALL SELECT %(today)s, 'held', sum(payout_minor - withheld_minor)::bigint FROM settlement_batch
        WHERE book_id = %(book)s AND merchant_id = %(merchant)s AND currency = %(currency)s AND state IN ('held', 'returned')
        HAVING sum(payout_minor - withheld_minor) > 0
        ORDER BY 1, 2
        """,
        {"book": book_id, "merchant": merchant_id, "currency": currency, "today": today},
    )


def sold_by_month(book_id: UUID, merchant_id: UUID, currency: str, since: date, until: date) -> dict[date, int]:
    """What a merchant captured, by calendar month, in minor units; refunds are not deducted."""
    return dict(
        sql.rows(
            "SELECT date_trunc('month', earned_on)::date, sum(gross_minor)::bigint FROM settlement_item WHERE book_id = %s AND merchant_id = %s"
            " AND kind = 'capture' AND currency = %s AND earned_on BETWEEN %s AND %s GROUP BY 1",
            [book_id, merchant_id, currency, since, until],
        )
    )
