"""Tables of credit."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Account(BookRow):
    """How much one consumer may owe in one currency. The days are those of the oldest cycle without its bill, which began on `cycle_from` and
    whose bill is of `next_bill_on`; all three follow from the history of the days. `revision` counts its changes from 1; that of `state_revision`
    brought it into its state."""

    consumer_id = models.UUIDField()
    currency = models.TextField()
    limit_minor = models.BigIntegerField()
    bill_day = models.SmallIntegerField()
    repayment_day = models.SmallIntegerField()
    cycle_from = models.DateField()
    next_bill_on = models.DateField()
    state = models.TextField()
    policy_version = models.IntegerField()
    opened_at = models.DateTimeField()
    revision = models.IntegerField()
    state_revision = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(next_bill_on__gt=F("cycle_from")), name="credit_account_cycle"),
            models.CheckConstraint(condition=Q(state__in=["active", "frozen", "closed"]), name="credit_account_state"),
            models.CheckConstraint(
                condition=Q(state_revision__gte=1, state_revision__lte=F("revision")), name="credit_account_state_revision"
            ),
            models.CheckConstraint(condition=Q(limit_minor__gte=0, limit_minor__lte=10**15), name="credit_account_limit"),
            models.CheckConstraint(
                condition=Q(bill_day__gte=1, bill_day__lte=28, repayment_day__gte=1, repayment_day__lte=28), name="credit_account_days"
            ),
            models.UniqueConstraint(fields=["book_id", "consumer_id", "currency"], name="credit_account_one_per_consumer"),
        ]
        indexes = [models.Index(fields=["book_id", "next_bill_on"], condition=~Q(state="closed"), name="credit_account_next_bill")]


class LimitChange(BookRow):
    """A limit that an account was given, the first one included; never changed. `seq` counts the changes of the account from 1."""

    account_id = models.UUIDField()
    consumer_id = models.UUIDField()
    seq = models.IntegerField()
    old_minor = models.BigIntegerField()
    new_minor = models.BigIntegerField()
    reasons = models.JSONField()
    approval_id = models.UUIDField(null=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "credit_limit_change"
        constraints = [
            models.UniqueConstraint(fields=["account_id", "seq"], name="credit_limit_change_seq"),
            models.CheckConstraint(condition=Q(old_minor__gte=0, new_minor__gte=0), name="credit_limit_change_not_negative"),
            models.CheckConstraint(
                condition=Q(seq=1, old_minor=0) | (Q(seq__gt=1) & ~Q(old_minor=F("new_minor"))), name="credit_limit_change_changes"
            ),
            models.CheckConstraint(condition=~Q(reasons=[]), name="credit_limit_change_has_reasons"),
        ]


class DaysChange(BookRow):
    """Bill day and repayment day that an account was given, the first ones included, and those before; never changed. They count from the cycle
    on that begins on `from_on`; of two changes that name the same cycle the later one counts. `seq` counts from 1."""

    account_id = models.UUIDField()
    consumer_id = models.UUIDField()
    seq = models.IntegerField()
    old_bill_day = models.SmallIntegerField(null=True)
    old_repayment_day = models.SmallIntegerField(null=True)
    bill_day = models.SmallIntegerField()
    repayment_day = models.SmallIntegerField()
    from_on = models.DateField()
    reasons = models.JSONField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()

    class Meta:
        db_table = "credit_days_change"
        constraints = [
            models.UniqueConstraint(fields=["account_id", "seq"], name="credit_days_change_seq"),
            models.CheckConstraint(
                condition=Q(bill_day__gte=1, bill_day__lte=28, repayment_day__gte=1, repayment_day__lte=28), name="credit_days_change_days"
            ),
            models.CheckConstraint(
                condition=Q(seq=1, old_bill_day__isnull=True, old_repayment_day__isnull=True, from_on=F("recorded_on"))
                | (
                    Q(seq__gt=1, old_bill_day__isnull=False, old_repayment_day__isnull=False, from_on__gt=F("recorded_on"))
                    & ~Q(old_bill_day=F("bill_day"), old_repayment_day=F("repayment_day"))
                ),
                name="credit_days_change_changes",
            ),
            models.CheckConstraint(condition=~Q(reasons=[]), name="credit_days_change_has_reasons"),
        ]
