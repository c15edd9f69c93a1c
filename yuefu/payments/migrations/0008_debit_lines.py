"""Lines of banks' return files that could not be booked."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

GRANTS = """
-- A line stays as it was heard; only its reason may be another, and once it is booked it is mended for good.
REVOKE UPDATE ON payments_debit_line FROM yuefu_writer;
GRANT UPDATE (code, detail, mended_at) ON payments_debit_line TO yuefu_writer;
CREATE TRIGGER payments_debit_line_forward BEFORE UPDATE ON payments_debit_line FOR EACH ROW
    WHEN (OLD.mended_at IS NOT NULL AND NEW.mended_at IS DISTINCT FROM OLD.mended_at) EXECUTE FUNCTION payments_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0007_receipts"),
    ]

    operations = [
        migrations.CreateModel(
            name="DebitLine",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("file_sha256", models.TextField()),
                ("no", models.IntegerField()),
                ("text", models.BinaryField()),
                ("code", models.TextField()),
                ("detail", models.TextField()),
                ("heard_at", models.DateTimeField()),
                ("heard_by", models.TextField()),
                ("mended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "payments_debit_line",
                "indexes": [
                    models.Index(condition=models.Q(("mended_at__isnull", True)), fields=["book_id", "id"], name="payments_debit_line_open")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "file_sha256", "no"), name="payments_debit_line_once"),
                    models.CheckConstraint(condition=models.Q(("no__gt", 0)), name="payments_debit_line_no"),
                    models.CheckConstraint(
                        condition=models.Q(("file_sha256__regex", "^[0-9a-f]{64}$")), name="payments_debit_line_of_a_file"
                    ),
                ],
            },
        ),
        secure("payments_debit_line", writes="update"),
        composite_fk("payments_debit_line", ["book_id"], "runtime_book", ["id"]),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
    ]
