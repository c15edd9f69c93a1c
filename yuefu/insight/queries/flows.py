"""Where the money of a day went, entry by entry: what an entry takes from places, matched with what it gives to others."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from yuefu.insight.queries.figures import PLACED, placed
from yuefu.insight.rules.flows import Flow, FlowEntry
from yuefu.insight.rules.places import ALL_PLACES
from yuefu.runtime import sql

# What an entry gives and what it takes lie side by side on a line of its whole turnover, each in the order of places: where two overlap, so much went
# from the one to the other. Exact, whatever the number on either side. The two sides of an entry are arrays of one row: joined as rows of their own,
# all of a day were compared with all, where nothing was known of how many there are.
_SIDES: Final = """
    SELECT entry_id, currency,
        array_agg(place) FILTER (WHERE minor < 0) AS givers, array_agg(end_at - abs(minor)) FILTER (WHERE minor < 0) AS given_from,
        array_agg(end_at) FILTER (WHERE minor < 0) AS given_to,
        array_agg(place) FILTER (WHERE minor > 0) AS takers, array_agg(end_at - abs(minor)) FILTER (WHERE minor > 0) AS taken_from,
        array_agg(end_at) FILTER (WHERE minor > 0) AS taken_to
    FROM (
        SELECT entry_id, currency, place, minor,
            sum(abs(minor)) OVER (PARTITION BY entry_id, currency, minor > 0 ORDER BY array_position(%(order)s::text[], place)) AS end_at
        FROM nets WHERE minor <> 0
    ) AS summed GROUP BY entry_id, currency
"""
_OVERLAP: Final = "least(f.end_at, t.end_at) - greatest(f.begin_at, t.begin_at)"
_PAIRS: Final = """
    sides AS s CROSS JOIN LATERAL unnest(s.givers, s.given_from, s.given_to) AS f (place, begin_at, end_at)
        JOIN LATERAL unnest(s.takers, s.taken_from, s.taken_to) AS t (place, begin_at, end_at)
            ON f.begin_at < t.end_at AND t.begin_at < f.end_at
"""


def flows(book_id: UUID, on: date) -> list[Flow]:
    """Every flow of a posting day, by kind of entry and currency."""
    return sql.rows_as(
        Flow,
        f"""
        WITH nets AS (
            SELECT l.entry_id, l.currency, p.place, sum(l.amount_minor) AS minor
            FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id JOIN {PLACED} AS p ON p.code = a.code
            WHERE l.book_id = %(book)s AND l.posted_on = %(on)s GROUP BY l.entry_id, l.currency, p.place
        ), sides AS MATERIALIZED ({_SIDES})
        SELECT f.place, t.place, s.currency, e.kind, count(*), sum({_OVERLAP})::bigint
        FROM {_PAIRS} JOIN ledger_entry e ON e.posted_on = %(on)s AND e.id = s.entry_id
        GROUP BY f.place, t.place, s.currency, e.kind
        """,
        {"book": book_id, "on": on, "order": list(ALL_PLACES), **placed()},
    )


def entries_of(
    book_id: UUID, on: date, currency: str, origin: str, target: str, *, kind: str | None = None, after: UUID | None, limit: int
) -> list[FlowEntry]:
    """Entries of a posting day by which something went from one place to another, in the order of their ids, after one of them."""
    return sql.rows_as(
        FlowEntry,
        f"""
        SELECT e.id, e.kind, e.posted_on, e.effective_on, e.actor, flow.minor, of.order_id, of.loan_id, of.merchant_id
        FROM ledger_entry e CROSS JOIN LATERAL (
            WITH nets AS (
                SELECT l.entry_id, l.currency, p.place, sum(l.amount_minor) AS minor
                FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id JOIN {PLACED} AS p ON p.code = a.code
                WHERE l.posted_on = e.posted_on AND l.entry_id = e.id AND l.currency = %(currency)s GROUP BY l.entry_id, l.currency, p.place
            ), sides AS ({_SIDES})
            SELECT ({_OVERLAP})::bigint AS minor FROM {_PAIRS} WHERE f.place = %(origin)s AND t.place = %(target)s
        ) AS flow LEFT JOIN LATERAL (
            SELECT (array_agg(DISTINCT l.order_id))[1] AS order_id, (array_agg(DISTINCT l.loan_id))[1] AS loan_id,
                (array_agg(DISTINCT l.merchant_id))[1] AS merchant_id
            FROM ledger_line l WHERE l.posted_on = e.posted_on AND l.entry_id = e.id
        ) AS of ON true
        WHERE e.book_id = %(book)s AND e.posted_on = %(on)s AND (%(kind)s::text IS NULL OR e.kind = %(kind)s)
            AND (%(after)s::uuid IS NULL OR e.id > %(after)s)
        ORDER BY e.id LIMIT %(limit)s
        """,
        {
            "book": book_id, "on": on, "currency": currency, "origin": origin, "target": target, "kind": kind, "after": after, "limit": limit,
            "order": list(ALL_PLACES), **placed(),
        },
    )  # fmt: skip
