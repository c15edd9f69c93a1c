"""The words for codes of bank transfers: why one is in suspense, whose it may be, what became of it, and what a person did about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

SUSPENSE: Final[Table] = {
    "": pgettext_lazy("suspense", "Came back of a match, or is more than was to be paid"),
    "no_reference": pgettext_lazy("suspense", "It quotes no reference"),
    "reference_not_ours": pgettext_lazy("suspense", "Its reference is nobody’s"),
    "several_references": pgettext_lazy("suspense", "It quotes several references"),
    "other_currency": pgettext_lazy("suspense", "It is in another currency"),
    "nothing_to_pay": pgettext_lazy("suspense", "Its consumer owes nothing"),
}
SUGGESTIONS: Final[Table] = {
    "near_reference": pgettext_lazy("suggestion", "their reference is nearly what was written"),
    "same_payer": pgettext_lazy("suggestion", "this account paid for them before"),
    "amount_of_bill": pgettext_lazy("suggestion", "their bill is of this amount"),
}
RETURN_STATES: Final[Table] = {
    "ordered": pgettext_lazy("return", "Ordered"),
    "sent": pgettext_lazy("return", "On its way"),
    "paid": pgettext_lazy("return", "Paid"),
    "failed": pgettext_lazy("return", "Refused by the bank"),
    "returned": pgettext_lazy("return", "Came back from the bank"),
}
RETURN_STATE_TONES: Final[dict[str, Tone]] = {"ordered": "busy", "sent": "busy", "paid": "good", "failed": "bad", "returned": "bad"}
HEARD_BY: Final[Table] = {"notice": pgettext_lazy("heard by", "by notice"), "file": pgettext_lazy("heard by", "in a file")}
SUSPENSE_DONE: Final[Table] = {
    "matched": _("It is a payment now."),
    "unmatched": _("The match was undone; what came back of it is below."),
    "returned": _("The bank was told; what it says is below."),
}
SUSPENSE_REFUSED: Final[Table] = {
    "unknown_target": _("There is no such consumer, loan or bill in this book. Nothing was changed."),
    "amount_malformed": _("The amount is not a decimal such as 450.00. Nothing was changed."),
    "amount_not_positive": _("The amount has to be above zero. Nothing was changed."),
    "more_than_left": _("That is more than is left of this receipt. Nothing was changed."),
    "nothing_left": _("Nothing is left of this receipt any more. Nothing was changed."),
    "currency_differs": _("It is in another currency than the loans of this book: it can only be given back. Nothing was changed."),
    "reason_invalid": _("A reason is needed. Nothing was changed."),
    "unknown_loan": _("There is no such loan in this book. Nothing was changed."),
    "unknown_bill": _("There is no such bill in this book. Nothing was changed."),
    "bill_paid": _("Nothing is left to pay of this bill: name the consumer. Nothing was changed."),
    "nothing_due": _("There is nothing to pay: every loan is closed. Nothing was changed."),
    "unknown_match": _("There is no such match. Nothing was changed."),
    "already_undone": _("All of this match came back before. Nothing was changed."),
    "collection_refunded": _("A part of it went back to the consumer before: what is left cannot be taken off its loan."),
    "read_only": _("The book is read only for now. Nothing was changed."),
    "key_reused": _("This form was sent before with something else in it: look at what became of it, then try anew."),
    "broke": _("It broke and was set aside, so that somebody can look. Nothing was changed."),
}
