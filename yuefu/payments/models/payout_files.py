"""Tables of files of payouts, and of what banks answered to them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow


class PayoutFile(BookRow):
    """A file as the bank was given it, sealed, for it has account numbers; nothing of it changes but that a person cancels it once."""

    money_account_id = models.UUIDField()
    message_id = models.TextField()
    layout = models.TextField()
    execute_on = models.DateField()
    count = models.IntegerField()
    total_minor = models.BigIntegerField()
    currency = models.TextField()
    sha256 = models.TextField()
    content = models.BinaryField()
    state = models.TextField()
    made_by = models.TextField()
    made_at = models.DateTimeField()
    cancelled_by = models.TextField(default="", db_default="")
    cancelled_at = models.DateTimeField(null=True)
    reason = models.TextField(default="", db_default="")
    pays = models.TextField(default="merchants", db_default="merchants")

    class Meta:
        db_table = "payments_payout_file"
        constraints = [
            models.CheckConstraint(condition=Q(pays__in=["merchants", "payees"]), name="payments_payout_file_pays"),
            models.UniqueConstraint(fields=["book_id", "message_id"], name="payments_payout_file_message"),
            models.CheckConstraint(condition=Q(count__gt=0, total_minor__gte=F("count")), name="payments_payout_file_counts"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="payments_payout_file_hash"),
            models.CheckConstraint(
                condition=Q(state="made", cancelled_by="", cancelled_at__isnull=True, reason="")
                | (Q(state="cancelled", cancelled_at__isnull=False) & ~Q(cancelled_by="") & ~Q(reason="")),
                name="payments_payout_file_state",
            ),
        ]


class PayoutFileLine(BookRow):
    """A payout in a file. It is in one that holds at most: `holds` ends with the file."""

    file_id = models.UUIDField()
    payout_id = models.UUIDField()
    no = models.IntegerField()
    holds = models.BooleanField(default=True, db_default=True)

    class Meta:
        db_table = "payments_payout_file_line"
        constraints = [
            models.UniqueConstraint(fields=["payout_id"], condition=Q(holds=True), name="payments_payout_file_line_in_one"),
            models.UniqueConstraint(fields=["file_id", "no"], name="payments_payout_file_line_place"),
        ]


class PayoutAnswer(BookRow):
    """What a bank answered to a file, once by its bytes and once by the bank's own number."""

    file_id = models.UUIDField()
    message_id = models.TextField()
    sha256 = models.TextField()
    paid = models.IntegerField()
    rejected = models.IntegerField()
    pending = models.IntegerField()
    taken_by = models.TextField()
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "payments_payout_answer"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "sha256"], name="payments_payout_answer_once"),
            models.UniqueConstraint(fields=["book_id", "message_id"], name="payments_payout_answer_message"),
        ]
