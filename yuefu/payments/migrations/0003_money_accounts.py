"""Each account of money is a row, and what moves money names it: own money and that of clients lie in accounts that are never one.

A book that exists gets the accounts that a new one is founded with. What it posted to the channel's and the bank's ledger account stays
there and has an owner now; the client account begins empty, and the first settlement moves into it what merchants are owed by then. Payouts
of before name the client account, as every payout must: what comes back of them comes back there.
"""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, secure

ACCOUNTS = """
-- What a row must be to be named as such: the role is part of the key that others point to.
ALTER TABLE payments_money_account
    ADD COLUMN role text NOT NULL GENERATED ALWAYS AS (kind || '/' || purpose) STORED,
    ADD CONSTRAINT payments_money_account_role_key UNIQUE (book_id, id, role, currency);

CREATE FUNCTION payments_guard_money_account() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'account % stays what it was opened as', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER payments_money_account_fixed BEFORE UPDATE ON payments_money_account FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL OR (OLD.id, OLD.book_id, OLD.code, OLD.kind, OLD.purpose, OLD.provider, OLD.number, OLD.currency, OLD.opened_at)
        IS DISTINCT FROM (NEW.id, NEW.book_id, NEW.code, NEW.kind, NEW.purpose, NEW.provider, NEW.number, NEW.currency, NEW.opened_at))
    EXECUTE FUNCTION payments_guard_money_account();

INSERT INTO payments_money_account (id, book_id, code, kind, purpose, provider, number, currency, name_zh, name_en, opened_at)
SELECT gen_random_uuid(), b.id, g.code, g.kind, g.purpose, 'sandbox', g.number, b.currency, g.name_zh, g.name_en, now()
FROM runtime_book AS b CROSS JOIN (VALUES
    ('channel', 'channel', 'own', '1900000001', '支付渠道账户', 'Payment channel account'),
    ('operating', 'bank', 'own', '6100000000000001', '银行自有账户', 'Bank account, own money'),
    ('client', 'bank', 'client', '6100000000000002', '银行客户资金账户', 'Bank account, client money')
) AS g (code, kind, purpose, number, name_zh, name_en);
"""

FILLED = """
UPDATE payments_collection AS c SET money_account_id = a.id, funder_id = c.book_id
FROM payments_money_account AS a WHERE a.book_id = c.book_id AND a.code = 'channel';
UPDATE payments_channel_refund AS r SET money_account_id = a.id
FROM payments_money_account AS a WHERE a.book_id = r.book_id AND a.code = 'channel';
UPDATE payments_payout AS p SET money_account_id = a.id
FROM payments_money_account AS a WHERE a.book_id = p.book_id AND a.code = 'client';
UPDATE payments_transfer AS t SET to_account_id = a.id
FROM payments_money_account AS a WHERE a.book_id = t.book_id AND a.code = 'operating';
UPDATE payments_transfer AS t SET from_account_id = a.id
FROM payments_money_account AS a WHERE a.book_id = t.book_id AND a.code = 'channel' AND t.kind = 'withdrawal';

-- The sandbox bank keeps two accounts from now on. What it knows of payouts it knows as the client account, where they come back to.
UPDATE payments_sandbox_flow SET side = 'operating' WHERE side = 'bank';
UPDATE payments_sandbox_trade SET side = CASE kind WHEN 'payout' THEN 'client' ELSE 'operating' END WHERE side = 'bank';

SELECT ledger_give_owner(book_id, 'channel_cash', id) FROM payments_money_account WHERE code = 'channel';
SELECT ledger_give_owner(book_id, 'bank_cash', id) FROM payments_money_account WHERE code = 'operating';
DROP FUNCTION ledger_give_owner(uuid, text, uuid);
"""

ROLES = """
-- The role that a row needs is part of its key, so an account of another role cannot be named.
ALTER TABLE payments_collection ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('channel/own') STORED;
ALTER TABLE payments_channel_refund ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('channel/own') STORED;
ALTER TABLE payments_payout ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('bank/client') STORED;
ALTER TABLE payments_transfer
    ADD COLUMN from_role text GENERATED ALWAYS AS
        (CASE kind WHEN 'withdrawal' THEN 'channel/own' WHEN 'safeguarding' THEN 'bank/own' WHEN 'release' THEN 'bank/client' END) STORED,
    ADD COLUMN to_role text NOT NULL GENERATED ALWAYS AS (CASE kind WHEN 'safeguarding' THEN 'bank/client' ELSE 'bank/own' END) STORED;
"""

_ROLE = ["book_id", "id", "role", "currency"]


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_promises"), ("ledger", "0006_money_accounts_get_owners")]

    operations = [
        migrations.CreateModel(
            name="MoneyAccount",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("code", models.TextField()),
                ("kind", models.TextField()),
                ("purpose", models.TextField()),
                ("provider", models.TextField()),
                ("number", models.TextField()),
                ("currency", models.TextField()),
                ("name_zh", models.TextField()),
                ("name_en", models.TextField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "payments_money_account",
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "code"), name="payments_money_account_code"),
                    models.UniqueConstraint(fields=("book_id", "provider", "number"), name="payments_money_account_number"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "bank"), ("purpose__in", ["own", "client"])),
                            models.Q(("kind", "channel"), ("purpose", "own")),
                            _connector="OR",
                        ),
                        name="payments_money_account_role",
                    ),
                ],
            },
        ),
        secure("payments_money_account", writes="update"),
        composite_fk("payments_money_account", ["book_id"], "runtime_book", ["id"]),
        migrations.RunSQL(ACCOUNTS, migrations.RunSQL.noop),
        *(
            migrations.AddField(model_name=model, name=name, field=models.UUIDField(null=True))
            for model, name in (
                ("collection", "money_account_id"),
                ("collection", "funder_id"),
                ("channelrefund", "money_account_id"),
                ("payout", "money_account_id"),
                ("transfer", "from_account_id"),
                ("transfer", "to_account_id"),
            )
        ),
        migrations.RemoveConstraint(model_name="sandboxflow", name="payments_sandbox_flow_side"),
        migrations.RemoveConstraint(model_name="sandboxtrade", name="payments_sandbox_trade_side"),
        migrations.RunSQL(FILLED, migrations.RunSQL.noop),
        *(
            migrations.AlterField(model_name=model, name=name, field=models.UUIDField())
            for model, name in (
                ("collection", "money_account_id"),
                ("collection", "funder_id"),
                ("channelrefund", "money_account_id"),
                ("payout", "money_account_id"),
                ("transfer", "to_account_id"),
            )
        ),
        migrations.AddConstraint(
            model_name="sandboxflow",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["channel", "operating", "client"])), name="payments_sandbox_flow_side"
            ),
        ),
        migrations.AddConstraint(
            model_name="sandboxtrade",
            constraint=models.CheckConstraint(
                condition=models.Q(("side__in", ["channel", "operating", "client"])), name="payments_sandbox_trade_side"
            ),
        ),
        migrations.RemoveConstraint(model_name="transfer", name="payments_transfer_kind"),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["withdrawal", "funding", "safeguarding", "release"])), name="payments_transfer_kind"
            ),
        ),
        migrations.RemoveConstraint(model_name="transfer", name="payments_transfer_funder"),
        migrations.AddConstraint(
            model_name="transfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("from_account_id__isnull", True), ("funder_id__isnull", False), ("kind", "funding")),
                    models.Q(models.Q(("kind", "funding"), _negated=True), ("from_account_id__isnull", False), ("funder_id__isnull", True)),
                    _connector="OR",
                ),
                name="payments_transfer_funder",
            ),
        ),
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        *(
            composite_fk(table, ["book_id", "money_account_id", "money_role", "currency"], "payments_money_account", _ROLE)
            for table in ("payments_collection", "payments_channel_refund", "payments_payout")
        ),
        composite_fk("payments_transfer", ["book_id", "from_account_id", "from_role", "currency"], "payments_money_account", _ROLE),
        composite_fk("payments_transfer", ["book_id", "to_account_id", "to_role", "currency"], "payments_money_account", _ROLE),
    ]
