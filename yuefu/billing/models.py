"""Tables of billing."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When

from yuefu.runtime.tables import BookRow


class Bill(BookRow):
    """What an account is asked for by the bill of one cycle, the `no`-th of the account; never changed. When it was made,
    `paid_minor` of its lines was paid already and `carried_minor` was unpaid of earlier bills."""

    account_id = models.UUIDField()
    consumer_id = models.UUIDField()
    no = models.IntegerField()
    currency = models.TextField()
    first_on = models.DateField()
    bill_on = models.DateField()
    due_on = models.DateField()
    covers_until = models.DateField()
    lines = models.SmallIntegerField()
    total_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()
    issued_on = models.DateField()
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_id", "no"], name="billing_bill_no"),
            models.UniqueConstraint(fields=["account_id", "first_on"], name="billing_bill_begins_once"),
            models.UniqueConstraint(fields=["account_id", "bill_on"], name="billing_bill_ends_once"),
            models.CheckConstraint(
                condition=Q(bill_on__gt=F("first_on"), due_on__gt=F("bill_on"), covers_until__gte=F("due_on"), issued_on__gte=F("bill_on")),
                name="billing_bill_days",
            ),
            models.CheckConstraint(
                condition=Q(
                    no__gt=0, lines__gt=0, total_minor__gt=0, carried_minor__gte=0, paid_minor__gte=0, paid_minor__lte=F("total_minor")
                ),
                name="billing_bill_asks",
            ),
        ]
        indexes = [
            models.Index(fields=["consumer_id", "bill_on"], name="billing_bill_consumer"),
            models.Index(fields=["book_id", "bill_on", "id"], name="billing_bill_day"),
        ]


class Line(models.Model):
    """An instalment on the one bill that has it: what it asked when the bill was made, and what of that was paid by then."""

    pk = models.CompositePrimaryKey("loan_id", "no")
    loan_id = models.UUIDField()
    no = models.SmallIntegerField()
    lived = models.BooleanField(db_default=False)
    """Whether the loan is one of rule version 2026-2, whose instalments are numbered by their days."""
    levelled_id = models.GeneratedField(
        expression=Case(When(lived=False, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    agreement_id = models.GeneratedField(
        expression=Case(When(lived=True, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    book_id = models.UUIDField()
    bill_id = models.UUIDField()
    account_id = models.UUIDField()
    consumer_id = models.UUIDField()
    due_on = models.DateField()
    amount_minor = models.BigIntegerField()
    paid_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0, paid_minor__gte=0, paid_minor__lte=F("amount_minor")), name="billing_line_amount"
            )
        ]
        indexes = [models.Index(fields=["bill_id"], name="billing_line_bill")]
