"""Tables of collecting."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.collecting.rules.cases import CHARGED_OFF, MISSED, WRITTEN_OFF
from yuefu.collecting.rules.contacting import OUTCOMES
from yuefu.collecting.rules.measures import ALONE, KINDS
from yuefu.collecting.rules.policy import CHANNELS, EARLIEST, LATEST, MOST_A_DAY
from yuefu.runtime.tables import BookRow, JsonTextField


class Case(BookRow):
    """A consumer of whom something is overdue, from when a person looks after it until it is cured. `late_since` is the oldest due day of what is
    overdue, as the last look found it: by it the worklist is ordered. `seq` counts its events.
    """

    consumer_id = models.UUIDField()
    state = models.TextField()
    late_since = models.DateField()
    assignee_id = models.UUIDField(null=True)
    opened_on = models.DateField()
    opened_at = models.DateTimeField()
    closed_on = models.DateField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_reason = models.TextField(default="")
    seq = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "consumer_id"], condition=Q(state="open"), name="collecting_case_one_open"),
            models.CheckConstraint(
                condition=Q(state="open", closed_on__isnull=True, closed_at__isnull=True, closed_reason="")
                | Q(state="closed", closed_on__isnull=False, closed_at__isnull=False, closed_reason__in=["cured", "written_off"]),
                name="collecting_case_closed_for_a_reason",
            ),
            models.CheckConstraint(condition=Q(closed_on__isnull=True) | Q(closed_on__gte=F("opened_on")), name="collecting_case_days"),
        ]
        indexes = [
            models.Index(fields=["book_id", "late_since", "id"], condition=Q(state="open"), name="collecting_case_worklist"),
            models.Index(fields=["consumer_id", "opened_on"], name="collecting_case_consumer"),
        ]


class Assignment(BookRow):
    """Who was asked to look after a case, or that nobody is any more, the `no`-th time; never changed."""

    case_id = models.UUIDField()
    no = models.IntegerField()
    assignee_id = models.UUIDField(null=True)
    reason = models.TextField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case_id", "no"], name="collecting_assignment_in_order")]


class Contact(BookRow):
    """A contact with the borrower about a case, by us or, `inbound`, by them: stored before the call, its outcome once afterwards. Ours are the
    `of_day`-th of the day that it is where the person is. The note is sealed to this row.
    """

    case_id = models.UUIDField()
    consumer_id = models.UUIDField()
    channel = models.TextField()
    inbound = models.BooleanField()
    local_on = models.DateField()
    local_time = models.TimeField()
    of_day = models.SmallIntegerField(null=True)
    outcome = models.TextField(default="")
    note_sealed = models.BinaryField(null=True)
    recorded_by = models.TextField()
    made_at = models.DateTimeField()
    outcome_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(channel__in=CHANNELS), name="collecting_contact_channel"),
            models.CheckConstraint(
                condition=Q(outcome="", outcome_at__isnull=True, note_sealed__isnull=True)
                | Q(outcome__in=OUTCOMES, outcome_at__isnull=False),
                name="collecting_contact_outcome",
            ),
            models.CheckConstraint(
                condition=Q(inbound=True, of_day__isnull=True)
                | Q(
                    inbound=False,
                    of_day__isnull=False,
                    of_day__gte=1,
                    of_day__lte=MOST_A_DAY,
                    local_time__gte=EARLIEST,
                    local_time__lt=LATEST,
                ),
                name="collecting_contact_decent",
            ),
            models.UniqueConstraint(fields=["consumer_id", "local_on", "of_day"], name="collecting_contact_of_day"),
        ]
        indexes = [
            models.Index(fields=["case_id", "made_at"], name="collecting_contact_case"),
            models.Index(fields=["consumer_id", "made_at"], name="collecting_contact_consumer"),
        ]


class Restriction(BookRow):
    """One act: a person is not to be contacted by a channel (or by all) any more, or may be again. Never changed; of a channel the highest `seq`
    counts."""

    consumer_id = models.UUIDField()
    channel = models.TextField()
    seq = models.IntegerField()
    is_set = models.BooleanField()
    reason = models.TextField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(channel__in=[*CHANNELS, "all"]), name="collecting_restriction_channel"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="collecting_restriction_seq"),
            models.UniqueConstraint(fields=["consumer_id", "channel", "seq"], name="collecting_restriction_in_order"),
        ]


class Promise(BookRow):
    """What a person said they would pay by the end of a day, over `paid_before_minor` that they had paid of all their loans when they said it."""

    case_id = models.UUIDField()
    consumer_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    due_on = models.DateField()
    paid_before_minor = models.BigIntegerField()
    state = models.TextField()
    recorded_by = models.TextField()
    made_on = models.DateField()
    made_at = models.DateTimeField()
    ended_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case_id"], condition=Q(state="running"), name="collecting_promise_one_running"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, due_on__gte=F("made_on")), name="collecting_promise_of_something"),
            models.CheckConstraint(
                condition=Q(state="running", ended_on__isnull=True, ended_at__isnull=True)
                | Q(state__in=["kept", "broken", "released"], ended_on__isnull=False, ended_at__isnull=False),
                name="collecting_promise_state",
            ),
            models.CheckConstraint(condition=~Q(state="broken") | Q(ended_on__gt=F("due_on")), name="collecting_promise_waited_for"),
        ]
        indexes = [models.Index(fields=["case_id", "made_at"], name="collecting_promise_case")]


class Measure(BookRow):
    """Something that was proposed to be done about a loan, and became a fact of it (number `fact_no`) or did not. `loan_seq` is how many facts the
    loan had when it was proposed: what was shown then is what is decided on. `alone`: it needs no second person.
    """

    loan_id = models.UUIDField()
    case_id = models.UUIDField(null=True)
    kind = models.TextField()
    body = JsonTextField()
    amount_minor = models.BigIntegerField(null=True)
    loan_seq = models.IntegerField()
    alone = models.BooleanField()
    approval_id = models.UUIDField(null=True)
    state = models.TextField()
    fact_no = models.IntegerField(null=True)
    reason = models.TextField()
    recorded_by = models.TextField()
    proposed_on = models.DateField()
    proposed_at = models.DateTimeField()
    ended_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["loan_id"], condition=Q(state="waiting"), name="collecting_measure_one_waiting"),
            models.UniqueConstraint(fields=["approval_id"], name="collecting_measure_approval_once"),
            models.CheckConstraint(condition=Q(kind__in=sorted(KINDS)), name="collecting_measure_kind"),
            models.CheckConstraint(
                condition=Q(kind="waived", amount_minor__isnull=False, amount_minor__gt=0)
                | (~Q(kind="waived") & Q(amount_minor__isnull=True)),
                name="collecting_measure_amount",
            ),
            models.CheckConstraint(
                condition=Q(alone=True, approval_id__isnull=True, kind__in=sorted(ALONE)) | Q(alone=False, approval_id__isnull=False),
                name="collecting_measure_by_two",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_on__isnull=True, ended_at__isnull=True, fact_no__isnull=True)
                | Q(state="entered", ended_on__isnull=False, ended_at__isnull=False, fact_no__isnull=False, fact_no__gt=0)
                | Q(state="rejected", ended_on__isnull=False, ended_at__isnull=False, fact_no__isnull=True),
                name="collecting_measure_state",
            ),
        ]
        indexes = [
            models.Index(fields=["loan_id", "proposed_at"], name="collecting_measure_loan"),
            models.Index(fields=["case_id", "proposed_at"], name="collecting_measure_case"),
        ]


class Closure(BookRow):
    """That the credit account of a consumer was closed to purchases, because `missed` instalments of a loan were missed in a row, up to the one due on
    `latest_on`, or because the loan was given up on that day by the fact `fact_no`: once for each, so that a person who opens it again is not overruled
    before there is another. `state_revision` is that of the account as it was closed by it, or had been by another of these; null where somebody else
    had frozen it. Never changed.
    """

    consumer_id = models.UUIDField()
    account_id = models.UUIDField()
    loan_id = models.UUIDField()
    reason = models.TextField()
    missed = models.IntegerField(null=True)
    latest_on = models.DateField()
    recorded_on = models.DateField()
    recorded_at = models.DateTimeField()
    fact_no = models.IntegerField(null=True)
    state_revision = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["loan_id", "reason", "latest_on", "fact_no"], name="collecting_closure_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(reason=MISSED, missed__isnull=False, missed__gte=1, latest_on__lt=F("recorded_on"), fact_no__isnull=True)
                | Q(reason__in=[CHARGED_OFF, WRITTEN_OFF], missed__isnull=True, latest_on__lte=F("recorded_on")),
                name="collecting_closure_for_a_reason",
            ),
        ]
