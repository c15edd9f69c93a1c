"""Writes of QR codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from yuefu.orders.rules.qr import QrCode
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

_COLUMNS: Final = {
    "id": "uuid", "merchant_id": "uuid", "kind": "text", "store_id": "uuid", "terminal_id": "uuid", "session_id": "uuid", "amount_by": "text",
    "expires_at": "timestamptz",
}  # fmt: skip


def make(*, work: UnitOfWork, codes: Sequence[QrCode]) -> None:
    """Writes new codes. What they name was looked at."""
    rows = [(c.id, c.merchant_id, c.kind, c.store_id, c.terminal_id, c.session_id, c.amount_by, c.expires_at) for c in codes]
    sql.insert("orders_qr_code", _COLUMNS, rows, same={"book_id": ("uuid", work.book.id), "created_at": ("timestamptz", work.now)})
    audit.record(work=work, action="qr_code.create", object_kind="qr_code", object_ids=[code.id for code in codes])
