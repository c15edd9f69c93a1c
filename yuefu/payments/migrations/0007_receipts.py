"""Money that comes by bank transfer: receipts, what they are matched to, what goes back of them; and the references that payers quote."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

GRANTS = """
-- Of a receipt only why it waits is written again: what is left of it is moved by triggers. Of a return what the bank says of it.
REVOKE UPDATE ON payments_receipt, payments_receipt_return FROM yuefu_writer;
GRANT UPDATE (code) ON payments_receipt TO yuefu_writer;
GRANT UPDATE (state, provider_id, failure_code, paid_on, returned_on) ON payments_receipt_return TO yuefu_writer;
"""

ROLES = """
-- What came by bank transfer lies on our own account at the bank, and what goes back of it leaves there.
ALTER TABLE payments_collection ALTER COLUMN money_role
    SET EXPRESSION AS (CASE channel WHEN 'bank' THEN 'bank/own' ELSE 'channel/own' END);
ALTER TABLE payments_channel_refund ALTER COLUMN money_role
    SET EXPRESSION AS (CASE channel WHEN 'bank' THEN 'bank/own' ELSE 'channel/own' END);
ALTER TABLE payments_receipt ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('bank/own') STORED;
ALTER TABLE payments_receipt_return ADD COLUMN money_role text NOT NULL GENERATED ALWAYS AS ('bank/own') STORED;
"""

STEPS = """
CREATE TRIGGER payments_receipt_begins BEFORE INSERT ON payments_receipt FOR EACH ROW
    WHEN (NEW.left_minor <> NEW.amount_minor) EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_receipt_return_begins BEFORE INSERT ON payments_receipt_return FOR EACH ROW
    WHEN (NEW.state <> 'ordered') EXECUTE FUNCTION payments_guard();
-- Lists what is no step of `payments.rules.receipts`.
CREATE TRIGGER payments_receipt_return_forward BEFORE UPDATE ON payments_receipt_return FOR EACH ROW
    WHEN ((OLD.state = 'sent' AND NEW.state = 'ordered')
        OR (OLD.state = 'paid' AND (NEW.state NOT IN ('paid', 'returned') OR NEW.paid_on IS DISTINCT FROM OLD.paid_on))
        OR (OLD.state IN ('failed', 'returned') AND (NEW.state, NEW.provider_id, NEW.failure_code, NEW.paid_on, NEW.returned_on)
            IS DISTINCT FROM (OLD.state, OLD.provider_id, OLD.failure_code, OLD.paid_on, OLD.returned_on)))
    EXECUTE FUNCTION payments_guard();
"""

LEFT = """
-- What is left of a receipt moves by the statement that explains some of it, gives it back, or brings back what was explained. By differences,
-- so that two who come at once are both counted; the check of the table does the rest.
CREATE FUNCTION payments_receipt_matched() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE wrong uuid;
BEGIN
    SELECT w.id INTO wrong FROM written AS w JOIN payments_collection AS c ON c.id = w.collection_id JOIN payments_receipt AS r ON r.id = w.receipt_id
        WHERE c.channel <> 'bank' OR c.part_of_id IS NOT NULL OR c.amount_minor <> w.amount_minor OR c.money_account_id <> r.money_account_id
        LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'match % is not its payment', wrong USING ERRCODE = 'check_violation';
    END IF;
    UPDATE payments_receipt AS r SET left_minor = r.left_minor - g.minor
        FROM (SELECT receipt_id, sum(amount_minor)::bigint AS minor FROM written GROUP BY receipt_id) AS g WHERE r.id = g.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_receipt_matched AFTER INSERT ON payments_receipt_match
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_receipt_matched();

CREATE FUNCTION payments_receipt_goes_back() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE payments_receipt AS r SET left_minor = r.left_minor - g.minor
        FROM (SELECT receipt_id, sum(amount_minor)::bigint AS minor FROM written GROUP BY receipt_id) AS g WHERE r.id = g.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_receipt_goes_back AFTER INSERT ON payments_receipt_return
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_receipt_goes_back();

CREATE FUNCTION payments_receipt_stayed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE payments_receipt AS r SET left_minor = r.left_minor + g.minor
        FROM (SELECT w.receipt_id, sum(w.amount_minor)::bigint AS minor FROM written AS w JOIN before AS b ON b.id = w.id
            WHERE w.state IN ('failed', 'returned') AND b.state NOT IN ('failed', 'returned') GROUP BY w.receipt_id) AS g
        WHERE r.id = g.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_receipt_stayed AFTER UPDATE ON payments_receipt_return
    REFERENCING OLD TABLE AS before NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_receipt_stayed();

CREATE FUNCTION payments_receipt_left_again() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE payments_receipt AS r SET left_minor = r.left_minor + g.minor
        FROM (SELECT m.receipt_id, sum(w.amount_minor)::bigint AS minor FROM written AS w JOIN before AS b ON b.id = w.id
            JOIN payments_collection AS p ON p.id = w.collection_id JOIN payments_receipt_match AS m ON m.collection_id = p.part_of_id
            WHERE w.channel = 'bank' AND w.state = 'succeeded' AND b.state <> 'succeeded' GROUP BY m.receipt_id) AS g
        WHERE r.id = g.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_receipt_left_again AFTER UPDATE ON payments_channel_refund
    REFERENCING OLD TABLE AS before NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION payments_receipt_left_again();

-- They run as the owner: whoever could attach them to a table of its own would move the counters with it.
REVOKE ALL ON FUNCTION payments_receipt_matched(), payments_receipt_goes_back(), payments_receipt_stayed(), payments_receipt_left_again() FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0006_together"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayerReference",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("number", models.TextField()),
            ],
            options={
                "db_table": "payments_payer_reference",
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("money_account_id", models.UUIDField()),
                ("number", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("payer_index", models.BinaryField()),
                ("payer", models.BinaryField()),
                ("consumer_id", models.UUIDField(null=True)),
                ("code", models.TextField()),
                ("came_on", models.DateField()),
                ("came_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField()),
                ("heard_by", models.TextField()),
                ("posted_on", models.DateField()),
                ("left_minor", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="ReceiptMatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("receipt_id", models.UUIDField()),
                ("collection_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("matched_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_receipt_match",
            },
        ),
        migrations.CreateModel(
            name="ReceiptReturn",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("receipt_id", models.UUIDField()),
                ("money_account_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("provider_id", models.TextField(default="")),
                ("state", models.TextField(default="ordered")),
                ("failure_code", models.TextField(default="")),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("ordered_at", models.DateTimeField()),
                ("paid_on", models.DateField(null=True)),
                ("returned_on", models.DateField(null=True)),
            ],
            options={
                "db_table": "payments_receipt_return",
            },
        ),
        migrations.AddField(
            model_name="channelrefund",
            name="channel",
            field=models.TextField(db_default="sandbox"),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.CheckConstraint(condition=models.Q(("channel__in", ["sandbox", "bank"])), name="payments_collection_channel"),
        ),
        migrations.AddConstraint(
            model_name="payerreference",
            constraint=models.UniqueConstraint(fields=("book_id", "consumer_id"), name="payments_payer_reference_one_a_consumer"),
        ),
        migrations.AddConstraint(
            model_name="payerreference",
            constraint=models.UniqueConstraint(fields=("book_id", "number"), name="payments_payer_reference_number"),
        ),
        migrations.AddConstraint(
            model_name="payerreference",
            constraint=models.CheckConstraint(condition=models.Q(("number__regex", "^[0-9]{12}$")), name="payments_payer_reference_digits"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(condition=models.Q(("left_minor__gt", 0)), fields=["book_id", "id"], name="payments_receipt_open"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["book_id", "payer_index"], name="payments_receipt_payer"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("book_id", "money_account_id", "number"), name="payments_receipt_once"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_receipt_amount"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("left_minor__gte", 0), ("left_minor__lte", models.F("amount_minor"))), name="payments_receipt_left"
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(condition=models.Q(("heard_by__in", ["notice", "file"])), name="payments_receipt_heard_by"),
        ),
        migrations.AddIndex(
            model_name="receiptmatch",
            index=models.Index(fields=["receipt_id"], name="payments_receipt_match_receipt"),
        ),
        migrations.AddConstraint(
            model_name="receiptmatch",
            constraint=models.UniqueConstraint(fields=("collection_id",), name="payments_receipt_match_of"),
        ),
        migrations.AddConstraint(
            model_name="receiptmatch",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_receipt_match_amount"),
        ),
        migrations.AddConstraint(
            model_name="receiptmatch",
            constraint=models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="payments_receipt_match_reason"),
        ),
        migrations.AddIndex(
            model_name="receiptreturn",
            index=models.Index(
                condition=models.Q(("state__in", ["ordered", "sent"])),
                fields=["book_id", "ordered_at"],
                name="payments_receipt_return_open",
            ),
        ),
        migrations.AddIndex(
            model_name="receiptreturn",
            index=models.Index(fields=["receipt_id"], name="payments_receipt_return_of"),
        ),
        migrations.AddConstraint(
            model_name="receiptreturn",
            constraint=models.UniqueConstraint(fields=("book_id", "reference"), name="payments_receipt_return_reference"),
        ),
        migrations.AddConstraint(
            model_name="receiptreturn",
            constraint=models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_receipt_return_amount"),
        ),
        migrations.AddConstraint(
            model_name="receiptreturn",
            constraint=models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="payments_receipt_return_reason"),
        ),
        migrations.AddConstraint(
            model_name="receiptreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("paid_on__isnull", True), ("returned_on__isnull", True), ("state__in", ["ordered", "sent", "failed"])),
                    models.Q(("paid_on__isnull", False), ("returned_on__isnull", True), ("state", "paid")),
                    models.Q(("paid_on__isnull", False), ("returned_on__isnull", False), ("state", "returned")),
                    _connector="OR",
                ),
                name="payments_receipt_return_state",
            ),
        ),
        secure("payments_payer_reference", writes="append", consumer="consumer_id"),
        composite_fk("payments_payer_reference", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        secure("payments_receipt", writes="update"),
        composite_fk("payments_receipt", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_key("payments_receipt", ["book_id", "id", "currency"]),
        composite_key("payments_money_account", ["book_id", "id", "role"]),
        secure("payments_receipt_match", writes="append", consumer="consumer_id"),
        composite_fk("payments_receipt_match", ["book_id", "receipt_id", "currency"], "payments_receipt", ["book_id", "id", "currency"]),
        composite_fk(
            "payments_receipt_match",
            ["book_id", "collection_id", "consumer_id", "currency"],
            "payments_collection",
            ["book_id", "id", "consumer_id", "currency"],
        ),
        secure("payments_receipt_return", writes="update"),
        composite_fk("payments_receipt_return", ["book_id", "receipt_id", "currency"], "payments_receipt", ["book_id", "id", "currency"]),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
        migrations.RunSQL(ROLES, migrations.RunSQL.noop),
        composite_fk(
            "payments_receipt", ["book_id", "money_account_id", "money_role"], "payments_money_account", ["book_id", "id", "role"]
        ),
        composite_fk(
            "payments_receipt_return", ["book_id", "money_account_id", "money_role"], "payments_money_account", ["book_id", "id", "role"]
        ),
        migrations.RunSQL(STEPS, migrations.RunSQL.noop),
        migrations.RunSQL(LEFT, migrations.RunSQL.noop),
    ]
