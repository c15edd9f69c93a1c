"""Payouts to agents, hosts and funders, out of own money: they own what they are owed of fees, and it is no money of merchants."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key

ROLES = """
-- Merchants are paid out of client money and nothing else, payees out of own money and nothing else.
ALTER TABLE payments_payout DROP COLUMN money_role;
ALTER TABLE payments_payout ADD COLUMN money_role text NOT NULL
    GENERATED ALWAYS AS (CASE party WHEN 'merchant' THEN 'bank/client' ELSE 'bank/own' END) STORED;
ALTER TABLE payments_payout_file DROP COLUMN money_role;
ALTER TABLE payments_payout_file ADD COLUMN money_role text NOT NULL
    GENERATED ALWAYS AS (CASE pays WHEN 'merchants' THEN 'bank/client' ELSE 'bank/own' END) STORED;
"""

PROMISES = """
-- As before, and a file has payouts out of its own account only.
CREATE OR REPLACE FUNCTION payments_guard_file() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.file_id IS NULL THEN
        IF NEW.state <> 'sent' OR NOT EXISTS (SELECT FROM payments_payout_file_line l JOIN payments_payout_file f ON f.id = l.file_id
            WHERE l.payout_id = NEW.id AND l.file_id = NEW.file_id AND l.holds AND f.money_account_id = NEW.money_account_id) THEN
            RAISE EXCEPTION 'payout % is not in this file', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payout_in_its_file';
        END IF;
    ELSIF NOT (OLD.state = 'sent' AND NEW.state = 'scheduled' AND NEW.file_id IS NULL
        AND EXISTS (SELECT FROM payments_payout_file f WHERE f.id = OLD.file_id AND f.state = 'cancelled')) THEN
        RAISE EXCEPTION 'payout % stays in its file', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_payout_in_its_file';
    END IF;
    RETURN NEW;
END $$;
"""

_ROLE = ["book_id", "id", "role", "currency"]


class Migration(migrations.Migration):
    dependencies = [("payments", "0011_payout_files"), ("merchants", "0008_payee_accounts")]

    operations = [
        migrations.AddField(
            model_name="payout",
            name="party",
            field=models.TextField(db_default="merchant", default="merchant"),
        ),
        migrations.AddField(
            model_name="payout",
            name="payee_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="payoutfile",
            name="pays",
            field=models.TextField(db_default="merchants", default="merchants"),
        ),
        migrations.AlterField(
            model_name="payout",
            name="merchant_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("merchant_id__isnull", False), ("party", "merchant"), ("payee_id__isnull", True)),
                    models.Q(("merchant_id__isnull", True), ("party__in", ["funder", "agent", "host"]), ("payee_id__isnull", False)),
                    _connector="OR",
                ),
                name="payments_payout_to_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutfile",
            constraint=models.CheckConstraint(condition=models.Q(("pays__in", ["merchants", "payees"])), name="payments_payout_file_pays"),
        ),
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        *(
            composite_fk(table, ["book_id", "money_account_id", "money_role", "currency"], "payments_money_account", _ROLE)
            for table in ("payments_payout", "payments_payout_file")
        ),
        composite_fk(
            "payments_payout",
            ["account_id", "payee_id", "book_id", "party"],
            "merchants_payee_account",
            ["id", "payee_id", "book_id", "party"],
        ),
        composite_key("payments_payout", ["book_id", "id", "batch_id", "party", "payee_id", "amount_minor", "currency", "reference"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
