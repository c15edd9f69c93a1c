"""Writes of credit: opening accounts, changing limits, freezing and closing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.credit import rules
from yuefu.credit.commands.history import DaysChange, insert_days
from yuefu.credit.entries import line_key
from yuefu.credit.rules import CreditAccount, DaysStep
from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_reads
from yuefu.ledger.rules import LimitedAccount
from yuefu.money.amounts import Money
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork

ACCOUNT_EXISTS: Final = "account_exists"  # one credit account per consumer and currency
UNKNOWN_CONSUMER: Final = "unknown_consumer"
CONSUMER_CLOSED: Final = "consumer_closed"
UNKNOWN_ACCOUNT: Final = "unknown_account"
ACCOUNT_CLOSED: Final = "account_closed"
LIMIT_UNCHANGED: Final = "limit_unchanged"
NOT_ALLOWED_FROM_STATE: Final = "not_allowed_from_state"
STILL_IN_USE: Final = "still_in_use"  # something is drawn or held

CHANGE_LIMIT: Final = "credit.change_limit"
"""The action of an approval of a new limit: of a `credit_account`, with content {"limit_minor": 600000}. The table compares them."""

_OPENED: Final = ("account_opened",)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """`policy_version` names the setting the limit came from."""

    key: str
    consumer_id: UUID
    limit: Money
    bill_day: int
    repayment_day: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """`approval_id`, where given, is of an approved CHANGE_LIMIT of this account to this limit, and is used once."""

    key: str
    account_id: UUID
    limit: Money
    reasons: tuple[str, ...]
    approval_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class StateChange:
    account_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class _Locked:
    account: CreditAccount
    revision: int
    limit_seq: int


@dataclass(frozen=True, slots=True)
class _Step:
    id: UUID
    before: _Locked
    limit: Money
    reasons: tuple[str, ...]
    approval_id: UUID | None

    @property
    def account(self) -> CreditAccount:
        return self.before.account


def open_accounts(*, work: UnitOfWork, accounts: Sequence[OpenAccount]) -> list[UUID | Refused]:
    """Opens credit accounts and their limited account in the ledger. Returns the ids in order.

    Refused with DAY_INVALID, LIMIT_INVALID, CURRENCY_DIFFERS, UNKNOWN_CONSUMER, CONSUMER_CLOSED or ACCOUNT_EXISTS.
    """
    new_ids = work.ids.many(work.now, len(accounts))

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _open(work, {i: (new_ids[i], accounts[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope="credit.open_accounts",
        requests=accounts,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {account_id: account_id for account_id in known},
    )


def _open(work: UnitOfWork, given: Mapping[int, tuple[UUID, OpenAccount]]) -> dict[int, UUID | Refused]:
    states = consumers.states_held(book_id=work.book.id, ids=[new.consumer_id for _, new in given.values()])
    outcomes: dict[int, UUID | Refused] = {}
    fresh: dict[tuple[UUID, str], tuple[int, UUID, OpenAccount]] = {}
    for i, (account_id, new) in given.items():
        owner = (new.consumer_id, new.limit.currency)
        fault = _open_fault(work, new, states.get(new.consumer_id)) or (_account_exists() if owner in fresh else None)
        if fault:
            outcomes[i] = fault
        else:
            fresh[owner] = (i, account_id, new)
    made = _insert_accounts(work, [(account_id, new) for _, (_, account_id, new) in sorted(fresh.items(), key=lambda item: item[0])])
    for i, account_id, _ in fresh.values():
        outcomes[i] = account_id if account_id in made else _account_exists()
    opened = [(account_id, new) for _, account_id, new in fresh.values() if account_id in made]
    if opened:
        _open_lines(work, opened)
    return outcomes


def _open_fault(work: UnitOfWork, new: OpenAccount, consumer_state: str | None) -> Refused | None:
    if consumer_state is None:
        return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
    if consumer_state != "active":
        return Refused(CONSUMER_CLOSED, f"this consumer is {consumer_state}", "consumer_id")
    return rules.days_fault(new.bill_day, new.repayment_day) or rules.limit_fault(new.limit, work.book.currency)


def _account_exists() -> Refused:
    return Refused(ACCOUNT_EXISTS, "this consumer has a credit account in this currency", "consumer_id")


def _insert_accounts(work: UnitOfWork, new: Sequence[tuple[UUID, OpenAccount]]) -> set[UUID]:
    """Writes the accounts that do not exist and returns their ids."""
    columns = {
        "id": "uuid", "book_id": "uuid", "consumer_id": "uuid", "currency": "text", "limit_minor": "bigint", "bill_day": "smallint",
        "repayment_day": "smallint", "cycle_from": "date", "next_bill_on": "date", "state": "text", "policy_version": "integer",
        "opened_at": "timestamptz", "revision": "integer", "state_revision": "integer",
    }  # fmt: skip
    begins = work.day.on
    rows = [
        (
            account_id, work.book.id, a.consumer_id, a.limit.currency, a.limit.minor, a.bill_day, a.repayment_day, begins,
            next(rules.cycles([DaysStep(begins, a.bill_day, a.repayment_day)])).bill_on, rules.ACTIVE, a.policy_version, work.now, 1, 1,
        )
        for account_id, a in new
    ]  # fmt: skip
    sql.insert("credit_account", columns, rows, suffix="ON CONFLICT DO NOTHING")
    return {row[0] for row in sql.rows("SELECT id FROM credit_account WHERE id = ANY(%s)", [[account_id for account_id, _ in new]])}


def _open_lines(work: UnitOfWork, opened: Sequence[tuple[UUID, OpenAccount]]) -> None:
    lines = [LimitedAccount(key=line_key(account_id), limit=new.limit, consumer_id=new.consumer_id) for account_id, new in opened]
    ledger.open_limited(work=work, accounts=lines)
    ids = work.ids.many(work.now, len(opened))
    _insert_steps(
        work,
        [(step, account_id, new.consumer_id, 1, 0, new.limit, _OPENED, None) for step, (account_id, new) in zip(ids, opened, strict=True)],
    )
    insert_days(
        work,
        [DaysChange(row, new.consumer_id, 1, None, DaysStep(work.day.on, new.bill_day, new.repayment_day), _OPENED) for row, new in opened],
    )
    snapshots = [(row, {"id": row, "consumer_id": new.consumer_id, "limit": new.limit, "state": rules.ACTIVE}) for row, new in opened]
    outbox.emit(work=work, events=[Event("credit_account.opened", "credit_account", row, 1, snapshot) for row, snapshot in snapshots])
    audit.record(work=work, action="credit.open_accounts", object_kind="credit_account", object_ids=[row for row, _ in opened])


def _insert_steps(work: UnitOfWork, steps: Sequence[tuple[UUID, UUID, UUID, int, int, Money, tuple[str, ...], UUID | None]]) -> None:
    columns = {
        "id": "uuid", "book_id": "uuid", "account_id": "uuid", "consumer_id": "uuid", "seq": "integer", "old_minor": "bigint",
        "new_minor": "bigint", "reasons": "jsonb", "approval_id": "uuid", "recorded_by": "text", "recorded_at": "timestamptz",
    }  # fmt: skip
    rows = [
        (step, work.book.id, account, consumer, seq, old, new.minor, dumps(reasons), approval, work.by.label, work.now)
        for step, account, consumer, seq, old, new, reasons, approval in steps
    ]
    sql.insert("credit_limit_change", columns, rows)


def change_limits(*, work: UnitOfWork, changes: Sequence[ChangeLimit]) -> list[UUID | Refused]:
    """Changes limits, in the account, its history and the ledger. Returns the ids of the changes.

    A limit may be cut below what is drawn; the exposure may then only fall. Refused with UNKNOWN_ACCOUNT, ACCOUNT_CLOSED,
    LIMIT_UNCHANGED, LIMIT_INVALID, CURRENCY_DIFFERS or REASONS_MISSING.
    """
    new_ids = work.ids.many(work.now, len(changes))

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _change_limits(work, {i: (new_ids[i], changes[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope="credit.change_limits",
        requests=changes,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {change_id: change_id for change_id in known},
    )


def _change_limits(work: UnitOfWork, given: Mapping[int, tuple[UUID, ChangeLimit]]) -> dict[int, UUID | Refused]:
    locked = _lock(work, [change.account_id for _, change in given.values()])
    outcomes: dict[int, UUID | Refused] = {}
    steps: list[_Step] = []
    for i, (step_id, change) in given.items():
        before = locked.get(change.account_id)
        fault = _limit_fault(change, before)
        if fault or before is None:
            outcomes[i] = fault or _unknown_account()
            continue
        steps.append(_Step(step_id, before, change.limit, change.reasons, change.approval_id))
        outcomes[i] = step_id
        after = replace(before.account, limit=change.limit)
        locked[change.account_id] = _Locked(after, before.revision + 1, before.limit_seq + 1)
    if steps:
        _store_limits(work, steps, locked)
    return outcomes


def _limit_fault(change: ChangeLimit, before: _Locked | None) -> Refused | None:
    if before is None:
        return _unknown_account()
    if before.account.state == rules.CLOSED:
        return Refused(ACCOUNT_CLOSED, "this account is closed", "account_id")
    fault = rules.limit_fault(change.limit, before.account.limit.currency) or rules.reasons_fault(change.reasons)
    if fault:
        return fault
    return Refused(LIMIT_UNCHANGED, f"the limit is {change.limit} already", "limit") if change.limit == before.account.limit else None


def _unknown_account() -> Refused:
    return Refused(UNKNOWN_ACCOUNT, "there is no such credit account in this book", "account_id")


def _store_limits(work: UnitOfWork, steps: Sequence[_Step], locked: Mapping[UUID, _Locked]) -> None:
    changed = {step.account.id: locked[step.account.id] for step in steps}
    rows = [(row, after.account.limit.minor, after.revision) for row, after in changed.items()]
    sql.update("credit_account", "id", {"id": "uuid", "limit_minor": "bigint", "revision": "integer"}, rows)
    _insert_steps(
        work,
        [
            (s.id, s.account.id, s.account.consumer_id, s.before.limit_seq + 1, s.account.limit.minor, s.limit, s.reasons, s.approval_id)
            for s in steps
        ],
    )  # fmt: skip
    ledger.set_limits(work=work, limits=[(line_key(row), after.account.limit) for row, after in changed.items()])
    outbox.emit(work=work, events=[_limit_event(step) for step in steps])
    audit.record(work=work, action="credit.change_limits", object_kind="credit_account", object_ids=list(changed))


def _limit_event(step: _Step) -> Event:
    account = step.account
    snapshot = {"id": account.id, "consumer_id": account.consumer_id, "limit": step.limit, "state": account.state, "reasons": step.reasons}
    changed = {"limit": account.limit}
    return Event("credit_account.limit_changed", "credit_account", account.id, step.before.revision + 1, snapshot, changed, cause=step.id)


def freeze(*, work: UnitOfWork, changes: Sequence[StateChange]) -> list[UUID | Refused]:
    """active → frozen: nothing more is drawn. Refused with UNKNOWN_ACCOUNT, NOT_ALLOWED_FROM_STATE or REASONS_MISSING."""
    return _change_states(work, changes, rules.FROZEN)


def unfreeze(*, work: UnitOfWork, changes: Sequence[StateChange]) -> list[UUID | Refused]:
    """frozen → active. Refused as `freeze`."""
    return _change_states(work, changes, rules.ACTIVE)


def close(*, work: UnitOfWork, changes: Sequence[StateChange]) -> list[UUID | Refused]:
    """→ closed, once nothing is drawn or held. Refused as `freeze`, or with STILL_IN_USE."""
    return _change_states(work, changes, rules.CLOSED)


def _change_states(work: UnitOfWork, changes: Sequence[StateChange], state: str) -> list[UUID | Refused]:
    locked = _lock(work, [change.account_id for change in changes])
    in_use = _in_use(work, locked) if state == rules.CLOSED else set()
    outcomes: list[UUID | Refused] = []
    changed: list[tuple[_Locked, str]] = []
    for change in changes:
        before = locked.get(change.account_id)
        fault = _state_fault(change, before, state, in_use)
        if fault or before is None:
            outcomes.append(fault or _unknown_account())
            continue
        after = replace(before.account, state=state, state_revision=before.revision + 1)
        locked[change.account_id] = _Locked(after, before.revision + 1, before.limit_seq)
        changed.append((before, change.reason))
        outcomes.append(change.account_id)
    rows = [(before.account.id, state, before.revision + 1, before.revision + 1) for before, _ in changed]
    sql.update("credit_account", "id", {"id": "uuid", "state": "text", "revision": "integer", "state_revision": "integer"}, rows)
    if state == rules.CLOSED and changed:
        ledger.close_accounts(work=work, keys=[(line_key(b.account.id), b.account.limit.currency) for b, _ in changed])
    outbox.emit(work=work, events=[_state_event(before, state, reason) for before, reason in changed])
    detail: dict[str, Any] = {str(before.account.id): reason for before, reason in changed}
    audit.record(work=work, action=f"credit.{state}", object_kind="credit_account", object_ids=[row[0] for row in rows], detail=detail)
    return outcomes


def _state_fault(change: StateChange, before: _Locked | None, state: str, in_use: set[UUID]) -> Refused | None:
    if before is None:
        return _unknown_account()
    if (before.account.state, state) not in rules.TRANSITIONS:
        return Refused(NOT_ALLOWED_FROM_STATE, f"an account does not go from {before.account.state} to {state}", "account_id")
    if change.account_id in in_use:
        return Refused(STILL_IN_USE, "something is drawn or held on this account", "account_id")
    return rules.reasons_fault([change.reason])


def _in_use(work: UnitOfWork, locked: Mapping[UUID, _Locked]) -> set[UUID]:
    """Asked with the lines locked: a hold that is being placed meanwhile is either counted or finds the account closed."""
    lines = ledger_reads.lock_limited(work.book.id, [(line_key(row), one.account.limit.currency) for row, one in locked.items()])
    return {key.owner_id for (key, _), line in lines.items() if key.owner_id and line.exposure}


def _state_event(before: _Locked, state: str, reason: str) -> Event:
    account = before.account
    snapshot = {"id": account.id, "consumer_id": account.consumer_id, "limit": account.limit, "state": state, "reason": reason}
    changed = {"state": account.state}
    return Event("credit_account.state_changed", "credit_account", account.id, before.revision + 1, snapshot, changed=changed)


def lock(*, work: UnitOfWork, account_ids: Sequence[UUID]) -> dict[UUID, CreditAccount]:
    """These accounts, which nobody changes before the transaction ends; unknown ids are left out."""
    return {account_id: one.account for account_id, one in _lock(work, account_ids).items()}


def _lock(work: UnitOfWork, account_ids: Sequence[UUID]) -> dict[UUID, _Locked]:
    found = sql.rows(
        "SELECT id, consumer_id, limit_minor, currency, bill_day, repayment_day, state, policy_version, state_revision, revision,"
        " (SELECT max(seq) FROM credit_limit_change c WHERE c.account_id = a.id)"
        " FROM credit_account a WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [work.book.id, sorted(set(account_ids))],
    )
    return {row[0]: _Locked(CreditAccount(row[0], row[1], Money(row[2], row[3]), *row[4:9]), row[9], row[10]) for row in found}
