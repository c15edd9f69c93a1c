"""Accounts of money are given the owner that keeps them from now on: a way for the package that knows the owners, to be used once."""

from django.db import migrations

GIVE = """
-- What an account is can never be rewritten under its lines, so the guard is lifted for this alone. Only the owner of the table can do it;
-- the migration that has used the function drops it.
CREATE FUNCTION ledger_give_owner(of_book uuid, component text, owner uuid) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    ALTER TABLE ledger_account DISABLE TRIGGER ledger_account_fixed;
    UPDATE ledger_account SET owner_id = owner WHERE book_id = of_book AND code = component AND kind = 'money' AND owner_id IS NULL;
    ALTER TABLE ledger_account ENABLE TRIGGER ledger_account_fixed;
END $$;
REVOKE ALL ON FUNCTION ledger_give_owner(uuid, text, uuid) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_figures_follow_lines")]

    operations = [migrations.RunSQL(GIVE, migrations.RunSQL.noop)]
