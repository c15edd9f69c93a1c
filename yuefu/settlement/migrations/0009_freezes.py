"""Money of a merchant that is frozen: by two people, never more than was asked, until a day; batches say why they are held."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

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

-- What settlement makes by itself is of no order.
ALTER TABLE settlement_item DROP CONSTRAINT settlement_item_has_its_loan;
ALTER TABLE settlement_item ADD CONSTRAINT settlement_item_has_its_loan
    CHECK (kind IN ('carried', 'reserved', 'released', 'frozen', 'thawed') OR (loan_id IS NOT NULL AND order_id IS NOT NULL));

GRANT UPDATE (reason, withheld_minor) ON settlement_batch TO yuefu_writer;
GRANT UPDATE (state, ended_on, ended_by_id) ON settlement_freeze TO yuefu_writer;

-- A freeze is what a second person approved, and ends on its day or by another approval; what ended stays ended.
CREATE FUNCTION settlement_guard_freeze() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.state <> 'open' OR NEW.kept_minor <> 0 OR NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id
        AND a.book_id = NEW.book_id AND a.state = 'approved' AND a.action = 'settlement.freeze' AND a.object_kind = 'merchant'
        AND a.object_id = NEW.merchant_id AND a.content = jsonb_build_object('amount_minor', NEW.asked_minor, 'currency', NEW.currency,
            'until', NEW.until, 'reason', NEW.reason))) THEN
        RAISE EXCEPTION 'this freeze was not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_freeze_approved';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'ended' THEN
        RAISE EXCEPTION 'a freeze that ended stays ended' USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_freeze_forward';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state = 'ended' AND NEW.ended_by_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runtime_approval a
        WHERE a.id = NEW.ended_by_id AND a.book_id = NEW.book_id AND a.state = 'approved' AND a.action = 'settlement.unfreeze'
        AND a.object_kind = 'freeze' AND a.object_id = NEW.id) THEN
        RAISE EXCEPTION 'the end of this freeze was not approved' USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_freeze_approved';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_freeze_approved BEFORE INSERT OR UPDATE ON settlement_freeze FOR EACH ROW EXECUTE FUNCTION settlement_guard_freeze();

-- What a freeze keeps moves by the statement that writes its parts and by nothing else; the check of the freeze says that it is no more than was asked.
CREATE FUNCTION settlement_freeze_keeps() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wanted bigint; met bigint;
BEGIN
    SELECT count(DISTINCT freeze_id) INTO wanted FROM written;
    UPDATE settlement_freeze f SET kept_minor = f.kept_minor + g.minor
        FROM (SELECT freeze_id, sum(amount_minor)::bigint AS minor FROM written GROUP BY freeze_id) AS g WHERE f.id = g.freeze_id AND f.state = 'open';
    GET DIAGNOSTICS met = ROW_COUNT;
    IF met <> wanted THEN
        RAISE EXCEPTION 'a freeze that ended keeps nothing more' USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_freeze_part_open';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_freeze_part_kept AFTER INSERT ON settlement_freeze_part
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION settlement_freeze_keeps();
REVOKE ALL ON FUNCTION settlement_freeze_keeps() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("settlement", "0008_shares"),
        ("merchants", "0007_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Freeze",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("asked_minor", models.BigIntegerField(null=True)),
                ("kept_minor", models.BigIntegerField(db_default=0, default=0)),
                ("currency", models.TextField()),
                ("until", models.DateField()),
                ("state", models.TextField(db_default="open", default="open")),
                ("reason", models.TextField()),
                ("begun_on", models.DateField()),
                ("ended_on", models.DateField(null=True)),
                ("approval_id", models.UUIDField(unique=True)),
                ("ended_by_id", models.UUIDField(null=True, unique=True)),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="FreezePart",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("freeze_id", models.UUIDField()),
                ("batch_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "settlement_freeze_part",
            },
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="settlement_item_signs",
        ),
        migrations.AddField(
            model_name="batch",
            name="reason",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="batch",
            name="withheld_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), ("state__in", ["accrued", "held", "returned"]), _connector="OR"),
                name="settlement_batch_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withheld_minor__gte", 0),
                    ("withheld_minor__lte", models.F("payout_minor")),
                    models.Q(
                        ("state__in", ["held", "returned"]),
                        ("withheld_minor", 0),
                        ("withheld_minor__lt", models.F("payout_minor")),
                        _connector="OR",
                    ),
                ),
                name="settlement_batch_withheld",
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
                    _connector="OR",
                ),
                name="settlement_item_signs",
            ),
        ),
        migrations.AddIndex(
            model_name="freeze",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["book_id", "merchant_id", "id"], name="settlement_freeze_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.CheckConstraint(
                condition=models.Q(("asked_minor__isnull", True), ("asked_minor__gt", 0), _connector="OR"), name="settlement_freeze_asked"
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kept_minor__gte", 0),
                    models.Q(("asked_minor__isnull", True), ("kept_minor__lte", models.F("asked_minor")), _connector="OR"),
                ),
                name="settlement_freeze_keeps_no_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_by_id__isnull", True), ("ended_on__isnull", True), ("state", "open")),
                    models.Q(
                        ("state", "ended"),
                        models.Q(
                            ("ended_on__gte", models.F("until")),
                            models.Q(("ended_by_id__isnull", False), ("ended_on__isnull", False)),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="settlement_freeze_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.CheckConstraint(condition=models.Q(("until__gt", models.F("begun_on"))), name="settlement_freeze_until"),
        ),
        migrations.AddIndex(
            model_name="freezepart",
            index=models.Index(fields=["freeze_id"], name="settlement_freeze_part_freeze"),
        ),
        migrations.AddConstraint(
            model_name="freezepart",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="settlement_freeze_part_amount"),
        ),
        secure("settlement_freeze", writes="append", merchant="merchant_id"),
        composite_key("settlement_freeze", ["id", "book_id", "merchant_id"]),
        composite_fk("settlement_freeze", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("settlement_freeze", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_fk("settlement_freeze", ["book_id", "ended_by_id"], "runtime_approval", ["book_id", "id"]),
        secure("settlement_freeze_part", writes="append", merchant="merchant_id"),
        composite_fk(
            "settlement_freeze_part", ["freeze_id", "book_id", "merchant_id"], "settlement_freeze", ["id", "book_id", "merchant_id"]
        ),
        composite_fk(
            "settlement_freeze_part", ["batch_id", "book_id", "merchant_id"], "settlement_batch", ["id", "book_id", "merchant_id"]
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
