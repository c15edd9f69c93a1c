"""The checkpoint of a loan may be one fact behind: its stretch says so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loans", "0014_moved_in")]

    operations = [migrations.AddField("stretch", "behind", models.BooleanField(db_default=False))]
