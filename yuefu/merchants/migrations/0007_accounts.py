"""The accounts that merchants are paid to are kept version by version: corporate, in the merchant's own name, another one by two people."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
CREATE INDEX merchants_account_flagged_ones ON merchants_account (book_id, merchant_id) WHERE flagged_on IS NOT NULL;

CREATE FUNCTION merchants_guard_account() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM merchants_merchant m WHERE m.id = NEW.merchant_id AND m.book_id = NEW.book_id AND NEW.holder IN (m.name_zh, m.name_en)) THEN
        RAISE EXCEPTION 'an account of a merchant is in the name of the merchant'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'merchants_account_holder';
    END IF;
    IF NEW.version > 1 AND NOT EXISTS (SELECT 1 FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id
        AND a.state = 'approved' AND a.action = 'merchant.change_account' AND a.object_kind = 'merchant' AND a.object_id = NEW.merchant_id
        AND a.content = jsonb_build_object('version', NEW.version, 'kind', NEW.kind, 'holder', NEW.holder, 'bank_code', NEW.bank_code,
            'masked', NEW.number_masked, 'index', encode(NEW.number_index, 'hex'),
            'sealed', translate(encode(NEW.number_sealed, 'base64'), E'\\n', ''))) THEN
        RAISE EXCEPTION 'version % of this account was not approved', NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER merchants_account_approved BEFORE INSERT ON merchants_account FOR EACH ROW EXECUTE FUNCTION merchants_guard_account();

-- Names and accounts of before are as they were taken on; a merchant keeps the day it came.
INSERT INTO merchants_account (id, book_id, merchant_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked,
    valid_from, recorded_by, recorded_at)
    SELECT gen_random_uuid(), book_id, id, 1, settlement_account_kind, name_zh, '', settlement_account_sealed, settlement_account_index,
        settlement_account_masked, created_at::date, 'system:migration', created_at FROM merchants_merchant;

GRANT UPDATE (flagged_on, fault) ON merchants_account TO yuefu_writer;
CREATE FUNCTION merchants_account_is_flagged_once() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was found of this account stays' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER merchants_account_flagged_once BEFORE UPDATE ON merchants_account FOR EACH ROW
    WHEN (OLD.flagged_on IS NOT NULL) EXECUTE FUNCTION merchants_account_is_flagged_once();
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0006_payees")]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("version", models.IntegerField()),
                ("kind", models.TextField()),
                ("holder", models.TextField()),
                ("bank_code", models.TextField()),
                ("number_sealed", models.BinaryField()),
                ("number_index", models.BinaryField()),
                ("number_masked", models.TextField()),
                ("valid_from", models.DateField()),
                ("flagged_on", models.DateField(null=True)),
                ("fault", models.TextField(db_default="", default="")),
                ("approval_id", models.UUIDField(null=True, unique=True)),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("merchant_id", "version"), name="merchants_account_version"),
                    models.CheckConstraint(condition=models.Q(("kind", "corporate")), name="merchants_account_is_corporate"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval_id__isnull", True), ("version", 1)),
                            models.Q(("approval_id__isnull", False), ("version__gt", 1)),
                            _connector="OR",
                        ),
                        name="merchants_account_change_is_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("fault", ""), ("flagged_on__isnull", True)),
                            models.Q(("flagged_on__isnull", False), models.Q(("fault", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="merchants_account_flagged",
                    ),
                ],
            },
        ),
        secure("merchants_account", writes="append", merchant="merchant_id"),
        composite_fk("merchants_account", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("merchants_account", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_key("merchants_account", ["id", "merchant_id", "book_id", "kind"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
