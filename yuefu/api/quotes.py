"""Quotes: what a purchase would cost, recorded as shown."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, Field

from yuefu import ids
from yuefu.api.bodies import Amount, Body, ConsumerId, Currency, Text
from yuefu.api.calls import Call
from yuefu.api.route import Route
from yuefu.journeys.checkout import OnceShown, Quoted, Wish
from yuefu.money.amounts import Money
from yuefu.offers.rules.wording import LANGUAGES


class NewQuote(Body):
    """A purchase that a consumer would like to pay in instalments."""

    product: Annotated[Text, Field(min_length=1, max_length=64, examples=["free"])]
    amount: Amount
    currency: Currency
    periods: Annotated[int, Field(ge=1, le=1000, examples=[3])]
    consumer: ConsumerId | None = None
    language: Literal[LANGUAGES] = "zh"  # type: ignore[valid-type]


class Instalment(BaseModel):
    no: int
    due_on: date
    principal: int
    interest: int
    total: int


class QuoteShown(BaseModel):
    """A price that may be shown to the consumer today, with the summary of its cost table."""

    object: Literal["quote"]
    id: str
    product: str
    consumer: str | None
    language: str
    amount: int
    currency: str
    periods: int
    instalments: list[Instalment]
    total_payable: int
    total_interest: int
    annual_cost_pct: str
    annual_cost_simple_pct: str
    shown_on: date
    disclosure: str
    disclosure_sha256: str


async def create(call: Call) -> dict[str, Any]:
    """POST /v1/quotes"""
    body = cast("NewQuote", call.body)
    wish = Wish(
        call.merchant_id, body.consumer, body.product, Money(body.amount, body.currency), body.periods, body.language, call.key, call.by
    )
    if call.key:
        shown: OnceShown = await call.ask("quote_once", wish)
    else:
        quoted: Quoted = await call.ask("quote", wish)
        shown = OnceShown(quoted.quote_id, quoted.disclosure_id, quoted.quote.disclosure, quoted.quote.terms.disbursed_on)
    table = shown.disclosure.content
    return {
        "object": "quote",
        "id": ids.text("quote", shown.quote_id),
        "product": body.product,
        "consumer": ids.text("consumer", body.consumer) if body.consumer else None,
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
        "shown_on": shown.shown_on,
        "disclosure": ids.text("disclosure", shown.disclosure_id),
        "disclosure_sha256": shown.disclosure.hash.hex(),
    }


ROUTES: Final = (
    Route("POST", "/v1/quotes", "order.authorise", create, NewQuote, QuoteShown, 201, False, "Show what a purchase would cost"),
)
