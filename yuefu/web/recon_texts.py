"""The words of the statements of a day: verdicts, classes, results, what became of a break, and how a person ended one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from yuefu.web.texts import Table, Tone

VERDICTS: Final[Table] = {
    "incomplete": pgettext_lazy("verdict", "Incomplete"),
    "breaks": pgettext_lazy("verdict", "Breaks"),
    "warnings": pgettext_lazy("verdict", "Warnings"),
    "pending": pgettext_lazy("verdict", "Pending"),
    "reconciled": pgettext_lazy("verdict", "Reconciled"),
}
VERDICT_TONES: Final[dict[str, Tone]] = {"incomplete": "bad", "breaks": "bad", "warnings": "warn", "pending": "busy", "reconciled": "good"}
CLASSES: Final[Table] = {
    "matched": pgettext_lazy("class", "Matched"),
    "under_applied": pgettext_lazy("class", "Booked for less than was paid"),
    "over_applied": pgettext_lazy("class", "Booked for more than was paid"),
    "wrong_sign": pgettext_lazy("class", "Booked the wrong way round"),
    "unapplied_payment": pgettext_lazy("class", "Moved there, not booked"),
    "in_progress": pgettext_lazy("class", "Announced, not moved yet"),
    "failed": pgettext_lazy("class", "Failed, not booked"),
    "applied_before_final": pgettext_lazy("class", "Booked, not shown as moved yet"),
    "orphan_application": pgettext_lazy("class", "Booked, never moved"),
    "reversed_after_application": pgettext_lazy("class", "Booked, then failed there"),
    "duplicate": pgettext_lazy("class", "In the bill twice"),
    "unclassified": pgettext_lazy("class", "In a state that nobody knows"),
}
RESULTS: Final[Table] = {
    "ok": pgettext_lazy("result", "Nothing to do"),
    "pending": pgettext_lazy("result", "Pending"),
    "warning": pgettext_lazy("result", "Warning"),
    "break": pgettext_lazy("result", "Break"),
}
RESULT_TONES: Final[dict[str, Tone]] = {"ok": "good", "pending": "busy", "warning": "warn", "break": "bad"}
LIFECYCLES: Final[Table] = {
    "new": pgettext_lazy("lifecycle", "new"),
    "persisting": pgettext_lazy("lifecycle", "persisting"),
    "resolved": pgettext_lazy("lifecycle", "resolved"),
    "": pgettext_lazy("lifecycle", "none"),
}
ENDINGS: Final[Table] = {
    "explained": pgettext_lazy("ended", "Explained"),
    "corrected": pgettext_lazy("ended", "Corrected"),
    "closed": pgettext_lazy("ended", "Closed"),
    "reopened": pgettext_lazy("ended", "Opened again"),
}
CHECKS: Final[Table] = {
    "": pgettext_lazy("check", "Holds"),
    "source_missing": pgettext_lazy("check", "A figure is missing"),
    "beyond_tolerance": pgettext_lazy("check", "Does not hold"),
    "base_balance_zero": pgettext_lazy("check", "There is no rate of nothing"),
}
CHECK_TONES: Final[dict[str, Tone]] = {"": "good", "source_missing": "bad", "beyond_tolerance": "warn", "base_balance_zero": "warn"}
