from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Contract",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("version", models.IntegerField()),
                ("valid_from", models.DateField()),
                ("fee_rate_ppm", models.IntegerField()),
                ("settlement_days", models.SmallIntegerField()),
                ("channel", models.TextField()),
                ("discount_ppm", models.JSONField()),
                ("fee_on_refund", models.TextField()),
                ("negative_limit_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("approval_id", models.UUIDField(null=True, unique=True)),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant_id", "version"), name="merchants_contract_version"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval_id__isnull", True), ("version", 1)),
                            models.Q(("approval_id__isnull", False), ("version__gt", 1)),
                            _connector="OR",
                        ),
                        name="merchants_contract_change_is_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee_rate_ppm__gte", 0), ("fee_rate_ppm__lt", 1000000)), name="merchants_contract_fee_rate"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("settlement_days__gte", 0), ("settlement_days__lte", 60)),
                        name="merchants_contract_settlement_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["online", "store", "mini", "live", "agent"])), name="merchants_contract_channel"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fee_on_refund__in", ["kept", "returned"])), name="merchants_contract_fee_on_refund"
                    ),
                    models.CheckConstraint(condition=models.Q(("negative_limit_minor__gte", 0)), name="merchants_contract_negative_limit"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Merchant",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("code", models.TextField()),
                ("name_zh", models.TextField()),
                ("name_en", models.TextField()),
                ("uscc", models.TextField()),
                ("industry", models.TextField()),
                ("state", models.TextField()),
                ("settlement_account_kind", models.TextField()),
                ("settlement_account_sealed", models.BinaryField()),
                ("settlement_account_index", models.BinaryField()),
                ("settlement_account_masked", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("revision", models.IntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["book_id", "settlement_account_index"], name="merchants_merchant_account")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "suspended", "closed"])), name="merchants_merchant_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("settlement_account_kind", "corporate")), name="merchants_merchant_account_is_corporate"
                    ),
                    models.CheckConstraint(condition=models.Q(("uscc__regex", "^[0-9A-Z]{18}$")), name="merchants_merchant_uscc"),
                    models.UniqueConstraint(fields=("book_id", "code"), name="merchants_merchant_code"),
                ],
            },
        ),
        composite_fk("merchants_merchant", ["book_id"], "runtime_book", ["id"]),
        composite_key("merchants_merchant", ["book_id", "id"]),
        secure("merchants_merchant", writes="update", merchant="id"),
        composite_fk("merchants_contract", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        secure("merchants_contract", writes="append", merchant="merchant_id"),
    ]
