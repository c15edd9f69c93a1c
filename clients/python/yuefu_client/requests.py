"""A request as a value: what is sent, whoever sends it."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Request:
    """What is asked. A POST has an Idempotency-Key, by which it is carried out once however often it is sent."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    key: str | None = None

    def keyed(self) -> Request:
        """The same with a key, where it needs one and was not given any."""
        if self.key is not None and not (0 < len(self.key) <= 255 and self.key.isascii() and self.key.isprintable()):
            raise ValueError("an idempotency key has 1 to 255 printable ASCII characters")
        return replace(self, key=f"py-{uuid.uuid4().hex}") if self.method == "POST" and self.key is None else self

    def also(self, **query: Any) -> Request:
        """The same of another page."""
        kept = {name: value for name, value in self.query.items() if name not in ("starting_after", "ending_before")}
        return replace(self, query={**kept, **query})

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """What stands behind the address."""
        found: list[tuple[str, str]] = []
        for name, value in self.query.items():
            if isinstance(value, (list, tuple)):
                found += [(name, _text(one)) for one in value]
            elif value is not None:
                found.append((name, _text(value)))
        return tuple(found)

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        return None if self.body is None else json.dumps(self.body, default=_json, ensure_ascii=False, allow_nan=False).encode()


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """What was given: None stands for what is left out."""
    return {name: value for name, value in members.items() if value is not None}


def segment(value: str) -> str:
    """What stands in the address. An empty one would be another address: that of the list."""
    if not value or value in (".", ".."):
        raise ValueError(f"an id is a text such as ord_01h455vb4pex5vsknk084sn02q, not {value!r}")
    return quote(value, safe="")


def listed(values: str | Sequence[str] | None) -> Sequence[str] | None:
    """What may be given alone or in a list."""
    return [values] if isinstance(values, str) else values


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(_json(value)) if isinstance(value, date) else str(value)


def _json(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its zone: {value!r}")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent")
