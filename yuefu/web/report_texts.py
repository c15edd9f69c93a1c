"""The words of reports: places, and what moved in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

PLACES: Final[Table] = {
    "money": pgettext_lazy("place", "Money at channels and banks"),
    "owed": pgettext_lazy("place", "Owed to merchants, in all"),
    "funders": pgettext_lazy("place", "Funders"),
    "channel": pgettext_lazy("place", "Payment channel"),
    "bank": pgettext_lazy("place", "Bank, own money"),
    "client_bank": pgettext_lazy("place", "Bank, client money"),
    "loans": pgettext_lazy("place", "Owed by consumers"),
    "clearing": pgettext_lazy("place", "Clearing"),
    "consumers": pgettext_lazy("place", "Owed to consumers"),
    "suspense": pgettext_lazy("place", "Not yet explained"),
    "merchants": pgettext_lazy("place", "Owed to merchants"),
    "reserve": pgettext_lazy("place", "Kept back of merchants"),
    "frozen": pgettext_lazy("place", "Frozen of merchants"),
    "shares": pgettext_lazy("place", "Profit shares of others"),
    "tax": pgettext_lazy("place", "Value added tax"),
    "unearned": pgettext_lazy("place", "Discount not yet earned"),
    "interest": pgettext_lazy("place", "Interest and discount earned"),
    "charges": pgettext_lazy("place", "Fees and late charges of consumers"),
    "merchant_fees": pgettext_lazy("place", "Fees of merchants"),
    "losses": pgettext_lazy("place", "Losses and goodwill"),
    "channel_fees": pgettext_lazy("place", "Fees of the channel"),
    "lines": pgettext_lazy("place", "Credit lines (memorandum)"),
    "other": pgettext_lazy("place", "Other"),
}
SOLD: Final[Table] = {
    "gross": _("Captured"),
    "fees": pgettext_lazy("settlement", "Service fees"),
    "discounts": pgettext_lazy("settlement", "Discounts of interest-free plans"),
    "given_back": pgettext_lazy("settlement", "Refunds, less fees and discounts that came back"),
    "settled": pgettext_lazy("settlement", "Net of the batches of these days"),
    "payout": pgettext_lazy("settlement", "Of it to be paid out"),
    "carried": pgettext_lazy("settlement", "Of it carried on"),
    "reserved": pgettext_lazy("settlement", "Kept back in them"),
    "released": pgettext_lazy("settlement", "Released in them"),
}
ENVELOPES: Final[Table] = {
    "restock": pgettext_lazy("envelope", "Restocking"),
    "marketing": pgettext_lazy("envelope", "Marketing"),
    "reserve": pgettext_lazy("envelope", "Reserve"),
}
LEVELS: Final[Table] = {
    "unknown": pgettext_lazy("level", "Not told"),
    "ok": pgettext_lazy("level", "Within bounds"),
    "watch": pgettext_lazy("level", "To be watched"),
    "alert": pgettext_lazy("level", "Too much"),
    "more_than_all": pgettext_lazy("level", "More than all: a figure is wrong"),
}
LEVEL_TONES: Final[dict[str, Tone]] = {"unknown": "still", "ok": "good", "watch": "warn", "alert": "bad", "more_than_all": "bad"}
COMING: Final[Table] = {
    "sales": pgettext_lazy("coming", "Sales that will be settled"),
    "reserve": pgettext_lazy("coming", "Reserve that will be released"),
    "payouts": pgettext_lazy("coming", "Payouts that are ordered"),
    "held": pgettext_lazy("coming", "Batches that are held or came back"),
}
FUNDS_DONE: Final[Table] = {
    "plan": _("The plan is kept; it divides what is paid from its day on."),
    "revenue": _("What was taken in that month is kept."),
    "owe": _("What is owed to the supplier is kept."),
    "end": _("It is owed no more."),
}
FUNDS_REFUSED: Final[Table] = {
    "envelopes_invalid": _(
        "A plan has 1 to 20 envelopes with names of their own, and shares above zero that are 100 % together. Nothing was changed."
    ),
    "percent_invalid": _("A share is written like 40 or 33.33. Nothing was changed."),
    "backdated": _("What was divided stays divided: a plan begins today or later. Nothing was changed."),
    "day_invalid": _("A day is missing, or is none. Nothing was changed."),
    "month_invalid": _("The month is missing, or is none. Nothing was changed."),
    "month_not_over": _("This month is not over. Nothing was changed."),
    "amount_malformed": _("The amount is not a decimal such as 450.00. Nothing was changed."),
    "amount_invalid": _("The amount is too small. Nothing was changed."),
    "name_invalid": _("Supplier and number have 1 to 64 characters each. Nothing was changed."),
    "key_reused": _("This supplier has this number with another amount or day. Nothing was changed."),
    "unknown_payable": _("Nothing is owed under this number. Nothing was changed."),
    "ended": _("It ended before, in another way. Nothing was changed."),
    "no_open_day": _("No day of the book is open now. Nothing was changed."),
    "read_only": _("The book is read only for now. Nothing was changed."),
}
PATHS: Final[Table] = {
    "as_agreed": pgettext_lazy("path", "As agreed"),
    "later": pgettext_lazy("path", "So many days later"),
}
