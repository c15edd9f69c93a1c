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
    # The pending transfer that keeps it closed; its end opens the account again. Without one it is closed for good.
    closed_by_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book_id", "code", "owner_id", "funder_id", "product", "currency"], name="ledger_account_key", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(kind__in=["limited", "control", "money"]), name="ledger_account_kind"),
        ]
        indexes = [
            models.Index(
                fields=["book_id", "code"], condition=Q(closed_at__isnull=False) & ~Q(kind="limited"), name="ledger_account_closed"
            )
        ]


class Limit(models.Model):
    """The moving part of a limited account, narrow because it is the hot row. Exposure = side × posted + held, both added up by triggers:
    posted is net debits, held what is held on the side that counts.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="+")
    book_id = models.UUIDField()
    limit_minor = models.BigIntegerField()
    posted_minor = models.BigIntegerField(db_default=0)
    held_minor = models.BigIntegerField(db_default=0)
    merchant_id = models.UUIDField(null=True)
    consumer_id = models.UUIDField(null=True)
    side = models.SmallIntegerField(db_default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="ledger_limit_held_not_negative"),
            models.CheckConstraint(condition=Q(side__in=[1, -1]), name="ledger_limit_side"),
        ]


class Hold(BookRow):
    """`posted_minor` is what lines that name the hold took from it; their trigger writes it, and the state `posted`. What is released of a
    pending hold lowers what can be taken. `side` is that of its limit.
    """

    # Its key to the account is the composite one, which holds the book too.
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    amount_minor = models.BigIntegerField()
    posted_minor = models.BigIntegerField(db_default=0)
    released_minor = models.BigIntegerField(db_default=0)
    state = models.TextField(db_default="pending")
    order_id = models.UUIDField(null=True)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    side = models.SmallIntegerField(db_default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["pending", "posted", "voided", "expired"]), name="ledger_hold_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0, posted_minor__gte=0, released_minor__gte=0), name="ledger_hold_amounts"),
            models.CheckConstraint(condition=Q(posted_minor__lte=F("amount_minor") - F("released_minor")), name="ledger_hold_not_overused"),
            models.CheckConstraint(
                condition=Q(state="pending") | Q(amount_minor=F("posted_minor") + F("released_minor")), name="ledger_hold_ended_is_whole"
            ),
            models.CheckConstraint(condition=~Q(state="posted") | Q(posted_minor__gt=0), name="ledger_hold_posted_was_taken"),
        ]
        indexes = [models.Index(fields=["book_id", "expires_at"], condition=Q(state="pending"), name="ledger_hold_expiring")]


class Transfer(BookRow):
    """One move between two accounts, asked for by a key that is answered once. Of one that failed for good only key and reason are kept.

    What it moves is the entry of its id; what it holds of limits are its two holds. `ended` is written by the trigger of whatever resolves
    it, and is empty for what never was pending.
    """

    key = models.TextField()
    kind = models.TextField()
    debit_account_id = models.UUIDField(null=True)
    credit_account_id = models.UUIDField(null=True)
    currency = models.TextField(null=True)
    amount_minor = models.BigIntegerField(null=True)
    linked = models.BooleanField(db_default=False)
    balancing_debit = models.BooleanField(db_default=False)
    balancing_credit = models.BooleanField(db_default=False)
    closing_debit = models.BooleanField(db_default=False)
    closing_credit = models.BooleanField(db_default=False)
    pending_id = models.UUIDField(null=True)
    debit_hold_id = models.UUIDField(null=True)
    credit_hold_id = models.UUIDField(null=True)
    posted_on = models.DateField(null=True)
    recorded_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    ended = models.TextField(db_default="")
    refused = models.TextField(db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "key"], name="ledger_transfer_key"),
            models.UniqueConstraint(fields=["pending_id"], name="ledger_transfer_resolves_once"),
            models.UniqueConstraint(fields=["debit_hold_id"], name="ledger_transfer_debit_hold_once"),
            models.UniqueConstraint(fields=["credit_hold_id"], name="ledger_transfer_credit_hold_once"),
            models.CheckConstraint(condition=Q(kind__in=["transfer", "pending", "post", "void", "failed"]), name="ledger_transfer_kind"),
            models.CheckConstraint(
                condition=Q(kind="failed", debit_account_id=None, credit_account_id=None, currency=None, amount_minor=None) & ~Q(refused="")
                | ~Q(kind="failed")
                & Q(
                    debit_account_id__isnull=False,
                    credit_account_id__isnull=False,
                    currency__isnull=False,
                    amount_minor__isnull=False,
                    refused="",
                ),
                name="ledger_transfer_whole_or_failed",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gte=0, amount_minor__lte=10**15), name="ledger_transfer_amount"),
            models.CheckConstraint(condition=~Q(debit_account_id=F("credit_account_id")), name="ledger_transfer_two_accounts"),
            models.CheckConstraint(
                condition=Q(kind__in=["post", "void"], pending_id__isnull=False) | ~Q(kind__in=["post", "void"]) & Q(pending_id=None),
                name="ledger_transfer_resolves_one",
            ),
            models.CheckConstraint(
                condition=Q(kind="pending", ended__in=["", "posted", "voided", "expired"])
                | Q(ended="", closing_debit=False, closing_credit=False, expires_at=None, debit_hold_id=None, credit_hold_id=None),
                name="ledger_transfer_only_pending_ends",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["transfer", "pending"]) | Q(balancing_debit=False, balancing_credit=False),
                name="ledger_transfer_balancing",
            ),
            models.CheckConstraint(
                condition=Q(posted_on__isnull=False, kind__in=["transfer", "post"], amount_minor__gt=0)
                | Q(posted_on=None) & (~Q(kind__in=["transfer", "post"]) | Q(amount_minor=0)),
                name="ledger_transfer_moves_by_an_entry",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "expires_at"], condition=Q(kind="pending", ended=""), name="ledger_transfer_expiring"),
            models.Index(fields=["debit_account_id"], condition=Q(kind="pending", ended=""), name="ledger_transfer_debits"),
            models.Index(fields=["credit_account_id"], condition=Q(kind="pending", ended=""), name="ledger_transfer_credits"),
        ]


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
