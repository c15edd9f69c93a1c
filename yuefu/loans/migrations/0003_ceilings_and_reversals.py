"""The most that the instalments of a loan may ask is part of its terms."""

import django.contrib.postgres.fields
from django.db import migrations, models

PROMISES = """
-- One for each instalment, as the schedule is a function of them; and what was agreed is never rewritten.
ALTER TABLE loans_loan ADD CONSTRAINT loans_loan_ceilings CHECK (cardinality(ceilings) = periods AND 0 <= ALL (ceilings));
CREATE TRIGGER loans_loan_ceilings_kept BEFORE UPDATE ON loans_loan FOR EACH ROW
    WHEN (NEW.ceilings IS DISTINCT FROM OLD.ceilings) EXECUTE FUNCTION loans_guard_terms();
"""


class Migration(migrations.Migration):
    dependencies = [("loans", "0002_promises")]

    operations = [
        migrations.AddField(
            model_name="loan",
            name="ceilings",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
