"""What being late costs, by product; nothing for those that are there."""

from django.db import migrations, models

PROMISES = """
-- Late charges as an approval tells them; one from before there were any tells nothing of them.
CREATE FUNCTION offers_late(fee bigint, rate integer, grace smallint, most integer, currency text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object('fee', CASE WHEN fee > 0 THEN jsonb_build_object('minor', fee, 'currency', currency) END,
        'fee_rate', jsonb_build_object('ppm', 0), 'fee_on', jsonb_build_array('principal', 'interest'),
        'interest', jsonb_build_object('ppm', rate), 'grace_days', grace, 'cap', CASE WHEN most IS NOT NULL THEN jsonb_build_object('ppm', most) END)
$$;
CREATE OR REPLACE FUNCTION offers_guard_publication() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'product.publish' AND a.object_kind = 'product' AND a.object_id = NEW.id
        AND a.content -> 'product' -> 'version' = to_jsonb(NEW.version)
        AND (a.content -> 'product' -> 'terms') - 'late' = jsonb_build_object('code', NEW.code, 'name_zh', NEW.name_zh, 'name_en', NEW.name_en,
            'payer', NEW.payer, 'annual_rate', jsonb_build_object('ppm', NEW.annual_rate_ppm), 'periods', NEW.periods,
            'minimum', jsonb_build_object('minor', NEW.minimum_minor, 'currency', NEW.currency),
            'maximum', jsonb_build_object('minor', NEW.maximum_minor, 'currency', NEW.currency), 'day_count', NEW.day_count,
            'min_gap_days', NEW.min_gap_days, 'rule_version', NEW.rule_version, 'jurisdiction', NEW.jurisdiction,
            'lender_zh', NEW.lender_zh, 'lender_en', NEW.lender_en, 'lender_licence', NEW.lender_licence)
        AND coalesce(a.content -> 'product' -> 'terms' -> 'late', offers_late(0, 0, 0::smallint, NULL, NEW.currency))
            = offers_late(NEW.late_fee_minor, NEW.late_rate_ppm, NEW.late_grace_days, NEW.late_most_ppm, NEW.currency)) THEN
        RAISE EXCEPTION 'product % version % was not approved as it stands', NEW.code, NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("offers", "0005_key_no_longer_needed")]

    operations = [
        migrations.AddField("product", "late_fee_minor", models.BigIntegerField(db_default=0)),
        migrations.AddField("product", "late_rate_ppm", models.IntegerField(db_default=0)),
        migrations.AddField("product", "late_grace_days", models.SmallIntegerField(db_default=0)),
        migrations.AddField("product", "late_most_ppm", models.IntegerField(null=True)),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "product",
            models.CheckConstraint(
                condition=models.Q(late_fee_minor=0, late_rate_ppm=0, late_grace_days=0, late_most_ppm__isnull=True)
                | models.Q(
                    late_fee_minor__gte=0, late_rate_ppm__gte=0, late_grace_days__gte=0, late_most_ppm__gt=0, late_most_ppm__lte=1_000_000
                ),
                name="offers_product_late",
            ),
        ),
    ]
