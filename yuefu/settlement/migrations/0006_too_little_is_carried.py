"""What is too little to be paid out is carried as well; and what a merchant sold in a month is found."""

import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0005_what_waits"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="batch",
            name="settlement_batch_payout",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_signs",
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("kind", "capture")),
                fields=["merchant_id", "earned_on"],
                include=("gross_minor", "book_id"),
                name="settlement_item_sold",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "net_minor",
                        django.db.models.expressions.CombinedExpression(models.F("payout_minor"), "+", models.F("carried_minor")),
                    ),
                    ("payout_minor__gte", 0),
                    models.Q(("payout_minor", 0), ("carried_minor", 0), _connector="OR"),
                ),
                name="settlement_batch_payout",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("capture_id", models.F("source_id")),
                        ("discount_minor__gte", 0),
                        ("fee_minor__gte", 0),
                        ("gross_minor__gt", 0),
                        ("kind", "capture"),
                    ),
                    models.Q(
                        ("capture_id__isnull", False),
                        ("discount_minor__lte", 0),
                        ("fee_minor__lte", 0),
                        ("gross_minor__lt", 0),
                        ("kind", "refund"),
                    ),
                    models.Q(
                        ("capture_id__isnull", True),
                        ("discount_minor", 0),
                        ("fee_minor", 0),
                        ("kind", "carried"),
                        models.Q(("gross_minor", 0), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="settlement_item_signs",
            ),
        ),
    ]
