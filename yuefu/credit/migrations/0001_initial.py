from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("consumers", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("currency", models.TextField()),
                ("limit_minor", models.BigIntegerField()),
                ("bill_day", models.SmallIntegerField()),
                ("repayment_day", models.SmallIntegerField()),
                ("state", models.TextField()),
                ("policy_version", models.IntegerField()),
                ("opened_at", models.DateTimeField()),
                ("revision", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("state__in", ["active", "frozen", "closed"])), name="credit_account_state"),
                    models.CheckConstraint(
                        condition=models.Q(("limit_minor__gte", 0), ("limit_minor__lte", 1000000000000000)), name="credit_account_limit"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bill_day__gte", 1), ("bill_day__lte", 28), ("repayment_day__gte", 1), ("repayment_day__lte", 28)
                        ),
                        name="credit_account_days",
                    ),
                    models.UniqueConstraint(fields=("book_id", "consumer_id", "currency"), name="credit_account_one_per_consumer"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LimitChange",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("seq", models.IntegerField()),
                ("old_minor", models.BigIntegerField()),
                ("new_minor", models.BigIntegerField()),
                ("reasons", models.JSONField()),
                ("approval_id", models.UUIDField(null=True)),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "credit_limit_change",
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "seq"), name="credit_limit_change_seq"),
                    models.CheckConstraint(
                        condition=models.Q(("new_minor__gte", 0), ("old_minor__gte", 0)), name="credit_limit_change_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("old_minor", 0), ("seq", 1)),
                            models.Q(("seq__gt", 1), models.Q(("old_minor", models.F("new_minor")), _negated=True)),
                            _connector="OR",
                        ),
                        name="credit_limit_change_changes",
                    ),
                    models.CheckConstraint(condition=models.Q(("reasons", []), _negated=True), name="credit_limit_change_has_reasons"),
                ],
            },
        ),
        composite_fk("credit_account", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_key("credit_account", ["book_id", "id"]),
        composite_key("credit_account", ["book_id", "id", "consumer_id"]),
        secure("credit_account", writes="update", consumer="consumer_id"),
        composite_fk("credit_limit_change", ["book_id", "account_id", "consumer_id"], "credit_account", ["book_id", "id", "consumer_id"]),
        secure("credit_limit_change", writes="append", consumer="consumer_id"),
    ]
