"""The JSON of the API: what is taken in, and what is given out. Amounts are whole minor units beside their currency."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from yuefu import ids
from yuefu.merchants.rules import CHANNELS
from yuefu.money.amounts import LARGEST_MINOR, Money, MoneyError
from yuefu.offers.rules.wording import LANGUAGES


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters")
    return text


def _currency(code: str) -> str:
    try:
        Money.zero(code)
    except MoneyError as error:
        raise ValueError("an ISO 4217 code in capitals, such as CNY") from error
    return code


def _id(kind: str, text: Any) -> UUID:
    try:
        return ids.parse(kind, text if isinstance(text, str) and text == text.strip() else "")
    except ids.BadId as error:
        raise ValueError(f"an id begins with {ids.PREFIXES[kind]}_ and has 26 more characters") from error


def id_text(kind: str) -> dict[str, Any]:
    """An id as the description has it."""
    prefix = ids.PREFIXES[kind]
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", "examples": [f"{prefix}_01h455vb4pex5vsknk084sn02q"]}


ConsumerId = Annotated[UUID, PlainValidator(partial(_id, "consumer")), WithJsonSchema(id_text("consumer"), mode="validation")]
QuoteId = Annotated[UUID, PlainValidator(partial(_id, "quote")), WithJsonSchema(id_text("quote"), mode="validation")]
Text = Annotated[str, AfterValidator(_printable), Field(description="Printable characters.")]
Currency = Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"pattern": "^[A-Z]{3}$"}, examples=["CNY"])]
Amount = Annotated[int, Field(ge=1, le=LARGEST_MINOR, description="Minor units: 19900 is 199.00 CNY.", examples=[19900])]


class Body(BaseModel):
    """What a client sends: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewQuote(Body):
    """A purchase that a consumer would like to pay in instalments."""

    product: Annotated[Text, Field(min_length=1, max_length=64, examples=["free"])]
    amount: Amount
    currency: Currency
    periods: Annotated[int, Field(ge=1, le=1000, examples=[3])]
    consumer_id: ConsumerId | None = None
    language: Literal[LANGUAGES] = "zh"  # type: ignore[valid-type]


_CODE = "^[a-z0-9][a-z0-9_-]{1,39}$"


class NewOrder(Body):
    """The consumer's consent to a quote that was shown to them today."""

    quote_id: QuoteId
    consumer_id: ConsumerId
    merchant_reference: Annotated[Text, Field(min_length=1, max_length=64, examples=["A-1001"])]
    channel: Literal[CHANNELS] = "online"  # type: ignore[valid-type]
    host: Annotated[Text, Field(pattern=_CODE, examples=["lin"])] | None = None
    category: Annotated[Text, Field(pattern=_CODE, examples=["phones"])] | None = None


class Part(Body):
    """A part of the order, or all that there is where no amount is given: {}. Without a currency it is that of the book."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"currency": ["amount"]}})

    amount: Amount | None = None
    currency: Currency | None = None

    @model_validator(mode="after")
    def _no_currency_of_nothing(self) -> Self:
        if self.currency and self.amount is None:
            raise ValueError("a currency needs an amount")
        return self


class NewRepayment(Part):
    """What a consumer pays of a loan through the merchant, or all that is due today where no amount is given; what is more than that goes
    back. `instrument` names their card or wallet at the payment channel.
    """

    instrument: Annotated[Text, Field(min_length=1, max_length=128, examples=["card:6217:ok"])]


class Nothing(Body):
    """An empty object: {}."""


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
    consumer_id: str | None
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
    disclosure_id: str
    disclosure_sha256: str


class CaptureOf(BaseModel):
    id: str
    amount: int
    amount_refunded: int
    captured_on: date


class OrderPlaced(BaseModel):
    """An order as it was when it was placed."""

    object: Literal["order"]
    id: str
    state: Literal["authorised"]
    merchant_reference: str
    consumer_id: str
    quote_id: str
    channel: str
    amount: int
    currency: str
    amount_captured: Literal[0]
    amount_released: Literal[0]
    amount_refunded: Literal[0]
    created_at: datetime
    expires_at: datetime


class OrderShown(BaseModel):
    """An order as it is."""

    object: Literal["order"]
    id: str
    state: str
    merchant_reference: str
    consumer_id: str
    quote_id: str | None
    channel: str
    amount: int
    currency: str
    amount_captured: int
    amount_released: int
    amount_refunded: int
    created_at: datetime
    expires_at: datetime
    product: str
    periods: int
    captures: list[CaptureOf]


class OrderList(BaseModel):
    """A page of orders, newest first."""

    object: Literal["list"]
    url: str
    has_more: bool
    data: list[OrderShown]


class CaptureMade(BaseModel):
    object: Literal["capture"]
    id: str
    order: str
    loan: str
    amount: int
    currency: str


class VoidMade(BaseModel):
    object: Literal["void"]
    order: str
    amount: int
    currency: str


class RefundMade(BaseModel):
    object: Literal["refund"]
    id: str
    order: str
    amount: int
    currency: str


class RepaymentMade(BaseModel):
    """Money that came from the consumer. What was not applied to the loan, because it was not due, is on its way back to them."""

    object: Literal["repayment"]
    id: str
    loan: str
    amount: int
    amount_applied: int
    amount_returned: int
    currency: str


class FaultShown(BaseModel):
    detail: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemShown(BaseModel):
    """RFC 9457. Members that you do not know are to be ignored."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: list[FaultShown] = []
    order: str | None = None
    repayment: str | None = None
    reasons: list[str] | None = None
    quarantine: str | None = None
