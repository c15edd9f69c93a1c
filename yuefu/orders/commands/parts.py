"""Pieces of lines that captures and refunds are of, and shipments. Read and written only where a request names any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.orders.queries import parts as queries
from yuefu.orders.queries.parts import KeptLine
from yuefu.orders.rules import Order
from yuefu.orders.rules.parts import Pieces, Shipment, amount_of, parts_fault
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

_PIECES: Final = {
    "id": "uuid", "merchant_id": "uuid", "order_id": "uuid", "line_id": "uuid", "capture_id": "uuid", "refund_id": "uuid", "quantity": "integer",
}  # fmt: skip
_SHIPMENT: Final = {
    "id": "uuid", "merchant_id": "uuid", "order_id": "uuid", "capture_id": "uuid", "carrier": "text", "tracking_number": "text",
    "shipped_at": "timestamptz",
}  # fmt: skip


class OfLines(Protocol):
    """A request that may name lines of its order."""

    @property
    def order_id(self) -> UUID: ...
    @property
    def amount(self) -> Money | None: ...
    @property
    def lines(self) -> tuple[Pieces, ...]: ...


@dataclass(slots=True)
class Used:
    """The lines of orders with how many pieces are used up, while a batch is decided."""

    kind: Literal["capture", "refund"]
    lines: Mapping[UUID, Sequence[KeptLine]]
    done: dict[UUID, dict[int, int]]
    rows: list[tuple[UUID, UUID, UUID, UUID, int]] = field(default_factory=list)

    @classmethod
    def of(cls, kind: Literal["capture", "refund"], requests: Sequence[OfLines]) -> Used:
        """Of orders that are locked. Nothing is read where nobody names lines."""
        named = sorted({request.order_id for request in requests if request.lines})
        lines = queries.kept_lines(named) if named else {}
        return cls(kind, lines, queries.used(named, kind) if named else {})

    def amount(self, order: Order | None, request: OfLines) -> Money | Refused | None:
        """The amount of a request: that which it says, else that of its lines, else None for all there is."""
        if not request.lines or order is None:
            return request.amount
        lines = [kept.line for kept in self.lines.get(order.id, ())]
        fault = parts_fault(request.lines, lines, self.done.get(order.id, {}), None, request.amount)
        return fault or Money(amount_of(request.lines, lines), order.currency)

    def note(self, of: UUID, order: Order, parts: Sequence[Pieces]) -> None:
        """Pieces that a capture or refund took."""
        done = self.done.setdefault(order.id, defaultdict(int))
        for part in parts:
            done[part.line] = done.get(part.line, 0) + part.quantity
            self.rows.append((of, order.id, order.merchant_id, self.lines[order.id][part.line - 1].id, part.quantity))

    def write(self, work: UnitOfWork) -> None:
        """Keeps what was noted."""
        if not self.rows:
            return
        ids = work.ids.many(work.now, len(self.rows))
        captured = self.kind == "capture"
        values = [
            (i, merchant, order, line, of if captured else None, None if captured else of, quantity)
            for i, (of, order, merchant, line, quantity) in zip(ids, self.rows, strict=True)
        ]
        sql.insert("orders_pieces", _PIECES, values, same={"book_id": ("uuid", work.book.id)})


def ship(*, work: UnitOfWork, shipments: Sequence[tuple[Order, UUID, Shipment]]) -> None:
    """Keeps how captures were sent: the order, the capture, and the shipment."""
    if not shipments:
        return
    ids = work.ids.many(work.now, len(shipments))
    values = [
        (i, order.merchant_id, order.id, capture, one.carrier, one.tracking_number, one.shipped_at)
        for i, (order, capture, one) in zip(ids, shipments, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    sql.insert("orders_shipment", _SHIPMENT, values, same=same)
