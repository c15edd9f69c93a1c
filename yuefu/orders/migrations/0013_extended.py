"""An authorisation holds longer only by an extension that says so, and never longer than half a year."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, references_as_a_set, secure

LONGER = """
-- As before, but for the end of the authorisation, which may rise: the extension that it rises by says so.
CREATE OR REPLACE TRIGGER orders_order_kept BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN (OLD.state IN ('declined', 'voided', 'expired', 'refunded') OR NEW.captured_minor < OLD.captured_minor
        OR NEW.released_minor < OLD.released_minor OR NEW.refunded_minor < OLD.refunded_minor OR NEW.seq < OLD.seq
        OR NEW.expires_at < OLD.expires_at
        OR (NEW.id, NEW.book_id, NEW.merchant_id, NEW.consumer_id, NEW.credit_account_id, NEW.merchant_reference, NEW.product_id, NEW.product,
            NEW.channel, NEW.currency, NEW.amount_minor, NEW.authorised_minor, NEW.periods, NEW.created_at, NEW.created_on,
            NEW.first_due_on, NEW.due_day, NEW.annual_rate_ppm, NEW.day_count, NEW.rule_version, NEW.shown_total_minor,
            NEW.shown_instalment_minor, NEW.disclosure_id, NEW.quote_id,
            NEW.decision_id)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.merchant_id, OLD.consumer_id, OLD.credit_account_id, OLD.merchant_reference, OLD.product_id,
            OLD.product, OLD.channel, OLD.currency, OLD.amount_minor, OLD.authorised_minor, OLD.periods, OLD.created_at, OLD.created_on,
            OLD.first_due_on, OLD.due_day, OLD.annual_rate_ppm, OLD.day_count, OLD.rule_version, OLD.shown_total_minor,
            OLD.shown_instalment_minor, OLD.disclosure_id, OLD.quote_id,
            OLD.decision_id))
    EXECUTE FUNCTION orders_guard();

CREATE FUNCTION orders_guard_longer() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.expires_at > NEW.created_at + interval '181 days'
        OR NOT EXISTS (SELECT 1 FROM orders_extension AS e WHERE e.order_id = NEW.id AND e.expires_at = NEW.expires_at) THEN
        RAISE EXCEPTION '% % cannot be rewritten', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'check_violation', HINT = 'It holds longer by an extension, and for 180 days at most.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_order_longer BEFORE UPDATE ON orders_order FOR EACH ROW
    WHEN (NEW.expires_at > OLD.expires_at) EXECUTE FUNCTION orders_guard_longer();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_lists_of_a_merchant")]

    operations = [
        migrations.CreateModel(
            name="Extension",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("held_until", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("extended_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("held_until"))), name="orders_extension_is_longer"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("held_until__gt", models.F("extended_at"))), name="orders_extension_before_the_end"
                    ),
                    models.UniqueConstraint(fields=("order_id", "expires_at"), name="orders_extension_once"),
                ],
            },
        ),
        composite_fk("orders_extension", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        references_as_a_set(
            "orders_extension", [Reference(("order_id", "merchant_id", "book_id"), "orders_order", ("id", "merchant_id", "book_id"))]
        ),
        secure("orders_extension", writes="append", merchant="merchant_id"),
        migrations.RunSQL(LONGER, migrations.RunSQL.noop),
    ]
