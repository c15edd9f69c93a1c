"""What an order names is checked once a statement, and its indexes are those that are asked: writing orders takes half as long."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, references_as_a_set

NO_LONGER = """
ALTER TABLE orders_capture DROP CONSTRAINT orders_capture_order_id_merchant_id_fk;
ALTER TABLE orders_refund DROP CONSTRAINT orders_refund_order_id_merchant_id_fk;
ALTER TABLE orders_order
    DROP CONSTRAINT orders_order_decision_id_id_book_id_consumer_id_merchant_id_fk,
    DROP CONSTRAINT orders_order_book_id_credit_account_id_consumer_id_fk,
    DROP CONSTRAINT orders_order_disclosure_id_book_id_product_id_fk,
    DROP CONSTRAINT orders_order_consent_fk;
SELECT risk_forget_wide_key(), offers_forget_wide_key();
DROP FUNCTION risk_forget_wide_key(), offers_forget_wide_key();

-- `loans` stands above and may not touch our tables: its next migration calls this, once nothing points to the keys, and drops it.
CREATE FUNCTION orders_forget_wide_keys() RETURNS void LANGUAGE sql SET search_path = public, pg_temp AS
    'ALTER TABLE orders_order DROP CONSTRAINT orders_order_id_merchant_id_consumer_id_credit_account_id_book_,
        DROP CONSTRAINT orders_order_id_merchant_id_ck';
REVOKE ALL ON FUNCTION orders_forget_wide_keys() FROM PUBLIC;

-- A consumer's latest orders, with what was authorised: what velocity asks, without going to the rows.
DROP INDEX orders_order_consumer;
CREATE INDEX orders_order_consumer ON orders_order (consumer_id, created_at) INCLUDE (authorised_minor);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_consent_of_its_consumer"),
        ("risk", "0003_named_as_a_set"),
        ("credit", "0003_stays"),
        ("offers", "0005_key_no_longer_needed"),
    ]

    operations = [
        migrations.RunSQL(NO_LONGER, migrations.RunSQL.noop),
        references_as_a_set(
            "orders_order",
            [
                Reference(
                    ("decision_id", "id", "book_id", "consumer_id", "merchant_id"),
                    "risk_decision",
                    ("id", "order_id", "book_id", "consumer_id", "merchant_id"),
                ),
                Reference(("credit_account_id", "book_id", "consumer_id"), "credit_account", ("id", "book_id", "consumer_id")),
                Reference(("disclosure_id", "book_id", "product_id"), "offers_disclosure", ("id", "book_id", "product_id")),
                Reference(
                    ("quote_id", "book_id", "merchant_id", "disclosure_id", "quote_shown_to", "created_on"),
                    "offers_quote",
                    ("id", "book_id", "merchant_id", "disclosure_id", "shown_to", "shown_on"),
                ),
            ],
        ),
        references_as_a_set(
            "orders_capture", [Reference(("order_id", "merchant_id", "book_id"), "orders_order", ("id", "merchant_id", "book_id"))]
        ),
        references_as_a_set(
            "orders_refund", [Reference(("order_id", "merchant_id", "book_id"), "orders_order", ("id", "merchant_id", "book_id"))]
        ),
        # One index in the place of two: it finds every order by its reference, and lets only one be that was not declined.
        migrations.RemoveIndex(model_name="order", name="orders_order_by_reference"),
        migrations.RemoveConstraint(model_name="order", name="orders_order_reference_once"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                models.F("book_id"),
                models.F("merchant_id"),
                models.F("merchant_reference"),
                models.Case(models.When(authorised_minor=0, then=models.F("id"))),
                name="orders_order_reference_once",
                nulls_distinct=False,
            ),
        ),
    ]
