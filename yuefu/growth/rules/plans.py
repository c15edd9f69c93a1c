"""The fund plan of a merchant: into which envelopes what is paid to it goes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.split import split

ENVELOPES_INVALID: Final = "envelopes_invalid"

MOST_ENVELOPES: Final = 20
WHOLE: Final = 10_000
"""All of it, in hundredths of a per cent."""
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Envelope:
    """A part of what is paid, in hundredths of a per cent."""

    name: str
    share: int


DEFAULT: Final = (Envelope("restock", 4_000), Envelope("marketing", 3_000), Envelope("reserve", 3_000))
"""Restocking and safety stock, marketing, reserve: what a merchant has that never chose."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of the plan of a merchant, in force from a day on; version 0 is the one of who never chose."""

    merchant_id: UUID
    version: int
    valid_from: date
    envelopes: tuple[Envelope, ...]


def fault(envelopes: Sequence[Envelope]) -> Refused | None:
    """What is wrong with envelopes: 1 to 20 of them with names of their own, shares above zero that are 100 % together."""
    names = [one.name for one in envelopes]
    if not 1 <= len(names) <= MOST_ENVELOPES or len(set(names)) < len(names):
        return Refused(ENVELOPES_INVALID, f"a plan has 1 to {MOST_ENVELOPES} envelopes, each named once", "envelopes")
    for name in names:
        if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
            return Refused(ENVELOPES_INVALID, f"the name of an envelope has 1 to {_LONGEST_NAME} printable characters", "envelopes")
    if min(one.share for one in envelopes) <= 0 or sum(one.share for one in envelopes) != WHOLE:
        return Refused(ENVELOPES_INVALID, "the shares are above zero, and 100 % together", "envelopes")
    return None


def divided(paid: Money, envelopes: Sequence[Envelope]) -> list[Money]:
    """What of a payment goes into each envelope, by largest remainder: they add up to it."""
    return split(paid, [one.share for one in envelopes])


def in_force(plans: Sequence[Plan], on: date, merchant_id: UUID) -> Plan:
    """The plan of a day among versions of one merchant: the last one that had begun."""
    begun = [plan for plan in plans if plan.valid_from <= on]
    return max(begun, key=lambda plan: plan.version, default=Plan(merchant_id, 0, date.min, DEFAULT))
