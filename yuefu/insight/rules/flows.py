"""The money flow of a day: from which place to which so much went, by kind of entry. Pure.

An entry takes from the places it credits and gives to those it debits. Within a place it is one figure; where several give and several take, they are
matched in the order of places, so that what goes out of each and into each is to the cent what the entry says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from yuefu.insight.rules.places import ALL_PLACES, OTHER, PLACE_OF, Place
from yuefu.ledger.rules.gl import Standing


@dataclass(frozen=True, slots=True)
class Flow:
    """So much went from one place to another, by so many entries of a kind."""

    origin: Place
    target: Place
    currency: str
    kind: str
    entries: int
    minor: int


@dataclass(frozen=True, slots=True)
class At:
    """A place, debit positive: opening + came − went = closing; both ends are the ledger's own balance."""

    place: Place
    opening: int
    came: int
    went: int
    closing: int

    @property
    def off(self) -> int:
        return self.opening + self.came - self.went - self.closing


@dataclass(frozen=True, slots=True)
class Picture:
    """The flows of a day in one currency, the largest first, and every place that holds or moved something."""

    on: date
    currency: str
    flows: tuple[Flow, ...]
    places: tuple[At, ...]

    def between(self) -> dict[tuple[Place, Place], int]:
        """What went from each place to each, whatever the kind."""
        sums: dict[tuple[Place, Place], int] = {}
        for flow in self.flows:
            sums[flow.origin, flow.target] = sums.get((flow.origin, flow.target), 0) + flow.minor
        return sums


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """An entry by which something of a flow went, and how much."""

    id: UUID
    kind: str
    posted_on: date
    effective_on: date
    actor: str
    minor: int
    order_id: UUID | None
    loan_id: UUID | None
    merchant_id: UUID | None


def picture(on: date, currency: str, flows: Sequence[Flow], standings: Sequence[Standing]) -> Picture:
    """The picture of a day in a currency. `off` of a place is nothing, or the flows are not what the ledger has."""
    mine = sorted((one for one in flows if one.currency == currency), key=lambda one: (-one.minor, one.origin, one.target, one.kind))
    ends = dict.fromkeys(ALL_PLACES, (0, 0))
    for one in standings:
        if one.currency == currency:
            place = PLACE_OF.get(one.code, OTHER)
            ends[place] = (ends[place][0] + one.opening, ends[place][1] + one.closing)
    came, went = dict.fromkeys(ALL_PLACES, 0), dict.fromkeys(ALL_PLACES, 0)
    for flow in mine:
        came[flow.target] += flow.minor
        went[flow.origin] += flow.minor
    places = (At(place, ends[place][0], came[place], went[place], ends[place][1]) for place in ALL_PLACES)
    return Picture(on, currency, tuple(mine), tuple(one for one in places if one.opening or one.came or one.went or one.closing))
