"""Tables of offers."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from yuefu.runtime.tables import BookRow


class Product(BookRow):
    """One version of a product. A trigger lets a published one change in nothing but its retirement."""

    code = models.TextField()
    version = models.IntegerField()
    name_zh = models.TextField()
    name_en = models.TextField()
    payer = models.TextField()
    annual_rate_ppm = models.IntegerField()
    periods = models.JSONField()
    currency = models.TextField()
    minimum_minor = models.BigIntegerField()
    maximum_minor = models.BigIntegerField()
    day_count = models.TextField()
    min_gap_days = models.SmallIntegerField()
    rule_version = models.TextField()
    jurisdiction = models.TextField()
    lender_zh = models.TextField()
    lender_en = models.TextField()
    lender_licence = models.TextField()
    late_fee_minor = models.BigIntegerField(db_default=0)
    late_rate_ppm = models.IntegerField(db_default=0)
    late_grace_days = models.SmallIntegerField(db_default=0)
    late_most_ppm = models.IntegerField(null=True)
    state = models.TextField()
    approval_id = models.UUIDField(null=True, unique=True)
    created_by = models.TextField()
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "code", "version"], name="offers_product_version"),
            models.CheckConstraint(condition=Q(state__in=["draft", "published", "retired"]), name="offers_product_state"),
            models.CheckConstraint(
                condition=Q(state="draft", approval_id__isnull=True, published_at__isnull=True)
                | (~Q(state="draft") & Q(approval_id__isnull=False, published_at__isnull=False)),
                name="offers_product_published_with_approval",
            ),
            models.CheckConstraint(
                condition=Q(state="retired", retired_at__isnull=False) | (~Q(state="retired") & Q(retired_at__isnull=True)),
                name="offers_product_retired_at",
            ),
            models.CheckConstraint(
                condition=Q(payer="merchant", annual_rate_ppm=0)
                | Q(payer="consumer", annual_rate_ppm__gt=0, annual_rate_ppm__lte=1_000_000),
                name="offers_product_price",
            ),
            models.CheckConstraint(
                condition=Q(late_fee_minor=0, late_rate_ppm=0, late_grace_days=0, late_most_ppm__isnull=True)
                | Q(late_fee_minor__gte=0, late_rate_ppm__gte=0, late_grace_days__gte=0, late_most_ppm__gt=0, late_most_ppm__lte=1_000_000),
                name="offers_product_late",
            ),
            models.CheckConstraint(condition=Q(minimum_minor__gt=0, maximum_minor__gte=F("minimum_minor")), name="offers_product_amounts"),
            models.CheckConstraint(condition=Q(day_count__in=["act_365", "thirty_360"]), name="offers_product_day_count"),
        ]


class Disclosure(BookRow):
    """A cost table as shown: its very text, found by its hash. Never changed."""

    product_id = models.UUIDField()
    hash = models.BinaryField()
    content = models.TextField()
    template_version = models.TextField()
    first_shown_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book_id", "hash"], name="offers_disclosure_hash")]


class Quote(BookRow):
    """One showing of a cost table: which, by which merchant, to whom (null: nobody in particular), in which language, when. Never changed."""

    disclosure_id = models.UUIDField()
    merchant_id = models.UUIDField()
    consumer_id = models.UUIDField(null=True)
    shown_to = models.GeneratedField(
        expression=Coalesce("consumer_id", models.Value(UUID(int=0))), output_field=models.UUIDField(), db_persist=True
    )
    """The consumer, or all zeros where it was shown to nobody in particular: an order points to it, and a key does not see an empty column."""
    language = models.TextField()
    shown_at = models.DateTimeField()
    shown_on = models.DateField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(language__in=["zh", "en"]), name="offers_quote_language")]
