"""Reports as they were given out, append only."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure


class Migration(migrations.Migration):
    initial = True

    dependencies = [("runtime", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("content", models.TextField()),
                ("sha256", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("made_by", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "kind", "since"), name="insight_report_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "day"), ("until", models.F("since"))),
                            models.Q(("kind", "month"), ("until__gte", models.F("since"))),
                            _connector="OR",
                        ),
                        name="insight_report_kind",
                    ),
                ],
            },
        ),
        composite_fk("insight_report", ["book_id"], "runtime_book", ["id"]),
        secure("insight_report", writes="append"),
        migrations.RunSQL(
            "ALTER TABLE insight_report ADD CONSTRAINT insight_report_is_its_hash CHECK (sha256 = encode(sha256(convert_to(content, 'UTF8')), 'hex'))",
            migrations.RunSQL.noop,
        ),
    ]
