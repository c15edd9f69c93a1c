"""What agents, hosts and funders have of fees: shares, and their batches."""

import django.db.models.expressions
from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, composite_key, fixed, references_as_a_set, secure

PROMISES = """
-- Shares are of a capture that was accrued, and of what it says; together they are part of its fee, and nobody gives back more than it has.
CREATE FUNCTION settlement_share_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE wrong uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(capture_id::text, 7041778))
        FROM (SELECT DISTINCT capture_id FROM added WHERE kind <> 'earned' ORDER BY 1) AS c;
    SELECT a.id INTO wrong FROM added AS a LEFT JOIN settlement_item AS i ON i.kind = 'capture' AND i.source_id = a.capture_id
        WHERE i.id IS NULL OR (i.book_id, i.merchant_id, i.order_id, i.loan_id, i.currency)
            IS DISTINCT FROM (a.book_id, a.merchant_id, a.order_id, a.loan_id, a.currency) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'share % is not of its capture', wrong USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_of_its_capture';
    END IF;
    SELECT c.capture_id INTO wrong FROM (SELECT DISTINCT capture_id FROM added) AS c
        JOIN settlement_item AS i ON i.kind = 'capture' AND i.source_id = c.capture_id
        CROSS JOIN LATERAL (SELECT sum(whole) AS earned, bool_or(have < 0 OR whole = 0) AS too_much FROM (
            SELECT coalesce(sum(s.amount_minor) FILTER (WHERE s.kind = 'earned'), 0) AS whole, sum(s.amount_minor) AS have
            FROM settlement_share AS s WHERE s.capture_id = c.capture_id GROUP BY s.party, s.level, s.payee_id) AS one) AS t
        WHERE t.too_much OR t.earned > i.fee_minor - i.vat_minor LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'more would be shared of %, or given back, than there is', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_within_fee';
    END IF;
    INSERT INTO settlement_share_waiting (share_id, book_id) SELECT id, book_id FROM added;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_share_check AFTER INSERT ON settlement_share
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_share_check();
CREATE TRIGGER settlement_share_isolation BEFORE INSERT ON settlement_share
    FOR EACH STATEMENT EXECUTE FUNCTION settlement_guard_isolation();

ALTER TABLE settlement_share_waiting SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- What goes into a batch has waited, is the payee's own, and makes its figures.
CREATE FUNCTION settlement_share_line_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE gone bigint; wrong uuid;
BEGIN
    DELETE FROM settlement_share_waiting w USING added a WHERE w.share_id = a.share_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone <> (SELECT count(*) FROM added) THEN
        RAISE EXCEPTION 'a share that does not wait cannot go into a batch'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_line_waited';
    END IF;
    SELECT b.id INTO wrong FROM (SELECT DISTINCT batch_id FROM added) AS g JOIN settlement_share_batch AS b ON b.id = g.batch_id
        CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(s.amount_minor) FILTER (WHERE s.kind = 'earned'), 0) AS earned,
            coalesce(-sum(s.amount_minor) FILTER (WHERE s.kind = 'refunded'), 0) AS refunded,
            coalesce(-sum(s.amount_minor) FILTER (WHERE s.kind = 'defaulted'), 0) AS defaulted,
            bool_and((s.book_id, s.party, s.payee_id, s.currency) = (b.book_id, b.party, b.payee_id, b.currency)) AS own
            FROM settlement_share_line AS l JOIN settlement_share AS s ON s.id = l.share_id WHERE l.batch_id = b.id) AS t
        WHERE NOT t.own OR (t.n, t.earned, t.refunded, t.defaulted) <> (b.line_count, b.earned_minor, b.refunded_minor, b.defaulted_minor) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the lines of batch % do not add up to it', wrong USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_batch_adds_up';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_share_line_check AFTER INSERT ON settlement_share_line
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlement_share_line_check();

-- A batch has its lines when it is committed, and begins with what the one before it carried.
CREATE FUNCTION settlement_share_batch_check() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM settlement_share_line WHERE batch_id = NEW.id) OR NEW.opening_minor <> coalesce((
        SELECT b.carried_minor FROM settlement_share_batch AS b WHERE b.book_id = NEW.book_id AND b.payee_id = NEW.payee_id AND b.party = NEW.party
            AND b.pay_on < NEW.pay_on ORDER BY b.pay_on DESC LIMIT 1), 0) THEN
        RAISE EXCEPTION 'batch % has no lines, or not what was carried', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_share_batch_adds_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER settlement_share_batch_adds_up AFTER INSERT ON settlement_share_batch
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION settlement_share_batch_check();

-- That a batch was paid is what a second person approved.
CREATE FUNCTION settlement_guard_share_payment() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'due' OR NEW.state <> 'paid' OR NOT EXISTS (SELECT FROM runtime_approval AS a WHERE a.book_id = NEW.book_id
        AND a.state = 'approved' AND a.action = 'settlement.pay_share' AND a.object_kind = 'settlement_share_batch' AND a.object_id = NEW.id
        AND a.content = jsonb_build_object('reference', NEW.reference, 'amount_minor', NEW.due_minor, 'currency', NEW.currency)) THEN
        RAISE EXCEPTION 'that batch % was paid was not approved', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_share_batch_approved BEFORE UPDATE ON settlement_share_batch FOR EACH ROW
    EXECUTE FUNCTION settlement_guard_share_payment();
GRANT UPDATE (state, reference) ON settlement_share_batch TO yuefu_writer;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0007_tax_and_ways_back"), ("merchants", "0006_payees")]

    operations = [
        migrations.CreateModel(
            name="Share",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("source_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("capture_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("party", models.TextField()),
                ("level", models.SmallIntegerField()),
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
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("on_refund", models.TextField()),
                ("default_ppm", models.IntegerField()),
                ("early_periods", models.SmallIntegerField()),
                ("early_days", models.SmallIntegerField()),
                ("earned_on", models.DateField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["book_id", "payee_id", "earned_on"], name="settlement_share_of_payee"),
                    models.Index(
                        condition=models.Q(("default_ppm__gt", 0), ("kind", "earned")),
                        fields=["book_id", "loan_id"],
                        name="settlement_share_at_risk",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("capture_id", "party", "level", "kind", "source_id"), name="settlement_share_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gt", 0), ("kind", "earned"), ("source_id", models.F("capture_id"))),
                            models.Q(("amount_minor__lt", 0), ("kind__in", ["refunded", "defaulted"])),
                            _connector="OR",
                        ),
                        name="settlement_share_signs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__gte", 1), ("party__in", ["funder", "agent", "host"])), name="settlement_share_party"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("default_ppm__gte", 0), ("default_ppm__lte", 1000000), ("on_refund__in", ["returned", "kept"])),
                        name="settlement_share_back",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShareBatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("party", models.TextField()),
                ("payee_id", models.UUIDField()),
                ("pay_on", models.DateField()),
                ("currency", models.TextField()),
                ("line_count", models.IntegerField()),
                ("earned_minor", models.BigIntegerField()),
                ("refunded_minor", models.BigIntegerField()),
                ("defaulted_minor", models.BigIntegerField()),
                ("opening_minor", models.BigIntegerField()),
                ("net_minor", models.BigIntegerField()),
                ("due_minor", models.BigIntegerField()),
                ("carried_minor", models.BigIntegerField()),
                ("state", models.TextField()),
                ("reference", models.TextField()),
                ("built_at", models.DateTimeField()),
            ],
            options={
                "db_table": "settlement_share_batch",
                "indexes": [models.Index(fields=["book_id", "-pay_on"], name="settlement_share_batch_latest")],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "payee_id", "party", "pay_on"), name="settlement_share_batch_once_a_day"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("defaulted_minor__gte", 0),
                            ("earned_minor__gte", 0),
                            (
                                "net_minor",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("earned_minor"), "-", models.F("refunded_minor")
                                        ),
                                        "-",
                                        models.F("defaulted_minor"),
                                    ),
                                    "+",
                                    models.F("opening_minor"),
                                ),
                            ),
                            ("opening_minor__lte", 0),
                            ("refunded_minor__gte", 0),
                        ),
                        name="settlement_share_batch_net",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carried_minor__lte", 0),
                            ("due_minor__gte", 0),
                            (
                                "net_minor",
                                django.db.models.expressions.CombinedExpression(models.F("due_minor"), "+", models.F("carried_minor")),
                            ),
                            models.Q(("due_minor", 0), ("carried_minor", 0), _connector="OR"),
                        ),
                        name="settlement_share_batch_due",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("due_minor", 0), ("reference", ""), ("state", "accrued")),
                            models.Q(("due_minor__gt", 0), ("reference", ""), ("state", "due")),
                            models.Q(("due_minor__gt", 0), ("state", "paid"), models.Q(("reference", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="settlement_share_batch_state",
                    ),
                    models.CheckConstraint(condition=models.Q(("line_count__gt", 0)), name="settlement_share_batch_lines"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShareLine",
            fields=[
                ("share_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("batch_id", models.UUIDField()),
            ],
            options={
                "db_table": "settlement_share_line",
                "indexes": [models.Index(fields=["batch_id"], name="settlement_share_line_batch")],
            },
        ),
        migrations.CreateModel(
            name="ShareWaiting",
            fields=[
                ("share_id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
            ],
            options={
                "db_table": "settlement_share_waiting",
                "indexes": [models.Index(fields=["book_id"], include=("share_id",), name="settlement_share_waits")],
            },
        ),
        composite_fk("settlement_share", ["book_id"], "runtime_book", ["id"]),
        composite_key("settlement_share", ["book_id", "id"]),
        composite_fk("settlement_share_batch", ["book_id"], "runtime_book", ["id"]),
        composite_key("settlement_share_batch", ["book_id", "id"]),
        fixed("settlement_share", ["id", "book_id"]),
        fixed("settlement_share_batch", ["id", "book_id"]),
        references_as_a_set(
            "settlement_share", [Reference(("payee_ref", "book_id", "party"), "merchants_payee", ("id", "book_id", "kind"))]
        ),
        references_as_a_set("settlement_share_waiting", [Reference(("share_id", "book_id"), "settlement_share", ("id", "book_id"))]),
        references_as_a_set(
            "settlement_share_line",
            [
                Reference(("share_id", "book_id"), "settlement_share", ("id", "book_id")),
                Reference(("batch_id", "book_id"), "settlement_share_batch", ("id", "book_id")),
            ],
        ),
        secure("settlement_share", writes="append"),
        secure("settlement_share_waiting", writes="delete"),
        secure("settlement_share_batch", writes="append"),
        secure("settlement_share_line", writes="append"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
