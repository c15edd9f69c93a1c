"""Cases, contacts, promises, measures: one open case a person, nobody contacted at night, nothing that changes money by one person alone."""

import datetime as dt

from django.db import migrations, models

import yuefu.runtime.tables
from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
-- Of a case, a contact, a promise and a measure only what becomes of them is written again.
REVOKE UPDATE ON collecting_case, collecting_contact, collecting_promise, collecting_measure FROM yuefu_writer;
GRANT UPDATE (state, late_since, assignee_id, closed_on, closed_at, closed_reason, seq) ON collecting_case TO yuefu_writer;
GRANT UPDATE (outcome, outcome_at, note_sealed) ON collecting_contact TO yuefu_writer;
GRANT UPDATE (state, ended_on, ended_at) ON collecting_promise TO yuefu_writer;
GRANT UPDATE (state, fact_no, ended_on, ended_at) ON collecting_measure TO yuefu_writer;

CREATE FUNCTION collecting_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%: % is no step of %', TG_NAME, TG_OP, OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER collecting_case_forward BEFORE UPDATE ON collecting_case FOR EACH ROW
    WHEN (OLD.state = 'closed' OR NEW.seq < OLD.seq) EXECUTE FUNCTION collecting_guard();
CREATE TRIGGER collecting_contact_forward BEFORE UPDATE ON collecting_contact FOR EACH ROW
    WHEN (OLD.outcome <> '') EXECUTE FUNCTION collecting_guard();
CREATE TRIGGER collecting_promise_forward BEFORE UPDATE ON collecting_promise FOR EACH ROW
    WHEN (OLD.state <> 'running') EXECUTE FUNCTION collecting_guard();
CREATE TRIGGER collecting_measure_forward BEFORE UPDATE ON collecting_measure FOR EACH ROW
    WHEN (OLD.state <> 'waiting') EXECUTE FUNCTION collecting_guard();

CREATE FUNCTION collecting_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% begins otherwise', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER collecting_case_begins BEFORE INSERT ON collecting_case FOR EACH ROW
    WHEN (NEW.state <> 'open' OR NEW.seq <> 1) EXECUTE FUNCTION collecting_begins();
CREATE TRIGGER collecting_promise_begins BEFORE INSERT ON collecting_promise FOR EACH ROW
    WHEN (NEW.state <> 'running') EXECUTE FUNCTION collecting_begins();
CREATE TRIGGER collecting_measure_begins BEFORE INSERT ON collecting_measure FOR EACH ROW
    WHEN (NEW.state <> 'waiting') EXECUTE FUNCTION collecting_begins();

CREATE FUNCTION collecting_guard_measure() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval AS a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id
        AND a.state = CASE NEW.state WHEN 'entered' THEN 'approved' ELSE 'rejected' END AND a.action = 'collect.measure'
        AND a.object_kind = 'measure' AND a.object_id = NEW.id AND a.content -> 'event' = NEW.body::jsonb) THEN
        RAISE EXCEPTION 'measure % was not decided by a second person', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER collecting_measure_decided BEFORE UPDATE ON collecting_measure FOR EACH ROW
    WHEN (NEW.state IN ('entered', 'rejected') AND NOT NEW.alone) EXECUTE FUNCTION collecting_guard_measure();
"""

_CASE = ["book_id", "case_id", "consumer_id"]
_CASE_KEY = ["book_id", "id", "consumer_id"]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0003_keys_act_for_people"),
        ("consumers", "0002_stays"),
        ("credit", "0004_cycles"),
        ("loans", "0006_stretches"),
        ("runtime", "0012_run_chunks"),
    ]

    operations = [
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("assignee_id", models.UUIDField(null=True)),
                ("reason", models.TextField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("case_id", "no"), name="collecting_assignment_in_order")],
            },
        ),
        migrations.CreateModel(
            name="Case",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("state", models.TextField()),
                ("late_since", models.DateField()),
                ("assignee_id", models.UUIDField(null=True)),
                ("opened_on", models.DateField()),
                ("opened_at", models.DateTimeField()),
                ("closed_on", models.DateField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_reason", models.TextField(default="")),
                ("seq", models.IntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")), fields=["book_id", "late_since", "id"], name="collecting_case_worklist"
                    ),
                    models.Index(fields=["consumer_id", "opened_on"], name="collecting_case_consumer"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")), fields=("book_id", "consumer_id"), name="collecting_case_one_open"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", True), ("closed_on__isnull", True), ("closed_reason", ""), ("state", "open")),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("closed_on__isnull", False),
                                ("closed_reason__in", ["cured", "written_off"]),
                                ("state", "closed"),
                            ),
                            _connector="OR",
                        ),
                        name="collecting_case_closed_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("closed_on__isnull", True), ("closed_on__gte", models.F("opened_on")), _connector="OR"),
                        name="collecting_case_days",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Closure",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("reason", models.TextField()),
                ("missed", models.IntegerField(null=True)),
                ("latest_on", models.DateField()),
                ("recorded_on", models.DateField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("loan_id", "reason", "latest_on"), name="collecting_closure_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("latest_on__lt", models.F("recorded_on")),
                                ("missed__gte", 1),
                                ("missed__isnull", False),
                                ("reason", "instalments_missed_in_a_row"),
                            ),
                            models.Q(
                                ("latest_on__lte", models.F("recorded_on")),
                                ("missed__isnull", True),
                                ("reason__in", ["loan_charged_off", "loan_written_off"]),
                            ),
                            _connector="OR",
                        ),
                        name="collecting_closure_for_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("channel", models.TextField()),
                ("inbound", models.BooleanField()),
                ("local_on", models.DateField()),
                ("local_time", models.TimeField()),
                ("of_day", models.SmallIntegerField(null=True)),
                ("outcome", models.TextField(default="")),
                ("note_sealed", models.BinaryField(null=True)),
                ("recorded_by", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("outcome_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["case_id", "made_at"], name="collecting_contact_case"),
                    models.Index(fields=["consumer_id", "made_at"], name="collecting_contact_consumer"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ("call", "sms", "email", "app", "letter", "visit"))),
                        name="collecting_contact_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("note_sealed__isnull", True), ("outcome", ""), ("outcome_at__isnull", True)),
                            models.Q(
                                (
                                    "outcome__in",
                                    (
                                        "no_answer",
                                        "left_message",
                                        "reached",
                                        "promised",
                                        "refuses",
                                        "disputes",
                                        "hardship",
                                        "wrong_number",
                                        "delivered",
                                    ),
                                ),
                                ("outcome_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="collecting_contact_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("inbound", True), ("of_day__isnull", True)),
                            models.Q(
                                ("inbound", False),
                                ("local_time__gte", dt.time(8, 0)),
                                ("local_time__lt", dt.time(22, 0)),
                                ("of_day__gte", 1),
                                ("of_day__isnull", False),
                                ("of_day__lte", 3),
                            ),
                            _connector="OR",
                        ),
                        name="collecting_contact_decent",
                    ),
                    models.UniqueConstraint(fields=("consumer_id", "local_on", "of_day"), name="collecting_contact_of_day"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Measure",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("loan_id", models.UUIDField()),
                ("case_id", models.UUIDField(null=True)),
                ("kind", models.TextField()),
                ("body", yuefu.runtime.tables.JsonTextField()),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("loan_seq", models.IntegerField()),
                ("alone", models.BooleanField()),
                ("approval_id", models.UUIDField(null=True)),
                ("state", models.TextField()),
                ("fact_no", models.IntegerField(null=True)),
                ("reason", models.TextField()),
                ("recorded_by", models.TextField()),
                ("proposed_on", models.DateField()),
                ("proposed_at", models.DateTimeField()),
                ("ended_on", models.DateField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["loan_id", "proposed_at"], name="collecting_measure_loan"),
                    models.Index(fields=["case_id", "proposed_at"], name="collecting_measure_case"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")), fields=("loan_id",), name="collecting_measure_one_waiting"
                    ),
                    models.UniqueConstraint(fields=("approval_id",), name="collecting_measure_approval_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "arrears_paused",
                                    "charged_off",
                                    "interest_paused",
                                    "reaged",
                                    "reamortised",
                                    "rescheduled",
                                    "waived",
                                    "written_off",
                                ],
                            )
                        ),
                        name="collecting_measure_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount_minor__gt", 0), ("amount_minor__isnull", False), ("kind", "waived")),
                            models.Q(models.Q(("kind", "waived"), _negated=True), ("amount_minor__isnull", True)),
                            _connector="OR",
                        ),
                        name="collecting_measure_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("alone", True), ("approval_id__isnull", True), ("kind__in", ["arrears_paused", "waived"])),
                            models.Q(("alone", False), ("approval_id__isnull", False)),
                            _connector="OR",
                        ),
                        name="collecting_measure_by_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ended_at__isnull", True), ("ended_on__isnull", True), ("fact_no__isnull", True), ("state", "waiting")
                            ),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("ended_on__isnull", False),
                                ("fact_no__gt", 0),
                                ("fact_no__isnull", False),
                                ("state", "entered"),
                            ),
                            models.Q(
                                ("ended_at__isnull", False), ("ended_on__isnull", False), ("fact_no__isnull", True), ("state", "rejected")
                            ),
                            _connector="OR",
                        ),
                        name="collecting_measure_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Promise",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("case_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("due_on", models.DateField()),
                ("paid_before_minor", models.BigIntegerField()),
                ("state", models.TextField()),
                ("recorded_by", models.TextField()),
                ("made_on", models.DateField()),
                ("made_at", models.DateTimeField()),
                ("ended_on", models.DateField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["case_id", "made_at"], name="collecting_promise_case")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")), fields=("case_id",), name="collecting_promise_one_running"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0), ("due_on__gte", models.F("made_on"))),
                        name="collecting_promise_of_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("ended_on__isnull", True), ("state", "running")),
                            models.Q(
                                ("ended_at__isnull", False), ("ended_on__isnull", False), ("state__in", ["kept", "broken", "released"])
                            ),
                            _connector="OR",
                        ),
                        name="collecting_promise_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "broken"), _negated=True), ("ended_on__gt", models.F("due_on")), _connector="OR"
                        ),
                        name="collecting_promise_waited_for",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Restriction",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("channel", models.TextField()),
                ("seq", models.IntegerField()),
                ("is_set", models.BooleanField()),
                ("reason", models.TextField()),
                ("recorded_by", models.TextField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["call", "sms", "email", "app", "letter", "visit", "all"])),
                        name="collecting_restriction_channel",
                    ),
                    models.CheckConstraint(condition=models.Q(("seq__gte", 1)), name="collecting_restriction_seq"),
                    models.UniqueConstraint(fields=("consumer_id", "channel", "seq"), name="collecting_restriction_in_order"),
                ],
            },
        ),
        composite_key("collecting_case", ["book_id", "id"]),
        composite_key("collecting_case", _CASE_KEY),
        composite_fk("collecting_case", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_fk("collecting_case", ["assignee_id"], "access_user", ["id"]),
        composite_fk("collecting_assignment", ["book_id", "case_id"], "collecting_case", ["book_id", "id"]),
        composite_fk("collecting_assignment", ["assignee_id"], "access_user", ["id"]),
        composite_fk("collecting_contact", _CASE, "collecting_case", _CASE_KEY),
        composite_fk("collecting_restriction", ["book_id", "consumer_id"], "consumers_consumer", ["book_id", "id"]),
        composite_fk("collecting_promise", _CASE, "collecting_case", _CASE_KEY),
        composite_fk("collecting_measure", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        composite_fk("collecting_measure", ["book_id", "case_id"], "collecting_case", ["book_id", "id"]),
        composite_fk("collecting_measure", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_fk("collecting_closure", ["book_id", "account_id", "consumer_id"], "credit_account", ["book_id", "id", "consumer_id"]),
        composite_fk("collecting_closure", ["book_id", "loan_id"], "loans_agreement", ["book_id", "id"]),
        secure("collecting_case", writes="update"),
        secure("collecting_assignment", writes="append"),
        secure("collecting_contact", writes="update"),
        secure("collecting_restriction", writes="append"),
        secure("collecting_promise", writes="update"),
        secure("collecting_measure", writes="update"),
        secure("collecting_closure", writes="append"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
