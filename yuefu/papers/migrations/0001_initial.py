"""Quotes of early settlement and certificates of settled loans, all append only."""

import django.db.models.expressions
from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, composite_key, references_as_a_set, secure

PROMISES = """
ALTER TABLE papers_certificate_file ADD CONSTRAINT papers_certificate_file_is_its_hash CHECK (sha256 = encode(sha256(content), 'hex'));

-- Looked at once a statement: what was written of a quote is all of it.
CREATE FUNCTION papers_guard_payoff_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT q.id INTO wrong FROM papers_payoff_quote AS q
        JOIN (SELECT quote_id, count(*) AS loans, sum(total_minor) AS total FROM papers_payoff_line
            WHERE quote_id IN (SELECT quote_id FROM written) GROUP BY quote_id) AS l ON l.quote_id = q.id
        WHERE (l.loans, l.total) IS DISTINCT FROM (q.loans::bigint, q.total_minor::numeric) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of payoff quote % are not what it asks', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER papers_payoff_line_of_its_quote AFTER INSERT ON papers_payoff_line
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION papers_guard_payoff_lines();

CREATE FUNCTION papers_guard_payoff_use() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM papers_payoff_quote AS q WHERE q.id = NEW.quote_id AND NEW.used_at >= q.issued_at AND NEW.used_at < q.valid_until) THEN
        RAISE EXCEPTION 'payoff quote % does not hold at that moment', NEW.quote_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER papers_payoff_use_in_time AFTER INSERT ON papers_payoff_use FOR EACH ROW EXECUTE FUNCTION papers_guard_payoff_use();

-- One of a loan in force: a further one replaces the last, which was withdrawn.
CREATE FUNCTION papers_guard_certificate() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM papers_certificate AS c JOIN papers_withdrawal AS w ON w.certificate_id = c.id
            WHERE c.id = NEW.replaces_id AND c.loan_id = NEW.loan_id AND c.nth = NEW.nth - 1) THEN
        RAISE EXCEPTION 'certificate % of loan % is still in force, or is not the last', NEW.replaces_id, NEW.loan_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER papers_certificate_one_in_force AFTER INSERT ON papers_certificate FOR EACH ROW
    WHEN (NEW.nth > 1) EXECUTE FUNCTION papers_guard_certificate();
"""

_WHOSE = ["book_id", "id", "consumer_id"]
_OWED = ("loan_id", "book_id", "consumer_id")
_AGREED = ("id", "book_id", "consumer_id")


class Migration(migrations.Migration):
    initial = True

    dependencies = [("loans", "0006_stretches"), ("runtime", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PayoffUse",
            fields=[
                ("quote_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("source_id", models.UUIDField(unique=True)),
                ("used_at", models.DateTimeField()),
                ("used_by", models.TextField()),
            ],
            options={
                "db_table": "papers_payoff_use",
            },
        ),
        migrations.CreateModel(
            name="Certificate",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("loan_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("nth", models.SmallIntegerField()),
                ("replaces_id", models.UUIDField(null=True, unique=True)),
                ("seq", models.IntegerField()),
                ("lender", models.TextField()),
                ("currency", models.TextField()),
                ("lent_minor", models.BigIntegerField()),
                ("lent_on", models.DateField()),
                ("settled_on", models.DateField()),
                ("how", models.TextField()),
                ("issued_on", models.DateField()),
                ("issued_at", models.DateTimeField()),
                ("sha256", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["consumer_id", "issued_at"], name="papers_certificate_consumer")],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "no"), name="papers_certificate_no"),
                    models.UniqueConstraint(fields=("loan_id", "nth"), name="papers_certificate_nth"),
                    models.CheckConstraint(condition=models.Q(("how__in", ["repaid", "recovered"])), name="papers_certificate_how"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lent_minor__gt", 0), ("no__gt", 0), ("nth", 1), ("replaces_id__isnull", True)),
                            models.Q(("lent_minor__gt", 0), ("no__gt", 0), ("nth__gt", 1), ("replaces_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="papers_certificate_replaces",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("settled_on__lte", models.F("issued_on"))), name="papers_certificate_of_what_was"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CertificateFile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("certificate_id", "language", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("certificate_id", models.UUIDField()),
                ("language", models.TextField()),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("content", models.BinaryField()),
                ("sha256", models.TextField()),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "db_table": "papers_certificate_file",
                "indexes": [models.Index(fields=["book_id", "sha256"], name="papers_certificate_file_hash")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("language__in", ["zh", "en"])), name="papers_certificate_file_language")
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoffLine",
            fields=[
                ("pk", models.CompositePrimaryKey("quote_id", "loan_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("quote_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("seq", models.IntegerField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("fees_minor", models.BigIntegerField()),
                ("penalties_minor", models.BigIntegerField()),
                ("from_credit_minor", models.BigIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("saved_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "papers_payoff_line",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "total_minor",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                models.F("principal_minor"), "+", models.F("interest_minor")
                                            ),
                                            "+",
                                            models.F("fees_minor"),
                                        ),
                                        "+",
                                        models.F("penalties_minor"),
                                    ),
                                    "-",
                                    models.F("from_credit_minor"),
                                ),
                            )
                        ),
                        name="papers_payoff_line_adds_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_credit_minor__gte", 0), ("total_minor__gte", 0)), name="papers_payoff_line_asks"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoffQuote",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("on", models.DateField()),
                ("currency", models.TextField()),
                ("loans", models.SmallIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("issued_at", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("sha256", models.TextField()),
            ],
            options={
                "db_table": "papers_payoff_quote",
                "indexes": [models.Index(fields=["consumer_id", "issued_at"], name="papers_payoff_quote_consumer")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("loans__gt", 0), ("total_minor__gte", 0)), name="papers_payoff_quote_asks"),
                    models.CheckConstraint(
                        condition=models.Q(("valid_until__gt", models.F("issued_at"))), name="papers_payoff_quote_holds"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                ("certificate_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("reason", models.TextField()),
                ("withdrawn_on", models.DateField()),
                ("withdrawn_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason__in", ["loan_reopened", "loan_changed"])), name="papers_withdrawal_reason"
                    )
                ],
            },
        ),
        composite_key("papers_payoff_quote", _WHOSE),
        composite_key("papers_certificate", _WHOSE),
        composite_fk("papers_payoff_quote", ["book_id"], "runtime_book", ["id"]),
        composite_fk("papers_certificate", ["book_id"], "runtime_book", ["id"]),
        composite_fk("papers_payoff_line", ["book_id", "quote_id", "consumer_id"], "papers_payoff_quote", _WHOSE),
        composite_fk("papers_payoff_use", ["book_id", "quote_id", "consumer_id"], "papers_payoff_quote", _WHOSE),
        composite_fk("papers_certificate", ["book_id", "replaces_id", "consumer_id"], "papers_certificate", _WHOSE),
        composite_fk("papers_certificate_file", ["book_id", "certificate_id", "consumer_id"], "papers_certificate", _WHOSE),
        composite_fk("papers_withdrawal", ["book_id", "certificate_id", "consumer_id"], "papers_certificate", _WHOSE),
        references_as_a_set("papers_payoff_line", [Reference(_OWED, "loans_agreement", _AGREED)]),
        references_as_a_set("papers_certificate", [Reference(_OWED, "loans_agreement", _AGREED)]),
        *[
            secure(f"papers_{name}", writes="append", consumer="consumer_id")
            for name in ("payoff_quote", "payoff_line", "payoff_use", "certificate", "certificate_file", "withdrawal")
        ],
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
