"""An order is placed on a quote of its own merchant, and stays on it. Orders from before quotes were kept have none."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk

PLACED_ON_A_QUOTE = """
-- Both are conditions of the triggers, not of their function: a capture, which touches none of these columns, pays nothing for them.
CREATE FUNCTION orders_guard_quote() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'order % is placed on a quote and its cost table, and stays on them', NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER orders_order_quoted BEFORE INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.quote_id IS NULL OR NEW.disclosure_id IS NULL) EXECUTE FUNCTION orders_guard_quote();
CREATE TRIGGER orders_order_stays_quoted BEFORE UPDATE OF quote_id, disclosure_id, merchant_id, consumer_id ON orders_order FOR EACH ROW
    WHEN ((OLD.quote_id, OLD.disclosure_id, OLD.merchant_id, OLD.consumer_id)
        IS DISTINCT FROM (NEW.quote_id, NEW.disclosure_id, NEW.merchant_id, NEW.consumer_id)) EXECUTE FUNCTION orders_guard_quote();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0002_held_orders_expire"),
        ("offers", "0003_quotes"),
    ]

    operations = [
        migrations.AddField("Order", "quote_id", models.UUIDField(null=True)),
        composite_fk(
            "orders_order",
            ["book_id", "quote_id", "merchant_id", "disclosure_id"],
            "offers_quote",
            ["book_id", "id", "merchant_id", "disclosure_id"],
        ),
        migrations.RunSQL(PLACED_ON_A_QUOTE, migrations.RunSQL.noop),
    ]
