"""What a decision was made on is written once and read whole: it stays the text it came as."""

from django.db import migrations

from yuefu.runtime.tables import JsonTextField


class Migration(migrations.Migration):
    dependencies = [("risk", "0003_named_as_a_set")]

    operations = [migrations.AlterField("Decision", "features", JsonTextField())]
