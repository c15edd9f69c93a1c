"""Transfers in one or two steps, and limits of either side: see ADR 0018."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

LIMITS = """
GRANT INSERT (side) ON ledger_limit TO yuefu_writer;
GRANT INSERT (side) ON ledger_hold TO yuefu_writer;

CREATE OR REPLACE TRIGGER ledger_limit_kept BEFORE UPDATE ON ledger_limit FOR EACH ROW
    WHEN ((NEW.account_id, NEW.book_id, NEW.merchant_id, NEW.consumer_id, NEW.side)
            IS DISTINCT FROM (OLD.account_id, OLD.book_id, OLD.merchant_id, OLD.consumer_id, OLD.side)
        OR (NEW.side * NEW.posted_minor + NEW.held_minor > NEW.limit_minor
            AND NEW.side * NEW.posted_minor + NEW.held_minor > OLD.side * OLD.posted_minor + OLD.held_minor))
    EXECUTE FUNCTION ledger_guard_limit();

CREATE OR REPLACE TRIGGER ledger_hold_forward BEFORE UPDATE ON ledger_hold FOR EACH ROW
    WHEN (OLD.state <> 'pending' OR NEW.posted_minor < OLD.posted_minor OR NEW.released_minor < OLD.released_minor
        OR NEW.amount_minor <> OLD.amount_minor OR NEW.account_id <> OLD.account_id OR NEW.book_id <> OLD.book_id OR NEW.side <> OLD.side
        OR NEW.id <> OLD.id OR NEW.order_id IS DISTINCT FROM OLD.order_id OR NEW.placed_at <> OLD.placed_at
        OR NEW.expires_at IS DISTINCT FROM OLD.expires_at)
    EXECUTE FUNCTION ledger_guard_hold();

-- A hold is on the side that its limit counts: one on the other side finds no such limit.
CREATE OR REPLACE FUNCTION ledger_follow_placed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; placed bigint[]; sides smallint[]; moved bigint;
BEGIN
    SELECT array_agg(account_id), array_agg(minor), array_agg(side) INTO ids, placed, sides
        FROM (SELECT account_id, side, sum(amount_minor)::bigint AS minor FROM written GROUP BY account_id, side ORDER BY account_id) AS g;
    UPDATE ledger_limit AS t SET held_minor = t.held_minor + placed[width_bucket(t.account_id, ids)]
        WHERE t.account_id = ANY (ids) AND t.side = sides[width_bucket(t.account_id, ids)];
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(ids) THEN
        RAISE EXCEPTION 'a hold is on an account that has no limit of its side' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

LINES = """
-- Of the lines of a statement, those that take from holds do so on the side of the hold. A hold of which a part was released ends when all
-- the rest is taken.
CREATE OR REPLACE FUNCTION ledger_follow_lines() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid; ids uuid[]; posted bigint[]; taken bigint[]; moved bigint;
BEGIN
    SELECT w.hold_id INTO wrong FROM written AS w LEFT JOIN ledger_hold AS h ON h.id = w.hold_id
        WHERE w.hold_id IS NOT NULL AND (h.id IS NULL OR h.account_id <> w.account_id OR w.amount_minor * h.side < 0) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a line does not take from hold %, which is on another account', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(hold_id), array_agg(minor) INTO ids, taken
        FROM (SELECT hold_id, sum(abs(amount_minor))::bigint AS minor FROM written WHERE hold_id IS NOT NULL GROUP BY hold_id ORDER BY hold_id) AS g;
    IF ids IS NOT NULL THEN  -- most postings take from no hold, and would fire the trigger of holds for nothing
        UPDATE ledger_hold AS h SET posted_minor = h.posted_minor + taken[width_bucket(h.id, ids)],
            state = CASE WHEN h.posted_minor + h.released_minor + taken[width_bucket(h.id, ids)] = h.amount_minor THEN 'posted' ELSE h.state END
            WHERE h.id = ANY (ids);
    END IF;
    SELECT array_agg(account_id), array_agg(minor), array_agg(from_holds) INTO ids, posted, taken
        FROM (SELECT account_id, sum(amount_minor)::bigint AS minor,
                coalesce(sum(abs(amount_minor)) FILTER (WHERE hold_id IS NOT NULL), 0)::bigint AS from_holds
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

-- Control accounts have no row that is locked by whoever posts, so a lock by name stands between posting (shared) and closing (alone):
-- taken before the accounts are looked at, which are therefore still open when the transaction ends.
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

ACCOUNTS = """
-- What an account is stays. It is closed for good, or by a pending transfer that says so: then the end of that transfer opens it again.
CREATE OR REPLACE FUNCTION ledger_guard_account() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (OLD.id, OLD.book_id, OLD.code, OLD.kind, OLD.cls, OLD.currency, OLD.owner_id, OLD.funder_id, OLD.product, OLD.merchant_id,
            OLD.consumer_id, OLD.opened_at) IS NOT DISTINCT FROM (NEW.id, NEW.book_id, NEW.code, NEW.kind, NEW.cls, NEW.currency, NEW.owner_id,
            NEW.funder_id, NEW.product, NEW.merchant_id, NEW.consumer_id, NEW.opened_at) THEN
        IF OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL AND EXISTS (SELECT 1 FROM ledger_transfer AS t
                WHERE t.id = NEW.closed_by_id AND t.kind = 'pending' AND t.ended = ''
                AND ((t.closing_debit AND t.debit_account_id = NEW.id) OR (t.closing_credit AND t.credit_account_id = NEW.id))) THEN
            RETURN NEW;
        END IF;
        IF NEW.closed_at IS NULL AND NEW.closed_by_id IS NULL
                AND EXISTS (SELECT 1 FROM ledger_transfer AS t WHERE t.id = OLD.closed_by_id AND t.ended IN ('voided', 'expired')) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'account % stays what it was opened as', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE OR REPLACE TRIGGER ledger_account_fixed BEFORE UPDATE ON ledger_account FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL OR NEW.closed_by_id IS NOT NULL
        OR (OLD.id, OLD.book_id, OLD.code, OLD.kind, OLD.cls, OLD.currency, OLD.owner_id, OLD.funder_id, OLD.product,
        OLD.merchant_id, OLD.consumer_id, OLD.opened_at) IS DISTINCT FROM (NEW.id, NEW.book_id, NEW.code, NEW.kind, NEW.cls, NEW.currency,
        NEW.owner_id, NEW.funder_id, NEW.product, NEW.merchant_id, NEW.consumer_id, NEW.opened_at))
    EXECUTE FUNCTION ledger_guard_account();
CREATE FUNCTION ledger_guard_opened() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'account % is opened, not closed by a transfer', NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_account_opened BEFORE INSERT ON ledger_account FOR EACH ROW
    WHEN (NEW.closed_by_id IS NOT NULL) EXECUTE FUNCTION ledger_guard_opened();
"""

TRANSFERS = """
REVOKE INSERT, UPDATE ON ledger_transfer FROM yuefu_writer;
GRANT INSERT (id, book_id, key, kind, debit_account_id, credit_account_id, currency, amount_minor, linked, balancing_debit, balancing_credit,
    closing_debit, closing_credit, pending_id, debit_hold_id, credit_hold_id, posted_on, recorded_at, expires_at, refused),
    UPDATE (ended) ON ledger_transfer TO yuefu_writer;

-- A pending transfer ends once, and says for ever what it was.
CREATE FUNCTION ledger_guard_transfer() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'transfer % is %, or was rewritten', OLD.id, CASE OLD.ended WHEN '' THEN OLD.kind ELSE OLD.ended END
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER ledger_transfer_forward BEFORE UPDATE ON ledger_transfer FOR EACH ROW
    WHEN (OLD.kind <> 'pending' OR OLD.ended <> '' OR NEW.ended = ''
        OR (OLD.id, OLD.book_id, OLD.key, OLD.kind, OLD.debit_account_id, OLD.credit_account_id, OLD.currency, OLD.amount_minor, OLD.linked,
            OLD.balancing_debit, OLD.balancing_credit, OLD.closing_debit, OLD.closing_credit, OLD.debit_hold_id, OLD.credit_hold_id,
            OLD.recorded_at, OLD.expires_at) IS DISTINCT FROM (NEW.id, NEW.book_id, NEW.key, NEW.kind, NEW.debit_account_id,
            NEW.credit_account_id, NEW.currency, NEW.amount_minor, NEW.linked, NEW.balancing_debit, NEW.balancing_credit, NEW.closing_debit,
            NEW.closing_credit, NEW.debit_hold_id, NEW.credit_hold_id, NEW.recorded_at, NEW.expires_at))
    EXECUTE FUNCTION ledger_guard_transfer();

-- What a transfer says is what happened: it is of accounts of its currency; what it resolves was pending between the same accounts and now
-- has ended; what it moved is the entry of its id, made by the same transaction; what it holds is held of each limit that counts it; the
-- account that it closes is closed. Looked up row by row in subqueries by their keys alone, which no plan turns into a scan of a table for
-- each row; what is updated is found as in `ledger_follow_placed`.
CREATE FUNCTION ledger_follow_transfers() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE wrong uuid; ids uuid[]; ends text[]; moved bigint;
BEGIN
    SELECT w.id INTO wrong FROM written AS w WHERE w.kind <> 'failed' AND (
        (SELECT a.currency FROM ledger_account AS a WHERE a.id = w.debit_account_id) IS DISTINCT FROM w.currency
        OR (SELECT a.currency FROM ledger_account AS a WHERE a.id = w.credit_account_id) IS DISTINCT FROM w.currency) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'transfer % is not of the currency of its accounts', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT w.id INTO wrong FROM written AS w WHERE w.posted_on IS NOT NULL AND (
        (SELECT count(*) FROM ledger_entry AS e WHERE e.posted_on = w.posted_on AND e.id = w.id AND e.book_id = w.book_id AND e.kind = 'transfer'
            AND e.line_count = 2 AND e.xid = pg_current_xact_id()) <> 1
        OR (SELECT count(*) FROM ledger_line AS n WHERE n.posted_on = w.posted_on AND n.entry_id = w.id AND CASE n.line_no
            WHEN 1 THEN n.account_id = w.debit_account_id AND n.amount_minor = w.amount_minor
            ELSE n.account_id = w.credit_account_id AND n.amount_minor = -w.amount_minor END) <> 2) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'what transfer % moved was not posted', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT w.id INTO wrong FROM written AS w WHERE w.pending_id IS NOT NULL AND
        (SELECT p.kind = 'pending' AND p.ended = '' AND p.book_id = w.book_id
            AND (p.debit_account_id, p.credit_account_id, p.currency) = (w.debit_account_id, w.credit_account_id, w.currency)
            AND CASE w.kind WHEN 'post' THEN w.amount_minor <= p.amount_minor ELSE w.amount_minor = p.amount_minor END
            FROM ledger_transfer AS p WHERE p.id = w.pending_id) IS NOT TRUE LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'transfer % resolves nothing that is pending between its accounts', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(pending_id), array_agg(ended) INTO ids, ends FROM (SELECT pending_id, CASE kind WHEN 'post' THEN 'posted' ELSE 'voided' END AS ended
        FROM written WHERE pending_id IS NOT NULL ORDER BY pending_id) AS g;
    IF ids IS NOT NULL THEN
        UPDATE ledger_transfer AS p SET ended = ends[width_bucket(p.id, ids)] WHERE p.id = ANY (ids) AND p.ended = '';
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF moved <> cardinality(ids) THEN
            RAISE EXCEPTION 'what a transfer resolves has ended meanwhile' USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    SELECT w.id INTO wrong FROM written AS w WHERE w.kind = 'pending' AND (SELECT t.ended FROM ledger_transfer AS t WHERE t.id = w.id) = '' AND NOT (
        CASE WHEN w.amount_minor > 0 AND (SELECT count(*) FROM ledger_limit AS l WHERE l.account_id = w.debit_account_id AND l.side = 1) = 1
            THEN (SELECT count(*) FROM ledger_hold AS h WHERE h.id = w.debit_hold_id AND h.account_id = w.debit_account_id AND h.side = 1
                AND h.amount_minor = w.amount_minor AND h.state = 'pending' AND h.posted_minor + h.released_minor = 0) = 1
            ELSE w.debit_hold_id IS NULL END
        AND CASE WHEN w.amount_minor > 0 AND (SELECT count(*) FROM ledger_limit AS l WHERE l.account_id = w.credit_account_id AND l.side = -1) = 1
            THEN (SELECT count(*) FROM ledger_hold AS h WHERE h.id = w.credit_hold_id AND h.account_id = w.credit_account_id AND h.side = -1
                AND h.amount_minor = w.amount_minor AND h.state = 'pending' AND h.posted_minor + h.released_minor = 0) = 1
            ELSE w.credit_hold_id IS NULL END) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'what transfer % keeps pending is not held of the limits that count it', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(id) INTO ids FROM written WHERE closing_debit OR closing_credit;
    IF ids IS NOT NULL THEN
        PERFORM ledger_close_by_transfers(ids);
    END IF;
    RETURN NULL;
END $$;

-- Closes what pending transfers close, once nobody posts to a control account of the book any more.
CREATE FUNCTION ledger_close_by_transfers(transfers uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; closers uuid[]; moments timestamptz[]; moved bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(g.book_id::text, 7041787))
        FROM (SELECT DISTINCT book_id FROM ledger_transfer WHERE id = ANY (transfers)) AS g;
    SELECT array_agg(account_id), array_agg(id), array_agg(recorded_at) INTO ids, closers, moments FROM (
        SELECT debit_account_id AS account_id, id, recorded_at FROM ledger_transfer WHERE id = ANY (transfers) AND ended = '' AND closing_debit
        UNION ALL
        SELECT credit_account_id, id, recorded_at FROM ledger_transfer WHERE id = ANY (transfers) AND ended = '' AND closing_credit
        ORDER BY account_id) AS g;
    UPDATE ledger_account AS a SET closed_at = moments[width_bucket(a.id, ids)], closed_by_id = closers[width_bucket(a.id, ids)]
        WHERE a.id = ANY (ids) AND a.closed_at IS NULL;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> coalesce(cardinality(ids), 0) THEN
        RAISE EXCEPTION 'a transfer closes an account that is closed already' USING ERRCODE = 'check_violation';
    END IF;
END $$;

-- What has ended has a reason, keeps nothing of a limit, and took of its holds what was posted; what it closed is open again, unless it was
-- posted, which a closed account does not take.
CREATE FUNCTION ledger_follow_ended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE wrong uuid; ids uuid[]; closers uuid[];
BEGIN
    SELECT w.id INTO wrong FROM written AS w WHERE (SELECT r.kind FROM ledger_transfer AS r WHERE r.pending_id = w.id)
        IS DISTINCT FROM CASE w.ended WHEN 'posted' THEN 'post' WHEN 'voided' THEN 'void' END OR (w.ended = 'expired' AND w.expires_at IS NULL) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'nothing ends transfer % in this way', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT w.id INTO wrong FROM written AS w WHERE (w.debit_hold_id IS NOT NULL OR w.credit_hold_id IS NOT NULL) AND EXISTS (
        SELECT 1 FROM ledger_hold AS h WHERE h.id = ANY (ARRAY[w.debit_hold_id, w.credit_hold_id]) AND (h.state = 'pending' OR h.posted_minor
            <> coalesce((SELECT r.amount_minor FROM ledger_transfer AS r WHERE r.pending_id = w.id AND r.kind = 'post'), 0)) OFFSET 0) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'what transfer % holds was not taken or released', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(account_id), array_agg(id) INTO ids, closers FROM (
        SELECT debit_account_id AS account_id, id FROM written WHERE closing_debit AND ended IN ('voided', 'expired')
        UNION ALL
        SELECT credit_account_id, id FROM written WHERE closing_credit AND ended IN ('voided', 'expired')) AS g;
    IF ids IS NOT NULL THEN
        UPDATE ledger_account AS a SET closed_at = NULL, closed_by_id = NULL WHERE a.id = ANY (ids) AND a.closed_by_id = ANY (closers);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ledger_follow_transfers(), ledger_follow_ended(), ledger_close_by_transfers(uuid[]) FROM PUBLIC;
CREATE TRIGGER ledger_transfer_followed AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow_transfers();
CREATE TRIGGER ledger_transfer_over AFTER UPDATE ON ledger_transfer
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_follow_ended();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0008_nobody_borrows_a_trigger"),
    ]

    operations = [
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("key", models.TextField()),
                ("kind", models.TextField()),
                ("debit_account_id", models.UUIDField(null=True)),
                ("credit_account_id", models.UUIDField(null=True)),
                ("currency", models.TextField(null=True)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("linked", models.BooleanField(db_default=False)),
                ("balancing_debit", models.BooleanField(db_default=False)),
                ("balancing_credit", models.BooleanField(db_default=False)),
                ("closing_debit", models.BooleanField(db_default=False)),
                ("closing_credit", models.BooleanField(db_default=False)),
                ("pending_id", models.UUIDField(null=True)),
                ("debit_hold_id", models.UUIDField(null=True)),
                ("credit_hold_id", models.UUIDField(null=True)),
                ("posted_on", models.DateField(null=True)),
                ("recorded_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended", models.TextField(db_default="")),
                ("refused", models.TextField(db_default="")),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="hold",
            name="ledger_hold_released_has_ended",
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("state", "posted"), _negated=True), ("posted_minor__gt", 0), _connector="OR"),
                name="ledger_hold_posted_was_taken",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="closed_by_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False), models.Q(("kind", "limited"), _negated=True)),
                fields=["book_id", "code"],
                name="ledger_account_closed",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="side",
            field=models.SmallIntegerField(db_default=1),
        ),
        migrations.AddField(
            model_name="limit",
            name="side",
            field=models.SmallIntegerField(db_default=1),
        ),
        migrations.AlterField(
            model_name="hold",
            name="expires_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(condition=models.Q(("side__in", [1, -1])), name="ledger_limit_side"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("ended", ""), ("kind", "pending")), fields=["book_id", "expires_at"], name="ledger_transfer_expiring"
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("ended", ""), ("kind", "pending")), fields=["debit_account_id"], name="ledger_transfer_debits"
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("ended", ""), ("kind", "pending")), fields=["credit_account_id"], name="ledger_transfer_credits"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(fields=("book_id", "key"), name="ledger_transfer_key"),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(fields=("pending_id",), name="ledger_transfer_resolves_once"),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(fields=("debit_hold_id",), name="ledger_transfer_debit_hold_once"),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.UniqueConstraint(fields=("credit_hold_id",), name="ledger_transfer_credit_hold_once"),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["transfer", "pending", "post", "void", "failed"])), name="ledger_transfer_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount_minor", None),
                        ("credit_account_id", None),
                        ("currency", None),
                        ("debit_account_id", None),
                        ("kind", "failed"),
                        models.Q(("refused", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("kind", "failed"), _negated=True),
                        ("amount_minor__isnull", False),
                        ("credit_account_id__isnull", False),
                        ("currency__isnull", False),
                        ("debit_account_id__isnull", False),
                        ("refused", ""),
                    ),
                    _connector="OR",
                ),
                name="ledger_transfer_whole_or_failed",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gte", 0), ("amount_minor__lte", 1000000000000000)), name="ledger_transfer_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("debit_account_id", models.F("credit_account_id")), _negated=True), name="ledger_transfer_two_accounts"
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["post", "void"]), ("pending_id__isnull", False)),
                    models.Q(models.Q(("kind__in", ["post", "void"]), _negated=True), ("pending_id", None)),
                    _connector="OR",
                ),
                name="ledger_transfer_resolves_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended__in", ["", "posted", "voided", "expired"]), ("kind", "pending")),
                    models.Q(
                        ("closing_credit", False),
                        ("closing_debit", False),
                        ("credit_hold_id", None),
                        ("debit_hold_id", None),
                        ("ended", ""),
                        ("expires_at", None),
                    ),
                    _connector="OR",
                ),
                name="ledger_transfer_only_pending_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["transfer", "pending"]),
                    models.Q(("balancing_credit", False), ("balancing_debit", False)),
                    _connector="OR",
                ),
                name="ledger_transfer_balancing",
            ),
        ),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor__gt", 0), ("kind__in", ["transfer", "post"]), ("posted_on__isnull", False)),
                    models.Q(
                        ("posted_on", None),
                        models.Q(models.Q(("kind__in", ["transfer", "post"]), _negated=True), ("amount_minor", 0), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="ledger_transfer_moves_by_an_entry",
            ),
        ),
        migrations.RunSQL(LIMITS, migrations.RunSQL.noop),
        migrations.RunSQL(LINES, migrations.RunSQL.noop),
        secure("ledger_transfer", writes="update"),
        composite_key("ledger_transfer", ["book_id", "id"]),
        composite_fk("ledger_transfer", ["book_id"], "runtime_book", ["id"]),
        composite_fk("ledger_transfer", ["book_id", "debit_account_id"], "ledger_account", ["book_id", "id"]),
        composite_fk("ledger_transfer", ["book_id", "credit_account_id"], "ledger_account", ["book_id", "id"]),
        composite_fk("ledger_transfer", ["book_id", "pending_id"], "ledger_transfer", ["book_id", "id"]),
        composite_fk("ledger_account", ["book_id", "closed_by_id"], "ledger_transfer", ["book_id", "id"]),
        migrations.RunSQL(ACCOUNTS, migrations.RunSQL.noop),
        migrations.RunSQL(TRANSFERS, migrations.RunSQL.noop),
    ]
