"""A merchant lists its payouts, newest first, however many others there are in the book."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("payments", "0013_receipts_of_merchants")]

    operations = [
        migrations.AddIndex(
            "payout",
            models.Index(fields=["merchant_id", "-id"], condition=Q(merchant_id__isnull=False), name="payments_payout_of_merchant"),
        ),
    ]
