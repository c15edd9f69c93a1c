"""Mandates and what is taken by them, and what the channel said against its own word. Debits end in collections, which stay as they are."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

GRANTS = """
-- Of a mandate only what became of it is written again, of a debit and its tries the same; of a contradiction what a person made of it.
REVOKE UPDATE ON payments_mandate, payments_debit, payments_debit_try, payments_contradiction FROM yuefu_writer;
GRANT UPDATE (state, contract, code, signed_at, ended_at, told_at, seq) ON payments_mandate TO yuefu_writer;
GRANT UPDATE (state, code, ended_at, seq) ON payments_debit TO yuefu_writer;
GRANT UPDATE (state, code, amount_minor, notice, announced_at, collection_id) ON payments_debit_try TO yuefu_writer;
GRANT UPDATE (state, closed_at, closed_by, reason) ON payments_contradiction TO yuefu_writer;
"""

STEPS = """
-- Each WHEN lists what is no step of `payments.rules`.
CREATE TRIGGER payments_mandate_begins BEFORE INSERT ON payments_mandate FOR EACH ROW
    WHEN (NEW.state <> 'signing') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_mandate_forward BEFORE UPDATE ON payments_mandate FOR EACH ROW
    WHEN (NEW.seq < OLD.seq
        OR (OLD.contract <> '' AND NEW.contract <> OLD.contract)
        OR (OLD.state = 'signing' AND NEW.state NOT IN ('signing', 'active', 'failed', 'revoked'))
        OR (OLD.state = 'active' AND NEW.state NOT IN ('active', 'revoked', 'lost', 'expired'))
        OR (OLD.state IN ('failed', 'revoked', 'lost', 'expired') AND (
            (NEW.state, NEW.code, NEW.signed_at, NEW.ended_at, NEW.seq)
                IS DISTINCT FROM (OLD.state, OLD.code, OLD.signed_at, OLD.ended_at, OLD.seq)
            OR (OLD.told_at IS NOT NULL AND NEW.told_at IS DISTINCT FROM OLD.told_at))))
    EXECUTE FUNCTION payments_guard();

CREATE TRIGGER payments_debit_begins BEFORE INSERT ON payments_debit FOR EACH ROW
    WHEN (NEW.state <> 'open') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_debit_forward BEFORE UPDATE ON payments_debit FOR EACH ROW
    WHEN (NEW.seq < OLD.seq
        OR (OLD.state IN ('given_up', 'cancelled') AND NEW.state NOT IN (OLD.state, 'collected'))
        OR (OLD.state = 'collected' AND (NEW.state, NEW.code, NEW.ended_at) IS DISTINCT FROM (OLD.state, OLD.code, OLD.ended_at)))
    EXECUTE FUNCTION payments_guard();

CREATE TRIGGER payments_debit_try_begins BEFORE INSERT ON payments_debit_try FOR EACH ROW
    WHEN (NEW.state <> 'planned') EXECUTE FUNCTION payments_guard();
-- What was announced to the consumer is taken as it was announced, or not at all.
CREATE TRIGGER payments_debit_try_forward BEFORE UPDATE ON payments_debit_try FOR EACH ROW
    WHEN ((OLD.state = 'planned' AND (NEW.state = 'succeeded' OR (NEW.state = 'attempted' AND OLD.announce_on IS NOT NULL)))
        OR (OLD.state = 'announced' AND NEW.state NOT IN ('announced', 'attempted', 'dropped'))
        OR (OLD.state = 'attempted' AND NEW.state NOT IN ('attempted', 'succeeded', 'failed'))
        OR (OLD.state = 'failed' AND NEW.state NOT IN ('failed', 'succeeded'))
        OR (OLD.state IN ('succeeded', 'dropped') AND (NEW.state, NEW.code) IS DISTINCT FROM (OLD.state, OLD.code))
        OR (OLD.state <> 'planned' AND NEW.amount_minor <> OLD.amount_minor)
        OR NEW.amount_minor > OLD.amount_minor
        OR (OLD.collection_id IS NOT NULL AND NEW.collection_id IS DISTINCT FROM OLD.collection_id))
    EXECUTE FUNCTION payments_guard();

-- Nothing is taken by a mandate that is not in force. The lock waits for whoever revokes it, who then is heard.
CREATE FUNCTION payments_debit_in_force() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE found text;
BEGIN
    SELECT m.state INTO found FROM payments_debit d JOIN payments_mandate m ON m.id = d.mandate_id WHERE d.id = NEW.debit_id FOR SHARE OF m;
    IF found IS DISTINCT FROM 'active' THEN
        RAISE EXCEPTION 'the mandate of debit % is %, nothing is taken by it', NEW.debit_id, found USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_debit_try_in_force BEFORE UPDATE ON payments_debit_try FOR EACH ROW
    WHEN (NEW.state = 'attempted' AND OLD.state <> 'attempted') EXECUTE FUNCTION payments_debit_in_force();

-- A try that was sent ends as its collection does.
CREATE FUNCTION payments_debit_as_collected() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payments_collection c WHERE c.id = NEW.collection_id AND c.state = NEW.state) THEN
        RAISE EXCEPTION 'try % has not % at the channel', NEW.id, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_debit_try_told BEFORE UPDATE ON payments_debit_try FOR EACH ROW
    WHEN (NEW.collection_id IS NOT NULL AND NEW.state <> OLD.state AND NEW.state IN ('succeeded', 'failed'))
    EXECUTE FUNCTION payments_debit_as_collected();

CREATE TRIGGER payments_contradiction_begins BEFORE INSERT ON payments_contradiction FOR EACH ROW
    WHEN (NEW.state <> 'open') EXECUTE FUNCTION payments_guard();
CREATE TRIGGER payments_contradiction_forward BEFORE UPDATE ON payments_contradiction FOR EACH ROW
    WHEN (OLD.state <> 'open' AND OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION payments_guard();
"""

LATE = """
-- What failed may have succeeded after all where a person accepted just that (0004 knows no such step).
DROP TRIGGER payments_collection_forward ON payments_collection;
CREATE TRIGGER payments_collection_forward BEFORE UPDATE ON payments_collection FOR EACH ROW
    WHEN ((OLD.state = 'unknown' AND NEW.state = 'attempted')
        OR (OLD.state IN ('succeeded', 'failed') AND NOT (OLD.state = 'failed' AND NEW.state = 'succeeded')
            AND (NEW.state, NEW.fee_minor, NEW.provider_id, NEW.failure_code, NEW.settled_on, NEW.posted_on)
            IS DISTINCT FROM (OLD.state, OLD.fee_minor, OLD.provider_id, OLD.failure_code, OLD.settled_on, OLD.posted_on)))
    EXECUTE FUNCTION payments_guard();
CREATE FUNCTION payments_collection_late() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM payments_contradiction x WHERE x.collection_id = NEW.id AND x.state = 'accepted' AND x.said_minor = NEW.amount_minor
        AND x.said_fee_minor = NEW.fee_minor AND x.said_on = NEW.settled_on) THEN
        RAISE EXCEPTION '% % takes no such step', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'check_violation', HINT = 'it failed, and nobody accepted that it succeeded';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_collection_late BEFORE UPDATE ON payments_collection FOR EACH ROW
    WHEN (OLD.state = 'failed' AND NEW.state = 'succeeded') EXECUTE FUNCTION payments_collection_late();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_what_was_ordered_stays"),
    ]

    operations = [
        migrations.CreateModel(
            name="Contradiction",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("collection_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("currency", models.TextField()),
                ("code", models.TextField()),
                ("stood", models.TextField()),
                ("said", models.TextField()),
                ("said_minor", models.BigIntegerField()),
                ("said_fee_minor", models.BigIntegerField()),
                ("said_currency", models.TextField()),
                ("provider_id", models.TextField()),
                ("said_code", models.TextField()),
                ("said_on", models.DateField(null=True)),
                ("heard_at", models.DateTimeField()),
                ("state", models.TextField(default="open")),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_by", models.TextField(default="")),
                ("reason", models.TextField(default="")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["open", "accepted"])),
                        fields=["book_id", "heard_at"],
                        name="payments_contradiction_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("collection_id", "stood", "said", "said_minor", "said_currency"), name="payments_contradiction_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("code__in", ["contradicts", "amount_differs"])), name="payments_contradiction_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", True), ("closed_by", ""), ("reason", ""), ("state", "open")),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("state", "dismissed"),
                                models.Q(("closed_by", ""), _negated=True),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("code", "contradicts"),
                                ("said", "succeeded"),
                                ("state", "accepted"),
                                ("stood", "failed"),
                                models.Q(("closed_by", ""), _negated=True),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="payments_contradiction_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Debit",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("mandate_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("due_on", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("state", models.TextField(default="open")),
                ("code", models.TextField(default="")),
                ("policy_version", models.IntegerField()),
                ("planned_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("seq", models.IntegerField(default=1)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["book_id", "id"], name="payments_debit_open"),
                    models.Index(fields=["loan_id"], name="payments_debit_loan"),
                    models.Index(fields=["book_id", "consumer_id"], name="payments_debit_consumer"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("mandate_id", "loan_id", "due_on"), name="payments_debit_one_an_occasion"),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_debit_amount"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "open")),
                            models.Q(("ended_at__isnull", False), ("state__in", ["collected", "given_up", "cancelled"])),
                            _connector="OR",
                        ),
                        name="payments_debit_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DebitTry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("debit_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("announce_on", models.DateField(null=True)),
                ("debit_on", models.DateField()),
                ("state", models.TextField(default="planned")),
                ("code", models.TextField(default="")),
                ("notice", models.TextField(default="")),
                ("announced_at", models.DateTimeField(null=True)),
                ("collection_id", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "payments_debit_try",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["planned", "announced"])),
                        fields=["book_id", "debit_on"],
                        name="payments_debit_try_to_send",
                    ),
                    models.Index(condition=models.Q(("state", "attempted")), fields=["book_id", "id"], name="payments_debit_try_sent"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "reference"), name="payments_debit_try_reference"),
                    models.UniqueConstraint(fields=("debit_id", "no"), name="payments_debit_try_in_order"),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["planned", "announced", "attempted"])),
                        fields=("debit_id",),
                        name="payments_debit_try_one_under_way",
                    ),
                    models.UniqueConstraint(fields=("collection_id",), name="payments_debit_try_collection"),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="payments_debit_try_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("announce_on__isnull", True), ("announce_on__lt", models.F("debit_on")), _connector="OR"),
                        name="payments_debit_try_announced_before",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["planned", "dropped", "failed"]),
                            models.Q(("announced_at__isnull", False), ("state", "announced")),
                            models.Q(("collection_id__isnull", False), ("state__in", ["attempted", "succeeded"])),
                            _connector="OR",
                        ),
                        name="payments_debit_try_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Mandate",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("instrument", models.TextField()),
                ("contract", models.TextField(default="")),
                ("limit_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("valid_until", models.DateField(null=True)),
                ("state", models.TextField(default="signing")),
                ("code", models.TextField(default="")),
                ("begun_at", models.DateTimeField()),
                ("signed_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("seq", models.IntegerField(default=1)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "active")), fields=["book_id", "id"], name="payments_mandate_active"),
                    models.Index(
                        condition=models.Q(("state", "active"), ("valid_until__isnull", False)),
                        fields=["book_id", "valid_until"],
                        name="payments_mandate_ending",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("state", "signing"),
                            models.Q(("state__in", ["revoked", "expired"]), ("told_at__isnull", True)),
                            _connector="OR",
                        ),
                        fields=["book_id", "begun_at"],
                        name="payments_mandate_to_tell",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "reference"), name="payments_mandate_reference"),
                    models.UniqueConstraint(
                        condition=models.Q(("contract", ""), _negated=True),
                        fields=("book_id", "contract"),
                        name="payments_mandate_contract",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["signing", "active"])),
                        fields=("book_id", "consumer_id"),
                        name="payments_mandate_one_in_force",
                    ),
                    models.CheckConstraint(condition=models.Q(("kind__in", ["wallet", "bank"])), name="payments_mandate_kind"),
                    models.CheckConstraint(condition=models.Q(("limit_minor__gt", 0)), name="payments_mandate_limit"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ended_at__isnull", True), ("signed_at__isnull", True), ("state", "signing"), ("told_at__isnull", True)
                            ),
                            models.Q(
                                ("ended_at__isnull", True),
                                ("signed_at__isnull", False),
                                ("state", "active"),
                                ("told_at__isnull", True),
                                models.Q(("contract", ""), _negated=True),
                            ),
                            models.Q(("ended_at__isnull", False), ("state__in", ["failed", "revoked"])),
                            models.Q(("ended_at__isnull", False), ("signed_at__isnull", False), ("state__in", ["lost", "expired"])),
                            _connector="OR",
                        ),
                        name="payments_mandate_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MandateStep",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("mandate_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("state", models.TextField()),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_mandate_step",
                "constraints": [models.UniqueConstraint(fields=("mandate_id", "no"), name="payments_mandate_step_in_order")],
            },
        ),
        migrations.CreateModel(
            name="SandboxContract",
            fields=[
                ("pk", models.CompositePrimaryKey("book_id", "reference", blank=True, editable=False, primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("number", models.TextField()),
                ("kind", models.TextField()),
                ("instrument", models.TextField()),
                ("payer", models.TextField()),
                ("limit_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("valid_until", models.DateField(null=True)),
                ("state", models.TextField()),
                ("failure_code", models.TextField(default="")),
                ("silent", models.BooleanField(default=False)),
                ("debits", models.IntegerField(default=0)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_sandbox_contract",
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "number"), name="payments_sandbox_contract_number"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "refused", "ended"])), name="payments_sandbox_contract_state"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SandboxNotice",
            fields=[
                ("pk", models.CompositePrimaryKey("book_id", "reference", blank=True, editable=False, primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("number", models.TextField()),
                ("contract", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("debit_on", models.DateField()),
                ("outcome", models.TextField()),
                ("failure_code", models.TextField(default="")),
                ("silent", models.BooleanField(default=False)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_sandbox_notice",
                "indexes": [models.Index(fields=["book_id", "contract", "debit_on"], name="payments_sandbox_notice_of")],
            },
        ),
        secure("payments_mandate", writes="update", consumer="consumer_id"),
        composite_fk("payments_mandate", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_key("payments_mandate", ["book_id", "id", "consumer_id", "currency"]),
        composite_key("payments_mandate", ["book_id", "id", "consumer_id"]),
        secure("payments_mandate_step", writes="append", consumer="consumer_id"),
        composite_fk(
            "payments_mandate_step", ["book_id", "mandate_id", "consumer_id"], "payments_mandate", ["book_id", "id", "consumer_id"]
        ),
        secure("payments_debit", writes="update", consumer="consumer_id"),
        composite_fk(
            "payments_debit",
            ["book_id", "mandate_id", "consumer_id", "currency"],
            "payments_mandate",
            ["book_id", "id", "consumer_id", "currency"],
        ),
        composite_key("payments_debit", ["book_id", "id", "consumer_id", "currency"]),
        secure("payments_debit_try", writes="update", consumer="consumer_id"),
        composite_fk(
            "payments_debit_try",
            ["book_id", "debit_id", "consumer_id", "currency"],
            "payments_debit",
            ["book_id", "id", "consumer_id", "currency"],
        ),
        composite_fk(
            "payments_debit_try",
            ["book_id", "collection_id", "consumer_id", "currency"],
            "payments_collection",
            ["book_id", "id", "consumer_id", "currency"],
        ),
        secure("payments_contradiction", writes="update"),
        composite_fk(
            "payments_contradiction",
            ["book_id", "collection_id", "consumer_id", "currency"],
            "payments_collection",
            ["book_id", "id", "consumer_id", "currency"],
        ),
        secure("payments_sandbox_contract", writes="update", book=None),
        secure("payments_sandbox_notice", writes="update", book=None),
        migrations.RunSQL(GRANTS, migrations.RunSQL.noop),
        migrations.RunSQL(STEPS, migrations.RunSQL.noop),
        migrations.RunSQL(LATE, migrations.RunSQL.noop),
    ]
