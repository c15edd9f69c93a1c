"""Test clocks with their advances, and people whose data says how they behave. None of it is in a live book."""

import django.db.models.functions.datetime
from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, fixed, secure

_OF_MERCHANT = (["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"])

PROMISES = """
CREATE FUNCTION sandbox_in_test_only() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM runtime_book WHERE id = NEW.book_id AND mode = 'test') THEN
        RAISE EXCEPTION 'there is no sandbox in a live book' USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_in_test_only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_test_clock_in_test_only BEFORE INSERT ON sandbox_test_clock FOR EACH ROW EXECUTE FUNCTION sandbox_in_test_only();
CREATE TRIGGER sandbox_person_in_test_only BEFORE INSERT ON sandbox_person FOR EACH ROW EXECUTE FUNCTION sandbox_in_test_only();

CREATE FUNCTION sandbox_guard_clock() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.at < OLD.at OR NEW.revision < OLD.revision OR OLD.state = 'deleted'
        OR (OLD.state, NEW.state) NOT IN (('making', 'making'), ('making', 'ready'), ('making', 'deleted'), ('ready', 'ready'),
            ('ready', 'advancing'), ('ready', 'deleted'), ('advancing', 'advancing'), ('advancing', 'ready'), ('advancing', 'failed'),
            ('failed', 'failed'), ('failed', 'advancing'), ('failed', 'deleted')) THEN
        RAISE EXCEPTION 'a test clock only moves forward: from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_test_clock_forward_only BEFORE UPDATE ON sandbox_test_clock FOR EACH ROW EXECUTE FUNCTION sandbox_guard_clock();

CREATE FUNCTION sandbox_guard_advance() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'running' OR NEW.reached_at < OLD.reached_at OR NEW.reached_at > OLD.to_at THEN
        RAISE EXCEPTION 'an advance goes forward and ends once' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sandbox_advance_forward_only BEFORE UPDATE ON sandbox_advance FOR EACH ROW EXECUTE FUNCTION sandbox_guard_advance();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_initial"),
        ("consumers", "0001_initial"),
        ("merchants", "0001_initial"),
        ("runtime", "0014_books_of_test_clocks"),
    ]

    operations = [
        migrations.CreateModel(
            name="TestClock",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("name", models.TextField()),
                ("state", models.TextField(default="making")),
                ("frozen_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
                ("clock_book_id", models.UUIDField(null=True, unique=True)),
                ("shop_id", models.UUIDField(null=True)),
                ("key_id", models.UUIDField(null=True)),
                ("asker_id", models.UUIDField(null=True)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("used_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("deleted_at", models.DateTimeField(null=True)),
                ("revision", models.IntegerField(default=1)),
            ],
            options={
                "db_table": "sandbox_test_clock",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["making", "ready", "advancing", "failed", "deleted"])),
                        name="sandbox_test_clock_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["making", "deleted"]),
                            models.Q(("clock_book_id__isnull", False), ("key_id__isnull", False), ("shop_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="sandbox_test_clock_made",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("deleted_at__isnull", False), ("state", "deleted")),
                            models.Q(models.Q(("state", "deleted"), _negated=True), ("deleted_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="sandbox_test_clock_deleted_at",
                    ),
                    models.CheckConstraint(condition=models.Q(("at__gte", models.F("frozen_at"))), name="sandbox_test_clock_forward"),
                ],
                "indexes": [
                    models.Index(fields=["merchant_id", "id"], name="sandbox_test_clock_listed"),
                    models.Index(condition=models.Q(("state", "deleted"), _negated=True), fields=["state"], name="sandbox_test_clock_kept"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Advance",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("clock_id", models.UUIDField()),
                ("from_at", models.DateTimeField()),
                ("to_at", models.DateTimeField()),
                ("state", models.TextField(default="running")),
                ("reached_at", models.DateTimeField(null=True)),
                ("days", models.IntegerField()),
                ("days_done", models.IntegerField(default=0)),
                ("failure_code", models.TextField(default="")),
                ("failure_detail", models.TextField(default="")),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("state__in", ["running", "done", "failed"])), name="sandbox_advance_state"),
                    models.CheckConstraint(
                        condition=models.Q(("days__gt", 0), ("to_at__gt", models.F("from_at"))), name="sandbox_advance_forward"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "running")),
                            models.Q(models.Q(("state", "running"), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="sandbox_advance_ended_at",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), models.Q(("failure_code", ""), _negated=True)),
                            models.Q(models.Q(("state", "failed"), _negated=True), ("failure_code", "")),
                            _connector="OR",
                        ),
                        name="sandbox_advance_failed_why",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")), fields=("clock_id",), name="sandbox_advance_one_at_a_time"
                    ),
                ],
                "indexes": [models.Index(fields=["clock_id", "asked_at"], name="sandbox_advance_of_clock")],
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("consumer_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("email", models.TextField()),
                ("behaviour", models.TextField()),
                ("registered_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("merchant_id", "email"), name="sandbox_person_once")],
                "indexes": [models.Index(fields=["book_id", "behaviour"], name="sandbox_person_behaving")],
            },
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_key("sandbox_test_clock", ["book_id", "id", "merchant_id"]),
        composite_fk("sandbox_test_clock", *_OF_MERCHANT),
        composite_fk("sandbox_test_clock", ["book_id", "asker_id"], "access_api_key", ["book_id", "id"]),
        composite_fk("sandbox_advance", ["book_id", "clock_id", "merchant_id"], "sandbox_test_clock", ["book_id", "id", "merchant_id"]),
        composite_fk("sandbox_person", *_OF_MERCHANT),
        composite_fk("sandbox_person", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        fixed("sandbox_test_clock", ["id", "book_id", "merchant_id"]),
        secure("sandbox_test_clock", writes="update", merchant="merchant_id"),
        secure("sandbox_advance", writes="update", merchant="merchant_id"),
        secure("sandbox_person", writes="append", merchant="merchant_id"),
    ]
