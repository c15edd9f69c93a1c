"""Where in the pages a person may go: what the bar at the top of every page offers, and which links of a page lead somewhere for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from yuefu.access.rules import Membership, may
from yuefu.web import breaks, funds, invoices, loans, recon, reports, settlements, suspense
from yuefu.web.scopes import Visitor, memberships_of


@dataclass(frozen=True, slots=True)
class Place:
    """A page where something begins, by its route: the permission that it needs, and whether it is offered to staff, to a merchant's people or to both."""

    route: str
    permission: str
    offered_to: Literal["staff", "merchants", "both"] = "staff"


PLACES: Final = (
    Place("recon", recon.READ),
    Place("breaks", breaks.READ),
    Place("suspense", suspense.READ),
    Place("settlements", settlements.PERMISSION, "both"),
    Place("invoices", invoices.PERMISSION, "both"),
    Place("shares", settlements.PERMISSION),
    Place("funds", funds.PERMISSION, "merchants"),
    Place("late_loans", loans.READ),
    Place("reports", reports.READ),
)
"""In the order of the bar. The home page is behind the name of the program, and leads to the close of a day; staff come to the money of a merchant from its
settlement.
"""


def open_to(visitor: Visitor) -> dict[str, set[UUID]]:
    """The places that are offered to somebody, each with the ids of the books in which they may see it; none to somebody who has not logged in."""
    held = memberships_of(visitor)
    found = {place.route: {m.book_id for m in held if may(m, place.permission) and _is_for(place, m)} for place in PLACES}
    return {route: book_ids for route, book_ids in found.items() if book_ids}


def _is_for(place: Place, member: Membership) -> bool:
    return place.offered_to in ("both", "staff" if member.merchant_id is None else "merchants")
