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
