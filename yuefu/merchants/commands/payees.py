"""Writes of agents and hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants import rules
from yuefu.merchants.commands.payee_accounts import insert_first
from yuefu.merchants.commands.sharing import bands_of
from yuefu.merchants.queries import payees as queries
from yuefu.merchants.rules import payees
from yuefu.merchants.rules.payees import Payee
from yuefu.runtime import audit, keys, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault, mask

CODE_TAKEN: Final = "code_taken"

_TABLE: Final = "merchants_payee"
_COLUMNS: Final = {
    "id": "uuid", "book_id": "uuid", "code": "text", "kind": "text", "form": "text", "name_zh": "text", "name_en": "text",
    "identity_sealed": "bytea", "identity_index": "bytea", "parent_id": "uuid", "account_kind": "text", "account_sealed": "bytea",
    "account_index": "bytea", "account_masked": "text", "state": "text", "created_at": "timestamptz", "revision": "integer",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewPayee:
    """`identity` is the credit code of a company or the identity number of a person; neither it nor the account appears in a text of this value.

    `parent` is the code of the agent above an agent, or "".
    """

    key: str
    code: str
    kind: str
    form: str
    name_zh: str
    name_en: str
    identity: str = field(repr=False)
    account: str = field(repr=False)
    account_kind: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """What the key remembers: identity and account only as keyed hashes."""

    key: str
    code: str
    kind: str
    form: str
    name_zh: str
    name_en: str
    identity: bytes
    account: bytes
    account_kind: str
    parent: str


def register(*, work: UnitOfWork, vault: Vault, new: Sequence[NewPayee]) -> list[UUID | Refused]:
    """Makes agents and hosts, in order: an agent may stand below one before it. Returns their ids.

    Refused with the codes of `rules.payees`, those of names and accounts of `rules`, or CODE_TAKEN.
    """
    ids = work.ids.many(work.now, len(new))
    contents = [
        _Content(
            *(one.key, one.code, one.kind, one.form, one.name_zh, one.name_en, vault.index(one.identity, purpose="key.payee_identity")),
            *(vault.index(one.account, purpose="key.payee_account"), one.account_kind, one.parent),
        )
        for one in new
    ]
    return keys.answer(
        work=work,
        scope="merchants.register_payee",
        requests=contents,
        object_ids=ids,
        decide=lambda fresh: _register(work, vault, {i: (ids[i], new[i]) for i in fresh}),
        recall=lambda known: {payee_id: payee_id for payee_id in known},
    )


def _register(work: UnitOfWork, vault: Vault, given: Mapping[int, tuple[UUID, NewPayee]]) -> dict[int, UUID | Refused]:
    locks.wait(locks.PAYEES, work.book.id)  # Each is held against all others.
    known = queries.by_code(book_id=work.book.id)
    depth = bands_of(work.book, work.day.on).agent_depth
    outcomes: dict[int, UUID | Refused] = {}
    made: list[tuple[UUID, NewPayee, UUID | None]] = []
    for i, (payee_id, new) in given.items():
        fault = _fault(new) or _place_fault(new, known, depth)
        outcomes[i] = fault or payee_id
        if fault is None:
            parent_id = known[new.parent].id if new.parent else None
            known[new.code] = Payee(payee_id, new.code, new.kind, new.form, new.name_zh, new.name_en, parent_id, "active", "")
            made.append((payee_id, new, parent_id))
    sql.insert(_TABLE, _COLUMNS, [_row(work, vault, *one) for one in made])
    insert_first(work, [payee_id for payee_id, _, _ in made])
    snapshots = [(payee_id, {"id": payee_id, "kind": new.kind, "state": "active"}) for payee_id, new, _ in made]
    outbox.emit(work=work, events=[Event("payee.registered", "payee", payee_id, 1, snapshot) for payee_id, snapshot in snapshots])
    audit.record(work=work, action="merchants.register_payee", object_kind="payee", object_ids=[payee_id for payee_id, _, _ in made])
    return outcomes


def _fault(new: NewPayee) -> Refused | None:
    identity = rules.uscc_form(new.identity) if new.form == "company" else payees.identity_form(new.identity)
    return (
        rules.code_fault(new.code)
        or payees.kind_fault(new.kind, new.form)
        or rules.name_fault(new.name_zh, field="name_zh")
        or rules.name_fault(new.name_en, field="name_en")
        or (None if identity else Refused(payees.IDENTITY_INVALID, "form, date or check digit of the number is wrong", "identity"))
        or payees.account_fault(new.form, new.account_kind)
        or rules.account_number_fault(new.account, field="account")
    )


def _place_fault(new: NewPayee, known: Mapping[str, Payee], depth: int) -> Refused | None:
    if new.code in known:
        return Refused(CODE_TAKEN, f"{new.code} is another payee of this book", "code")
    if not new.parent:
        return None
    parent = known.get(new.parent)
    if new.kind != "agent" or parent is None or (parent.kind, parent.state) != ("agent", "active"):
        return Refused(payees.PARENT_INVALID, "an agent stands below another agent that is active; a host below nobody", "parent")
    by_id = {one.id: one for one in known.values()}
    levels = 2
    while parent.parent_id:
        parent, levels = by_id[parent.parent_id], levels + 1
    return None if levels <= depth else Refused(payees.TOO_DEEP, f"agents stand {depth} deep at most", "parent")


def _row(work: UnitOfWork, vault: Vault, row: UUID, new: NewPayee, parent_id: UUID | None) -> tuple[object, ...]:
    return (
        *(row, work.book.id, new.code, new.kind, new.form, new.name_zh, new.name_en),
        vault.seal(new.identity, table=_TABLE, column="identity", row=row),
        vault.index(new.identity, purpose="payee_identity"),
        *(parent_id, new.account_kind),
        vault.seal(new.account, table=_TABLE, column="account", row=row),
        vault.index(new.account, purpose="settlement_account"),
        *(mask(new.account, head=0, tail=4), "active", work.now, 1),
    )


def end(*, work: UnitOfWork, payee_ids: Sequence[UUID], reason: str) -> list[UUID | Refused]:
    """Ends agents and hosts: nothing that is sold from now on is shared with them; what they have, they keep. Refused with UNKNOWN_PAYEE or
    PAYEE_ENDED."""
    found, revisions = dict[UUID, str](), dict[UUID, int]()
    for payee_id, state, revision in sql.rows(
        "SELECT id, state, revision FROM merchants_payee WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [work.book.id, sorted(set(payee_ids))],
    ):
        found[payee_id], revisions[payee_id] = state, revision + 1
    outcomes: list[UUID | Refused] = []
    for payee_id in payee_ids:
        if payee_id not in found:
            outcomes.append(Refused(payees.UNKNOWN_PAYEE, "there is no such payee in this book", "payee_id"))
        elif found[payee_id] == "ended":
            outcomes.append(Refused(payees.PAYEE_ENDED, "it has ended", "payee_id"))
        else:
            found[payee_id] = "ended"
            outcomes.append(payee_id)
    ended = [one for one in outcomes if isinstance(one, UUID)]
    sql.update(_TABLE, "id", {"id": "uuid", "state": "text", "revision": "integer"}, [(p, "ended", revisions[p]) for p in ended])
    outbox.emit(
        work=work, events=[Event("payee.ended", "payee", p, revisions[p], {"id": p, "state": "ended", "reason": reason}) for p in ended]
    )
    audit.record(work=work, action="merchants.end_payee", object_kind="payee", object_ids=ended, detail={"reason": reason})
    return outcomes
