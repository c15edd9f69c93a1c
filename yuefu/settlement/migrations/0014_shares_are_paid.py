"""Batches of payees are paid by payouts, which two people order; they follow what the bank says of these, as merchants' batches do."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk

BEFORE = """
DROP TRIGGER settlement_share_batch_approved ON settlement_share_batch;
DROP FUNCTION settlement_guard_share_payment();
"""

PROMISES = """
UPDATE settlement_share_batch AS b SET version = 2, approval_id = (SELECT a.id FROM runtime_approval AS a WHERE a.book_id = b.book_id
    AND a.state = 'approved' AND a.action = 'settlement.pay_share' AND a.object_id = b.id ORDER BY a.decided_at LIMIT 1) WHERE b.state = 'paid';

-- A step of a batch is what two people approved, or what the bank may have said of its payout.
CREATE FUNCTION settlement_guard_share_batch() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE approval runtime_approval;
BEGIN
    SELECT * INTO approval FROM runtime_approval AS a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved';
    IF NEW.version = OLD.version + 1 AND (CASE
        WHEN (OLD.state, NEW.state) IN (('due', 'scheduled'), ('returned', 'scheduled')) THEN
            NEW.approval_id IS DISTINCT FROM OLD.approval_id AND NEW.payout_id IS DISTINCT FROM OLD.payout_id
            AND approval.action = 'settlement.release_shares' AND approval.content->'batches'->>(NEW.id::text) = (NEW.due_minor - NEW.withheld_minor)::text
            AND approval.content->>'currency' = NEW.currency AND NEW.payout_id IS NOT NULL
        WHEN (OLD.state, NEW.state) IN (('due', 'paid'), ('returned', 'paid')) THEN
            NEW.approval_id IS DISTINCT FROM OLD.approval_id AND NEW.payout_id IS NULL
            AND approval.action = 'settlement.pay_share' AND approval.object_kind = 'settlement_share_batch' AND approval.object_id = NEW.id
            AND approval.content = jsonb_build_object('reference', NEW.reference, 'amount_minor', NEW.due_minor - NEW.withheld_minor, 'currency', NEW.currency)
        WHEN (OLD.state, NEW.state) IN (('scheduled', 'paid'), ('scheduled', 'returned'), ('paid', 'returned'), ('reconciled', 'returned')) THEN
            (NEW.payout_id, NEW.approval_id, NEW.reference) = (OLD.payout_id, OLD.approval_id, OLD.reference)
        WHEN (OLD.state, NEW.state) = ('paid', 'reconciled') THEN
            (NEW.payout_id, NEW.approval_id, NEW.reference) IS NOT DISTINCT FROM (OLD.payout_id, OLD.approval_id, OLD.reference)
        ELSE false END) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'that batch % is % was not approved, nor is it what the bank said', NEW.id, NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_batch_step';
END $$;
CREATE TRIGGER settlement_share_batch_step BEFORE UPDATE ON settlement_share_batch FOR EACH ROW EXECUTE FUNCTION settlement_guard_share_batch();
GRANT UPDATE (version, payout_id, approval_id, reason) ON settlement_share_batch TO yuefu_writer;
"""

PAYS = "ALTER TABLE settlement_share_batch ADD COLUMN pays_minor bigint NOT NULL GENERATED ALWAYS AS (due_minor - withheld_minor) STORED"


class Migration(migrations.Migration):
    dependencies = [("settlement", "0013_adjustments"), ("payments", "0012_payouts_to_payees")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="sharebatch",
            name="settlement_share_batch_state",
        ),
        migrations.AddField(
            model_name="sharebatch",
            name="approval_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="sharebatch",
            name="payout_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="sharebatch",
            name="reason",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="sharebatch",
            name="version",
            field=models.IntegerField(db_default=1, default=1),
        ),
        migrations.AddIndex(
            model_name="sharebatch",
            index=models.Index(
                condition=models.Q(("reference", ""), _negated=True), fields=["book_id", "reference"], name="settlement_share_batch_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="sharebatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("due_minor", 0), ("payout_id__isnull", True), ("reference", ""), ("state", "accrued")),
                    models.Q(("due_minor__gt", 0), ("payout_id__isnull", True), ("reference", ""), ("state", "due")),
                    models.Q(("due_minor__gt", 0), ("state__in", ["paid", "reconciled"]), models.Q(("reference", ""), _negated=True)),
                    models.Q(
                        ("due_minor__gt", 0),
                        ("payout_id__isnull", False),
                        ("state__in", ["scheduled", "returned"]),
                        models.Q(("reference", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="settlement_share_batch_state",
            ),
        ),
        migrations.AddField("sharebatch", "withheld_minor", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddConstraint(
            model_name="sharebatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("withheld_minor", 0),
                    models.Q(("withheld_minor__gt", 0), ("withheld_minor__lt", models.F("due_minor"))),
                    _connector="OR",
                ),
                name="settlement_share_batch_withheld",
            ),
        ),
        migrations.RunSQL(PAYS, migrations.RunSQL.noop),
        # A batch's payout is for it, to its payee, of its amount, and known to the bank by its reference.
        composite_fk(
            "settlement_share_batch",
            ["book_id", "payout_id", "id", "party", "payee_id", "pays_minor", "currency", "reference"],
            "payments_payout",
            ["book_id", "id", "batch_id", "party", "payee_id", "amount_minor", "currency", "reference"],
        ),
        composite_fk("settlement_share_batch", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
