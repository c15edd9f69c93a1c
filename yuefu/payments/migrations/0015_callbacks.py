"""What channels tell by themselves, kept as it came."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, fixed, secure


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0014_payouts_of_a_merchant"),
    ]

    operations = [
        migrations.CreateModel(
            name="Callback",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("channel", models.TextField()),
                ("number", models.TextField()),
                ("content_sealed", models.BinaryField()),
                ("sha256", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("state", models.TextField()),
                ("outcome", models.TextField(default="")),
                ("tries", models.IntegerField(default=0)),
                ("handled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "waiting")), fields=["book_id", "id"], name="payments_callback_waiting")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "channel", "number"), name="payments_callback_once"),
                    models.CheckConstraint(condition=models.Q(("state__in", ["waiting", "handled"])), name="payments_callback_state"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("handled_at__isnull", True), ("state", "waiting")),
                            models.Q(("handled_at__isnull", False), ("state", "handled"), ("tries__gte", 1)),
                            _connector="OR",
                        ),
                        name="payments_callback_handled",
                    ),
                    models.CheckConstraint(condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="payments_callback_sha256"),
                ],
            },
        ),
        composite_fk("payments_callback", ["book_id"], "runtime_book", ["id"]),
        fixed("payments_callback", ["id", "book_id", "channel", "number", "content_sealed", "sha256", "received_at"]),
        secure("payments_callback", writes="update"),
    ]
