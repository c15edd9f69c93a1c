"""Tables of reconciliation. Files, lines and items are append-only."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow, JsonTextField

_SOURCES = ["channel_trade", "channel_fund", "bank", "bank_client"]
_OUTCOMES = ["matched", "amount_differs", "status_differs", "missing_here", "missing_there", "duplicate", "other_day", "correction"]
_STATES = ["open", "explained", "corrected", "closed"]
_FIXES = ["post_fee", "post_repayment", "confirmed_by_money", "offset", "chase_provider", "write_off", "send_refund_again"]
_ALONE = ["chase_provider", "offset"]


class File(BookRow):
    """A bill as it came, of a day, with its bytes (gzip), so that it can be read again; of one of several days, one file keeps them for the others."""

    source = models.TextField()
    on_date = models.DateField()
    sha256 = models.TextField()
    layout = models.TextField()
    account = models.TextField()
    currency = models.TextField()
    line_count = models.IntegerField()
    totals = models.JSONField()
    content = models.BinaryField(null=True)
    received_at = models.DateTimeField()
    whole_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(source__in=_SOURCES), name="reconciliation_file_source"),
            models.UniqueConstraint(fields=["book_id", "source", "on_date"], name="reconciliation_file_one_a_day"),
            # An empty bill has the same bytes on every day.
            models.UniqueConstraint(
                fields=["book_id", "source", "sha256"],
                condition=Q(line_count__gt=0, whole_id__isnull=True),
                name="reconciliation_file_content_once",
            ),
            models.UniqueConstraint(fields=["id", "book_id", "source", "sha256"], name="reconciliation_file_whole"),
            models.CheckConstraint(
                condition=Q(content__isnull=False, whole_id__isnull=True) | Q(content__isnull=True, whole_id__isnull=False),
                name="reconciliation_file_bytes_once",
            ),
        ]


class Line(models.Model):
    pk = models.CompositePrimaryKey("file_id", "line_no")
    file_id = models.UUIDField()
    line_no = models.IntegerField()
    book_id = models.UUIDField()
    source = models.TextField()
    on_date = models.DateField()
    kind = models.TextField()
    reference = models.TextField()
    provider_id = models.TextField()
    business_id = models.TextField()
    occurred_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    currency = models.TextField()
    status = models.TextField()
    balance_minor = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["book_id", "source", "reference"], name="reconciliation_line_reference"),
            models.Index(fields=["book_id", "source", "provider_id"], name="reconciliation_line_provider"),
        ]


class Day(BookRow):
    """The state of one source and day, and the bridge from the ledger's sum to the bill's."""

    source = models.TextField()
    on_date = models.DateField()
    state = models.TextField()
    file_id = models.UUIDField()
    bill_total_minor = models.BigIntegerField(null=True)
    ledger_total_minor = models.BigIntegerField(null=True)
    differences = models.JSONField(default=dict)
    residual_minor = models.BigIntegerField(null=True)
    line_count = models.IntegerField(default=0)
    movement_count = models.IntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "source", "on_date"], name="reconciliation_day_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "running", "done", "failed"]), name="reconciliation_day_state"),
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(residual_minor=0, residual_minor__isnull=False, bill_total_minor__isnull=False, ledger_total_minor__isnull=False),
                name="reconciliation_day_done_without_residual",
            ),
        ]


class Item(BookRow):
    """One line, one movement, or a pair of both, classified on its day."""

    source = models.TextField()
    on_date = models.DateField()
    day_id = models.UUIDField()
    place = models.IntegerField()
    outcome = models.TextField()
    kind = models.TextField()
    reference = models.TextField()
    file_id = models.UUIDField(null=True)
    line_no = models.IntegerField(null=True)
    movement_id = models.UUIDField(null=True)
    line_minor = models.BigIntegerField(null=True)
    movement_minor = models.BigIntegerField(null=True)
    movement_status = models.TextField(default="")
    difference_minor = models.BigIntegerField()
    currency = models.TextField()
    break_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=_OUTCOMES), name="reconciliation_item_outcome"),
            models.CheckConstraint(
                condition=Q(outcome="correction", break_id__isnull=False) | (~Q(outcome="correction") & Q(break_id__isnull=True)),
                name="reconciliation_item_correction_of_a_break",
            ),
            models.CheckConstraint(
                condition=Q(file_id__isnull=False, line_no__isnull=False, line_minor__isnull=False)
                | Q(file_id__isnull=True, line_no__isnull=True, line_minor__isnull=True, movement_id__isnull=False),
                name="reconciliation_item_has_a_half",
            ),
            models.UniqueConstraint(fields=["file_id", "line_no"], name="reconciliation_item_line_once"),
            models.UniqueConstraint(
                fields=["movement_id", "kind", "source"], condition=Q(movement_id__isnull=False), name="reconciliation_item_movement_once"
            ),
        ]
        indexes = [
            models.Index(fields=["day_id", "place"], name="reconciliation_item_day"),
            models.Index(fields=["break_id"], condition=Q(break_id__isnull=False), name="reconciliation_item_break"),
        ]


class Break(BookRow):
    """A difference that somebody looks at. Its class may become another when the other half turns up."""

    source = models.TextField()
    item_id = models.UUIDField()
    cls = models.TextField()
    kind = models.TextField()
    reference = models.TextField()
    line_minor = models.BigIntegerField(null=True)
    movement_minor = models.BigIntegerField(null=True)
    currency = models.TextField()
    order_id = models.UUIDField(null=True)
    owner_role = models.TextField()
    owner_id = models.UUIDField(null=True)
    state = models.TextField()
    reason = models.TextField(default="")
    opened_on = models.DateField()
    due_on = models.DateField()
    closed_on = models.DateField(null=True)
    resolved_by_item_id = models.UUIDField(null=True)
    fix_id = models.UUIDField(null=True)
    told = models.IntegerField(db_default=0)
    """How many events were told of it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item_id"], name="reconciliation_break_one_of_an_item"),
            models.CheckConstraint(
                condition=Q(cls__in=_OUTCOMES) & ~Q(cls__in=["matched", "correction"]), name="reconciliation_break_class"
            ),
            models.CheckConstraint(condition=Q(state__in=_STATES), name="reconciliation_break_state"),
            models.CheckConstraint(
                condition=Q(state="open", closed_on__isnull=True) | (~Q(state="open") & Q(closed_on__isnull=False) & ~Q(reason="")),
                name="reconciliation_break_ended_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "source"], condition=Q(state="open"), name="reconciliation_break_open"),
            models.Index(fields=["book_id", "cls"], name="reconciliation_break_by_class"),
            models.Index(fields=["order_id"], name="reconciliation_break_order"),
            models.Index(fields=["book_id", "source", "reference"], name="reconciliation_break_reference"),
            models.Index(fields=["book_id", "opened_on", "id"], name="reconciliation_break_by_age"),
            models.Index(fields=["fix_id"], condition=Q(fix_id__isnull=False), name="reconciliation_break_fixed"),
        ]


class Fix(BookRow):
    """What somebody asked to have done about a break, and what became of it."""

    break_id = models.UUIDField()
    source = models.TextField()
    kind = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    other_id = models.UUIDField(null=True)
    until = models.DateField(null=True)
    reason = models.TextField()
    alone = models.BooleanField()
    approval_id = models.UUIDField(null=True)
    state = models.TextField()
    asked_by = models.TextField()
    asked_on = models.DateField()
    asked_at = models.DateTimeField()
    code = models.TextField(default="")
    entry_id = models.UUIDField(null=True)
    ended_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=_FIXES), name="reconciliation_fix_kind"),
            models.UniqueConstraint(
                fields=["break_id"], condition=Q(state__in=["waiting", "approved"]), name="reconciliation_fix_one_waiting"
            ),
            models.UniqueConstraint(fields=["approval_id"], name="reconciliation_fix_approval_once"),
            models.CheckConstraint(
                condition=Q(alone=True, approval_id__isnull=True) | Q(alone=False, approval_id__isnull=False),
                name="reconciliation_fix_by_two",
            ),
            models.CheckConstraint(condition=Q(kind__in=_ALONE, alone=True) | ~Q(kind__in=_ALONE), name="reconciliation_fix_alone"),
            models.CheckConstraint(
                condition=Q(kind="offset", other_id__isnull=False) | (~Q(kind="offset") & Q(other_id__isnull=True)),
                name="reconciliation_fix_offset_by_another",
            ),
            models.CheckConstraint(
                condition=Q(kind="chase_provider", until__isnull=False) | (~Q(kind="chase_provider") & Q(until__isnull=True)),
                name="reconciliation_fix_chased_until",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "approved"], ended_on__isnull=True, ended_at__isnull=True, entry_id__isnull=True, code="")
                | Q(state="done", ended_on__isnull=False, ended_at__isnull=False, code="")
                | (
                    Q(state__in=["rejected", "dropped"], ended_on__isnull=False, ended_at__isnull=False, entry_id__isnull=True)
                    & (Q(state="rejected") | ~Q(code=""))
                ),
                name="reconciliation_fix_state",
            ),
            models.CheckConstraint(
                condition=Q(entry_id__isnull=False, kind__in=["post_fee", "write_off"], state="done")
                | (Q(entry_id__isnull=True) & ~Q(kind__in=["post_fee", "write_off"], state="done")),
                name="reconciliation_fix_books_what_it_says",
            ),
        ]
        indexes = [
            models.Index(fields=["break_id", "asked_at"], name="reconciliation_fix_break"),
            models.Index(fields=["book_id", "kind"], name="reconciliation_fix_kinds"),
        ]


class BreakEvent(BookRow):
    """One thing that happened to a break, with how it stood after it. Append-only: statements of past days are made of these."""

    break_id = models.UUIDField()
    no = models.IntegerField()
    on_date = models.DateField()
    at = models.DateTimeField()
    actor = models.TextField()
    action = models.TextField()
    state = models.TextField()
    text = models.TextField(default="")
    until = models.DateField(null=True)
    fix_id = models.UUIDField(null=True)
    evidence_name = models.TextField(default="")
    evidence_sha256 = models.TextField(default="")
    evidence = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["break_id", "no"], name="reconciliation_breakevent_in_order"),
            models.CheckConstraint(condition=Q(no__gte=1), name="reconciliation_breakevent_no"),
            models.CheckConstraint(condition=Q(state__in=_STATES), name="reconciliation_breakevent_state"),
            models.CheckConstraint(
                condition=Q(
                    action__in=[
                        *("assigned", "due", "noted", "evidence", "asked", "approved", "rejected", "dropped", "chased", "sent"),
                        *("fixed", "ended", "reopened", "came"),
                    ]
                ),
                name="reconciliation_breakevent_action",
            ),
            models.CheckConstraint(
                condition=(Q(action="evidence") & ~Q(evidence_name="") & ~Q(evidence_sha256=""))
                | (~Q(action="evidence") & Q(evidence_name="", evidence_sha256="", evidence__isnull=True)),
                name="reconciliation_breakevent_evidence",
            ),
        ]


class Level(BookRow):
    """What was said of a day on one level, each time it was another than before. Append-only."""

    on_date = models.DateField()
    level = models.TextField()
    no = models.IntegerField()
    at = models.DateTimeField()
    verdict = models.TextField()
    figures = JsonTextField()
    missing = ArrayField(models.TextField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "on_date", "level", "no"], name="reconciliation_level_in_order"),
            models.CheckConstraint(condition=Q(level__in=["transaction", "cash", "balance"]), name="reconciliation_level_name"),
            models.CheckConstraint(
                condition=Q(verdict__in=["incomplete", "breaks", "warnings", "pending", "reconciled"]), name="reconciliation_level_verdict"
            ),
            models.CheckConstraint(condition=~Q(verdict="reconciled") | Q(missing__len=0), name="reconciliation_level_never_green_without"),
        ]
