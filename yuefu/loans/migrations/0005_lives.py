"""Loans of rule version 2026-2: what was agreed, what was entered of them, and what they came to be."""

import django.contrib.postgres.indexes
from django.db import migrations, models

import yuefu.runtime.tables
from yuefu.runtime.tables import Reference, composite_fk, composite_key, references_as_a_set, secure

PROMISES = """
ALTER TABLE loans_checkpoint SET (fillfactor = 60);

-- What was undone is an event of the same loan, entered before, and no undoing.
CREATE FUNCTION loans_guard_undone() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM loans_fact f WHERE f.loan_id = NEW.loan_id AND f.no = NEW.undoes_no AND f.kind <> 'undone') THEN
        RAISE EXCEPTION 'fact % of loan % is no event that could be undone', NEW.undoes_no, NEW.loan_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER loans_fact_undoes_an_event AFTER INSERT ON loans_fact FOR EACH ROW
    WHEN (NEW.kind = 'undone') EXECUTE FUNCTION loans_guard_undone();

-- A checkpoint only ever goes on.
CREATE FUNCTION loans_guard_checkpoint() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the checkpoint of loan % cannot go back', OLD.loan_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER loans_checkpoint_forward BEFORE UPDATE ON loans_checkpoint FOR EACH ROW
    WHEN ((NEW.loan_id, NEW.book_id) IS DISTINCT FROM (OLD.loan_id, OLD.book_id) OR NEW.seq < OLD.seq OR NEW.seen_on < OLD.seen_on)
    EXECUTE FUNCTION loans_guard_checkpoint();

GRANT SELECT ON loans_fact, loans_due TO yuefu_reader;
CREATE POLICY reader_consumer ON loans_fact FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM loans_agreement a
    WHERE a.id = loan_id AND a.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
CREATE POLICY reader_consumer ON loans_due FOR SELECT TO yuefu_reader USING (EXISTS (SELECT 1 FROM loans_agreement a
    WHERE a.id = loan_id AND a.consumer_id = nullif(current_setting('yuefu.consumer', true), '')::uuid));
"""

_OWED = ("order_id", "merchant_id", "consumer_id", "credit_account_id", "book_id")


class Migration(migrations.Migration):
    dependencies = [
        ("loans", "0004_named_as_a_set"),
        ("runtime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Agreement",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("order_id", models.UUIDField(null=True)),
                ("merchant_id", models.UUIDField(null=True)),
                ("consumer_id", models.UUIDField()),
                ("credit_account_id", models.UUIDField(null=True)),
                ("funder_id", models.UUIDField()),
                ("product", models.TextField()),
                ("currency", models.TextField()),
                ("principal_minor", models.BigIntegerField()),
                ("terms", yuefu.runtime.tables.JsonTextField()),
                ("origin", models.TextField(null=True)),
                ("agreed_at", models.DateTimeField()),
                ("agreed_on", models.DateField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["order_id"], name="loans_agreement_order"),
                    models.Index(fields=["consumer_id"], name="loans_agreement_consumer"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("principal_minor__gt", 0)), name="loans_agreement_principal"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("credit_account_id__isnull", False),
                                ("merchant_id__isnull", False),
                                ("order_id__isnull", False),
                                ("origin__isnull", True),
                            ),
                            models.Q(
                                ("credit_account_id__isnull", True),
                                ("merchant_id__isnull", True),
                                ("order_id__isnull", True),
                                ("origin__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="loans_agreement_of_an_order_or_from_elsewhere",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("loan_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("seq", models.IntegerField()),
                ("seen_on", models.DateField()),
                ("waits_for", models.DateField(null=True)),
                ("status", models.TextField()),
                ("state", yuefu.runtime.tables.JsonTextField()),
                ("tally", yuefu.runtime.tables.JsonTextField()),
                ("position", yuefu.runtime.tables.JsonTextField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("seq__gte", 0)), name="loans_checkpoint_seq")],
            },
        ),
        migrations.CreateModel(
            name="Due",
            fields=[
                ("pk", models.CompositePrimaryKey("loan_id", "no", blank=True, editable=False, primary_key=True, serialize=False)),
                ("loan_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("book_id", models.UUIDField()),
                ("kind", models.SmallIntegerField()),
                ("start_on", models.DateField()),
                ("due_on", models.DateField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("fees_minor", models.BigIntegerField()),
                ("penalties_minor", models.BigIntegerField()),
                ("principal_settled_minor", models.BigIntegerField()),
                ("interest_settled_minor", models.BigIntegerField()),
                ("fees_settled_minor", models.BigIntegerField()),
                ("penalties_settled_minor", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["book_id", "due_on"], name="loans_due_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("principal_settled_minor__gte", 0), ("principal_settled_minor__lte", models.F("principal_minor"))
                        ),
                        name="loans_due_principal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("interest_settled_minor__gte", 0), ("interest_settled_minor__lte", models.F("interest_minor"))),
                        name="loans_due_interest",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("fees_settled_minor__gte", 0), ("fees_settled_minor__lte", models.F("fees_minor"))),
                        name="loans_due_fees",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("penalties_settled_minor__gte", 0), ("penalties_settled_minor__lte", models.F("penalties_minor"))
                        ),
                        name="loans_due_penalties",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Fact",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("kind", models.TextField()),
                ("effective_on", models.DateField(null=True)),
                ("undoes_no", models.IntegerField(null=True)),
                ("body", yuefu.runtime.tables.JsonTextField()),
                ("source_id", models.UUIDField(unique=True)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_on", models.DateField()),
            ],
            options={
                "indexes": [django.contrib.postgres.indexes.BrinIndex(fields=["recorded_on"], name="loans_fact_recorded_on")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("no__gt", 0)), name="loans_fact_counted_from_1"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("effective_on__isnull", True), ("kind", "undone"), ("undoes_no__gt", 0), ("undoes_no__lt", models.F("no"))
                            ),
                            models.Q(
                                models.Q(("kind", "undone"), _negated=True), ("effective_on__isnull", False), ("undoes_no__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="loans_fact_true_or_undone",
                    ),
                    models.UniqueConstraint(fields=("loan_id", "no"), name="loans_fact_no"),
                    models.UniqueConstraint(fields=("loan_id", "undoes_no"), name="loans_fact_undone_once"),
                ],
            },
        ),
        composite_key("loans_agreement", ["book_id", "id"]),
        composite_fk("loans_fact", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        composite_fk("loans_checkpoint", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        composite_fk("loans_due", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        references_as_a_set(
            "loans_agreement", [Reference(_OWED, "orders_order", ("id", *_OWED[1:])), Reference(("book_id",), "runtime_book", ("id",))]
        ),
        secure("loans_agreement", writes="append", consumer="consumer_id"),
        secure("loans_fact", writes="append"),
        secure("loans_checkpoint", writes="update"),
        secure("loans_due", writes="delete"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
