"""Captures whose loans are looked at on pay days are kept in a list, from which they go when no early default can come any more."""

from django.db import migrations, models

from yuefu.runtime.tables import secure

PROMISES = """
CREATE FUNCTION settlement_share_put_at_risk() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO settlement_share_at_risk (capture_id, book_id, loan_id, early_periods, early_days)
        SELECT DISTINCT a.capture_id, a.book_id, a.loan_id, a.early_periods, a.early_days FROM added AS a
        WHERE a.kind = 'earned' AND a.default_ppm > 0 AND a.early_days > 0 ORDER BY a.capture_id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_share_put_at_risk AFTER INSERT ON settlement_share
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_share_put_at_risk();

-- The first pay day looks at all there are, and lets those go that are over.
INSERT INTO settlement_share_at_risk (capture_id, book_id, loan_id, early_periods, early_days)
    SELECT DISTINCT s.capture_id, s.book_id, s.loan_id, s.early_periods, s.early_days FROM settlement_share AS s
    WHERE s.kind = 'earned' AND s.default_ppm > 0 AND s.early_days > 0
    AND NOT EXISTS (SELECT FROM settlement_share AS d WHERE d.capture_id = s.capture_id AND d.kind = 'defaulted');
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0014_shares_are_paid")]

    operations = [
        migrations.RemoveIndex(model_name="share", name="settlement_share_at_risk"),
        migrations.CreateModel(
            name="ShareAtRisk",
            fields=[
                ("capture_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("early_periods", models.SmallIntegerField()),
                ("early_days", models.SmallIntegerField()),
            ],
            options={
                "db_table": "settlement_share_at_risk",
                "indexes": [models.Index(fields=["book_id", "loan_id"], name="settlement_at_risk_loan")],
            },
        ),
        secure("settlement_share_at_risk", writes="delete"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
