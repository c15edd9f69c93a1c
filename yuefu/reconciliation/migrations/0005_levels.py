"""What was said of a day on each level, each time it was another than before."""

import django.contrib.postgres.fields
from django.db import migrations, models

import yuefu.runtime.tables
from yuefu.runtime.tables import composite_fk, secure


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0004_breaks_are_worked"),
    ]

    operations = [
        migrations.CreateModel(
            name="Level",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("on_date", models.DateField()),
                ("level", models.TextField()),
                ("no", models.IntegerField()),
                ("at", models.DateTimeField()),
                ("verdict", models.TextField()),
                ("figures", yuefu.runtime.tables.JsonTextField()),
                ("missing", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "on_date", "level", "no"), name="reconciliation_level_in_order"),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ["transaction", "cash", "balance"])), name="reconciliation_level_name"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["incomplete", "breaks", "warnings", "pending", "reconciled"])),
                        name="reconciliation_level_verdict",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("verdict", "reconciled"), _negated=True), ("missing__len", 0), _connector="OR"),
                        name="reconciliation_level_never_green_without",
                    ),
                ],
            },
        ),
        secure("reconciliation_level", writes="append"),
        composite_fk("reconciliation_level", ["book_id"], "runtime_book", ["id"]),
    ]
