"""How long runs took, by the clock of the database: the moments that journeys are given stand still while a run works.

Runs of before have neither; the clock of the machine says nothing of the business, so no rule reads it.
"""

from django.db import migrations

WORKED = """
ALTER TABLE runtime_run ADD COLUMN worked_from timestamptz, ADD COLUMN worked_until timestamptz;
ALTER TABLE runtime_run ALTER COLUMN worked_from SET DEFAULT clock_timestamp();

CREATE FUNCTION runtime_run_worked() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state = 'running' THEN
        NEW.worked_from := clock_timestamp();
        NEW.worked_until := NULL;
    ELSE
        NEW.worked_until := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runtime_run_worked BEFORE UPDATE ON runtime_run FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION runtime_run_worked();
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0012_run_chunks")]

    operations = [migrations.RunSQL(WORKED, migrations.RunSQL.noop)]
