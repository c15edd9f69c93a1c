"""Lines of return files that could not be booked: kept with their number and reason, sealed, for banks write names and accounts into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

SEALED_IN, SEALED_AS = "payments_debit_line", "text"
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be booked: its number in the file, its text, and why."""

    no: int
    text: str = field(repr=False)
    code: str
    detail: str


def keep_bad_lines(*, work: UnitOfWork, vault: Vault, file_sha256: str, lines: Sequence[BadLine], booked: Sequence[int]) -> None:
    """Keeps lines of a file, each once with its latest reason; those that are `booked` by now are mended."""
    new = work.ids.many(work.now, len(lines))
    rows = [
        (new_id, line.no, vault.seal(line.text[:_LONGEST], table=SEALED_IN, column=SEALED_AS, row=new_id), line.code, line.detail)
        for new_id, line in zip(new, lines, strict=True)
    ]
    columns: Mapping[str, str] = {"id": "uuid", "no": "integer", "text": "bytea", "code": "text", "detail": "text"}
    same = {
        "book_id": ("uuid", work.book.id),
        "file_sha256": ("text", file_sha256),
        "heard_at": ("timestamptz", work.now),
        "heard_by": ("text", work.by.label),
    }
    again = "ON CONFLICT (book_id, file_sha256, no) DO UPDATE SET code = EXCLUDED.code, detail = EXCLUDED.detail"
    sql.insert("payments_debit_line", columns, rows, same=same, suffix=again)
    sql.run(
        "UPDATE payments_debit_line SET mended_at = %s WHERE book_id = %s AND file_sha256 = %s AND no = ANY(%s) AND mended_at IS NULL",
        [work.now, work.book.id, file_sha256, list(booked)],
    )
    kept = sql.rows(
        "SELECT id FROM payments_debit_line WHERE book_id = %s AND file_sha256 = %s AND (no = ANY(%s) OR mended_at = %s) ORDER BY no",
        [work.book.id, file_sha256, [line.no for line in lines], work.now],
    )
    ids = [row[0] for row in kept]
    audit.record(work=work, action="payments.keep_bad_lines", object_kind="debit_line", object_ids=ids, detail={"file": file_sha256})
