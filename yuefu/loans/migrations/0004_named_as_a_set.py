"""Whose order a loan pays for is checked once a statement, as is what an order names."""

from django.db import migrations

from yuefu.runtime.tables import Reference, references_as_a_set

NO_LONGER = """
ALTER TABLE loans_loan DROP CONSTRAINT loans_loan_order_id_merchant_id_consumer_id_credit_account_id_b;
SELECT orders_forget_wide_keys();
DROP FUNCTION orders_forget_wide_keys();
"""
_OWED = ("order_id", "merchant_id", "consumer_id", "credit_account_id", "book_id")


class Migration(migrations.Migration):
    dependencies = [("loans", "0003_ceilings_and_reversals"), ("orders", "0006_named_as_a_set")]

    operations = [
        migrations.RunSQL(NO_LONGER, migrations.RunSQL.noop),
        references_as_a_set("loans_loan", [Reference(_OWED, "orders_order", ("id", *_OWED[1:]))]),
    ]
