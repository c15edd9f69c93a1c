"""What a transfer keeps pending ends with it, and with nothing else."""

from django.db import migrations

KEPT = """
-- Looked at when the transaction ends, because a transfer and its holds end by statements of their own. Holds of orders are never asked.
CREATE FUNCTION ledger_guard_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_hold AS h JOIN ledger_transfer AS t ON t.debit_hold_id = h.id OR t.credit_hold_id = h.id
        WHERE h.id = NEW.id AND t.ended = '' AND (h.state, h.posted_minor, h.released_minor) <> ('pending', 0, 0)) THEN
        RAISE EXCEPTION 'hold % is kept by a transfer that is pending', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_hold_kept AFTER UPDATE ON ledger_hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.order_id IS NULL) EXECUTE FUNCTION ledger_guard_kept();

-- A transfer keeps no hold of an order, and nothing is posted to a closed account, not even nothing. Runs before `ledger_transfer_followed`,
-- by its name, which closes what transfers of the same statement close.
CREATE FUNCTION ledger_guard_transfers() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.id INTO wrong FROM written AS w WHERE EXISTS (SELECT 1 FROM ledger_hold AS h
        WHERE h.id IN (w.debit_hold_id, w.credit_hold_id) AND h.order_id IS NOT NULL) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'transfer % would keep the hold of an order', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT w.id INTO wrong FROM written AS w WHERE w.kind = 'post' AND EXISTS (SELECT 1 FROM ledger_account AS a
        WHERE a.id IN (w.debit_account_id, w.credit_account_id) AND a.closed_at IS NOT NULL) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'transfer % posts to a closed account', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfer_checked AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_transfers();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_balance_by_index")]

    operations = [migrations.RunSQL(KEPT, migrations.RunSQL.noop)]
