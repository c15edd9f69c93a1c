from django.db import migrations, models

import yuefu.runtime.tables
from yuefu.runtime.tables import composite_fk, composite_key, fixed, secure

PROMISES = """
ALTER TABLE notices_message SET (fillfactor = 80);

CREATE FUNCTION notices_guard_message() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'queued' OR NEW.tries <> 0 OR NEW.seq <> 1 OR NEW.channel IS NOT NULL THEN
            RAISE EXCEPTION 'a message begins queued' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.book_id, NEW.consumer_id, NEW.kind, NEW.occasion, NEW.counts_as, NEW.queued_at, NEW.expires_at)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.consumer_id, OLD.kind, OLD.occasion, OLD.counts_as, OLD.queued_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'message % stays what it is about', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('queued', 'queued'), ('queued', 'sending'), ('queued', 'suppressed'), ('queued', 'failed'),
        ('sending', 'queued'), ('sending', 'sent'), ('sending', 'failed'), ('failed', 'sent'))
        OR (OLD.state = 'failed' AND OLD.reason <> 'outcome_unknown') THEN
        RAISE EXCEPTION 'message % is % and cannot become %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.seq < OLD.seq OR NEW.tries <> OLD.tries + (OLD.state = 'queued' AND NEW.state = 'sending')::int THEN
        RAISE EXCEPTION 'the tries of message % are counted one by one', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'queued' AND (NEW.params::text, NEW.channel, NEW.language) IS DISTINCT FROM (OLD.params::text, OLD.channel, OLD.language) THEN
        RAISE EXCEPTION 'what message % said stays said', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER notices_message_forward BEFORE INSERT OR UPDATE ON notices_message FOR EACH ROW EXECUTE FUNCTION notices_guard_message();

CREATE FUNCTION notices_guard_contact() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'whoever asked to be forgotten (%) stays so', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER notices_contact_stays_forgotten BEFORE UPDATE ON notices_contact FOR EACH ROW
    WHEN (OLD.forgotten_at IS NOT NULL) EXECUTE FUNCTION notices_guard_contact();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("consumers", "0002_stays"), ("runtime", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("message_id", models.UUIDField()),
                ("no", models.SmallIntegerField()),
                ("step", models.TextField()),
                ("channel", models.TextField()),
                ("address_index", models.BinaryField(null=True)),
                ("text_hash", models.TextField(null=True)),
                ("parts", models.SmallIntegerField(null=True)),
                ("code", models.TextField(default="")),
                ("provider_ref", models.TextField(default="")),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("message_id", "no", "step"), name="notices_attempt_step_once"),
                    models.CheckConstraint(
                        condition=models.Q(("step__in", ["begun", "accepted", "refused", "later", "unknown", "unheard"])),
                        name="notices_attempt_step",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("address_index__isnull", False),
                                ("parts__gte", 1),
                                ("step", "begun"),
                                ("text_hash__regex", "^[0-9a-f]{64}$"),
                            ),
                            models.Q(
                                models.Q(("step", "begun"), _negated=True),
                                ("address_index__isnull", True),
                                ("parts__isnull", True),
                                ("text_hash__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="notices_attempt_begins_with_its_words",
                    ),
                    models.CheckConstraint(condition=models.Q(("no__gte", 1)), name="notices_attempt_no"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Choice",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("seq", models.IntegerField()),
                ("is_wanted", models.BooleanField()),
                ("recorded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__regex", "^[a-z][a-z0-9_]{0,39}$")), name="notices_choice_kind"),
                    models.CheckConstraint(condition=models.Q(("seq__gte", 1)), name="notices_choice_seq"),
                    models.UniqueConstraint(fields=("consumer_id", "kind", "seq"), name="notices_choice_in_order"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("language", models.TextField()),
                ("channel", models.TextField()),
                ("zone", models.TextField(null=True)),
                ("email_sealed", models.BinaryField(null=True)),
                ("forgotten_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("language__in", ("zh", "en"))), name="notices_contact_language"),
                    models.CheckConstraint(condition=models.Q(("channel__in", ("email", "sms"))), name="notices_contact_channel"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("forgotten_at__isnull", True),
                            models.Q(("email_sealed__isnull", True), ("zone__isnull", True)),
                            _connector="OR",
                        ),
                        name="notices_contact_forgotten",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("book_id", models.UUIDField()),
                ("consumer_id", models.UUIDField()),
                ("kind", models.TextField()),
                ("occasion", models.TextField()),
                ("counts_as", models.TextField()),
                ("params", yuefu.runtime.tables.JsonTextField()),
                ("channel", models.TextField(null=True)),
                ("language", models.TextField(null=True)),
                ("state", models.TextField(default="queued")),
                ("reason", models.TextField(default="")),
                ("queued_at", models.DateTimeField()),
                ("not_before", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("tries", models.SmallIntegerField(default=0)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("seq", models.IntegerField(default=1)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "queued")), fields=["book_id", "consumer_id"], name="notices_message_queued"),
                    models.Index(
                        condition=models.Q(("state", "sending")), fields=["book_id", "claimed_at"], name="notices_message_sending"
                    ),
                    models.Index(
                        condition=models.Q(("counted_at__isnull", False)),
                        fields=["consumer_id", "counted_at"],
                        name="notices_message_counted",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("book_id", "consumer_id", "kind", "occasion"), name="notices_message_once"),
                    models.CheckConstraint(condition=models.Q(("kind__regex", "^[a-z][a-z0-9_]{0,39}$")), name="notices_message_kind"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("queued", "sending", "sent", "failed", "suppressed"))),
                        name="notices_message_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("channel__isnull", True),
                            models.Q(("channel__in", ("email", "sms")), ("language__in", ("zh", "en"))),
                            _connector="OR",
                        ),
                        name="notices_message_channel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), ("state__in", ["queued", "sending", "sent"])),
                            models.Q(
                                (
                                    "reason__in",
                                    ("forgotten", "opted_out", "overtaken", "too_late", "quiet_hours", "weekly_cap", "no_address"),
                                ),
                                ("state", "suppressed"),
                            ),
                            models.Q(
                                ("reason__in", ("address_refused", "unreachable", "outcome_unknown", "not_rendered")), ("state", "failed")
                            ),
                            _connector="OR",
                        ),
                        name="notices_message_ends_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state__in", ["queued", "sending"])),
                            models.Q(models.Q(("state__in", ["queued", "sending"]), _negated=True), ("ended_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="notices_message_ended",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("counted_at__isnull", True), ("state", "queued")),
                            models.Q(("counted_at__isnull", True), ("state", "suppressed")),
                            ("state", "failed"),
                            models.Q(
                                ("channel__isnull", False),
                                ("counted_at__isnull", False),
                                ("state__in", ["sending", "sent"]),
                                ("tries__gte", 1),
                            ),
                            _connector="OR",
                        ),
                        name="notices_message_counted_if_it_may_have_arrived",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("claimed_at__isnull", False), ("state", "sending")),
                            models.Q(models.Q(("state", "sending"), _negated=True), ("claimed_at__isnull", True)),
                            _connector="OR",
                        ),
                        name="notices_message_claimed_while_sending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__isnull", True), ("expires_at__gt", models.F("queued_at")), _connector="OR"),
                        name="notices_message_lasts",
                    ),
                ],
            },
        ),
        composite_fk("notices_contact", ["book_id", "id"], "consumers_consumer", ["book_id", "id"]),
        composite_key("notices_contact", ["book_id", "id"]),
        composite_fk("notices_choice", ["book_id", "consumer_id"], "notices_contact", ["book_id", "id"]),
        composite_fk("notices_message", ["book_id", "consumer_id"], "notices_contact", ["book_id", "id"]),
        composite_key("notices_message", ["book_id", "id"]),
        composite_fk("notices_attempt", ["book_id", "message_id"], "notices_message", ["book_id", "id"]),
        fixed("notices_contact", ["id", "book_id"]),
        secure("notices_contact", writes="update", consumer="id"),
        secure("notices_choice", writes="append", consumer="consumer_id"),
        secure("notices_message", writes="update", consumer="consumer_id"),
        secure("notices_attempt", writes="append"),
        migrations.RunSQL(PROMISES, migrations.RunSQL.noop),
    ]
