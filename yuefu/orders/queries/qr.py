"""Reads of QR codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from yuefu.orders.rules.qr import QrCode
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span

_CODE: Final = "id, merchant_id, kind, store_id, terminal_id, session_id, amount_by, created_at, expires_at"
_FILTERS: Final = {
    "kind": "kind = %(kind)s",
    "store": "store_id = %(store)s",
    "terminal": "terminal_id = %(terminal)s",
    "checkout_session": "session_id = %(checkout_session)s",
    "created_from": "created_at >= %(created_from)s",
    "created_before": "created_at < %(created_before)s",
}


def codes(ids: Sequence[UUID]) -> dict[UUID, QrCode]:
    """These QR codes; unknown ids are left out."""
    return {one.id: one for one in sql.rows_as(QrCode, f"SELECT {_CODE} FROM orders_qr_code WHERE id = ANY(%s)", [list(ids)])}


def book_of(code_id: UUID) -> UUID | None:
    """The book of a QR code."""
    found: UUID | None = sql.value("SELECT book_id FROM orders_qr_code WHERE id = %s", [code_id])
    return found


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[QrCode] | None:
    """QR codes of a merchant, newest first; None where the span begins at none of them."""
    owner = {"merchant_id": merchant_id}
    return paging.page(QrCode, columns=_CODE, table="orders_qr_code", owner=owner, conditions=_FILTERS, where=where, span=span)
