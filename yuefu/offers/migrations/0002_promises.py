"""What is on offer is what a second person approved, to the letter; a disclosure can be named together with its product."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk, composite_key

PROMISES = """
-- The draft may have been rewritten between the request and the decision: the terms of the request are compared one by one.
CREATE FUNCTION offers_guard_publication() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'product.publish' AND a.object_kind = 'product' AND a.object_id = NEW.id
        AND a.content -> 'product' -> 'version' = to_jsonb(NEW.version)
        AND a.content -> 'product' -> 'terms' = jsonb_build_object('code', NEW.code, 'name_zh', NEW.name_zh, 'name_en', NEW.name_en,
            'payer', NEW.payer, 'annual_rate', jsonb_build_object('ppm', NEW.annual_rate_ppm), 'periods', NEW.periods,
            'minimum', jsonb_build_object('minor', NEW.minimum_minor, 'currency', NEW.currency),
            'maximum', jsonb_build_object('minor', NEW.maximum_minor, 'currency', NEW.currency), 'day_count', NEW.day_count,
            'min_gap_days', NEW.min_gap_days, 'rule_version', NEW.rule_version, 'jurisdiction', NEW.jurisdiction,
            'lender_zh', NEW.lender_zh, 'lender_en', NEW.lender_en, 'lender_licence', NEW.lender_licence)) THEN
        RAISE EXCEPTION 'product % version % was not approved as it stands', NEW.code, NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offers_product_publication_approved BEFORE UPDATE ON offers_product FOR EACH ROW
    WHEN (OLD.state = 'draft' AND NEW.state = 'published') EXECUTE FUNCTION offers_guard_publication();
"""


class Migration(migrations.Migration):
    dependencies = [("offers", "0001_initial"), ("runtime", "0004_promises")]

    operations = [
        composite_fk("offers_product", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_key("offers_disclosure", ["id", "book_id", "product_id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
