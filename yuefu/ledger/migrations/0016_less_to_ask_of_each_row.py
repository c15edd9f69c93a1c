"""The day of an entry is asked for once a statement, and its lines are gone through once less: see ADR 0013."""

from django.db import migrations

LESS = """
-- The trigger of the day looks up each day of a statement once and locks it; the key did so row by row again, which was two fifths of what an
-- entry cost. A day is never deleted, and `runtime_business_day_forward` keeps its book and date.
ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_book_id_posted_on_fk;

-- Where all lines of a statement are of one currency, what says whether they balance is the sum of those of an entry, whose number is asked anyhow.
CREATE OR REPLACE FUNCTION ledger_guard_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid; off numeric;
BEGIN
    IF EXISTS (SELECT 1 FROM written WHERE currency <> (SELECT currency FROM written LIMIT 1)) THEN
        SELECT entry_id INTO wrong FROM written GROUP BY posted_on, entry_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'entry % does not balance', wrong USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    SELECT g.entry_id, g.total INTO wrong, off
        FROM (SELECT posted_on, entry_id, book_id, count(*) AS lines, min(line_no) AS first_no, max(line_no) AS last_no,
                sum(amount_minor) AS total
            FROM written GROUP BY posted_on, entry_id, book_id) AS g
        LEFT JOIN ledger_entry AS e ON e.posted_on = g.posted_on AND e.id = g.entry_id
        WHERE g.total <> 0 OR e.id IS NULL OR e.book_id <> g.book_id OR e.xid <> pg_current_xact_id()
            OR (g.lines, g.first_no, g.last_no) IS DISTINCT FROM (e.line_count::bigint, 1::smallint, e.line_count) LIMIT 1;
    IF off <> 0 THEN
        RAISE EXCEPTION 'entry % does not balance', wrong USING ERRCODE = 'check_violation';
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of entry % are not all of it, or not its own', wrong USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(g.book_id::text, 7041787)) FROM (SELECT DISTINCT book_id FROM written) AS g;
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


class Migration(migrations.Migration):
    dependencies = [("ledger", "0015_what_transfers_keep")]

    operations = [migrations.RunSQL(LESS, migrations.RunSQL.noop)]
