"""Invoices for the fees of a merchant in a month, and a way to what was given back in one."""

from django.db import migrations, models
from django.db.models import F, Q

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
GRANT UPDATE (state, version, number, issued_on, red_number, voided_on, reason) ON settlement_invoice TO yuefu_writer;

-- What an invoice is for is what the month has, when it is requested and when it is issued.
CREATE FUNCTION settlement_invoice_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'voided' AND NOT EXISTS (
        SELECT FROM (SELECT sum(fee_minor) AS fees, sum(vat_minor) AS vat FROM settlement_item
            WHERE merchant_id = NEW.merchant_id AND book_id = NEW.book_id AND kind IN ('capture', 'refund')
                AND earned_on >= NEW.month AND earned_on < NEW.month + interval '1 month') AS s
        WHERE s.fees = NEW.fees_minor AND s.vat = NEW.vat_minor) THEN
        RAISE EXCEPTION 'invoice % is not the fees of its month', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_invoice_is_its_fees';
    END IF;
    -- A number is used once, whether an invoice is black or red.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.book_id::text, 7041796));
    IF EXISTS (SELECT FROM settlement_invoice o WHERE o.book_id = NEW.book_id AND o.id <> NEW.id
            AND ((NEW.number <> '' AND NEW.number = o.red_number) OR (NEW.red_number <> '' AND NEW.red_number = o.number))) THEN
        RAISE EXCEPTION 'a number of invoice % is used already', NEW.id
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'settlement_invoice_number_once';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_invoice_right AFTER INSERT OR UPDATE ON settlement_invoice FOR EACH ROW EXECUTE FUNCTION settlement_invoice_check();

CREATE FUNCTION settlement_invoice_step() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (('requested', 'issued'), ('requested', 'voided'), ('issued', 'voided')) OR NEW.version <> OLD.version + 1
        OR (OLD.state = 'issued' AND (OLD.number, OLD.issued_on) IS DISTINCT FROM (NEW.number, NEW.issued_on)) THEN
        RAISE EXCEPTION 'invoice % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_invoice_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_invoice_forward BEFORE UPDATE ON settlement_invoice FOR EACH ROW EXECUTE FUNCTION settlement_invoice_step();
"""
NUMBER = r"^(\d{20}|(\d{10}|\d{12})-\d{8})$"


class Migration(migrations.Migration):
    dependencies = [("settlement", "0011_batches_in_a_list")]

    operations = [
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("month", models.DateField()),
                ("title", models.TextField()),
                ("taxpayer_number", models.TextField()),
                ("currency", models.TextField()),
                ("fees_minor", models.BigIntegerField()),
                ("vat_minor", models.BigIntegerField()),
                ("state", models.TextField()),
                ("version", models.IntegerField()),
                ("number", models.TextField(db_default="", default="")),
                ("issued_on", models.DateField(null=True)),
                ("red_number", models.TextField(db_default="", default="")),
                ("voided_on", models.DateField(null=True)),
                ("reason", models.TextField(db_default="", default="")),
                ("requested_at", models.DateTimeField()),
                ("requested_by", models.TextField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["book_id", "-id"], name="settlement_invoice_listed"),
                    models.Index(fields=["merchant_id", "-id"], name="settlement_invoice_of_merchant"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("book_id", "merchant_id", "month"), condition=~Q(state="voided"), name="settlement_invoice_one_in_force"
                    ),
                    models.UniqueConstraint(fields=("book_id", "number"), condition=~Q(number=""), name="settlement_invoice_number"),
                    models.UniqueConstraint(
                        fields=("book_id", "red_number"), condition=~Q(red_number=""), name="settlement_invoice_red_number"
                    ),
                    models.CheckConstraint(
                        condition=Q(fees_minor__gt=0, vat_minor__gte=0, vat_minor__lt=F("fees_minor")), name="settlement_invoice_amounts"
                    ),
                    models.CheckConstraint(condition=Q(month__day=1), name="settlement_invoice_month"),
                    models.CheckConstraint(condition=Q(taxpayer_number__regex=r"^[0-9A-Z]{18}$"), name="settlement_invoice_taxpayer"),
                    models.CheckConstraint(
                        condition=(Q(number="") | Q(number__regex=NUMBER)) & (Q(red_number="") | Q(red_number__regex=NUMBER)),
                        name="settlement_invoice_numbers_have_their_form",
                    ),
                    models.CheckConstraint(
                        condition=Q(state="requested", number="", red_number="", issued_on=None, voided_on=None, reason="")
                        | Q(state="issued", issued_on__isnull=False, red_number="", voided_on=None, reason="") & ~Q(number="")
                        | Q(state="voided", voided_on__isnull=False, number="", red_number="", issued_on=None) & ~Q(reason="")
                        | Q(state="voided", voided_on__gte=F("issued_on")) & ~Q(number="") & ~Q(red_number="") & ~Q(reason=""),
                        name="settlement_invoice_state",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                fields=["merchant_id", "earned_on"],
                include=["fee_minor", "vat_minor"],
                condition=Q(kind="refund"),
                name="settlement_item_given_back",
            ),
        ),
        secure("settlement_invoice", writes="append", merchant="merchant_id"),
        composite_key("settlement_invoice", ["id", "book_id", "merchant_id"]),
        composite_fk("settlement_invoice", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
