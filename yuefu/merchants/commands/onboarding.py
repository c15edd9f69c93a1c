"""Onboarding of merchants, their contracts and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, LimitedAccount
from yuefu.merchants import rules
from yuefu.merchants.commands import accounts, sharing
from yuefu.merchants.commands.sharing import Wanted
from yuefu.merchants.queries import TABLE
from yuefu.merchants.rules import ContractTerms, fees_json, holders, more_json
from yuefu.money.amounts import Money
from yuefu.runtime import approvals, audit, keys, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.runtime.vault import Vault, mask

CODE_TAKEN: Final = "code_taken"
UNKNOWN_MERCHANT: Final = "unknown_merchant"
MERCHANT_CLOSED: Final = "merchant_closed"
BACKDATED: Final = "backdated"  # a contract changes from the open day on, never before
NOT_ALLOWED_FROM_STATE: Final = "not_allowed_from_state"
NOT_AN_AMENDMENT: Final = "not_an_amendment"
REASON_MISSING: Final = "reason_missing"

AMEND: Final = "merchant.amend_contract"
"""The action of the approval that an amendment needs."""


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """The account number never appears in a text of this value. Its holder is the merchant, whose Chinese name is meant where none is given; the bank
    that keeps it is named by its CNAPS number or BIC, or not at all."""

    key: str
    code: str
    name_zh: str
    name_en: str
    uscc: str
    industry: str
    settlement_account: str = field(repr=False)
    settlement_account_kind: str
    contract: ContractTerms
    settlement_account_holder: str = ""
    settlement_bank_code: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """What the key of an onboarding remembers: the account only as a keyed hash."""

    key: str
    code: str
    name_zh: str
    name_en: str
    uscc: str
    industry: str
    settlement_account: bytes
    settlement_account_kind: str
    contract: ContractTerms
    settlement_account_holder: str = ""
    settlement_bank_code: str = ""


@dataclass(frozen=True, slots=True)
class Amendment:
    """A contract that a merchant shall have; `reason` is for the second person."""

    merchant_id: UUID
    contract: ContractTerms
    reason: str


@dataclass(frozen=True, slots=True)
class StateChange:
    """`reason` is a code; it stands in the audit trail and in the event."""

    merchant_id: UUID
    state: str
    reason: str


def onboard(*, work: UnitOfWork, vault: Vault, merchants: Sequence[NewMerchant]) -> list[UUID | Refused]:
    """Makes merchants with the first version of their contract, and opens their limited account in the ledger. Returns the ids in order.

    Refused with the codes of `rules`, or with CODE_TAKEN.
    """
    new_ids = work.ids.many(work.now, len(merchants))
    contents = [_content(vault, merchant) for merchant in merchants]

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _onboard(work, vault, {i: (new_ids[i], merchants[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope="merchants.onboard",
        requests=contents,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {merchant_id: merchant_id for merchant_id in known},
    )


def _content(vault: Vault, new: NewMerchant) -> _Content:
    account = vault.index(new.settlement_account, purpose="key.settlement_account")
    return _Content(
        *(new.key, new.code, new.name_zh, new.name_en, new.uscc, new.industry, account, new.settlement_account_kind, new.contract),
        *(new.settlement_account_holder, new.settlement_bank_code),
    )


def _onboard(work: UnitOfWork, vault: Vault, given: Mapping[int, tuple[UUID, NewMerchant]]) -> dict[int, UUID | Refused]:
    outcomes: dict[int, UUID | Refused] = {}
    fresh: dict[str, tuple[int, UUID, NewMerchant]] = {}
    wanted = {i: Wanted(new.industry, _account_index(vault, new.settlement_account), new.contract) for i, (_, new) in given.items()}
    unshared = sharing.faults(work.book, work.day.on, wanted)
    for i, (merchant_id, new) in given.items():
        fault = _new_merchant_fault(work, new) or unshared.get(i) or (_code_taken(new.code) if new.code in fresh else None)
        if fault:
            outcomes[i] = fault
        else:
            fresh[new.code] = (i, merchant_id, new)
    made = _insert_merchants(work, vault, [(merchant_id, new) for _, (_, merchant_id, new) in sorted(fresh.items())])
    for i, merchant_id, new in fresh.values():
        outcomes[i] = merchant_id if merchant_id in made else _code_taken(new.code)
    stored = [(merchant_id, new.contract) for _, merchant_id, new in fresh.values() if merchant_id in made]
    _insert_contracts(work, [(merchant_id, 1, contract, None) for merchant_id, contract in stored])
    if stored:
        ledger.open_limited(work=work, accounts=[_account(merchant_id, contract) for merchant_id, contract in stored])
    _tell(work, "merchant.created", "merchants.onboard", [(merchant_id, 1, "active") for merchant_id, _ in stored])
    return outcomes


def _account_index(vault: Vault, account: str) -> bytes:
    return vault.index(account, purpose="settlement_account")


def _new_merchant_fault(work: UnitOfWork, new: NewMerchant) -> Refused | None:
    return (
        rules.code_fault(new.code)
        or rules.name_fault(new.name_zh, field="name_zh")
        or rules.name_fault(new.name_en, field="name_en")
        or (None if rules.uscc_form(new.uscc) else Refused(rules.USCC_INVALID, "form or check digit of the credit code is wrong", "uscc"))
        or rules.industry_fault(new.industry)
        or rules.account_fault(new.settlement_account, new.settlement_account_kind)
        or holders.fault(new.settlement_account_holder, new.settlement_bank_code, name_zh=new.name_zh, name_en=new.name_en)
        or rules.terms_fault(new.contract, currency=work.book.currency)
    )


def _code_taken(code: str) -> Refused:
    return Refused(CODE_TAKEN, f"{code} is another merchant of this book", "code")


def _account(merchant_id: UUID, contract: ContractTerms) -> LimitedAccount:
    return LimitedAccount(key=AccountKey("merchant_available", merchant_id), limit=contract.negative_limit, merchant_id=merchant_id)


def _insert_merchants(work: UnitOfWork, vault: Vault, new: Sequence[tuple[UUID, NewMerchant]]) -> set[UUID]:
    """Writes the merchants whose code is free and returns their ids."""
    columns = {
        "id": "uuid", "book_id": "uuid", "code": "text", "name_zh": "text", "name_en": "text", "uscc": "text", "industry": "text",
        "state": "text", "settlement_account_kind": "text", "settlement_account_sealed": "bytea", "settlement_account_index": "bytea",
        "settlement_account_masked": "text", "created_at": "timestamptz", "revision": "integer",
    }  # fmt: skip
    sql.insert(TABLE, columns, [_row(work, vault, row_id, merchant) for row_id, merchant in new], suffix="ON CONFLICT DO NOTHING")
    made = {row[0] for row in sql.rows("SELECT id FROM merchants_merchant WHERE id = ANY(%s)", [[row_id for row_id, _ in new]])}
    accounts.insert_first(work, [(row_id, *_payee(merchant)) for row_id, merchant in new if row_id in made])
    return made


def _payee(new: NewMerchant) -> tuple[str, str]:
    holder = holders.holder_form(new.settlement_account_holder, name_zh=new.name_zh, name_en=new.name_en)
    assert holder is not None, "it was looked at before"
    return holder, new.settlement_bank_code


def _row(work: UnitOfWork, vault: Vault, row: UUID, new: NewMerchant) -> tuple[object, ...]:
    return (
        row,
        work.book.id,
        new.code,
        new.name_zh,
        new.name_en,
        rules.uscc_form(new.uscc),
        new.industry,
        "active",
        new.settlement_account_kind,
        vault.seal(new.settlement_account, table=TABLE, column="settlement_account", row=row),
        _account_index(vault, new.settlement_account),
        mask(new.settlement_account, head=0, tail=4),
        work.now,
        1,
    )


def _insert_contracts(work: UnitOfWork, contracts: Sequence[tuple[UUID, int, ContractTerms, UUID | None]]) -> list[UUID]:
    columns = {
        "id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "version": "integer", "valid_from": "date", "fee_rate_ppm": "integer",
        "settlement_days": "smallint", "channel": "text", "discount_ppm": "jsonb", "fee_on_refund": "text",
        "negative_limit_minor": "bigint", "currency": "text", "fees": "jsonb",
        "minimum_payout_minor": "bigint", "reserve_ppm": "integer", "reserve_days": "smallint", "more": "jsonb", "approval_id": "uuid",
        "recorded_by": "text", "recorded_at": "timestamptz",
    }  # fmt: skip
    new_ids = work.ids.many(work.now, len(contracts))
    rows = [
        (
            row_id, work.book.id, merchant_id, version, t.valid_from, t.fee_rate_ppm, t.settlement_days, t.channel,
            dumps(dict(t.discounts)), t.fee_on_refund, t.negative_limit.minor, t.negative_limit.currency,
            dumps(fees_json(t.fees)), t.minimum_payout.minor if t.minimum_payout else 0, t.reserve_ppm, t.reserve_days, dumps(more_json(t)),
            approval_id, work.by.label, work.now,
        )
        for row_id, (merchant_id, version, t, approval_id) in zip(new_ids, contracts, strict=True)
    ]  # fmt: skip
    sql.insert("merchants_contract", columns, rows)
    return new_ids


def _tell(
    work: UnitOfWork, event: str, action: str, told: Sequence[tuple[UUID, int, str]], detail: Mapping[str, Any] | None = None
) -> None:
    outbox.emit(
        work=work, events=[Event(event, "merchant", row, seq, {"id": row, "state": state, **(detail or {})}) for row, seq, state in told]
    )
    audit.record(work=work, action=action, object_kind="merchant", object_ids=[row for row, _, _ in told], detail=detail)


def propose_amendments(*, work: UnitOfWork, amendments: Sequence[Amendment]) -> list[UUID | Refused]:
    """Asks for new contract versions; nothing changes until a second person decides with `decide_amendment`.

    Returns the approvals. Refused with UNKNOWN_MERCHANT, MERCHANT_CLOSED, BACKDATED or the codes of `rules.terms_fault`.
    """
    states = _lock_states(work, [amendment.merchant_id for amendment in amendments])
    unshared = _unshared(work, {i: (amendment.merchant_id, amendment.contract) for i, amendment in enumerate(amendments)})
    outcomes: list[UUID | Refused] = []
    for i, amendment in enumerate(amendments):
        state, _ = states.get(amendment.merchant_id, ("", 0))
        outcomes.append(_amendment_fault(work, amendment.contract, state) or unshared.get(i) or _request(work, amendment))
    return outcomes


def _unshared(work: UnitOfWork, wanted: Mapping[int, tuple[UUID, ContractTerms]]) -> dict[int, Refused]:
    """What the band of the industry, or the agent, does not allow."""
    known = {
        row: (industry, bytes(index))
        for row, industry, index in sql.rows(
            "SELECT id, industry, settlement_account_index FROM merchants_merchant WHERE id = ANY(%s)", [[m for m, _ in wanted.values()]]
        )
    }
    return sharing.faults(work.book, work.day.on, {i: Wanted(*known[m], terms) for i, (m, terms) in wanted.items() if m in known})


def _request(work: UnitOfWork, amendment: Amendment) -> UUID:
    return approvals.request(
        work=work,
        action=AMEND,
        object_kind="merchant",
        object_id=amendment.merchant_id,
        content=rules.terms_json(amendment.contract),
        reason=amendment.reason,
    )


def _amendment_fault(work: UnitOfWork, contract: ContractTerms, state: str) -> Refused | None:
    if not state:
        return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    if state == "closed":
        return Refused(MERCHANT_CLOSED, "a closed merchant gets no new contract", "merchant_id")
    if contract.valid_from < work.day.on:
        return Refused(BACKDATED, f"a contract changes from {work.day.on} on", "valid_from")
    return rules.terms_fault(contract, currency=work.book.currency)


def contract_fault(*, book: Book, on: date, merchant_id: UUID, contract: ContractTerms) -> Refused | None:
    """Why a contract could not be proposed for a merchant, whenever it begins: UNKNOWN_MERCHANT or the codes of `rules.terms_fault` and `sharing`."""
    row = "SELECT industry, settlement_account_index FROM merchants_merchant WHERE book_id = %s AND id = %s"
    found = sql.rows(row, [book.id, merchant_id])
    if not found:
        return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    wanted = Wanted(found[0][0], bytes(found[0][1]), contract)
    return rules.terms_fault(contract, currency=book.currency) or sharing.faults(book, on, {0: wanted}).get(0)


def decide_amendment(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves an amendment, which writes the new version, or rejects it. Returns the contract; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where the approval is not of an amendment (NOT_AN_AMENDMENT), or where merchant or
    day have changed so that it can no longer be carried out: the transaction rolls back and the request goes on waiting.
    The limit of the merchant's account follows on the first day of the contract, see `apply_limits`.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason)
    if isinstance(decided, Refused):
        return decided
    if decided.action != AMEND or decided.object_id is None:
        raise RefusedError(Refused(NOT_AN_AMENDMENT, f"this approval is about {decided.action}", "approval_id"))
    return _amend(work, decided.object_id, rules.terms_from_json(decided.content), approval_id) if approve else None


def _amend(work: UnitOfWork, merchant_id: UUID, terms: ContractTerms, approval_id: UUID) -> UUID:
    state, _ = _lock_states(work, [merchant_id]).get(merchant_id, ("", 0))
    fault = _amendment_fault(work, terms, state) or _unshared(work, {0: (merchant_id, terms)}).get(0)
    if fault:
        raise RefusedError(fault)
    latest: int = sql.value("SELECT max(version) FROM merchants_contract WHERE merchant_id = %s", [merchant_id])
    (contract_id,) = _insert_contracts(work, [(merchant_id, latest + 1, terms, approval_id)])
    apply_limits(work=work, merchant_ids=[merchant_id])
    snapshot = {"id": contract_id, "merchant_id": merchant_id, "version": latest + 1, **_snapshot(terms)}
    outbox.emit(work=work, events=[Event("contract.amended", "contract", contract_id, 1, snapshot)])
    audit.record(work=work, action="merchants.amend", object_kind="contract", object_ids=[contract_id], detail={"approval": approval_id})
    return contract_id


def _snapshot(terms: ContractTerms) -> dict[str, Any]:
    return {
        "valid_from": terms.valid_from,
        "fee_rate_ppm": terms.fee_rate_ppm,
        "settlement_days": terms.settlement_days,
        "channel": terms.channel,
        "discounts": [{"periods": periods, "rate_ppm": ppm} for periods, ppm in terms.discounts],
        "fee_on_refund": terms.fee_on_refund,
        "negative_limit": terms.negative_limit,
        "fees": fees_json(terms.fees),
        "minimum_payout": terms.minimum_payout,
        "reserve_ppm": terms.reserve_ppm,
        "reserve_days": terms.reserve_days,
        **more_json(terms),
    }


def apply_limits(*, work: UnitOfWork, merchant_ids: Sequence[UUID] | None = None) -> None:
    """Sets each merchant's account limit to that of the contract in force on the day of the work; by default for all whose contract
    begins on it, which is how a contract signed for a later day takes effect. May be repeated.
    """
    chosen, params = ("c.valid_from = %s", [work.day.on]) if merchant_ids is None else ("c.merchant_id = ANY(%s)", [list(merchant_ids)])
    found = sql.rows(
        "SELECT DISTINCT ON (merchant_id) merchant_id, negative_limit_minor, currency FROM merchants_contract"
        " WHERE book_id = %s AND valid_from <= %s"
        f" AND merchant_id IN (SELECT c.merchant_id FROM merchants_contract c WHERE c.book_id = %s AND {chosen})"
        " ORDER BY merchant_id, version DESC",
        [work.book.id, work.day.on, work.book.id, *params],
    )
    limits = [(AccountKey("merchant_available", merchant_id), Money(minor, currency)) for merchant_id, minor, currency in found]
    if limits:
        ledger.set_limits(work=work, limits=limits)


def change_states(*, work: UnitOfWork, changes: Sequence[StateChange]) -> list[UUID | Refused]:
    """Suspends, reactivates or closes merchants. Refused with UNKNOWN_MERCHANT, NOT_ALLOWED_FROM_STATE or REASON_MISSING."""
    states = _lock_states(work, [change.merchant_id for change in changes])
    outcomes: list[UUID | Refused] = []
    changed: list[tuple[StateChange, str, int]] = []
    for change in changes:
        fault = _state_fault(change, states)
        if fault:
            outcomes.append(fault)
            continue
        before, revision = states[change.merchant_id]
        states[change.merchant_id] = (change.state, revision + 1)
        changed.append((change, before, revision + 1))
        outcomes.append(change.merchant_id)
    rows = [
        (row, state, revision) for row, (state, revision) in states.items() if any(change.merchant_id == row for change, _, _ in changed)
    ]
    sql.update(TABLE, "id", {"id": "uuid", "state": "text", "revision": "integer"}, rows)
    outbox.emit(work=work, events=[_state_event(change, before, seq) for change, before, seq in changed])
    reasons = {str(change.merchant_id): f"{change.state}: {change.reason}" for change, _, _ in changed}
    audit.record(work=work, action="merchants.change_states", object_kind="merchant", object_ids=[row[0] for row in rows], detail=reasons)
    return outcomes


def _state_fault(change: StateChange, states: Mapping[UUID, tuple[str, int]]) -> Refused | None:
    if change.merchant_id not in states:
        return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    if not change.reason:
        return Refused(REASON_MISSING, "a change of state names its reason", "reason")
    before = states[change.merchant_id][0]
    if (before, change.state) not in rules.TRANSITIONS:
        return Refused(NOT_ALLOWED_FROM_STATE, f"a merchant does not go from {before} to {change.state}", "state")
    return None


def _state_event(change: StateChange, before: str, seq: int) -> Event:
    snapshot = {"id": change.merchant_id, "state": change.state, "reason": change.reason}
    return Event("merchant.state_changed", "merchant", change.merchant_id, seq, snapshot, changed={"state": before})


def _lock_states(work: UnitOfWork, merchant_ids: Sequence[UUID]) -> dict[UUID, tuple[str, int]]:
    found = sql.rows(
        "SELECT id, state, revision FROM merchants_merchant WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [work.book.id, sorted(set(merchant_ids))],
    )
    return {row_id: (state, revision) for row_id, state, revision in found}
