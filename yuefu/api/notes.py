"""Metadata: what merchants note on objects, shown with them and changed by `POST` to their address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from uuid import UUID

from yuefu import ids
from yuefu.api.bodies import NewMetadata
from yuefu.api.calls import Call
from yuefu.merchants.commands.metadata import Annotation, Noted
from yuefu.merchants.queries import metadata
from yuefu.merchants.rules.metadata import frozen


def annotating(kind: str) -> Callable[[Call], Awaitable[dict[str, Any]]]:
    """The handler of `POST /v1/KINDs/{KIND_id}`, which changes nothing but metadata."""

    async def update(call: Call) -> dict[str, Any]:
        body = cast("NewMetadata", call.body)
        request = Annotation(call.once, call.merchant_id, kind, call.object_id(kind), frozen(body.metadata), by=call.by)
        done: Noted = await call.ask("annotate", request)
        return {"object": kind, "id": ids.text(kind, done.object_id), "metadata": done.data}

    update.__qualname__ = update.__name__ = f"update_{kind}"
    return update


def noted(kind: str, object_ids: Sequence[UUID]) -> Callable[[UUID], dict[str, str]]:
    """What is noted on each of several objects, read together."""
    found = metadata.noted(kind=kind, object_ids=object_ids)
    return lambda object_id: found.get(object_id, {})
