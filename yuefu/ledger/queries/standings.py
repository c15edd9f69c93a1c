"""Where every account type stood before some days and after them."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from yuefu.ledger.queries.balances import movements_by_day
from yuefu.ledger.rules import CHART
from yuefu.ledger.rules.gl import Standing
from yuefu.runtime import sql

MONEY_CODES: Final = [code for code, account in CHART.items() if account.kind == "money"]


def standings(book_id: UUID, since: date, until: date) -> list[Standing]:
    """Of every component × currency that was ever used. Control and money accounts by checkpoint and tail; limited accounts, which have no
    checkpoints, by what is kept of them less the lines since, as `moved_on`.
    """
    inner = movements_by_day(book_id, "AND a.kind <> 'limited' AND m.posted_on <= %(until)s")
    return sql.rows_as(
        Standing,
        f"""
        WITH later AS (
            SELECT l.account_id, sum(l.amount_minor) AS since, coalesce(sum(l.amount_minor) FILTER (WHERE l.posted_on > %(until)s), 0) AS after
            FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id AND a.kind = 'limited'
            WHERE l.book_id = %(book)s AND l.posted_on >= %(since)s GROUP BY l.account_id
        ), parts AS (
            SELECT code, CASE WHEN code = ANY(%(money)s) THEN owner_id END AS owner_id, currency,
                CASE WHEN posted_on < %(since)s THEN debit - credit ELSE 0 END AS opening, debit - credit AS closing
            FROM ({inner}) AS t
            UNION ALL
            SELECT a.code, NULL, a.currency, t.posted_minor - coalesce(s.since, 0), t.posted_minor - coalesce(s.after, 0)
            FROM ledger_account a JOIN ledger_limit t ON t.account_id = a.id LEFT JOIN later s ON s.account_id = a.id
            WHERE a.book_id = %(book)s
        )
        SELECT code, owner_id, currency, sum(opening)::bigint, sum(closing)::bigint FROM parts GROUP BY code, owner_id, currency
        ORDER BY code, owner_id, currency
        """,
        {"book": book_id, "since": since, "until": until, "money": MONEY_CODES},
    )
