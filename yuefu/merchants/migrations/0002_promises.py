"""A new version of a contract says exactly what a second person approved for this merchant."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk

PROMISES = """
CREATE FUNCTION merchants_guard_contract() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'merchant.amend_contract' AND a.object_kind = 'merchant' AND a.object_id = NEW.merchant_id
        AND a.content - 'discounts' = jsonb_build_object('valid_from', NEW.valid_from, 'fee_rate_ppm', NEW.fee_rate_ppm,
            'settlement_days', NEW.settlement_days, 'channel', NEW.channel, 'fee_on_refund', NEW.fee_on_refund,
            'negative_limit_minor', NEW.negative_limit_minor, 'currency', NEW.currency)
        AND NEW.discount_ppm = (SELECT coalesce(jsonb_object_agg(pair ->> 0, pair -> 1), '{}')
            FROM jsonb_array_elements(a.content -> 'discounts') AS pair)) THEN
        RAISE EXCEPTION 'version % of this contract was not approved', NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER merchants_contract_approved BEFORE INSERT ON merchants_contract FOR EACH ROW
    WHEN (NEW.version > 1) EXECUTE FUNCTION merchants_guard_contract();
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0001_initial"), ("runtime", "0004_promises")]

    operations = [
        composite_fk("merchants_contract", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
