"""What a merchant is owed comes from a capture of its own, and is paid by a payout of its own."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk

PROMISES = """
-- The loan has keys to its capture and order, so one key names all three. Deferred: a capture is accrued before its loan is booked,
-- because the discount of the loan is what the merchant is charged.
ALTER TABLE settlement_item
    ADD CONSTRAINT settlement_item_has_its_loan CHECK (kind = 'carried' OR (loan_id IS NOT NULL AND order_id IS NOT NULL)),
    ADD CONSTRAINT settlement_item_of_its_loan FOREIGN KEY (loan_id, capture_id, order_id, merchant_id, book_id)
        REFERENCES loans_loan (id, capture_id, order_id, merchant_id, book_id) DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial"), ("loans", "0002_promises"), ("payments", "0002_promises")]

    operations = [
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk("settlement_batch", ["book_id", "payout_id", "merchant_id"], "payments_payout", ["book_id", "id", "merchant_id"]),
    ]
