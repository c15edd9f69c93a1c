"""Tables of the machinery: books, days, runs, settings, approvals, keys, outbox, audit, cursors, quarantine, stops."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow, CommittedRow, CurrentXid, JsonTextField, Xid8Field


class Book(models.Model):
    id = models.UUIDField(primary_key=True)
    code = models.TextField(unique=True)
    legal_entity = models.TextField()
    mode = models.TextField()
    currency = models.TextField()
    zone = models.TextField()
    calendar = models.TextField()
    cut_off = models.TimeField()
    clock_at = models.DateTimeField(null=True)
    of_clock = models.BooleanField(db_default=False)
    """It is the book of a test clock, which does all that falls due in it: jobs have nothing to do there."""
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(mode__in=["live", "test"]), name="runtime_book_mode"),
            models.CheckConstraint(condition=Q(of_clock=False) | Q(mode="test", clock_at__isnull=False), name="runtime_book_of_clock"),
            models.CheckConstraint(condition=Q(mode="test") | Q(clock_at__isnull=True), name="runtime_book_live_has_no_test_clock"),
        ]


class BusinessDay(models.Model):
    pk = models.CompositePrimaryKey("book_id", "on_date")
    book_id = models.UUIDField()
    on_date = models.DateField()
    state = models.TextField()
    opened_at = models.DateTimeField()
    closing_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "runtime_business_day"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["open", "closing", "closed"]), name="runtime_business_day_state"),
            models.UniqueConstraint(fields=["book_id"], condition=Q(state="open"), name="runtime_business_day_one_open"),
        ]


class Run(BookRow):
    """Stored day work. Its steps and chunks say what is done, so that a stopped run goes on where it stood."""

    kind = models.TextField()
    on_date = models.DateField()
    state = models.TextField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    actor = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["running", "failed", "done"]), name="runtime_run_state"),
            models.UniqueConstraint(fields=["book_id", "kind", "on_date"], name="runtime_run_once_a_day"),
        ]


class RunStep(models.Model):
    pk = models.CompositePrimaryKey("run_id", "name")
    run_id = models.UUIDField()
    book_id = models.UUIDField()
    seq = models.SmallIntegerField()
    name = models.TextField()
    state = models.TextField()
    chunks_done = models.IntegerField(default=0)
    cursor = models.TextField(default="")
    detail = models.JSONField(default=dict)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "runtime_run_step"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["waiting", "running", "failed", "done"]), name="runtime_run_step_state")
        ]


class RunChunk(models.Model):
    """A part of a step that one worker does in one transaction: the rows whose id lies from `first_id` to `last_id`."""

    pk = models.CompositePrimaryKey("run_id", "name", "no")
    run_id = models.UUIDField()
    name = models.TextField()
    no = models.IntegerField()
    book_id = models.UUIDField()
    first_id = models.UUIDField()
    last_id = models.UUIDField()
    done = models.BooleanField(default=False)

    class Meta:
        db_table = "runtime_run_chunk"
        constraints = [models.CheckConstraint(condition=Q(first_id__lte=F("last_id")), name="runtime_run_chunk_rises")]
        indexes = [models.Index(fields=["run_id", "name"], condition=Q(done=False), name="runtime_run_chunk_waiting")]


class Approval(BookRow):
    """A decision that needs two people: one asks, another decides. The platform may ask, without a person; it never decides."""

    action = models.TextField()
    object_kind = models.TextField()
    object_id = models.UUIDField(null=True)
    content = models.JSONField()
    reason = models.TextField()
    requested_by = models.TextField()
    requested_by_user = models.UUIDField(null=True)
    requested_at = models.DateTimeField()
    state = models.TextField(default="waiting")
    decided_by = models.TextField(null=True)
    decided_by_user = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["waiting", "approved", "rejected"]), name="runtime_approval_state"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")), name="runtime_approval_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by__isnull=True) | (~Q(state="waiting") & Q(decided_by__isnull=False)),
                name="runtime_approval_decided_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by_user__isnull=True)
                | (
                    ~Q(state="waiting")
                    & Q(decided_by_user__isnull=False)
                    & ~Q(decided_by__startswith="system:")
                    & (Q(requested_by_user__isnull=True) | ~Q(decided_by_user=F("requested_by_user")))
                ),
                name="runtime_approval_two_persons",
            ),
        ]


class Setting(BookRow):
    """One version of a policy value. A new version is a new row, in force from a date, with the approval it came by."""

    name = models.TextField()
    version = models.IntegerField()
    value = models.JSONField()
    valid_from = models.DateField()
    approval = models.ForeignKey(Approval, null=True, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "name", "version"], name="runtime_setting_version"),
            models.CheckConstraint(condition=Q(version=1) | Q(approval__isnull=False), name="runtime_setting_change_is_approved"),
        ]


class Key(models.Model):
    """Idempotency: the first request of a key, by one fingerprint a field, and what became of it. Not partitioned, on purpose."""

    pk = models.CompositePrimaryKey("book_id", "scope", "key")
    book_id = models.UUIDField()
    scope = models.TextField()
    key = models.TextField()
    fingerprint = models.BinaryField()
    object_id = models.UUIDField()
    request_id = models.TextField(db_default="")
    refused_code = models.TextField(null=True)
    refused_detail = models.TextField(null=True)
    refused_field = models.TextField(null=True)
    recorded_at = models.DateTimeField()
    xid = Xid8Field(db_default=CurrentXid(), editable=False)


class Outbox(BookRow, CommittedRow):
    """An event as it was when it happened; rendered for an endpoint at delivery."""

    type = models.TextField()
    object_kind = models.TextField()
    object_id = models.UUIDField()
    seq = models.IntegerField()
    schema_version = models.SmallIntegerField()
    snapshot = JsonTextField()
    changed = JsonTextField()
    request_id = models.TextField()
    key = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["object_id", "seq", "object_kind"], name="runtime_outbox_object_seq")]
        indexes = [models.Index(fields=["epoch", "xid", "id"], name="runtime_outbox_commit")]


class Audit(BookRow, CommittedRow):
    """Who did what, when, to which objects."""

    actor = models.TextField()
    action = models.TextField()
    object_kind = models.TextField()
    object_ids = models.JSONField()
    detail = models.JSONField()
    request_id = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["epoch", "xid", "id"], name="runtime_audit_commit")]


class Cursor(models.Model):
    """How far a reader of committed rows has come."""

    name = models.TextField(primary_key=True)
    epoch = models.IntegerField()
    xid = models.TextField()
    row_id = models.UUIDField(null=True)
    moved_at = models.DateTimeField()


class Epoch(models.Model):
    """A life of the database. Transaction ids start anew after a logical restore; the epoch keeps commit order across it."""

    number = models.IntegerField(primary_key=True)
    system_identifier = models.TextField()
    started_at = models.DateTimeField()


class Quarantine(BookRow):
    """A request that raised an exception, set apart so that its neighbours go on: whole, as JSON, until it is sent again or dropped."""

    command = models.TextField()
    request = models.TextField()
    error = models.TextField()
    recorded_at = models.DateTimeField()
    state = models.TextField(default="waiting")
    digest = models.TextField(null=True)
    tries = models.IntegerField(db_default=1)
    tried_at = models.DateTimeField(null=True)
    outcome = models.TextField(db_default="")
    decided_by = models.TextField(null=True)
    decided_by_user = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["waiting", "retried", "dropped"]), name="runtime_quarantine_state"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="waiting") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="runtime_quarantine_decided_by_someone",
            ),
            models.CheckConstraint(condition=~Q(state="dropped", reason=""), name="runtime_quarantine_dropped_with_a_reason"),
            models.UniqueConstraint(
                fields=["book_id", "command", "digest"], condition=Q(state="waiting"), name="runtime_quarantine_waits_once"
            ),
        ]


class Stop(BookRow):
    """Something that is not done for a while: `action`, for the whole book or one `value` of a `dimension`."""

    action = models.TextField()
    dimension = models.TextField()
    value = models.TextField()
    reason = models.TextField()
    set_by = models.TextField()
    set_by_user = models.UUIDField(null=True)
    set_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    lifted_by = models.TextField(null=True)
    lifted_by_user = models.UUIDField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.TextField(db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(action="") & ~Q(reason=""), name="runtime_stop_says_what_and_why"),
            models.CheckConstraint(
                condition=Q(dimension="", value="") | (~Q(dimension="") & ~Q(value="")), name="runtime_stop_has_a_whole_target"
            ),
            models.CheckConstraint(condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("set_at")), name="runtime_stop_lasts"),
            models.CheckConstraint(
                condition=Q(set_by__startswith="system:") | Q(set_by_user__isnull=False), name="runtime_stop_set_by_someone"
            ),
            models.CheckConstraint(
                condition=Q(lifted_by__isnull=True, lifted_by_user__isnull=True, lifted_at__isnull=True, lift_reason="")
                | (
                    Q(lifted_by__isnull=False, lifted_at__gte=F("set_at"))
                    & ~Q(lift_reason="")
                    & (Q(lifted_by__startswith="system:") | Q(lifted_by_user__isnull=False))
                ),
                name="runtime_stop_lifted_by_someone",
            ),
        ]
        indexes = [models.Index(fields=["book_id"], condition=Q(lifted_at__isnull=True), name="runtime_stop_not_lifted")]
