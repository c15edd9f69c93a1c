"""What a key is: the first thing to ask with a new one, and the cheapest, for nothing is looked up for it but the key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel

from yuefu import ids
from yuefu.api.calls import Call
from yuefu.api.route import gets


class KeyHeld(BaseModel):
    """The key that asked, its merchant, or the agent and for whom it acts, and its book. `now` is the moment in the book, which a test clock may have moved."""

    object: Literal["key_held"]
    id: str
    kind: Literal["secret", "restricted", "publishable"]
    merchant: str | None
    agent: str | None
    book: str
    livemode: bool
    currency: str
    zone: str
    now: datetime
    scopes: list[str]
    api_version: str


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/whoami"""
    call.query_of()
    key, book, through = call.holder.key, call.holder.book, call.holder.through
    agent = through or (key.merchant_id if key.held_by == "agent" else None)
    return {
        "object": "key_held",
        "id": ids.text("api_key", key.id),
        "kind": key.kind,
        "merchant": None if agent and not through else ids.text("merchant", key.merchant_id),
        "agent": ids.text("payee", agent) if agent else None,
        "book": book.public_id,
        "livemode": book.mode == "live",
        "currency": book.currency,
        "zone": book.zone,
        "now": call.now,
        "scopes": list(key.scopes),
        "api_version": key.api_version,
    }


ROUTES: Final = (replace(gets("/v1/whoami", "", show, KeyHeld, "Show what the key is that asks"), agents=True),)
