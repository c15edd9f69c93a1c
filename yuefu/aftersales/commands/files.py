"""Writes of files that merchants send: sealed, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from yuefu.aftersales.queries.files import COLUMN, TABLE
from yuefu.aftersales.rules.files import File
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault


def keep_files(*, work: UnitOfWork, vault: Vault, files: Sequence[tuple[File, bytes]]) -> None:
    """Keeps files that `rules.files` found nothing against."""
    if not files:
        return
    columns = {
        "id": "uuid",
        "merchant_id": "uuid",
        "purpose": "text",
        "name": "text",
        "content_type": "text",
        "size": "integer",
        "sha256": "bytea",
        "sealed": "bytea",
    }
    same: sql.Same = {
        "book_id": ("uuid", work.book.id),
        "recorded_by": ("text", work.by.label),
        "recorded_at": ("timestamptz", work.now),
    }
    rows = [(*_row(one), vault.seal_bytes(content, table=TABLE, column=COLUMN, row=one.id)) for one, content in files]
    sql.insert(TABLE, columns, rows, same=same)
    kept: list[UUID] = [one.id for one, _ in files]
    audit.record(work=work, action="file.keep", object_kind="file", object_ids=kept)


def _row(one: File) -> tuple[object, ...]:
    return (one.id, one.merchant_id, one.purpose, one.name, one.content_type, one.size, one.sha256)
