"""The bank gives a statement for each of our accounts: of own money as before, and of client money."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0002_promises")]

    operations = [
        migrations.RemoveConstraint(model_name="file", name="reconciliation_file_source"),
        migrations.AddConstraint(
            model_name="file",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["channel_trade", "channel_fund", "bank", "bank_client"])),
                name="reconciliation_file_source",
            ),
        ),
    ]
