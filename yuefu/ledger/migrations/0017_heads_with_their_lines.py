"""That an entry has lines is checked once a statement where both are written by one, and at the end of the transaction where not: see ADR 0013."""

from django.db import migrations

WITH_THEIR_LINES = """
-- Entries whose lines were not written by the same statement, until their transaction ends: empty whenever one looks.
CREATE TABLE ledger_awaited (posted_on date NOT NULL, entry_id uuid NOT NULL);
ALTER TABLE ledger_awaited ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger_awaited FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON ledger_awaited TO CURRENT_USER USING (true) WITH CHECK (true);

CREATE FUNCTION ledger_guard_heads() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    INSERT INTO ledger_awaited (posted_on, entry_id) SELECT w.posted_on, w.id FROM written AS w
        LEFT JOIN ledger_line AS l ON l.posted_on = w.posted_on AND l.entry_id = w.id AND l.line_no = 1 WHERE l.entry_id IS NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_guard_awaited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM 1 FROM ledger_line WHERE posted_on = NEW.posted_on AND entry_id = NEW.entry_id AND line_no = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % has no lines', NEW.entry_id USING ERRCODE = 'check_violation';
    END IF;
    DELETE FROM ledger_awaited WHERE posted_on = NEW.posted_on AND entry_id = NEW.entry_id;
    RETURN NULL;
END $$;

DROP TRIGGER ledger_entry_has_lines ON ledger_entry;
DROP FUNCTION ledger_guard_entry();
CREATE TRIGGER ledger_entry_has_lines AFTER INSERT ON ledger_entry
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_heads();
CREATE CONSTRAINT TRIGGER ledger_awaited_came AFTER INSERT ON ledger_awaited
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_guard_awaited();
REVOKE ALL ON FUNCTION ledger_guard_heads(), ledger_guard_awaited() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0016_less_to_ask_of_each_row")]

    operations = [migrations.RunSQL(WITH_THEIR_LINES, migrations.RunSQL.noop)]
