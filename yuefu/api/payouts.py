"""Payouts: money that goes to a merchant, each of one settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel

from yuefu import ids
from yuefu.api import expanding, listing
from yuefu.api.bodies import Named
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, a_day, an_id, one_of
from yuefu.api.route import gets
from yuefu.journeys import told
from yuefu.payments.queries.told import STATES
from yuefu.runtime.paging import Span


class AccountShown(BaseModel):
    """The corporate account that a payout went to."""

    holder: str
    bank_code: str
    number_masked: str


class PayoutShown(BaseModel):
    """Money on its way to you, or there. `reference` is on the statement of your bank; `bank_reference` is what the bank knows it by. One that came back
    says why in `failure_code`, and another one follows it. `expected_on` is the pay day of its settlement, `paid_on` the day on which it left.
    """

    object: Literal["payout"]
    id: str
    state: Literal["scheduled", "sent", "paid", "returned"]
    amount: int
    currency: str
    settlement: Named
    reference: str
    bank_reference: str | None
    account: AccountShown | None
    failure_code: str | None
    expected_on: date
    paid_on: date | None
    returned_on: date | None
    created_at: datetime


class PayoutList(Page[PayoutShown]):
    """A page of payouts, newest first."""


LISTING: Final = Listing(
    "payout",
    "/v1/payouts",
    (
        one_of("state", STATES, "Only those in this state."),
        an_id("settlement", "batch", "Only those of this settlement."),
        *CREATED,
        a_day("paid_from", "Only those that left on this day or later."),
        a_day("paid_until", "Only those that left on this day or before."),
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/payouts/{payout_id}"""
    return await call.shown("payout", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/payouts"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = told.payouts(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(one) for one in page]

    return await listing.page(call, LISTING, found)


def read(payout_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Payouts to the merchant who reads, as they are shown."""
    return {payout_id: _shown(one) for payout_id, one in told.payouts_by_id(ids=payout_ids).items()}


expanding.register("payout", read)


def _shown(one: told.PaidOut) -> dict[str, Any]:
    payout, account = one.payout, one.account
    return {
        "object": "payout",
        "id": ids.text("payout", payout.id),
        "state": payout.state,
        "amount": payout.amount.minor,
        "currency": payout.amount.currency,
        "settlement": ids.text("batch", payout.batch_id),
        "reference": payout.reference,
        "bank_reference": payout.provider_id or None,
        "account": {"holder": account.holder, "bank_code": account.bank_code, "number_masked": account.masked} if account else None,
        "failure_code": payout.failure_code or None,
        "expected_on": one.pay_on,
        "paid_on": payout.paid_on,
        "returned_on": payout.returned_on,
        "created_at": payout.ordered_at.astimezone(UTC),
    }


ROUTES: Final = (
    gets(
        "/v1/payouts", "settlement.read", listed, PayoutList, "List payouts, newest first", LISTING.parameters, expands=("data.settlement",)
    ),
    gets("/v1/payouts/{payout_id}", "settlement.read", show, PayoutShown, "Show a payout", expands=("settlement",)),
)
