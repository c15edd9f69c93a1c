"""Nothing is true before it happens; a run, an account and a seal are of the book they stand in."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk

PROMISES = """
-- An entry may be true earlier than it is posted, never later: a balance as of a day would otherwise change by itself as days pass.
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_not_ahead CHECK (effective_on <= posted_on);

ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_run_id_fkey;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_book_id_run_id_fk FOREIGN KEY (book_id, run_id) REFERENCES runtime_run (book_id, id);

-- A seal is of an entry of its own book. By nested loops into the key, for the reason given at `ledger_guard_lines`.
CREATE FUNCTION ledger_guard_seals() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.entry_id INTO wrong FROM written AS w
        LEFT JOIN ledger_entry AS e ON e.posted_on = w.posted_on AND e.id = w.entry_id
        WHERE e.id IS NULL OR e.book_id <> w.book_id LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'there is no entry % of this book to seal', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_seal_of_an_entry AFTER INSERT ON ledger_seal
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_seals();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_day_work_goes_on"), ("runtime", "0004_promises")]

    operations = [
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk("ledger_account", ["book_id"], "runtime_book", ["id"]),
        composite_fk("ledger_horizon", ["book_id"], "runtime_book", ["id"]),
    ]
