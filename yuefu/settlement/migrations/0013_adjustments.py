"""What merchants are charged or given beside their sales: penalties, subsidies, debts they pay; each as two people agreed."""

import django.db.models.expressions
from django.db import migrations, models

PROMISES = """
CREATE OR REPLACE FUNCTION settlement_require_adding_up(wanted uuid) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong text;
BEGIN
    SELECT format('the lines of batch %s do not add up to it', b.id) INTO wrong
    FROM settlement_batch b LEFT JOIN LATERAL (
        SELECT count(*) AS n, sum(i.net_minor) AS net,
               sum(i.gross_minor) FILTER (WHERE i.kind = 'capture') AS captures,
               sum(i.fee_minor) FILTER (WHERE i.kind = 'capture') AS fees,
               sum(i.discount_minor) FILTER (WHERE i.kind = 'capture') AS discounts,
               sum(-i.net_minor) FILTER (WHERE i.kind = 'refund') AS refunds,
               sum(i.net_minor) FILTER (WHERE i.kind = 'carried') AS opening,
               sum(-i.net_minor) FILTER (WHERE i.kind IN ('reserved', 'frozen')) AS reserved,
               sum(i.net_minor) FILTER (WHERE i.kind IN ('released', 'thawed')) AS released,
               sum(i.net_minor) FILTER (WHERE i.kind IN ('penalty', 'subsidy', 'collected')) AS adjusted,
               bool_and(i.currency = b.currency) AS one_currency
        FROM settlement_batch_line l JOIN settlement_item i ON i.id = l.item_id WHERE l.batch_id = b.id
    ) s ON true
    WHERE b.id = wanted AND (s.n <> b.line_count OR s.net IS DISTINCT FROM b.net_minor OR s.one_currency IS NOT true
        OR coalesce(s.captures, 0) <> b.captures_minor OR coalesce(s.fees, 0) <> b.fees_minor
        OR coalesce(s.discounts, 0) <> b.discounts_minor OR coalesce(s.refunds, 0) <> b.refunds_minor
        OR coalesce(s.opening, 0) <> b.opening_minor
        OR coalesce(s.reserved, 0) <> b.reserved_minor OR coalesce(s.released, 0) <> b.released_minor
        OR coalesce(s.adjusted, 0) <> b.adjusted_minor);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_adds_up';
    END IF;
END $$;

-- What settlement makes by itself is of no order.
ALTER TABLE settlement_item DROP CONSTRAINT settlement_item_has_its_loan;
ALTER TABLE settlement_item ADD CONSTRAINT settlement_item_has_its_loan
    CHECK (kind IN ('carried', 'reserved', 'released', 'frozen', 'thawed', 'penalty', 'subsidy', 'collected')
        OR (loan_id IS NOT NULL AND order_id IS NOT NULL));

-- An adjustment is what a second person approved.
CREATE FUNCTION settlement_guard_adjustment() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM runtime_approval AS a WHERE a.id = NEW.source_id AND a.book_id = NEW.book_id AND a.state = 'approved'
        AND a.action = 'settlement.adjust' AND a.object_kind = 'merchant' AND a.object_id = NEW.merchant_id AND a.content ->> 'kind' = NEW.kind
        AND (a.content ->> 'amount_minor')::bigint = abs(NEW.net_minor) AND a.content ->> 'currency' = NEW.currency
        AND coalesce(nullif(a.content ->> 'code', ''), a.content ->> 'reference') = NEW.product) THEN
        RAISE EXCEPTION 'this adjustment was not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_item_approved';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_item_approved BEFORE INSERT ON settlement_item FOR EACH ROW
    WHEN (NEW.kind IN ('penalty', 'subsidy', 'collected')) EXECUTE FUNCTION settlement_guard_adjustment();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0012_invoices")]

    operations = [
        migrations.RemoveConstraint(
            model_name="batch",
            name="settlement_batch_net",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_signs",
        ),
        migrations.AddField(
            model_name="batch",
            name="adjusted_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("kind__in", ["subsidy", "collected"])), fields=["book_id", "product"], name="settlement_item_adjusted"
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "net_minor",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("captures_minor"), "-", models.F("fees_minor")
                                                ),
                                                "-",
                                                models.F("discounts_minor"),
                                            ),
                                            "-",
                                            models.F("refunds_minor"),
                                        ),
                                        "+",
                                        models.F("opening_minor"),
                                    ),
                                    "-",
                                    models.F("reserved_minor"),
                                ),
                                "+",
                                models.F("released_minor"),
                            ),
                            "+",
                            models.F("adjusted_minor"),
                        ),
                    ),
                    ("released_minor__gte", 0),
                    ("reserved_minor__gte", 0),
                ),
                name="settlement_batch_net",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("capture_id", models.F("source_id")),
                        ("discount_minor__gte", 0),
                        ("fee_minor__gte", 0),
                        ("gross_minor__gt", 0),
                        ("kind", "capture"),
                    ),
                    models.Q(
                        ("capture_id__isnull", False),
                        ("discount_minor__lte", 0),
                        ("fee_minor__lte", 0),
                        ("gross_minor__lt", 0),
                        ("kind", "refund"),
                    ),
                    models.Q(
                        ("capture_id__isnull", True),
                        ("discount_minor", 0),
                        ("fee_minor", 0),
                        ("kind", "carried"),
                        models.Q(("gross_minor", 0), _negated=True),
                    ),
                    models.Q(
                        ("capture_id__isnull", True), ("discount_minor", 0), ("fee_minor", 0), ("gross_minor__lt", 0), ("kind", "reserved")
                    ),
                    models.Q(
                        ("capture_id__isnull", True), ("discount_minor", 0), ("fee_minor", 0), ("gross_minor__gt", 0), ("kind", "released")
                    ),
                    models.Q(
                        ("capture_id__isnull", True), ("discount_minor", 0), ("fee_minor", 0), ("gross_minor__lt", 0), ("kind", "frozen")
                    ),
                    models.Q(
                        ("capture_id__isnull", True), ("discount_minor", 0), ("fee_minor", 0), ("gross_minor__gt", 0), ("kind", "thawed")
                    ),
                    models.Q(
                        ("capture_id__isnull", True), ("discount_minor", 0), ("fee_minor", 0), ("gross_minor__lt", 0), ("kind", "penalty")
                    ),
                    models.Q(
                        ("capture_id__isnull", True),
                        ("discount_minor", 0),
                        ("fee_minor", 0),
                        ("gross_minor__gt", 0),
                        ("kind__in", ["subsidy", "collected"]),
                    ),
                    _connector="OR",
                ),
                name="settlement_item_signs",
            ),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
