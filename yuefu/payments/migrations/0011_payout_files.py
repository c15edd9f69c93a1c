"""Payouts that a bank is given in a file, and what it answers: each payout in one file that holds."""

import django.db.models.expressions
from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
-- A file stays as it was made; a person cancels it once, and what was in it waits again.
REVOKE UPDATE ON payments_payout_file, payments_payout_file_line FROM yuefu_writer;
GRANT UPDATE (state, cancelled_by, cancelled_at, reason) ON payments_payout_file TO yuefu_writer;
GRANT UPDATE (holds) ON payments_payout_file_line TO yuefu_writer;
GRANT UPDATE (file_id) ON payments_payout TO yuefu_writer;
CREATE TRIGGER payments_payout_file_forward BEFORE UPDATE ON payments_payout_file FOR EACH ROW
    WHEN (OLD.state = 'cancelled') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_payout_file_line_forward BEFORE UPDATE ON payments_payout_file_line FOR EACH ROW
    WHEN (NEW.holds) EXECUTE FUNCTION payments_guard();

-- What is given to the bank in a file is on its way from then on, and stays of that file; it waits again only where the file was cancelled.
CREATE FUNCTION payments_guard_file() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.file_id IS NULL THEN
        IF NEW.state <> 'sent' OR NOT EXISTS (SELECT FROM payments_payout_file_line l WHERE l.payout_id = NEW.id AND l.file_id = NEW.file_id AND l.holds) THEN
            RAISE EXCEPTION 'payout % is not in this file', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payout_in_its_file';
        END IF;
    ELSIF NOT (OLD.state = 'sent' AND NEW.state = 'scheduled' AND NEW.file_id IS NULL
        AND EXISTS (SELECT FROM payments_payout_file f WHERE f.id = OLD.file_id AND f.state = 'cancelled')) THEN
        RAISE EXCEPTION 'payout % stays in its file', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payout_in_its_file';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_payout_in_its_file BEFORE UPDATE ON payments_payout FOR EACH ROW
    WHEN (NEW.file_id IS DISTINCT FROM OLD.file_id) EXECUTE FUNCTION payments_guard_file();

DROP TRIGGER payments_payout_forward ON payments_payout;
CREATE TRIGGER payments_payout_forward BEFORE UPDATE ON payments_payout FOR EACH ROW
    WHEN ((OLD.state = 'sent' AND NEW.state = 'scheduled' AND (OLD.file_id IS NULL OR NEW.file_id IS NOT NULL))
        OR (OLD.state = 'paid' AND (NEW.state NOT IN ('paid', 'returned') OR NEW.paid_on IS DISTINCT FROM OLD.paid_on))
        OR ((OLD.state = 'returned' OR (OLD.state = 'paid' AND NEW.state = 'paid'))
            AND (NEW.state, NEW.provider_id, NEW.failure_code, NEW.paid_on, NEW.returned_on)
            IS DISTINCT FROM (OLD.state, OLD.provider_id, OLD.failure_code, OLD.paid_on, OLD.returned_on)))
    EXECUTE FUNCTION payments_guard();
"""

ROLE = """
-- Merchants are paid out of client money and nothing else.
ALTER TABLE payments_payout_file ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('bank/client') STORED;
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0010_where_payouts_go")]

    operations = [
        migrations.CreateModel(
            name="PayoutFile",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("money_account_id", models.UUIDField()),
                ("message_id", models.TextField()),
                ("layout", models.TextField()),
                ("execute_on", models.DateField()),
                ("count", models.IntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("sha256", models.TextField()),
                ("content", models.BinaryField()),
                ("state", models.TextField()),
                ("made_by", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("cancelled_by", models.TextField(db_default="", default="")),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "payments_payout_file",
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "message_id"), name="payments_payout_file_message"),
                    models.CheckConstraint(
                        condition=models.Q(("count__gt", 0), ("total_minor__gte", django.db.models.expressions.F("count"))),
                        name="payments_payout_file_counts",
                    ),
                    models.CheckConstraint(condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")), name="payments_payout_file_hash"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cancelled_at__isnull", True), ("cancelled_by", ""), ("reason", ""), ("state", "made")),
                            models.Q(
                                ("cancelled_at__isnull", False),
                                ("state", "cancelled"),
                                models.Q(("cancelled_by", ""), _negated=True),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="payments_payout_file_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutFileLine",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("file_id", models.UUIDField()),
                ("payout_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("holds", models.BooleanField(db_default=True, default=True)),
            ],
            options={
                "db_table": "payments_payout_file_line",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("holds", True)), fields=("payout_id",), name="payments_payout_file_line_in_one"
                    ),
                    models.UniqueConstraint(fields=("file_id", "no"), name="payments_payout_file_line_place"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PayoutAnswer",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("file_id", models.UUIDField()),
                ("message_id", models.TextField()),
                ("sha256", models.TextField()),
                ("paid", models.IntegerField()),
                ("rejected", models.IntegerField()),
                ("pending", models.IntegerField()),
                ("taken_by", models.TextField()),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_payout_answer",
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "sha256"), name="payments_payout_answer_once"),
                    models.UniqueConstraint(fields=("book_id", "message_id"), name="payments_payout_answer_message"),
                ],
            },
        ),
        secure("payments_payout_file", writes="update"),
        composite_key("payments_payout_file", ["book_id", "id"]),
        migrations.RunSQL(ROLE, migrations.RunSQL.noop),
        composite_fk(
            "payments_payout_file",
            ["book_id", "money_account_id", "money_role", "currency"],
            "payments_money_account",
            ["book_id", "id", "role", "currency"],
        ),
        secure("payments_payout_file_line", writes="update"),
        composite_key("payments_payout", ["book_id", "id"]),
        composite_fk("payments_payout_file_line", ["book_id", "file_id"], "payments_payout_file", ["book_id", "id"]),
        composite_fk("payments_payout_file_line", ["book_id", "payout_id"], "payments_payout", ["book_id", "id"]),
        secure("payments_payout_answer", writes="append"),
        composite_fk("payments_payout_answer", ["book_id", "file_id"], "payments_payout_file", ["book_id", "id"]),
        composite_fk("payments_payout", ["book_id", "file_id"], "payments_payout_file", ["book_id", "id"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
