"""Tables of merchants."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, Q, When

from yuefu.runtime.tables import BookRow


class Merchant(BookRow):
    """Who sells. The settlement account is sealed to this row and corporate."""

    code = models.TextField()
    name_zh = models.TextField()
    name_en = models.TextField()
    uscc = models.TextField()
    industry = models.TextField()
    state = models.TextField()
    settlement_account_kind = models.TextField()
    settlement_account_sealed = models.BinaryField()
    settlement_account_index = models.BinaryField()
    settlement_account_masked = models.TextField()
    created_at = models.DateTimeField()
    revision = models.IntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["active", "suspended", "closed"]), name="merchants_merchant_state"),
            models.CheckConstraint(condition=Q(settlement_account_kind="corporate"), name="merchants_merchant_account_is_corporate"),
            models.CheckConstraint(condition=Q(uscc__regex=r"^[0-9A-Z]{18}$"), name="merchants_merchant_uscc"),
            models.UniqueConstraint(fields=["book_id", "code"], name="merchants_merchant_code"),
        ]
        # One account at many merchants is a signal that risk and compliance look for.
        indexes = [models.Index(fields=["book_id", "settlement_account_index"], name="merchants_merchant_account")]


class Payee(BookRow):
    """An agent or host. Identity and account are sealed to this row; the account is that it came with, its versions are `PayeeAccount`."""

    code = models.TextField()
    kind = models.TextField()
    form = models.TextField()
    name_zh = models.TextField()
    name_en = models.TextField()
    identity_sealed = models.BinaryField()
    identity_index = models.BinaryField()
    parent_id = models.UUIDField(null=True)
    account_kind = models.TextField()
    account_sealed = models.BinaryField()
    account_index = models.BinaryField()
    account_masked = models.TextField()
    state = models.TextField()
    created_at = models.DateTimeField()
    revision = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "code"], name="merchants_payee_code"),
            models.CheckConstraint(condition=Q(kind="agent") | Q(kind="host", parent_id__isnull=True), name="merchants_payee_kind"),
            models.CheckConstraint(
                condition=Q(form="company", account_kind="corporate") | Q(form="person", account_kind="personal"),
                name="merchants_payee_account",
            ),
            models.CheckConstraint(condition=Q(state__in=["active", "ended"]), name="merchants_payee_state"),
        ]


class PayeeAccount(BookRow):
    """A version of the account that an agent, a host or a funder is paid to, sealed to whom it is of. Nothing of it ever changes but that it is flagged
    once: a bank sent money back from it."""

    party = models.TextField()
    payee_id = models.UUIDField()
    payee_ref = models.GeneratedField(
        expression=Case(When(~Q(party="funder"), then="payee_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    """The agent or host; funders have no rows yet."""
    version = models.IntegerField()
    kind = models.TextField()
    holder = models.TextField()
    bank_code = models.TextField()
    number_sealed = models.BinaryField()
    number_index = models.BinaryField()
    number_masked = models.TextField()
    valid_from = models.DateField()
    flagged_on = models.DateField(null=True)
    fault = models.TextField(default="", db_default="")
    approval_id = models.UUIDField(null=True, unique=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "merchants_payee_account"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "payee_id", "version"], name="merchants_payee_account_version"),
            models.CheckConstraint(
                condition=Q(party__in=["agent", "host"], kind__in=["corporate", "personal"]) | Q(party="funder", kind="corporate"),
                name="merchants_payee_account_kind",
            ),
            models.CheckConstraint(
                condition=Q(version=1, approval_id__isnull=True, party__in=["agent", "host"])
                | Q(version=1, approval_id__isnull=False, party="funder")
                | Q(version__gt=1, approval_id__isnull=False),
                name="merchants_payee_account_approved",
            ),
            models.CheckConstraint(
                condition=Q(flagged_on__isnull=True, fault="") | (Q(flagged_on__isnull=False) & ~Q(fault="")),
                name="merchants_payee_account_flagged",
            ),
        ]


class Account(BookRow):
    """A version of the account that a merchant is paid to, sealed to the merchant. Nothing of it ever changes but that it is flagged once: a bank
    sent money back from it."""

    merchant_id = models.UUIDField()
    version = models.IntegerField()
    kind = models.TextField()
    holder = models.TextField()
    bank_code = models.TextField()
    number_sealed = models.BinaryField()
    number_index = models.BinaryField()
    number_masked = models.TextField()
    valid_from = models.DateField()
    flagged_on = models.DateField(null=True)
    fault = models.TextField(default="", db_default="")
    approval_id = models.UUIDField(null=True, unique=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant_id", "version"], name="merchants_account_version"),
            models.CheckConstraint(condition=Q(kind="corporate"), name="merchants_account_is_corporate"),
            models.CheckConstraint(
                condition=Q(version=1, approval_id__isnull=True) | Q(version__gt=1, approval_id__isnull=False),
                name="merchants_account_change_is_approved",
            ),
            models.CheckConstraint(
                condition=Q(flagged_on__isnull=True, fault="") | (Q(flagged_on__isnull=False) & ~Q(fault="")),
                name="merchants_account_flagged",
            ),
        ]


class Contract(BookRow):
    """One version of a merchant's contract; never changed."""

    merchant_id = models.UUIDField()
    version = models.IntegerField()
    valid_from = models.DateField()
    fee_rate_ppm = models.IntegerField()
    settlement_days = models.SmallIntegerField()
    channel = models.TextField()
    discount_ppm = models.JSONField()
    fee_on_refund = models.TextField()
    negative_limit_minor = models.BigIntegerField()
    fees = models.JSONField(default=list, db_default=[])
    minimum_payout_minor = models.BigIntegerField(default=0, db_default=0)
    reserve_ppm = models.IntegerField(default=0, db_default=0)
    reserve_days = models.SmallIntegerField(default=0, db_default=0)
    more = models.JSONField(default=dict, db_default={})
    currency = models.TextField()
    approval_id = models.UUIDField(null=True, unique=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant_id", "version"], name="merchants_contract_version"),
            models.CheckConstraint(
                condition=Q(version=1, approval_id__isnull=True) | Q(version__gt=1, approval_id__isnull=False),
                name="merchants_contract_change_is_approved",
            ),
            models.CheckConstraint(condition=Q(fee_rate_ppm__gte=0, fee_rate_ppm__lt=1_000_000), name="merchants_contract_fee_rate"),
            models.CheckConstraint(condition=Q(settlement_days__gte=0, settlement_days__lte=60), name="merchants_contract_settlement_days"),
            models.CheckConstraint(
                condition=Q(channel__in=["online", "store", "mini", "live", "agent"]), name="merchants_contract_channel"
            ),
            models.CheckConstraint(condition=Q(fee_on_refund__in=["kept", "returned", "whole"]), name="merchants_contract_fee_on_refund"),
            models.CheckConstraint(condition=Q(negative_limit_minor__gte=0), name="merchants_contract_negative_limit"),
            models.CheckConstraint(condition=Q(minimum_payout_minor__gte=0), name="merchants_contract_minimum_payout"),
            models.CheckConstraint(
                condition=Q(reserve_ppm=0, reserve_days=0) | Q(reserve_ppm__gt=0, reserve_ppm__lt=1_000_000, reserve_days__gt=0),
                name="merchants_contract_reserve",
            ),
        ]


class Metadata(BookRow):
    """All that a merchant has noted on an object since its change `number`, for itself."""

    merchant_id = models.UUIDField()
    object_kind = models.TextField()
    object_id = models.UUIDField()
    number = models.IntegerField()
    data = models.JSONField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["object_id", "object_kind", "number"], name="merchants_metadata_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="merchants_metadata_from_one"),
        ]


def _closed(table: str) -> list[models.CheckConstraint]:
    return [
        models.CheckConstraint(condition=Q(state__in=["active", "closed"]), name=f"{table}_state"),
        models.CheckConstraint(
            condition=Q(state="active", closed_at__isnull=True) | Q(state="closed", closed_at__isnull=False), name=f"{table}_closed_at"
        ),
    ]


class Store(BookRow):
    """Where a merchant sells. Nothing of it ever changes but that it is closed, once."""

    merchant_id = models.UUIDField()
    code = models.TextField()
    name_zh = models.TextField()
    name_en = models.TextField()
    address = models.TextField()
    state = models.TextField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [*_closed("merchants_store"), models.UniqueConstraint(fields=["merchant_id", "code"], name="merchants_store_code")]
        indexes = [models.Index(fields=["merchant_id", "-id"], name="merchants_store_of_merchant")]


class Terminal(BookRow):
    """A till in a store. Nothing of it ever changes but that it is closed, once."""

    merchant_id = models.UUIDField()
    store_id = models.UUIDField()
    code = models.TextField()
    state = models.TextField()
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *_closed("merchants_terminal"),
            models.UniqueConstraint(fields=["store_id", "code"], name="merchants_terminal_code"),
        ]
        indexes = [models.Index(fields=["merchant_id", "-id"], name="merchants_till_of_merchant")]


class Acting(BookRow):
    """That an agent may act for a merchant. Nothing of it ever changes but that it ends, once."""

    merchant_id = models.UUIDField()
    agent_id = models.UUIDField()
    granted_at = models.DateTimeField()
    granted_by = models.TextField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.TextField(db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent_id", "merchant_id"], condition=Q(ended_at__isnull=True), name="merchants_acting_once"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by="") | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
                name="merchants_acting_ended_by",
            ),
        ]
