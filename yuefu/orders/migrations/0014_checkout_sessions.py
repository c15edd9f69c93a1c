"""Checkout sessions, and what is in a cart: of a session, and of the order that it became."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
-- A session is what it was opened as; it ends once.
CREATE FUNCTION orders_guard_session() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% % cannot be rewritten', TG_TABLE_NAME, NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER orders_checkout_session_forward BEFORE UPDATE ON orders_checkout_session FOR EACH ROW
    WHEN (OLD.state <> 'open' OR NEW.state = 'open' OR NEW.seq <> OLD.seq + 1
        OR (NEW.id, NEW.book_id, NEW.merchant_id, NEW.merchant_reference, NEW.amount_minor, NEW.currency, NEW.channel, NEW.products,
            NEW.periods, NEW.success_url, NEW.cancel_url, NEW.consumer_id, NEW.language, NEW.host, NEW.category, NEW.created_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.merchant_id, OLD.merchant_reference, OLD.amount_minor, OLD.currency, OLD.channel, OLD.products,
            OLD.periods, OLD.success_url, OLD.cancel_url, OLD.consumer_id, OLD.language, OLD.host, OLD.category, OLD.created_at, OLD.expires_at))
    EXECUTE FUNCTION orders_guard_session();
CREATE TRIGGER orders_checkout_session_begins BEFORE INSERT ON orders_checkout_session FOR EACH ROW
    WHEN (NEW.state <> 'open' OR NEW.seq <> 1) EXECUTE FUNCTION orders_guard_session();

-- What completes a session is its own purchase, for its amount, by whom it was for, and was approved.
CREATE FUNCTION orders_guard_completed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_order AS o WHERE o.id = NEW.order_id AND o.book_id = NEW.book_id AND o.merchant_id = NEW.merchant_id
        AND o.merchant_reference = NEW.merchant_reference AND o.amount_minor = NEW.amount_minor AND o.currency = NEW.currency
        AND o.channel = NEW.channel AND o.authorised_minor > 0 AND (NEW.consumer_id IS NULL OR o.consumer_id = NEW.consumer_id)) THEN
        RAISE EXCEPTION 'checkout session % is completed by no order of its own', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_checkout_session_completed BEFORE UPDATE ON orders_checkout_session FOR EACH ROW
    WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION orders_guard_completed();

-- A line of an order is of its merchant.
CREATE FUNCTION orders_guard_line() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_order AS o WHERE o.id = NEW.order_id AND o.merchant_id = NEW.merchant_id AND o.book_id = NEW.book_id) THEN
        RAISE EXCEPTION 'line % names an order that is not there, or not its own', NEW.id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_line_of_its_order BEFORE INSERT ON orders_line FOR EACH ROW WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION orders_guard_line();

CREATE POLICY reader_consumer ON orders_line FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM orders_order o
    WHERE o.id = order_id AND o.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0013_extended")]

    operations = [
        migrations.CreateModel(
            name="CheckoutSession",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("merchant_reference", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("channel", models.TextField()),
                ("products", models.JSONField()),
                ("periods", models.JSONField()),
                ("success_url", models.TextField()),
                ("cancel_url", models.TextField()),
                ("consumer_id", models.UUIDField(null=True)),
                ("language", models.TextField()),
                ("host", models.TextField()),
                ("category", models.TextField()),
                ("state", models.TextField()),
                ("order_id", models.UUIDField(null=True, unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("seq", models.IntegerField()),
            ],
            options={
                "db_table": "orders_checkout_session",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["open", "completed", "expired", "cancelled"])),
                        name="orders_checkout_session_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("order_id__isnull", False), ("state", "completed")),
                            models.Q(models.Q(("state", "completed"), _negated=True), ("order_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="orders_checkout_session_its_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "open")),
                            models.Q(models.Q(("state", "open"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="orders_checkout_session_ended",
                    ),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="orders_checkout_session_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))), name="orders_checkout_session_lasts"
                    ),
                    models.CheckConstraint(condition=models.Q(("language__in", ["", "zh", "en"])), name="orders_checkout_session_language"),
                ],
                "indexes": [
                    models.Index(fields=["merchant_id", "-id"], name="orders_checkout_of_merchant"),
                    models.Index(condition=models.Q(("state", "open")), fields=["book_id", "expires_at"], name="orders_checkout_open"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("session_id", models.UUIDField(null=True)),
                ("order_id", models.UUIDField(null=True)),
                ("number", models.SmallIntegerField()),
                ("name", models.TextField()),
                ("quantity", models.IntegerField()),
                ("unit_minor", models.BigIntegerField()),
                ("sku", models.TextField()),
                ("cash_price_minor", models.BigIntegerField(null=True)),
                ("tax_minor", models.BigIntegerField(null=True)),
                ("serial_number", models.TextField()),
                ("category", models.TextField()),
                ("image_url", models.TextField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("order_id__isnull", True), ("session_id__isnull", False)),
                            models.Q(("order_id__isnull", False), ("session_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="orders_line_of_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1), ("quantity__gte", 1), ("unit_minor__gte", 0)), name="orders_line_amounts"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cash_price_minor__isnull", True), ("unit_minor__lte", models.F("cash_price_minor")), _connector="OR"
                        ),
                        name="orders_line_no_dearer_on_credit",
                    ),
                    models.UniqueConstraint(
                        models.F("session_id"), models.F("order_id"), models.F("number"), name="orders_line_number", nulls_distinct=False
                    ),
                ],
                "indexes": [
                    models.Index(condition=models.Q(("order_id__isnull", False)), fields=["order_id"], name="orders_line_of_order")
                ],
            },
        ),
        composite_key("orders_checkout_session", ["book_id", "id", "merchant_id"]),
        composite_fk("orders_checkout_session", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_checkout_session", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_fk("orders_line", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_line", ["book_id", "session_id", "merchant_id"], "orders_checkout_session", ["book_id", "id", "merchant_id"]),
        secure("orders_checkout_session", writes="update", merchant="merchant_id"),
        secure("orders_line", writes="append", merchant="merchant_id"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
