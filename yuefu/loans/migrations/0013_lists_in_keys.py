"""Lists of loans go into keys that have their order: late ones by since when and by bucket, those that were told as due or set aside, and all by
merchant, product and state."""

from django.db import migrations, models
from django.db.models import Q

_LATE, _TOLD = Q(late_since__isnull=False), Q(late_since__isnull=True, due_told_on__isnull=False)


class Migration(migrations.Migration):
    dependencies = [("loans", "0012_into_the_keys_alone")]

    operations = [
        migrations.AddIndex(
            "stretch", models.Index(fields=["book_id", "late_since", "loan_id"], condition=_LATE, name="loans_stretch_late_since")
        ),
        migrations.AddIndex(
            "stretch",
            models.Index(fields=["book_id", "bucket", "late_since", "loan_id"], condition=_LATE, name="loans_stretch_late_bucket"),
        ),
        migrations.AddIndex(
            "stretch", models.Index(fields=["book_id", "due_told_on", "loan_id"], condition=_TOLD, name="loans_stretch_told_as_due")
        ),
        migrations.AddIndex("stretch", models.Index(fields=["book_id", "loan_id"], condition=Q(stuck=True), name="loans_stretch_stuck")),
        migrations.RemoveIndex("checkpoint", "loans_checkpoint_overpaid"),
        migrations.AddIndex("checkpoint", models.Index(fields=["book_id", "status", "loan_id"], name="loans_checkpoint_status")),
        migrations.AddIndex(
            "agreement",
            models.Index(fields=["merchant_id", "id"], condition=Q(merchant_id__isnull=False), name="loans_agreement_merchant"),
        ),
        migrations.AddIndex("agreement", models.Index(fields=["book_id", "product", "id"], name="loans_agreement_product")),
        migrations.RemoveIndex("loan", "loans_loan_consumer"),
        migrations.AddIndex("loan", models.Index(fields=["consumer_id"], name="loans_loan_consumer")),
        migrations.RemoveIndex("loan", "loans_loan_arrears"),
        migrations.AddIndex(
            "loan",
            models.Index(fields=["book_id", "arrears_since", "id"], condition=Q(arrears_since__isnull=False), name="loans_loan_arrears"),
        ),
        migrations.AddIndex("loan", models.Index(fields=["merchant_id", "id"], name="loans_loan_merchant")),
        migrations.AddIndex("loan", models.Index(fields=["book_id", "product", "id"], name="loans_loan_product")),
        migrations.AddIndex("loan", models.Index(fields=["book_id", "state", "id"], name="loans_loan_state_id")),
    ]
