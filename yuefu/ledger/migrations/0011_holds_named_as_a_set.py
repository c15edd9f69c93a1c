"""The account of a hold is checked once a statement; an account stays what it was opened as (`ledger_account_fixed`)."""

from django.db import migrations

from yuefu.runtime.tables import Reference, references_as_a_set


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_transfers")]

    operations = [
        migrations.RunSQL("ALTER TABLE ledger_hold DROP CONSTRAINT ledger_hold_book_id_account_id_fk", migrations.RunSQL.noop),
        references_as_a_set("ledger_hold", [Reference(("account_id", "book_id"), "ledger_account", ("id", "book_id"))]),
    ]
