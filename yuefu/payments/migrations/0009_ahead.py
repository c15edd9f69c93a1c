"""In what way a loan takes what is more than what is due; what was asked for stays."""

from django.db import migrations, models

KEPT = """
CREATE TRIGGER payments_collection_ahead_stays BEFORE UPDATE ON payments_collection FOR EACH ROW
    WHEN (NEW.ahead IS DISTINCT FROM OLD.ahead) EXECUTE FUNCTION payments_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_debit_lines")]

    operations = [
        migrations.AddField("collection", "ahead", models.TextField(null=True)),
        migrations.AddConstraint(
            "collection",
            models.CheckConstraint(
                condition=models.Q(ahead__isnull=True)
                | models.Q(ahead__in=["next", "smaller", "shorter", "settle"], loan_id__isnull=False),
                name="payments_collection_ahead",
            ),
        ),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
    ]
