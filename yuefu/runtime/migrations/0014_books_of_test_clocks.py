"""A book may be that of a test clock, which does all that falls due in it. Such a book has a clock of its own, and stays what it is."""

from django.db import migrations, models
from django.db.models import Q

_KEPT = "id, {0}.code, {0}.legal_entity, {0}.mode, {0}.currency, {0}.zone, {0}.calendar, {0}.cut_off, {0}.created_at, {0}.of_clock"

STAYS = f"""
CREATE OR REPLACE FUNCTION runtime_guard_clock() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (OLD.clock_at IS NOT NULL AND (NEW.clock_at IS NULL OR NEW.clock_at < OLD.clock_at))
        OR (NEW.{_KEPT.format("NEW")}) IS DISTINCT FROM (OLD.{_KEPT.format("OLD")}) THEN
        RAISE EXCEPTION 'a book keeps what it is, and its clock only moves forward' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("runtime", "0013_how_long_runs_took")]

    operations = [
        migrations.AddField("book", "of_clock", models.BooleanField(db_default=False)),
        migrations.AddConstraint(
            "book",
            models.CheckConstraint(condition=Q(of_clock=False) | Q(mode="test", clock_at__isnull=False), name="runtime_book_of_clock"),
        ),
        migrations.RunSQL(STAYS, migrations.RunSQL.noop),
    ]
