from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

PROMISES = """
ALTER TABLE risk_decision ADD CONSTRAINT risk_decision_one_to_four_reasons
    CHECK (CASE WHEN jsonb_typeof(reasons) = 'array' THEN jsonb_array_length(reasons) <= 4 ELSE false END);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("consumers", "0001_initial"),
        ("merchants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("order_id", models.UUIDField(unique=True)),
                ("consumer_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("outcome", models.TextField()),
                ("reasons", models.JSONField()),
                ("features", models.JSONField()),
                ("policy_version", models.IntegerField()),
                ("decided_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "approved"), ("reasons", [])),
                            models.Q(("outcome", "declined"), models.Q(("reasons", []), _negated=True)),
                            _connector="OR",
                        ),
                        name="risk_decision_is_explained",
                    )
                ],
            },
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk("risk_decision", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_fk("risk_decision", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        secure("risk_decision", writes="append", consumer="consumer_id"),
    ]
