"""Writes of checkout sessions, over many, and of what is in carts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.orders.queries import checkout as queries
from yuefu.orders.rules import checkout as rules
from yuefu.orders.rules.checkout import Ending, Session
from yuefu.orders.rules.lines import Line
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

KIND: Final = "checkout"

_SESSION: Final = {
    "id": "uuid", "merchant_id": "uuid", "merchant_reference": "text", "amount_minor": "bigint", "currency": "text", "channel": "text",
    "products": "jsonb", "periods": "jsonb", "success_url": "text", "cancel_url": "text", "consumer_id": "uuid", "language": "text",
    "host": "text", "category": "text", "expires_at": "timestamptz", "store_id": "uuid", "terminal_id": "uuid",
}  # fmt: skip
_LINE: Final = {
    "id": "uuid", "merchant_id": "uuid", "session_id": "uuid", "order_id": "uuid", "number": "smallint", "name": "text", "quantity": "integer",
    "unit_minor": "bigint", "sku": "text", "cash_price_minor": "bigint", "tax_minor": "bigint", "serial_number": "text", "category": "text",
    "image_url": "text",
}  # fmt: skip


def open_sessions(*, work: UnitOfWork, sessions: Sequence[Session], carts: Mapping[UUID, Sequence[Line]]) -> None:
    """Writes new sessions with their carts, each with its first event."""
    same = {
        "book_id": ("uuid", work.book.id),
        "state": ("text", "open"),
        "created_at": ("timestamptz", work.now),
        "seq": ("integer", 1),
    }
    sql.insert("orders_checkout_session", _SESSION, [_row(session) for session in sessions], same=same)
    keep_lines(work=work, of_sessions={s.id: (s.merchant_id, carts.get(s.id, ())) for s in sessions})
    outbox.emit(work=work, events=[_event(session, "opened") for session in sessions])
    audit.record(work=work, action="checkout.create", object_kind=KIND, object_ids=[session.id for session in sessions])


Carts = Mapping[UUID, tuple[UUID, Sequence[Line]]]
"""Of whom: the merchant, and the lines."""


def keep_lines(*, work: UnitOfWork, of_sessions: Carts | None = None, of_orders: Carts | None = None) -> None:
    """Keeps what is in the carts of sessions, and what was bought by orders."""
    rows: list[tuple[UUID, UUID | None, UUID | None, int, Line]] = []
    for whose, (merchant, lines) in (of_sessions or {}).items():
        rows += [(merchant, whose, None, number, line) for number, line in enumerate(lines, start=1)]
    for whose, (merchant, lines) in (of_orders or {}).items():
        rows += [(merchant, None, whose, number, line) for number, line in enumerate(lines, start=1)]
    ids = work.ids.many(work.now, len(rows))
    values = [
        (
            *(new, merchant, session, order, number, line.name, line.quantity, line.unit_amount, line.sku, line.cash_price, line.tax),
            *(line.serial_number, line.category, line.image_url),
        )
        for new, (merchant, session, order, number, line) in zip(ids, rows, strict=True)
    ]
    sql.insert("orders_line", _LINE, values, same={"book_id": ("uuid", work.book.id)})


def complete(*, work: UnitOfWork, orders: Mapping[UUID, UUID]) -> None:
    """open → completed, by the order that each session became. They are locked and open: whoever placed the orders saw to that."""
    before = queries.lock(work.book.id, list(orders))
    steps: list[tuple[Session, UUID]] = []
    for session_id, order_id in orders.items():
        done = rules.complete(before.get(session_id), order_id, work.now)
        assert isinstance(done, Session), f"an order is placed for an open session: {done}"
        steps.append((done, order_id))
    _store(work, before, steps)


@dataclass(frozen=True, slots=True)
class End:
    """A session that is to end, and the cause of that. With a merchant it has to be one of theirs."""

    session_id: UUID
    cause: UUID
    merchant_id: UUID | None = None


def end(*, work: UnitOfWork, ends: Sequence[End], by: Ending, by_time: bool = False) -> list[Session | Refused]:
    """Ends sessions: expired by their merchants or by time, cancelled by the consumer; decided in order. Refused with unknown_checkout or checkout_over."""
    before = queries.lock(work.book.id, [one.session_id for one in ends])
    latest = dict(before)
    outcomes: list[Session | Refused] = []
    for one in ends:
        session = latest.get(one.session_id)
        if session is not None and one.merchant_id not in (None, session.merchant_id):
            session = None
        done = rules.end(session, by, work.now, by_time=by_time)
        outcomes.append(done)
        if isinstance(done, Session):
            latest[one.session_id] = done
    _store(work, before, [(done, one.cause) for one, done in zip(ends, outcomes, strict=True) if isinstance(done, Session)])
    return outcomes


def _store(work: UnitOfWork, before: Mapping[UUID, Session], steps: Sequence[tuple[Session, UUID]]) -> None:
    """The end of each session, with its cause."""
    columns = {"id": "uuid", "state": "text", "order_id": "uuid", "seq": "integer", "ended_at": "timestamptz"}
    rows = [(s.id, s.state, s.order_id, s.seq, work.now) for s, _ in steps]
    sql.update("orders_checkout_session", "id", columns, sorted(rows, key=lambda row: row[0]))
    outbox.emit(work=work, events=[_event(s, s.state, before=before[s.id], cause=cause) for s, cause in steps])
    for state in sorted({s.state for s, _ in steps}):
        ended = [(s.id, cause) for s, cause in steps if s.state == state]
        audit.record(
            work=work, action=f"checkout.{state}", object_kind=KIND, object_ids=[i for i, _ in ended], causes=[cause for _, cause in ended]
        )


def _row(session: Session) -> tuple[object, ...]:
    return (
        *(session.id, session.merchant_id, session.merchant_reference, session.amount.minor, session.amount.currency, session.channel),
        *(dumps(session.products), dumps(session.periods), session.success_url, session.cancel_url, session.consumer_id, session.language),
        *(session.host, session.category, session.expires_at, session.store_id, session.terminal_id),
    )


def _event(session: Session, what: str, *, before: Session | None = None, cause: UUID | None = None) -> Event:
    snapshot = _snapshot(session)
    changed = outbox.changes(_snapshot(before), snapshot) if before else None
    return Event(f"checkout.session.{what}", KIND, session.id, session.seq, snapshot, changed=changed, cause=cause)


def _snapshot(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "merchant_id": session.merchant_id,
        "merchant_reference": session.merchant_reference,
        "amount": {"minor": session.amount.minor, "currency": session.amount.currency},
        "channel": session.channel,
        "products": list(session.products),
        "periods": list(session.periods),
        "success_url": session.success_url,
        "cancel_url": session.cancel_url,
        "consumer_id": session.consumer_id,
        "language": session.language,
        "host": session.host,
        "category": session.category,
        "store_id": session.store_id,
        "terminal_id": session.terminal_id,
        "state": session.state,
        "order_id": session.order_id,
        "created_at": session.created_at.astimezone(UTC),
        "expires_at": session.expires_at.astimezone(UTC),
    }
