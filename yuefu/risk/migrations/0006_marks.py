"""Marks on consumers: what somebody found, for which no order is approved until it is lifted."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

ONCE = """
CREATE FUNCTION risk_guard_mark() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.lifted_at IS NOT NULL OR (NEW.id, NEW.book_id, NEW.consumer_id, NEW.kind, NEW.reason, NEW.marked_by, NEW.marked_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.consumer_id, OLD.kind, OLD.reason, OLD.marked_by, OLD.marked_at) THEN
        RAISE EXCEPTION 'a mark is only lifted, and once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_mark_once BEFORE UPDATE ON risk_mark FOR EACH ROW EXECUTE FUNCTION risk_guard_mark();
"""


class Migration(migrations.Migration):
    dependencies = [("risk", "0005_into_the_keys_alone"), ("consumers", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("reason", models.TextField()),
                ("marked_by", models.TextField()),
                ("marked_at", models.DateTimeField()),
                ("lifted_by", models.TextField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["fraud", "review"]), models.Q(("reason", ""), _negated=True)),
                        name="risk_mark_says_what_and_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at__isnull", True), ("lifted_by__isnull", True)),
                            models.Q(("lifted_at__isnull", False), ("lifted_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="risk_mark_lifted_by_someone",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at__isnull", True)), fields=("consumer_id", "kind"), name="risk_mark_once"
                    ),
                ],
            },
        ),
        migrations.RunSQL(ONCE, migrations.RunSQL.noop),
        composite_fk("risk_mark", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        secure("risk_mark", writes="update"),
    ]
