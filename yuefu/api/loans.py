"""Loans of a merchant's orders: how they were planned, and what their consumers pay through the merchant who sold the goods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, cast
from uuid import UUID

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api import expanding, listing
from yuefu.api.bodies import Named, Part, Text
from yuefu.api.calls import Call
from yuefu.api.listing import CREATED, Listing, Page, an_id, one_of
from yuefu.api.problems import Problem
from yuefu.api.route import Route, gets
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.loans.queries import told
from yuefu.loans.queries.told import STATES, LoanTold
from yuefu.runtime.paging import Span


class InstalmentPlanned(BaseModel):
    no: int
    due_on: date
    principal: int
    interest: int
    fees: int
    total: int


class LoanShown(BaseModel):
    """What was lent for a capture, and the instalments as they were planned that day. Of what the consumer has paid since it tells one thing: a loan that
    is `closed` asks nothing any more.
    """

    object: Literal["loan"]
    id: str
    order: Named
    capture: Named | None
    state: Literal["active", "closed"]
    product: str
    amount: int
    currency: str
    lent_on: date
    created_at: datetime
    instalments: list[InstalmentPlanned]


class LoanList(Page[LoanShown]):
    """A page of loans, newest first."""


class NewRepayment(Part):
    """What a consumer pays of a loan through the merchant, or all that is due today where no amount is given; what is more than that goes
    back. `instrument` names their card or wallet at the payment channel.
    """

    instrument: Annotated[Text, Field(min_length=1, max_length=128, examples=["card:6217:ok"])]


class RepaymentMade(BaseModel):
    """Money that came from the consumer. What was not applied to the loan, because it was not due, is on its way back to them."""

    object: Literal["repayment"]
    id: str
    loan: str
    amount: int
    amount_applied: int
    amount_returned: int
    currency: str


async def repay(call: Call) -> dict[str, Any]:
    """POST /v1/loans/{loan_id}/repayments. What the channel has not answered yet is no answer: the key tells later."""
    body = cast("NewRepayment", call.body)
    request = RepayRequest(call.key, call.object_id("loan"), call.part(), body.instrument, by=call.by, merchant_id=call.merchant_id)
    done: Repaid = await call.ask("repay", request)
    name = ids.text("collection", done.collection_id)
    if done.state == "failed":
        raise Problem(
            "repayment_failed",
            f"The payment channel took nothing: {done.failure_code}. Another try needs another key.",
            more={"repayment": name, "reasons": [done.failure_code]},
        )
    if done.state != "succeeded":
        call.first = None
        raise Problem("repayment_pending", more={"repayment": name})
    return {
        "object": "repayment",
        "id": name,
        "loan": ids.text("loan", done.loan_id),
        "amount": done.amount.minor,
        "amount_applied": (done.amount - done.excess).minor,
        "amount_returned": done.excess.minor,
        "currency": done.amount.currency,
    }


LISTING: Final = Listing(
    "loan",
    "/v1/loans",
    (
        an_id("order", "order", "Only those of this order."),
        an_id("capture", "capture", "Only the one of this capture."),
        one_of("state", STATES, "Only those in this state."),
        *CREATED,
    ),
)


async def show(call: Call) -> dict[str, Any]:
    """GET /v1/loans/{loan_id}"""
    return await call.shown("loan", read)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/loans"""
    merchant_id = call.merchant_id

    def found(where: Mapping[str, Any], span: Span) -> list[dict[str, Any]] | None:
        page = told.loans(merchant_id=merchant_id, where=where, span=span)
        return None if page is None else [_shown(loan) for loan in page]

    return await listing.page(call, LISTING, found)


def read(loan_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Loans of orders of the merchant who reads, as they are shown."""
    return {loan_id: _shown(loan) for loan_id, loan in told.loans_by_id(loan_ids=loan_ids).items()}


expanding.register("loan", read)


def _shown(loan: LoanTold) -> dict[str, Any]:
    return {
        "object": "loan",
        "id": ids.text("loan", loan.id),
        "order": ids.text("order", loan.order_id),
        "capture": ids.text("capture", loan.capture_id) if loan.capture_id else None,
        "state": loan.state,
        "product": loan.product,
        "amount": loan.principal.minor,
        "currency": loan.principal.currency,
        "lent_on": loan.lent_on,
        "created_at": loan.booked_at.astimezone(UTC),
        "instalments": [
            {
                "no": row.no,
                "due_on": row.due_on,
                "principal": row.principal,
                "interest": row.interest,
                "fees": row.fees,
                "total": row.principal + row.interest + row.fees,
            }
            for row in loan.instalments
        ],
    }


_LOAN: Final = "/v1/loans/{loan_id}"
_REPAYMENTS: Final = f"{_LOAN}/repayments"

ROUTES: Final = (
    gets(
        "/v1/loans", "order.read", listed, LoanList, "List loans, newest first", LISTING.parameters, expands=("data.order", "data.capture")
    ),
    gets(_LOAN, "order.read", show, LoanShown, "Show a loan", expands=("order", "capture")),
    Route("POST", _REPAYMENTS, "repayment.collect", repay, NewRepayment, RepaymentMade, 201, True, "Collect a repayment", may_fail=True),
)
