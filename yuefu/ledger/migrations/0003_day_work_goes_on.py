"""A month is made beside the others, a closing day takes its own run, a closed account takes nothing, a merchant reads its own lines."""

from django.db import migrations

PARTITIONS = """
-- Made beside the table and then attached: readers and writers of the ledger go on, whoever holds a report or a backup open.
CREATE OR REPLACE FUNCTION ledger_make_partitions(first date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE start date; parent text; made integer := 0; child text;
BEGIN
    IF months NOT BETWEEN 1 AND 240 THEN
        RAISE EXCEPTION 'from 1 to 240 months at a time' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(7041777);
    FOR n IN 0 .. months - 1 LOOP
        start := date_trunc('month', first)::date + make_interval(months => n);
        FOREACH parent IN ARRAY ARRAY['ledger_entry', 'ledger_line'] LOOP
            child := parent || '_' || to_char(start, 'YYYYMM');
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (autovacuum_analyze_threshold = 2000)', child, parent);
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    parent, child, start, (start + interval '1 month')::date);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Whether the months from one on are there. Asked before a day is opened, so that the roll-over itself makes nothing.
CREATE FUNCTION ledger_has_partitions(first date, months integer) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT bool_and(to_regclass(parent || '_' || to_char(date_trunc('month', first) + make_interval(months => n), 'YYYYMM')) IS NOT NULL)
    FROM generate_series(0, months - 1) AS n, unnest(ARRAY['ledger_entry', 'ledger_line']) AS parent
$$;
"""

LINES = """
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
        WHERE a.id IS NULL OR a.book_id <> g.book_id OR a.currency <> g.currency
            OR a.closed_at IS NOT NULL LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'account % is not an open one of this book and currency', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

DAY = """
-- Only the close of a day posts to it while it is closing, not whatever else runs on that day.
CREATE OR REPLACE FUNCTION ledger_guard_day() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong record;
BEGIN
    FOR wrong IN SELECT DISTINCT book_id, posted_on, run_id FROM written LOOP
        PERFORM 1 FROM runtime_business_day d WHERE d.book_id = wrong.book_id AND d.on_date = wrong.posted_on
            AND (d.state = 'open' OR (d.state = 'closing' AND EXISTS (
                SELECT 1 FROM runtime_run r WHERE r.id = wrong.run_id AND r.book_id = wrong.book_id AND r.on_date = wrong.posted_on
                    AND r.kind = 'close_of_day' AND r.state = 'running')))
            FOR SHARE OF d;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'day % of this book takes no entries', wrong.posted_on USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""

READER = """
-- A merchant reads the lines of what it is owed. Its number stands on other lines too, for the lender's own reports.
CREATE FUNCTION ledger_owed_to_merchant(account uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM ledger_account WHERE id = account AND code IN ('merchant_pending', 'merchant_available'))
$$;
REVOKE ALL ON FUNCTION ledger_owed_to_merchant(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_owed_to_merchant(uuid) TO yuefu_reader;
DROP POLICY reader_scope ON ledger_line;
CREATE POLICY reader_scope ON ledger_line FOR SELECT TO yuefu_reader
    USING (merchant_id = nullif(current_setting('yuefu.merchant', true), '')::uuid AND ledger_owed_to_merchant(account_id));
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_lines_checked_as_a_set")]

    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (PARTITIONS, LINES, DAY, READER)]
