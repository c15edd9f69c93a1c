"""Events are written once and read whole: they stay the text they came as."""

from django.db import migrations

from yuefu.runtime.tables import JsonTextField


class Migration(migrations.Migration):
    dependencies = [("runtime", "0006_whose_epoch")]

    operations = [
        migrations.AlterField("Outbox", "snapshot", JsonTextField()),
        migrations.AlterField("Outbox", "changed", JsonTextField()),
    ]
