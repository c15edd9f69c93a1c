"""Cases of after-sales with their steps and what these changed; charge-backs."""

from django.db import migrations, models

from yuefu.runtime.tables import Reference, composite_fk, composite_key, fixed, references_as_a_set, secure

PROMISES = """
CREATE FUNCTION aftersales_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% % takes no such step', TG_TABLE_NAME, NEW.id USING ERRCODE = 'check_violation';
END $$;
-- One step after the other, of those that `aftersales.rules` has; what ended stays as it ended. Each WHEN lists what is none.
CREATE TRIGGER aftersales_case_forward BEFORE UPDATE ON aftersales_case FOR EACH ROW
    WHEN (NEW.no <> OLD.no + 1 OR (OLD.state, NEW.state) NOT IN (('asked', 'agreed'), ('asked', 'declined'), ('asked', 'cancelled'),
        ('agreed', 'in_hand'), ('agreed', 'done'), ('agreed', 'cancelled'), ('in_hand', 'done'), ('in_hand', 'declined')))
    EXECUTE FUNCTION aftersales_guard();
CREATE TRIGGER aftersales_case_begins BEFORE INSERT ON aftersales_case FOR EACH ROW
    WHEN (NEW.no <> 1 OR NEW.state <> 'asked' OR NEW.refund_id IS NOT NULL OR NEW.handed_on IS NOT NULL OR NEW.paused_until IS NOT NULL)
    EXECUTE FUNCTION aftersales_guard();
-- A charge-back is won once, and nothing else of it ever changes.
CREATE TRIGGER aftersales_charge_back_forward BEFORE UPDATE ON aftersales_charge_back FOR EACH ROW
    WHEN (OLD.won_by_id IS NOT NULL OR NEW.won_by_id IS NULL) EXECUTE FUNCTION aftersales_guard();
CREATE TRIGGER aftersales_charge_back_begins BEFORE INSERT ON aftersales_charge_back FOR EACH ROW
    WHEN (NEW.won_by_id IS NOT NULL) EXECUTE FUNCTION aftersales_guard();
REVOKE UPDATE ON aftersales_case, aftersales_charge_back FROM yuefu_writer;
GRANT UPDATE (no, state, handed_on, difference_paid, refund_id, refunded_minor, paused_until) ON aftersales_case TO yuefu_writer;
GRANT UPDATE (won_by_id, won_on) ON aftersales_charge_back TO yuefu_writer;
"""

_WHOSE = ("id", "merchant_id", "consumer_id", "book_id")


class Migration(migrations.Migration):
    initial = True

    dependencies = [("orders", "0006_named_as_a_set"), ("payments", "0004_what_was_ordered_stays")]

    operations = [
        migrations.CreateModel(
            name="Back",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("collection_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("case_id", "collection_id"), name="aftersales_back_once"),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="aftersales_back_amount"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("order_id", models.UUIDField()),
                ("merchant_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("asked_by", models.TextField()),
                ("items", models.TextField()),
                ("reason", models.TextField()),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("price_minor", models.BigIntegerField(null=True)),
                ("seen_on", models.DateField(null=True)),
                ("currency", models.TextField()),
                ("answer_by", models.DateField()),
                ("opened_on", models.DateField()),
                ("opened_at", models.DateTimeField()),
                ("no", models.SmallIntegerField(db_default=1)),
                ("state", models.TextField(db_default="asked")),
                ("handed_on", models.DateField(null=True)),
                ("difference_paid", models.TextField(db_default="")),
                ("refund_id", models.UUIDField(null=True)),
                ("refunded_minor", models.BigIntegerField(db_default=0)),
                ("paused_until", models.DateField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["order_id"], name="aftersales_case_order"),
                    models.Index(fields=["book_id", "opened_at", "id"], name="aftersales_case_book"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["return", "part_return", "exchange", "repair", "price_protection"])),
                        name="aftersales_case_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["asked", "agreed", "declined", "in_hand", "done", "cancelled"])),
                        name="aftersales_case_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("asked_by__in", ["consumer", "merchant", "platform"])), name="aftersales_case_asked_by"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gt", 0), ("amount_minor__isnull", False), ("kind__in", ["part_return", "exchange"])),
                            models.Q(("amount_minor__isnull", True), models.Q(("kind__in", ["part_return", "exchange"]), _negated=True)),
                            _connector="OR",
                        ),
                        name="aftersales_case_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind__in", ["exchange", "price_protection"]), ("price_minor__gt", 0), ("price_minor__isnull", False)
                            ),
                            models.Q(
                                ("price_minor__isnull", True), models.Q(("kind__in", ["exchange", "price_protection"]), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="aftersales_case_price",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("refund_id__isnull", True), ("refunded_minor", 0)),
                            models.Q(("refund_id__isnull", False), ("refunded_minor__gt", 0), ("state", "done")),
                            _connector="OR",
                        ),
                        name="aftersales_case_refunded",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["asked", "agreed", "in_hand"])),
                        fields=("order_id", "kind"),
                        name="aftersales_case_open_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("step_no", models.SmallIntegerField()),
                ("order_id", models.UUIDField()),
                ("capture_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("due_on", models.DateField()),
                ("principal_before_minor", models.BigIntegerField()),
                ("interest_before_minor", models.BigIntegerField()),
                ("charges_before_minor", models.BigIntegerField()),
                ("unpaid_before_minor", models.BigIntegerField()),
                ("principal_after_minor", models.BigIntegerField()),
                ("interest_after_minor", models.BigIntegerField()),
                ("charges_after_minor", models.BigIntegerField()),
                ("unpaid_after_minor", models.BigIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("case_id", "step_no", "capture_id", "no"), name="aftersales_change_no")],
            },
        ),
        migrations.CreateModel(
            name="ChargeBack",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("reference", models.TextField()),
                ("collection_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
                ("interest_minor", models.BigIntegerField()),
                ("charges_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("reason", models.TextField()),
                ("taken_on", models.DateField()),
                ("entered_on", models.DateField()),
                ("entered_at", models.DateTimeField()),
                ("won_by_id", models.UUIDField(null=True)),
                ("won_on", models.DateField(null=True)),
            ],
            options={
                "db_table": "aftersales_charge_back",
                "indexes": [models.Index(fields=["book_id", "entered_at", "id"], name="aftersales_charge_back_book")],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "reference"), name="aftersales_charge_back_reference"),
                    models.CheckConstraint(condition=models.Q(("amount_minor__gt", 0)), name="aftersales_charge_back_amount"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("won_by_id__isnull", True), ("won_on__isnull", True)),
                            models.Q(("won_by_id__isnull", False), ("won_on__isnull", False)),
                            _connector="OR",
                        ),
                        name="aftersales_charge_back_won",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("state", models.TextField()),
                ("taken_on", models.DateField()),
                ("taken_at", models.DateTimeField()),
                ("actor", models.TextField()),
                ("reason", models.TextField()),
                ("paused_until", models.DateField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("case_id", "no"), name="aftersales_step_no"),
                    models.CheckConstraint(
                        condition=models.Q(("no__gt", 0), ("state__in", ["asked", "agreed", "declined", "in_hand", "done", "cancelled"])),
                        name="aftersales_step_state",
                    ),
                ],
            },
        ),
        references_as_a_set("aftersales_case", [Reference(("order_id", "merchant_id", "consumer_id", "book_id"), "orders_order", _WHOSE)]),
        composite_key("aftersales_case", ["book_id", "id"]),
        composite_key("aftersales_case", ["book_id", "id", "order_id"]),
        composite_key("aftersales_case", ["book_id", "id", "consumer_id"]),
        composite_fk("aftersales_step", ["book_id", "case_id"], "aftersales_case", ["book_id", "id"]),
        composite_key("aftersales_step", ["book_id", "case_id", "no"]),
        composite_fk("aftersales_change", ["book_id", "case_id", "step_no"], "aftersales_step", ["book_id", "case_id", "no"]),
        composite_fk("aftersales_change", ["book_id", "case_id", "order_id"], "aftersales_case", ["book_id", "id", "order_id"]),
        composite_fk("aftersales_change", ["capture_id", "order_id"], "orders_capture", ["id", "order_id"]),
        composite_fk("aftersales_back", ["book_id", "case_id", "consumer_id"], "aftersales_case", ["book_id", "id", "consumer_id"]),
        *(
            composite_fk(
                table, ["book_id", column, "consumer_id", "currency"], "payments_collection", ["book_id", "id", "consumer_id", "currency"]
            )
            for table, column in (
                ("aftersales_back", "collection_id"),
                ("aftersales_charge_back", "collection_id"),
                ("aftersales_charge_back", "won_by_id"),
            )
        ),
        composite_fk("aftersales_charge_back", ["book_id", "reference"], "payments_channel_refund", ["book_id", "reference"]),
        fixed("aftersales_case", ["id", "book_id", "order_id", "merchant_id", "consumer_id"]),
        secure("aftersales_case", writes="update", merchant="merchant_id", consumer="consumer_id"),
        secure("aftersales_step", writes="append"),
        secure("aftersales_change", writes="append"),
        secure("aftersales_back", writes="append"),
        secure("aftersales_charge_back", writes="update"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
