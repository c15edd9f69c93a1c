"""Chunks of a step, which several workers share."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

GUARD = """
CREATE FUNCTION runtime_guard_chunk() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'chunk % of a run can only be done, once', OLD.no USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER runtime_run_chunk_forward BEFORE UPDATE ON runtime_run_chunk FOR EACH ROW
    WHEN (OLD.done OR (NEW.run_id, NEW.name, NEW.no, NEW.book_id, NEW.first_id, NEW.last_id) IS DISTINCT FROM
        (OLD.run_id, OLD.name, OLD.no, OLD.book_id, OLD.first_id, OLD.last_id)) EXECUTE FUNCTION runtime_guard_chunk();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0011_stops_and_quarantine"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunChunk",
            fields=[
                ("pk", models.CompositePrimaryKey("run_id", "name", "no", blank=True, editable=False, primary_key=True, serialize=False)),
                ("run_id", models.UUIDField()),
                ("name", models.TextField()),
                ("no", models.IntegerField()),
                ("book_id", models.UUIDField()),
                ("first_id", models.UUIDField()),
                ("last_id", models.UUIDField()),
                ("done", models.BooleanField(default=False)),
            ],
            options={
                "db_table": "runtime_run_chunk",
                "indexes": [models.Index(condition=models.Q(("done", False)), fields=["run_id", "name"], name="runtime_run_chunk_waiting")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("first_id__lte", models.F("last_id"))), name="runtime_run_chunk_rises")
                ],
            },
        ),
        composite_fk("runtime_run_chunk", ["book_id", "run_id"], "runtime_run", ["book_id", "id"]),
        secure("runtime_run_chunk", writes="update"),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
