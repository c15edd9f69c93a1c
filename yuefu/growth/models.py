"""Tables of what merchants plan and tell. All of them are append only."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow


class Plan(BookRow):
    """A version of the fund plan of a merchant: [[name, share in hundredths of a per cent]]."""

    merchant_id = models.UUIDField()
    version = models.IntegerField()
    valid_from = models.DateField()
    envelopes = models.JSONField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant_id", "version"], name="growth_plan_version"),
            models.CheckConstraint(condition=Q(version__gt=0), name="growth_plan_counted_from_1"),
        ]


class Revenue(models.Model):
    """What a merchant took in a month by all ways of payment, as it said the `version`-th time; the last one counts."""

    pk = models.CompositePrimaryKey("merchant_id", "month", "version")
    merchant_id = models.UUIDField()
    month = models.DateField()
    version = models.IntegerField()
    book_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=0, version__gt=0, month__day=1), name="growth_revenue_of_a_month"),
        ]


class Payable(BookRow):
    """What a merchant owes a supplier, under the supplier's number."""

    merchant_id = models.UUIDField()
    supplier = models.TextField()
    reference = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    due_on = models.DateField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant_id", "supplier", "reference"], name="growth_payable_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="growth_payable_amount"),
        ]


class PayableEnd(models.Model):
    """That a payable was paid, or never was."""

    payable_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    how = models.TextField()
    ended_on = models.DateField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "growth_payable_end"
        constraints = [models.CheckConstraint(condition=Q(how__in=["paid", "withdrawn"]), name="growth_payable_end_how")]
