"""What has no day yet is read page by page, in the order of its ids."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0018_by_period")]

    operations = [
        migrations.AddIndex(
            model_name="waiting",
            index=models.Index(
                condition=models.Q(("settles_on__isnull", True)), fields=["book_id", "item_id"], name="settlement_waiting_paged"
            ),
        ),
    ]
