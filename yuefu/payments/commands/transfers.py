"""Transfers between our accounts, and from a funder to our bank. Ordered before the call, done by the gateway's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger.rules import Entry
from yuefu.money.amounts import Money
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands import changes
from yuefu.payments.commands.accounts import accounts_of, missing
from yuefu.payments.rules import MoneyAccount, Transfer, TransferResult
from yuefu.runtime import audit, keys, sql
from yuefu.runtime.values import UnitOfWork

_SEQ: Final = {("ordered", "done"): 1, ("ordered", "failed"): 1}


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """`kind` withdrawal (channel → bank), funding (funder → bank, names the funder), safeguarding (own → client money) or release (back).
    The kind says between which accounts of the book.
    """

    key: str
    kind: str
    amount: Money
    funder_id: UUID | None = None


def order_transfers(*, work: UnitOfWork, orders: Sequence[TransferOrder]) -> list[Transfer | Refused]:
    """Stores transfers with the reference the gateway will know them by. Refused with FUNDER_MISSING, AMOUNT_NOT_POSITIVE,
    CURRENCY_DIFFERS or NO_MONEY_ACCOUNT. Posts nothing."""
    new = work.ids.many(work.now, len(orders))

    def decide(fresh: list[int]) -> Mapping[int, Transfer | Refused]:
        outcomes: dict[int, Transfer | Refused] = {}
        accounts = accounts_of(work) if fresh else {}
        for i in fresh:
            o = orders[i]
            refused = rules.transfer_refusal(o.kind, o.amount, o.funder_id, work.book.currency)
            outcomes[i] = refused or _ordered(work, new[i], o, accounts)
        _insert(work, [o for o in outcomes.values() if isinstance(o, Transfer)])
        return outcomes

    def recall(known: Sequence[UUID]) -> Mapping[UUID, Transfer]:
        return queries.transfers(book_id=work.book.id, ids=known)

    return keys.answer(work=work, scope="payments.transfer", requests=orders, object_ids=new, decide=decide, recall=recall)


def settle_transfers(*, work: UnitOfWork, results: Sequence[TransferResult]) -> list[Transfer | Refused]:
    """Books what the gateway says. Refused with UNKNOWN_REFERENCE, AMOUNT_DIFFERS, CONTRADICTS, or as the ledger refuses."""
    known = queries.transfers_by_reference(book_id=work.book.id, references=[r.reference for r in results], lock=True)
    decided = changes.decide(results, known, lambda r: r.reference, rules.transferred, _entries)
    changes.post(work, decided)
    settled = list(decided.changed.values())
    sql.update(
        "payments_transfer",
        "id",
        {"id": "uuid", "state": "text", "provider_id": "text", "failure_code": "text", "moved_on": "date"},
        [(t.id, t.state, t.provider_id, t.failure_code, t.moved_on) for t in settled],
    )
    changes.tell(
        work, action="payments.settle_transfers", kind="transfer", things=settled, before=decided.before, seq=_SEQ, snapshot=_snapshot
    )
    return decided.outcomes


def _ordered(work: UnitOfWork, new_id: UUID, order: TransferOrder, accounts: Mapping[str, MoneyAccount]) -> Transfer | Refused:
    origin, target = rules.TRANSFER_ENDS[order.kind]
    lacking = next((code for code in (origin, target) if code and code not in accounts), None)
    if lacking:
        return missing(lacking)
    return Transfer(
        id=new_id,
        reference=ids.text("transfer", new_id),
        kind=order.kind,
        from_account_id=accounts[origin].id if origin else None,
        to_account_id=accounts[target].id,
        amount=order.amount,
        funder_id=order.funder_id,
        provider_id="",
        state="ordered",
        failure_code="",
        ordered_at=work.now,
        moved_on=None,
    )


def _entries(before: Transfer, after: Transfer) -> list[Entry]:
    return [entries.transfer_done(after)] if after.state == "done" and before.state != "done" else []


def _insert(work: UnitOfWork, ordered: Sequence[Transfer]) -> None:
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "reference": "text",
        "kind": "text",
        "from_account_id": "uuid",
        "to_account_id": "uuid",
        "amount_minor": "bigint",
        "currency": "text",
        "funder_id": "uuid",
        "provider_id": "text",
        "state": "text",
        "failure_code": "text",
        "ordered_at": "timestamptz",
    }
    values = [
        (
            *(t.id, work.book.id, t.reference, t.kind, t.from_account_id, t.to_account_id, t.amount.minor, t.amount.currency),
            *(t.funder_id, "", t.state, "", t.ordered_at),
        )
        for t in ordered
    ]
    sql.insert("payments_transfer", columns, values)
    audit.record(work=work, action="payments.order_transfers", object_kind="transfer", object_ids=[t.id for t in ordered])


def _snapshot(transfer: Transfer) -> Mapping[str, Any]:
    return {
        "kind": transfer.kind,
        "amount": transfer.amount,
        "state": transfer.state,
        "funder_id": transfer.funder_id,
        "moved_on": transfer.moved_on,
    }
