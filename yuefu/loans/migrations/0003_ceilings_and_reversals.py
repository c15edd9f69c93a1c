"""The most that the instalments of a loan may ask is part of its terms; a repayment may be taken off its loan, once."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models import F, Q

PROMISES = """
-- One for each instalment, as the schedule is a function of them; and what was agreed is never rewritten.
ALTER TABLE loans_loan ADD CONSTRAINT loans_loan_ceilings CHECK (cardinality(ceilings) = periods AND 0 <= ALL (ceilings));
DROP TRIGGER loans_loan_forward ON loans_loan;
CREATE TRIGGER loans_loan_forward BEFORE UPDATE ON loans_loan FOR EACH ROW
    WHEN ((NEW.id, NEW.book_id, NEW.booked_at, NEW.ceilings) IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.booked_at, OLD.ceilings)
        OR NEW.seq < OLD.seq OR NEW.last_event_on < OLD.last_event_on OR NEW.discount_minor > OLD.discount_minor)
    EXECUTE FUNCTION loans_guard_terms();

-- What is taken off is a repayment of the same loan. Only reversals are looked at: a key would cost every event that is written, and
-- events never change, so what is found stays true.
CREATE FUNCTION loans_guard_reversal() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM loans_event e WHERE e.loan_id = NEW.loan_id AND e.no = NEW.reverses_no AND e.no < NEW.no
        AND e.kind = 'repaid' AND e.amount_minor = NEW.amount_minor) THEN
        RAISE EXCEPTION 'event % is no repayment of loan % that could be reversed', NEW.reverses_no, NEW.loan_id
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER loans_event_reverses_a_repayment AFTER INSERT ON loans_event FOR EACH ROW
    WHEN (NEW.kind = 'reversed') EXECUTE FUNCTION loans_guard_reversal();
"""
_PARTS = F("principal_minor") + F("interest_minor") + F("excess_minor")


class Migration(migrations.Migration):
    dependencies = [("loans", "0002_promises")]

    operations = [
        migrations.AddField(
            model_name="loan",
            name="ceilings",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(model_name="event", name="reverses_no", field=models.IntegerField(null=True)),
        migrations.RemoveConstraint(model_name="event", name="loans_event_kind"),
        migrations.RemoveConstraint(model_name="event", name="loans_event_parts_add_up"),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=["disbursed", "repaid", "refunded", "reversed"]), name="loans_event_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=Q(kind="reversed", reverses_no__isnull=False) | (~Q(kind="reversed") & Q(reverses_no__isnull=True)),
                name="loans_event_names_what_it_reverses",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=Q(kind="disbursed")
                | (~Q(kind="reversed") & Q(amount_minor=_PARTS))
                | Q(kind="reversed", excess_minor=-F("principal_minor") - F("interest_minor")),
                name="loans_event_parts_add_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=["loan_id", "reverses_no"], condition=Q(reverses_no__isnull=False), name="loans_event_reversed_once"
            ),
        ),
        # Events come in the order of their days: for the close it is as good as a tree, and writing an event costs next to nothing more.
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["recorded_on"], name="loans_event_recorded_on"),
        ),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
