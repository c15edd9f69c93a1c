"""Batches: on a pay day one per merchant, its payout ordered in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.rules import Entry
from yuefu.merchants import queries as merchants
from yuefu.merchants.rules import Contract
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments.rules import Payout
from yuefu.runtime import locks, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries, rules
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.commands.following import order, tell
from yuefu.settlement.commands.freezing import end_passed, own_item, parts_of, post, store_parts
from yuefu.settlement.queries import Batch, Due
from yuefu.settlement.rules import Item, Part, Sum, Totals

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
    "adjusted_minor": "bigint",
    "net_minor": "bigint",
    "payout_minor": "bigint",
    "carried_minor": "bigint",
    "state": "text",
    "version": "integer",
    "payout_id": "uuid",
    "built_at": "timestamptz",
    "reason": "text",
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
    force pays out, pays nothing and is carried to the next batch; for the carried balance alone one is built only where it pays. Freezes keep what they
    lack of what would be paid; those whose day has come end before.
    """
    locks.wait(locks.SETTLEMENT, work.book.id)
    end_passed(work=work)
    asked = queries.due_merchants(book_id=work.book.id, on=pay_on, after=after, limit=limit)
    served = queries.served(book_id=work.book.id, pay_on=pay_on, merchant_ids=asked)
    unserved = [merchant_id for merchant_id in asked if merchant_id not in served]
    due = queries.due(book_id=work.book.id, on=pay_on, merchant_ids=unserved, currency=work.book.currency)
    contracts = merchants.contracts_in_force(merchant_ids=unserved, on=pay_on)
    wanted = _drafts(work, pay_on, due, contracts)
    if wanted:
        built, frozen = _freeze(work, _keep_back(work, wanted, contracts), contracts)
        _make_available(work, built)
        _store(work, _with_payouts(work, built), pay_on)
        store_parts(work=work, parts=frozen)
    return asked[-1] if len(asked) == limit else None


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
    """Keeps back what contracts say, as an item of the batch, and one that comes later and gives it back; posts both, and what is given back or thawed
    now."""
    built: list[_Built] = []
    items: list[Item] = []
    moves: list[Entry] = []
    for draft in drafts:
        batch, contract = draft.batch, contracts.get(draft.batch.merchant_id)
        kept = Money.zero(work.book.currency)
        released, thawed = (sum((part.net for part in draft.due.sums if part.kind == kind), kept) for kind in ("released", "thawed"))
        if contract and contract.terms.reserve_ppm:
            kept = rules.kept_back(batch.totals, Rate(contract.terms.reserve_ppm), by_period=draft.due.by_period)
        if contract and kept:
            item = _of_batch(work, batch, "reserved", -kept, batch.pay_on)
            items += [item, _of_batch(work, batch, "released", kept, batch.pay_on + timedelta(days=contract.terms.reserve_days))]
            built.append(_with_item(work, draft, item, contract))
        else:
            built.append(draft)
        if thawed:
            moves.append(entries.thawed(batch.id, batch.merchant_id, thawed, funder_id=work.book.id))
        if kept or released:
            moves.append(entries.reserved(batch.id, batch.merchant_id, kept=kept, released=released, funder_id=work.book.id))
    insert_items(work, items)
    post(work, moves)
    return built


def _with_item(work: UnitOfWork, draft: _Built, item: Item, contract: Contract | None) -> _Built:
    """A draft with one more item in it, and the figures that follow."""
    sums = (*draft.due.sums, Sum(item.kind, None, 1, item.gross, item.fee, item.discount, item.net))
    due = Due(sums, f"{draft.due.item_ids[:-1]},{item.id}}}", draft.due.by_period)
    return _Built(_draft(work, draft.batch.id, draft.batch.merchant_id, draft.batch.pay_on, due, _figures(work, sums, contract)), due)


def _freeze(work: UnitOfWork, drafts: Sequence[_Built], contracts: Mapping[UUID, Contract]) -> tuple[list[_Built], list[Part]]:
    """Freezes keep what they lack of what would be paid, as an item of the batch; what each of them keeps is written once the batches are."""
    parts = parts_of(work=work, owed=[(b.batch.id, b.batch.merchant_id, b.batch.totals.payout) for b in drafts if b.batch.totals.payout])
    if not parts:
        return list(drafts), []
    kept: dict[UUID, Money] = {}
    for part in parts:
        kept[part.batch_id] = kept.get(part.batch_id, Money.zero(work.book.currency)) + part.amount
    items = {b.batch.id: _of_batch(work, b.batch, "frozen", -kept[b.batch.id], b.batch.pay_on) for b in drafts if b.batch.id in kept}
    insert_items(work, list(items.values()))
    merchant_of = {item.source_id: item.merchant_id for item in items.values()}
    post(work, [entries.frozen(i, merchant_of[i], amount, funder_id=work.book.id) for i, amount in kept.items()])
    built = [_with_item(work, b, items[b.batch.id], contracts.get(b.batch.merchant_id)) if b.batch.id in items else b for b in drafts]
    return [
        replace(b, batch=replace(b.batch, state="held", reason=rules.FROZEN)) if b.batch.id in items and not b.batch.totals.payout else b
        for b in built
    ], parts


def _make_available(work: UnitOfWork, built: Sequence[_Built]) -> None:
    paying = [b for b in built if b.batch.totals.payout]
    if paying:
        shares = [rules.shares_of_funders(b.due.sums, own_funds=work.book.id) for b in paying]
        moves = [entries.made_available(b.batch.id, b.batch.merchant_id, parts) for b, parts in zip(paying, shares, strict=True)]
        post(work, moves)


def _with_payouts(work: UnitOfWork, built: Sequence[_Built]) -> list[_Built]:
    """Orders payouts of batches of active merchants whose account is good; what cannot be paid out stays held, and says why."""
    paying = [b.batch for b in built if b.batch.totals.payout]
    active = {m.id for m in merchants.shown(ids=[b.merchant_id for b in paying]).values() if m.state == "active"}
    flagged = set(merchants.flagged(book_id=work.book.id)) if paying else set()
    why = {
        b.id: rules.NOT_ACTIVE if b.merchant_id not in active else rules.ACCOUNT_FLAGGED if b.merchant_id in flagged else "" for b in paying
    }
    ready = [batch for batch in paying if not why[batch.id]]
    ordered = dict(zip((batch.id for batch in ready), order(work, ready), strict=True))
    return [replace(b, batch=_paid_by(b.batch, ordered.get(b.batch.id), why)) if b.batch.id in why else b for b in built]


def _paid_by(batch: Batch, ordered: Payout | Refused | None, why: Mapping[UUID, str]) -> Batch:
    if isinstance(ordered, Payout):
        return replace(batch, state="scheduled", payout_id=ordered.id)
    return replace(batch, reason=ordered.code if ordered else why[batch.id])


def _store(work: UnitOfWork, built: Sequence[_Built], pay_on: date) -> None:
    tomorrow = pay_on + timedelta(days=1)
    carried = [_of_batch(work, b.batch, "carried", b.batch.totals.carried, tomorrow) for b in built if b.batch.totals.carried]
    insert_items(work, carried)
    values = [
        (
            *(b.batch.id, work.book.id, b.batch.merchant_id, pay_on, work.book.currency, b.batch.line_count),
            *(getattr(b.batch.totals, name[: -len("_minor")]).minor for name in _BATCH if name.endswith("_minor")),
            *(b.batch.state, b.batch.version, b.batch.payout_id, b.batch.built_at, b.batch.reason),
        )
        for b in built
    ]
    sql.insert("settlement_batch", _BATCH, values)
    _put_in(work, built)
    tell(work, "settlement.settle", {}, [b.batch for b in built])


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
    return own_item(work, batch.id, batch.merchant_id, kind, net, batch.pay_on, settles_on)
