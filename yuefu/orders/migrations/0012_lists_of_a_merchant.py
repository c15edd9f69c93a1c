"""A merchant lists its captures and refunds, newest first, however many others there are in the book."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0011_sold_live_stays")]

    operations = [
        migrations.AddIndex("capture", models.Index(fields=["merchant_id", "-id"], name="orders_capture_of_merchant")),
        migrations.AddIndex("refund", models.Index(fields=["merchant_id", "-refund_id"], name="orders_refund_of_merchant")),
    ]
