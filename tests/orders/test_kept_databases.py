"""Orders that were kept from before learn to whom their quote was shown, and are held to it."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from tests.kept import Owner, kept_database, migrate

BEFORE = [("orders", "0004_promises"), ("offers", "0003_quotes")]
AFTER = [("orders", "0005_consent_of_its_consumer")]
NOBODY = "00000000-0000-0000-0000-000000000000"

SOLD = (
    "INSERT INTO runtime_book (id, code, legal_entity, mode, currency, zone, calendar, cut_off, created_at)"
    " VALUES (%(book)s, 'kept', 'L', 'live', 'CNY', 'Asia/Shanghai', 'CN', '00:00', now())",
    "INSERT INTO merchants_merchant (id, book_id, code, name_zh, name_en, uscc, industry, state, settlement_account_kind,"
    " settlement_account_sealed, settlement_account_index, settlement_account_masked, created_at, revision)"
    " VALUES (%(merchant)s, %(book)s, 'm', '', '', '910000000000000000', '', 'active', 'corporate', '', '', '', now(), 1)",
    "INSERT INTO consumers_consumer (id, book_id, external_ref, name_sealed, phone_sealed, phone_index, id_number_sealed, id_number_index,"
    " birth_on_sealed, is_student, state, created_at)"
    " VALUES (%(consumer)s, %(book)s, 'c', '', '', '', '', '', '', false, 'active', now())",
    "INSERT INTO offers_product (id, book_id, code, version, name_zh, name_en, payer, annual_rate_ppm, periods, currency, minimum_minor,"
    " maximum_minor, day_count, min_gap_days, rule_version, jurisdiction, lender_zh, lender_en, lender_licence, state, created_by, created_at)"
    " VALUES (%(product)s, %(book)s, 'p', 1, '', '', 'merchant', 0, '[3]', 'CNY', 1, 1, 'act_365', 10, '1', 'CN', '', '', '', 'draft', '', now())",
    "INSERT INTO offers_disclosure (id, book_id, product_id, hash, content, template_version, first_shown_at)"
    " VALUES (%(paper)s, %(book)s, %(product)s, sha256(convert_to('{}', 'UTF8')), '{}', '1', now())",
)
QUOTED = (
    "INSERT INTO offers_quote (id, book_id, disclosure_id, merchant_id, consumer_id, language, shown_at, shown_on)"
    " VALUES (%(quote)s, %(book)s, %(paper)s, %(merchant)s, %(shown_to)s, 'zh', now(), '2026-10-01')"
)
DECIDED = (
    "INSERT INTO risk_decision (id, book_id, order_id, consumer_id, merchant_id, outcome, reasons, features, policy_version, decided_at)"
    " VALUES (%(decision)s, %(book)s, %(order)s, %(consumer)s, %(merchant)s, 'declined', '[\"limit\"]', '{}', 1, now())"
)
ORDERED = (
    "INSERT INTO orders_order (id, book_id, merchant_id, consumer_id, merchant_reference, product_id, product, channel, currency, amount_minor,"
    " authorised_minor, captured_minor, released_minor, refunded_minor, periods, state, created_at, created_on, expires_at, due_day,"
    " annual_rate_ppm, day_count, rule_version, shown_total_minor, shown_instalment_minor, disclosure_id, quote_id, decision_id, seq)"
    " VALUES (%(order)s, %(book)s, %(merchant)s, %(consumer)s, 'r', %(product)s, 'p', 'online', 'CNY', 1, 0, 0, 0, 0, 3, 'declined', now(),"
    " '2026-10-01', now(), 1, 0, 'act_365', '1', 0, 0, %(paper)s, %(quote)s, %(decision)s, 1)"
)


def order(owner: Owner, known: dict[str, object], shown_to: object) -> object:
    """A declined order on a quote: such as nothing may ever change again."""
    fresh = known | {name: uuid4() for name in ("order", "quote", "decision")} | {"shown_to": shown_to}
    for statement in (QUOTED, DECIDED, ORDERED):
        owner.execute(statement, fresh)
    return fresh["order"]


def test_orders_of_before_get_the_shown_to_of_their_quotes_and_stay_guarded() -> None:
    with kept_database(BEFORE) as owner:
        known: dict[str, object] = {name: uuid4() for name in ("book", "merchant", "consumer", "product", "paper")}
        for statement in SOLD:
            owner.execute(statement, known)
        mine, anybodys = order(owner, known, known["consumer"]), order(owner, known, None)
        owner.execute("ALTER TABLE orders_order DISABLE TRIGGER USER")
        before_quotes = uuid4()
        fresh = known | {"order": before_quotes, "quote": None, "decision": uuid4()}
        for statement in (DECIDED, ORDERED):
            owner.execute(statement, fresh)
        owner.execute("ALTER TABLE orders_order ENABLE TRIGGER USER")
        migrate(AFTER)
        found = dict(owner.execute("SELECT id, quote_shown_to::text FROM orders_order").fetchall())  # type: ignore[arg-type]
        assert found == {mine: str(known["consumer"]), anybodys: NOBODY, before_quotes: None}
        for change in (f"quote_shown_to = '{NOBODY}'", "amount_minor = 2"):
            with pytest.raises(psycopg.errors.CheckViolation):
                owner.execute(f"UPDATE orders_order SET {change} WHERE id = %s", [mine])
