"""The words for codes of loans in service: their states, what was entered of them, what belongs to them. What a paper has a word for has it here too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yuefu.papers.rules.wording import TEXTS

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

LOAN_STATES: Final[Table] = {
    "pending": pgettext_lazy("loan", "Not lent yet"),
    "active": pgettext_lazy("loan", "Being repaid"),
    "overpaid": pgettext_lazy("loan", "Settled, with a credit balance"),
    "closed": pgettext_lazy("loan", "Settled"),
    "written_off": pgettext_lazy("loan", "Written off"),
}
LOAN_STATE_TONES: Final[dict[str, Tone]] = {
    "pending": "still",
    "active": "busy",
    "overpaid": "warn",
    "closed": "good",
    "written_off": "bad",
}
LOAN_FACTS: Final[Table] = {
    "repaid": pgettext_lazy("loan fact", "Repayment"),
    "refunded": pgettext_lazy("loan fact", "Refund by the merchant"),
    "reversed": pgettext_lazy("loan fact", "Repayment taken off again"),
    "undone": pgettext_lazy("loan fact", "Undone"),
}
RELATED: Final[Table] = {
    "bill": _("Bill"),
    "case": _("Arrears case"),
    "measure": _("Measure"),
    "aftersale": _("After-sales case"),
    "payoff_quote": _("Payoff quote"),
    "certificate": _("Settlement certificate"),
}
AFTERSALES: Final[Table] = {
    "return": _("Return"),
    "part_return": _("Part return"),
    "exchange": _("Exchange"),
    "repair": _("Repair"),
    "price_protection": _("Price protection"),
}
RELATED_STATES: Final[Table] = {
    "open": pgettext_lazy("related", "Open"),
    "paid": pgettext_lazy("related", "Paid"),
    "overdue": pgettext_lazy("related", "Overdue"),
    "cured": pgettext_lazy("related", "Cured"),
    "written_off": pgettext_lazy("related", "Written off"),
    "waiting": pgettext_lazy("related", "Waits for a decision"),
    "entered": pgettext_lazy("related", "Entered"),
    "rejected": pgettext_lazy("related", "Rejected"),
    "asked": pgettext_lazy("related", "Asked for"),
    "agreed": pgettext_lazy("related", "Agreed"),
    "declined": pgettext_lazy("related", "Declined"),
    "in_hand": pgettext_lazy("related", "Goods in hand"),
    "done": pgettext_lazy("related", "Done"),
    "cancelled": pgettext_lazy("related", "Cancelled"),
    "issued": pgettext_lazy("related", "Issued"),
    "used": pgettext_lazy("related", "Used"),
    "in_force": pgettext_lazy("related", "In force"),
    "withdrawn": pgettext_lazy("related", "Withdrawn"),
}


def fact(kind: str, *, chinese: bool) -> str:
    """The word for what was entered of a loan."""
    if kind in LOAN_FACTS:
        return str(LOAN_FACTS[kind])
    return TEXTS[f"fact_{kind}"][0 if chinese else 1]
