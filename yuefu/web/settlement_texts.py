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
}
STATEMENT_FAULTS: Final[Table] = {
    "statement_does_not_add_up": _("Its lines do not come to what it says is paid and carried."),
    "ledger_differs": _("The ledger does not have what its lines say."),
    "payout_differs": _("The payout that was ordered is not what it pays."),
}
