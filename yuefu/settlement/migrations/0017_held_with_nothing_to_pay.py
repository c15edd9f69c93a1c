"""A batch of which all is frozen is held from the beginning, as one is of which all was frozen later."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0016_from_an_event")]

    operations = [
        migrations.RemoveConstraint("batch", "settlement_batch_state"),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("payout_id__isnull", True), ("payout_minor", 0), ("state", "accrued")),
                    models.Q(
                        ("payout_id__isnull", True),
                        ("state", "held"),
                        models.Q(("payout_minor__gt", 0), ("reason", "frozen"), _connector="OR"),
                    ),
                    models.Q(
                        ("payout_id__isnull", False),
                        ("payout_minor__gt", 0),
                        ("state__in", ["scheduled", "paid", "reconciled", "returned"]),
                    ),
                    _connector="OR",
                ),
                name="settlement_batch_state",
            ),
        ),
    ]
