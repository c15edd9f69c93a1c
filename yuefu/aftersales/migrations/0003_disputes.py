"""Disputes with their steps and evidence, and the files that merchants send for them."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, composite_key, fixed, nothing_put_aside, references_as_a_set, secure

PROMISES = """
-- One step after the other, of those that `aftersales.rules.disputes` has; what ended stays as it ended. Each WHEN lists what is none.
CREATE TRIGGER aftersales_dispute_forward BEFORE UPDATE ON aftersales_dispute FOR EACH ROW
    WHEN (NEW.no <> OLD.no + 1 OR (OLD.ruling <> '' AND NEW.ruling <> OLD.ruling) OR (OLD.state, NEW.state) NOT IN (
        ('initiated', 'representment'), ('initiated', 'closed'), ('representment', 'pre_arbitration'), ('representment', 'closed'),
        ('pre_arbitration', 'arbitration'), ('pre_arbitration', 'closed'), ('arbitration', 'closed')))
    EXECUTE FUNCTION aftersales_guard();
CREATE TRIGGER aftersales_dispute_begins BEFORE INSERT ON aftersales_dispute FOR EACH ROW
    WHEN (NEW.no <> 1 OR NEW.state <> 'initiated' OR NEW.refund_id IS NOT NULL) EXECUTE FUNCTION aftersales_guard();
REVOKE UPDATE ON aftersales_dispute FROM yuefu_writer;
GRANT UPDATE (no, state, appeal_by, ruling, outcome, closed_by, closed_on, refund_id, refunded_minor) ON aftersales_dispute TO yuefu_writer;
"""

_WHOSE = ("id", "merchant_id", "consumer_id", "book_id")
_DISPUTE = (["book_id", "dispute_id", "merchant_id"], "aftersales_dispute", ["book_id", "id", "merchant_id"])


class Migration(migrations.Migration):
    dependencies = [
        ("aftersales", "0002_into_the_keys_alone"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("reason", models.TextField()),
                ("claim", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("answer_by", models.DateField()),
                ("opened_on", models.DateField()),
                ("opened_at", models.DateTimeField()),
                ("no", models.SmallIntegerField(db_default=1)),
                ("state", models.TextField(db_default="initiated")),
                ("appeal_by", models.DateField(null=True)),
                ("ruling", models.TextField(db_default="")),
                ("outcome", models.TextField(db_default="")),
                ("closed_by", models.TextField(db_default="")),
                ("closed_on", models.DateField(null=True)),
                ("refund_id", models.UUIDField(null=True)),
                ("refunded_minor", models.BigIntegerField(db_default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["order_id"], name="aftersales_dispute_order"),
                    models.Index(fields=["merchant_id", "-id"], name="aftersales_dispute_of_merchant"),
                    models.Index(
                        condition=models.Q(("state__in", ["initiated", "pre_arbitration"])),
                        fields=["book_id", "id"],
                        name="aftersales_dispute_waiting",
                    ),
                    models.Index(fields=["book_id", "-id"], name="aftersales_dispute_book"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reason__in",
                                [
                                    "return",
                                    "goods_not_received",
                                    "faulty_goods",
                                    "incorrect_invoice",
                                    "already_paid",
                                    "unauthorised",
                                    "high_risk_order",
                                ],
                            ),
                            ("state__in", ["initiated", "representment", "pre_arbitration", "arbitration", "closed"]),
                        ),
                        name="aftersales_dispute_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("answer_by__gt", models.F("opened_on"))),
                        name="aftersales_dispute_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_by__in", ["accept", "withdraw", "rule_won", "rule_lost", "pass"]),
                                ("closed_on__isnull", False),
                                ("outcome__in", ["won", "lost"]),
                                ("state", "closed"),
                            ),
                            models.Q(
                                models.Q(("state", "closed"), _negated=True),
                                ("closed_by", ""),
                                ("closed_on__isnull", True),
                                ("outcome", ""),
                            ),
                            _connector="OR",
                        ),
                        name="aftersales_dispute_closed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("appeal_by__isnull", True),
                                ("ruling", ""),
                                models.Q(("state__in", ["pre_arbitration", "arbitration"]), _negated=True),
                            ),
                            models.Q(
                                ("appeal_by__isnull", False),
                                ("ruling__in", ["won", "lost"]),
                                ("state__in", ["pre_arbitration", "arbitration", "closed"]),
                            ),
                            _connector="OR",
                        ),
                        name="aftersales_dispute_ruled",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("refund_id__isnull", True), ("refunded_minor", 0)),
                            models.Q(
                                ("outcome", "lost"),
                                ("refund_id__isnull", False),
                                ("refunded_minor__gt", 0),
                                ("refunded_minor__lte", models.F("amount_minor")),
                            ),
                            _connector="OR",
                        ),
                        name="aftersales_dispute_refunded",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "closed"), _negated=True), fields=("order_id",), name="aftersales_dispute_open_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DisputeEvidence",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("dispute_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("text", models.TextField()),
                ("file_id", models.UUIDField(null=True)),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "aftersales_dispute_evidence",
                "indexes": [
                    models.Index(fields=["dispute_id", "id"], name="aftersales_dispute_evidence_of"),
                    models.Index(condition=models.Q(("file_id__isnull", False)), fields=["file_id"], name="aftersales_evidence_file"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["delivery", "activation", "communication", "refund", "invoice", "identity", "terms", "other"])
                        ),
                        name="aftersales_dispute_evidence_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("text", ""), _negated=True), ("file_id__isnull", False), _connector="OR"),
                        name="aftersales_dispute_evidence_is_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DisputeStep",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("dispute_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("step", models.TextField()),
                ("state", models.TextField()),
                ("note", models.TextField()),
                ("actor", models.TextField()),
                ("taken_on", models.DateField()),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "db_table": "aftersales_dispute_step",
                "constraints": [
                    models.UniqueConstraint(fields=("dispute_id", "no"), name="aftersales_dispute_step_no"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("no__gt", 0), ("state__in", ["initiated", "representment", "pre_arbitration", "arbitration", "closed"])
                        ),
                        name="aftersales_dispute_step_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="File",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("purpose", models.TextField()),
                ("name", models.TextField()),
                ("content_type", models.TextField()),
                ("size", models.IntegerField()),
                ("sha256", models.BinaryField()),
                ("sealed", models.BinaryField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("purpose", "dispute_evidence")), name="aftersales_file_purpose"),
                    models.CheckConstraint(condition=models.Q(("size__gt", 0), ("size__lte", 5242880)), name="aftersales_file_size"),
                ],
            },
        ),
        references_as_a_set(
            "aftersales_dispute", [Reference(("order_id", "merchant_id", "consumer_id", "book_id"), "orders_order", _WHOSE)]
        ),
        nothing_put_aside(["aftersales_dispute_refers"]),
        composite_key("aftersales_dispute", ["book_id", "id", "merchant_id"]),
        composite_key("aftersales_file", ["book_id", "id", "merchant_id"]),
        composite_fk("aftersales_file", ["book_id", "merchant_id"], "merchants_merchant", ["book_id", "id"]),
        composite_fk("aftersales_dispute_step", *_DISPUTE),
        composite_fk("aftersales_dispute_evidence", *_DISPUTE),
        composite_fk(
            "aftersales_dispute_evidence", ["book_id", "file_id", "merchant_id"], "aftersales_file", ["book_id", "id", "merchant_id"]
        ),
        fixed("aftersales_dispute", ["id", "book_id", "order_id", "merchant_id", "consumer_id"]),
        secure("aftersales_dispute", writes="update", merchant="merchant_id", consumer="consumer_id"),
        secure("aftersales_dispute_step", writes="append", merchant="merchant_id"),
        secure("aftersales_dispute_evidence", writes="append", merchant="merchant_id"),
        secure("aftersales_file", writes="append", merchant="merchant_id"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
