"""A hold has one key to its account, the composite one: the narrower key asked again, and waited for the commit to do so."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_money_accounts_get_owners")]

    operations = [
        migrations.AlterField(
            model_name="hold",
            name="account",
            field=models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
            ),
        ),
    ]
