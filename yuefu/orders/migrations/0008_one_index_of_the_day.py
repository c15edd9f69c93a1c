"""The orders of a book by day, and newest first, through one index: each order pays for every index there is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_orders_of_a_merchant")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="orders_order_latest"),
        migrations.RemoveIndex(model_name="order", name="orders_order_day"),
        migrations.AddIndex(model_name="order", index=models.Index(fields=["book_id", "-created_on", "-id"], name="orders_order_latest")),
    ]
