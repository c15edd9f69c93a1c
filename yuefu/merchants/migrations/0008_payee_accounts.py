"""The accounts that agents, hosts and funders are paid to are kept version by version, another one by two people."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
CREATE INDEX merchants_payee_account_flagged_ones ON merchants_payee_account (book_id, payee_id) WHERE flagged_on IS NOT NULL;

CREATE FUNCTION merchants_guard_payee_account() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.party <> 'funder' AND NOT EXISTS (SELECT FROM merchants_payee p WHERE p.id = NEW.payee_id AND p.book_id = NEW.book_id
        AND p.account_kind = NEW.kind AND NEW.holder IN (p.name_zh, p.name_en)) THEN
        RAISE EXCEPTION 'an account of a payee is in its own name, corporate of a company and personal of a person'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'merchants_payee_account_own';
    END IF;
    IF NEW.approval_id IS NOT NULL AND NOT EXISTS (SELECT FROM runtime_approval a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id
        AND a.state = 'approved' AND a.action = 'payee.change_account' AND a.object_kind = NEW.party AND a.object_id = NEW.payee_id
        AND a.content = jsonb_build_object('version', NEW.version, 'kind', NEW.kind, 'holder', NEW.holder, 'bank_code', NEW.bank_code,
            'masked', NEW.number_masked, 'index', encode(NEW.number_index, 'hex'),
            'sealed', translate(encode(NEW.number_sealed, 'base64'), E'\\n', ''))) THEN
        RAISE EXCEPTION 'version % of this account was not approved', NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER merchants_payee_account_approved BEFORE INSERT ON merchants_payee_account FOR EACH ROW
    EXECUTE FUNCTION merchants_guard_payee_account();

INSERT INTO merchants_payee_account (id, book_id, party, payee_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked,
    valid_from, recorded_by, recorded_at)
    SELECT gen_random_uuid(), book_id, kind, id, 1, account_kind, name_zh, '', account_sealed, account_index, account_masked,
        created_at::date, 'system:migration', created_at FROM merchants_payee;

GRANT UPDATE (flagged_on, fault) ON merchants_payee_account TO yuefu_writer;
CREATE TRIGGER merchants_payee_account_flagged_once BEFORE UPDATE ON merchants_payee_account FOR EACH ROW
    WHEN (OLD.flagged_on IS NOT NULL) EXECUTE FUNCTION merchants_account_is_flagged_once();
"""


class Migration(migrations.Migration):
    dependencies = [("merchants", "0007_accounts")]

    operations = [
        migrations.CreateModel(
            name="PayeeAccount",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("party", models.TextField()),
                ("payee_id", models.UUIDField()),
                (
                    "payee_ref",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(models.When(models.Q(("party", "funder"), _negated=True), then="payee_id")),
                        null=True,
                        output_field=models.UUIDField(null=True),
                    ),
                ),
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
                "db_table": "merchants_payee_account",
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "payee_id", "version"), name="merchants_payee_account_version"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind__in", ["corporate", "personal"]), ("party__in", ["agent", "host"])),
                            models.Q(("kind", "corporate"), ("party", "funder")),
                            _connector="OR",
                        ),
                        name="merchants_payee_account_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approval_id__isnull", True), ("party__in", ["agent", "host"]), ("version", 1)),
                            models.Q(("approval_id__isnull", False), ("party", "funder"), ("version", 1)),
                            models.Q(("approval_id__isnull", False), ("version__gt", 1)),
                            _connector="OR",
                        ),
                        name="merchants_payee_account_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("fault", ""), ("flagged_on__isnull", True)),
                            models.Q(("flagged_on__isnull", False), models.Q(("fault", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="merchants_payee_account_flagged",
                    ),
                ],
            },
        ),
        secure("merchants_payee_account", writes="append"),
        composite_key("merchants_payee", ["book_id", "id", "kind"]),
        composite_fk("merchants_payee_account", ["book_id"], "runtime_book", ["id"]),
        composite_fk("merchants_payee_account", ["book_id", "payee_ref", "party"], "merchants_payee", ["book_id", "id", "kind"]),
        composite_fk("merchants_payee_account", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_key("merchants_payee_account", ["id", "payee_id", "book_id", "party"]),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
