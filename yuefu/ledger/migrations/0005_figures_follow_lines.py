"""The figures of a limit follow its lines and holds, checkpoints are rolled up by the owner, a line names its funder: see ADR 0015."""

from django.db import migrations, models

LIMITS = """
-- The writer opens a limit and sets it; what counts against it is added up below. A hold is born with nothing taken or released.
REVOKE INSERT, UPDATE ON ledger_limit FROM yuefu_writer;
GRANT INSERT (account_id, book_id, limit_minor, merchant_id, consumer_id), UPDATE (limit_minor) ON ledger_limit TO yuefu_writer;
REVOKE INSERT, UPDATE ON ledger_hold FROM yuefu_writer;
GRANT INSERT (id, book_id, account_id, amount_minor, order_id, placed_at, expires_at), UPDATE (state, released_minor)
    ON ledger_hold TO yuefu_writer;

-- A limit is of a limited account: one on a control account would be locked by everybody who posts.
CREATE FUNCTION ledger_guard_limited() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.account_id INTO wrong FROM written AS w JOIN ledger_account AS a ON a.id = w.account_id WHERE a.kind <> 'limited' LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'account % is not a limited one', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_limit_of_limited AFTER INSERT ON ledger_limit
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_limited();

CREATE OR REPLACE TRIGGER ledger_hold_forward BEFORE UPDATE ON ledger_hold FOR EACH ROW
    WHEN (OLD.state <> 'pending' OR NEW.posted_minor < OLD.posted_minor OR NEW.released_minor < OLD.released_minor
        OR NEW.amount_minor <> OLD.amount_minor OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id
        OR NEW.id <> OLD.id OR NEW.order_id IS DISTINCT FROM OLD.order_id OR NEW.placed_at <> OLD.placed_at OR NEW.expires_at <> OLD.expires_at)
    EXECUTE FUNCTION ledger_guard_hold();
"""

HOLDS = """
-- In all three of these the amounts of a statement are summed up first, by ascending id, and then found by `width_bucket`, a binary search:
-- an UPDATE of one table by the ids of an array goes into its key, in that order, whatever the statistics say. Joined to the sums, it was
-- planned as a scan of the whole table for each account.
CREATE FUNCTION ledger_follow_placed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; placed bigint[]; moved bigint;
BEGIN
    SELECT array_agg(account_id), array_agg(minor) INTO ids, placed
        FROM (SELECT account_id, sum(amount_minor)::bigint AS minor FROM written GROUP BY account_id ORDER BY account_id) AS g;
    UPDATE ledger_limit AS t SET held_minor = t.held_minor + placed[width_bucket(t.account_id, ids)] WHERE t.account_id = ANY (ids);
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(ids) THEN
        RAISE EXCEPTION 'a hold is on an account that has no limit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_hold_placed AFTER INSERT ON ledger_hold
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow_placed();

-- What is released. What is posted moves together with the line that takes it, below: between the two the exposure would be lower than it
-- is, and where the limit was cut meanwhile it could not rise again. The two tables are summed, not joined: a hold never changes its account.
CREATE FUNCTION ledger_follow_released() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; released bigint[];
BEGIN
    SELECT array_agg(account_id), array_agg(minor) INTO ids, released
        FROM (SELECT account_id, sum(minor)::bigint AS minor
            FROM (SELECT account_id, released_minor AS minor FROM written UNION ALL SELECT account_id, -released_minor FROM before) AS both_sides
            GROUP BY account_id HAVING sum(minor) <> 0 ORDER BY account_id) AS g;
    UPDATE ledger_limit AS t SET held_minor = t.held_minor - released[width_bucket(t.account_id, ids)] WHERE t.account_id = ANY (ids);
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_hold_released AFTER UPDATE ON ledger_hold
    REFERENCING OLD TABLE AS before NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow_released();
"""

LINES = """
ALTER TABLE ledger_line ADD COLUMN hold_id uuid;
GRANT INSERT (hold_id) ON ledger_line TO yuefu_writer;

-- A line that names a hold takes its whole amount from it. Hold and limit move by the statement that writes the lines, and by nothing else.
-- Runs after `ledger_line_balanced`, by its name: here every account is an open one of the book.
CREATE FUNCTION ledger_follow_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid; ids uuid[]; posted bigint[]; taken bigint[]; moved bigint;
BEGIN
    SELECT w.hold_id INTO wrong FROM written AS w LEFT JOIN ledger_hold AS h ON h.id = w.hold_id
        WHERE w.hold_id IS NOT NULL AND (h.id IS NULL OR h.account_id <> w.account_id OR w.amount_minor < 0) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a line does not take from hold %, which is on another account', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(hold_id), array_agg(minor) INTO ids, taken
        FROM (SELECT hold_id, sum(amount_minor)::bigint AS minor FROM written WHERE hold_id IS NOT NULL GROUP BY hold_id ORDER BY hold_id) AS g;
    IF ids IS NOT NULL THEN  -- most postings take from no hold, and would fire the trigger of holds for nothing
        UPDATE ledger_hold AS h SET posted_minor = h.posted_minor + taken[width_bucket(h.id, ids)],
            state = CASE WHEN h.posted_minor + taken[width_bucket(h.id, ids)] = h.amount_minor THEN 'posted' ELSE h.state END
            WHERE h.id = ANY (ids);
    END IF;
    SELECT array_agg(account_id), array_agg(minor), array_agg(from_holds) INTO ids, posted, taken
        FROM (SELECT account_id, sum(amount_minor)::bigint AS minor,
                coalesce(sum(amount_minor) FILTER (WHERE hold_id IS NOT NULL), 0)::bigint AS from_holds
            FROM written GROUP BY account_id ORDER BY account_id) AS g;
    UPDATE ledger_limit AS t SET posted_minor = t.posted_minor + posted[width_bucket(t.account_id, ids)],
        held_minor = t.held_minor - taken[width_bucket(t.account_id, ids)]
        WHERE t.account_id = ANY (ids);
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> (SELECT count(*) FROM ledger_account WHERE id = ANY (ids) AND kind = 'limited') THEN
        RAISE EXCEPTION 'a line is on a limited account that has no limit' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_line_followed AFTER INSERT ON ledger_line
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow_lines();

-- Whose money it is. Not validated: lines written before this was asked stay as they were sealed, and name nobody for own funds.
ALTER TABLE ledger_line ADD CONSTRAINT ledger_line_has_a_funder CHECK (funder_id IS NOT NULL) NOT VALID;
"""

ROLL_UP = """
REVOKE INSERT, UPDATE ON ledger_checkpoint, ledger_horizon FROM yuefu_writer;

-- Moves the horizon of a book up to the oldest transaction still running and adds what lies below it to the checkpoints. Returns the lines.
-- Planned anew each time: how much lies between two horizons is nothing a kept plan would know.
CREATE FUNCTION ledger_roll_up(book uuid, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE from_epoch integer; from_xid xid8; to_epoch integer; to_xid xid8; added bigint;
BEGIN
    INSERT INTO ledger_horizon (book_id, epoch, xid, moved_at) VALUES (book, 1, '0', at) ON CONFLICT DO NOTHING;
    SELECT h.epoch, h.xid::xid8 INTO from_epoch, from_xid FROM ledger_horizon AS h WHERE h.book_id = book FOR UPDATE;
    -- Asked only once the lock is held, by a statement of its own: a snapshot taken while another roll-up was waited for would move the
    -- horizon back.
    SELECT pg_snapshot_xmin(pg_current_snapshot()), runtime_epoch() INTO to_xid, to_epoch;
    WITH moved AS (
        SELECT l.account_id, l.posted_on, sum(greatest(l.amount_minor, 0)) AS debit, sum(greatest(-l.amount_minor, 0)) AS credit, count(*) AS n
        FROM ledger_account AS a JOIN ledger_line AS l ON l.account_id = a.id
        WHERE a.book_id = book AND a.kind <> 'limited' AND (l.epoch, l.xid) >= (from_epoch, from_xid) AND (l.epoch, l.xid) < (to_epoch, to_xid)
        GROUP BY l.account_id, l.posted_on
    ), written AS (
        INSERT INTO ledger_checkpoint AS c (account_id, posted_on, book_id, debit_minor, credit_minor, line_count)
        SELECT account_id, posted_on, book, debit, credit, n FROM moved
        ON CONFLICT (account_id, posted_on) DO UPDATE SET debit_minor = c.debit_minor + excluded.debit_minor,
            credit_minor = c.credit_minor + excluded.credit_minor, line_count = c.line_count + excluded.line_count
    )
    SELECT coalesce(sum(n), 0) INTO added FROM moved;
    UPDATE ledger_horizon AS h SET epoch = to_epoch, xid = to_xid::text, moved_at = at WHERE h.book_id = book;
    RETURN added;
END $$;
REVOKE ALL ON FUNCTION ledger_roll_up(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_roll_up(uuid, timestamptz) TO yuefu_writer;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_promises")]

    operations = [
        migrations.AlterField("limit", "posted_minor", models.BigIntegerField(db_default=0)),
        migrations.AlterField("limit", "held_minor", models.BigIntegerField(db_default=0)),
        migrations.AlterField("hold", "posted_minor", models.BigIntegerField(db_default=0)),
        migrations.AlterField("hold", "released_minor", models.BigIntegerField(db_default=0)),
        migrations.AlterField("hold", "state", models.TextField(db_default="pending")),
        migrations.AddConstraint(
            "hold",
            models.CheckConstraint(
                condition=models.Q(("released_minor", 0), ("state__in", ["voided", "expired"]), _connector="OR"),
                name="ledger_hold_released_has_ended",
            ),
        ),
        migrations.RunSQL(LIMITS, migrations.RunSQL.noop),
        migrations.RunSQL(HOLDS, migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(LINES, migrations.RunSQL.noop)],
            state_operations=[
                migrations.AddField("line", "hold_id", models.UUIDField(null=True)),
                migrations.AlterField("line", "funder_id", models.UUIDField()),
            ],
        ),
        migrations.RunSQL(ROLL_UP, migrations.RunSQL.noop),
    ]
