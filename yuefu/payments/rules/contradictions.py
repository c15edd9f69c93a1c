"""Contradictions: the channel says something else of a collection than it said before. What it said is kept for a person to look at. Pure.

Money that the channel took after it had said it took none is ours to account for, and the consumer has paid: once somebody accepts the
later word, the collection succeeds after all and goes the way of every other. Nothing is booked on the channel's word alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments.rules.asked import ChannelResult
from yuefu.payments.rules.steps import AMOUNT_DIFFERS, CONTRADICTS

UNKNOWN_CONTRADICTION = "unknown_contradiction"
ALREADY_CLOSED = "already_closed"  # somebody looked at it before, and decided otherwise
CANNOT_ACCEPT = "cannot_accept"  # only "it came after all" can be booked as it is

KEPT: Final = frozenset({CONTRADICTS, AMOUNT_DIFFERS})
"""The refusals of an answer that are kept: the collection is ours, and the answer cannot be true beside what was known."""

CONTRADICTION_STEPS: Final = frozenset({("open", "accepted"), ("open", "dismissed")})


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An answer that contradicts what stood of a collection: `stood` is its state then, `code` contradicts or amount_differs, `said` to
    `said_on` what the channel says. One answer is one contradiction, however often it comes.
    """

    id: UUID
    collection_id: UUID
    reference: str
    consumer_id: UUID
    loan_id: UUID | None
    amount: Money
    code: str
    stood: str
    said: str
    said_amount: Money
    said_fee: Money
    provider_id: str
    said_code: str
    said_on: date | None
    heard_at: datetime
    state: str
    closed_at: datetime | None
    closed_by: str
    reason: str

    @property
    def answer(self) -> ChannelResult:
        """What the channel said, to be booked."""
        assert self.said == "succeeded", "only money that came is booked"
        return ChannelResult(self.reference, "succeeded", self.said_amount, self.said_fee, self.provider_id, self.said_on, self.said_code)


def closing_refusal(current: Contradiction | None, *, accept: bool) -> Refused | None:
    """Why a contradiction cannot be closed in this way. Closed in the same way before, it is not refused."""
    if current is None:
        return Refused(UNKNOWN_CONTRADICTION, "there is no such contradiction in this book", "contradiction_id")
    wanted = "accepted" if accept else "dismissed"
    if current.state not in ("open", wanted):
        return Refused(ALREADY_CLOSED, f"{current.closed_by} {current.state} it: {current.reason}", "contradiction_id")
    if accept and not (current.code == CONTRADICTS and current.stood == "failed" and current.said == "succeeded"):
        detail = (
            f"the collection was {current.stood} over {current.amount} and the channel says {current.said} over {current.said_amount}:"
            " clear it up with the channel, correct the books by a journal or by undoing the repayment, then dismiss it"
        )
        return Refused(CANNOT_ACCEPT, detail, "accept")
    return None
