"""An order is its consumer's, with its account, its paper and its decision, and stays what was agreed; who it concerns may read it."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk, composite_key

PROMISES = """
-- The decision names the merchant and consumer of this very order and has keys to both: one key here instead of three.
ALTER TABLE orders_order DROP CONSTRAINT orders_order_book_id_merchant_id_fk;
ALTER TABLE orders_order DROP CONSTRAINT orders_order_book_id_consumer_id_fk;

ALTER TABLE orders_order
    ADD CONSTRAINT orders_order_agreed CHECK (state = 'declined' OR (credit_account_id IS NOT NULL AND disclosure_id IS NOT NULL)),
    ADD CONSTRAINT orders_order_released CHECK (released_minor = 0 OR captured_minor + released_minor = authorised_minor),
    -- The state says what the amounts say. As no amount falls, the state can only move as `orders.rules` moves it.
    ADD CONSTRAINT orders_order_state_of_amounts CHECK (CASE
        WHEN authorised_minor = 0 THEN state = 'declined'
        WHEN captured_minor = 0 AND released_minor = 0 THEN state = 'authorised'
        WHEN captured_minor = 0 THEN state IN ('voided', 'expired')
        WHEN refunded_minor = 0 THEN state = CASE WHEN captured_minor + released_minor = authorised_minor THEN 'captured' ELSE 'part_captured' END
        ELSE state = CASE WHEN refunded_minor = captured_minor AND captured_minor + released_minor = authorised_minor
            THEN 'refunded' ELSE 'part_refunded' END END);

CREATE FUNCTION orders_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% % cannot be rewritten', TG_TABLE_NAME, NEW.id USING ERRCODE = 'check_violation';
END $$;

-- What was agreed stays; sums and the number of the last event only rise; what ended has ended.
CREATE TRIGGER orders_order_kept BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN (OLD.state IN ('declined', 'voided', 'expired', 'refunded') OR NEW.captured_minor < OLD.captured_minor
        OR NEW.released_minor < OLD.released_minor OR NEW.refunded_minor < OLD.refunded_minor OR NEW.seq < OLD.seq
        OR (NEW.id, NEW.book_id, NEW.merchant_id, NEW.consumer_id, NEW.credit_account_id, NEW.merchant_reference, NEW.product_id, NEW.product,
            NEW.channel, NEW.currency, NEW.amount_minor, NEW.authorised_minor, NEW.periods, NEW.created_at, NEW.created_on, NEW.expires_at,
            NEW.first_due_on, NEW.due_day, NEW.annual_rate_ppm, NEW.day_count, NEW.rule_version, NEW.shown_total_minor,
            NEW.shown_instalment_minor, NEW.disclosure_id, NEW.quote_id,
            NEW.decision_id)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.merchant_id, OLD.consumer_id, OLD.credit_account_id, OLD.merchant_reference, OLD.product_id,
            OLD.product, OLD.channel, OLD.currency, OLD.amount_minor, OLD.authorised_minor, OLD.periods, OLD.created_at, OLD.created_on,
            OLD.expires_at, OLD.first_due_on, OLD.due_day, OLD.annual_rate_ppm, OLD.day_count, OLD.rule_version, OLD.shown_total_minor,
            OLD.shown_instalment_minor, OLD.disclosure_id, OLD.quote_id,
            OLD.decision_id))
    EXECUTE FUNCTION orders_guard();
CREATE TRIGGER orders_order_begins BEFORE INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.captured_minor <> 0 OR NEW.released_minor <> 0 OR NEW.refunded_minor <> 0 OR NEW.seq <> 1) EXECUTE FUNCTION orders_guard();
CREATE TRIGGER orders_capture_kept BEFORE UPDATE ON orders_capture FOR EACH ROW
    WHEN (NEW.refunded_minor < OLD.refunded_minor
        OR (NEW.id, NEW.book_id, NEW.order_id, NEW.merchant_id, NEW.number, NEW.amount_minor, NEW.captured_on, NEW.captured_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.order_id, OLD.merchant_id, OLD.number, OLD.amount_minor, OLD.captured_on, OLD.captured_at))
    EXECUTE FUNCTION orders_guard();
CREATE TRIGGER orders_capture_begins BEFORE INSERT ON orders_capture FOR EACH ROW
    WHEN (NEW.refunded_minor <> 0) EXECUTE FUNCTION orders_guard();

-- The consumer is asked of the order, one look-up by primary key for a row read; a column here would cost every capture that is written.
CREATE POLICY reader_consumer ON orders_capture FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM orders_order o
    WHERE o.id = order_id AND o.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
CREATE POLICY reader_consumer ON orders_refund FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM orders_order o
    WHERE o.id = order_id AND o.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));

-- One paper may have been shown to many: only an order says whose it is, so the package of orders says who reads it.
GRANT SELECT ON offers_disclosure TO yuefu_reader;
CREATE POLICY reader_consumer ON offers_disclosure FOR SELECT TO yuefu_reader USING (id IN (SELECT o.disclosure_id FROM orders_order o
    WHERE o.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
CREATE INDEX orders_order_consumer ON orders_order (consumer_id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_quotes"),
        ("merchants", "0002_promises"),
        ("risk", "0002_promises"),
        ("credit", "0002_promises"),
        ("offers", "0002_promises"),
    ]

    operations = [
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_key("orders_order", ["id", "merchant_id", "consumer_id", "credit_account_id", "book_id"]),
        composite_fk(
            "orders_order",
            ["decision_id", "id", "book_id", "consumer_id", "merchant_id"],
            "risk_decision",
            ["id", "order_id", "book_id", "consumer_id", "merchant_id"],
        ),
        composite_fk("orders_order", ["book_id", "credit_account_id", "consumer_id"], "credit_account", ["book_id", "id", "consumer_id"]),
        composite_fk("orders_order", ["disclosure_id", "book_id", "product_id"], "offers_disclosure", ["id", "book_id", "product_id"]),
        # The order is the merchant's (0001), and a merchant is of one book: so a capture is of its order's book.
        composite_fk("orders_capture", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_refund", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
    ]
