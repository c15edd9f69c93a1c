"""Reads of what channels told by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.runtime import sql
from yuefu.runtime.jsontext import loads
from yuefu.runtime.vault import Vault

TABLE: Final = "payments_callback"


@dataclass(frozen=True, slots=True)
class Kept:
    """A callback as it is kept, and what became of it."""

    id: UUID
    channel: str
    number: str
    received_at: datetime
    state: str
    outcome: str
    tries: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def waiting(*, book_id: UUID, limit: int) -> list[UUID]:
    """Callbacks that nobody has handled, in the order in which they came."""
    return [
        row[0]
        for row in sql.rows(
            "SELECT id FROM payments_callback WHERE book_id = %s AND state = 'waiting' ORDER BY id LIMIT %s", [book_id, limit]
        )
    ]


def callbacks(*, book_id: UUID, ids: Sequence[UUID], vault: Vault) -> list[Kept]:
    """Callbacks by their ids, in the order in which they came."""
    return [_opened(row, vault) for row in sql.rows(f"{_KEPT} WHERE book_id = %s AND id = ANY(%s) ORDER BY id", [book_id, list(ids)])]


def latest(*, book_id: UUID, limit: int, vault: Vault) -> list[Kept]:
    """The newest callbacks, newest first."""
    return [_opened(row, vault) for row in sql.rows(f"{_KEPT} WHERE book_id = %s ORDER BY id DESC LIMIT %s", [book_id, limit])]


_KEPT: Final = "SELECT id, channel, number, received_at, state, outcome, tries, content_sealed FROM payments_callback"


def _opened(row: tuple[Any, ...], vault: Vault) -> Kept:
    content = loads(vault.open(row[7], table=TABLE, column="content", row=row[0]))
    return Kept(*[*row[:7], content["headers"], content["body"].encode("latin-1")])
