"""Loans that were moved here from another core: the files they came in, and their names there."""

import django.contrib.postgres.fields
from django.db import migrations, models

from yuefu.runtime.tables import JsonTextField, Reference, composite_fk, composite_key, nothing_put_aside, references_as_a_set, secure


class Migration(migrations.Migration):
    dependencies = [("loans", "0013_lists_in_keys")]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("origin", models.TextField()),
                ("sha256", models.TextField()),
                ("as_of", models.DateField()),
                ("loans", models.IntegerField()),
                ("totals", JsonTextField()),
                ("begun_at", models.DateTimeField()),
                ("begun_by", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "sha256"), name="loans_import_once"),
                    models.CheckConstraint(condition=models.Q(("loans__gt", 0)), name="loans_import_has_loans"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportChunk",
            fields=[
                ("pk", models.CompositePrimaryKey("import_id", "no", blank=True, editable=False, primary_key=True, serialize=False)),
                ("import_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("book_id", models.UUIDField()),
                ("loans", models.IntegerField()),
                ("entry_ids", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("booked_at", models.DateTimeField()),
            ],
            options={"db_table": "loans_import_chunk"},
        ),
        migrations.CreateModel(
            name="MovedIn",
            fields=[
                ("loan_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("import_id", models.UUIDField()),
                ("origin", models.TextField()),
                ("reference", models.TextField()),
                ("line_no", models.IntegerField()),
            ],
            options={
                "db_table": "loans_moved_in",
                "indexes": [models.Index(fields=["import_id"], name="loans_moved_in_import")],
                "constraints": [models.UniqueConstraint(fields=("book_id", "origin", "reference"), name="loans_moved_in_once")],
            },
        ),
        composite_key("loans_import", ["book_id", "id"]),
        composite_fk("loans_import", ["book_id"], "runtime_book", ["id"]),
        composite_fk("loans_import_chunk", ["book_id", "import_id"], "loans_import", ["book_id", "id"]),
        composite_fk("loans_moved_in", ["book_id", "import_id"], "loans_import", ["book_id", "id"]),
        references_as_a_set("loans_moved_in", [Reference(("loan_id", "book_id"), "loans_agreement", ("id", "book_id"))]),
        nothing_put_aside(["loans_moved_in_refers"]),
        *[secure(f"loans_{name}", writes="append") for name in ("import", "import_chunk", "moved_in")],
    ]
