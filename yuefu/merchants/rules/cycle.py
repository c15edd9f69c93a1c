"""From which day a contract counts the business days until a merchant is paid. Pure."""

from __future__ import annotations

from typing import Final

from yuefu.errors import Refused
from yuefu.merchants.rules.holds import Holds

SETTLE_FROM_INVALID: Final = "settle_from_invalid"

CAPTURE: Final = "capture"
DELIVERY: Final = "delivery"
RECEIPT: Final = "receipt"
EVENTS: Final = (CAPTURE, DELIVERY, RECEIPT)
"""What T+N is counted from: the capture, that the goods reached who bought them, or that it was confirmed that they did (确认收货)."""


def cycle_fault(settle_from: str, holds: Holds) -> Refused | None:
    """What a contract cannot count from. Where it counts from an event, that is what is waited for, and no days run out meanwhile."""
    if settle_from not in EVENTS:
        return Refused(SETTLE_FROM_INVALID, f"days are counted from {', '.join(EVENTS)}", "settle_from")
    if settle_from != CAPTURE and holds.evidence_days:
        return Refused(
            SETTLE_FROM_INVALID, "what settles from an event waits for it however long it takes, not evidence_days", "settle_from"
        )
    return None
