"""Freezes and what they keep."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Freeze(BookRow):
    """Money of a merchant that stays here until a day, by two people. What it keeps is added up by the table from its parts, and is never more than
    was asked."""

    merchant_id = models.UUIDField()
    asked_minor = models.BigIntegerField(null=True)
    kept_minor = models.BigIntegerField(default=0, db_default=0)
    currency = models.TextField()
    until = models.DateField()
    state = models.TextField(default="open", db_default="open")
    reason = models.TextField()
    begun_on = models.DateField()
    ended_on = models.DateField(null=True)
    approval_id = models.UUIDField(unique=True)
    ended_by_id = models.UUIDField(null=True, unique=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(asked_minor__isnull=True) | Q(asked_minor__gt=0), name="settlement_freeze_asked"),
            models.CheckConstraint(
                condition=Q(kept_minor__gte=0) & (Q(asked_minor__isnull=True) | Q(kept_minor__lte=F("asked_minor"))),
                name="settlement_freeze_keeps_no_more",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_on__isnull=True, ended_by_id__isnull=True)
                | (Q(state="ended") & (Q(ended_on__gte=F("until")) | Q(ended_on__isnull=False, ended_by_id__isnull=False))),
                name="settlement_freeze_ends",
            ),
            models.CheckConstraint(condition=Q(until__gt=F("begun_on")), name="settlement_freeze_until"),
        ]
        indexes = [models.Index(fields=["book_id", "merchant_id", "id"], condition=Q(state="open"), name="settlement_freeze_open")]


class FreezePart(BookRow):
    """What a freeze keeps of a batch, of its lines as it was built or of its payout later."""

    merchant_id = models.UUIDField()
    freeze_id = models.UUIDField()
    batch_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_freeze_part"
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="settlement_freeze_part_amount")]
        indexes = [models.Index(fields=["freeze_id"], name="settlement_freeze_part_freeze")]
