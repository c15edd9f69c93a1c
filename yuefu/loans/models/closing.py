"""Tables of the close of a day: how loans go on by themselves, how late they are, and what a day brought them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

_LATE, _TOLD = Q(late_since__isnull=False), Q(late_since__isnull=True, due_told_on__isnull=False)


class Portfolio(models.Model):
    """The loans of one product, funder and currency: what a day brought them is posted together."""

    pk = models.CompositePrimaryKey("book_id", "no")
    book_id = models.UUIDField()
    no = models.IntegerField()
    funder_id = models.UUIDField()
    product = models.TextField()
    currency = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "funder_id", "product", "currency"], name="loans_portfolio_once"),
            models.CheckConstraint(condition=Q(no__gt=0), name="loans_portfolio_counted_from_1"),
        ]


class Stretch(models.Model):
    """Where a loan was posted to stand by the end of `since`, and how it goes on by itself until `until`: by lines that `plans` describes.

    The one of today is replaced on the last of all days; one that was replaced while an earlier day was still closing stays until that day is
    closed. `stuck` says that the close could not go on with the loan, `told` counts the events of the loan, `behind` says that its checkpoint does
    not know the last fact yet, `due_told_on` is the last due day of which the close has told. `late_since` and what follows: what is overdue by its
    day.
    """

    pk = models.CompositePrimaryKey("loan_id", "replaced_on")
    loan_id = models.UUIDField()
    replaced_on = models.DateField()
    book_id = models.UUIDField()
    portfolio_no = models.IntegerField()
    since = models.DateField()
    until = models.DateField()
    stuck = models.BooleanField()
    told = models.IntegerField()
    behind = models.BooleanField(db_default=False)
    due_told_on = models.DateField(null=True)
    begin = models.DateField()
    bearing = models.BigIntegerField()
    nightly = models.BigIntegerField()
    whole = models.BigIntegerField()
    rest = models.BigIntegerField()
    floor = models.BigIntegerField()
    discount = models.BigIntegerField()
    discount_begin = models.DateField()
    discount_days = models.IntegerField()
    late_since = models.DateField(null=True)
    bucket = models.TextField()
    late_principal_minor = models.BigIntegerField()
    late_interest_minor = models.BigIntegerField()
    late_fees_minor = models.BigIntegerField()
    late_penalties_minor = models.BigIntegerField()
    loan_principal = models.BigIntegerField()
    loan_interest = models.BigIntegerField()
    loan_fees = models.BigIntegerField()
    loan_penalties = models.BigIntegerField()
    loan_allowance = models.BigIntegerField()
    consumer_balance = models.BigIntegerField()
    collections_clearing = models.BigIntegerField()
    purchase_clearing = models.BigIntegerField()
    unearned_discount = models.BigIntegerField()
    discount_income = models.BigIntegerField()
    interest_income = models.BigIntegerField()
    interest_given_up = models.BigIntegerField()
    loan_fee_income = models.BigIntegerField()
    penalty_income = models.BigIntegerField()
    fees_given_up = models.BigIntegerField()
    recovery_income = models.BigIntegerField()
    credit_loss = models.BigIntegerField()
    goodwill_expense = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since"), replaced_on__gt=F("since")), name="loans_stretch_days"),
        ]
        indexes = [
            models.Index(fields=["book_id", "loan_id"], condition=_LATE, name="loans_stretch_late"),
            models.Index(fields=["book_id", "late_since", "loan_id"], condition=_LATE, name="loans_stretch_late_since"),
            models.Index(fields=["book_id", "bucket", "late_since", "loan_id"], condition=_LATE, name="loans_stretch_late_bucket"),
            models.Index(fields=["book_id", "due_told_on", "loan_id"], condition=_TOLD, name="loans_stretch_told_as_due"),
            models.Index(fields=["book_id", "loan_id"], condition=Q(stuck=True), name="loans_stretch_stuck"),
        ]


class Lateness(models.Model):
    """How late a loan was from the day `on`, by what was recorded of it then; the next row says when that changed. No `late_since`: not at all."""

    pk = models.CompositePrimaryKey("loan_id", "on")
    loan_id = models.UUIDField()
    on = models.DateField()
    book_id = models.UUIDField()
    late_since = models.DateField(null=True)
    bucket = models.TextField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    penalties_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["book_id", "on"], name="loans_lateness_day")]


class Brought(models.Model):
    """What a day brought the loans of a portfolio, one chunk of its close: the sum, and each loan's part of it. `kind` is what was earned."""

    pk = models.CompositePrimaryKey("book_id", "on", "chunk", "portfolio_no", "kind")
    book_id = models.UUIDField()
    on = models.DateField()
    chunk = models.IntegerField()
    portfolio_no = models.IntegerField()
    kind = models.TextField()
    minor = models.BigIntegerField()
    loan_ids = ArrayField(models.UUIDField())
    minors = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["interest", "fees", "penalties", "discount", "allowance"]), name="loans_brought_kind"
            ),
        ]


class Stand(models.Model):
    """Where the loans of a portfolio stood by the end of a day, one chunk of its close: what the control accounts have to be."""

    pk = models.CompositePrimaryKey("book_id", "on", "chunk", "portfolio_no")
    book_id = models.UUIDField()
    on = models.DateField()
    chunk = models.IntegerField()
    portfolio_no = models.IntegerField()
    loans = models.IntegerField()
    loan_principal = models.BigIntegerField()
    loan_interest = models.BigIntegerField()
    loan_fees = models.BigIntegerField()
    loan_penalties = models.BigIntegerField()
    loan_allowance = models.BigIntegerField()
    consumer_balance = models.BigIntegerField()
    unearned_discount = models.BigIntegerField()
