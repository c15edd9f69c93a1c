"""A key remembers the request that used it first: whoever asks again is told of that one."""

from django.db import migrations, models

WRITTEN_ONCE = """
GRANT INSERT (request_id) ON runtime_key TO yuefu_writer;

CREATE OR REPLACE FUNCTION runtime_guard_key() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.xid <> pg_current_xact_id() OR OLD.refused_code IS NOT NULL
        OR (NEW.book_id, NEW.scope, NEW.key, NEW.fingerprint, NEW.object_id, NEW.request_id)
        IS DISTINCT FROM (OLD.book_id, OLD.scope, OLD.key, OLD.fingerprint, OLD.object_id, OLD.request_id) THEN
        RAISE EXCEPTION 'the result of a key is written once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0009_events_as_text")]

    operations = [
        migrations.AddField(model_name="key", name="request_id", field=models.TextField(db_default="")),
        migrations.RunSQL(WRITTEN_ONCE, migrations.RunSQL.noop),
    ]
