"""Refunds as the merchant that made them reads them: what became of the money that they owe back to the consumer.

What a merchant may not see, how its customers paid and by which card, is looked at as staff of the book do; what comes of it is a word for each refund.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.loans import queries as loan_book
from yuefu.orders.queries import told as order_told
from yuefu.orders.queries.told import RefundTold
from yuefu.payments import queries as payments
from yuefu.payments.queries import refunding
from yuefu.runtime import sql
from yuefu.runtime.paging import Span
from yuefu.settlement import queries as settlement

State = Literal["pending", "succeeded", "failed"]
STATES: Final[tuple[State, ...]] = ("pending", "succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund, which way back it was (the event of its items), and how it stands: `succeeded` once the consumer has all that it owes back, at once
    where the loan took all of it; `failed` while the payment channel refuses to pay some of that, which is tried again each business day."""

    told: RefundTold
    event: str
    state: State


def listed(*, book_id: UUID, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Refund] | None:
    """Refunds of a merchant's orders, newest first, as `orders.queries.told.refunds` finds them, and in a `state`. None where the span begins at none.

    Few are not where they should be, and they are found from the refunds of the channel: a state is no walk through all refunds.
    """
    asked = dict(where)
    if (state := asked.pop("state", None)) is not None:
        stands = _open(book_id)
        if state == "succeeded":
            asked["but"] = [one for one, so in stands.items() if so != state]
        else:
            asked["among"] = [one for one, so in stands.items() if so == state]
    found = order_told.refunds(merchant_id=merchant_id, where=asked, span=span)
    return None if found is None else _told(found)


def refunds_by_id(*, ids: Sequence[UUID]) -> dict[UUID, Refund]:
    """Refunds as far as this scope sees them."""
    return {one.told.id: one for one in _told(list(order_told.refunds_by_id(refund_ids=ids).values()))}


def _open(book_id: UUID) -> dict[UUID, State]:
    """The refunds that this scope sees which are not simply done, with how they stand."""
    with sql.reading(book_id=book_id):
        order_ids = refunding.orders_not_given_back(book_id=book_id)
    return states(order_told.refunds_of_orders(order_ids=order_ids))


def _told(found: Sequence[RefundTold]) -> list[Refund]:
    """Refunds of one book, with how they stand."""
    if not found:
        return []
    book_id, stands = found[0].book_id, states(found)
    items = settlement.items_of_sources(book_id=book_id, sources=[("refund", share.id) for one in found for share in one.shares])
    return [Refund(one, items["refund", one.shares[0].id].event or "refund", stands[one.id]) for one in found]


def states(refunds: Sequence[RefundTold]) -> dict[UUID, State]:
    """How refunds of one book stand. Looked at as staff of it do, whoever asks."""
    if not refunds:
        return {}
    book_id = refunds[0].book_id
    with sql.reading(book_id=book_id):
        by_share = _by_share(book_id, refunds)
    worst: dict[UUID, State] = {}
    for one in refunds:
        each = {by_share.get(share.id, "succeeded") for share in one.shares}
        worst[one.id] = "failed" if "failed" in each else "pending" if "pending" in each else "succeeded"
    return worst


def _by_share(book_id: UUID, refunds: Sequence[RefundTold]) -> dict[UUID, State]:
    """How the shares stand that owe something back."""
    shares = {share.id for one in refunds for share in one.shares}
    events = loan_book.recorded(sorted({one.order_id for one in refunds}))
    owing = {e.source_id: e for group in events.values() for e in group if e.source_id in shares and e.excess}
    if not owing:
        return {}
    by_loan = {source: event.loan_id for source, event in owing.items()}
    sent = refunding.refunds_for(book_id=book_id, sources=by_loan)
    found: dict[UUID, State] = {}
    again: dict[UUID, list[UUID]] = defaultdict(list)
    for source, event in owing.items():
        tries = sent.get(source, [])
        if sum(one.amount.minor for one in tries if one.state == "succeeded") == event.excess.minor:
            found[source] = "succeeded"
        elif any(one.state in ("attempted", "unknown") for one in tries):
            found[source] = "pending"
        else:
            again[event.loan_id].append(source)
    return found | _tried_again(book_id, again)


def _tried_again(book_id: UUID, again: dict[UUID, list[UUID]]) -> dict[UUID, State]:
    """What was refused is tried again for the loan as a whole: it stands as all that the loan owes back."""
    loan_ids = sorted(again)
    if not loan_ids:
        return {}
    owed = loan_book.excesses(book_id, loan_ids=loan_ids)
    on_its_way = payments.not_failed(book_id=book_id, loan_ids=loan_ids)
    waiting = refunding.under_way(book_id=book_id, loan_ids=loan_ids)
    stands: dict[UUID, State] = {
        i: "failed" if owed.get(i, 0) > on_its_way.get(i, 0) else "pending" if i in waiting else "succeeded" for i in loan_ids
    }
    return {source: stands[loan_id] for loan_id, sources in again.items() for source in sources}
