"""Loans: what their consumers pay through the merchant who sold the goods."""

from __future__ import annotations

from typing import Any, cast

from yuefu import ids
from yuefu.api.bodies import NewRepayment
from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.journeys.repayment import Repaid, RepayRequest


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
