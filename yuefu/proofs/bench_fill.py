"""Orders that are there already: copies of what was placed, spread over ninety days before, as fast as the database takes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import UUID

import psycopg

_CHUNK: Final = 100_000
_TABLES: Final = ("offers_quote", "risk_decision", "orders_order", "runtime_key", "runtime_outbox", "ledger_hold")

# Ids as `ids.IdSource` makes them: a moment, version 7, and a number in the place of chance. `kind` keeps those of one order apart.
_ID: Final = """
CREATE FUNCTION pg_temp.filler(at timestamptz, kind bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(int8send(((extract(epoch FROM at) * 1000)::bigint << 16) | 28672) || int8send(-9223372036854775808 + (kind << 48) + n), 'hex')::uuid
$$
"""
_SEED: Final = """
CREATE TEMPORARY TABLE filler_one AS SELECT * FROM orders_order WHERE book_id = %(book)s AND authorised_minor > 0 LIMIT 1;
CREATE TEMPORARY TABLE filler_owner AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS place, id, consumer_id FROM credit_account WHERE book_id = %(book)s;
CREATE TEMPORARY TABLE filler_line AS
    SELECT f.place, a.id FROM filler_owner f JOIN ledger_account a ON a.book_id = %(book)s AND a.code = 'credit_line' AND a.owner_id = f.id;
ANALYZE filler_owner, filler_line;
"""
# What each order leaves: the quote, the decision, the order (captured long ago), its key, its event and its hold.
_CHUNK_OF: Final = """
CREATE TEMPORARY TABLE filler ON COMMIT DROP AS
    SELECT n, o.created_at - interval '1 day' - (%(count)s - n) * interval '90 days' / %(count)s AS at, f.id AS account, f.consumer_id AS consumer,
        l.id AS line
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n CROSS JOIN filler_one o
    JOIN filler_owner f ON f.place = n %% (SELECT count(*) FROM filler_owner) JOIN filler_line l ON l.place = f.place;
INSERT INTO offers_quote (id, book_id, disclosure_id, merchant_id, consumer_id, language, shown_at, shown_on)
    SELECT pg_temp.filler(at, 1, n), o.book_id, o.disclosure_id, o.merchant_id, consumer, 'zh', at, at::date FROM filler CROSS JOIN filler_one o
    ORDER BY n;
INSERT INTO risk_decision (id, order_id, consumer_id, merchant_id, outcome, reasons, features, policy_version, book_id, decided_at)
    SELECT pg_temp.filler(at, 2, n), pg_temp.filler(at, 3, n), consumer, o.merchant_id, d.outcome, d.reasons, d.features, d.policy_version,
        o.book_id, at FROM filler CROSS JOIN filler_one o JOIN risk_decision d ON d.id = o.decision_id ORDER BY n;
INSERT INTO orders_order (id, merchant_id, consumer_id, credit_account_id, merchant_reference, product_id, product, channel, currency, amount_minor,
        authorised_minor, captured_minor, released_minor, refunded_minor, periods, state, created_at, created_on, expires_at, first_due_on, due_day,
        annual_rate_ppm, day_count, rule_version, shown_total_minor, shown_instalment_minor, disclosure_id, quote_id, quote_shown_to, decision_id,
        seq, book_id)
    SELECT pg_temp.filler(at, 3, n), o.merchant_id, consumer, account, 'FILL-' || n, o.product_id, o.product, o.channel, o.currency, o.amount_minor,
        o.authorised_minor, o.authorised_minor, 0, 0, o.periods, 'captured', at, at::date, at + interval '7 days', o.first_due_on, o.due_day,
        o.annual_rate_ppm, o.day_count, o.rule_version, o.shown_total_minor, o.shown_instalment_minor, o.disclosure_id, pg_temp.filler(at, 1, n),
        consumer, pg_temp.filler(at, 2, n), 2, o.book_id FROM filler CROSS JOIN filler_one o ORDER BY n;
INSERT INTO runtime_key (book_id, scope, key, fingerprint, object_id, recorded_at)
    SELECT o.book_id, 'order.authorise:' || o.merchant_id, 'fill:' || n, decode('00', 'hex'), pg_temp.filler(at, 3, n), at
    FROM filler CROSS JOIN filler_one o ORDER BY n;
INSERT INTO runtime_outbox (id, type, object_kind, object_id, seq, schema_version, snapshot, changed, request_id, key, book_id, recorded_at)
    SELECT pg_temp.filler(at, 4, n), e.type, e.object_kind, pg_temp.filler(at, 3, n), 1, e.schema_version, e.snapshot, e.changed, e.request_id,
        'fill:' || n, o.book_id, at FROM filler CROSS JOIN filler_one o
    CROSS JOIN LATERAL (SELECT * FROM runtime_outbox e WHERE e.object_id = o.id AND e.seq = 1 LIMIT 1) e ORDER BY n;
INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, posted_minor, released_minor, state, order_id, placed_at, expires_at)
    SELECT pg_temp.filler(at, 3, n), o.book_id, line, o.authorised_minor, o.authorised_minor, 0, 'posted', pg_temp.filler(at, 3, n), at,
        at + interval '7 days' FROM filler CROSS JOIN filler_one o ORDER BY n;
"""


BYTES_AN_ORDER: Final = 5_000
"""Room that each takes on disk, with its part of the log."""


def fill(book_id: UUID, count: int, *, say: Callable[[str], None]) -> None:
    """Adds `count` orders to a book in which some were placed. As the owner, with the triggers of these tables off meanwhile: they are
    what the commands are held to, and copies of what was placed keep their promises.
    """
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        owner.execute(_ID)
        for statement in _SEED.split(";\n"):
            owner.execute(statement, {"book": book_id} if "%(" in statement else None)
        for table in _TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        try:
            for first in range(1, count + 1, _CHUNK):
                say(f"{first - 1:,} of {count:,} orders")
                given = {"count": count, "first": first, "last": min(first + _CHUNK - 1, count)}
                with owner.transaction():
                    for statement in _CHUNK_OF.split(";\n"):
                        owner.execute(statement, given if "%(" in statement else None)
        finally:
            for table in _TABLES:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        owner.execute(f"VACUUM (ANALYZE) {', '.join(_TABLES)}")
        with suppress(psycopg.errors.InsufficientPrivilege):  # where the owner may not, the next one comes by itself
            owner.execute("CHECKPOINT")
