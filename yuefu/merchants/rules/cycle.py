"""From which day a contract counts the business days until a merchant is paid. Pure."""

from __future__ import annotations

from typing import Final

from yuefu.errors import Refused
from yuefu.merchants.rules.holds import Holds

SETTLE_FROM_INVALID: Final = "settle_from_invalid"
SETTLE_BY_INVALID: Final = "settle_by_invalid"

CAPTURE: Final = "capture"
DELIVERY: Final = "delivery"
RECEIPT: Final = "receipt"
EVENTS: Final = (CAPTURE, DELIVERY, RECEIPT)
"""What T+N is counted from: the capture, that the goods reached who bought them, or that it was confirmed that they did (确认收货)."""

WHOLE: Final = "whole"
PERIOD: Final = "period"
WAYS: Final = (WHOLE, PERIOD)
"""How a sale is paid to the merchant: whole at once, or its part of each instalment as it is collected (按期结算)."""


def cycle_fault(settle_from: str, settle_by: str, holds: Holds, *, reserve_ppm: int) -> Refused | None:
    """What a contract cannot count from. Where it counts from an event, that is what is waited for, and no days run out meanwhile; by period it
    counts from each collection, and what is to come is reserve enough."""
    if settle_from not in EVENTS:
        return Refused(SETTLE_FROM_INVALID, f"days are counted from {', '.join(EVENTS)}", "settle_from")
    if settle_from != CAPTURE and holds.evidence_days:
        return Refused(
            SETTLE_FROM_INVALID, "what settles from an event waits for it however long it takes, not evidence_days", "settle_from"
        )
    if settle_by not in WAYS:
        return Refused(SETTLE_BY_INVALID, f"a sale is paid {' or by '.join(WAYS)}", "settle_by")
    if settle_by == PERIOD and (settle_from != CAPTURE or holds.evidence_days or reserve_ppm):
        return Refused(SETTLE_BY_INVALID, "by period neither settle_from, evidence_days nor a reserve has a meaning", "settle_by")
    return None
