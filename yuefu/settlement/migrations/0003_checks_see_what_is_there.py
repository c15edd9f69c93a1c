"""The checks of settlement look at the tables themselves, as they are now."""

from django.db import migrations

CHECKS = """
-- Without a path of their own they would look at a temporary table of the same name first.
ALTER FUNCTION settlement_require_adding_up(uuid) SET search_path = public, pg_temp;
ALTER FUNCTION settlement_batch_check() SET search_path = public, pg_temp;
ALTER FUNCTION settlement_line_check() SET search_path = public, pg_temp;
ALTER FUNCTION settlement_refund_check() SET search_path = public, pg_temp;

-- Two refunds of one capture wait for each other; with the snapshot of before the wait, neither would see the other.
CREATE FUNCTION settlement_guard_isolation() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'items are written by read committed transactions' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_item_isolation BEFORE INSERT ON settlement_item
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_guard_isolation();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0002_promises")]

    operations = [migrations.RunSQL(CHECKS, migrations.RunSQL.noop)]
