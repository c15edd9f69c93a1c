"""Tables of notices."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.notices.rules.kinds import CHANNELS, LANGUAGES, STATES
from yuefu.notices.rules.timing import FAILED, SUPPRESSED
from yuefu.notices.rules.webhooks import endpoints as webhooks
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


class Event(BookRow):
    """An event as a merchant is told it, of one public type: what of the snapshot is its business. `position` rises in commit order, because
    whoever tells holds the cursor. One for an endpoint alone, which asked for a test, names it.
    """

    merchant_id = models.UUIDField()
    position = models.BigIntegerField(unique=True, editable=False)
    source_id = models.UUIDField()
    type = models.TextField()
    object_kind = models.TextField()
    object_id = models.UUIDField()
    snapshot = JsonTextField()
    changed = JsonTextField()
    created_at = models.DateTimeField()
    request_id = models.TextField()
    key = models.TextField()
    for_endpoint_id = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_id", "type"], name="notices_event_once")]
        indexes = [
            models.Index(fields=["merchant_id", "position"], name="notices_event_of_merchant"),
            models.Index(fields=["merchant_id", "object_id", "position"], name="notices_event_of_object"),
            models.Index(fields=["merchant_id", "type", "position"], name="notices_event_of_type"),
        ]


class Endpoint(BookRow):
    """Where a merchant wants to be told. `rest_until` and `strikes` are of one that throttles, `failing_since` of one that nothing reaches."""

    merchant_id = models.UUIDField()
    url = models.TextField()
    description = models.TextField()
    enabled_events = models.JSONField()
    api_version = models.TextField()
    payload = models.TextField()
    metadata = models.JSONField()
    email_sealed = models.BinaryField(null=True)
    public_key = models.TextField()
    state = models.TextField()
    reason = models.TextField(default="")
    created_at = models.DateTimeField()
    strikes = models.SmallIntegerField(default=0)
    rest_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    revision = models.IntegerField(default=1)
    told = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=webhooks.STATES), name="notices_endpoint_state"),
            models.CheckConstraint(condition=Q(payload__in=webhooks.PAYLOADS), name="notices_endpoint_payload"),
            models.CheckConstraint(
                condition=Q(state="enabled", reason="") | (~Q(state="enabled") & Q(reason__in=webhooks.REASONS) & ~Q(reason="")),
                name="notices_endpoint_ends_for_a_reason",
            ),
            models.CheckConstraint(condition=Q(strikes__gte=0), name="notices_endpoint_strikes"),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "id"], name="notices_endpoint_of_merchant"),
            models.Index(fields=["failing_since"], condition=Q(failing_since__isnull=False), name="notices_endpoint_failing"),
        ]


class EndpointSecret(BookRow):
    """A generation of what an endpoint's messages are signed with, sealed to this row. Nothing of it changes but that it ends, at `expires_at`."""

    merchant_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    no = models.SmallIntegerField()
    secret_sealed = models.BinaryField()
    private_sealed = models.BinaryField()
    public_key = models.TextField()
    created_at = models.DateTimeField()
    before_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notices_endpoint_secret"
        constraints = [models.UniqueConstraint(fields=["endpoint_id", "no"], name="notices_endpoint_secret_no")]


class Delivery(BookRow):
    """An event for an endpoint. `due_at` is when it is tried next, and, while somebody tries it, when it is anybody's again; `step` counts the
    tries of this round, `tries` all that there were.
    """

    merchant_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    event_id = models.UUIDField()
    state = models.TextField()
    due_at = models.DateTimeField()
    step = models.SmallIntegerField(default=0)
    tries = models.IntegerField(default=0)
    last_status = models.SmallIntegerField(null=True)
    last_code = models.TextField(default="")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint_id", "event_id"], name="notices_delivery_once"),
            models.CheckConstraint(condition=Q(state__in=webhooks.DELIVERY_STATES), name="notices_delivery_state"),
            models.CheckConstraint(
                condition=Q(state="waiting", ended_at__isnull=True) | (~Q(state="waiting") & Q(ended_at__isnull=False)),
                name="notices_delivery_ended",
            ),
            models.CheckConstraint(condition=Q(step__gte=0, tries__gte=F("step")), name="notices_delivery_counts"),
        ]
        indexes = [
            models.Index(fields=["endpoint_id", "due_at"], condition=Q(state="waiting"), name="notices_delivery_waiting"),
            models.Index(fields=["endpoint_id", "id"], name="notices_delivery_of_endpoint"),
        ]


class DeliveryTry(BookRow):
    """What became of one try of a delivery. Never changed."""

    merchant_id = models.UUIDField()
    delivery_id = models.UUIDField()
    no = models.IntegerField()
    began_at = models.DateTimeField()
    took_ms = models.IntegerField()
    outcome = models.TextField()
    status = models.SmallIntegerField(null=True)
    code = models.TextField()
    answer = models.TextField()

    class Meta:
        db_table = "notices_delivery_try"
        constraints = [
            models.UniqueConstraint(fields=["delivery_id", "no"], name="notices_delivery_try_no"),
            models.CheckConstraint(
                condition=Q(outcome__in=["delivered", "retry", "throttled", "gone", "refused"]), name="notices_delivery_try_outcome"
            ),
        ]


class Alert(BookRow):
    """A word to a merchant that an endpoint of theirs fails, or is disabled for it: one of a kind a day."""

    merchant_id = models.UUIDField()
    endpoint_id = models.UUIDField()
    kind = models.TextField()
    on_date = models.DateField()
    failing_since = models.DateTimeField()
    said = models.TextField()
    state = models.TextField()
    tries = models.SmallIntegerField(default=0)
    code = models.TextField(default="")
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint_id", "kind", "on_date"], name="notices_alert_once_a_day"),
            models.CheckConstraint(condition=Q(kind__in=["failing", "disabled"]), name="notices_alert_kind"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "sent", "failed", "no_address"]), name="notices_alert_state"),
        ]
        indexes = [models.Index(fields=["book_id"], condition=Q(state="waiting"), name="notices_alert_waiting")]
