"""A payout can be named together with its book and merchant; a transfer is of a book that exists."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk, composite_key


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("runtime", "0004_promises")]

    operations = [
        composite_key("payments_payout", ["book_id", "id", "merchant_id"]),
        composite_fk("payments_transfer", ["book_id"], "runtime_book", ["id"]),
    ]
