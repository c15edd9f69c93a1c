"""Accounts that the money of merchants goes to: the first with the merchant, another one by two people. Each version stays, so that it can be told for
ever where a payout went.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.merchants import queries, rules
from yuefu.merchants.queries import TABLE
from yuefu.merchants.rules import holders
from yuefu.runtime import approvals, audit, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault, mask

CHANGE_ACCOUNT: Final = "merchant.change_account"
"""The action of the approval that another account needs. Its content has the number sealed to the merchant, and masked to be read."""

UNKNOWN_MERCHANT: Final = "unknown_merchant"
MERCHANT_CLOSED: Final = "merchant_closed"
CHANGED_SINCE: Final = "changed_since"  # the merchant got another account since this one was asked for


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The account that a merchant shall be paid to; of its number nothing appears in a text of this value. `reason` is for the second person."""

    merchant_id: UUID
    number: str = field(repr=False)
    kind: str
    holder: str
    bank_code: str
    reason: str


def insert_first(work: UnitOfWork, new: Sequence[tuple[UUID, str, str]]) -> None:
    """The first version of the accounts of new merchants, with holder and bank; what is sealed of it stands beside the merchant already."""
    if not new:
        return
    rows = [(account_id, *one) for account_id, one in zip(work.ids.many(work.now, len(new)), new, strict=True)]
    named, params = sql.unnest({"id": "uuid", "merchant_id": "uuid", "holder": "text", "bank_code": "text"}, rows)
    sql.run(
        "INSERT INTO merchants_account (id, book_id, merchant_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked,"
        " valid_from, recorded_by, recorded_at) SELECT g.id, m.book_id, m.id, 1, m.settlement_account_kind, g.holder, g.bank_code,"
        " m.settlement_account_sealed, m.settlement_account_index, m.settlement_account_masked, %s, %s, %s"
        f" FROM {named} AS g JOIN merchants_merchant AS m ON m.id = g.merchant_id",
        [work.day.on, work.by.label, work.now, *params],
    )


def propose_account(*, work: UnitOfWork, vault: Vault, change: AccountChange) -> UUID | Refused:
    """Asks for another account of a merchant; nothing changes until a second person decides with `decide_account`. Returns the approval.

    Refused with UNKNOWN_MERCHANT, MERCHANT_CLOSED, or as `rules` and `rules.holders` say: a personal account, or one in another name, is never asked for.
    """
    merchant = queries.shown(ids=[change.merchant_id]).get(change.merchant_id)
    if merchant is None:
        return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    if merchant.state == "closed":
        return Refused(MERCHANT_CLOSED, "a closed merchant gets no other account", "merchant_id")
    fault = rules.account_fault(change.number, change.kind) or holders.fault(
        change.holder, change.bank_code, name_zh=merchant.name_zh, name_en=merchant.name_en
    )
    if fault:
        return fault
    sealed = vault.seal(change.number, table=TABLE, column="settlement_account", row=merchant.id)
    content = {
        "version": queries.accounts_in_force(merchant_ids=[merchant.id])[merchant.id].version + 1,
        "kind": change.kind,
        "holder": holders.holder_form(change.holder, name_zh=merchant.name_zh, name_en=merchant.name_en),
        "bank_code": change.bank_code,
        "masked": mask(change.number, head=0, tail=4),
        "index": vault.index(change.number, purpose="settlement_account").hex(),
        "sealed": b64encode(sealed).decode(),
    }
    return approvals.request(
        work=work, action=CHANGE_ACCOUNT, object_kind="merchant", object_id=merchant.id, content=content, reason=change.reason
    )


def decide_account(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves another account, which is paid to from the next payout on that is sent, or rejects it. Returns the version of the account; None after a
    rejection.

    Refused as `approvals.decide`. Raises RefusedError where the merchant was closed or got another account meanwhile (CHANGED_SINCE): the
    transaction rolls back and the request goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=CHANGE_ACCOUNT)
    if isinstance(decided, Refused):
        return decided
    assert decided.object_id is not None, "an account is somebody's"
    return _change(work, decided.object_id, decided.content, approval_id) if approve else None


def _change(work: UnitOfWork, merchant_id: UUID, content: Mapping[str, Any], approval_id: UUID) -> UUID:
    found = sql.rows(
        "SELECT state, revision FROM merchants_merchant WHERE book_id = %s AND id = %s FOR NO KEY UPDATE", [work.book.id, merchant_id]
    )
    if not found or found[0][0] == "closed":
        raise RefusedError(Refused(MERCHANT_CLOSED, "a closed merchant gets no other account", "merchant_id"))
    before = queries.accounts_in_force(merchant_ids=[merchant_id])[merchant_id]
    if content["version"] != before.version + 1:
        raise RefusedError(Refused(CHANGED_SINCE, "the merchant got another account since: reject this and ask anew", "approval_id"))
    account_id = work.ids.new(work.now)
    sealed, index = b64decode(content["sealed"]), bytes.fromhex(content["index"])
    sql.run(
        "INSERT INTO merchants_account (id, book_id, merchant_id, version, kind, holder, bank_code, number_sealed, number_index, number_masked,"
        " valid_from, approval_id, recorded_by, recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(
                account_id,
                work.book.id,
                merchant_id,
                content["version"],
                content["kind"],
                content["holder"],
                content["bank_code"],
                sealed,
                index,
            ),
            *(content["masked"], work.day.on, approval_id, work.by.label, work.now),
        ],
    )
    sql.run(
        "UPDATE merchants_merchant SET settlement_account_sealed = %s, settlement_account_index = %s, settlement_account_masked = %s, revision = %s"
        " WHERE id = %s",
        [sealed, index, content["masked"], found[0][1] + 1, merchant_id],
    )
    now = {"id": merchant_id, "settlement_account_id": account_id, "settlement_account_masked": content["masked"]}
    earlier = {"settlement_account_id": before.id, "settlement_account_masked": before.masked}
    event = Event("merchant.account_changed", "merchant", merchant_id, found[0][1] + 1, now, changed=earlier)
    outbox.emit(work=work, events=[event])
    audit.record(
        work=work,
        action="merchants.change_account",
        object_kind="merchant",
        object_ids=[merchant_id],
        detail={"account": account_id, "approval": approval_id},
    )
    return account_id


def flag_accounts(*, work: UnitOfWork, faults: Mapping[UUID, str]) -> None:
    """Marks accounts, by id, that a bank sent money back from, with its reason: nothing is paid to them until the merchant has another version. The
    first reason stays."""
    if not faults:
        return
    named, params = sql.unnest({"id": "uuid", "fault": "text"}, sorted(faults.items()))
    sql.run(
        f"UPDATE merchants_account AS a SET flagged_on = %s, fault = g.fault FROM {named} AS g WHERE a.id = g.id AND a.flagged_on IS NULL",
        [work.day.on, *params],
    )
    audit.record(work=work, action="merchants.flag_accounts", object_kind="merchant_account", object_ids=sorted(faults))
