"""QR codes of stores, tills and checkout sessions. They are only added."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_where_sold")]

    operations = [
        migrations.CreateModel(
            name="QrCode",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("store_id", models.UUIDField(null=True)),
                ("terminal_id", models.UUIDField(null=True)),
                ("session_id", models.UUIDField(null=True)),
                ("amount_by", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "orders_qr_code",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("amount_by__in", ["consumer", "cashier"]),
                                ("expires_at__isnull", True),
                                ("kind", "static"),
                                ("session_id__isnull", True),
                                ("store_id__isnull", False),
                            ),
                            models.Q(
                                ("amount_by", ""),
                                ("expires_at__isnull", False),
                                ("kind", "dynamic"),
                                ("session_id__isnull", False),
                                ("store_id__isnull", True),
                                ("terminal_id__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="orders_qr_code_of_one",
                    ),
                ],
                "indexes": [models.Index(fields=["merchant_id", "-id"], name="orders_qr_of_merchant")],
            },
        ),
        composite_fk("orders_qr_code", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("orders_qr_code", ["book_id", "store_id", "merchant_id"], "merchants_store", ["book_id", "id", "merchant_id"]),
        composite_fk("orders_qr_code", ["book_id", "terminal_id", "store_id"], "merchants_terminal", ["book_id", "id", "store_id"]),
        composite_fk(
            "orders_qr_code", ["book_id", "session_id", "merchant_id"], "orders_checkout_session", ["book_id", "id", "merchant_id"]
        ),
        secure("orders_qr_code", writes="append", merchant="merchant_id"),
    ]
