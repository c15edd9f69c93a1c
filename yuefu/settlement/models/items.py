"""Items, batches and their lines, and evidence of delivery. Items and lines are append-only; of a batch only its state and payout may change."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When

from yuefu.runtime.tables import BookRow


class Item(BookRow):
    merchant_id = models.UUIDField()
    kind = models.TextField()
    order_id = models.UUIDField(null=True)
    source_id = models.UUIDField()
    capture_id = models.UUIDField(null=True)
    loan_id = models.UUIDField(null=True)
    lived = models.BooleanField(db_default=False)
    """Whether the loan is one of rule version 2026-2."""
    levelled_id = models.GeneratedField(
        expression=Case(When(lived=False, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    agreement_id = models.GeneratedField(
        expression=Case(When(lived=True, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    funder_id = models.UUIDField(null=True)
    product = models.TextField()
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    vat_minor = models.BigIntegerField(default=0, db_default=0)
    """The tax in the fee."""
    event = models.TextField(default="", db_default="")
    currency = models.TextField()
    contract_version = models.IntegerField()
    fee_on_refund = models.TextField()
    earned_on = models.DateField()
    settles_on = models.DateField(null=True)
    """Empty where the contract counts from an event: the day follows from the evidence of it, `settle_days` business days later."""
    settle_from = models.TextField(default="", db_default="")
    settle_days = models.SmallIntegerField(default=0, db_default=0)
    due_on = models.DateField(null=True)
    """The day it settles once there is evidence of delivery; a refund waits with its capture."""
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__isnull=True) | Q(kind__in=["capture", "refund"], due_on__lt=F("settles_on")),
                name="settlement_item_evidence",
            ),
            models.CheckConstraint(
                condition=Q(settles_on__isnull=False, settle_from="", settle_days=0)
                | Q(
                    settles_on__isnull=True,
                    due_on__isnull=True,
                    kind__in=["capture", "refund", "parted"],
                    settle_from__in=["delivery", "receipt", "collection"],
                    settle_days__gte=0,
                ),
                name="settlement_item_has_a_day",
            ),
            models.UniqueConstraint(fields=["kind", "source_id"], name="settlement_item_source"),
            models.CheckConstraint(
                condition=Q(net_minor=F("gross_minor") - F("fee_minor") - F("discount_minor")), name="settlement_item_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(kind="capture", gross_minor__gt=0, fee_minor__gte=0, discount_minor__gte=0, capture_id=F("source_id"))
                | Q(kind="refund", gross_minor__lt=0, fee_minor__lte=0, discount_minor__lte=0, capture_id__isnull=False)
                | (Q(kind="carried", fee_minor=0, discount_minor=0, capture_id__isnull=True) & ~Q(gross_minor=0))
                | Q(kind="reserved", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="released", gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="frozen", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="thawed", gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="penalty", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | (Q(kind__in=["part", "parted"], fee_minor=0, discount_minor=0, capture_id__isnull=False) & ~Q(gross_minor=0))
                | Q(kind__in=["subsidy", "collected"], gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True),
                name="settlement_item_signs",
            ),
            models.CheckConstraint(condition=Q(fee_on_refund__in=["kept", "returned", "whole", ""]), name="settlement_item_fee_on_refund"),
            models.CheckConstraint(
                condition=Q(vat_minor__gte=0, vat_minor__lte=F("fee_minor")) | Q(vat_minor__lte=0, vat_minor__gte=F("fee_minor")),
                name="settlement_item_vat",
            ),
            models.CheckConstraint(
                condition=Q(event="") | Q(kind="refund", event__in=["refund", "reversal", "rejection", "charge_back"]),
                name="settlement_item_event",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "-id"], name="settlement_item_of_merchant"),
            models.Index(fields=["book_id", "settles_on"], name="settlement_item_due"),
            models.Index(fields=["order_id"], name="settlement_item_order"),
            models.Index(fields=["capture_id"], name="settlement_item_capture"),
            models.Index(fields=["id"], condition=Q(due_on__isnull=False), name="settlement_item_unproven"),
            models.Index(fields=["id"], condition=Q(settles_on__isnull=True), name="settlement_item_eventful"),
            models.Index(
                fields=["book_id", "product"],
                condition=Q(kind__in=["subsidy", "collected"]),
                name="settlement_item_adjusted",
            ),
            models.Index(
                fields=["merchant_id", "earned_on"],
                include=["gross_minor", "book_id"],
                condition=Q(kind="capture"),
                name="settlement_item_sold",
            ),
            models.Index(
                fields=["merchant_id", "earned_on"],
                include=["fee_minor", "vat_minor"],
                condition=Q(kind="refund"),
                name="settlement_item_given_back",
            ),
        ]


class Waiting(models.Model):
    """An item that is in no batch yet: here from when it is written until it is in one, both by triggers."""

    item_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    settles_on = models.DateField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["book_id", "merchant_id", "settles_on"], include=["item_id"], name="settlement_waiting_due"),
            models.Index(
                fields=["book_id", "merchant_id"],
                include=["item_id"],
                condition=Q(settles_on__isnull=True),
                name="settlement_waiting_undated",
            ),
            models.Index(fields=["book_id", "item_id"], condition=Q(settles_on__isnull=True), name="settlement_waiting_paged"),
        ]


class Batch(BookRow):
    merchant_id = models.UUIDField()
    pay_on = models.DateField()
    currency = models.TextField()
    line_count = models.IntegerField()
    captures_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    discounts_minor = models.BigIntegerField()
    refunds_minor = models.BigIntegerField()
    opening_minor = models.BigIntegerField()
    reserved_minor = models.BigIntegerField(default=0, db_default=0)
    released_minor = models.BigIntegerField(default=0, db_default=0)
    adjusted_minor = models.BigIntegerField(default=0, db_default=0)
    net_minor = models.BigIntegerField()
    payout_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()
    state = models.TextField()
    version = models.IntegerField()
    payout_id = models.UUIDField(null=True)
    built_at = models.DateTimeField()
    reason = models.TextField(default="", db_default="")
    """Why it is not paid: it is held, or its payout came back."""
    withheld_minor = models.BigIntegerField(default=0, db_default=0)
    """What freezes took of its payout after it was built."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "merchant_id", "pay_on"], name="settlement_batch_once_a_day"),
            models.CheckConstraint(
                condition=Q(
                    net_minor=F("captures_minor")
                    - F("fees_minor")
                    - F("discounts_minor")
                    - F("refunds_minor")
                    + F("opening_minor")
                    - F("reserved_minor")
                    + F("released_minor")
                    + F("adjusted_minor")
                )
                & Q(reserved_minor__gte=0, released_minor__gte=0),
                name="settlement_batch_net",
            ),
            models.CheckConstraint(
                condition=Q(net_minor=F("payout_minor") + F("carried_minor"), payout_minor__gte=0)
                & (Q(payout_minor=0) | Q(carried_minor=0)),
                name="settlement_batch_payout",
            ),
            models.CheckConstraint(condition=Q(line_count__gt=0, version__gt=0), name="settlement_batch_counts"),
            models.CheckConstraint(
                condition=Q(state="accrued", payout_minor=0, payout_id__isnull=True)
                | (Q(state="held", payout_id__isnull=True) & (Q(payout_minor__gt=0) | Q(reason="frozen")))
                | Q(state__in=["scheduled", "paid", "reconciled", "returned"], payout_minor__gt=0, payout_id__isnull=False),
                name="settlement_batch_state",
            ),
            models.CheckConstraint(condition=Q(reason="") | Q(state__in=["accrued", "held", "returned"]), name="settlement_batch_reason"),
            models.CheckConstraint(
                condition=Q(withheld_minor__gte=0, withheld_minor__lte=F("payout_minor"))
                & (Q(state__in=["held", "returned"]) | Q(withheld_minor=0) | Q(withheld_minor__lt=F("payout_minor"))),
                name="settlement_batch_withheld",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "-pay_on"], name="settlement_batch_of_merchant"),
            models.Index(fields=["merchant_id", "-id"], name="settlement_batch_newest"),
            models.Index(fields=["book_id", "-pay_on", "-id"], name="settlement_batch_listed"),
            models.Index(
                fields=["book_id", "state", "-pay_on", "-id"],
                condition=Q(state__in=["held", "scheduled", "returned"]),
                name="settlement_batch_under_way",
            ),
        ]


class BatchLine(models.Model):
    """Puts an item into a batch, once."""

    item_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    batch_id = models.UUIDField()

    class Meta:
        db_table = "settlement_batch_line"
        indexes = [models.Index(fields=["batch_id", "item_id"], name="settlement_batch_line_paged")]


class Evidence(BookRow):
    """That what a capture was for reached who bought it: from then on its money is due, or its days count. Nothing of it ever changes."""

    item_id = models.UUIDField(unique=True, null=True)
    order_id = models.UUIDField(null=True)
    """Of what was told before anything of the order was captured; its first capture has it as evidence of its own then."""
    merchant_id = models.UUIDField()
    kind = models.TextField()
    reference = models.TextField()
    proven_on = models.DateField()
    settles_on = models.DateField(null=True)
    """The day that follows from it, where the contract counts from such an event."""
    told_on = models.DateField(null=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["delivered", "activated", "redeemed", "received", "attested", "given_back", "collected"]),
                name="settlement_evidence_kind",
            ),
            models.CheckConstraint(condition=~Q(reference=""), name="settlement_evidence_reference"),
            models.CheckConstraint(
                condition=Q(item_id__isnull=False, order_id__isnull=True)
                | Q(item_id__isnull=True, order_id__isnull=False, settles_on__isnull=True),
                name="settlement_evidence_of",
            ),
            models.CheckConstraint(condition=Q(settles_on__isnull=True) | Q(told_on__isnull=False), name="settlement_evidence_told"),
            models.UniqueConstraint(fields=["order_id"], condition=Q(order_id__isnull=False), name="settlement_evidence_ahead"),
        ]
        indexes = [
            models.Index(fields=["book_id", "settles_on"], condition=Q(settles_on__isnull=False), name="settlement_evidence_due"),
        ]
