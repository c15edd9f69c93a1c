"""Tables of the ledger. Entry and line are partitioned by the month of `posted_on`; their SQL is in the migration."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow, CommittedRow


class Account(BookRow):
    code = models.TextField()
    kind = models.TextField()
    cls = models.TextField()
    currency = models.TextField()
    owner_id = models.UUIDField(null=True)
    funder_id = models.UUIDField(null=True)
    product = models.TextField(default="")
    merchant_id = models.UUIDField(null=True)
    consumer_id = models.UUIDField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book_id", "code", "owner_id", "funder_id", "product", "currency"], name="ledger_account_key", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(kind__in=["limited", "control", "money"]), name="ledger_account_kind"),
        ]


class Limit(models.Model):
    """The moving part of a limited account, narrow because it is the hot row. Exposure = posted + held, both added up by triggers."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="+")
    book_id = models.UUIDField()
    limit_minor = models.BigIntegerField()
    posted_minor = models.BigIntegerField(db_default=0)
    held_minor = models.BigIntegerField(db_default=0)
    merchant_id = models.UUIDField(null=True)
    consumer_id = models.UUIDField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(held_minor__gte=0), name="ledger_limit_held_not_negative")]


class Hold(BookRow):
    """`posted_minor` is what lines that name the hold took from it; their trigger writes it, and the state `posted`."""

    # Its key to the account is the composite one, which holds the book too.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    amount_minor = models.BigIntegerField()
    posted_minor = models.BigIntegerField(db_default=0)
    released_minor = models.BigIntegerField(db_default=0)
    state = models.TextField(db_default="pending")
    order_id = models.UUIDField(null=True)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["pending", "posted", "voided", "expired"]), name="ledger_hold_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, posted_minor__gte=0, released_minor__gte=0), name="ledger_hold_amounts"),
            models.CheckConstraint(condition=Q(posted_minor__lte=F("amount_minor") - F("released_minor")), name="ledger_hold_not_overused"),
            models.CheckConstraint(
                condition=Q(state="pending") | Q(amount_minor=F("posted_minor") + F("released_minor")), name="ledger_hold_ended_is_whole"
            ),
            models.CheckConstraint(
                condition=Q(released_minor=0) | Q(state__in=["voided", "expired"]), name="ledger_hold_released_has_ended"
            ),
        ]
        indexes = [models.Index(fields=["book_id", "expires_at"], condition=Q(state="pending"), name="ledger_hold_expiring")]


class Entry(CommittedRow):
    pk = models.CompositePrimaryKey("posted_on", "id")
    id = models.UUIDField()
    book_id = models.UUIDField()
    posted_on = models.DateField()
    effective_on = models.DateField()
    recorded_at = models.DateTimeField()
    kind = models.TextField()
    line_count = models.SmallIntegerField()
    actor = models.TextField()
    request_id = models.TextField()
    run_id = models.UUIDField(null=True)


class Line(CommittedRow):
    """A line with `hold_id` takes its whole amount from that hold. `funder_id` is null only in lines older than the check: own funds."""

    pk = models.CompositePrimaryKey("posted_on", "entry_id", "line_no")
    posted_on = models.DateField()
    entry_id = models.UUIDField()
    line_no = models.SmallIntegerField()
    book_id = models.UUIDField()
    account_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    order_id = models.UUIDField(null=True)
    loan_id = models.UUIDField(null=True)
    merchant_id = models.UUIDField(null=True)
    funder_id = models.UUIDField()
    movement = models.TextField()
    reference = models.TextField()
    hold_id = models.UUIDField(null=True)


class Reversal(models.Model):
    """An entry that was taken back, on days, and the entry that mirrors it."""

    pk = models.CompositePrimaryKey("book_id", "reversed_id")
    book_id = models.UUIDField()
    reversed_id = models.UUIDField()
    reversed_on = models.DateField()
    entry_id = models.UUIDField()
    posted_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book_id", "entry_id"], name="ledger_reversal_entry_once")]


class Journal(models.Model):
    """An entry by hand, and the approval that it is the content of."""

    pk = models.CompositePrimaryKey("book_id", "approval_id")
    book_id = models.UUIDField()
    approval_id = models.UUIDField()
    entry_id = models.UUIDField()
    posted_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book_id", "entry_id"], name="ledger_journal_entry_once")]


class Checkpoint(models.Model):
    """Movement of one account on one posting day, up to the horizon of its book."""

    pk = models.CompositePrimaryKey("account_id", "posted_on")
    account_id = models.UUIDField()
    posted_on = models.DateField()
    book_id = models.UUIDField()
    debit_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()
    line_count = models.BigIntegerField()


class Horizon(models.Model):
    """How far checkpoints reach in commit order: every line below (epoch, xid) is inside them, none above."""

    book_id = models.UUIDField(primary_key=True)
    epoch = models.IntegerField()
    xid = models.TextField()
    moved_at = models.DateTimeField()


class Seal(models.Model):
    """A link of the chain over entries, in commit order: SHA-256 of the link before it and of all that the entry and its lines say."""

    pk = models.CompositePrimaryKey("book_id", "number")
    book_id = models.UUIDField()
    number = models.BigIntegerField()
    entry_id = models.UUIDField()
    posted_on = models.DateField()
    digest = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book_id", "entry_id"], name="ledger_seal_entry_once")]
