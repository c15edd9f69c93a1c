"""JSON text of frozen values: uuids, dates, money and tuples written plainly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson


def dumps(value: Any) -> str:
    """Compact JSON. Raises TypeError for what has no JSON form."""
    try:
        return orjson.dumps(value, _plain).decode()
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and halves of surrogate pairs, which a person may have typed: slowly, but not refused.
        return _encode(value)


def _plain(value: Any) -> Any:
    """What an encoder does not know by itself. orjson does know uuids, dates, moments, enumerations and dataclasses."""
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
