"""Tables of money that moves. The two `Sandbox…` tables are the books of the sandbox channel and bank; only their gateway reads them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow

_ATTEMPT_STATES = ["attempted", "succeeded", "failed", "unknown"]


class MoneyAccount(BookRow):
    """An account of ours at a channel or bank. Its role (kind/purpose, a generated column) is what others name it by, so that own and
    client money cannot be taken for each other.
    """

    code = models.TextField()
    kind = models.TextField()
    purpose = models.TextField()
    provider = models.TextField()
    number = models.TextField()
    currency = models.TextField()
    name_zh = models.TextField()
    name_en = models.TextField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payments_money_account"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "code"], name="payments_money_account_code"),
            models.UniqueConstraint(fields=["book_id", "provider", "number"], name="payments_money_account_number"),
            models.CheckConstraint(
                condition=Q(kind="bank", purpose__in=["own", "client"]) | Q(kind="channel", purpose="own"),
                name="payments_money_account_role",
            ),
        ]


class Collection(BookRow):
    """An attempt to collect from a consumer, stored before the channel is called: for one loan, or a whole over several with its parts."""

    reference = models.TextField()
    money_account_id = models.UUIDField()
    consumer_id = models.UUIDField()
    loan_id = models.UUIDField(null=True)
    order_id = models.UUIDField(null=True)
    funder_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    currency = models.TextField()
    channel = models.TextField(default="sandbox")
    instrument = models.TextField()
    provider_id = models.TextField(default="")
    state = models.TextField(default="attempted")
    failure_code = models.TextField(default="")
    attempted_at = models.DateTimeField()
    settled_on = models.DateField(null=True)
    posted_on = models.DateField(null=True)
    part_of_id = models.UUIDField(null=True)
    parts = models.SmallIntegerField(db_default=0)
    waits_for = models.DateField(null=True)
    released_on = models.DateField(null=True)
    ahead = models.TextField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book_id", "reference"], condition=Q(part_of_id__isnull=True), name="payments_collection_reference"
            ),
            models.CheckConstraint(
                condition=Q(part_of_id__isnull=True, waits_for__isnull=True)
                | Q(part_of_id__isnull=False, parts=0, loan_id__isnull=False, order_id__isnull=False),
                name="payments_collection_part_is_of_a_loan",
            ),
            models.CheckConstraint(
                condition=Q(parts=0) | Q(parts__gt=0, loan_id__isnull=True, order_id__isnull=True, refunded_minor=0),
                name="payments_collection_whole_is_of_no_loan",
            ),
            models.CheckConstraint(
                condition=Q(ahead__isnull=True) | Q(ahead__in=["next", "smaller", "shorter", "settle"], loan_id__isnull=False),
                name="payments_collection_ahead",
            ),
            models.CheckConstraint(
                condition=Q(released_on__isnull=True) | Q(state="succeeded", waits_for__isnull=False),
                name="payments_collection_released_if_it_came",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor=0) | Q(waits_for__isnull=True) | Q(released_on__isnull=False),
                name="payments_collection_waiting_is_whole",
            ),
            models.CheckConstraint(condition=Q(state__in=_ATTEMPT_STATES), name="payments_collection_state"),
            models.CheckConstraint(condition=Q(channel__in=["sandbox", "bank"]), name="payments_collection_channel"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_collection_amount"),
            models.CheckConstraint(condition=Q(fee_minor__gte=0, fee_minor__lte=F("amount_minor")), name="payments_collection_fee"),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")), name="payments_collection_refunded"
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded", settled_on__isnull=False, posted_on__isnull=False)
                | (~Q(state="succeeded") & Q(settled_on__isnull=True, posted_on__isnull=True, fee_minor=0, refunded_minor=0)),
                name="payments_collection_settled_if_succeeded",
            ),
        ]
        indexes = [
            models.Index(
                fields=["book_id", "attempted_at"], condition=Q(state__in=["attempted", "unknown"]), name="payments_collection_open"
            ),
            models.Index(fields=["book_id", "posted_on"], name="payments_collection_posted"),
            models.Index(fields=["loan_id"], name="payments_collection_loan"),
            models.Index(fields=["order_id"], name="payments_collection_order"),
            models.Index(fields=["part_of_id"], condition=Q(part_of_id__isnull=False), name="payments_collection_parts"),
            models.Index(
                fields=["book_id", "waits_for"],
                condition=Q(state="succeeded", waits_for__isnull=False, released_on__isnull=True),
                name="payments_collection_waiting",
            ),
        ]


class ChannelRefund(BookRow):
    """A refund of a collection. The sum of those that did not fail is the counter on the collection, which bounds it: a trigger keeps it."""

    reference = models.TextField()
    money_account_id = models.UUIDField()
    collection_id = models.UUIDField()
    consumer_id = models.UUIDField()
    channel = models.TextField(db_default="sandbox")
    amount_minor = models.BigIntegerField()
    fee_returned_minor = models.BigIntegerField(default=0)
    currency = models.TextField()
    provider_id = models.TextField(default="")
    state = models.TextField(default="attempted")
    failure_code = models.TextField(default="")
    attempted_at = models.DateTimeField()
    settled_on = models.DateField(null=True)
    posted_on = models.DateField(null=True)

    class Meta:
        db_table = "payments_channel_refund"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_channel_refund_reference"),
            models.CheckConstraint(condition=Q(state__in=_ATTEMPT_STATES), name="payments_channel_refund_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_channel_refund_amount"),
            models.CheckConstraint(
                condition=Q(fee_returned_minor__gte=0, fee_returned_minor__lte=F("amount_minor")), name="payments_channel_refund_fee"
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded", settled_on__isnull=False, posted_on__isnull=False)
                | (~Q(state="succeeded") & Q(settled_on__isnull=True, posted_on__isnull=True, fee_returned_minor=0)),
                name="payments_channel_refund_settled_if_succeeded",
            ),
        ]
        indexes = [
            models.Index(
                fields=["book_id", "attempted_at"], condition=Q(state__in=["attempted", "unknown"]), name="payments_channel_refund_open"
            ),
            models.Index(fields=["book_id", "posted_on"], name="payments_channel_refund_posted"),
            models.Index(fields=["collection_id"], name="payments_channel_refund_of"),
        ]


class Payout(BookRow):
    """Money to a merchant for one settlement batch, or to a payee for one batch of its shares; one that was returned may be followed by another. What
    left names the version of the account it went to; of a merchant a key compares its kind, too: a personal one is none."""

    reference = models.TextField()
    money_account_id = models.UUIDField()
    merchant_id = models.UUIDField(null=True)
    batch_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    provider_id = models.TextField(default="")
    state = models.TextField(default="scheduled")
    failure_code = models.TextField(default="")
    ordered_at = models.DateTimeField()
    paid_on = models.DateField(null=True)
    returned_on = models.DateField(null=True)
    account_id = models.UUIDField(null=True)
    file_id = models.UUIDField(null=True)
    by_hand = models.BooleanField(default=False, db_default=False)
    party = models.TextField(default="merchant", db_default="merchant")
    payee_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(party="merchant", merchant_id__isnull=False, payee_id__isnull=True)
                | Q(party__in=["funder", "agent", "host"], merchant_id__isnull=True, payee_id__isnull=False),
                name="payments_payout_to_one",
            ),
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_payout_reference"),
            models.UniqueConstraint(fields=["batch_id"], condition=~Q(state="returned"), name="payments_payout_one_of_a_batch"),
            models.CheckConstraint(condition=Q(state__in=["scheduled", "sent", "paid", "returned"]), name="payments_payout_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_payout_amount"),
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "sent"], paid_on__isnull=True, returned_on__isnull=True)
                | Q(state="paid", paid_on__isnull=False, returned_on__isnull=True)
                | Q(state="returned", returned_on__isnull=False),
                name="payments_payout_days",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "ordered_at"], condition=Q(state__in=["scheduled", "sent"]), name="payments_payout_open"),
            models.Index(fields=["batch_id"], name="payments_payout_batch"),
            models.Index(fields=["merchant_id", "-id"], condition=Q(merchant_id__isnull=False), name="payments_payout_of_merchant"),
        ]


class Transfer(BookRow):
    """Money between two of our accounts, or from a funder."""

    reference = models.TextField()
    kind = models.TextField()
    from_account_id = models.UUIDField(null=True)
    to_account_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    funder_id = models.UUIDField(null=True)
    provider_id = models.TextField(default="")
    state = models.TextField(default="ordered")
    failure_code = models.TextField(default="")
    ordered_at = models.DateTimeField()
    moved_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "reference"], name="payments_transfer_reference"),
            models.CheckConstraint(
                condition=Q(kind__in=["withdrawal", "funding", "safeguarding", "release"]), name="payments_transfer_kind"
            ),
            models.CheckConstraint(condition=Q(state__in=["ordered", "done", "failed"]), name="payments_transfer_state"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payments_transfer_amount"),
            models.CheckConstraint(
                condition=Q(kind="funding", funder_id__isnull=False, from_account_id__isnull=True)
                | (~Q(kind="funding") & Q(funder_id__isnull=True, from_account_id__isnull=False)),
                name="payments_transfer_funder",
            ),
            models.CheckConstraint(
                condition=Q(state="done", moved_on__isnull=False) | (~Q(state="done") & Q(moved_on__isnull=True)),
                name="payments_transfer_moved_if_done",
            ),
        ]


class SandboxTrade(models.Model):
    """A payment, refund, payout or receipt as the sandbox channel or bank knows it, by the number its customer gave it."""

    pk = models.CompositePrimaryKey("book_id", "side", "reference")
    book_id = models.UUIDField()
    side = models.TextField()
    reference = models.TextField()
    kind = models.TextField()
    original_reference = models.TextField(default="")
    provider_id = models.TextField()
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    currency = models.TextField()
    status = models.TextField()
    failure_code = models.TextField(default="")
    on_date = models.DateField()
    at = models.DateTimeField()
    payer = models.TextField()
    description = models.TextField()
    silent = models.BooleanField(default=False)
    outcome_rule = models.TextField(default="")

    class Meta:
        db_table = "payments_sandbox_trade"
        constraints = [
            models.CheckConstraint(condition=Q(side__in=["channel", "operating", "client"]), name="payments_sandbox_trade_side"),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")), name="payments_sandbox_trade_refunded"
            ),
        ]
        indexes = [models.Index(fields=["book_id", "side", "on_date"], name="payments_sandbox_trade_day")]


class SandboxFlow(models.Model):
    """A movement on the account that the platform has at the sandbox channel or bank, with the balance after it."""

    pk = models.CompositePrimaryKey("book_id", "side", "seq")
    book_id = models.UUIDField()
    side = models.TextField()
    seq = models.BigIntegerField()
    reference = models.TextField()
    kind = models.TextField()
    business_id = models.TextField()
    amount_minor = models.BigIntegerField()
    balance_minor = models.BigIntegerField()
    currency = models.TextField()
    on_date = models.DateField()
    at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        db_table = "payments_sandbox_flow"
        constraints = [
            models.CheckConstraint(condition=Q(side__in=["channel", "operating", "client"]), name="payments_sandbox_flow_side"),
            models.UniqueConstraint(fields=["book_id", "side", "reference", "kind"], name="payments_sandbox_flow_once"),
        ]
        indexes = [models.Index(fields=["book_id", "side", "on_date", "seq"], name="payments_sandbox_flow_day")]
