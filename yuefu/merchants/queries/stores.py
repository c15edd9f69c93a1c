"""Reads of stores and tills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from yuefu.merchants.rules.stores import Store, Terminal
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span

_STORE: Final = "id, merchant_id, code, name_zh, name_en, address, state, created_at"
_TERMINAL: Final = "t.id, t.merchant_id, t.store_id, t.code, t.state, t.created_at, s.state"
_BOTH: Final = "merchants_terminal AS t JOIN merchants_store AS s ON s.id = t.store_id"


def stores(ids: Sequence[UUID]) -> dict[UUID, Store]:
    """These stores; unknown ids are left out."""
    return {one.id: one for one in sql.rows_as(Store, f"SELECT {_STORE} FROM merchants_store WHERE id = ANY(%s)", [list(ids)])}


def terminals(ids: Sequence[UUID]) -> dict[UUID, Terminal]:
    """These tills; unknown ids are left out."""
    return {one.id: one for one in sql.rows_as(Terminal, f"SELECT {_TERMINAL} FROM {_BOTH} WHERE t.id = ANY(%s)", [list(ids)])}


_STORES: Final = {
    "code": "code = %(code)s",
    "state": "state = %(state)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}
_TERMINALS: Final = {
    "store": "t.store_id = %(store)s",
    "code": "t.code = %(code)s",
    "state": "t.state = %(state)s",
    "created_from": "t.created_at >= %(created_from)s",
    "created_before": "t.created_at < %(created_before)s",
}


def stores_page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Store] | None:
    """Stores of a merchant, newest first; None where the span begins at none of them."""
    owner = {"merchant_id": merchant_id}
    return paging.page(Store, columns=_STORE, table="merchants_store", owner=owner, conditions=_STORES, where=where, span=span)


def terminals_page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Terminal] | None:
    """Tills of a merchant, newest first; None where the span begins at none of them."""
    owner = {"t.merchant_id": merchant_id}
    return paging.page(Terminal, columns=_TERMINAL, table=_BOTH, owner=owner, conditions=_TERMINALS, where=where, span=span, key="t.id")
