"""A merchant's part of each instalment as it is collected (按期结算). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide

COLLECTION: Final = "collection"
"""What such a capture settles from."""
KINDS: Final = ("part", "parted")
"""What is paid of a sale by an instalment, and what is deducted from the rest of it for that."""


@dataclass(frozen=True, slots=True)
class InParts:
    """A capture of which the merchant has its part of each instalment: `gross` and `net` of it and of what went back of it, the last of
    them on `changed_on`, and the `rest` that has no day yet, which is what its `waiting` items come to."""

    capture_id: UUID
    merchant_id: UUID
    loan_id: UUID
    funder_id: UUID | None
    product: str
    version: int
    changed_on: date
    settle_days: int
    gross: Money
    net: Money
    rest: Money
    waiting: tuple[UUID, ...]

    def still_to_come(self, principal: int) -> Money:
        """What of the net waits while so much principal is to be paid: net × principal ÷ gross, half up; no more than all of it, and nothing once all is
        paid. The parts are what this falls by, so they add up to the net to the cent."""
        if self.gross.minor <= 0:
            return Money.zero(self.net.currency)
        share = divide(abs(self.net.minor) * min(max(principal, 0), self.gross.minor), self.gross.minor, Rounding.HALF_UP)
        return Money(share if self.net.minor >= 0 else -share, self.net.currency)
