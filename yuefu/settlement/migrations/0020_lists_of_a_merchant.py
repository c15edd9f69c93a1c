"""A merchant lists its items and batches, newest first, however many others there are in the book."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0019_pages_of_what_has_no_day")]

    operations = [
        migrations.AddIndex("item", models.Index(fields=["merchant_id", "-id"], name="settlement_item_of_merchant")),
        migrations.AddIndex("batch", models.Index(fields=["merchant_id", "-id"], name="settlement_batch_newest")),
    ]
