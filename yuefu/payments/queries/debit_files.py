"""Reads of lines of return files that could not be booked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class KeptLine:
    """A line as it is kept; `sealed` is its text."""

    id: UUID
    file_sha256: str
    no: int
    sealed: bytes = field(repr=False)
    code: str
    detail: str
    heard_at: datetime
    heard_by: str
    mended_at: datetime | None


def bad_lines(*, book_id: UUID, with_mended: bool, limit: int) -> Sequence[KeptLine]:
    """Lines that could not be booked, and with `with_mended` those that were later; newest file first, in the order of the file."""
    return sql.rows_as(
        lambda *row: KeptLine(*[*row[:3], bytes(row[3]), *row[4:]]),
        "SELECT id, file_sha256, no, text, code, detail, heard_at, heard_by, mended_at FROM payments_debit_line"
        " WHERE book_id = %s AND (%s OR mended_at IS NULL) ORDER BY heard_at DESC, file_sha256, no LIMIT %s",
        [book_id, with_mended, limit],
    )
