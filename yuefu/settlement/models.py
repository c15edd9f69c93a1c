"""Tables of settlement. Items and lines are append-only; of a batch only its state and payout may change."""

from __future__ import annotations

from django.db import models
from django.db.models import Case, F, Q, When

from yuefu.runtime.tables import BookRow


class Item(BookRow):
    merchant_id = models.UUIDField()
    kind = models.TextField()
    order_id = models.UUIDField(null=True)
    source_id = models.UUIDField()
    capture_id = models.UUIDField(null=True)
    loan_id = models.UUIDField(null=True)
    lived = models.BooleanField(db_default=False)
    """Whether the loan is one of rule version 2026-2."""
    levelled_id = models.GeneratedField(
        expression=Case(When(lived=False, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    agreement_id = models.GeneratedField(
        expression=Case(When(lived=True, then="loan_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    funder_id = models.UUIDField(null=True)
    product = models.TextField()
    gross_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    discount_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    vat_minor = models.BigIntegerField(default=0, db_default=0)
    """The tax in the fee."""
    event = models.TextField(default="", db_default="")
    currency = models.TextField()
    contract_version = models.IntegerField()
    fee_on_refund = models.TextField()
    earned_on = models.DateField()
    settles_on = models.DateField()
    due_on = models.DateField(null=True)
    """The day it settles once there is evidence of delivery; a refund waits with its capture."""
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(due_on__isnull=True) | Q(kind__in=["capture", "refund"], due_on__lt=F("settles_on")),
                name="settlement_item_evidence",
            ),
            models.UniqueConstraint(fields=["kind", "source_id"], name="settlement_item_source"),
            models.CheckConstraint(
                condition=Q(net_minor=F("gross_minor") - F("fee_minor") - F("discount_minor")), name="settlement_item_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(kind="capture", gross_minor__gt=0, fee_minor__gte=0, discount_minor__gte=0, capture_id=F("source_id"))
                | Q(kind="refund", gross_minor__lt=0, fee_minor__lte=0, discount_minor__lte=0, capture_id__isnull=False)
                | (Q(kind="carried", fee_minor=0, discount_minor=0, capture_id__isnull=True) & ~Q(gross_minor=0))
                | Q(kind="reserved", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="released", gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="frozen", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="thawed", gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind="penalty", gross_minor__lt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True)
                | Q(kind__in=["subsidy", "collected"], gross_minor__gt=0, fee_minor=0, discount_minor=0, capture_id__isnull=True),
                name="settlement_item_signs",
            ),
            models.CheckConstraint(condition=Q(fee_on_refund__in=["kept", "returned", "whole", ""]), name="settlement_item_fee_on_refund"),
            models.CheckConstraint(
                condition=Q(vat_minor__gte=0, vat_minor__lte=F("fee_minor")) | Q(vat_minor__lte=0, vat_minor__gte=F("fee_minor")),
                name="settlement_item_vat",
            ),
            models.CheckConstraint(
                condition=Q(event="") | Q(kind="refund", event__in=["refund", "reversal", "rejection", "charge_back"]),
                name="settlement_item_event",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "settles_on"], name="settlement_item_due"),
            models.Index(fields=["order_id"], name="settlement_item_order"),
            models.Index(fields=["capture_id"], name="settlement_item_capture"),
            models.Index(fields=["id"], condition=Q(due_on__isnull=False), name="settlement_item_unproven"),
            models.Index(
                fields=["book_id", "product"],
                condition=Q(kind__in=["subsidy", "collected"]),
                name="settlement_item_adjusted",
            ),
            models.Index(
                fields=["merchant_id", "earned_on"],
                include=["gross_minor", "book_id"],
                condition=Q(kind="capture"),
                name="settlement_item_sold",
            ),
            models.Index(
                fields=["merchant_id", "earned_on"],
                include=["fee_minor", "vat_minor"],
                condition=Q(kind="refund"),
                name="settlement_item_given_back",
            ),
        ]


class Share(BookRow):
    """What somebody else than merchant and platform has of a fee, or gives back of it. Append only."""

    kind = models.TextField()
    source_id = models.UUIDField()
    merchant_id = models.UUIDField()
    order_id = models.UUIDField()
    capture_id = models.UUIDField()
    loan_id = models.UUIDField()
    party = models.TextField()
    level = models.SmallIntegerField()
    payee_id = models.UUIDField()
    payee_ref = models.GeneratedField(
        expression=Case(When(~Q(party="funder"), then="payee_id")), output_field=models.UUIDField(null=True), db_persist=True, null=True
    )
    """The agent or host; funders have no rows yet."""
    amount_minor = models.BigIntegerField()
    currency = models.TextField()
    on_refund = models.TextField()
    default_ppm = models.IntegerField()
    early_periods = models.SmallIntegerField()
    early_days = models.SmallIntegerField()
    earned_on = models.DateField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["capture_id", "party", "level", "kind", "source_id"], name="settlement_share_once"),
            models.CheckConstraint(
                condition=Q(kind="earned", amount_minor__gt=0, source_id=F("capture_id"))
                | Q(kind__in=["refunded", "defaulted"], amount_minor__lt=0),
                name="settlement_share_signs",
            ),
            models.CheckConstraint(condition=Q(party__in=["funder", "agent", "host"], level__gte=1), name="settlement_share_party"),
            models.CheckConstraint(
                condition=Q(on_refund__in=["returned", "kept"], default_ppm__gte=0, default_ppm__lte=1_000_000),
                name="settlement_share_back",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "payee_id", "earned_on"], name="settlement_share_of_payee"),
            models.Index(fields=["book_id", "loan_id"], condition=Q(kind="earned", default_ppm__gt=0), name="settlement_share_at_risk"),
        ]


class ShareWaiting(models.Model):
    """A share that is in no batch yet: here from when it is written until it is in one, both by triggers."""

    share_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()

    class Meta:
        db_table = "settlement_share_waiting"
        indexes = [models.Index(fields=["book_id"], include=["share_id"], name="settlement_share_waits")]


class ShareBatch(BookRow):
    """What a payee gets on a pay day. Only that it was paid is written later."""

    party = models.TextField()
    payee_id = models.UUIDField()
    pay_on = models.DateField()
    currency = models.TextField()
    line_count = models.IntegerField()
    earned_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField()
    defaulted_minor = models.BigIntegerField()
    opening_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    due_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()
    state = models.TextField()
    reference = models.TextField()
    built_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_share_batch"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "payee_id", "party", "pay_on"], name="settlement_share_batch_once_a_day"),
            models.CheckConstraint(
                condition=Q(
                    net_minor=F("earned_minor") - F("refunded_minor") - F("defaulted_minor") + F("opening_minor"),
                    earned_minor__gte=0,
                    refunded_minor__gte=0,
                    defaulted_minor__gte=0,
                    opening_minor__lte=0,
                ),
                name="settlement_share_batch_net",
            ),
            models.CheckConstraint(
                condition=Q(net_minor=F("due_minor") + F("carried_minor"), due_minor__gte=0, carried_minor__lte=0)
                & (Q(due_minor=0) | Q(carried_minor=0)),
                name="settlement_share_batch_due",
            ),
            models.CheckConstraint(
                condition=Q(state="accrued", due_minor=0, reference="")
                | Q(state="due", due_minor__gt=0, reference="")
                | (Q(state="paid", due_minor__gt=0) & ~Q(reference="")),
                name="settlement_share_batch_state",
            ),
            models.CheckConstraint(condition=Q(line_count__gt=0), name="settlement_share_batch_lines"),
        ]
        indexes = [models.Index(fields=["book_id", "-pay_on"], name="settlement_share_batch_latest")]


class ShareLine(models.Model):
    """Puts a share into a batch, once."""

    share_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    batch_id = models.UUIDField()

    class Meta:
        db_table = "settlement_share_line"
        indexes = [models.Index(fields=["batch_id"], name="settlement_share_line_batch")]


class Waiting(models.Model):
    """An item that is in no batch yet: here from when it is written until it is in one, both by triggers."""

    item_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    settles_on = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["book_id", "merchant_id", "settles_on"], include=["item_id"], name="settlement_waiting_due")]


class Batch(BookRow):
    merchant_id = models.UUIDField()
    pay_on = models.DateField()
    currency = models.TextField()
    line_count = models.IntegerField()
    captures_minor = models.BigIntegerField()
    fees_minor = models.BigIntegerField()
    discounts_minor = models.BigIntegerField()
    refunds_minor = models.BigIntegerField()
    opening_minor = models.BigIntegerField()
    reserved_minor = models.BigIntegerField(default=0, db_default=0)
    released_minor = models.BigIntegerField(default=0, db_default=0)
    adjusted_minor = models.BigIntegerField(default=0, db_default=0)
    net_minor = models.BigIntegerField()
    payout_minor = models.BigIntegerField()
    carried_minor = models.BigIntegerField()
    state = models.TextField()
    version = models.IntegerField()
    payout_id = models.UUIDField(null=True)
    built_at = models.DateTimeField()
    reason = models.TextField(default="", db_default="")
    """Why it is not paid: it is held, or its payout came back."""
    withheld_minor = models.BigIntegerField(default=0, db_default=0)
    """What freezes took of its payout after it was built."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book_id", "merchant_id", "pay_on"], name="settlement_batch_once_a_day"),
            models.CheckConstraint(
                condition=Q(
                    net_minor=F("captures_minor")
                    - F("fees_minor")
                    - F("discounts_minor")
                    - F("refunds_minor")
                    + F("opening_minor")
                    - F("reserved_minor")
                    + F("released_minor")
                    + F("adjusted_minor")
                )
                & Q(reserved_minor__gte=0, released_minor__gte=0),
                name="settlement_batch_net",
            ),
            models.CheckConstraint(
                condition=Q(net_minor=F("payout_minor") + F("carried_minor"), payout_minor__gte=0)
                & (Q(payout_minor=0) | Q(carried_minor=0)),
                name="settlement_batch_payout",
            ),
            models.CheckConstraint(condition=Q(line_count__gt=0, version__gt=0), name="settlement_batch_counts"),
            models.CheckConstraint(
                condition=Q(state="accrued", payout_minor=0, payout_id__isnull=True)
                | Q(state="held", payout_minor__gt=0, payout_id__isnull=True)
                | Q(state__in=["scheduled", "paid", "reconciled", "returned"], payout_minor__gt=0, payout_id__isnull=False),
                name="settlement_batch_state",
            ),
            models.CheckConstraint(condition=Q(reason="") | Q(state__in=["accrued", "held", "returned"]), name="settlement_batch_reason"),
            models.CheckConstraint(
                condition=Q(withheld_minor__gte=0, withheld_minor__lte=F("payout_minor"))
                & (Q(state__in=["held", "returned"]) | Q(withheld_minor=0) | Q(withheld_minor__lt=F("payout_minor"))),
                name="settlement_batch_withheld",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant_id", "-pay_on"], name="settlement_batch_of_merchant"),
            models.Index(fields=["book_id", "-pay_on", "-id"], name="settlement_batch_listed"),
            models.Index(
                fields=["book_id", "state", "-pay_on", "-id"],
                condition=Q(state__in=["held", "scheduled", "returned"]),
                name="settlement_batch_under_way",
            ),
        ]


class BatchLine(models.Model):
    """Puts an item into a batch, once."""

    item_id = models.UUIDField(primary_key=True)
    book_id = models.UUIDField()
    merchant_id = models.UUIDField()
    batch_id = models.UUIDField()

    class Meta:
        db_table = "settlement_batch_line"
        indexes = [models.Index(fields=["batch_id", "item_id"], name="settlement_batch_line_paged")]


_NUMBER = r"^(\d{20}|(\d{10}|\d{12})-\d{8})$"


class Invoice(BookRow):
    """An invoice for the fees of a merchant in a month. What it is for never changes."""

    merchant_id = models.UUIDField()
    month = models.DateField()
    title = models.TextField()
    taxpayer_number = models.TextField()
    currency = models.TextField()
    fees_minor = models.BigIntegerField()
    vat_minor = models.BigIntegerField()
    state = models.TextField()
    version = models.IntegerField()
    number = models.TextField(default="", db_default="")
    issued_on = models.DateField(null=True)
    red_number = models.TextField(default="", db_default="")
    voided_on = models.DateField(null=True)
    reason = models.TextField(default="", db_default="")
    requested_at = models.DateTimeField()
    requested_by = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("book_id", "merchant_id", "month"), condition=~Q(state="voided"), name="settlement_invoice_one_in_force"
            ),
            models.UniqueConstraint(fields=("book_id", "number"), condition=~Q(number=""), name="settlement_invoice_number"),
            models.UniqueConstraint(fields=("book_id", "red_number"), condition=~Q(red_number=""), name="settlement_invoice_red_number"),
            models.CheckConstraint(
                condition=Q(fees_minor__gt=0, vat_minor__gte=0, vat_minor__lt=F("fees_minor")), name="settlement_invoice_amounts"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="settlement_invoice_month"),
            models.CheckConstraint(condition=Q(taxpayer_number__regex=r"^[0-9A-Z]{18}$"), name="settlement_invoice_taxpayer"),
            models.CheckConstraint(
                condition=(Q(number="") | Q(number__regex=_NUMBER)) & (Q(red_number="") | Q(red_number__regex=_NUMBER)),
                name="settlement_invoice_numbers_have_their_form",
            ),
            models.CheckConstraint(
                condition=Q(state="requested", number="", red_number="", issued_on=None, voided_on=None, reason="")
                | Q(state="issued", issued_on__isnull=False, red_number="", voided_on=None, reason="") & ~Q(number="")
                | Q(state="voided", voided_on__isnull=False, number="", red_number="", issued_on=None) & ~Q(reason="")
                | Q(state="voided", voided_on__gte=F("issued_on")) & ~Q(number="") & ~Q(red_number="") & ~Q(reason=""),
                name="settlement_invoice_state",
            ),
        ]
        indexes = [
            models.Index(fields=["book_id", "-id"], name="settlement_invoice_listed"),
            models.Index(fields=["merchant_id", "-id"], name="settlement_invoice_of_merchant"),
        ]


class Freeze(BookRow):
    """Money of a merchant that stays here until a day, by two people. What it keeps is added up by the table from its parts, and is never more than
    was asked."""

    merchant_id = models.UUIDField()
    asked_minor = models.BigIntegerField(null=True)
    kept_minor = models.BigIntegerField(default=0, db_default=0)
    currency = models.TextField()
    until = models.DateField()
    state = models.TextField(default="open", db_default="open")
    reason = models.TextField()
    begun_on = models.DateField()
    ended_on = models.DateField(null=True)
    approval_id = models.UUIDField(unique=True)
    ended_by_id = models.UUIDField(null=True, unique=True)
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(asked_minor__isnull=True) | Q(asked_minor__gt=0), name="settlement_freeze_asked"),
            models.CheckConstraint(
                condition=Q(kept_minor__gte=0) & (Q(asked_minor__isnull=True) | Q(kept_minor__lte=F("asked_minor"))),
                name="settlement_freeze_keeps_no_more",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_on__isnull=True, ended_by_id__isnull=True)
                | (Q(state="ended") & (Q(ended_on__gte=F("until")) | Q(ended_on__isnull=False, ended_by_id__isnull=False))),
                name="settlement_freeze_ends",
            ),
            models.CheckConstraint(condition=Q(until__gt=F("begun_on")), name="settlement_freeze_until"),
        ]
        indexes = [models.Index(fields=["book_id", "merchant_id", "id"], condition=Q(state="open"), name="settlement_freeze_open")]


class FreezePart(BookRow):
    """What a freeze keeps of a batch, of its lines as it was built or of its payout later."""

    merchant_id = models.UUIDField()
    freeze_id = models.UUIDField()
    batch_id = models.UUIDField()
    amount_minor = models.BigIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_freeze_part"
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="settlement_freeze_part_amount")]
        indexes = [models.Index(fields=["freeze_id"], name="settlement_freeze_part_freeze")]


class Evidence(BookRow):
    """That what a capture was for reached who bought it: from then on its money is due, whatever its contract waits for. Nothing of it ever changes."""

    item_id = models.UUIDField(unique=True)
    merchant_id = models.UUIDField()
    kind = models.TextField()
    reference = models.TextField()
    proven_on = models.DateField()
    recorded_by = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["delivered", "activated", "redeemed"]), name="settlement_evidence_kind"),
            models.CheckConstraint(condition=~Q(reference=""), name="settlement_evidence_reference"),
        ]
