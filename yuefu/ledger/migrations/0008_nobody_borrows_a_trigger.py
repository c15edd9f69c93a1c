"""What works with the rights of the owner is named for whom: a trigger function that anybody may execute, anybody may hang on a table of
their own, called by the name that it expects, and so have it write what they like."""

from django.db import migrations

REVOKED = "REVOKE ALL ON FUNCTION ledger_follow_lines(), ledger_follow_placed(), ledger_follow_released() FROM PUBLIC"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_one_key_to_an_account")]

    operations = [migrations.RunSQL(REVOKED, migrations.RunSQL.noop)]
