"""Invoices for fees."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from yuefu.runtime.tables import BookRow

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
