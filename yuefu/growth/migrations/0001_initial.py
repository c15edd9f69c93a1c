"""Fund plans, revenue and payables of merchants, append only."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

_OF_MERCHANT = (["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"])


class Migration(migrations.Migration):
    initial = True

    dependencies = [("merchants", "0004_more_in_contracts"), ("runtime", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("version", models.IntegerField()),
                ("valid_from", models.DateField()),
                ("envelopes", models.JSONField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant_id", "version"), name="growth_plan_version"),
                    models.CheckConstraint(condition=models.Q(("version__gt", 0)), name="growth_plan_counted_from_1"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Revenue",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "merchant_id", "month", "version", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("merchant_id", models.UUIDField()),
                ("month", models.DateField()),
                ("version", models.IntegerField()),
                ("book_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 0), ("month__day", 1), ("version__gt", 0)),
                        name="growth_revenue_of_a_month",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payable",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("supplier", models.TextField()),
                ("reference", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("due_on", models.DateField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant_id", "supplier", "reference"), name="growth_payable_once"),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="growth_payable_amount"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayableEnd",
            fields=[
                ("payable_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("how", models.TextField()),
                ("ended_on", models.DateField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "growth_payable_end",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("how__in", ["paid", "withdrawn"])), name="growth_payable_end_how")
                ],
            },
        ),
        composite_key("growth_payable", ["book_id", "id", "merchant_id"]),
        *[composite_fk(f"growth_{name}", *_OF_MERCHANT) for name in ("plan", "revenue", "payable")],
        composite_fk("growth_payable_end", ["book_id", "payable_id", "merchant_id"], "growth_payable", ["book_id", "id", "merchant_id"]),
        *[secure(f"growth_{name}", writes="append", merchant="merchant_id") for name in ("plan", "revenue", "payable", "payable_end")],
    ]
