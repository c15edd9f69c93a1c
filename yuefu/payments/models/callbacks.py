"""Table of what channels tell by themselves."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow


class Callback(BookRow):
    """A message of a channel as it came, once by the channel's own name for it; its bytes and headers are sealed to this row. What became of it
    is told by `state`, after so many tries.
    """

    channel = models.TextField()
    number = models.TextField()
    content_sealed = models.BinaryField()
    sha256 = models.TextField()
    received_at = models.DateTimeField()
    state = models.TextField()
    outcome = models.TextField(default="")
    tries = models.IntegerField(default=0)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "channel", "number"], name="payments_callback_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "handled"]), name="payments_callback_state"),
            models.CheckConstraint(
                condition=Q(state="waiting", handled_at__isnull=True) | Q(state="handled", handled_at__isnull=False, tries__gte=1),
                name="payments_callback_handled",
            ),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="payments_callback_sha256"),
        ]
        indexes = [models.Index(fields=["book_id", "id"], condition=Q(state="waiting"), name="payments_callback_waiting")]
