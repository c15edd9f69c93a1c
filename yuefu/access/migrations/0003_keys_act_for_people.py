"""An API key acts for the person who made it, and approvals learn which users asked and decided before they kept it."""

import django.db.models.deletion
from django.db import migrations, models

SQL = """
UPDATE access_api_key AS k SET created_by_user_id = u.id FROM access_user AS u WHERE k.created_by = 'user:' || u.login;
SELECT runtime_name_persons(coalesce(array_agg('user:' || login), '{}'), coalesce(array_agg(id), '{}')) FROM access_user;
DROP FUNCTION runtime_name_persons(text[], uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0002_promises"), ("runtime", "0005_approvals_by_person")]

    operations = [
        migrations.AddField(
            "apikey",
            "created_by_user",
            models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.user"),
        ),
        migrations.RunSQL(SQL, migrations.RunSQL.noop),
    ]
