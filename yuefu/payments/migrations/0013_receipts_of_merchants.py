"""What merchants transfer of their debts: taken out of suspense, where each transfer lies until somebody says what it is for."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

LEFT = """
CREATE TRIGGER payments_receipt_of_merchant_taken AFTER INSERT ON payments_receipt_of_merchant
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_receipt_goes_back();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0012_payouts_to_payees"), ("merchants", "0007_accounts")]

    operations = [
        migrations.CreateModel(
            name="ReceiptOfMerchant",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("receipt_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_receipt_of_merchant",
                "indexes": [models.Index(fields=["receipt_id"], name="payments_receipt_of_merchant_r")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_receipt_of_merchant_amount"),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="payments_receipt_of_merchant_reason"),
                ],
            },
        ),
        secure("payments_receipt_of_merchant", writes="append"),
        composite_fk(
            "payments_receipt_of_merchant", ["book_id", "receipt_id", "currency"], "payments_receipt", ["book_id", "id", "currency"]
        ),
        composite_fk("payments_receipt_of_merchant", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        migrations.RunSQL(LEFT, migrations.RunSQL.noop),
    ]
