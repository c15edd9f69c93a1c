"""Reads of which agents may act for which merchants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span


@dataclass(frozen=True, slots=True)
class Sold:
    """A merchant as the agent who acts for it sees it."""

    id: UUID
    code: str
    name_zh: str
    name_en: str
    industry: str
    state: str
    created_at: datetime


_SOLD: Final = "m.id, m.code, m.name_zh, m.name_en, m.industry, m.state, m.created_at"
_OF: Final = (
    "merchants_acting AS a JOIN merchants_payee AS p ON p.id = a.agent_id AND p.state = 'active' AND a.ended_at IS NULL"
    " JOIN merchants_merchant AS m ON m.id = a.merchant_id"
)
_FILTERS: Final = {
    "code": "m.code = %(code)s",
    "state": "m.state = %(state)s",
    "created_from": "m.created_at >= %(created_from)s",
    "created_before": "m.created_at < %(created_before)s",
}


def acts_for(*, agent_id: UUID, merchant_id: UUID) -> bool:
    """Whether an agent may act for a merchant now."""
    return bool(sql.rows(f"SELECT 1 FROM {_OF} WHERE a.agent_id = %s AND a.merchant_id = %s", [agent_id, merchant_id]))


def page(*, agent_id: UUID, where: Mapping[str, Any], span: Span) -> list[Sold] | None:
    """The merchants for whom an agent may act, newest first; None where the span begins at none of them."""
    return paging.page(
        Sold, columns=_SOLD, table=_OF, owner={"a.agent_id": agent_id}, conditions=_FILTERS, where=where, span=span, key="m.id"
    )


def themselves(*, merchant_id: UUID) -> list[Sold]:
    """A merchant as it sees itself."""
    return sql.rows_as(Sold, f"SELECT {_SOLD} FROM merchants_merchant AS m WHERE m.id = %s", [merchant_id])
