"""What is too little to be paid is carried, and a part of what is captured is kept back for a time; what a merchant sold in a month is found."""

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
               sum(-i.net_minor) FILTER (WHERE i.kind = 'reserved') AS reserved,
               sum(i.net_minor) FILTER (WHERE i.kind = 'released') AS released,
               bool_and(i.currency = b.currency) AS one_currency
        FROM settlement_batch_line l JOIN settlement_item i ON i.id = l.item_id WHERE l.batch_id = b.id
    ) s ON true
    WHERE b.id = wanted AND (s.n <> b.line_count OR s.net IS DISTINCT FROM b.net_minor OR s.one_currency IS NOT true
        OR coalesce(s.captures, 0) <> b.captures_minor OR coalesce(s.fees, 0) <> b.fees_minor
        OR coalesce(s.discounts, 0) <> b.discounts_minor OR coalesce(s.refunds, 0) <> b.refunds_minor
        OR coalesce(s.opening, 0) <> b.opening_minor
        OR coalesce(s.reserved, 0) <> b.reserved_minor OR coalesce(s.released, 0) <> b.released_minor);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_adds_up';
    END IF;
END $$;

-- What a batch makes by itself is of no order.
ALTER TABLE settlement_item DROP CONSTRAINT settlement_item_has_its_loan;
ALTER TABLE settlement_item ADD CONSTRAINT settlement_item_has_its_loan
    CHECK (kind IN ('carried', 'reserved', 'released') OR (loan_id IS NOT NULL AND order_id IS NOT NULL));
"""


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0005_what_waits"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="batch",
            name="settlement_batch_net",
        ),
        migrations.RemoveConstraint(
            model_name="batch",
            name="settlement_batch_payout",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_signs",
        ),
        migrations.AddField(
            model_name="batch",
            name="released_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="batch",
            name="reserved_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                condition=models.Q(("kind", "capture")),
                fields=["merchant_id", "earned_on"],
                include=("gross_minor", "book_id"),
                name="settlement_item_sold",
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
                    ),
                    ("released_minor__gte", 0),
                    ("reserved_minor__gte", 0),
                ),
                name="settlement_batch_net",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "net_minor",
                        django.db.models.expressions.CombinedExpression(models.F("payout_minor"), "+", models.F("carried_minor")),
                    ),
                    ("payout_minor__gte", 0),
                    models.Q(("payout_minor", 0), ("carried_minor", 0), _connector="OR"),
                ),
                name="settlement_batch_payout",
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
                    _connector="OR",
                ),
                name="settlement_item_signs",
            ),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
