"""Tables of consumers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Consumer(BookRow):
    """A person who buys. Personal data is sealed to this row; the indexes are keyed hashes."""

    external_ref = models.TextField()
    name_sealed = models.BinaryField()
    phone_sealed = models.BinaryField()
    phone_index = models.BinaryField()
    id_number_sealed = models.BinaryField()
    id_number_index = models.BinaryField()
    birth_on_sealed = models.BinaryField()
    is_student = models.BooleanField()
    state = models.TextField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["active", "closed"]), name="consumers_consumer_state"),
            models.CheckConstraint(
                condition=Q(state="active", closed_at__isnull=True) | Q(state="closed", closed_at__isnull=False),
                name="consumers_consumer_closed_at",
            ),
            models.UniqueConstraint(fields=["book_id", "external_ref"], name="consumers_consumer_external_ref"),
            models.UniqueConstraint(fields=["book_id", "id_number_index"], name="consumers_consumer_id_number"),
        ]
        indexes = [models.Index(fields=["book_id", "phone_index"], name="consumers_consumer_phone")]


class Consent(BookRow):
    """One act: a consent given, or withdrawn. Never changed; of a purpose the row with the highest `seq` counts."""

    consumer_id = models.UUIDField()
    kind = models.TextField()
    purpose = models.TextField()
    seq = models.IntegerField()
    version = models.TextField()
    text_hash = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["given", "withdrawn"]), name="consumers_consent_kind"),
            models.CheckConstraint(condition=Q(text_hash__regex=r"^[0-9a-f]{64}$"), name="consumers_consent_text_hash"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="consumers_consent_seq"),
            models.UniqueConstraint(fields=["consumer_id", "purpose", "seq"], name="consumers_consent_in_order"),
        ]


class Code(BookRow):
    """A code that was sent to a phone for something, a checkout for instance. `consumer_id` is whose phone it is, where that is one person."""

    subject_id = models.UUIDField()
    phone_index = models.BinaryField()
    consumer_id = models.UUIDField(null=True)
    state = models.TextField()
    tries = models.SmallIntegerField()
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["asked", "confirmed", "spent"]), name="consumers_code_state"),
            models.CheckConstraint(condition=Q(tries__gte=0, tries__lte=5), name="consumers_code_tries"),
            models.CheckConstraint(
                condition=Q(state="confirmed", confirmed_at__isnull=False) | (~Q(state="confirmed") & Q(confirmed_at__isnull=True)),
                name="consumers_code_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(confirmed_at__lt=F("expires_at")), name="consumers_code_in_time"
            ),
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="consumers_code_subject"),
            models.Index(fields=["book_id", "phone_index", "asked_at"], name="consumers_code_phone"),
        ]
