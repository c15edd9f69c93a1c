"""Words of the page on which a consumer decides on a purchase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

STATES: Final[Mapping[str, Promise]] = {
    "open": pgettext_lazy("checkout", "Open"),
    "completed": _("You have bought this by the month"),
    "expired": _("This page has run out of time"),
    "cancelled": _("You went back to the shop"),
}
FAULTS: Final[Mapping[str, Promise]] = {
    "not_identified": _("Say who you are first. What you said holds for an hour."),
    "phone_invalid": _("This is no phone number. Nothing was sent."),
    "too_many_codes": _("Too many codes were asked for. Try again in an hour."),
    "codes_unavailable": _("Codes cannot be sent here yet. Go back to the shop and pay otherwise."),
    "code_wrong": _("These are not the digits that were sent."),
    "code_over": _("This code was used, is too old, or was tried too often. Ask for another."),
    "consent_missing": _("Nothing was bought: say that you agree first."),
    "unknown_quote": _("This plan was not shown to you here. Nothing was bought: choose a plan."),
    "quote_outdated": _("This plan was shown on another day. Nothing was bought: choose a plan as it is today."),
    "checkout_over": _("This purchase is over. Nothing more was done."),
    "unknown_consumer": _("This purchase is for somebody else. Nothing was bought."),
    "no_open_day": _("Nothing can be bought at this moment. Try again in a few minutes."),
    "read_only": _("Nothing can be bought at this moment. Try again later."),
    "amount_malformed": _("This is no amount. Write it like 199.00."),
    "no_plan_offered": _("There is no plan for this amount."),
    "broke": _("That did not work. Nothing was bought: choose a plan again, or go back to the shop."),
}
