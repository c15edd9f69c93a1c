"""Entries that were true before the day they were posted to are found by the day on which they were true: they are few."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0018_into_the_keys_alone")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX ledger_entry_back_dated ON ledger_entry (book_id, effective_on) WHERE effective_on < posted_on",
            "DROP INDEX ledger_entry_back_dated",
        )
    ]
