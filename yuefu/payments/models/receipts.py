"""Tables of money that came to our bank account by itself, and of what became of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class PayerReference(BookRow):
    """The reference that one consumer quotes in bank transfers, for good."""

    consumer_id = models.UUIDField()
    number = models.TextField()

    class Meta:
        db_table = "payments_payer_reference"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "consumer_id"], name="payments_payer_reference_one_a_consumer"),
            models.UniqueConstraint(fields=["book_id", "number"], name="payments_payer_reference_number"),
            models.CheckConstraint(condition=Q(number__regex=r"^[0-9]{12}$"), name="payments_payer_reference_digits"),
        ]


class Receipt(BookRow):
    """Money that somebody transferred to us, once by the bank's number. `left_minor` is moved by triggers only."""

    money_account_id = models.UUIDField()
    number = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    payer_index = models.BinaryField()
    payer = models.BinaryField()
    consumer_id = models.UUIDField(null=True)
    code = models.TextField()
    came_on = models.DateField()
    came_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    heard_by = models.TextField()
    posted_on = models.DateField()
    left_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "money_account_id", "number"], name="payments_receipt_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_receipt_amount"),
            models.CheckConstraint(condition=Q(left_minor__gte=0, left_minor__lte=F("amount_minor")), name="payments_receipt_left"),
            models.CheckConstraint(condition=Q(heard_by__in=["notice", "file"]), name="payments_receipt_heard_by"),
        ]
        indexes = [
            models.Index(fields=["book_id", "id"], condition=Q(left_minor__gt=0), name="payments_receipt_open"),
            models.Index(fields=["book_id", "payer_index"], name="payments_receipt_payer"),
        ]


class ReceiptMatch(BookRow):
    """What of a receipt is a payment: one collection, which is undone as every other."""

    receipt_id = models.UUIDField()
    collection_id = models.UUIDField()
    consumer_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    actor = models.TextField()
    reason = models.TextField()
    matched_at = models.DateTimeField()

    class Meta:
        db_table = "payments_receipt_match"
        constraints = [
            models.UniqueConstraint(fields=["collection_id"], name="payments_receipt_match_of"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_receipt_match_amount"),
            models.CheckConstraint(condition=~Q(reason=""), name="payments_receipt_match_reason"),
        ]
        indexes = [models.Index(fields=["receipt_id"], name="payments_receipt_match_receipt")]


class ReceiptOfMerchant(BookRow):
    """What of a receipt a merchant paid of its debt."""

    receipt_id = models.UUIDField()
    merchant_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    actor = models.TextField()
    reason = models.TextField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "payments_receipt_of_merchant"
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_receipt_of_merchant_amount"),
            models.CheckConstraint(condition=~Q(reason=""), name="payments_receipt_of_merchant_reason"),
        ]
        indexes = [models.Index(fields=["receipt_id"], name="payments_receipt_of_merchant_r")]


class ReceiptReturn(BookRow):
    """What of a receipt goes back to where it came from: stored before the bank is called."""

    reference = models.TextField()
    receipt_id = models.UUIDField()
    money_account_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    provider_id = models.TextField(default="")
    state = models.TextField(default="ordered")
    failure_code = models.TextField(default="")
    actor = models.TextField()
    reason = models.TextField()
    ordered_at = models.DateTimeField()
    paid_on = models.DateField(null=True)
    returned_on = models.DateField(null=True)

    class Meta:
        db_table = "payments_receipt_return"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_receipt_return_reference"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_receipt_return_amount"),
            models.CheckConstraint(condition=~Q(reason=""), name="payments_receipt_return_reason"),
            models.CheckConstraint(
                condition=Q(state__in=["ordered", "sent", "failed"], paid_on__isnull=True, returned_on__isnull=True)
                | Q(state="paid", paid_on__isnull=False, returned_on__isnull=True)
                | Q(state="returned", paid_on__isnull=False, returned_on__isnull=False),
                name="payments_receipt_return_state",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "ordered_at"], condition=Q(state__in=["ordered", "sent"]), name="payments_receipt_return_open"),
            models.Index(fields=["receipt_id"], name="payments_receipt_return_of"),
        ]
