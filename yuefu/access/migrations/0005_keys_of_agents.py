"""A key is held by a merchant, or by an agent, who acts for merchants with it."""

from django.db import migrations, models

READERS = "GRANT SELECT (held_by) ON access_api_key TO yuefu_reader"
"""A merchant reads its keys, whoever holds them."""


class Migration(migrations.Migration):
    dependencies = [("access", "0004_what_a_key_is_for")]

    operations = [
        migrations.AddField("apikey", "held_by", models.TextField(db_default="merchant")),
        migrations.AddConstraint(
            "apikey", models.CheckConstraint(condition=models.Q(("held_by__in", ["merchant", "agent"])), name="access_api_key_held_by")
        ),
        migrations.RunSQL(READERS, migrations.RunSQL.noop),
    ]
