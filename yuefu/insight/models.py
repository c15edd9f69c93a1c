"""Tables of insight."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class Report(BookRow):
    """A report as it was given out: once of a day, once of a month. Append only; its text is its hash, which a check holds."""

    kind = models.TextField()
    since = models.DateField()
    until = models.DateField()
    content = models.TextField()
    sha256 = models.TextField()
    made_at = models.DateTimeField()
    made_by = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "kind", "since"], name="insight_report_once"),
            models.CheckConstraint(
                condition=Q(kind="day", until=F("since")) | Q(kind="month", until__gte=F("since")), name="insight_report_kind"
            ),
        ]
