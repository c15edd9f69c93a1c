"""What is posted by hand is what a second person approved, line by line."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

APPROVED = """
CREATE FUNCTION ledger_guard_journal() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval AS a
        JOIN ledger_entry AS e ON e.posted_on = NEW.posted_on AND e.id = NEW.entry_id AND e.book_id = NEW.book_id AND e.kind = 'manual'
        WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = 'approved' AND a.action = 'journal.post'
            AND coalesce(a.content ->> 'effective_on', e.posted_on::text) = e.effective_on::text
            AND a.content -> 'lines' = (SELECT jsonb_agg(jsonb_build_object('account', c.code, 'owner_id', c.owner_id,
                    'account_funder_id', c.funder_id, 'product', c.product, 'minor', l.amount_minor, 'currency', l.currency,
                    'funder_id', l.funder_id, 'movement', l.movement, 'reference', l.reference) ORDER BY l.line_no)
                FROM ledger_line AS l JOIN ledger_account AS c ON c.id = l.account_id
                WHERE l.posted_on = e.posted_on AND l.entry_id = e.id
                HAVING count(l.order_id) = 0 AND count(l.loan_id) = 0 AND count(l.merchant_id) = 0)) THEN
        RAISE EXCEPTION 'entry % was not approved as it stands', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_journal_approved BEFORE INSERT ON ledger_journal FOR EACH ROW EXECUTE FUNCTION ledger_guard_journal();

-- And nothing is posted by hand that is not in the journal when its transaction commits.
CREATE FUNCTION ledger_guard_manual() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM ledger_journal AS j WHERE j.book_id = NEW.book_id AND j.entry_id = NEW.id AND j.posted_on = NEW.posted_on) THEN
        RAISE EXCEPTION 'entry % is by hand and approved by nobody', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_by_hand AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'manual') EXECUTE FUNCTION ledger_guard_manual();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0012_reversals"), ("runtime", "0005_approvals_by_person")]

    operations = [
        migrations.CreateModel(
            name="Journal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("book_id", "approval_id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("book_id", models.UUIDField()),
                ("approval_id", models.UUIDField()),
                ("entry_id", models.UUIDField()),
                ("posted_on", models.DateField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("book_id", "entry_id"), name="ledger_journal_entry_once")],
            },
        ),
        secure("ledger_journal", writes="append"),
        composite_fk("ledger_journal", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        migrations.RunSQL(APPROVED, migrations.RunSQL.noop),
    ]
