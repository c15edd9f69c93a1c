from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("purpose", models.TextField()),
                ("seq", models.IntegerField()),
                ("version", models.TextField()),
                ("text_hash", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["given", "withdrawn"])), name="consumers_consent_kind"),
                    models.CheckConstraint(condition=models.Q(("text_hash__regex", "^[0-9a-f]{64}$")), name="consumers_consent_text_hash"),
                    models.CheckConstraint(condition=models.Q(("seq__gte", 1)), name="consumers_consent_seq"),
                    models.UniqueConstraint(fields=("consumer_id", "purpose", "seq"), name="consumers_consent_in_order"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Consumer",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("external_ref", models.TextField()),
                ("name_sealed", models.BinaryField()),
                ("phone_sealed", models.BinaryField()),
                ("phone_index", models.BinaryField()),
                ("id_number_sealed", models.BinaryField()),
                ("id_number_index", models.BinaryField()),
                ("birth_on_sealed", models.BinaryField()),
                ("is_student", models.BooleanField()),
                ("state", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["book_id", "phone_index"], name="consumers_consumer_phone")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("state__in", ["active", "closed"])), name="consumers_consumer_state"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", True), ("state", "active")),
                            models.Q(("closed_at__isnull", False), ("state", "closed")),
                            _connector="OR",
                        ),
                        name="consumers_consumer_closed_at",
                    ),
                    models.UniqueConstraint(fields=("book_id", "external_ref"), name="consumers_consumer_external_ref"),
                    models.UniqueConstraint(fields=("book_id", "id_number_index"), name="consumers_consumer_id_number"),
                ],
            },
        ),
        composite_fk("consumers_consumer", ["book_id"], "runtime_book", ["id"]),
        composite_key("consumers_consumer", ["book_id", "id"]),
        secure("consumers_consumer", writes="update", consumer="id"),
        composite_fk("consumers_consent", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        secure("consumers_consent", writes="append", consumer="consumer_id"),
    ]
