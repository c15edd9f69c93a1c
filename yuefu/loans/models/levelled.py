"""Tables of loans of rule version 2026-1: what was agreed, what happened, and what it came to be."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Loan(BookRow):
    capture_id = models.UUIDField(unique=True)
    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField()
    credit_account_id = models.UUIDField()
    funder_id = models.UUIDField()
    product = models.TextField()
    currency = models.TextField()
    principal_minor = models.BigIntegerField()
    periods = models.SmallIntegerField()
    annual_rate_ppm = models.IntegerField()
    day_count = models.TextField()
    disbursed_on = models.DateField()
    first_due_on = models.DateField()
    due_day = models.SmallIntegerField()
    rule_version = models.TextField()
    ceilings = ArrayField(models.BigIntegerField(), null=True)
    booked_at = models.DateTimeField()
    state = models.TextField()
    refunded_principal_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField()
    last_event_on = models.DateField()
    seq = models.IntegerField()
    discount_minor = models.BigIntegerField()
    discount_earned_minor = models.BigIntegerField()
    arrears_since = models.DateField(null=True)
    closed_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["active", "closed"]), name="loans_loan_state"),
            models.CheckConstraint(condition=Q(principal_minor__gt=0, periods__gte=2, periods__lte=36), name="loans_loan_terms"),
            models.CheckConstraint(condition=Q(state="active") | Q(closed_on__isnull=False), name="loans_loan_closed_on"),
            models.CheckConstraint(condition=Q(discount_minor__gte=0, discount_earned_minor__gte=0), name="loans_loan_discount"),
            models.CheckConstraint(condition=Q(state="active") | Q(arrears_since__isnull=True), name="loans_loan_closed_has_no_arrears"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="loans_loan_order"),
            models.Index(fields=["consumer_id"], name="loans_loan_consumer"),
            models.Index(fields=["book_id", "arrears_since", "id"], condition=Q(arrears_since__isnull=False), name="loans_loan_arrears"),
            models.Index(fields=["merchant_id", "id"], name="loans_loan_merchant"),
            models.Index(fields=["book_id", "product", "id"], name="loans_loan_product"),
            models.Index(fields=["book_id", "state", "id"], name="loans_loan_state_id"),
        ]


class Event(BookRow):
    """A dated fact of a loan: disbursed, repaid, refunded, or a repayment reversed. `no` is the order in which facts were recorded;
    `reverses_no` names the repayment that is taken off."""

    loan_id = models.UUIDField()
    no = models.IntegerField()
    kind = models.TextField()
    effective_on = models.DateField()
    amount_minor = models.BigIntegerField()
    source_id = models.UUIDField(unique=True)
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    recorded_on = models.DateField()
    reverses_no = models.IntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["disbursed", "repaid", "refunded", "reversed"]), name="loans_event_kind"),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses_no__isnull=False) | (~Q(kind="reversed") & Q(reverses_no__isnull=True)),
                name="loans_event_names_what_it_reverses",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="loans_event_amount"),
            models.CheckConstraint(
                condition=Q(kind="disbursed")
                | (~Q(kind="reversed") & Q(amount_minor=F("principal_minor") + F("interest_minor") + F("excess_minor")))
                | Q(kind="reversed", excess_minor=-F("principal_minor") - F("interest_minor")),
                name="loans_event_parts_add_up",
            ),
            models.UniqueConstraint(
                fields=["loan_id", "reverses_no"], condition=Q(reverses_no__isnull=False), name="loans_event_reversed_once"
            ),
            models.UniqueConstraint(fields=["loan_id", "no"], name="loans_event_no"),
        ]
        indexes = [BrinIndex(fields=["recorded_on"], name="loans_event_recorded_on")]


class Instalment(models.Model):
    pk = models.CompositePrimaryKey("loan_id", "no")
    loan_id = models.UUIDField()
    no = models.SmallIntegerField()
    book_id = models.UUIDField()
    consumer_id = models.UUIDField()
    start_on = models.DateField()
    due_on = models.DateField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    principal_paid_minor = models.BigIntegerField()
    interest_paid_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(principal_minor__gte=0, interest_minor__gte=0), name="loans_instalment_amounts"),
            models.CheckConstraint(
                condition=Q(principal_paid_minor__gte=0, principal_paid_minor__lte=F("principal_minor")), name="loans_instalment_principal"
            ),
            models.CheckConstraint(
                condition=Q(interest_paid_minor__gte=0, interest_paid_minor__lte=F("interest_minor")), name="loans_instalment_interest"
            ),
            models.CheckConstraint(condition=Q(due_on__gt=F("start_on")), name="loans_instalment_dates"),
        ]
        indexes = [models.Index(fields=["book_id", "due_on"], name="loans_instalment_due")]


class Accrual(models.Model):
    """Interest of one loan posted so far, and all the interest its schedule asks; kept apart because it moves every day."""

    loan_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    accrued_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["book_id"], condition=~Q(accrued_minor=F("total_minor")), name="loans_accrual_open")]
