"""An account tells since which of its changes it is in its state: whoever froze it can tell whether that is still what holds."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("credit", "0004_cycles")]

    operations = [
        migrations.AddField("account", "state_revision", models.IntegerField(default=1)),
        migrations.AddConstraint(
            "account",
            models.CheckConstraint(
                condition=Q(state_revision__gte=1, state_revision__lte=F("revision")), name="credit_account_state_revision"
            ),
        ),
    ]
