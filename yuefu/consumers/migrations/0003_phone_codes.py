"""Codes that were sent to phones, and what became of them."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

FORWARD = """
CREATE FUNCTION consumers_guard_code() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'code % is what it was asked as, and is over once', NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER consumers_code_forward BEFORE UPDATE ON consumers_code FOR EACH ROW
    WHEN (OLD.state <> 'asked' OR NEW.tries <> OLD.tries + 1
        OR (NEW.id, NEW.book_id, NEW.subject_id, NEW.phone_index, NEW.consumer_id, NEW.asked_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.subject_id, OLD.phone_index, OLD.consumer_id, OLD.asked_at, OLD.expires_at))
    EXECUTE FUNCTION consumers_guard_code();
"""


class Migration(migrations.Migration):
    dependencies = [("consumers", "0002_stays")]

    operations = [
        migrations.CreateModel(
            name="Code",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("subject_id", models.UUIDField()),
                ("phone_index", models.BinaryField()),
                ("consumer_id", models.UUIDField(null=True)),
                ("state", models.TextField()),
                ("tries", models.SmallIntegerField()),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("state__in", ["asked", "confirmed", "spent"])), name="consumers_code_state"),
                    models.CheckConstraint(condition=models.Q(("tries__gte", 0), ("tries__lte", 5)), name="consumers_code_tries"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("confirmed_at__isnull", False), ("state", "confirmed")),
                            models.Q(models.Q(("state", "confirmed"), _negated=True), ("confirmed_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="consumers_code_confirmed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confirmed_at__isnull", True), ("confirmed_at__lt", models.F("expires_at")), _connector="OR"),
                        name="consumers_code_in_time",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["subject_id"], name="consumers_code_subject"),
                    models.Index(fields=["book_id", "phone_index", "asked_at"], name="consumers_code_phone"),
                ],
            },
        ),
        composite_fk("consumers_code", ["book_id"], "runtime_book", ["id"]),
        composite_fk("consumers_code", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        secure("consumers_code", writes="update"),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
