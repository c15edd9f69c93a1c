"""A merchant lists its own orders, newest first, however many others there are in the book."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_named_as_a_set")]

    operations = [
        migrations.AddIndex(model_name="order", index=models.Index(fields=["merchant_id", "-id"], name="orders_order_of_merchant")),
    ]
