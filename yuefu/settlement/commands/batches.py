"""Batches: on a pay day one per merchant, its payout ordered in the same transaction; afterwards they follow what the bank says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments import commands as payments
from yuefu.payments.commands import PayoutOrder
from yuefu.payments.rules import Payout
from yuefu.runtime import audit, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries, rules
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.queries import Batch, Due
from yuefu.settlement.rules import Item, Sum, Totals

_BATCH: Final = {
    "id": "uuid",
    "book_id": "uuid",
    "merchant_id": "uuid",
    "pay_on": "date",
    "currency": "text",
    "line_count": "integer",
    "captures_minor": "bigint",
    "fees_minor": "bigint",
    "discounts_minor": "bigint",
    "refunds_minor": "bigint",
    "opening_minor": "bigint",
    "reserved_minor": "bigint",
    "released_minor": "bigint",
    "net_minor": "bigint",
    "payout_minor": "bigint",
    "carried_minor": "bigint",
    "state": "text",
    "version": "integer",
    "payout_id": "uuid",
    "built_at": "timestamptz",
}


@dataclass(frozen=True, slots=True)
class _Built:
    batch: Batch
    due: Due


def build(*, work: UnitOfWork, pay_on: date, after: UUID | None, limit: int) -> UUID | None:
    """Builds one batch for each of the next `limit` merchants, ids ascending and above `after`, with items due by `pay_on`, and orders its
    payout. Returns the last of these merchants, or None where there are no more.

    Of a merchant that has its batch nothing is built again: it has one a pay day, and what came later waits for the next. A positive net
    becomes available and is paid out; of a merchant that is not active it is held. A negative net, and one below the least that the contract in
    force pays out, pays nothing and is carried to the next batch; for the carried balance alone one is built only where it pays.
    """
    locks.wait(locks.SETTLEMENT, work.book.id)
    asked = queries.due_merchants(book_id=work.book.id, on=pay_on, after=after, limit=limit)
    served = queries.served(book_id=work.book.id, pay_on=pay_on, merchant_ids=asked)
    unserved = [merchant_id for merchant_id in asked if merchant_id not in served]
    due = queries.due(book_id=work.book.id, on=pay_on, merchant_ids=unserved, currency=work.book.currency)
    contracts = merchants.contracts_in_force(merchant_ids=unserved, on=pay_on)
    wanted = _drafts(work, pay_on, due, contracts)
    if wanted:
        built = _keep_back(work, wanted, contracts)
        _make_available(work, built)
        _store(work, _with_payouts(work, built), pay_on)
    return asked[-1] if len(asked) == limit else None


def schedule(*, work: UnitOfWork, batch_ids: Sequence[UUID]) -> list[Batch | Refused]:
    """Orders the payout of batches that were held, or whose payout came back. Refused with UNKNOWN_BATCH, NOT_POSSIBLE, or as the
    ledger refuses."""
    known = queries.batches_by_id(book_id=work.book.id, ids=batch_ids, lock=True)
    outcomes: dict[UUID, Batch | Refused] = {i: _step(known.get(i), "scheduled") for i in batch_ids}
    ready = [outcome for outcome in outcomes.values() if isinstance(outcome, Batch)]
    for batch, payout in zip(ready, _order(work, ready), strict=True):
        outcomes[batch.id] = payout if isinstance(payout, Refused) else replace(batch, payout_id=payout.id)
    _change(work, "settlement.schedule", known, [o for o in outcomes.values() if isinstance(o, Batch)])
    return [outcomes[i] for i in batch_ids]


def mark_payouts(*, work: UnitOfWork, payouts: Sequence[Payout]) -> list[Batch | Refused]:
    """Lets batches follow their payouts: paid or returned. What is not news changes nothing.

    Refused with UNKNOWN_BATCH, or NOT_POSSIBLE where a batch has another payout by now.
    """
    known = queries.batches_by_id(book_id=work.book.id, ids=[p.batch_id for p in payouts], lock=True)
    changed: dict[UUID, Batch] = {}
    steps: list[Batch] = []
    outcomes: list[Batch | Refused] = []
    for payout in payouts:
        batch = changed.get(payout.batch_id, known.get(payout.batch_id))
        outcome = _follow(batch, payout)
        outcomes.append(outcome)
        if isinstance(outcome, Batch) and outcome is not batch:
            changed[outcome.id] = outcome
            steps.append(outcome)
    _change(work, "settlement.mark_payouts", known, steps)
    return outcomes


def mark_reconciled(*, work: UnitOfWork, batch_ids: Sequence[UUID]) -> list[Batch | Refused]:
    """Marks paid batches whose payout was found in the bank's statement. Refused with UNKNOWN_BATCH or NOT_POSSIBLE."""
    known = queries.batches_by_id(book_id=work.book.id, ids=batch_ids, lock=True)
    outcomes = {i: _known_as(known.get(i), "reconciled") or _step(known.get(i), "reconciled") for i in batch_ids}
    news = [o for o in outcomes.values() if isinstance(o, Batch) and o is not known.get(o.id)]
    _change(work, "settlement.mark_reconciled", known, news)
    return [outcomes[i] for i in batch_ids]


def _drafts(work: UnitOfWork, pay_on: date, due: Mapping[UUID, Due], contracts: Mapping[UUID, Contract]) -> list[_Built]:
    """The batches that are to be: each merchant's whose items are more than a balance that was carried and is not paid out by itself."""
    figures = {m: _figures(work, one.sums, contracts.get(m)) for m, one in due.items()}
    wanted = [m for m, one in due.items() if figures[m].payout or any(part.kind != "carried" for part in one.sums)]
    new = work.ids.many(work.now, len(wanted))
    return [_Built(_draft(work, i, m, pay_on, due[m], figures[m]), due[m]) for i, m in zip(new, wanted, strict=True)]


def _figures(work: UnitOfWork, sums: Sequence[Sum], contract: Contract | None) -> Totals:
    """What is less than the contract pays out stays with us for another day; of a merchant without a contract nothing does."""
    return rules.totals(sums, work.book.currency, least=contract.minimum_payout if contract else None)


def _draft(work: UnitOfWork, batch_id: UUID, merchant_id: UUID, pay_on: date, due: Due, figures: Totals) -> Batch:
    state = "held" if figures.payout else "accrued"
    count = sum(one.count for one in due.sums)
    return Batch(batch_id, merchant_id, pay_on, count, figures, state, 1, None, work.now)


def _keep_back(work: UnitOfWork, drafts: Sequence[_Built], contracts: Mapping[UUID, Contract]) -> list[_Built]:
    """Keeps back what contracts say, as an item of the batch, and one that comes later and gives it back; posts both, and what is given back now."""
    built: list[_Built] = []
    items: list[Item] = []
    moves: list[Entry] = []
    for draft in drafts:
        batch, contract = draft.batch, contracts.get(draft.batch.merchant_id)
        kept, released = Money.zero(work.book.currency), batch.totals.released
        if contract and contract.terms.reserve_ppm:
            kept = rules.kept_back(batch.totals, Rate(contract.terms.reserve_ppm))
        if contract and kept:
            item = _of_batch(work, batch, "reserved", -kept, batch.pay_on)
            items += [item, _of_batch(work, batch, "released", kept, batch.pay_on + timedelta(days=contract.terms.reserve_days))]
            sums = (*draft.due.sums, Sum("reserved", None, 1, item.gross, item.fee, item.discount, item.net))
            due = Due(sums, f"{draft.due.item_ids[:-1]},{item.id}}}")
            built.append(_Built(_draft(work, batch.id, batch.merchant_id, batch.pay_on, due, _figures(work, sums, contract)), due))
        else:
            built.append(draft)
        if kept or released:
            moves.append(entries.reserved(batch.id, batch.merchant_id, kept=kept, released=released, funder_id=work.book.id))
    insert_items(work, items)
    _post(work, moves)
    return built


def _post(work: UnitOfWork, moves: Sequence[Entry]) -> None:
    refused = [o for o in ledger.post(work=work, entries=moves) if isinstance(o, Refused)] if moves else []
    assert not refused, f"what is owed can always be made available: {refused[:1]}"


def _make_available(work: UnitOfWork, built: Sequence[_Built]) -> None:
    paying = [b for b in built if b.batch.totals.payout]
    if paying:
        shares = [rules.shares_of_funders(b.due.sums, own_funds=work.book.id) for b in paying]
        moves = [entries.made_available(b.batch.id, b.batch.merchant_id, parts) for b, parts in zip(paying, shares, strict=True)]
        _post(work, moves)


def _with_payouts(work: UnitOfWork, built: Sequence[_Built]) -> list[_Built]:
    """Orders payouts of batches of active merchants; what cannot be paid out stays held."""
    paying = [b.batch for b in built if b.batch.totals.payout]
    active = {m.id for m in merchants.shown(ids=[b.merchant_id for b in paying]).values() if m.state == "active"}
    ready = [batch for batch in paying if batch.merchant_id in active]
    ordered = {batch.id: payout for batch, payout in zip(ready, _order(work, ready), strict=True) if isinstance(payout, Payout)}
    return [
        replace(b, batch=replace(b.batch, state="scheduled", payout_id=ordered[b.batch.id].id)) if b.batch.id in ordered else b
        for b in built
    ]


def _order(work: UnitOfWork, batches: Sequence[Batch]) -> list[Payout | Refused]:
    orders = [PayoutOrder(f"{b.id}:{b.version}", b.merchant_id, b.id, b.totals.payout) for b in batches]
    return payments.order_payouts(work=work, orders=orders)


def _store(work: UnitOfWork, built: Sequence[_Built], pay_on: date) -> None:
    tomorrow = pay_on + timedelta(days=1)
    carried = [_of_batch(work, b.batch, "carried", b.batch.totals.carried, tomorrow) for b in built if b.batch.totals.carried]
    insert_items(work, carried)
    values = [
        (
            *(b.batch.id, work.book.id, b.batch.merchant_id, pay_on, work.book.currency, b.batch.line_count),
            *(getattr(b.batch.totals, name[: -len("_minor")]).minor for name in _BATCH if name.endswith("_minor")),
            *(b.batch.state, b.batch.version, b.batch.payout_id, b.batch.built_at),
        )
        for b in built
    ]
    sql.insert("settlement_batch", _BATCH, values)
    _put_in(work, built)
    _tell(work, "settlement.settle", {}, [b.batch for b in built])


def _put_in(work: UnitOfWork, built: Sequence[_Built]) -> None:
    """Puts what was summed up into the batches, and nothing that was earned since."""
    named, params = sql.unnest(
        {"batch_id": "uuid", "merchant_id": "uuid", "items": "text"}, [(b.batch.id, b.batch.merchant_id, b.due.item_ids) for b in built]
    )
    sql.run(
        "INSERT INTO settlement_batch_line (item_id, book_id, merchant_id, batch_id)"
        f" SELECT item_id, %s, g.merchant_id, g.batch_id FROM {named} AS g CROSS JOIN LATERAL unnest(g.items::uuid[]) AS item_id",
        [work.book.id, *params],
    )


def _of_batch(work: UnitOfWork, batch: Batch, kind: str, net: Money, settles_on: date) -> Item:
    """An item that a batch makes: what is carried, kept back, or given back later."""
    nothing = Money.zero(work.book.currency)
    return Item(
        id=work.ids.new(work.now),
        merchant_id=batch.merchant_id,
        kind=kind,
        order_id=None,
        source_id=batch.id,
        capture_id=None,
        loan_id=None,
        funder_id=None,
        product="",
        gross=net,
        fee=nothing,
        discount=nothing,
        net=net,
        vat=nothing,
        contract_version=0,
        fee_on_refund="",
        earned_on=batch.pay_on,
        settles_on=settles_on,
    )


def _follow(batch: Batch | None, payout: Payout) -> Batch | Refused:
    if batch is not None and batch.payout_id != payout.id:
        return Refused(rules.NOT_POSSIBLE, "the batch has another payout by now", "payout_id")
    if payout.state in ("scheduled", "sent") or (payout.state == "paid" and batch is not None and batch.state == "reconciled"):
        return batch or _unknown()
    return _known_as(batch, payout.state) or _step(batch, payout.state)


def _known_as(batch: Batch | None, state: str) -> Batch | None:
    return batch if batch is not None and batch.state == state else None


def _step(batch: Batch | None, state: str) -> Batch | Refused:
    if batch is None:
        return _unknown()
    if (batch.state, state) not in rules.TRANSITIONS:
        return Refused(rules.NOT_POSSIBLE, f"the batch is {batch.state} and cannot become {state}", "state")
    return replace(batch, state=state, version=batch.version + 1)


def _unknown() -> Refused:
    return Refused(rules.UNKNOWN_BATCH, "there is no such batch in this book", "batch_id")


def _change(work: UnitOfWork, action: str, before: Mapping[UUID, Batch], steps: Sequence[Batch]) -> None:
    """Writes the last state of each batch and tells of every step."""
    columns = {"id": "uuid", "state": "text", "version": "integer", "payout_id": "uuid"}
    last = {batch.id: batch for batch in steps}
    sql.update("settlement_batch", "id", columns, [(b.id, b.state, b.version, b.payout_id) for b in last.values()])
    _tell(work, action, before, steps)


def _tell(work: UnitOfWork, action: str, before: Mapping[UUID, Batch], steps: Sequence[Batch]) -> None:
    seen = dict(before)
    events = []
    for batch in steps:
        snapshot, earlier = _snapshot(batch), seen.get(batch.id)
        changed = outbox.changes(_snapshot(earlier), snapshot) if earlier else None
        events.append(Event(f"settlement_batch.{batch.state}", "settlement_batch", batch.id, batch.version, snapshot, changed))
        seen[batch.id] = batch
    outbox.emit(work=work, events=events)
    audit.record(work=work, action=action, object_kind="settlement_batch", object_ids=[batch.id for batch in steps])


def _snapshot(batch: Batch) -> Mapping[str, Any]:
    return {
        "id": batch.id,
        "merchant_id": batch.merchant_id,
        "pay_on": batch.pay_on,
        "state": batch.state,
        "line_count": batch.line_count,
        "totals": batch.totals,
        "payout_id": batch.payout_id,
    }
