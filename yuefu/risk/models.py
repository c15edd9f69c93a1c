"""Tables of risk."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow, JsonTextField


class Decision(BookRow):
    """A decision with all it was made on; never changed."""

    order_id = models.UUIDField(unique=True)
    consumer_id = models.UUIDField()
    merchant_id = models.UUIDField()
    outcome = models.TextField()
    reasons = models.JSONField()
    features = JsonTextField()
    policy_version = models.IntegerField()
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="approved", reasons=[]) | (Q(outcome="declined") & ~Q(reasons=[])), name="risk_decision_is_explained"
            ),
        ]


class Mark(BookRow):
    """What somebody found about a consumer, for which no order is approved until it is lifted. One of a kind at a time."""

    consumer_id = models.UUIDField()
    kind = models.TextField()
    reason = models.TextField()
    marked_by = models.TextField()
    marked_at = models.DateTimeField()
    lifted_by = models.TextField(null=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["fraud", "review"]) & ~Q(reason=""), name="risk_mark_says_what_and_why"),
            models.CheckConstraint(
                condition=Q(lifted_by__isnull=True, lifted_at__isnull=True) | Q(lifted_by__isnull=False, lifted_at__isnull=False),
                name="risk_mark_lifted_by_someone",
            ),
            models.UniqueConstraint(fields=["consumer_id", "kind"], condition=Q(lifted_at__isnull=True), name="risk_mark_once"),
        ]
