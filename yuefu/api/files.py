"""Files: what a merchant sends as evidence. In JSON as base64 (ADR 0054): one way of reading a body, and one of telling whether two are the same."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.aftersales.queries import files as file_book
from yuefu.aftersales.rules.files import CONTENT_TYPES, LARGEST, LONGEST_NAME, PURPOSES, File
from yuefu.api import expanding
from yuefu.api.bodies import Body, Text
from yuefu.api.calls import Call
from yuefu.api.problems import Fault, Problem
from yuefu.api.route import Download, Route, gets
from yuefu.journeys.disputes import FileRequest

LARGEST_BODY: Final = LARGEST * 4 // 3 + 64 * 1024
"""Of a request that sends a file: base64 is a third longer."""

_BASE64: Final = {"contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]+={0,2}$"}


class NewFile(Body):
    """A PDF, PNG, JPEG, or a text in UTF-8, told by its bytes, of at most 5 MB; they come in base64."""

    purpose: Literal[PURPOSES]  # type: ignore[valid-type]
    name: Annotated[Text, Field(min_length=1, max_length=LONGEST_NAME, examples=["waybill.pdf"])]
    content: Annotated[str, Field(min_length=1, max_length=LARGEST_BODY, json_schema_extra=_BASE64, examples=["SGVsbG8="])]


class FileShown(BaseModel):
    object: Literal["file"]
    id: str
    purpose: str
    name: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/files"""
    body = cast("NewFile", call.body)
    try:
        content = b64decode(body.content, validate=True)
    except (binascii.Error, ValueError) as error:
        fault = Fault("this is no base64", pointer="#/content")
        raise Problem("invalid_request", "#/content: this is no base64", faults=[fault]) from error
    key = call.key or call.request_id
    request = FileRequest(key, call.merchant_id, body.purpose, body.name, sha256(content).digest(), content, by=call.by)
    return _shown(await call.ask("file", request))


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/files/{file_id}"""
    return await call.shown("file", read)


async def contents(call: Call) -> Download:
    """GET /v1/files/{file_id}/contents"""
    file_id, vault = call.object_id("file"), call.counter.vault()
    call.query_of()

    def opened() -> Download | None:
        found = file_book.files(ids=[file_id]).get(file_id)
        content = file_book.content(file_id=file_id, vault=vault) if found else None
        return Download(found.name, found.content_type, BytesIO(content)) if found and content else None

    made = await call.counter.make(call.holder, opened)
    if made is None:
        raise Problem("unknown_file")
    return made


def read(file_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Files of the merchant who reads, as they are shown."""
    return {file_id: _shown(one) for file_id, one in file_book.files(ids=file_ids).items()}


expanding.register("file", read)


def _shown(one: File) -> dict[str, Any]:
    return {
        "object": "file",
        "id": ids.text("file", one.id),
        "purpose": one.purpose,
        "name": one.name,
        "content_type": one.content_type,
        "size": one.size,
        "sha256": one.sha256.hex(),
        "created_at": one.recorded_at.astimezone(UTC),
    }


_FILE: Final = "/v1/files/{file_id}"

ROUTES: Final = (
    Route("POST", "/v1/files", "file.write", create, NewFile, FileShown, 201, False, "Send a file as evidence", largest=LARGEST_BODY),
    gets(_FILE, "file.write", show, FileShown, "Show a file"),
    gets(f"{_FILE}/contents", "file.write", contents, None, "Download a file", files=CONTENT_TYPES),
)
