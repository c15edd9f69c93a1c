"""What was ordered stays as it was ordered, what ended stays as it ended, and a collection counts its refunds itself.

The promises are kept from here on; rows that are there are not looked at again.
"""

from django.db import migrations

GRANTS = """
-- Of a row only what a gateway says of it is written again. Whose money, how much, which account and for what is said once, as it is ordered.
REVOKE UPDATE ON payments_collection, payments_channel_refund, payments_payout, payments_transfer FROM yuefu_writer;
GRANT UPDATE (state, fee_minor, provider_id, failure_code, settled_on, posted_on) ON payments_collection TO yuefu_writer;
GRANT UPDATE (state, fee_returned_minor, provider_id, failure_code, settled_on, posted_on) ON payments_channel_refund TO yuefu_writer;
GRANT UPDATE (state, provider_id, failure_code, paid_on, returned_on) ON payments_payout TO yuefu_writer;
GRANT UPDATE (state, provider_id, failure_code, moved_on) ON payments_transfer TO yuefu_writer;
"""

STEPS = """
CREATE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% % takes no such step', TG_TABLE_NAME, NEW.id USING ERRCODE = 'check_violation';
END $$;

-- Each WHEN lists what is no step of `payments.rules`, so that the function is called for an attack only. Days and fees of what has not
-- ended are bound to its state by checks of the table (0001).
CREATE TRIGGER payments_collection_forward BEFORE UPDATE ON payments_collection FOR EACH ROW
    WHEN ((OLD.state = 'unknown' AND NEW.state = 'attempted')
        OR (OLD.state IN ('succeeded', 'failed')
            AND (NEW.state, NEW.fee_minor, NEW.provider_id, NEW.failure_code, NEW.settled_on, NEW.posted_on)
            IS DISTINCT FROM (OLD.state, OLD.fee_minor, OLD.provider_id, OLD.failure_code, OLD.settled_on, OLD.posted_on)))
    EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_channel_refund_forward BEFORE UPDATE ON payments_channel_refund FOR EACH ROW
    WHEN ((OLD.state = 'unknown' AND NEW.state = 'attempted')
        OR (OLD.state IN ('succeeded', 'failed')
            AND (NEW.state, NEW.fee_returned_minor, NEW.provider_id, NEW.failure_code, NEW.settled_on, NEW.posted_on)
            IS DISTINCT FROM (OLD.state, OLD.fee_returned_minor, OLD.provider_id, OLD.failure_code, OLD.settled_on, OLD.posted_on)))
    EXECUTE FUNCTION payments_guard();
-- What was paid may still come back, and keeps the day it was paid on.
CREATE TRIGGER payments_payout_forward BEFORE UPDATE ON payments_payout FOR EACH ROW
    WHEN ((OLD.state = 'sent' AND NEW.state = 'scheduled')
        OR (OLD.state = 'paid' AND (NEW.state NOT IN ('paid', 'returned') OR NEW.paid_on IS DISTINCT FROM OLD.paid_on))
        OR ((OLD.state = 'returned' OR (OLD.state = 'paid' AND NEW.state = 'paid'))
            AND (NEW.state, NEW.provider_id, NEW.failure_code, NEW.paid_on, NEW.returned_on)
            IS DISTINCT FROM (OLD.state, OLD.provider_id, OLD.failure_code, OLD.paid_on, OLD.returned_on)))
    EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_transfer_forward BEFORE UPDATE ON payments_transfer FOR EACH ROW
    WHEN (OLD.state <> 'ordered' AND (NEW.state, NEW.provider_id, NEW.failure_code, NEW.moved_on)
        IS DISTINCT FROM (OLD.state, OLD.provider_id, OLD.failure_code, OLD.moved_on))
    EXECUTE FUNCTION payments_guard();

-- What could be born ended would need no step.
CREATE TRIGGER payments_collection_begins BEFORE INSERT ON payments_collection FOR EACH ROW
    WHEN (NEW.state <> 'attempted') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_channel_refund_begins BEFORE INSERT ON payments_channel_refund FOR EACH ROW
    WHEN (NEW.state <> 'attempted') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_payout_begins BEFORE INSERT ON payments_payout FOR EACH ROW
    WHEN (NEW.state <> 'scheduled') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_transfer_begins BEFORE INSERT ON payments_transfer FOR EACH ROW
    WHEN (NEW.state <> 'ordered') EXECUTE FUNCTION payments_guard();
"""

COUNTED = """
-- What refunds have taken of a collection, or may still take, moves by the statement that writes them and by nothing else. The checks of the
-- collection do the rest: only what succeeded is refunded, and never more than its amount. Sums by ascending id: see 0005 of `ledger`.
CREATE FUNCTION payments_follow_begun() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; taken bigint[];
BEGIN
    SELECT array_agg(collection_id), array_agg(minor) INTO ids, taken
        FROM (SELECT collection_id, sum(amount_minor)::bigint AS minor FROM written GROUP BY collection_id ORDER BY collection_id) AS g;
    UPDATE payments_collection AS c SET refunded_minor = c.refunded_minor + taken[width_bucket(c.id, ids)] WHERE c.id = ANY (ids);
    RETURN NULL;
END $$;
CREATE TRIGGER payments_channel_refund_begun AFTER INSERT ON payments_channel_refund
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_follow_begun();

-- Those that failed give back what they took. The two tables are summed, not joined: most statements fail nothing and change no sum.
CREATE FUNCTION payments_follow_failed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE ids uuid[]; given bigint[];
BEGIN
    SELECT array_agg(collection_id), array_agg(minor) INTO ids, given
        FROM (SELECT collection_id, sum(minor)::bigint AS minor
            FROM (SELECT collection_id, amount_minor AS minor FROM written WHERE state = 'failed'
                UNION ALL SELECT collection_id, -amount_minor FROM before WHERE state = 'failed') AS both_sides
            GROUP BY collection_id HAVING sum(minor) <> 0 ORDER BY collection_id) AS g;
    IF ids IS NOT NULL THEN
        UPDATE payments_collection AS c SET refunded_minor = c.refunded_minor - given[width_bucket(c.id, ids)] WHERE c.id = ANY (ids);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_channel_refund_failed AFTER UPDATE ON payments_channel_refund
    REFERENCING OLD TABLE AS before NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_follow_failed();

-- They run as the owner: whoever could attach them to a table of its own would move the counters with it.
REVOKE ALL ON FUNCTION payments_follow_begun(), payments_follow_failed() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_money_accounts")]

    operations = [
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
        migrations.RunSQL(STEPS, migrations.RunSQL.noop),
        migrations.RunSQL(COUNTED, migrations.RunSQL.noop),
    ]
