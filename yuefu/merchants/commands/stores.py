"""Writes of stores and tills. What they are called stays; they are closed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.queries import stores as queries
from yuefu.merchants.rules import code_fault
from yuefu.merchants.rules import stores as rules
from yuefu.merchants.rules.stores import Store, Terminal
from yuefu.runtime import audit, keys, locks, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import Actor, Cause, UnitOfWork

CODE_TAKEN: Final = "code_taken"

_STORE: Final = {
    "id": "uuid", "merchant_id": "uuid", "code": "text", "name_zh": "text", "name_en": "text", "address": "text",
}  # fmt: skip
_TERMINAL: Final = {"id": "uuid", "merchant_id": "uuid", "store_id": "uuid", "code": "text"}


@dataclass(frozen=True, slots=True)
class NewStore:
    key: str
    merchant_id: UUID
    code: str
    name_zh: str
    name_en: str
    address: str
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NewTerminal:
    key: str
    merchant_id: UUID
    store_id: UUID
    code: str
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Closing:
    """A store or till of a merchant that sells nothing more."""

    key: str
    merchant_id: UUID
    kind: Literal["store", "terminal"]
    object_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Closed:
    object_id: UUID


def open_stores(*, work: UnitOfWork, stores: Sequence[NewStore]) -> list[Store | Refused]:
    """Opens stores, in order. Refused with CODE_TAKEN or what `rules.stores` refuses; key_reused."""
    ids = work.ids.many(work.now, len(stores))

    def decide(fresh: list[int]) -> Mapping[int, Store | Refused]:
        locks.wait_for_each(locks.STORES, sorted({stores[i].merchant_id for i in fresh}))
        taken = _codes("merchants_store", "merchant_id", [stores[i].merchant_id for i in fresh])
        outcomes: dict[int, Store | Refused] = {}
        for i in fresh:
            new = stores[i]
            fault = rules.store_fault(new.code, new.name_zh, new.name_en, new.address)
            if fault or (new.merchant_id, new.code) in taken:
                outcomes[i] = fault or Refused(CODE_TAKEN, f"{new.code} is another store of yours", "code")
                continue
            taken.add((new.merchant_id, new.code))
            outcomes[i] = Store(ids[i], new.merchant_id, new.code, new.name_zh, new.name_en, new.address, "active", work.now)
        made = [one for one in outcomes.values() if isinstance(one, Store)]
        sql.insert(
            "merchants_store", _STORE, [(s.id, s.merchant_id, s.code, s.name_zh, s.name_en, s.address) for s in made], same=_begun(work)
        )
        _tell(work, "store", "opened", [_of_store(store) for store in made], 1)
        return outcomes

    scopes = [keys.scope_of("store.open", new.merchant_id) for new in stores]
    return keys.answer(work=work, scope=scopes, requests=stores, object_ids=ids, decide=decide, recall=_as_opened)


def open_terminals(*, work: UnitOfWork, terminals: Sequence[NewTerminal]) -> list[Terminal | Refused]:
    """Puts tills into stores, in order. Refused with STORE_NOT_SELLING, CODE_TAKEN or code_invalid; key_reused."""
    ids = work.ids.many(work.now, len(terminals))

    def decide(fresh: list[int]) -> Mapping[int, Terminal | Refused]:
        locks.wait_for_each(locks.STORES, sorted({terminals[i].merchant_id for i in fresh}))
        stores = queries.stores([terminals[i].store_id for i in fresh])
        taken = _codes("merchants_terminal", "store_id", list(stores))
        outcomes: dict[int, Terminal | Refused] = {}
        for i in fresh:
            new = terminals[i]
            store = stores.get(new.store_id)
            sells = store is not None and (store.merchant_id, store.state) == (new.merchant_id, "active")
            fault = (
                code_fault(new.code) if sells else Refused(rules.STORE_NOT_SELLING, "there is no such store of yours that sells", "store")
            )
            if fault or (new.store_id, new.code) in taken:
                outcomes[i] = fault or Refused(CODE_TAKEN, f"{new.code} is another till of the store", "code")
                continue
            taken.add((new.store_id, new.code))
            outcomes[i] = Terminal(ids[i], new.merchant_id, new.store_id, new.code, "active", work.now, "active")
        made = [one for one in outcomes.values() if isinstance(one, Terminal)]
        sql.insert("merchants_terminal", _TERMINAL, [(t.id, t.merchant_id, t.store_id, t.code) for t in made], same=_begun(work))
        _tell(work, "terminal", "opened", [_of_terminal(terminal) for terminal in made], 1)
        return outcomes

    def recall(known: Sequence[UUID]) -> dict[UUID, Terminal]:
        return {i: replace(one, state="active", store_state="active") for i, one in queries.terminals(known).items()}

    scopes = [keys.scope_of("terminal.open", new.merchant_id) for new in terminals]
    return keys.answer(work=work, scope=scopes, requests=terminals, object_ids=ids, decide=decide, recall=recall)


def close(*, work: UnitOfWork, closings: Sequence[Closing]) -> list[Closed | Refused]:
    """active → closed, for good; what was sold there stays. Refused with UNKNOWN_STORE, UNKNOWN_TERMINAL or PLACE_CLOSED; key_reused."""

    def decide(fresh: list[int]) -> Mapping[int, Closed | Refused]:
        asked = {i: closings[i] for i in fresh}
        locks.wait_for_each(locks.STORES, sorted({one.merchant_id for one in asked.values()}))
        found: dict[UUID, Store | Terminal] = {}
        found.update(queries.stores([one.object_id for one in asked.values() if one.kind == "store"]))
        found.update(queries.terminals([one.object_id for one in asked.values() if one.kind == "terminal"]))
        outcomes: dict[int, Closed | Refused] = {}
        done: dict[str, list[dict[str, Any]]] = {"store": [], "terminal": []}
        for i, one in asked.items():
            place = found.get(one.object_id)
            fault = _place_fault(place, one.merchant_id, one.kind)
            outcomes[i] = fault or Closed(one.object_id)
            if fault or place is None:
                continue
            after = replace(place, state="closed")
            found[one.object_id] = after
            done[one.kind].append(_of_store(after) if isinstance(after, Store) else _of_terminal(after))
            work.claimed[one.object_id] = Cause(one.key, one.by or work.by)
        for kind, snapshots in done.items():
            ids = [snapshot["id"] for snapshot in snapshots]
            sql.run(f"UPDATE merchants_{kind} SET state = 'closed', closed_at = %s WHERE id = ANY(%s)", [work.now, ids])
            _tell(work, kind, "closed", snapshots, 2)
        return outcomes

    return keys.answer(
        work=work,
        scope=[keys.scope_of(f"{one.kind}.close", one.merchant_id) for one in closings],
        requests=closings,
        object_ids=[one.object_id for one in closings],
        decide=decide,
        recall=lambda known: {i: Closed(i) for i in known},
    )


def _place_fault(place: Store | Terminal | None, merchant_id: UUID, kind: str) -> Refused | None:
    if place is None or place.merchant_id != merchant_id:
        return Refused(f"unknown_{kind}", f"there is no such {kind} of this merchant", f"{kind}_id")
    return None if place.state == "active" else Refused(rules.PLACE_CLOSED, f"the {kind} is closed", f"{kind}_id")


def _codes(table: str, column: str, of: Sequence[UUID]) -> set[tuple[UUID, str]]:
    return set(sql.rows(f"SELECT {column}, code FROM {table} WHERE {column} = ANY(%s)", [list(of)]))


def _as_opened(store_ids: Sequence[UUID]) -> dict[UUID, Store]:
    return {i: replace(store, state="active") for i, store in queries.stores(store_ids).items()}


def _begun(work: UnitOfWork) -> dict[str, tuple[str, Any]]:
    return {"book_id": ("uuid", work.book.id), "state": ("text", "active"), "created_at": ("timestamptz", work.now)}


def _tell(work: UnitOfWork, kind: str, what: str, snapshots: Sequence[dict[str, Any]], seq: int) -> None:
    changed = {"state": "active"} if seq > 1 else None
    outbox.emit(work=work, events=[Event(f"{kind}.{what}", kind, one["id"], seq, one, changed=changed) for one in snapshots])
    audit.record(work=work, action=f"merchants.{kind}_{what}", object_kind=kind, object_ids=[one["id"] for one in snapshots])


def _of_store(store: Store) -> dict[str, Any]:
    names = ("id", "merchant_id", "code", "name_zh", "name_en", "address", "state")
    return {name: getattr(store, name) for name in names}


def _of_terminal(terminal: Terminal) -> dict[str, Any]:
    return {name: getattr(terminal, name) for name in ("id", "merchant_id", "store_id", "code", "state")}
