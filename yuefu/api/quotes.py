"""Quotes: what a purchase would cost, recorded as shown."""

from __future__ import annotations

from typing import Any, cast

from yuefu import ids
from yuefu.api.bodies import NewQuote
from yuefu.api.calls import Call
from yuefu.journeys.checkout import Quoted, Wish
from yuefu.money.amounts import Money


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/quotes"""
    body = cast("NewQuote", call.body)
    wish = Wish(call.merchant_id, body.consumer_id, body.product, Money(body.amount, body.currency), body.periods, body.language)
    quoted: Quoted = await call.ask("quote", wish)
    table = quoted.quote.disclosure.content
    return {
        "object": "quote",
        "id": ids.text("quote", quoted.quote_id),
        "product": body.product,
        "consumer_id": ids.text("consumer", body.consumer_id) if body.consumer_id else None,
        "language": body.language,
        "amount": body.amount,
        "currency": body.currency,
        "periods": body.periods,
        "instalments": [
            {
                "no": row["no"],
                "due_on": row["due_on"],
                "principal": row["principal_minor"],
                "interest": row["interest_minor"],
                "total": row["total_minor"],
            }
            for row in table["instalments"]
        ],
        "total_payable": table["paid_total_minor"],
        "total_interest": table["items_total_minor"],
        "annual_cost_pct": table["annual_cost"]["compound_pct"],
        "annual_cost_simple_pct": table["annual_cost"]["simple_pct"],
        "shown_on": quoted.quote.terms.disbursed_on,
        "disclosure_id": ids.text("disclosure", quoted.disclosure_id),
        "disclosure_sha256": quoted.quote.disclosure.hash.hex(),
    }
