"""The words for codes of settlement: states of batches and payouts, kinds of lines, and why a statement is not given out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

BATCH_STATES: Final[Table] = {
    "accrued": pgettext_lazy("batch", "Nothing to pay"),
    "held": pgettext_lazy("batch", "Held"),
    "scheduled": pgettext_lazy("batch", "Scheduled"),
    "paid": pgettext_lazy("batch", "Paid"),
    "returned": pgettext_lazy("batch", "Came back from the bank"),
    "reconciled": pgettext_lazy("batch", "Paid and found at the bank"),
}
BATCH_STATE_TONES: Final[dict[str, Tone]] = {
    "accrued": "still",
    "held": "warn",
    "scheduled": "busy",
    "paid": "good",
    "returned": "bad",
    "reconciled": "good",
}
PAYOUT_STATES: Final[Table] = {
    "scheduled": pgettext_lazy("payout", "Scheduled"),
    "sent": pgettext_lazy("payout", "On its way"),
    "paid": pgettext_lazy("payout", "Paid"),
    "returned": pgettext_lazy("payout", "Came back from the bank"),
}
PAYOUT_STATE_TONES: Final[dict[str, Tone]] = {"scheduled": "busy", "sent": "busy", "paid": "good", "returned": "bad"}
LINE_KINDS: Final[Table] = {
    "capture": pgettext_lazy("settlement line", "Captured"),
    "refund": pgettext_lazy("settlement line", "Refunded"),
    "carried": pgettext_lazy("settlement line", "Carried in"),
    "reserved": pgettext_lazy("settlement line", "Kept back as reserve"),
    "released": pgettext_lazy("settlement line", "Reserve given back"),
    "frozen": pgettext_lazy("settlement line", "Frozen"),
    "thawed": pgettext_lazy("settlement line", "Freeze ended"),
    "penalty": pgettext_lazy("settlement line", "Penalty"),
    "subsidy": pgettext_lazy("settlement line", "Subsidy"),
    "collected": pgettext_lazy("settlement line", "Paid by the merchant"),
    "part": pgettext_lazy("settlement line", "Part of a sale, by instalment"),
    "parted": pgettext_lazy("settlement line", "Paid in parts before"),
}
SHARE_STATES: Final[Table] = {
    "accrued": pgettext_lazy("batch", "Nothing to pay"),
    "due": pgettext_lazy("batch", "Waits for two people"),
    "scheduled": pgettext_lazy("batch", "Scheduled"),
    "paid": pgettext_lazy("batch", "Paid"),
    "returned": pgettext_lazy("batch", "Came back from the bank"),
    "reconciled": pgettext_lazy("batch", "Paid and found at the bank"),
}
SHARE_STATE_TONES: Final[dict[str, Tone]] = {
    "accrued": "still",
    "due": "warn",
    "scheduled": "busy",
    "paid": "good",
    "returned": "bad",
    "reconciled": "good",
}
SHARE_LINES: Final[Table] = {
    "earned": pgettext_lazy("share", "Earned"),
    "refunded": pgettext_lazy("share", "Given back with goods"),
    "defaulted": pgettext_lazy("share", "Taken back, early default"),
    "opening": pgettext_lazy("settlement line", "Carried in"),
    "withheld": pgettext_lazy("share", "Tax withheld"),
}
PARTIES: Final[Table] = {
    "agent": pgettext_lazy("payee", "Agent"),
    "host": pgettext_lazy("payee", "Live host"),
    "funder": pgettext_lazy("payee", "Funder"),
}
STATEMENT_FAULTS: Final[Table] = {
    "statement_does_not_add_up": _("Its lines do not come to what it says is paid and carried."),
    "ledger_differs": _("The ledger does not have what its lines say."),
    "payout_differs": _("The payout that was ordered is not what it pays."),
}
INVOICE_STATES: Final[Table] = {
    "requested": pgettext_lazy("invoice", "Requested"),
    "issued": pgettext_lazy("invoice", "Issued"),
    "voided": pgettext_lazy("invoice", "Voided"),
}
INVOICE_STATE_TONES: Final[dict[str, Tone]] = {"requested": "busy", "issued": "good", "voided": "still"}
INVOICE_DONE: Final[Table] = {
    "requested": _("The invoice is requested."),
    "issued": _("The invoice is issued."),
    "voided": _("The invoice is voided. The month can be requested again."),
}
INVOICE_REFUSED: Final[Table] = {
    "unknown_invoice": _("No invoice for this month is in force any more."),
    "unknown_merchant": _("There is no such merchant in this book."),
    "month_not_over": _("The month is not over: fees may still come into it."),
    "nothing_to_invoice": _("There are no fees to invoice in this month."),
    "fees_changed": _("The fees of the month have changed since the invoice was requested: void it and request it again."),
    "taxpayer_number_invalid": _("The taxpayer number of the merchant is wrong: correct the merchant first."),
    "invoice_number_invalid": _(
        "The number is none of the tax bureau: 20 digits that begin with the year, or a code of 10 or 12, a hyphen and 8 digits."
    ),
    "invoice_number_used": _("The number is that of another invoice."),
    "red_number_needed": _("The invoice was issued: give the number of the red invoice that voids it."),
    "red_number_not_needed": _("The invoice was never issued: it has no red invoice."),
    "reason_needed": _("Give a reason."),
    "day_invalid": _("The day is before the month was over or the invoice was issued, or it is still to come."),
    "not_possible": _("Somebody has dealt with this invoice meanwhile."),
    "no_open_day": _("No business day is open."),
    "read_only": _("This book is read only."),
}
