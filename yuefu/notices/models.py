"""Tables of notices."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.notices.rules.kinds import CHANNELS, LANGUAGES, STATES
from yuefu.notices.rules.timing import FAILED, SUPPRESSED
from yuefu.runtime.tables import BookRow, JsonTextField

_CODE = r"^[a-z][a-z0-9_]{0,39}$"
"""A kind is known by the code that renders it; what the tables ask is that it can be one."""


class Contact(BookRow):
    """How a person wants to be told; its id is that of the consumer. The phone stays with the consumer, an e-mail address is sealed to this row.
    Who counts what a person was told, or changes what they want, locks it.
    """

    language = models.TextField()
    channel = models.TextField()
    zone = models.TextField(null=True)
    email_sealed = models.BinaryField(null=True)
    forgotten_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(language__in=LANGUAGES), name="notices_contact_language"),
            models.CheckConstraint(condition=Q(channel__in=CHANNELS), name="notices_contact_channel"),
            models.CheckConstraint(
                condition=Q(forgotten_at__isnull=True) | Q(email_sealed__isnull=True, zone__isnull=True), name="notices_contact_forgotten"
            ),
        ]


class Choice(BookRow):
    """One act: a person does not want a kind of message any more, or does again. Never changed; of a kind the highest `seq` counts."""

    consumer_id = models.UUIDField()
    kind = models.TextField()
    seq = models.IntegerField()
    is_wanted = models.BooleanField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__regex=_CODE), name="notices_choice_kind"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="notices_choice_seq"),
            models.UniqueConstraint(fields=["consumer_id", "kind", "seq"], name="notices_choice_in_order"),
        ]


class Message(BookRow):
    """Something to tell one person on one occasion, once. It holds no address and no name: those are looked up when it goes.

    `counted_at` is when it was last handed over, as long as it may have arrived: by it the week is counted. `seq` counts its events.
    """

    consumer_id = models.UUIDField()
    kind = models.TextField()
    occasion = models.TextField()
    counts_as = models.TextField()
    params = JsonTextField()
    channel = models.TextField(null=True)
    language = models.TextField(null=True)
    state = models.TextField(default="queued")
    reason = models.TextField(default="")
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    tries = models.SmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    seq = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "consumer_id", "kind", "occasion"], name="notices_message_once"),
            models.CheckConstraint(condition=Q(kind__regex=_CODE), name="notices_message_kind"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="notices_message_state"),
            models.CheckConstraint(
                condition=Q(channel__isnull=True) | Q(channel__in=CHANNELS, language__in=LANGUAGES), name="notices_message_channel"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "sending", "sent"], reason="")
                | Q(state="suppressed", reason__in=SUPPRESSED)
                | Q(state="failed", reason__in=FAILED),
                name="notices_message_ends_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "sending"], ended_at__isnull=True)
                | (~Q(state__in=["queued", "sending"]) & Q(ended_at__isnull=False)),
                name="notices_message_ended",
            ),
            models.CheckConstraint(
                condition=Q(state="queued", counted_at__isnull=True)
                | Q(state="suppressed", counted_at__isnull=True)
                | Q(state="failed")
                | Q(state__in=["sending", "sent"], counted_at__isnull=False, channel__isnull=False, tries__gte=1),
                name="notices_message_counted_if_it_may_have_arrived",
            ),
            models.CheckConstraint(
                condition=Q(state="sending", claimed_at__isnull=False) | (~Q(state="sending") & Q(claimed_at__isnull=True)),
                name="notices_message_claimed_while_sending",
            ),
            models.CheckConstraint(condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("queued_at")), name="notices_message_lasts"),
        ]
        indexes = [
            models.Index(fields=["book_id", "consumer_id"], condition=Q(state="queued"), name="notices_message_queued"),
            models.Index(fields=["book_id", "claimed_at"], condition=Q(state="sending"), name="notices_message_sending"),
            models.Index(fields=["consumer_id", "counted_at"], condition=Q(counted_at__isnull=False), name="notices_message_counted"),
        ]


class Attempt(BookRow):
    """A step of the `no`-th try of a message: it begins, stored before the gateway is called, and then what the gateway said of it. Never changed.

    The address is kept as a keyed hash, by which it can be told to which of two a message went, and the words as their SHA-256.
    """

    message_id = models.UUIDField()
    no = models.SmallIntegerField()
    step = models.TextField()
    channel = models.TextField()
    address_index = models.BinaryField(null=True)
    text_hash = models.TextField(null=True)
    parts = models.SmallIntegerField(null=True)
    code = models.TextField(default="")
    provider_ref = models.TextField(default="")
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message_id", "no", "step"], name="notices_attempt_step_once"),
            models.CheckConstraint(
                condition=Q(step__in=["begun", "accepted", "refused", "later", "unknown", "unheard"]), name="notices_attempt_step"
            ),
            models.CheckConstraint(
                condition=Q(step="begun", address_index__isnull=False, text_hash__regex=r"^[0-9a-f]{64}$", parts__gte=1)
                | (~Q(step="begun") & Q(address_index__isnull=True, text_hash__isnull=True, parts__isnull=True)),
                name="notices_attempt_begins_with_its_words",
            ),
            models.CheckConstraint(condition=Q(no__gte=1), name="notices_attempt_no"),
        ]
