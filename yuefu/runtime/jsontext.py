"""JSON text of frozen values: uuids, dates, money and tuples written plainly, keys in a stable order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID


def _plain(value: Any) -> Any:
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
_encode_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain, sort_keys=True).encode


def dumps(value: Any) -> str:
    """Compact JSON."""
    return _encode(value)


def canonical(value: Any) -> str:
    """Compact JSON with sorted keys: the same value always gives the same text, so it can be hashed."""
    return _encode_sorted(value)
