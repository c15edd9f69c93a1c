"""A loan is owed by whoever placed its order; its instalments are checked as a set; its consumer may read what happened to it."""

from django.db import migrations

from yuefu.runtime.tables import composite_fk, composite_key

PROMISES = """
ALTER TABLE loans_loan DROP CONSTRAINT loans_loan_order_id_merchant_id_fk;
ALTER TABLE loans_loan ADD CONSTRAINT loans_loan_discount_earned CHECK (discount_earned_minor <= discount_minor);

-- Its progress is written, but its events are only ever added to and a discount only shrinks. Closed means that nothing is unpaid.
CREATE TRIGGER loans_loan_forward BEFORE UPDATE ON loans_loan FOR EACH ROW
    WHEN ((NEW.id, NEW.book_id, NEW.booked_at) IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.booked_at)
        OR NEW.seq < OLD.seq OR NEW.last_event_on < OLD.last_event_on OR NEW.discount_minor > OLD.discount_minor)
    EXECUTE FUNCTION loans_guard_terms();
CREATE FUNCTION loans_guard_closed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM loans_instalment i WHERE i.loan_id = NEW.id
        AND (i.principal_paid_minor < i.principal_minor OR i.interest_paid_minor < i.interest_minor)) THEN
        RAISE EXCEPTION 'loan % has unpaid instalments and cannot be closed', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER loans_loan_closed_when_paid BEFORE UPDATE ON loans_loan FOR EACH ROW
    WHEN (NEW.state = 'closed' AND OLD.state <> 'closed') EXECUTE FUNCTION loans_guard_closed();

-- The most numerous rows of a purchase: checked once a statement instead of once a row (ADR 0013). Loans are never deleted or renamed.
ALTER TABLE loans_instalment DROP CONSTRAINT loans_instalment_book_id_loan_id_fk;
CREATE FUNCTION loans_guard_instalments() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.loan_id INTO wrong FROM (SELECT DISTINCT loan_id, book_id, consumer_id FROM written) AS w
        LEFT JOIN loans_loan AS l ON l.id = w.loan_id
        WHERE l.id IS NULL OR l.book_id <> w.book_id OR l.consumer_id <> w.consumer_id LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'loan % is not of this book and consumer', wrong USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER loans_instalment_of_its_loan AFTER INSERT ON loans_instalment
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION loans_guard_instalments();
CREATE FUNCTION loans_guard_calendar() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'instalment % of loan % stays where it was agreed', OLD.no, OLD.loan_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER loans_instalment_kept BEFORE UPDATE ON loans_instalment FOR EACH ROW
    WHEN ((NEW.loan_id, NEW.no, NEW.book_id, NEW.consumer_id, NEW.start_on, NEW.due_on)
        IS DISTINCT FROM (OLD.loan_id, OLD.no, OLD.book_id, OLD.consumer_id, OLD.start_on, OLD.due_on))
    EXECUTE FUNCTION loans_guard_calendar();

-- The consumer is asked of the loan, one look-up by primary key for a row read; a column would cost every event that is written.
GRANT SELECT ON loans_event TO yuefu_reader;
CREATE POLICY reader_consumer ON loans_event FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM loans_loan l
    WHERE l.id = loan_id AND l.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
"""


class Migration(migrations.Migration):
    dependencies = [("loans", "0001_initial"), ("orders", "0004_promises")]

    operations = [
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
        composite_fk(
            "loans_loan",
            ["order_id", "merchant_id", "consumer_id", "credit_account_id", "book_id"],
            "orders_order",
            ["id", "merchant_id", "consumer_id", "credit_account_id", "book_id"],
        ),
        composite_key("loans_loan", ["id", "capture_id", "order_id", "merchant_id", "book_id"]),
    ]
