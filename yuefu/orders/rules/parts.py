"""Which lines of an order a capture or a refund is of, and how goods were sent. Pure; amounts in minor units of the order's currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.orders.rules.lines import Line

UNKNOWN_LINE: Final = "unknown_line"
PIECES_EXCEEDED: Final = "pieces_exceeded"  # more pieces than are left of the line
SHIPPING_INVALID: Final = "shipping_invalid"

MOST_SHIPMENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Pieces:
    """So many pieces of a line of an order, by its number."""

    line: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """How a part of the goods was sent. Without a moment it is on its way at some time."""

    carrier: str
    tracking_number: str
    shipped_at: datetime | None = None


def parts_fault(
    parts: Sequence[Pieces], lines: Sequence[Line], done: Mapping[int, int], most: Mapping[int, int] | None, amount: Money | None
) -> Refused | None:
    """Why parts cannot be of these lines, of which `done` pieces by line are used up already; of at most `most`, where not all of a line is to be had.
    The parts come to the amount, where one is given.
    """
    left = {
        number: (line.quantity if most is None else most.get(number, 0)) - done.get(number, 0) for number, line in enumerate(lines, start=1)
    }
    for part in parts:
        if part.line not in left:
            return Refused(UNKNOWN_LINE, f"the order has no line {part.line}; it has {len(lines)}", "lines")
        left[part.line] -= part.quantity
        if part.quantity < 1 or left[part.line] < 0:
            there = left[part.line] + part.quantity
            return Refused(PIECES_EXCEEDED, f"{max(there, 0)} pieces of line {part.line} are left, not {part.quantity}", "lines")
    total = amount_of(parts, lines)
    if parts and amount is not None and amount.minor != total:
        return Refused("lines_do_not_add_up", f"the lines come to {total}, the amount is {amount.minor}", "amount")
    return None


def amount_of(parts: Sequence[Pieces], lines: Sequence[Line]) -> int:
    """What the pieces of known lines come to."""
    return sum(part.quantity * lines[part.line - 1].unit_amount for part in parts)


def shipments_fault(shipments: Sequence[Shipment]) -> Refused | None:
    """What is wrong with how something was sent."""
    if len(shipments) > MOST_SHIPMENTS:
        return Refused(SHIPPING_INVALID, f"goods go in at most {MOST_SHIPMENTS} shipments", "shipping")
    for one in shipments:
        if not all(0 < len(text) <= 64 and text.isprintable() and text == text.strip() for text in (one.carrier, one.tracking_number)):
            return Refused(SHIPPING_INVALID, "carrier and tracking number have 1 to 64 printable characters each", "shipping")
    return None
