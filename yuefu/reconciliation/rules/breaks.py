"""What may become of a break, and who looks at it first. Pure."""

from __future__ import annotations

from typing import Final

from yuefu.reconciliation.rules.matching import Outcome

STATES: Final = ("open", "explained", "corrected", "closed")
TRANSITIONS: Final = frozenset(
    {
        ("open", "explained"),
        ("open", "corrected"),
        ("open", "closed"),
        ("explained", "closed"),
        ("explained", "open"),
        ("corrected", "closed"),
        ("corrected", "open"),
    }
)

# Money that is wrong or unknown is for finance; what only came late or is said differently is for operators.
FIRST_OWNER: Final = {
    Outcome.AMOUNT_DIFFERS: "finance",
    Outcome.MISSING_HERE: "finance",
    Outcome.MISSING_THERE: "finance",
    Outcome.DUPLICATE: "finance",
    Outcome.STATUS_DIFFERS: "operator",
    Outcome.OTHER_DAY: "operator",
}
