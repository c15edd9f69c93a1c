"""Bills and their lines: one bill an account and cycle, an instalment on one bill only, lines that add up to their bill."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, composite_key, references_as_a_set, secure

PROMISES = """
-- Looked at once a statement: what was written of a bill is all of it.
CREATE FUNCTION billing_guard_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT b.id INTO wrong FROM billing_bill AS b
        JOIN (SELECT bill_id, count(*) AS lines, sum(amount_minor) AS total, sum(paid_minor) AS paid FROM billing_line
            WHERE bill_id IN (SELECT bill_id FROM written) GROUP BY bill_id) AS l ON l.bill_id = b.id
        WHERE (l.lines, l.total, l.paid) IS DISTINCT FROM (b.lines::bigint, b.total_minor::numeric, b.paid_minor::numeric) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of bill % are not what it asks', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT w.bill_id INTO wrong FROM written AS w JOIN billing_bill AS b ON b.id = w.bill_id WHERE w.due_on > b.covers_until LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'bill % has an instalment that is for a later one', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_line_of_its_bill AFTER INSERT ON billing_line
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION billing_guard_lines();
"""

_WHOSE = ["book_id", "id", "account_id", "consumer_id"]
_LENT = ("book_id", "account_id", "consumer_id")


class Migration(migrations.Migration):
    initial = True

    dependencies = [("credit", "0004_cycles"), ("loans", "0005_lives")]

    operations = [
        migrations.CreateModel(
            name="Bill",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("currency", models.TextField()),
                ("first_on", models.DateField()),
                ("bill_on", models.DateField()),
                ("due_on", models.DateField()),
                ("covers_until", models.DateField()),
                ("lines", models.SmallIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("paid_minor", models.BigIntegerField()),
                ("carried_minor", models.BigIntegerField()),
                ("issued_on", models.DateField()),
                ("issued_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["consumer_id", "bill_on"], name="billing_bill_consumer"),
                    models.Index(fields=["book_id", "bill_on", "id"], name="billing_bill_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "no"), name="billing_bill_no"),
                    models.UniqueConstraint(fields=("account_id", "first_on"), name="billing_bill_begins_once"),
                    models.UniqueConstraint(fields=("account_id", "bill_on"), name="billing_bill_ends_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bill_on__gt", models.F("first_on")),
                            ("covers_until__gte", models.F("due_on")),
                            ("due_on__gt", models.F("bill_on")),
                            ("issued_on__gte", models.F("bill_on")),
                        ),
                        name="billing_bill_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carried_minor__gte", 0),
                            ("lines__gt", 0),
                            ("no__gt", 0),
                            ("paid_minor__gte", 0),
                            ("paid_minor__lte", models.F("total_minor")),
                            ("total_minor__gt", 0),
                        ),
                        name="billing_bill_asks",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Line",
            fields=[
                ("pk", models.CompositePrimaryKey("loan_id", "no", blank=True, editable=False, primary_key=True, serialize=False)),
                ("loan_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("book_id", models.UUIDField()),
                ("bill_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("due_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("paid_minor", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["bill_id"], name="billing_line_bill")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("paid_minor__gte", 0), ("paid_minor__lte", models.F("amount_minor"))),
                        name="billing_line_amount",
                    )
                ],
            },
        ),
        composite_key("billing_bill", _WHOSE),
        composite_fk("billing_bill", ["book_id", "account_id", "consumer_id"], "credit_account", ["book_id", "id", "consumer_id"]),
        composite_fk("billing_line", ["book_id", "bill_id", "account_id", "consumer_id"], "billing_bill", _WHOSE),
        composite_fk("billing_line", ["loan_id", "no"], "loans_instalment", ["loan_id", "no"]),
        references_as_a_set(
            "billing_line", [Reference(("loan_id", *_LENT), "loans_loan", ("id", "book_id", "credit_account_id", "consumer_id"))]
        ),
        secure("billing_bill", writes="append", consumer="consumer_id"),
        secure("billing_line", writes="append", consumer="consumer_id"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
