"""Who may act, and with which key, is said of a book that exists. The merchant stands above: a plain uuid."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("runtime", "0004_promises")]

    operations = [
        composite_fk("access_membership", ["book_id"], "runtime_book", ["id"]),
        composite_fk("access_api_key", ["book_id"], "runtime_book", ["id"]),
    ]
