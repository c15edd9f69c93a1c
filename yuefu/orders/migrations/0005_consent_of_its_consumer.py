"""Consent is to a quote that was shown to this consumer or to nobody in particular, by this merchant, on the day of the order.

One key holds it all, in the place of the narrower one: a batch of orders pays for as many look-ups as before.
"""

from django.db import migrations, models

CONSENT = """
-- Orders of before learn to whom their quote was shown; what guards them against a change would refuse this one too.
ALTER TABLE orders_order DISABLE TRIGGER USER;
UPDATE orders_order SET quote_shown_to = offers_shown_to(quote_id) WHERE quote_id IS NOT NULL;
ALTER TABLE orders_order ENABLE TRIGGER USER;

ALTER TABLE orders_order
    DROP CONSTRAINT orders_order_book_id_quote_id_merchant_id_disclosure_id_fk,
    ADD CONSTRAINT orders_order_consent_fk FOREIGN KEY (book_id, quote_id, merchant_id, disclosure_id, quote_shown_to, created_on)
        REFERENCES offers_quote (book_id, id, merchant_id, disclosure_id, shown_to, shown_on);
SELECT offers_forget_narrow_key();
DROP FUNCTION offers_shown_to(uuid);
DROP FUNCTION offers_forget_narrow_key();

-- A key with an empty column is not looked at: a new order has none.
DROP TRIGGER orders_order_quoted ON orders_order;
CREATE TRIGGER orders_order_quoted BEFORE INSERT ON orders_order FOR EACH ROW
    WHEN (NEW.quote_id IS NULL OR NEW.disclosure_id IS NULL OR NEW.quote_shown_to IS NULL) EXECUTE FUNCTION orders_guard_quote();
DROP TRIGGER orders_order_stays_quoted ON orders_order;
CREATE TRIGGER orders_order_stays_quoted BEFORE UPDATE OF quote_id, disclosure_id, merchant_id, consumer_id, quote_shown_to ON orders_order
    FOR EACH ROW WHEN ((OLD.quote_id, OLD.disclosure_id, OLD.merchant_id, OLD.consumer_id, OLD.quote_shown_to)
        IS DISTINCT FROM (NEW.quote_id, NEW.disclosure_id, NEW.merchant_id, NEW.consumer_id, NEW.quote_shown_to))
    EXECUTE FUNCTION orders_guard_quote();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_promises"), ("offers", "0004_quotes_say_to_whom")]

    operations = [
        migrations.AddField("Order", "quote_shown_to", models.UUIDField(null=True)),
        migrations.AddConstraint(
            "Order",
            models.CheckConstraint(
                condition=models.Q(("quote_shown_to", models.F("consumer_id")))
                | models.Q(("quote_shown_to", "00000000-0000-0000-0000-000000000000")),
                name="orders_order_consents_itself",
            ),
        ),
        migrations.RunSQL(CONSENT, migrations.RunSQL.noop),
    ]
