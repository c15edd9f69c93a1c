"""Why the money of a capture waits longer than the settlement days of its contract: evidence of delivery, the tier of risk. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from yuefu.errors import Refused

HOLDS_INVALID: Final = "holds_invalid"

LONGEST_EVIDENCE_DAYS: Final = 180
LONGEST_MORE_DAYS: Final = 60
_TIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,19}")


@dataclass(frozen=True, slots=True)
class Holds:
    """What a contract holds captures for. `evidence_days`: so many days more, or until there is evidence that what was sold was delivered, activated or
    redeemed; 0 asks for none. `tier`: the name of the merchant's tier of risk; it is held `more_days` business days more. A part that is kept back
    of a tier is the reserve of the contract.
    """

    evidence_days: int = 0
    tier: str = ""
    more_days: int = 0


NO_HOLDS: Final = Holds()


def holds_fault(holds: Holds) -> Refused | None:
    """What a contract cannot hold for."""
    if not 0 <= holds.evidence_days <= LONGEST_EVIDENCE_DAYS:
        return Refused(HOLDS_INVALID, f"evidence is waited for {LONGEST_EVIDENCE_DAYS} days at most", "holds")
    if not 0 <= holds.more_days <= LONGEST_MORE_DAYS or (holds.more_days > 0 and not holds.tier):
        return Refused(HOLDS_INVALID, f"a tier of risk is held {LONGEST_MORE_DAYS} business days more at most, and has a name", "holds")
    if holds.tier and not _TIER.fullmatch(holds.tier):
        return Refused(HOLDS_INVALID, "a tier has 1 to 20 of a-z, 0-9, - and _, and no - or _ first", "holds")
    return None


def holds_json(holds: Holds) -> dict[str, Any]:
    """Holds as they are kept: nothing where there are none."""
    if holds == NO_HOLDS:
        return {}
    return {"evidence_days": holds.evidence_days, "tier": holds.tier, "more_days": holds.more_days}


def holds_from_json(content: Mapping[str, Any]) -> Holds:
    """The inverse of `holds_json`."""
    return Holds(content["evidence_days"], content["tier"], content["more_days"]) if content else NO_HOLDS
