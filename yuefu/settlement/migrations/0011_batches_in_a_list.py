"""Batches are listed page by page, and so are the lines of one, however many there are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0010_evidence")]

    operations = [
        migrations.RemoveIndex(model_name="batchline", name="settlement_batch_line_batch"),
        migrations.AddIndex(model_name="batchline", index=models.Index(fields=["batch_id", "item_id"], name="settlement_batch_line_paged")),
        migrations.AddIndex(model_name="batch", index=models.Index(fields=["book_id", "-pay_on", "-id"], name="settlement_batch_listed")),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                fields=["book_id", "state", "-pay_on", "-id"],
                condition=models.Q(("state__in", ["held", "scheduled", "returned"])),
                name="settlement_batch_under_way",
            ),
        ),
    ]
