"""Runs of the matrix of amounts and terms. What was found of a combination stays, and a run passes only where all of its combinations did."""

import django.db.models.functions.datetime
from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
CREATE TRIGGER sandbox_matrix_run_in_test_only BEFORE INSERT ON sandbox_matrix_run FOR EACH ROW EXECUTE FUNCTION sandbox_in_test_only();

CREATE FUNCTION sandbox_guard_run() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'running' OR (NEW.id, NEW.book_id, NEW.merchant_id, NEW.through, NEW.cells, NEW.started_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.merchant_id, OLD.through, OLD.cells, OLD.started_at) THEN
        RAISE EXCEPTION 'a run of the matrix ends once' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'passed' AND (SELECT count(*) FROM sandbox_matrix_cell WHERE run_id = NEW.id AND figures IS NOT NULL AND fault = '') <> NEW.cells THEN
        RAISE EXCEPTION 'not every combination passed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_matrix_run_once BEFORE UPDATE ON sandbox_matrix_run FOR EACH ROW EXECUTE FUNCTION sandbox_guard_run();

CREATE FUNCTION sandbox_guard_cell() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.figures IS NOT NULL OR (NEW.run_id, NEW.no, NEW.product, NEW.periods, NEW.amount_minor, NEW.currency)
        IS DISTINCT FROM (OLD.run_id, OLD.no, OLD.product, OLD.periods, OLD.amount_minor, OLD.currency) THEN
        RAISE EXCEPTION 'what was found of a combination stays' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_matrix_cell_once BEFORE UPDATE ON sandbox_matrix_cell FOR EACH ROW EXECUTE FUNCTION sandbox_guard_cell();
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="MatrixRun",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("through", models.TextField()),
                ("state", models.TextField(default="running")),
                ("cells", models.IntegerField()),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "sandbox_matrix_run",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cells__gt", 0), ("state__in", ["running", "passed", "failed"])),
                        name="sandbox_matrix_run_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", True), ("state", "running")),
                            models.Q(models.Q(("state", "running"), _negated=True), ("finished_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="sandbox_matrix_run_finished_at",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MatrixCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("run_id", "no", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("run_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("product", models.TextField()),
                ("periods", models.IntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("order_name", models.TextField(default="")),
                ("fault", models.TextField(default="")),
                ("figures", models.JSONField(null=True)),
            ],
            options={
                "db_table": "sandbox_matrix_cell",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("no__gt", 0), ("periods__gt", 0)),
                        name="sandbox_matrix_cell_of_something",
                    )
                ],
            },
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_key("sandbox_matrix_run", ["book_id", "id", "merchant_id"]),
        composite_fk("sandbox_matrix_run", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("sandbox_matrix_cell", ["book_id", "run_id", "merchant_id"], "sandbox_matrix_run", ["book_id", "id", "merchant_id"]),
        secure("sandbox_matrix_run", writes="update", merchant="merchant_id"),
        secure("sandbox_matrix_cell", writes="update", merchant="merchant_id"),
    ]
