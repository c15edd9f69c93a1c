"""Reads of files that merchants sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from yuefu.aftersales.rules.files import File
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

TABLE: Final = "aftersales_file"
COLUMN: Final = "sealed"

_FILE: Final = "SELECT id, merchant_id, purpose, name, content_type, size, sha256, recorded_at FROM aftersales_file"


def files(*, ids: Sequence[UUID]) -> dict[UUID, File]:
    """Files as far as this scope sees them."""
    return {one.id: one for one in sql.rows_as(_file, f"{_FILE} WHERE id = ANY(%s)", [list(ids)])}


def of_merchant(*, book_id: UUID, wanted: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those of these (merchant, file) that are so."""
    if not wanted:
        return set()
    source, params = sql.unnest({"merchant_id": "uuid", "id": "uuid"}, sorted(set(wanted)))
    found = sql.rows(
        f"SELECT f.merchant_id, f.id FROM {source} AS g JOIN aftersales_file AS f ON f.id = g.id AND f.merchant_id = g.merchant_id"
        " WHERE f.book_id = %s",
        [*params, book_id],
    )
    return {(merchant_id, file_id) for merchant_id, file_id in found}


def content(*, file_id: UUID, vault: Vault) -> bytes | None:
    """The bytes of a file, if this scope sees it."""
    found = sql.rows("SELECT sealed FROM aftersales_file WHERE id = %s", [file_id])
    return vault.open_bytes(bytes(found[0][0]), table=TABLE, column=COLUMN, row=file_id) if found else None


def _file(*row: Any) -> File:
    *head, sha256, recorded_at = row
    return File(*[*head, bytes(sha256), recorded_at])
