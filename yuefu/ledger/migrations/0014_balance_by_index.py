"""The balance of one account goes into its indexes, whatever the statistics say of ten million lines."""

from django.db import migrations

BALANCE = """
-- What is rolled up of a control or money account and the lines since, debit positive; until a posting day where one is given. Of one moment,
-- because a stable function sees what the statement that calls it sees. How many lines lie above the horizon is nothing that statistics
-- tell: a third of all was assumed, and the whole table read for them.
CREATE FUNCTION ledger_balance(book uuid, account uuid, until date) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE from_epoch integer; from_xid xid8; rolled bigint; tail bigint;
BEGIN
    SELECT h.epoch, h.xid::xid8 INTO from_epoch, from_xid FROM ledger_horizon AS h WHERE h.book_id = book;
    SELECT coalesce(sum(c.debit_minor - c.credit_minor), 0)::bigint INTO rolled FROM ledger_checkpoint AS c
        WHERE c.account_id = account AND (until IS NULL OR c.posted_on <= until);
    IF until IS NULL THEN  -- asked apart, because the index alone has the answer
        SELECT coalesce(sum(l.amount_minor), 0)::bigint INTO tail FROM ledger_line AS l
            WHERE l.account_id = account AND (l.epoch, l.xid) >= (coalesce(from_epoch, 0), coalesce(from_xid, '0'::xid8));
    ELSE
        SELECT coalesce(sum(l.amount_minor), 0)::bigint INTO tail FROM ledger_line AS l
            WHERE l.account_id = account AND (l.epoch, l.xid) >= (coalesce(from_epoch, 0), coalesce(from_xid, '0'::xid8))
                AND l.posted_on <= until;
    END IF;
    RETURN rolled + tail;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_manual_journal")]

    operations = [migrations.RunSQL(BALANCE, migrations.RunSQL.noop)]
