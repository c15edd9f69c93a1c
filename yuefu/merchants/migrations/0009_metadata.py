"""What merchants note on objects for themselves."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure


class Migration(migrations.Migration):
    dependencies = [("merchants", "0008_payee_accounts")]

    operations = [
        migrations.CreateModel(
            name="Metadata",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("object_kind", models.TextField()),
                ("object_id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("data", models.JSONField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("object_id", "object_kind", "number"), name="merchants_metadata_number"),
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="merchants_metadata_from_one"),
                ],
            },
        ),
        composite_fk("merchants_metadata", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        secure("merchants_metadata", writes="append", merchant="merchant_id"),
    ]
