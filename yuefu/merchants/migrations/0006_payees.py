"""Agents and hosts, who have a part of what merchants pay."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, fixed, secure

RIGHTS = "GRANT UPDATE (state, revision) ON merchants_payee TO yuefu_writer"


class Migration(migrations.Migration):
    dependencies = [("merchants", "0005_what_few_contracts_say")]

    operations = [
        migrations.CreateModel(
            name="Payee",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("code", models.TextField()),
                ("kind", models.TextField()),
                ("form", models.TextField()),
                ("name_zh", models.TextField()),
                ("name_en", models.TextField()),
                ("identity_sealed", models.BinaryField()),
                ("identity_index", models.BinaryField()),
                ("parent_id", models.UUIDField(null=True)),
                ("account_kind", models.TextField()),
                ("account_sealed", models.BinaryField()),
                ("account_index", models.BinaryField()),
                ("account_masked", models.TextField()),
                ("state", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("revision", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "code"), name="merchants_payee_code"),
                    models.CheckConstraint(
                        condition=models.Q(("kind", "agent"), models.Q(("kind", "host"), ("parent_id__isnull", True)), _connector="OR"),
                        name="merchants_payee_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account_kind", "corporate"), ("form", "company")),
                            models.Q(("account_kind", "personal"), ("form", "person")),
                            _connector="OR",
                        ),
                        name="merchants_payee_account",
                    ),
                    models.CheckConstraint(condition=models.Q(("state__in", ["active", "ended"])), name="merchants_payee_state"),
                ],
            },
        ),
        composite_fk("merchants_payee", ["book_id"], "runtime_book", ["id"]),
        composite_key("merchants_payee", ["book_id", "id"]),
        composite_fk("merchants_payee", ["book_id", "parent_id"], "merchants_payee", ["book_id", "id"]),
        secure("merchants_payee", writes="append"),
        fixed("merchants_payee", ["id", "book_id", "kind", "parent_id"]),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
