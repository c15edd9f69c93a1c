"""The settlement days of a capture may count from its delivery or its receipt: until then it has no day (ADR 0050)."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, references_as_a_set

PROMISES = """
-- Few items wait for an event or for evidence: the indexes of those few are the ways in.
CREATE OR REPLACE FUNCTION settlement_line_has_evidence() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM settlement_item i JOIN added a ON a.item_id = i.id JOIN settlement_batch b ON b.id = a.batch_id
        WHERE i.due_on IS NOT NULL AND b.pay_on < i.settles_on AND NOT EXISTS (SELECT FROM settlement_evidence e WHERE e.item_id = i.id)) THEN
        RAISE EXCEPTION 'a capture without evidence of delivery waits for its day'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_line_evidence';
    END IF;
    IF EXISTS (SELECT FROM settlement_item i JOIN added a ON a.item_id = i.id JOIN settlement_batch b ON b.id = a.batch_id
        WHERE i.settles_on IS NULL
            AND NOT EXISTS (SELECT FROM settlement_evidence e WHERE e.item_id = i.id AND e.settles_on <= b.pay_on)) THEN
        RAISE EXCEPTION 'what settles from an event waits for it, and for the day that follows from it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_batch_line_event';
    END IF;
    RETURN NULL;
END $$;

-- The day follows from the event that the contract names; what went back of a capture settles with it; and what was given back is all of it.
CREATE FUNCTION settlement_evidence_fits() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT e.item_id INTO wrong FROM added e JOIN settlement_item i ON i.id = e.item_id
    WHERE (e.settles_on IS NULL) <> (i.settles_on IS NOT NULL)
        OR (e.settles_on IS NOT NULL AND e.kind <> 'given_back' AND i.kind = 'capture'
            AND e.settles_on < greatest(e.proven_on, i.earned_on) + i.settle_days)
        OR (e.settles_on IS NOT NULL AND i.settle_from = 'receipt' AND e.kind NOT IN ('received', 'attested', 'given_back'))
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
CREATE TRIGGER settlement_evidence_fits AFTER INSERT ON settlement_evidence
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_evidence_fits();
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0015_shares_at_risk"), ("orders", "0006_named_as_a_set")]

    operations = [
        migrations.AlterField("item", "settles_on", models.DateField(null=True)),
        migrations.AddField("item", "settle_from", models.TextField(db_default="", default="")),
        migrations.AddField("item", "settle_days", models.SmallIntegerField(db_default=0, default=0)),
        migrations.AlterField("waiting", "settles_on", models.DateField(null=True)),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settle_days", 0), ("settle_from", ""), ("settles_on__isnull", False)),
                    models.Q(
                        ("due_on__isnull", True),
                        ("kind__in", ["capture", "refund"]),
                        ("settle_days__gte", 0),
                        ("settle_from__in", ["delivery", "receipt"]),
                        ("settles_on__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="settlement_item_has_a_day",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("settles_on__isnull", True)), fields=["id"], name="settlement_item_eventful"),
        ),
        migrations.AddIndex(
            model_name="waiting",
            index=models.Index(
                condition=models.Q(("settles_on__isnull", True)),
                fields=["book_id", "merchant_id"],
                include=["item_id"],
                name="settlement_waiting_undated",
            ),
        ),
        migrations.AlterField("evidence", "item_id", models.UUIDField(null=True, unique=True)),
        migrations.AddField("evidence", "order_id", models.UUIDField(null=True)),
        migrations.AddField("evidence", "settles_on", models.DateField(null=True)),
        migrations.AddField("evidence", "told_on", models.DateField(null=True)),
        migrations.RemoveConstraint("evidence", "settlement_evidence_kind"),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["delivered", "activated", "redeemed", "received", "attested", "given_back"])),
                name="settlement_evidence_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("item_id__isnull", False), ("order_id__isnull", True)),
                    models.Q(("item_id__isnull", True), ("order_id__isnull", False), ("settles_on__isnull", True)),
                    _connector="OR",
                ),
                name="settlement_evidence_of",
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(
                condition=models.Q(("settles_on__isnull", True), ("told_on__isnull", False), _connector="OR"),
                name="settlement_evidence_told",
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                condition=models.Q(("order_id__isnull", False)), fields=("order_id",), name="settlement_evidence_ahead"
            ),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(
                condition=models.Q(("settles_on__isnull", False)), fields=["book_id", "settles_on"], name="settlement_evidence_due"
            ),
        ),
        references_as_a_set(
            "settlement_evidence", [Reference(("order_id", "book_id", "merchant_id"), "orders_order", ("id", "book_id", "merchant_id"))]
        ),
        composite_fk("settlement_evidence", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
