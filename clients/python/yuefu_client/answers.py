"""What a response says: JSON, a file, or a problem."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx

from yuefu_client.decoding import Answer
from yuefu_client.errors import ServerError


@dataclass(frozen=True)
class Download:
    """A file: what it is called, what it is, and its bytes."""

    name: str
    content_type: str
    content: bytes
    answer: Answer


def about(response: httpx.Response) -> Answer:
    """What the headers of a response say."""
    left = re.search(r";\s*r=(\d+)", response.headers.get("RateLimit", ""))
    return Answer(
        response.status_code,
        response.headers.get("Request-Id", ""),
        response.headers.get("Idempotent-Replayed") == "true",
        int(left.group(1)) if left else None,
    )


def members(response: httpx.Response) -> Mapping[str, Any]:
    """The JSON object that was answered. Raises ServerError where it is none: something on the way answered in its place."""
    found = json_of(response)
    if found is None:
        raise ServerError.unreadable(response.status_code, about(response).request_id)
    return found


def json_of(response: httpx.Response) -> Mapping[str, Any] | None:
    """The same, None where it is none."""
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def download(response: httpx.Response) -> Download:
    """The file that was answered."""
    disposition = response.headers.get("Content-Disposition", "")
    encoded = re.search(r"filename\*=UTF-8''([^;]+)", disposition, re.IGNORECASE)
    plain = re.search(r'filename="?([^";]+)', disposition)
    name = unquote(encoded.group(1)) if encoded else plain.group(1) if plain else ""
    # A name from outside never leads out of the directory that it is written into.
    safe = re.split(r"[/\\]", name)[-1].lstrip(".")
    return Download(safe, response.headers.get("Content-Type", ""), response.content, about(response))
