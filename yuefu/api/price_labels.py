"""Price labels: what goods cost by the month, for the page that shows them. Asked by browsers too, with a publishable key."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel

from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.api.route import Parameter, Route
from yuefu.journeys.checkout.labelling import LabelWish, Plans
from yuefu.money.amounts import LARGEST_MINOR, Money, MoneyError
from yuefu.offers.rules.quote import Quote
from yuefu.offers.rules.wording import LANGUAGES, Language, label_text
from yuefu.plans.label import render_price_label
from yuefu.plans.terms import MOST_PERIODS

_LONGEST: Final = 64


class Run(BaseModel):
    """So many instalments of so much each."""

    count: int
    amount: int


class PriceLabel(BaseModel):
    """What one plan costs. `label` adds up to the cent; show it whole, with `disclosure` beside it."""

    object: Literal["price_label"]
    product: str
    periods: int
    amount: int
    currency: str
    instalments: list[Run]
    largest_instalment: int
    total_payable: int
    total_interest: int
    annual_cost_pct: str
    annual_cost_simple_pct: str
    first_due_on: date
    label: str
    disclosure: str
    lender: str


class PriceLabelList(BaseModel):
    """The plans that there are for an amount, by product and number of periods."""

    object: Literal["list"]
    url: str
    has_more: Literal[False]
    data: list[PriceLabel]


PARAMETERS: Final[tuple[Parameter, ...]] = (
    ("amount", {"type": "integer", "minimum": 1, "maximum": LARGEST_MINOR, "examples": [19900]}, "Minor units: 19900 is 199.00 CNY."),
    ("currency", {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["CNY"]}, "That of the amount; without it that of the book."),
    ("product", {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[ -~]+$"}, "Only the plans of this product."),
    ("periods", {"type": "integer", "minimum": 1, "maximum": MOST_PERIODS}, "Only the plans of so many periods."),
    ("language", {"type": "string", "enum": list(LANGUAGES), "default": "zh"}, "Of the texts."),
)


async def listed(call: Call) -> dict[str, Any]:
    """GET /v1/price_labels"""
    asked = call.query_of(*(name for name, _, _ in PARAMETERS))
    language = _language(asked.get("language", "zh"))
    currency = asked.get("currency", call.holder.book.currency)
    if "amount" not in asked:
        raise Problem("invalid_parameter", "Give the amount, in minor units.")
    wish = LabelWish(
        call.merchant_id,
        Money(_whole("amount", asked["amount"], LARGEST_MINOR), _known(currency)),
        (asked["product"],) if "product" in asked else (),
        (_whole("periods", asked["periods"], MOST_PERIODS),) if "periods" in asked else (),
    )
    plans = await _plans(call, wish)
    return {"object": "list", "url": "/v1/price_labels", "has_more": False, "data": [_shown(plan, language) for plan in plans]}


async def _plans(call: Call, wish: LabelWish) -> Plans:
    """What there is: nothing for an amount, a currency or a product without a plan."""
    try:
        plans: Plans = await call.ask("label", wish)
    except Problem as problem:
        if problem.kind.status == 422:
            return ()
        raise
    return plans


def _shown(plan: Quote, language: Language) -> dict[str, Any]:
    said, groups = plan.product.terms, plan.label.groups
    return {
        "object": "price_label",
        "product": said.code,
        "periods": plan.terms.periods,
        "amount": plan.terms.principal.minor,
        "currency": plan.terms.principal.currency,
        "instalments": [{"count": count, "amount": each.minor} for count, each in groups],
        "largest_instalment": max(each.minor for _, each in groups),
        "total_payable": plan.total.minor,
        "total_interest": (plan.total - plan.terms.principal).minor,
        "annual_cost_pct": plan.cost.compound_text(),
        "annual_cost_simple_pct": plan.cost.simple_text(),
        "first_due_on": plan.first_due_on,
        "label": render_price_label(plan.label),
        "disclosure": label_text(plan.disclosure.content, language),
        "lender": said.lender_zh if language == "zh" else said.lender_en,
    }


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and 1 <= int(text) <= most):
        raise Problem("invalid_parameter", f"{name} is a whole number from 1 to {most}.")
    return int(text)


def _known(currency: str) -> str:
    try:
        return Money.zero(currency).currency
    except MoneyError as error:
        raise Problem("invalid_parameter", "currency is an ISO 4217 code in capitals, such as CNY.") from error


def _language(text: str) -> Language:
    found = next((one for one in LANGUAGES if one == text), None)
    if found is None:
        raise Problem("invalid_parameter", f"language is one of {', '.join(LANGUAGES)}.")
    return found


_LABELS: Final = "/v1/price_labels"
_SUMMARY: Final = "What an amount costs by the month"

ROUTES: Final = (
    Route("GET", _LABELS, "offer.read", listed, None, PriceLabelList, 200, False, _SUMMARY, PARAMETERS, public=True, needs=("amount",)),
)  # fmt: skip
