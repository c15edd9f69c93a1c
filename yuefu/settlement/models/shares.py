"""Profit shares and the batches of payees."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When

from yuefu.runtime.tables import BookRow


class Share(BookRow):
    """What somebody else than merchant and platform has of a fee, or gives back of it. Append only."""

    kind = models.TextField()
    source_id = models.UUIDField()
    merchant_id = models.UUIDField()
    order_id = models.UUIDField()
    capture_id = models.UUIDField()
    loan_id = models.UUIDField()
    party = models.TextField()
    level = models.SmallIntegerField()
    payee_id = models.UUIDField()
    payee_ref = models.GeneratedField(
        expression=Case(When(~Q(party="funder"), then="payee_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    """The agent or host; funders have no rows yet."""
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    on_refund = models.TextField()
    default_ppm = models.IntegerField()
    early_periods = models.SmallIntegerField()
    early_days = models.SmallIntegerField()
    earned_on = models.DateField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["capture_id", "party", "level", "kind", "source_id"], name="settlement_share_once"),
            models.CheckConstraint(
                condition=Q(kind="earned", amount_minor__gt=0, source_id=F("capture_id"))
                | Q(kind__in=["refunded", "defaulted"], amount_minor__lt=0),
                name="settlement_share_signs",
            ),
            models.CheckConstraint(condition=Q(party__in=["funder", "agent", "host"], level__gte=1), name="settlement_share_party"),
            models.CheckConstraint(
                condition=Q(on_refund__in=["returned", "kept"], default_ppm__gte=0, default_ppm__lte=1_000_000),
                name="settlement_share_back",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "payee_id", "earned_on"], name="settlement_share_of_payee"),
        ]


class ShareWaiting(models.Model):
    """A share that is in no batch yet: here from when it is written until it is in one, both by triggers."""

    share_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()

    class Meta:
        db_table = "settlement_share_waiting"
        indexes = [models.Index(fields=["book_id"], include=["share_id"], name="settlement_share_waits")]


class ShareBatch(BookRow):
    """What a payee gets on a pay day. Only that it was paid is written later."""

    party = models.TextField()
    payee_id = models.UUIDField()
    pay_on = models.DateField()
    currency = models.TextField()
    line_count = models.IntegerField()
    earned_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()
    defaulted_minor = models.BigIntegerField()
    opening_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    due_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()
    state = models.TextField()
    reference = models.TextField()
    built_at = models.DateTimeField()
    version = models.IntegerField(default=1, db_default=1)
    payout_id = models.UUIDField(null=True)
    approval_id = models.UUIDField(null=True)
    reason = models.TextField(default="", db_default="")
    withheld_minor = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "settlement_share_batch"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "payee_id", "party", "pay_on"], name="settlement_share_batch_once_a_day"),
            models.CheckConstraint(
                condition=Q(
                    net_minor=F("earned_minor") - F("refunded_minor") - F("defaulted_minor") + F("opening_minor"),
                    earned_minor__gte=0,
                    refunded_minor__gte=0,
                    defaulted_minor__gte=0,
                    opening_minor__lte=0,
                ),
                name="settlement_share_batch_net",
            ),
            models.CheckConstraint(
                condition=Q(net_minor=F("due_minor") + F("carried_minor"), due_minor__gte=0, carried_minor__lte=0)
                & (Q(due_minor=0) | Q(carried_minor=0)),
                name="settlement_share_batch_due",
            ),
            models.CheckConstraint(
                condition=Q(state="accrued", due_minor=0, reference="", payout_id__isnull=True)
                | Q(state="due", due_minor__gt=0, reference="", payout_id__isnull=True)
                | (Q(state__in=["paid", "reconciled"], due_minor__gt=0) & ~Q(reference=""))
                | (Q(state__in=["scheduled", "returned"], due_minor__gt=0, payout_id__isnull=False) & ~Q(reference="")),
                name="settlement_share_batch_state",
            ),
            models.CheckConstraint(condition=Q(line_count__gt=0), name="settlement_share_batch_lines"),
            models.CheckConstraint(
                condition=Q(withheld_minor=0) | Q(withheld_minor__gt=0, withheld_minor__lt=F("due_minor")),
                name="settlement_share_batch_withheld",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "-pay_on"], name="settlement_share_batch_latest"),
            models.Index(fields=["book_id", "reference"], condition=~Q(reference=""), name="settlement_share_batch_known"),
        ]


class ShareAtRisk(models.Model):
    """A capture whose shares go back if its loan defaults early, until they have, or until that cannot be any more."""

    capture_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    loan_id = models.UUIDField()
    early_periods = models.SmallIntegerField()
    early_days = models.SmallIntegerField()

    class Meta:
        db_table = "settlement_share_at_risk"
        indexes = [models.Index(fields=["book_id", "loan_id"], name="settlement_at_risk_loan")]


class ShareLine(models.Model):
    """Puts a share into a batch, once."""

    share_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    batch_id = models.UUIDField()

    class Meta:
        db_table = "settlement_share_line"
        indexes = [models.Index(fields=["batch_id"], name="settlement_share_line_batch")]
