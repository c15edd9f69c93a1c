"""Tables of orders, captures and refunds."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When

from yuefu.runtime.tables import BookRow

STATES = ["declined", "authorised", "part_captured", "captured", "part_refunded", "refunded", "voided", "expired"]


class Order(BookRow):
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField()
    credit_account_id = models.UUIDField(null=True)
    merchant_reference = models.TextField()
    product_id = models.UUIDField()
    product = models.TextField()
    channel = models.TextField()
    currency = models.TextField()
    amount_minor = models.BigIntegerField()
    authorised_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField()
    released_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()
    periods = models.SmallIntegerField()
    state = models.TextField()
    created_at = models.DateTimeField()
    created_on = models.DateField()
    expires_at = models.DateTimeField()
    first_due_on = models.DateField(null=True)
    due_day = models.SmallIntegerField()
    annual_rate_ppm = models.IntegerField()
    day_count = models.TextField()
    rule_version = models.TextField()
    shown_total_minor = models.BigIntegerField()
    shown_instalment_minor = models.BigIntegerField()
    disclosure_id = models.UUIDField(null=True)
    quote_id = models.UUIDField(null=True)
    quote_shown_to = models.UUIDField(null=True)
    decision_id = models.UUIDField()
    category = models.TextField(default="", db_default="")
    """Of the goods, as the merchant says."""
    host_id = models.UUIDField(null=True)
    """Who sold it live."""
    seq = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="orders_order_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, authorised_minor__gte=0), name="orders_order_amounts"),
            models.CheckConstraint(condition=Q(authorised_minor__lte=F("amount_minor")), name="orders_order_authorised"),
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0, released_minor__gte=0, refunded_minor__gte=0), name="orders_order_parts"
            ),
            models.CheckConstraint(
                condition=Q(captured_minor__lte=F("authorised_minor") - F("released_minor")), name="orders_order_captured"
            ),
            models.CheckConstraint(condition=Q(refunded_minor__lte=F("captured_minor")), name="orders_order_refunded"),
            models.CheckConstraint(condition=~Q(state="declined") | Q(authorised_minor=0), name="orders_order_declined_has_nothing"),
            models.CheckConstraint(
                condition=Q(quote_shown_to=F("consumer_id")) | Q(quote_shown_to="00000000-0000-0000-0000-000000000000"),
                name="orders_order_consents_itself",
            ),
            # Finds every order by its reference, and lets only one of a reference be that was not declined.
            models.UniqueConstraint(
                F("book_id"),
                F("merchant_id"),
                F("merchant_reference"),
                Case(When(authorised_minor=0, then=F("id"))),
                name="orders_order_reference_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "-created_on", "-id"], name="orders_order_latest"),
            models.Index(
                fields=["expires_at"], condition=Q(authorised_minor__gt=F("captured_minor") + F("released_minor")), name="orders_order_held"
            ),
            models.Index(fields=["merchant_id", "-id"], name="orders_order_of_merchant"),
        ]


class Capture(BookRow):
    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    number = models.SmallIntegerField()
    amount_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()
    captured_on = models.DateField()
    captured_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0, refunded_minor__gte=0), name="orders_capture_amounts"),
            models.CheckConstraint(condition=Q(refunded_minor__lte=F("amount_minor")), name="orders_capture_refunded"),
            models.UniqueConstraint(fields=["order_id", "number"], name="orders_capture_number"),
        ]
        indexes = [models.Index(fields=["merchant_id", "-id"], name="orders_capture_of_merchant")]


class Refund(BookRow):
    """One share of a refund: what one capture bears. Shares of one request have one `refund_id`."""

    refund_id = models.UUIDField()
    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    capture_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    refunded_on = models.DateField()
    refunded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="orders_refund_amount"),
            models.UniqueConstraint(fields=["refund_id", "capture_id"], name="orders_refund_share_once"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="orders_refund_order"),
            models.Index(fields=["merchant_id", "-refund_id"], name="orders_refund_of_merchant"),
        ]
