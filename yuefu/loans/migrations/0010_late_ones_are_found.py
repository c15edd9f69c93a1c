"""The few loans that are late are found without reading all that are not: whoever collects or reminds asks for them every day."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("loans", "0009_credit_of_ended_loans")]

    operations = [
        migrations.AddIndex(
            "stretch", models.Index(fields=["book_id", "loan_id"], condition=Q(late_since__isnull=False), name="loans_stretch_late")
        ),
    ]
