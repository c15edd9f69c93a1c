"""An item names a loan of either rule version: one key for each, of which one is empty."""

from django.db import migrations, models

PROMISES = """
ALTER TABLE settlement_item DROP CONSTRAINT settlement_item_of_its_loan;
-- Deferred: a capture is accrued before its loan is booked, because the discount of the loan is what the merchant is charged.
ALTER TABLE settlement_item
    ADD CONSTRAINT settlement_item_of_its_loan FOREIGN KEY (levelled_id, capture_id, order_id, merchant_id, book_id)
        REFERENCES loans_loan (id, capture_id, order_id, merchant_id, book_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT settlement_item_of_its_agreement FOREIGN KEY (agreement_id, capture_id, order_id, merchant_id, book_id)
        REFERENCES loans_agreement (id, capture_id, order_id, merchant_id, book_id) DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0003_checks_see_what_is_there"), ("loans", "0007_of_an_order")]

    operations = [
        migrations.AddField("item", "lived", models.BooleanField(db_default=False)),
        migrations.AddField(
            "item",
            "levelled_id",
            models.GeneratedField(
                db_persist=True,
                expression=models.Case(models.When(lived=False, then="loan_id")),
                null=True,
                output_field=models.UUIDField(null=True),
            ),
        ),
        migrations.AddField(
            "item",
            "agreement_id",
            models.GeneratedField(
                db_persist=True,
                expression=models.Case(models.When(lived=True, then="loan_id")),
                null=True,
                output_field=models.UUIDField(null=True),
            ),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
