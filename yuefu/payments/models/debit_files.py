"""Lines of banks' return files that could not be booked."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from yuefu.runtime.tables import BookRow


class DebitLine(BookRow):
    """A line that could not be booked, as it stood in its file, once by file and number; mended where the same line was booked later."""

    file_sha256 = models.TextField()
    no = models.IntegerField()
    text = models.BinaryField()
    code = models.TextField()
    detail = models.TextField()
    heard_at = models.DateTimeField()
    heard_by = models.TextField()
    mended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payments_debit_line"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "file_sha256", "no"], name="payments_debit_line_once"),
            models.CheckConstraint(condition=Q(no__gt=0), name="payments_debit_line_no"),
            models.CheckConstraint(condition=Q(file_sha256__regex=r"^[0-9a-f]{64}$"), name="payments_debit_line_of_a_file"),
        ]
        indexes = [models.Index(fields=["book_id", "id"], condition=Q(mended_at__isnull=True), name="payments_debit_line_open")]
