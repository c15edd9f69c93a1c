"""The words for work on breaks: fixes and what became of them, what happened to a break, levels of a day, and why something was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

STATES: Final[Table] = {
    "open": pgettext_lazy("break", "Open"),
    "explained": pgettext_lazy("break", "Explained"),
    "corrected": pgettext_lazy("break", "Corrected"),
    "closed": pgettext_lazy("break", "Closed"),
    "waiting": pgettext_lazy("fix", "Waits for a second person"),
    "all": pgettext_lazy("break", "All"),
}
STATE_TONES: Final[dict[str, Tone]] = {
    "open": "warn",
    "explained": "good",
    "corrected": "good",
    "closed": "still",
    "waiting": "busy",
    "all": "still",
}
FIXES: Final[Table] = {
    "post_fee": pgettext_lazy("fix", "Post the fee"),
    "post_repayment": pgettext_lazy("fix", "Ask again and post what was paid"),
    "confirmed_by_money": pgettext_lazy("fix", "The money shows what our books have"),
    "offset": pgettext_lazy("fix", "Offset it by the opposite break"),
    "chase_provider": pgettext_lazy("fix", "Chase the provider"),
    "write_off": pgettext_lazy("fix", "Write off the difference"),
    "send_refund_again": pgettext_lazy("fix", "Send the refund again, under its reference"),
}
FIX_STATES: Final[Table] = {
    "waiting": pgettext_lazy("fix", "Waits for a second person"),
    "approved": pgettext_lazy("fix", "Approved, not carried out yet"),
    "done": pgettext_lazy("fix", "Done"),
    "rejected": pgettext_lazy("fix", "Rejected"),
    "dropped": pgettext_lazy("fix", "Could not be done"),
}
FIX_STATE_TONES: Final[dict[str, Tone]] = {"waiting": "busy", "approved": "busy", "done": "good", "rejected": "still", "dropped": "bad"}
EVENTS: Final[Table] = {
    "assigned": pgettext_lazy("break event", "Given to"),
    "due": pgettext_lazy("break event", "Due day changed"),
    "noted": pgettext_lazy("break event", "Note"),
    "evidence": pgettext_lazy("break event", "Evidence"),
    "asked": pgettext_lazy("break event", "Asked for"),
    "approved": pgettext_lazy("break event", "Approved"),
    "rejected": pgettext_lazy("break event", "Rejected"),
    "dropped": pgettext_lazy("break event", "Could not be done"),
    "chased": pgettext_lazy("break event", "Provider asked"),
    "sent": pgettext_lazy("break event", "Refund with the provider"),
    "fixed": pgettext_lazy("break event", "Fixed"),
    "ended": pgettext_lazy("break event", "Ended"),
    "reopened": pgettext_lazy("break event", "Opened again"),
    "came": pgettext_lazy("break event", "The other half came"),
}
LEVELS: Final[Table] = {
    "transaction": pgettext_lazy("level", "Transactions"),
    "cash": pgettext_lazy("level", "Cash"),
    "balance": pgettext_lazy("level", "Balances"),
}
BREAK_DONE: Final[Table] = {
    "fixed": _("Done; what became of it is below."),
    "asked": _("It waits for a second person."),
    "dropped": _("It could not be done; why is below."),
    "decided": _("Decided; what became of it is below."),
    "noted": _("The note is kept."),
    "kept": _("The evidence is kept."),
    "assigned": _("It was given to them."),
    "moved": _("Its state was changed."),
}
BREAK_REFUSED: Final[Table] = {
    "unknown_fix": _("There is no such way to deal with a break. Nothing was changed."),
    "does_not_fit": _("Another kind of break is dealt with so. Nothing was changed."),
    "no_longer_fits": _("The break is not any more what it was: look at it again. Nothing was changed."),
    "fix_waits": _("Something was asked for already: it is decided first. Nothing was changed."),
    "above_write_off": _("That is more than may be written off: chase the provider. Nothing was changed."),
    "client_money": _("Own money may not lie in the account of client money: chase the bank. Nothing was changed."),
    "not_opposite": _("No other open break has just the opposite difference. Nothing was changed."),
    "due_passed": _("A break is to be dealt with today or later. Nothing was changed."),
    "day_passed": _("An answer is expected on a day to come. Nothing was changed."),
    "bad_date": _("This is no day of the calendar. Nothing was changed."),
    "unknown_break": _("There is no such break in this book. Nothing was changed."),
    "not_possible": _("Its state does not allow this. Nothing was changed."),
    "reason_missing": _("A reason is needed. Nothing was changed."),
    "text_invalid": _("It has 1 to 2,000 characters. Nothing was changed."),
    "evidence_too_large": _("A file of evidence has 8 MiB at most. Nothing was changed."),
    "unknown_role": _("Nobody of this role works on breaks. Nothing was changed."),
    "unknown_approval": _("There is no such request about this break. Nothing was changed."),
    "already_decided": _("Somebody decided this before. Nothing was changed."),
    "same_person": _("A second person decides what you asked for. Nothing was changed."),
    "person_needed": _("A decision needs a person. Nothing was changed."),
    "key_invalid": _("This form is broken: load the page again. Nothing was changed."),
    "key_reused": _("This form was sent before with something else in it: look at what became of it, then try anew."),
    "read_only": _("The book is read only for now. Nothing was changed."),
    "not_paid": _("Who was asked again does not say that it was paid."),
    "refused_there": _("The provider does not give this money back: look at its refund."),
    "not_booked": _("It was paid, and something keeps it from being booked: look at its payment."),
    "broke": _("It broke and was set aside, so that somebody can look. Nothing was changed."),
}
