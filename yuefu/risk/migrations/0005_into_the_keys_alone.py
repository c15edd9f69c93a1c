"""What is looked up as a set goes into the keys, also where a table looks small: see ADR 0013."""

from django.db import migrations

from yuefu.runtime.tables import nothing_put_aside


class Migration(migrations.Migration):
    dependencies = [("risk", "0004_features_as_text")]

    operations = [nothing_put_aside(["risk_decision_refers"])]
