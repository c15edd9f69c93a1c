"""Loans: what their consumers pay through the merchant who sold the goods."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api.bodies import Part, Text
from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.api.route import Route
from yuefu.journeys.repayment import Repaid, RepayRequest


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


_REPAYMENTS: Final = "/v1/loans/{loan_id}/repayments"

ROUTES: Final = (
    Route("POST", _REPAYMENTS, "repayment.collect", repay, NewRepayment, RepaymentMade, 201, True, "Collect a repayment", may_fail=True),
)
