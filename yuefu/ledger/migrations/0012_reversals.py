"""An entry is taken back at most once, by an entry that mirrors it line by line."""

from django.db import migrations, models

from yuefu.runtime.tables import secure

MIRRORED = """
-- Checked as a set, by nested loops into the keys, for the reasons given at `ledger_guard_lines`. A line from before lines named their
-- funder is of own funds, as its mirror says.
CREATE FUNCTION ledger_guard_reversals() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.reversed_id INTO wrong FROM written AS w
        LEFT JOIN ledger_entry AS o ON o.posted_on = w.reversed_on AND o.id = w.reversed_id
        LEFT JOIN ledger_entry AS n ON n.posted_on = w.posted_on AND n.id = w.entry_id
        WHERE o.id IS NULL OR n.id IS NULL OR o.book_id <> w.book_id OR n.book_id <> w.book_id
            OR n.xid <> pg_current_xact_id() OR n.line_count <> o.line_count
            OR EXISTS (SELECT 1 FROM ledger_line AS a
                LEFT JOIN ledger_line AS b ON b.posted_on = w.posted_on AND b.entry_id = w.entry_id AND b.line_no = o.line_count + 1 - a.line_no
                WHERE a.posted_on = w.reversed_on AND a.entry_id = w.reversed_id
                    AND (b.account_id, b.amount_minor, b.order_id, b.loan_id, b.merchant_id, b.funder_id, b.movement, b.reference) IS DISTINCT FROM
                        (a.account_id, -a.amount_minor, a.order_id, a.loan_id, a.merchant_id, coalesce(a.funder_id, w.book_id), a.movement, a.reference))
        LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'entry % is not taken back by its mirror', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_reversal_mirrors AFTER INSERT ON ledger_reversal
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_reversals();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_holds_named_as_a_set")]

    operations = [
        migrations.CreateModel(
            name="Reversal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("book_id", "reversed_id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("book_id", models.UUIDField()),
                ("reversed_id", models.UUIDField()),
                ("reversed_on", models.DateField()),
                ("entry_id", models.UUIDField()),
                ("posted_on", models.DateField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("book_id", "entry_id"), name="ledger_reversal_entry_once")],
            },
        ),
        secure("ledger_reversal", writes="append"),
        migrations.RunSQL(MIRRORED, migrations.RunSQL.noop),
    ]
