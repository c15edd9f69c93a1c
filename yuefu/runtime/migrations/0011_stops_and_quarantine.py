"""Stops, each imposed once and lifted once; and what was set aside is kept whole, dealt with once, and counted rather than kept twice.

What was set aside before stays as it is, cut off where it was long: it can be dropped, and sent again where it is whole.
"""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

GUARDS = """
CREATE FUNCTION runtime_guard_stop() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.lifted_at IS NOT NULL THEN
            RAISE EXCEPTION 'a stop begins in force' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL
        OR (OLD.expires_at IS NOT NULL AND NEW.lifted_at >= OLD.expires_at)
        OR (NEW.id, NEW.book_id, NEW.action, NEW.dimension, NEW.value, NEW.reason, NEW.set_by, NEW.set_by_user, NEW.set_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.action, OLD.dimension, OLD.value, OLD.reason, OLD.set_by, OLD.set_by_user, OLD.set_at,
        OLD.expires_at) THEN
        RAISE EXCEPTION 'stop % is lifted once, while it is in force, and never rewritten', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runtime_stop_once BEFORE INSERT OR UPDATE ON runtime_stop FOR EACH ROW EXECUTE FUNCTION runtime_guard_stop();

CREATE FUNCTION runtime_guard_quarantine() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' THEN
            RAISE EXCEPTION 'what is set aside waits' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state <> 'waiting' OR NEW.tries < OLD.tries OR (NEW.id, NEW.book_id, NEW.command, NEW.request, NEW.recorded_at, NEW.digest)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.command, OLD.request, OLD.recorded_at, OLD.digest) THEN
        RAISE EXCEPTION 'request % was dealt with, or was rewritten', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runtime_quarantine_once BEFORE INSERT OR UPDATE ON runtime_quarantine
    FOR EACH ROW EXECUTE FUNCTION runtime_guard_quarantine();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("runtime", "0010_whose_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stop",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("action", models.TextField()),
                ("dimension", models.TextField()),
                ("value", models.TextField()),
                ("reason", models.TextField()),
                ("set_by", models.TextField()),
                ("set_by_user", models.UUIDField(null=True)),
                ("set_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("lifted_by", models.TextField(null=True)),
                ("lifted_by_user", models.UUIDField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lift_reason", models.TextField(db_default="")),
            ],
        ),
        migrations.AddField(
            model_name="quarantine",
            name="decided_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="decided_by",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="decided_by_user",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="digest",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="outcome",
            field=models.TextField(db_default=""),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="reason",
            field=models.TextField(db_default=""),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="tried_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="quarantine",
            name="tries",
            field=models.IntegerField(db_default=1),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("decided_by__isnull", True), ("state", "waiting")),
                    models.Q(models.Q(("state", "waiting"), _negated=True), ("decided_at__isnull", False), ("decided_by__isnull", False)),
                    _connector="OR",
                ),
                name="runtime_quarantine_decided_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), ("state", "dropped"), _negated=True), name="runtime_quarantine_dropped_with_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")), fields=("book_id", "command", "digest"), name="runtime_quarantine_waits_once"
            ),
        ),
        migrations.AddIndex(
            model_name="stop",
            index=models.Index(condition=models.Q(("lifted_at__isnull", True)), fields=["book_id"], name="runtime_stop_not_lifted"),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("action", ""), _negated=True), models.Q(("reason", ""), _negated=True)),
                name="runtime_stop_says_what_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("dimension", ""), ("value", "")),
                    models.Q(models.Q(("dimension", ""), _negated=True), models.Q(("value", ""), _negated=True)),
                    _connector="OR",
                ),
                name="runtime_stop_has_a_whole_target",
            ),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__isnull", True), ("expires_at__gt", models.F("set_at")), _connector="OR"),
                name="runtime_stop_lasts",
            ),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(("set_by__startswith", "system:"), ("set_by_user__isnull", False), _connector="OR"),
                name="runtime_stop_set_by_someone",
            ),
        ),
        migrations.AddConstraint(
            model_name="stop",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("lift_reason", ""), ("lifted_at__isnull", True), ("lifted_by__isnull", True), ("lifted_by_user__isnull", True)
                    ),
                    models.Q(
                        ("lifted_at__gte", models.F("set_at")),
                        ("lifted_by__isnull", False),
                        models.Q(("lift_reason", ""), _negated=True),
                        models.Q(("lifted_by__startswith", "system:"), ("lifted_by_user__isnull", False), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="runtime_stop_lifted_by_someone",
            ),
        ),
        composite_fk("runtime_stop", ["book_id"], "runtime_book", ["id"]),
        secure("runtime_stop", writes="update"),
        migrations.RunSQL(GUARDS, migrations.RunSQL.noop),
    ]
