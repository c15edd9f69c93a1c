"""Stores, and the tills in them: where a merchant sells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api import expanding, listing
from yuefu.api.bodies import Body, Code, Named, Nothing, StoreId, Text
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of, text_of
from yuefu.api.route import Route, gets
from yuefu.merchants.commands.stores import Closed, Closing, NewStore, NewTerminal
from yuefu.merchants.queries import stores
from yuefu.merchants.rules.stores import STATES, Store, Terminal
from yuefu.runtime.paging import Span

Name = Annotated[Text, Field(min_length=1, max_length=120, examples=["南京路店"])]


class NewStoreBody(Body):
    """A store by a code of your own. What it is called stays: a store that moves is another one."""

    code: Annotated[str, Field(pattern=Code, examples=["nanjing-road"])]
    name_zh: Name
    name_en: Name
    address: Annotated[Text, Field(min_length=1, max_length=255)]


class NewTerminalBody(Body):
    """A till of a store by a code of your own, which is another in another store."""

    store: StoreId
    code: Annotated[str, Field(pattern=Code, examples=["till-1"])]


class StoreShown(BaseModel):
    object: Literal["store"]
    id: str
    code: str
    name_zh: str
    name_en: str
    address: str
    state: Literal[STATES]  # type: ignore[valid-type]
    created_at: datetime


class TerminalShown(BaseModel):
    object: Literal["terminal"]
    id: str
    store: Named
    code: str
    state: Literal[STATES]  # type: ignore[valid-type]
    created_at: datetime


class StoreList(Page[StoreShown]):
    """A page of stores, newest first."""


class TerminalList(Page[TerminalShown]):
    """A page of tills, newest first."""


class StoreClosed(BaseModel):
    object: Literal["store"]
    id: str
    state: Literal["closed"]


class TerminalClosed(BaseModel):
    object: Literal["terminal"]
    id: str
    state: Literal["closed"]


async def open_store(call: Call) -> dict[str, Any]:
    """POST /v1/stores"""
    body = cast("NewStoreBody", call.body)
    new = NewStore(call.once, call.merchant_id, body.code, body.name_zh, body.name_en, body.address, by=call.by)
    done: Store = await call.ask("open_store", new)
    return _store(done)


async def open_terminal(call: Call) -> dict[str, Any]:
    """POST /v1/terminals"""
    body = cast("NewTerminalBody", call.body)
    done: Terminal = await call.ask("open_terminal", NewTerminal(call.once, call.merchant_id, body.store, body.code, by=call.by))
    return _terminal(done)


async def close_store(call: Call) -> dict[str, Any]:
    """POST /v1/stores/{store_id}/close"""
    done: Closed = await call.ask("close_place", Closing(call.once, call.merchant_id, "store", call.object_id("store"), by=call.by))
    return {"object": "store", "id": ids.text("store", done.object_id), "state": "closed"}


async def close_terminal(call: Call) -> dict[str, Any]:
    """POST /v1/terminals/{terminal_id}/close"""
    done: Closed = await call.ask("close_place", Closing(call.once, call.merchant_id, "terminal", call.object_id("terminal"), by=call.by))
    return {"object": "terminal", "id": ids.text("terminal", done.object_id), "state": "closed"}


_STATE: Final = one_of("state", STATES, "Only those in this state.")
_CODE: Final = text_of("code", "Only those of this code of yours.", longest=40)
STORES: Final = Listing("store", "/v1/stores", (_CODE, _STATE, *CREATED))
TERMINALS: Final = Listing("terminal", "/v1/terminals", (an_id("store", "store", "Only those of this store."), _CODE, _STATE, *CREATED))


async def show_store(call: Call) -> dict[str, Any]:
    """GET /v1/stores/{store_id}"""
    return await call.shown("store", _stores)


async def show_terminal(call: Call) -> dict[str, Any]:
    """GET /v1/terminals/{terminal_id}"""
    return await call.shown("terminal", _terminals)


async def list_stores(call: Call) -> dict[str, Any]:
    """GET /v1/stores"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = stores.stores_page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_store(one) for one in page]

    return await listing.page(call, STORES, found)


async def list_terminals(call: Call) -> dict[str, Any]:
    """GET /v1/terminals"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = stores.terminals_page(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_terminal(one) for one in page]

    return await listing.page(call, TERMINALS, found)


def _stores(store_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {i: _store(one) for i, one in stores.stores(store_ids).items()}


def _terminals(terminal_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {i: _terminal(one) for i, one in stores.terminals(terminal_ids).items()}


expanding.register("store", _stores)
expanding.register("terminal", _terminals)


def _store(store: Store) -> dict[str, Any]:
    return {
        "object": "store",
        "id": ids.text("store", store.id),
        "code": store.code,
        "name_zh": store.name_zh,
        "name_en": store.name_en,
        "address": store.address,
        "state": store.state,
        "created_at": store.created_at.astimezone(UTC),
    }


def _terminal(terminal: Terminal) -> dict[str, Any]:
    return {
        "object": "terminal",
        "id": ids.text("terminal", terminal.id),
        "store": ids.text("store", terminal.store_id),
        "code": terminal.code,
        "state": terminal.state,
        "created_at": terminal.created_at.astimezone(UTC),
    }


_STORE: Final = "/v1/stores/{store_id}"
_TERMINAL: Final = "/v1/terminals/{terminal_id}"

ROUTES: Final = (
    Route("POST", "/v1/stores", "store.manage", open_store, NewStoreBody, StoreShown, 201, False, "Open a store"),
    gets("/v1/stores", "store.read", list_stores, StoreList, "List stores, newest first", STORES.parameters),
    gets(_STORE, "store.read", show_store, StoreShown, "Show a store"),
    Route("POST", f"{_STORE}/close", "store.manage", close_store, Nothing, StoreClosed, 200, False, "Close a store for good: {}"),
    Route("POST", "/v1/terminals", "store.manage", open_terminal, NewTerminalBody, TerminalShown, 201, False, "Put a till into a store"),
    gets(
        "/v1/terminals",
        "store.read",
        list_terminals,
        TerminalList,
        "List tills, newest first",
        TERMINALS.parameters,
        expands=("data.store",),
    ),
    gets(_TERMINAL, "store.read", show_terminal, TerminalShown, "Show a till", expands=("store",)),
    Route("POST", f"{_TERMINAL}/close", "store.manage", close_terminal, Nothing, TerminalClosed, 200, False, "Close a till for good: {}"),
)
