"""Profit shares: earned with a capture, given back with goods, taken back when a loan defaults early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.merchants.queries import payees
from yuefu.merchants.rules import Contract
from yuefu.money.amounts import Money
from yuefu.runtime import audit, locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.rules import Item, shares
from yuefu.settlement.rules.shares import Share

_SHARE: Final = {
    "id": "uuid", "book_id": "uuid", "kind": "text", "source_id": "uuid", "merchant_id": "uuid", "order_id": "uuid", "capture_id": "uuid",
    "loan_id": "uuid", "party": "text", "level": "smallint", "payee_id": "uuid", "amount_minor": "bigint", "currency": "text", "on_refund": "text",
    "default_ppm": "integer", "early_periods": "smallint", "early_days": "smallint", "earned_on": "date", "recorded_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sale:
    """A capture whose contract shares its fee, and the host who sold it."""

    item: Item
    contract: Contract
    host_id: UUID | None


@dataclass(frozen=True, slots=True)
class Return:
    """A refund, the capture it is of, and what was refunded of that before."""

    item: Item
    capture: Item
    refunded_before: Money


def share(*, work: UnitOfWork, sales: Sequence[Sale], returns: Sequence[Return]) -> None:
    """Writes and posts what is shared of new captures, and what of shares goes back with new refunds, in order. Whoever calls holds the locks of the
    captures that are refunded."""
    agents = sorted({s.contract.terms.sharing.agent_id for s in sales if s.contract.terms.sharing and s.contract.terms.sharing.agent_id})
    lines = payees.lines(agent_ids=agents, book_id=work.book.id)
    made: dict[UUID, list[Share]] = {}
    written: list[tuple[Item, list[Share]]] = []
    for sale in sales:
        sharing = sale.contract.terms.sharing
        line = lines.get(sharing.agent_id, []) if sharing and sharing.agent_id else []
        new = shares.of_capture(sale.item, sale.contract, line=line, host_id=sale.host_id, own_funds=work.book.id, new_id=sale.item.id)
        made[sale.item.source_id] = new
        written.append((sale.item, new))
    before = (
        share_book.of_captures(capture_ids=[r.capture.source_id for r in returns if r.capture.source_id not in made]) if returns else {}
    )
    for one in returns:
        known = made.setdefault(one.capture.source_id, before.get(one.capture.source_id, []))
        back = shares.of_refund(one.item, one.capture, shares.left_of(known).values(), refunded_before=one.refunded_before)
        made[one.capture.source_id] = [*known, *back]
        written.append((one.item, back))
    _write(work, [(item, new) for item, new in written if new])


def _write(work: UnitOfWork, written: Sequence[tuple[Item, Sequence[Share]]]) -> list[Share]:
    """Stores and posts shares, each group of one source, with the capture or refund that says whose funds and product it is."""
    if not written:
        return []
    ids = iter(work.ids.many(work.now, sum(len(group) for _, group in written)))
    numbered = [(item, [replace(one, id=next(ids)) for one in group]) for item, group in written]
    new = [one for _, group in numbered for one in group]
    sql.insert(
        "settlement_share",
        _SHARE,
        [
            (
                *(
                    s.id,
                    work.book.id,
                    s.kind,
                    s.source_id,
                    s.merchant_id,
                    s.order_id,
                    s.capture_id,
                    s.loan_id,
                    s.party,
                    s.level,
                    s.payee_id,
                ),
                *(s.amount.minor, s.amount.currency, s.on_refund, s.default_ppm, s.early_periods, s.early_days, s.earned_on, work.now),
            )
            for s in new
        ],
    )
    posted = ledger.post(work=work, entries=[entries.shared(group, item.funder_id, item.product) for item, group in numbered])
    refused = [one for one in posted if isinstance(one, Refused)]
    assert not refused, f"what is shared is part of the fee: {refused[:1]}"
    audit.record(
        work=work,
        action="settlement.share",
        object_kind="settlement_share",
        object_ids=[one.id for one in new],
        causes=[one.source_id for one in new],
    )
    return new


def claw_back(*, work: UnitOfWork, capture_ids: Sequence[UUID]) -> list[Share]:
    """Takes back what contracts say of the shares of captures whose loans have defaulted early. What was taken back before stays so."""
    if not capture_ids:
        return []
    locks.wait_for_each(locks.CAPTURE, sorted(capture_ids))
    known = share_book.of_captures(capture_ids=capture_ids)
    items = queries.items_of_sources(book_id=work.book.id, sources=[("capture", one) for one in sorted(known)])
    taken = [
        (items["capture", capture_id], shares.of_default(shares.left_of(group).values(), on=work.day.on))
        for capture_id, group in sorted(known.items())
        if not any(one.kind == "defaulted" for one in group)
    ]
    out_of_risk(work=work, capture_ids=capture_ids)
    return _write(work, [(item, back) for item, back in taken if back])


def out_of_risk(*, work: UnitOfWork, capture_ids: Sequence[UUID]) -> None:
    """Nobody looks any more whether the loans of these captures default early."""
    if capture_ids:
        sql.run("DELETE FROM settlement_share_at_risk WHERE book_id = %s AND capture_id = ANY(%s)", [work.book.id, list(capture_ids)])
