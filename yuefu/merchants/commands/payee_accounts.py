"""Accounts that agents, hosts and funders are paid to: the first of an agent or host comes with it, another one, and any of a funder, takes two people.
Each version stays, so that it can be told for ever where a share went.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.merchants import rules
from yuefu.merchants.queries import payee_accounts as queries
from yuefu.merchants.queries import payees as payee_book
from yuefu.merchants.rules import payees
from yuefu.merchants.rules.holders import bank_code_fault
from yuefu.runtime import approvals, audit, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault, mask

CHANGE_PAYEE_ACCOUNT: Final = "payee.change_account"
"""The action of the approval that another account needs; its object is the agent, host or funder."""
CHANGED_SINCE: Final = "changed_since"  # it got another account since this one was asked for

SEALED_IN: Final = "merchants_payee"
_COLUMNS: Final = (
    "id, book_id, party, payee_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked, valid_from, approval_id,"
    " recorded_by, recorded_at"
)


@dataclass(frozen=True, slots=True)
class PayeeAccountChange:
    """Where somebody shall be paid to; of the number nothing appears in a text of this value. `reason` is for the second person."""

    party: str
    payee_id: UUID
    number: str = field(repr=False)
    kind: str
    holder: str
    bank_code: str
    reason: str


def insert_first(work: UnitOfWork, payee_ids: Sequence[UUID]) -> None:
    """The first version of the accounts of new agents and hosts, in their Chinese names; what is sealed of it stands beside them already."""
    if not payee_ids:
        return
    rows = list(zip(work.ids.many(work.now, len(payee_ids)), payee_ids, strict=True))
    named, params = sql.unnest({"id": "uuid", "payee_id": "uuid"}, rows)
    sql.run(
        f"INSERT INTO merchants_payee_account ({_COLUMNS}) SELECT g.id, p.book_id, p.kind, p.id, 1, p.account_kind, p.name_zh, '', p.account_sealed,"
        f" p.account_index, p.account_masked, %s, NULL, %s, %s FROM {named} AS g JOIN merchants_payee AS p ON p.id = g.payee_id",
        [work.day.on, work.by.label, work.now, *params],
    )


def propose_payee_account(*, work: UnitOfWork, vault: Vault, change: PayeeAccountChange) -> UUID | Refused:
    """Asks for another account of an agent or host, or for one of a funder; nothing changes until a second person decides with
    `decide_payee_account`. Returns the approval.

    Refused with UNKNOWN_PAYEE, PAYEE_ACCOUNT_INVALID, HOLDER_DIFFERS, BANK_CODE_INVALID, ACCOUNT_INVALID, or ACCOUNT_OF_MERCHANT.
    """
    payee = payee_book.by_id(ids=[change.payee_id]).get(change.payee_id)
    if (payee is not None) if change.party == "funder" else (payee is None or payee.kind != change.party):
        return Refused(payees.UNKNOWN_PAYEE, f"there is no such {change.party} in this book", "payee")
    holder = payees.holder_of(change.holder, payee)
    index = vault.index(change.number, purpose="settlement_account")
    bank = bank_code_fault(change.bank_code)
    fault = (
        payees.account_fault(payee.form if payee else "company", change.kind)
        or rules.account_number_fault(change.number, field="account")
        or (holder if isinstance(holder, Refused) else None)
        or (replace(bank, field="bank_code") if bank else None)
        or _of_merchant(work, index)
    )
    if fault:
        return fault
    before = queries.in_force(book_id=work.book.id, payee_ids=[change.payee_id]).get(change.payee_id)
    content = {
        "version": before.version + 1 if before else 1,
        "kind": change.kind,
        "holder": holder,
        "bank_code": change.bank_code,
        "masked": mask(change.number, head=0, tail=4),
        "index": index.hex(),
        "sealed": b64encode(vault.seal(change.number, table=SEALED_IN, column="account", row=change.payee_id)).decode(),
    }
    return approvals.request(
        work=work, action=CHANGE_PAYEE_ACCOUNT, object_kind=change.party, object_id=change.payee_id, content=content, reason=change.reason
    )


def _of_merchant(work: UnitOfWork, index: bytes) -> Refused | None:
    if not queries.is_of_a_merchant(book_id=work.book.id, index=index):
        return None
    return Refused(payees.ACCOUNT_OF_MERCHANT, "this is the account of a merchant", "account")


def decide_payee_account(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves another account, which is paid to from the next payout on that is sent, or rejects it. Returns the version of the account; None after a
    rejection.

    Refused as `approvals.decide`. Raises RefusedError with CHANGED_SINCE where it got another account meanwhile, or ACCOUNT_OF_MERCHANT where that
    became a merchant's: the transaction rolls back and the request goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=CHANGE_PAYEE_ACCOUNT)
    if isinstance(decided, Refused):
        return decided
    assert decided.object_id is not None, "an account is somebody's"
    return _change(work, decided.object_kind, decided.object_id, decided.content, approval_id) if approve else None


def _change(work: UnitOfWork, party: str, payee_id: UUID, content: Mapping[str, Any], approval_id: UUID) -> UUID:
    locks.wait(locks.PAYEES, work.book.id)
    before = queries.in_force(book_id=work.book.id, payee_ids=[payee_id]).get(payee_id)
    if content["version"] != (before.version + 1 if before else 1):
        raise RefusedError(Refused(CHANGED_SINCE, "it got another account since: reject this and ask anew", "approval_id"))
    sealed, index = b64decode(content["sealed"]), bytes.fromhex(content["index"])
    if fault := _of_merchant(work, index):
        raise RefusedError(fault)
    account_id = work.ids.new(work.now)
    sql.run(
        f"INSERT INTO merchants_payee_account ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(account_id, work.book.id, party, payee_id, content["version"], content["kind"], content["holder"], content["bank_code"]),
            *(sealed, index, content["masked"], work.day.on, approval_id, work.by.label, work.now),
        ],
    )
    revision = sql.rows(
        "UPDATE merchants_payee SET revision = revision + 1 WHERE book_id = %s AND id = %s RETURNING revision", [work.book.id, payee_id]
    )
    if revision:  # a funder has no row, and no events of its own
        now = {"id": payee_id, "account_id": account_id, "account_masked": content["masked"]}
        earlier = {"account_id": before.id, "account_masked": before.masked} if before else None
        outbox.emit(work=work, events=[Event("payee.account_changed", "payee", payee_id, revision[0][0], now, changed=earlier)])
    detail = {"account": account_id, "approval": approval_id}
    audit.record(work=work, action="merchants.change_payee_account", object_kind=party, object_ids=[payee_id], detail=detail)
    return account_id


def flag_payee_accounts(*, work: UnitOfWork, faults: Mapping[UUID, str]) -> None:
    """Marks accounts, by id, that a bank sent money back from, with its reason: nothing is paid to them until there is another version. The first
    reason stays."""
    if not faults:
        return
    named, params = sql.unnest({"id": "uuid", "fault": "text"}, sorted(faults.items()))
    sql.run(
        f"UPDATE merchants_payee_account AS a SET flagged_on = %s, fault = g.fault FROM {named} AS g WHERE a.id = g.id AND a.flagged_on IS NULL",
        [work.day.on, *params],
    )
    audit.record(work=work, action="merchants.flag_payee_accounts", object_kind="payee_account", object_ids=sorted(faults))
