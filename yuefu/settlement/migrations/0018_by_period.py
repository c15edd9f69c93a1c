"""A merchant may have its part of each instalment as it is collected (按期结算): pairs of items that come to nothing (ADR 0050)."""

from django.db import migrations, models

PROMISES = """
-- What was paid of a sale before, and what is deducted for it, is brought in like what an earlier batch carried.
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
               sum(i.net_minor) FILTER (WHERE i.kind IN ('carried', 'part', 'parted')) AS opening,
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

-- The day of what is paid in parts follows from their collection, and of nothing else.
CREATE OR REPLACE FUNCTION settlement_evidence_fits() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT e.item_id INTO wrong FROM added e JOIN settlement_item i ON i.id = e.item_id
    WHERE (e.settles_on IS NULL) <> (i.settles_on IS NOT NULL)
        OR (e.settles_on IS NOT NULL AND e.kind <> 'given_back' AND i.kind = 'capture'
            AND e.settles_on < greatest(e.proven_on, i.earned_on) + i.settle_days)
        OR (e.settles_on IS NOT NULL AND i.settle_from = 'receipt' AND e.kind NOT IN ('received', 'attested', 'given_back'))
        OR ((e.kind = 'collected') <> (i.settle_from = 'collection') AND e.kind <> 'given_back')
        OR (e.settles_on IS NOT NULL AND i.kind = 'refund' AND NOT EXISTS (SELECT FROM settlement_item s
            JOIN settlement_evidence o ON o.item_id = s.id
            WHERE s.kind = 'capture' AND s.source_id = i.capture_id AND o.settles_on = e.settles_on AND o.kind = e.kind))
        OR (e.kind = 'given_back' AND (SELECT sum(s.gross_minor) FROM settlement_item s WHERE s.capture_id = i.capture_id) <> 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'this is no evidence for item %, or another day follows from it', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_evidence_fits';
    END IF;
    RETURN NULL;
END $$;

-- Of no order either: its capture names that.
ALTER TABLE settlement_item DROP CONSTRAINT settlement_item_has_its_loan;
ALTER TABLE settlement_item ADD CONSTRAINT settlement_item_has_its_loan
    CHECK (kind IN ('carried', 'reserved', 'released', 'frozen', 'thawed', 'penalty', 'subsidy', 'collected', 'part', 'parted')
        OR (loan_id IS NOT NULL AND order_id IS NOT NULL));

-- A part is never without what is deducted for it, of a capture of the same merchant that settles by period: nobody is owed more by it.
CREATE FUNCTION settlement_part_has_its_pair() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM added a WHERE a.kind IN ('part', 'parted') AND (
        NOT EXISTS (SELECT FROM settlement_item o WHERE o.kind IN ('part', 'parted') AND o.kind <> a.kind AND o.source_id = a.source_id
            AND o.capture_id = a.capture_id AND o.merchant_id = a.merchant_id AND o.net_minor = -a.net_minor)
        OR NOT EXISTS (SELECT FROM settlement_item c WHERE c.kind = 'capture' AND c.source_id = a.capture_id
            AND (c.book_id, c.merchant_id, c.currency, c.settle_from) = (a.book_id, a.merchant_id, a.currency, 'collection'))
        OR (a.kind = 'part') <> (a.settles_on IS NOT NULL))) THEN
        RAISE EXCEPTION 'a part of a sale comes with what is deducted from the rest of it' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'settlement_item_part_has_its_pair';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_part_has_its_pair AFTER INSERT ON settlement_item
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_part_has_its_pair();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0017_held_with_nothing_to_pay")]

    operations = [
        migrations.RemoveConstraint(
            model_name="evidence",
            name="settlement_evidence_kind",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_signs",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_has_a_day",
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["delivered", "activated", "redeemed", "received", "attested", "given_back", "collected"])),
                name="settlement_evidence_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settle_days", 0), ("settle_from", ""), ("settles_on__isnull", False)),
                    models.Q(
                        ("due_on__isnull", True),
                        ("kind__in", ["capture", "refund", "parted"]),
                        ("settle_days__gte", 0),
                        ("settle_from__in", ["delivery", "receipt", "collection"]),
                        ("settles_on__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="settlement_item_has_a_day",
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
                        ("capture_id__isnull", False),
                        ("discount_minor", 0),
                        ("fee_minor", 0),
                        ("kind__in", ["part", "parted"]),
                        models.Q(("gross_minor", 0), _negated=True),
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
