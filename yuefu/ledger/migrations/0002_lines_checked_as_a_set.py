"""What a line must point to is checked once a statement, not once a row: see ADR 0013."""

from django.db import migrations

CHECKED_AS_A_SET = """
-- An entry is whole and balanced the moment its lines are written: one statement, every line of it, zero in each currency, its head
-- written by the same transaction, its accounts of the same book and currency. Nested loops into the keys: the statistics of a month
-- that has just begun say that it is empty, and a plan made from them reads the whole month for each line.
CREATE OR REPLACE FUNCTION ledger_guard_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid;
BEGIN
    SELECT entry_id INTO wrong FROM written GROUP BY posted_on, entry_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'entry % does not balance', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT g.entry_id INTO wrong
        FROM (SELECT posted_on, entry_id, book_id, count(*) AS lines, min(line_no) AS first_no, max(line_no) AS last_no
            FROM written GROUP BY posted_on, entry_id, book_id) AS g
        LEFT JOIN ledger_entry AS e ON e.posted_on = g.posted_on AND e.id = g.entry_id
        WHERE e.id IS NULL OR e.book_id <> g.book_id OR e.xid <> pg_current_xact_id()
            OR (g.lines, g.first_no, g.last_no) IS DISTINCT FROM (e.line_count::bigint, 1::smallint, e.line_count) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of entry % are not all of it, or not its own', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT g.account_id INTO wrong
        FROM (SELECT DISTINCT account_id, book_id, currency FROM written) AS g
        LEFT JOIN ledger_account AS a ON a.id = g.account_id
        WHERE a.id IS NULL OR a.book_id <> g.book_id OR a.currency <> g.currency LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'account % is not of this book and currency', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
ALTER TABLE ledger_line DROP CONSTRAINT ledger_line_posted_on_entry_id_book_id_fkey;
ALTER TABLE ledger_line DROP CONSTRAINT ledger_line_book_id_account_id_currency_fk;
ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_posted_on_id_book_id_key;
ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_book_id_id_currency_ck;

-- No entry without lines when its transaction commits: what was a foreign key to the first line, planned by the same rule.
CREATE FUNCTION ledger_guard_entry() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM 1 FROM ledger_line WHERE posted_on = NEW.posted_on AND entry_id = NEW.id AND line_no = 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % has no lines', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_has_lines;
ALTER TABLE ledger_entry DROP COLUMN first_line;
CREATE CONSTRAINT TRIGGER ledger_entry_has_lines AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_guard_entry();

-- For every other statement: a month is first analysed when it has grown beyond a few pages. Without statistics it is looked up by key.
CREATE OR REPLACE FUNCTION ledger_make_partitions(first date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE start date; parent text; made integer := 0; suffix text;
BEGIN
    IF months NOT BETWEEN 1 AND 240 THEN
        RAISE EXCEPTION 'from 1 to 240 months at a time' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(7041777);
    FOR n IN 0 .. months - 1 LOOP
        start := date_trunc('month', first)::date + make_interval(months => n);
        suffix := to_char(start, 'YYYYMM');
        FOREACH parent IN ARRAY ARRAY['ledger_entry', 'ledger_line'] LOOP
            IF to_regclass(parent || '_' || suffix) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L) WITH (autovacuum_analyze_threshold = 2000)',
                    parent || '_' || suffix, parent, start, (start + interval '1 month')::date);
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', parent || '_' || suffix);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
DO $$
DECLARE month regclass;
BEGIN
    FOR month IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent IN ('ledger_entry'::regclass, 'ledger_line'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_analyze_threshold = 2000)', month);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [migrations.RunSQL(CHECKED_AS_A_SET, migrations.RunSQL.noop)]
