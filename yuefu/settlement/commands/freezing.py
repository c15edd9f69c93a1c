"""What freezes keep of batches, and let go when they end. What is frozen has an account of its own in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry
from yuefu.money.amounts import Money
from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries, rules
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.queries import Batch
from yuefu.settlement.rules import Freeze, Item, Part


def end_passed(*, work: UnitOfWork) -> None:
    """Ends the freezes whose day has come; whoever builds batches does so first."""
    end(work=work, ended=queries.freezes_passed(book_id=work.book.id, on=work.day.on), approval_id=None)


def keep_of(*, work: UnitOfWork, batches: Sequence[Batch]) -> list[Batch]:
    """Freezes keep what they lack of batches that are locked, held or returned, the oldest first. Returns the batches as they are then."""
    owed = [(batch.id, batch.merchant_id, batch.pays) for batch in batches if batch.pays]
    parts = parts_of(work=work, owed=owed)
    if not parts:
        return list(batches)
    new = store_parts(work=work, parts=parts)
    posted = [
        entries.withheld(part_id, part.merchant_id, part.amount, funder_id=work.book.id) for part_id, part in zip(new, parts, strict=True)
    ]
    post(work, posted)
    taken: dict[UUID, Money] = {}
    for part in parts:
        taken[part.batch_id] = taken.get(part.batch_id, Money.zero(work.book.currency)) + part.amount
    after = [replace(b, withheld=(b.withheld or Money.zero(work.book.currency)) + taken[b.id]) if b.id in taken else b for b in batches]
    columns = {"id": "uuid", "withheld_minor": "bigint"}
    sql.update("settlement_batch", "id", columns, [(b.id, b.withheld.minor) for b in after if b.id in taken and b.withheld])
    return after


def parts_of(*, work: UnitOfWork, owed: Sequence[tuple[UUID, UUID, Money]]) -> list[Part]:
    """What freezes in force lack of batches (batch, merchant, what it would pay). The freezes are locked."""
    found = queries.freezes_in_force(book_id=work.book.id, merchant_ids=sorted({one[1] for one in owed}), on=work.day.on) if owed else []
    return rules.withheld(found, owed) if found else []


def store_parts(*, work: UnitOfWork, parts: Sequence[Part]) -> list[UUID]:
    """Writes what freezes keep of batches that are there; the table adds it up."""
    new = work.ids.many(work.now, len(parts))
    rows = [(i, part.merchant_id, part.freeze_id, part.batch_id, part.amount.minor) for i, part in zip(new, parts, strict=True)]
    columns = {"id": "uuid", "merchant_id": "uuid", "freeze_id": "uuid", "batch_id": "uuid", "amount_minor": "bigint"}
    same: sql.Same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    sql.insert("settlement_freeze_part", columns, rows, same=same)
    return new


def end(*, work: UnitOfWork, ended: Sequence[Freeze], approval_id: UUID | None) -> None:
    """What they kept is owed again, as an item that waits for the next batch; until then it stays where frozen money is."""
    if not ended:
        return
    kept = [freeze for freeze in ended if freeze.kept]
    insert_items(work, [own_item(work, freeze.id, freeze.merchant_id, "thawed", freeze.kept, work.day.on, work.day.on) for freeze in kept])
    sql.run(
        "UPDATE settlement_freeze SET state = 'ended', ended_on = %s, ended_by_id = %s WHERE id = ANY(%s)",
        [work.day.on, approval_id, [freeze.id for freeze in ended]],
    )
    outbox.emit(work=work, events=[told(replace(freeze, state="ended", ended_on=work.day.on)) for freeze in ended])
    audit.record(work=work, action="settlement.end_freeze", object_kind="freeze", object_ids=[freeze.id for freeze in ended])


def told(freeze: Freeze) -> Event:
    """The event of a freeze that began or ended."""
    now = {
        "id": freeze.id,
        "merchant_id": freeze.merchant_id,
        "asked": freeze.asked,
        "kept": freeze.kept,
        "until": freeze.until,
        "state": freeze.state,
        "reason": freeze.reason,
    }
    ended = freeze.state == "ended"
    return Event(f"freeze.{freeze.state}", "freeze", freeze.id, 2 if ended else 1, now, {"state": "open"} if ended else None)


def post(work: UnitOfWork, moves: Sequence[Entry]) -> None:
    """Posts what cannot be refused."""
    refused = [o for o in ledger.post(work=work, entries=moves) if isinstance(o, Refused)] if moves else []
    assert not refused, f"what is owed can always be moved: {refused[:1]}"


def own_item(work: UnitOfWork, source_id: UUID, merchant_id: UUID, kind: str, net: Money, earned_on: date, settles_on: date) -> Item:
    """An item that settlement makes itself, of a batch or a freeze: what is carried, kept back, frozen, or given back later."""
    nothing = Money.zero(work.book.currency)
    return Item(
        id=work.ids.new(work.now),
        merchant_id=merchant_id,
        kind=kind,
        order_id=None,
        source_id=source_id,
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
        earned_on=earned_on,
        settles_on=settles_on,
    )
