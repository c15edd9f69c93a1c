"""A change of a limit that names an approval says exactly what was approved."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk

PROMISES = """
CREATE FUNCTION credit_guard_limit_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'credit.change_limit' AND a.object_kind = 'credit_account' AND a.object_id = NEW.account_id
        AND a.content -> 'limit_minor' = to_jsonb(NEW.new_minor)) THEN
        RAISE EXCEPTION 'this limit of credit account % was not approved', NEW.account_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_limit_change_approved BEFORE INSERT ON credit_limit_change FOR EACH ROW
    WHEN (NEW.approval_id IS NOT NULL) EXECUTE FUNCTION credit_guard_limit_change();
CREATE UNIQUE INDEX credit_limit_change_approval_once ON credit_limit_change (approval_id) WHERE approval_id IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("credit", "0001_initial"), ("runtime", "0004_promises")]

    operations = [
        composite_fk("credit_limit_change", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
