"""Breaks are worked: by when, whose, with notes, evidence and fixes; what happened to each and when, so that no statement of a past day changes."""

from django.db import migrations, models

from yuefu.runtime.tables import composite_fk, composite_key, secure

PROMISES = """
-- What a break had become before there was a history: its end is the first thing that is known of it.
INSERT INTO reconciliation_breakevent (id, book_id, break_id, no, on_date, at, actor, action, state, text, evidence_name, evidence_sha256)
    SELECT gen_random_uuid(), book_id, id, 1, closed_on, closed_on::timestamp AT TIME ZONE 'UTC', 'system:before',
        CASE WHEN reason = 'came_on_another_day' THEN 'came' ELSE 'ended' END, state, reason, '', ''
    FROM reconciliation_break WHERE state <> 'open';

-- Of a fix only what becomes of it is written again, and what ended stays.
REVOKE UPDATE ON reconciliation_fix FROM yuefu_writer;
GRANT UPDATE (state, code, entry_id, ended_on, ended_at) ON reconciliation_fix TO yuefu_writer;
CREATE FUNCTION reconciliation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%: % is no step of %', TG_NAME, TG_OP, NEW.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER reconciliation_fix_forward BEFORE UPDATE ON reconciliation_fix FOR EACH ROW
    WHEN (NOT (OLD.state = 'waiting' AND NEW.state IN ('approved', 'rejected') OR OLD.state = 'approved' AND NEW.state IN ('done', 'dropped')))
    EXECUTE FUNCTION reconciliation_guard();
CREATE TRIGGER reconciliation_fix_begins BEFORE INSERT ON reconciliation_fix FOR EACH ROW
    WHEN (NEW.state <> CASE WHEN NEW.alone THEN 'approved' ELSE 'waiting' END) EXECUTE FUNCTION reconciliation_guard();

CREATE FUNCTION reconciliation_guard_fix() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM runtime_approval AS a WHERE a.id = NEW.approval_id AND a.book_id = NEW.book_id AND a.state = NEW.state
        AND a.action = 'break.fix' AND a.object_kind = 'fix' AND a.object_id = NEW.id AND a.content ->> 'kind' = NEW.kind
        AND a.content ->> 'amount_minor' = NEW.amount_minor::text) THEN
        RAISE EXCEPTION 'fix % was not decided by a second person', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reconciliation_fix_decided BEFORE UPDATE ON reconciliation_fix FOR EACH ROW
    WHEN (OLD.state = 'waiting') EXECUTE FUNCTION reconciliation_guard_fix();

-- How a break stands is the last thing that its history says.
CREATE FUNCTION reconciliation_guard_break() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE stands text; said text;
BEGIN
    SELECT state INTO stands FROM reconciliation_break WHERE id = NEW.id;
    SELECT state INTO said FROM reconciliation_breakevent WHERE break_id = NEW.id ORDER BY no DESC LIMIT 1;
    IF stands <> coalesce(said, 'open') THEN
        RAISE EXCEPTION 'break % is %, its history says %', NEW.id, stands, said USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reconciliation_break_stands_as_told AFTER INSERT OR UPDATE OF state ON reconciliation_break
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation_guard_break();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0003_statements_of_two_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="BreakEvent",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("break_id", models.UUIDField()),
                ("no", models.IntegerField()),
                ("on_date", models.DateField()),
                ("at", models.DateTimeField()),
                ("actor", models.TextField()),
                ("action", models.TextField()),
                ("state", models.TextField()),
                ("text", models.TextField(default="")),
                ("until", models.DateField(null=True)),
                ("fix_id", models.UUIDField(null=True)),
                ("evidence_name", models.TextField(default="")),
                ("evidence_sha256", models.TextField(default="")),
                ("evidence", models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Fix",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("break_id", models.UUIDField()),
                ("source", models.TextField()),
                ("kind", models.TextField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("other_id", models.UUIDField(null=True)),
                ("until", models.DateField(null=True)),
                ("reason", models.TextField()),
                ("alone", models.BooleanField()),
                ("approval_id", models.UUIDField(null=True)),
                ("state", models.TextField()),
                ("asked_by", models.TextField()),
                ("asked_on", models.DateField()),
                ("asked_at", models.DateTimeField()),
                ("code", models.TextField(default="")),
                ("entry_id", models.UUIDField(null=True)),
                ("ended_on", models.DateField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="break",
            name="reconciliation_break_class",
        ),
        migrations.RemoveConstraint(
            model_name="item",
            name="reconciliation_item_outcome",
        ),
        migrations.AddField(model_name="break", name="due_on", field=models.DateField(null=True)),
        migrations.RunSQL("UPDATE reconciliation_break SET due_on = opened_on + 4", migrations.RunSQL.noop),
        migrations.AlterField(model_name="break", name="due_on", field=models.DateField()),
        migrations.AddField(
            model_name="break",
            name="fix_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="item",
            name="break_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name="break",
            index=models.Index(fields=["book_id", "source", "reference"], name="reconciliation_break_reference"),
        ),
        migrations.AddIndex(
            model_name="break",
            index=models.Index(fields=["book_id", "opened_on", "id"], name="reconciliation_break_by_age"),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(condition=models.Q(("break_id__isnull", False)), fields=["break_id"], name="reconciliation_item_break"),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "cls__in",
                        [
                            "matched",
                            "amount_differs",
                            "status_differs",
                            "missing_here",
                            "missing_there",
                            "duplicate",
                            "other_day",
                            "correction",
                        ],
                    ),
                    models.Q(("cls__in", ["matched", "correction"]), _negated=True),
                ),
                name="reconciliation_break_class",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "matched",
                            "amount_differs",
                            "status_differs",
                            "missing_here",
                            "missing_there",
                            "duplicate",
                            "other_day",
                            "correction",
                        ],
                    )
                ),
                name="reconciliation_item_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="item",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("break_id__isnull", False), ("outcome", "correction")),
                    models.Q(models.Q(("outcome", "correction"), _negated=True), ("break_id__isnull", True)),
                    _connector="OR",
                ),
                name="reconciliation_item_correction_of_a_break",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakevent",
            constraint=models.UniqueConstraint(fields=("break_id", "no"), name="reconciliation_breakevent_in_order"),
        ),
        migrations.AddConstraint(
            model_name="breakevent",
            constraint=models.CheckConstraint(condition=models.Q(("no__gte", 1)), name="reconciliation_breakevent_no"),
        ),
        migrations.AddConstraint(
            model_name="breakevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "explained", "corrected", "closed"])), name="reconciliation_breakevent_state"
            ),
        ),
        migrations.AddConstraint(
            model_name="breakevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "action__in",
                        [
                            "assigned",
                            "due",
                            "noted",
                            "evidence",
                            "asked",
                            "approved",
                            "rejected",
                            "dropped",
                            "chased",
                            "fixed",
                            "ended",
                            "reopened",
                            "came",
                        ],
                    )
                ),
                name="reconciliation_breakevent_action",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("action", "evidence"),
                        models.Q(("evidence_name", ""), _negated=True),
                        models.Q(("evidence_sha256", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("action", "evidence"), _negated=True),
                        ("evidence__isnull", True),
                        ("evidence_name", ""),
                        ("evidence_sha256", ""),
                    ),
                    _connector="OR",
                ),
                name="reconciliation_breakevent_evidence",
            ),
        ),
        migrations.AddIndex(
            model_name="fix",
            index=models.Index(fields=["break_id", "asked_at"], name="reconciliation_fix_break"),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["post_fee", "post_repayment", "confirmed_by_money", "offset", "chase_provider", "write_off"])
                ),
                name="reconciliation_fix_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["waiting", "approved"])), fields=("break_id",), name="reconciliation_fix_one_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.UniqueConstraint(fields=("approval_id",), name="reconciliation_fix_approval_once"),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("alone", True), ("approval_id__isnull", True)),
                    models.Q(("alone", False), ("approval_id__isnull", False)),
                    _connector="OR",
                ),
                name="reconciliation_fix_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("alone", True), ("kind__in", ["chase_provider", "offset"])),
                    models.Q(("kind__in", ["chase_provider", "offset"]), _negated=True),
                    _connector="OR",
                ),
                name="reconciliation_fix_alone",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "offset"), ("other_id__isnull", False)),
                    models.Q(models.Q(("kind", "offset"), _negated=True), ("other_id__isnull", True)),
                    _connector="OR",
                ),
                name="reconciliation_fix_offset_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "chase_provider"), ("until__isnull", False)),
                    models.Q(models.Q(("kind", "chase_provider"), _negated=True), ("until__isnull", True)),
                    _connector="OR",
                ),
                name="reconciliation_fix_chased_until",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("code", ""),
                        ("ended_at__isnull", True),
                        ("ended_on__isnull", True),
                        ("entry_id__isnull", True),
                        ("state__in", ["waiting", "approved"]),
                    ),
                    models.Q(("code", ""), ("ended_at__isnull", False), ("ended_on__isnull", False), ("state", "done")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ended_on__isnull", False),
                        ("entry_id__isnull", True),
                        ("state__in", ["rejected", "dropped"]),
                        models.Q(("state", "rejected"), models.Q(("code", ""), _negated=True), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="reconciliation_fix_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="fix",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entry_id__isnull", False), ("kind__in", ["post_fee", "write_off"]), ("state", "done")),
                    models.Q(
                        ("entry_id__isnull", True), models.Q(("kind__in", ["post_fee", "write_off"]), ("state", "done"), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="reconciliation_fix_books_what_it_says",
            ),
        ),
        migrations.AddIndex(
            model_name="break",
            index=models.Index(condition=models.Q(("fix_id__isnull", False)), fields=["fix_id"], name="reconciliation_break_fixed"),
        ),
        migrations.AddIndex(model_name="fix", index=models.Index(fields=["book_id", "kind"], name="reconciliation_fix_kinds")),
        composite_key("reconciliation_break", ["id", "book_id", "source"]),
        composite_key("reconciliation_fix", ["id", "book_id", "source"]),
        composite_fk("reconciliation_item", ["break_id", "book_id", "source"], "reconciliation_break", ["id", "book_id", "source"]),
        composite_fk("reconciliation_fix", ["break_id", "book_id", "source"], "reconciliation_break", ["id", "book_id", "source"]),
        composite_fk("reconciliation_fix", ["other_id", "book_id", "source"], "reconciliation_break", ["id", "book_id", "source"]),
        composite_fk("reconciliation_fix", ["book_id", "approval_id"], "runtime_approval", ["book_id", "id"]),
        composite_key("reconciliation_break", ["id", "book_id"]),
        composite_key("reconciliation_fix", ["id", "book_id"]),
        composite_fk("reconciliation_break", ["fix_id", "book_id"], "reconciliation_fix", ["id", "book_id"]),
        composite_fk("reconciliation_breakevent", ["break_id", "book_id"], "reconciliation_break", ["id", "book_id"]),
        composite_fk("reconciliation_breakevent", ["fix_id", "book_id"], "reconciliation_fix", ["id", "book_id"]),
        secure("reconciliation_fix", writes="update"),
        secure("reconciliation_breakevent", writes="append"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
