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
    store_id = models.UUIDField(null=True)
    terminal_id = models.UUIDField(null=True)
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
            models.CheckConstraint(condition=Q(terminal_id__isnull=True) | Q(store_id__isnull=False), name="orders_order_till_in_store"),
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


class Extension(BookRow):
    """That an authorisation holds longer: until when it held, and until when it holds. Never changed."""

    order_id = models.UUIDField()
    merchant_id = models.UUIDField()
    held_until = models.DateTimeField()
    expires_at = models.DateTimeField()
    extended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("held_until")), name="orders_extension_is_longer"),
            models.CheckConstraint(condition=Q(held_until__gt=F("extended_at")), name="orders_extension_before_the_end"),
            models.UniqueConstraint(fields=["order_id", "expires_at"], name="orders_extension_once"),
        ]


class CheckoutSession(BookRow):
    """A purchase that a merchant offers on our page. It ends once, and stays what it was opened as."""

    merchant_id = models.UUIDField()
    merchant_reference = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    channel = models.TextField()
    products = models.JSONField()
    periods = models.JSONField()
    success_url = models.TextField()
    cancel_url = models.TextField()
    consumer_id = models.UUIDField(null=True)
    language = models.TextField()
    host = models.TextField()
    category = models.TextField()
    state = models.TextField()
    order_id = models.UUIDField(null=True, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    seq = models.IntegerField()
    store_id = models.UUIDField(null=True)
    terminal_id = models.UUIDField(null=True)

    class Meta:
        db_table = "orders_checkout_session"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "completed", "expired", "cancelled"]), name="orders_checkout_session_state"
            ),
            models.CheckConstraint(
                condition=Q(state="completed", order_id__isnull=False) | (~Q(state="completed") & Q(order_id__isnull=True)),
                name="orders_checkout_session_its_order",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="orders_checkout_session_ended",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="orders_checkout_session_amount"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="orders_checkout_session_lasts"),
            models.CheckConstraint(condition=Q(language__in=["", "zh", "en"]), name="orders_checkout_session_language"),
            models.CheckConstraint(
                condition=Q(terminal_id__isnull=True) | Q(store_id__isnull=False), name="orders_checkout_session_till_in_store"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "-id"], name="orders_checkout_of_merchant"),
            models.Index(fields=["book_id", "expires_at"], condition=Q(state="open"), name="orders_checkout_open"),
            models.Index(fields=["store_id", "-id"], condition=Q(state="open", store_id__isnull=False), name="orders_checkout_at_store"),
        ]


class Line(BookRow):
    """A line of the cart of a session, or of the order that was placed. Never changed."""

    merchant_id = models.UUIDField()
    session_id = models.UUIDField(null=True)
    order_id = models.UUIDField(null=True)
    number = models.SmallIntegerField()
    name = models.TextField()
    quantity = models.IntegerField()
    unit_minor = models.BigIntegerField()
    sku = models.TextField()
    cash_price_minor = models.BigIntegerField(null=True)
    tax_minor = models.BigIntegerField(null=True)
    serial_number = models.TextField()
    category = models.TextField()
    image_url = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(session_id__isnull=False, order_id__isnull=True) | Q(session_id__isnull=True, order_id__isnull=False),
                name="orders_line_of_one",
            ),
            models.CheckConstraint(condition=Q(number__gte=1, quantity__gte=1, unit_minor__gte=0), name="orders_line_amounts"),
            models.CheckConstraint(
                condition=Q(cash_price_minor__isnull=True) | Q(unit_minor__lte=F("cash_price_minor")),
                name="orders_line_no_dearer_on_credit",
            ),
            models.UniqueConstraint(F("session_id"), F("order_id"), F("number"), name="orders_line_number", nulls_distinct=False),
        ]
        indexes = [models.Index(fields=["order_id"], condition=Q(order_id__isnull=False), name="orders_line_of_order")]


class QrCode(BookRow):
    """A QR code of a store, a till, or a checkout session. Never changed."""

    merchant_id = models.UUIDField()
    kind = models.TextField()
    store_id = models.UUIDField(null=True)
    terminal_id = models.UUIDField(null=True)
    session_id = models.UUIDField(null=True)
    amount_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "orders_qr_code"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind="static",
                    store_id__isnull=False,
                    session_id__isnull=True,
                    expires_at__isnull=True,
                    amount_by__in=["consumer", "cashier"],
                )
                | Q(
                    kind="dynamic",
                    store_id__isnull=True,
                    terminal_id__isnull=True,
                    session_id__isnull=False,
                    expires_at__isnull=False,
                    amount_by="",
                ),
                name="orders_qr_code_of_one",
            ),
        ]
        indexes = [models.Index(fields=["merchant_id", "-id"], name="orders_qr_of_merchant")]


class Pieces(BookRow):
    """So many pieces of a line, of a capture or of a refund. Never changed."""

    merchant_id = models.UUIDField()
    order_id = models.UUIDField()
    line_id = models.UUIDField()
    capture_id = models.UUIDField(null=True)
    refund_id = models.UUIDField(null=True)
    quantity = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(capture_id__isnull=False, refund_id__isnull=True) | Q(capture_id__isnull=True, refund_id__isnull=False),
                name="orders_pieces_of_one",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="orders_pieces_some"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="orders_pieces_order"),
            models.Index(fields=["line_id"], name="orders_pieces_line"),
            models.Index(fields=["capture_id"], condition=Q(capture_id__isnull=False), name="orders_pieces_capture"),
            models.Index(fields=["refund_id"], condition=Q(refund_id__isnull=False), name="orders_pieces_refund"),
        ]


class Shipment(BookRow):
    """How goods of a capture were sent, as the merchant says. Never changed."""

    merchant_id = models.UUIDField()
    order_id = models.UUIDField()
    capture_id = models.UUIDField()
    carrier = models.TextField()
    tracking_number = models.TextField()
    shipped_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["capture_id"], name="orders_shipment_capture")]
