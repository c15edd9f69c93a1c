"""Loans go on by stretches: where each stands, until when it goes on by itself, and what each day brought them. Terms that many loans have in common
are kept once."""

import hashlib
import json
from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models

import yuefu.runtime.tables
from yuefu.runtime.tables import Reference, composite_fk, composite_key, references_as_a_set, secure

PROMISES = """
ALTER TABLE loans_stretch SET (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE loans_due SET (fillfactor = 85);

-- Where a loan stands adds up to nothing, as its entries do.
ALTER TABLE loans_stretch ADD CONSTRAINT loans_stretch_balanced CHECK (loan_principal + loan_interest + loan_fees + loan_penalties
    + loan_allowance + consumer_balance + collections_clearing + purchase_clearing + unearned_discount + discount_income + interest_income
    + interest_given_up + loan_fee_income + penalty_income + fees_given_up + recovery_income + credit_loss + goodwill_expense = 0);
-- What a day brought a portfolio is the sum of what it brought its loans.
CREATE FUNCTION loans_sum(bigint[]) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS
    $$ SELECT coalesce(sum(one), 0) FROM unnest($1) AS one $$;
ALTER TABLE loans_brought ADD CONSTRAINT loans_brought_adds_up
    CHECK (cardinality(loan_ids) = cardinality(minors) AND minor = loans_sum(minors));

DROP TRIGGER IF EXISTS loans_checkpoint_forward ON loans_checkpoint;
CREATE TRIGGER loans_checkpoint_forward BEFORE UPDATE ON loans_checkpoint FOR EACH ROW
    WHEN ((NEW.loan_id, NEW.book_id) IS DISTINCT FROM (OLD.loan_id, OLD.book_id) OR NEW.seq < OLD.seq)
    EXECUTE FUNCTION loans_guard_checkpoint();
CREATE FUNCTION loans_guard_stretch() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the stretch of loan % cannot go back', OLD.loan_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER loans_stretch_forward BEFORE UPDATE ON loans_stretch FOR EACH ROW
    WHEN ((NEW.loan_id, NEW.book_id, NEW.portfolio_no) IS DISTINCT FROM (OLD.loan_id, OLD.book_id, OLD.portfolio_no)
        OR NEW.since < OLD.since OR NEW.told < OLD.told)
    EXECUTE FUNCTION loans_guard_stretch();
CREATE FUNCTION loans_guard_current() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'loan % would have no stretch', OLD.loan_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER loans_stretch_stays BEFORE DELETE ON loans_stretch FOR EACH ROW
    WHEN (OLD.replaced_on = '9999-12-31') EXECUTE FUNCTION loans_guard_current();
-- What falls due stays with its loan.
CREATE FUNCTION loans_guard_due() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what falls due of loan % stays with it', OLD.loan_id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER loans_due_stays BEFORE UPDATE ON loans_due FOR EACH ROW
    WHEN ((OLD.loan_id, OLD.no, OLD.book_id) IS DISTINCT FROM (NEW.loan_id, NEW.no, NEW.book_id)) EXECUTE FUNCTION loans_guard_due();
REVOKE ALL ON FUNCTION loans_sum(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loans_sum(bigint[]) TO yuefu_writer;
"""

_OWN = ("principal", "disbursed_on", "first_due_on", "due_days")
_ACCOUNTS = (
    *("loan_principal", "loan_interest", "loan_fees", "loan_penalties", "loan_allowance", "consumer_balance", "collections_clearing"),
    *("purchase_clearing", "unearned_discount", "discount_income", "interest_income", "interest_given_up", "loan_fee_income"),
    *("penalty_income", "fees_given_up", "recovery_income", "credit_loss", "goodwill_expense"),
)


def share_terms(apps: Any, editor: Any) -> None:
    """Loans that were kept before: their terms onto sheets, and where they stand into a stretch that has ended, so that the next close goes on
    from there."""
    del apps
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, a.book_id, a.funder_id, a.product, a.currency, a.terms::text, c.position::text, c.seen_on, c.seq"
            " FROM loans_agreement a JOIN loans_checkpoint c ON c.loan_id = a.id"
        )
        sheets: dict[tuple[Any, str], Any] = {}
        portfolios: dict[tuple[Any, ...], int] = {}
        for loan_id, book_id, funder_id, product, currency, text, position, seen_on, seq in cursor.fetchall():
            terms = json.loads(text)
            own = [terms.pop(name) for name in _OWN]
            sheet = json.dumps(terms, separators=(",", ":"), ensure_ascii=False)
            digest = hashlib.sha256(sheet.encode()).hexdigest()
            if (book_id, digest) not in sheets:
                cursor.execute(
                    "INSERT INTO loans_sheet (id, book_id, digest, terms) VALUES (gen_random_uuid(), %s, %s, %s) RETURNING id",
                    [book_id, digest, sheet],
                )
                sheets[book_id, digest] = cursor.fetchone()[0]
            key = (book_id, funder_id, product, currency)
            if key not in portfolios:
                portfolios[key] = 1 + sum(other[0] == book_id for other in portfolios)
                cursor.execute(
                    "INSERT INTO loans_portfolio (book_id, no, funder_id, product, currency) VALUES (%s, %s, %s, %s, %s)",
                    [book_id, portfolios[key], funder_id, product, currency],
                )
            cursor.execute(
                "UPDATE loans_agreement SET sheet_id = %s, disbursed_on = %s, first_due_on = %s, due_days = %s::date[] WHERE id = %s",
                [sheets[book_id, digest], own[1], own[2], own[3], loan_id],
            )
            stands = json.loads(position)
            cursor.execute(
                f"INSERT INTO loans_stretch (loan_id, replaced_on, book_id, portfolio_no, since, until, stuck, told, begin, bearing, nightly,"
                f" whole, rest, floor, discount, discount_begin, discount_days, bucket, late_principal_minor, late_interest_minor,"
                f" late_fees_minor, late_penalties_minor, {', '.join(_ACCOUNTS)})"
                f" VALUES (%s, '9999-12-31', %s, %s, %s, %s, false, %s, %s, 0, 0, 0, 0, 0, 0, %s, 0, '', 0, 0, 0, 0"
                f"{', %s' * len(_ACCOUNTS)})",
                [loan_id, book_id, portfolios[key], seen_on, seen_on, seq + 1, seen_on, seen_on, *(stands[name] for name in _ACCOUNTS)],
            )


class Migration(migrations.Migration):
    dependencies = [
        ("loans", "0005_lives"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stand",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "book_id", "on", "chunk", "portfolio_no", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("book_id", models.UUIDField()),
                ("on", models.DateField()),
                ("chunk", models.IntegerField()),
                ("portfolio_no", models.IntegerField()),
                ("loans", models.IntegerField()),
                ("loan_principal", models.BigIntegerField()),
                ("loan_interest", models.BigIntegerField()),
                ("loan_fees", models.BigIntegerField()),
                ("loan_penalties", models.BigIntegerField()),
                ("loan_allowance", models.BigIntegerField()),
                ("consumer_balance", models.BigIntegerField()),
                ("unearned_discount", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="agreement",
            name="disbursed_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="agreement",
            name="due_days",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name="agreement",
            name="first_due_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="agreement",
            name="sheet_id",
            field=models.UUIDField(null=True),
        ),
        migrations.CreateModel(
            name="Brought",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "book_id", "on", "chunk", "portfolio_no", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("book_id", models.UUIDField()),
                ("on", models.DateField()),
                ("chunk", models.IntegerField()),
                ("portfolio_no", models.IntegerField()),
                ("kind", models.TextField()),
                ("minor", models.BigIntegerField()),
                ("loan_ids", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("minors", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["interest", "fees", "penalties", "discount", "allowance"])),
                        name="loans_brought_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Lateness",
            fields=[
                ("pk", models.CompositePrimaryKey("loan_id", "on", blank=True, editable=False, primary_key=True, serialize=False)),
                ("loan_id", models.UUIDField()),
                ("on", models.DateField()),
                ("book_id", models.UUIDField()),
                ("late_since", models.DateField(null=True)),
                ("bucket", models.TextField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("fees_minor", models.BigIntegerField()),
                ("penalties_minor", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["book_id", "on"], name="loans_lateness_day")],
            },
        ),
        migrations.CreateModel(
            name="Portfolio",
            fields=[
                ("pk", models.CompositePrimaryKey("book_id", "no", blank=True, editable=False, primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("funder_id", models.UUIDField()),
                ("product", models.TextField()),
                ("currency", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "funder_id", "product", "currency"), name="loans_portfolio_once"),
                    models.CheckConstraint(condition=models.Q(("no__gt", 0)), name="loans_portfolio_counted_from_1"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sheet",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("digest", models.TextField()),
                ("terms", yuefu.runtime.tables.JsonTextField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("book_id", "digest"), name="loans_sheet_once")],
            },
        ),
        migrations.CreateModel(
            name="Stretch",
            fields=[
                ("pk", models.CompositePrimaryKey("loan_id", "replaced_on", blank=True, editable=False, primary_key=True, serialize=False)),
                ("loan_id", models.UUIDField()),
                ("replaced_on", models.DateField()),
                ("book_id", models.UUIDField()),
                ("portfolio_no", models.IntegerField()),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("stuck", models.BooleanField()),
                ("told", models.IntegerField()),
                ("begin", models.DateField()),
                ("bearing", models.BigIntegerField()),
                ("nightly", models.BigIntegerField()),
                ("whole", models.BigIntegerField()),
                ("rest", models.BigIntegerField()),
                ("floor", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("discount_begin", models.DateField()),
                ("discount_days", models.IntegerField()),
                ("late_since", models.DateField(null=True)),
                ("bucket", models.TextField()),
                ("late_principal_minor", models.BigIntegerField()),
                ("late_interest_minor", models.BigIntegerField()),
                ("late_fees_minor", models.BigIntegerField()),
                ("late_penalties_minor", models.BigIntegerField()),
                ("loan_principal", models.BigIntegerField()),
                ("loan_interest", models.BigIntegerField()),
                ("loan_fees", models.BigIntegerField()),
                ("loan_penalties", models.BigIntegerField()),
                ("loan_allowance", models.BigIntegerField()),
                ("consumer_balance", models.BigIntegerField()),
                ("collections_clearing", models.BigIntegerField()),
                ("purchase_clearing", models.BigIntegerField()),
                ("unearned_discount", models.BigIntegerField()),
                ("discount_income", models.BigIntegerField()),
                ("interest_income", models.BigIntegerField()),
                ("interest_given_up", models.BigIntegerField()),
                ("loan_fee_income", models.BigIntegerField()),
                ("penalty_income", models.BigIntegerField()),
                ("fees_given_up", models.BigIntegerField()),
                ("recovery_income", models.BigIntegerField()),
                ("credit_loss", models.BigIntegerField()),
                ("goodwill_expense", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("replaced_on__gt", models.F("since")), ("until__gte", models.F("since"))),
                        name="loans_stretch_days",
                    )
                ],
            },
        ),
        migrations.RemoveConstraint("fact", "loans_fact_undone_once"),
        migrations.AddConstraint(
            "fact",
            models.UniqueConstraint(
                fields=("loan_id", "undoes_no"), condition=models.Q(("undoes_no__isnull", False)), name="loans_fact_undone_once"
            ),
        ),
        secure("loans_sheet", writes="append"),
        secure("loans_portfolio", writes="append"),
        secure("loans_stretch", writes="delete"),
        secure("loans_lateness", writes="update"),
        secure("loans_brought", writes="append"),
        secure("loans_stand", writes="append"),
        composite_key("loans_sheet", ["book_id", "id"]),
        migrations.RunPython(share_terms, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="agreement",
            name="terms",
        ),
        migrations.RemoveField(
            model_name="checkpoint",
            name="position",
        ),
        migrations.RemoveField(
            model_name="checkpoint",
            name="seen_on",
        ),
        migrations.AlterField("agreement", "disbursed_on", models.DateField()),
        migrations.AlterField("agreement", "sheet_id", models.UUIDField()),
        composite_fk("loans_sheet", ["book_id"], "runtime_book", ["id"]),
        composite_fk("loans_portfolio", ["book_id"], "runtime_book", ["id"]),
        composite_fk("loans_agreement", ["book_id", "sheet_id"], "loans_sheet", ["book_id", "id"]),
        composite_fk("loans_stretch", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        composite_fk("loans_stretch", ["book_id", "portfolio_no"], "loans_portfolio", ["book_id", "no"]),
        composite_fk("loans_lateness", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        composite_fk("loans_brought", ["book_id", "portfolio_no"], "loans_portfolio", ["book_id", "no"]),
        composite_fk("loans_stand", ["book_id", "portfolio_no"], "loans_portfolio", ["book_id", "no"]),
        migrations.RunSQL(
            "ALTER TABLE loans_due DROP CONSTRAINT loans_due_book_id_loan_id_fk;"
            " ALTER TABLE loans_fact DROP CONSTRAINT loans_fact_book_id_loan_id_fk",
            migrations.RunSQL.noop,
        ),
        references_as_a_set("loans_due", [Reference(("loan_id", "book_id"), "loans_agreement", ("id", "book_id"))]),
        references_as_a_set("loans_fact", [Reference(("loan_id", "book_id"), "loans_agreement", ("id", "book_id"))]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
