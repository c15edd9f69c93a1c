"""Tables of after-sales."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow

_KINDS = ["return", "part_return", "exchange", "repair", "price_protection"]
_STATES = ["asked", "agreed", "declined", "in_hand", "done", "cancelled"]
_DISPUTE_STATES = ["initiated", "representment", "pre_arbitration", "arbitration", "closed"]
_REASONS = ["return", "goods_not_received", "faulty_goods", "incorrect_invoice", "already_paid", "unauthorised", "high_risk_order"]
_CLOSING = ["accept", "withdraw", "rule_won", "rule_lost", "pass"]
_EVIDENCE = ["delivery", "activation", "communication", "refund", "invoice", "identity", "terms", "other"]


class Case(BookRow):
    """What was asked of an order after its sale, and how that stands after `no` steps. What was asked never changes."""

    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField()
    kind = models.TextField()
    asked_by = models.TextField()
    items = models.TextField()
    reason = models.TextField()
    amount_minor = models.BigIntegerField(null=True)
    price_minor = models.BigIntegerField(null=True)
    seen_on = models.DateField(null=True)
    currency = models.TextField()
    answer_by = models.DateField()
    opened_on = models.DateField()
    opened_at = models.DateTimeField()
    no = models.SmallIntegerField(db_default=1)
    state = models.TextField(db_default="asked")
    handed_on = models.DateField(null=True)
    difference_paid = models.TextField(db_default="")
    refund_id = models.UUIDField(null=True)
    refunded_minor = models.BigIntegerField(db_default=0)
    paused_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=_KINDS), name="aftersales_case_kind"),
            models.CheckConstraint(condition=Q(state__in=_STATES), name="aftersales_case_state"),
            models.CheckConstraint(condition=Q(asked_by__in=["consumer", "merchant", "platform"]), name="aftersales_case_asked_by"),
            models.CheckConstraint(
                condition=Q(amount_minor__isnull=False, amount_minor__gt=0, kind__in=["part_return", "exchange"])
                | (Q(amount_minor__isnull=True) & ~Q(kind__in=["part_return", "exchange"])),
                name="aftersales_case_amount",
            ),
            models.CheckConstraint(
                condition=Q(price_minor__isnull=False, price_minor__gt=0, kind__in=["exchange", "price_protection"])
                | (Q(price_minor__isnull=True) & ~Q(kind__in=["exchange", "price_protection"])),
                name="aftersales_case_price",
            ),
            models.CheckConstraint(
                condition=Q(refund_id__isnull=True, refunded_minor=0) | Q(refund_id__isnull=False, refunded_minor__gt=0, state="done"),
                name="aftersales_case_refunded",
            ),
            models.UniqueConstraint(
                fields=["order_id", "kind"], condition=Q(state__in=["asked", "agreed", "in_hand"]), name="aftersales_case_open_once"
            ),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="aftersales_case_order"),
            models.Index(fields=["book_id", "opened_at", "id"], name="aftersales_case_book"),
        ]


class Step(BookRow):
    """A step of a case: where it went, by whom, on which business day, why."""

    case_id = models.UUIDField()
    no = models.SmallIntegerField()
    state = models.TextField()
    taken_on = models.DateField()
    taken_at = models.DateTimeField()
    actor = models.TextField()
    reason = models.TextField()
    paused_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case_id", "no"], name="aftersales_step_no"),
            models.CheckConstraint(condition=Q(no__gt=0, state__in=_STATES), name="aftersales_step_state"),
        ]


class Change(BookRow):
    """An instalment of the loan of a capture that a step of a case changed: what it asked and what of that was unpaid, before and after. Of one that was not
    there before, or is not there any more, that side is zero."""

    case_id = models.UUIDField()
    step_no = models.SmallIntegerField()
    order_id = models.UUIDField()
    capture_id = models.UUIDField()
    no = models.SmallIntegerField()
    due_on = models.DateField()
    principal_before_minor = models.BigIntegerField()
    interest_before_minor = models.BigIntegerField()
    charges_before_minor = models.BigIntegerField()
    unpaid_before_minor = models.BigIntegerField()
    principal_after_minor = models.BigIntegerField()
    interest_after_minor = models.BigIntegerField()
    charges_after_minor = models.BigIntegerField()
    unpaid_after_minor = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case_id", "step_no", "capture_id", "no"], name="aftersales_change_no")]


class Back(BookRow):
    """What of a collection was sent back to the consumer by a case, when it was done; the channel says what became of it."""

    case_id = models.UUIDField()
    collection_id = models.UUIDField()
    consumer_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case_id", "collection_id"], name="aftersales_back_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="aftersales_back_amount"),
        ]


class ChargeBack(BookRow):
    """What the bank of a consumer took back of a collection, by the bank's reference, which the channel refund of it has too. When a dispute was
    won, the money came back as another collection."""

    reference = models.TextField()
    collection_id = models.UUIDField()
    consumer_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField()
    charges_minor = models.BigIntegerField()
    currency = models.TextField()
    reason = models.TextField()
    taken_on = models.DateField()
    entered_on = models.DateField()
    entered_at = models.DateTimeField()
    won_by_id = models.UUIDField(null=True)
    won_on = models.DateField(null=True)

    class Meta:
        db_table = "aftersales_charge_back"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="aftersales_charge_back_reference"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="aftersales_charge_back_amount"),
            models.CheckConstraint(
                condition=Q(won_by_id__isnull=True, won_on__isnull=True) | Q(won_by_id__isnull=False, won_on__isnull=False),
                name="aftersales_charge_back_won",
            ),
        ]
        indexes = [models.Index(fields=["book_id", "entered_at", "id"], name="aftersales_charge_back_book")]


class File(BookRow):
    """A file that a merchant sent as evidence, sealed: nothing of it ever changes."""

    merchant_id = models.UUIDField()
    purpose = models.TextField()
    name = models.TextField()
    content_type = models.TextField()
    size = models.IntegerField()
    sha256 = models.BinaryField()
    sealed = models.BinaryField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(purpose="dispute_evidence"), name="aftersales_file_purpose"),
            models.CheckConstraint(condition=Q(size__gt=0, size__lte=5 * 1024 * 1024), name="aftersales_file_size"),
        ]


class Dispute(BookRow):
    """A purchase that its consumer contests, as it stands after `no` steps. What is contested never changes."""

    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField()
    reason = models.TextField()
    claim = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    answer_by = models.DateField()
    opened_on = models.DateField()
    opened_at = models.DateTimeField()
    no = models.SmallIntegerField(db_default=1)
    state = models.TextField(db_default="initiated")
    appeal_by = models.DateField(null=True)
    ruling = models.TextField(db_default="")
    outcome = models.TextField(db_default="")
    closed_by = models.TextField(db_default="")
    closed_on = models.DateField(null=True)
    refund_id = models.UUIDField(null=True)
    refunded_minor = models.BigIntegerField(db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=_DISPUTE_STATES, reason__in=_REASONS), name="aftersales_dispute_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, answer_by__gt=F("opened_on")), name="aftersales_dispute_amount"),
            models.CheckConstraint(
                condition=Q(state="closed", outcome__in=["won", "lost"], closed_on__isnull=False, closed_by__in=_CLOSING)
                | (~Q(state="closed") & Q(outcome="", closed_on__isnull=True, closed_by="")),
                name="aftersales_dispute_closed",
            ),
            models.CheckConstraint(
                condition=Q(ruling="", appeal_by__isnull=True) & ~Q(state__in=["pre_arbitration", "arbitration"])
                | Q(ruling__in=["won", "lost"], appeal_by__isnull=False, state__in=["pre_arbitration", "arbitration", "closed"]),
                name="aftersales_dispute_ruled",
            ),
            models.CheckConstraint(
                condition=Q(refund_id__isnull=True, refunded_minor=0)
                | Q(refund_id__isnull=False, refunded_minor__gt=0, refunded_minor__lte=F("amount_minor"), outcome="lost"),
                name="aftersales_dispute_refunded",
            ),
            models.UniqueConstraint(fields=["order_id"], condition=~Q(state="closed"), name="aftersales_dispute_open_once"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="aftersales_dispute_order"),
            models.Index(fields=["merchant_id", "-id"], name="aftersales_dispute_of_merchant"),
            models.Index(
                fields=["book_id", "id"], condition=Q(state__in=["initiated", "pre_arbitration"]), name="aftersales_dispute_waiting"
            ),
            models.Index(fields=["book_id", "-id"], name="aftersales_dispute_book"),
        ]


class DisputeStep(BookRow):
    """A step of a dispute: where it went, by whom, on which business day, why."""

    dispute_id = models.UUIDField()
    merchant_id = models.UUIDField()
    no = models.SmallIntegerField()
    step = models.TextField()
    state = models.TextField()
    note = models.TextField()
    actor = models.TextField()
    taken_on = models.DateField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "aftersales_dispute_step"
        constraints = [
            models.UniqueConstraint(fields=["dispute_id", "no"], name="aftersales_dispute_step_no"),
            models.CheckConstraint(condition=Q(no__gt=0, state__in=_DISPUTE_STATES), name="aftersales_dispute_step_state"),
        ]


class DisputeEvidence(BookRow):
    """What a merchant proves something of a dispute by: a text, a file, or both."""

    dispute_id = models.UUIDField()
    merchant_id = models.UUIDField()
    kind = models.TextField()
    text = models.TextField()
    file_id = models.UUIDField(null=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "aftersales_dispute_evidence"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=_EVIDENCE), name="aftersales_dispute_evidence_kind"),
            models.CheckConstraint(condition=~Q(text="") | Q(file_id__isnull=False), name="aftersales_dispute_evidence_is_something"),
        ]
        indexes = [
            models.Index(fields=["dispute_id", "id"], name="aftersales_dispute_evidence_of"),
            models.Index(fields=["file_id"], condition=Q(file_id__isnull=False), name="aftersales_evidence_file"),
        ]
