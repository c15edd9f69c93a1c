"""What few contracts say stands in one column: tax in fees, fees on other ways back, who shares."""

from django.db import migrations, models

PROMISES = """
-- Also what was asked for before there was more in it, and means that there is none.
CREATE OR REPLACE FUNCTION merchants_guard_contract() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'merchant.amend_contract' AND a.object_kind = 'merchant' AND a.object_id = NEW.merchant_id
        AND '{"fees": [], "minimum_payout_minor": 0, "reserve_ppm": 0, "reserve_days": 0, "more": {}}'::jsonb || (a.content - 'discounts')
            = jsonb_build_object('valid_from', NEW.valid_from,
            'fee_rate_ppm', NEW.fee_rate_ppm, 'settlement_days', NEW.settlement_days, 'channel', NEW.channel,
            'fee_on_refund', NEW.fee_on_refund, 'negative_limit_minor', NEW.negative_limit_minor, 'currency', NEW.currency,
            'fees', NEW.fees, 'minimum_payout_minor', NEW.minimum_payout_minor,
            'reserve_ppm', NEW.reserve_ppm, 'reserve_days', NEW.reserve_days, 'more', NEW.more)
        AND NEW.discount_ppm = (SELECT coalesce(jsonb_object_agg(pair ->> 0, pair -> 1), '{}')
            FROM jsonb_array_elements(a.content -> 'discounts') AS pair)) THEN
        RAISE EXCEPTION 'version % of this contract was not approved', NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0004_more_in_contracts")]

    operations = [
        migrations.RemoveConstraint(model_name="contract", name="merchants_contract_fee_on_refund"),
        migrations.AddField(model_name="contract", name="more", field=models.JSONField(db_default={}, default=dict)),
        migrations.AddConstraint(
            model_name="contract",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee_on_refund__in", ["kept", "returned", "whole"])), name="merchants_contract_fee_on_refund"
            ),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
