"""Reads of what captures and refunds are of, and of shipments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from yuefu.orders.queries.checkout import LINE
from yuefu.orders.rules.lines import Line
from yuefu.orders.rules.parts import Pieces, Shipment
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A line of an order as it is kept."""

    id: UUID
    line: Line


def kept_lines(order_ids: Sequence[UUID]) -> dict[UUID, list[KeptLine]]:
    """The lines of orders, in the order of their numbers; orders without any are left out."""
    found: dict[UUID, list[KeptLine]] = defaultdict(list)
    rows = sql.rows(f"SELECT order_id, id, {LINE} FROM orders_line WHERE order_id = ANY(%s) ORDER BY number", [list(order_ids)])
    for order_id, line_id, _, *line in rows:
        found[order_id].append(KeptLine(line_id, Line(*line)))
    return dict(found)


def used(order_ids: Sequence[UUID], kind: Literal["capture", "refund"]) -> dict[UUID, dict[int, int]]:
    """How many pieces of each line, by its number, were captured or refunded so far, of those that captures or refunds named."""
    found: dict[UUID, dict[int, int]] = defaultdict(dict)
    rows = sql.rows(
        "SELECT p.order_id, l.number, sum(p.quantity)::bigint FROM orders_pieces p JOIN orders_line l ON l.id = p.line_id"
        f" WHERE p.order_id = ANY(%s) AND p.{kind}_id IS NOT NULL GROUP BY p.order_id, l.number",
        [list(order_ids)],
    )
    for order_id, number, quantity in rows:
        found[order_id][number] = quantity
    return dict(found)


def pieces(ids: Sequence[UUID], kind: Literal["capture", "refund"]) -> dict[UUID, tuple[Pieces, ...]]:
    """What captures or refunds are of; those that named no lines are left out."""
    found: dict[UUID, list[Pieces]] = defaultdict(list)
    rows = sql.rows(
        f"SELECT p.{kind}_id, l.number, p.quantity FROM orders_pieces p JOIN orders_line l ON l.id = p.line_id WHERE p.{kind}_id = ANY(%s)"
        " ORDER BY p.id",
        [list(ids)],
    )
    for of, number, quantity in rows:
        found[of].append(Pieces(number, quantity))
    return {of: tuple(parts) for of, parts in found.items()}


def shipments(capture_ids: Sequence[UUID]) -> dict[UUID, tuple[Shipment, ...]]:
    """How captures were sent; those of which nobody said are left out."""
    found: dict[UUID, list[Shipment]] = defaultdict(list)
    rows = sql.rows(
        "SELECT capture_id, carrier, tracking_number, shipped_at FROM orders_shipment WHERE capture_id = ANY(%s) ORDER BY id",
        [list(capture_ids)],
    )
    for capture_id, *shipment in rows:
        found[capture_id].append(Shipment(*shipment))
    return {capture: tuple(sent) for capture, sent in found.items()}
