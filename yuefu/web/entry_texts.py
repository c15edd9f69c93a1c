"""What entries of the ledger are called on pages, by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Table = Mapping[str, Promise]

ENTRY_KINDS: Final[Table] = {
    "loan.booked": _("Loan booked"),
    "loan.refunded": _("Refund applied to the loan"),
    "loan.repaid": _("Repayment applied to the loan"),
    "loan.reversed": _("Repayment taken off the loan"),
    "loan.accrued": _("Interest accrued"),
    "loan.discount_earned": _("Discount earned"),
    "loan.brought": _("What the day brought the loans"),
    "loan.moved_here": _("Loans of another core, as they stood"),
    "loan.brought_since": _("What loans of another core brought since then"),
    "opening": _("Opening balances"),
    "loan.disbursed": _("Lent"),
    "loan.paid": _("Payment applied to the loan"),
    "loan.paid_off": _("Loan paid off"),
    "loan.paid_instalment": _("Part of an instalment paid"),
    "loan.paid_back": _("Payment given back"),
    "loan.charged_back": _("Payment taken back by the bank"),
    "loan.credit_refunded": _("Credit balance paid out"),
    "loan.charged": _("Fee charged"),
    "loan.charged_each_instalment": _("Fee charged with each instalment"),
    "loan.waived": _("Waived"),
    "loan.reaged": _("Due anew in new instalments"),
    "loan.reamortised": _("Moved to later instalments"),
    "loan.rescheduled": _("Rescheduled"),
    "loan.interest_paused": _("Interest paused"),
    "loan.arrears_paused": _("Days not counted as late"),
    "loan.charged_off": _("Charged off"),
    "loan.written_off": _("Written off"),
    "loan.recovered": _("Recovered after the write-off"),
    "loan.bought_down": _("Lower rate paid for by the merchant"),
    "loan.undone": _("An earlier entry of the loan undone"),
    "break_corrected": _("Difference of a bill corrected"),
    "collection": _("Money collected from the shopper"),
    "collection_released": _("Money paid ahead, on its day"),
    "channel_refund": _("Money sent back to the shopper"),
    "receipt": _("Bank transfer to us, not explained yet"),
    "receipt_return": _("Bank transfer given back to who paid it"),
    "receipt_return_refused": _("What was given back came back from the bank"),
    "settlement_capture": _("Owed to the merchant for the sale"),
    "settlement_refund": _("Taken back from the merchant for the refund"),
    "settlement_batch": _("Made available to the merchant"),
    "settlement_reserve": _("Kept back of the merchant, or given back"),
    "settlement_penalty": _("Penalty of the merchant"),
    "settlement_subsidy": _("Subsidy to the merchant"),
    "settlement_collected": _("The merchant paid of its debt"),
    "settlement_frozen": _("Frozen for the merchant"),
    "settlement_withheld": _("Frozen before it was paid"),
    "settlement_thawed": _("No longer frozen"),
    "settlement_shares": _("What others have of a fee"),
    "settlement_shares_paid": _("Share of a fee paid"),
    "settlement_shares_withheld": _("Tax withheld of a share"),
    "payout_ordered": _("Payout ordered"),
    "payout_paid": _("Payout left the bank"),
    "payout_returned": _("Payout came back from the bank"),
    "payout_rejected": _("Payout refused by the bank"),
    "withdrawal": _("Moved from the channel to the bank"),
    "funding": _("Funds received from the funder"),
    "safeguarding": _("Own money moved to the client account"),
    "release": _("Money moved back from the client account"),
}
