"""Payouts as the merchant that they go to lists them, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.payments.queries.payouts import _PAYOUT, _payout
from yuefu.payments.rules import Payout
from yuefu.runtime import sql
from yuefu.runtime.pages import Page, given, page_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which payouts: in a state, of a settlement batch, ordered from one moment on and before another, paid from one day to another; None is whatever it
    is."""

    state: str | None = None
    batch_id: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None
    paid_from: date | None = None
    paid_until: date | None = None


def listed(*, merchant_id: UUID, wanted: Wanted, page: Page) -> list[Payout] | None:
    """Payouts to a merchant, newest first; None where the page begins beside what is none of this merchant."""
    if page.place and payout(merchant_id=merchant_id, payout_id=page.place) is None:
        return None
    tests = given(
        {
            "p.merchant_id = %s": merchant_id,
            "p.state = %s": wanted.state,
            "p.batch_id = %s": wanted.batch_id,
            "p.ordered_at >= %s": wanted.since,
            "p.ordered_at < %s": wanted.before,
            "p.paid_on >= %s": wanted.paid_from,
            "p.paid_on <= %s": wanted.paid_until,
        }
    )
    return page_of(_payout, _PAYOUT, tests, page, key="p.id")


def payout(*, merchant_id: UUID, payout_id: UUID) -> Payout | None:
    """A payout to a merchant."""
    found = sql.rows_as(_payout, _PAYOUT + " WHERE p.id = %s AND p.merchant_id = %s", [payout_id, merchant_id])
    return found[0] if found else None
