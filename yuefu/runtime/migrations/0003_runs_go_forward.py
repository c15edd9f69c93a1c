"""A run that is done stays done: nothing posts to its day by it again."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION runtime_guard_run() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'run % is done, or was rewritten', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER runtime_run_forward BEFORE UPDATE ON runtime_run FOR EACH ROW
    WHEN ((OLD.state = 'done' AND NEW.state <> 'done') OR (OLD.id, OLD.book_id, OLD.kind, OLD.on_date, OLD.started_at, OLD.actor)
        IS DISTINCT FROM (NEW.id, NEW.book_id, NEW.kind, NEW.on_date, NEW.started_at, NEW.actor))
    EXECUTE FUNCTION runtime_guard_run();
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0002_framework")]

    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
