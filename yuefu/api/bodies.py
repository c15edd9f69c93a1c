"""What the bodies of all resources are made of. Amounts are whole minor units beside their currency; an object that another one names stands
under the name of its kind.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from yuefu import ids
from yuefu.merchants.rules import metadata
from yuefu.money.amounts import LARGEST_MINOR, Money, MoneyError


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
CheckoutId = Annotated[UUID, PlainValidator(partial(_id, "checkout")), WithJsonSchema(id_text("checkout"), mode="validation")]
StoreId = Annotated[UUID, PlainValidator(partial(_id, "store")), WithJsonSchema(id_text("store"), mode="validation")]
TerminalId = Annotated[UUID, PlainValidator(partial(_id, "terminal")), WithJsonSchema(id_text("terminal"), mode="validation")]
QuoteId = Annotated[UUID, PlainValidator(partial(_id, "quote")), WithJsonSchema(id_text("quote"), mode="validation")]
EndpointId = Annotated[
    UUID, PlainValidator(partial(_id, "webhook_endpoint")), WithJsonSchema(id_text("webhook_endpoint"), mode="validation")
]
Code = "^[a-z0-9][a-z0-9_-]{1,39}$"
"""The form of a code that somebody chose: of a host, a category, a store."""

Text = Annotated[str, AfterValidator(_printable), Field(description="Printable characters.")]
Currency = Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"pattern": "^[A-Z]{3}$"}, examples=["CNY"])]
Amount = Annotated[int, Field(ge=1, le=LARGEST_MINOR, description="Minor units: 19900 is 199.00 CNY.", examples=[19900])]


def _metadata(members: dict[str, str]) -> dict[str, str]:
    if len(members) > metadata.MOST:
        raise ValueError(f"at most {metadata.MOST} names")
    if any(not 0 < len(name) <= metadata.LONGEST_NAME for name in members):
        raise ValueError(f"a name has 1 to {metadata.LONGEST_NAME} characters")
    if any(len(text) > metadata.LONGEST_TEXT for text in members.values()):
        raise ValueError(f"a text has at most {metadata.LONGEST_TEXT} characters")
    if not all(part.isprintable() for pair in members.items() for part in pair):
        raise ValueError("only printable characters")
    return members


_NOTED: Final = {
    "maxProperties": metadata.MOST,
    "propertyNames": {"minLength": 1, "maxLength": metadata.LONGEST_NAME, "pattern": "^[ -~]+$"},
    "additionalProperties": {"type": "string", "maxLength": metadata.LONGEST_TEXT, "pattern": "^[ -~]*$"},
    "examples": [{"basket": "7781"}],
}

Metadata = Annotated[
    dict[str, str],
    AfterValidator(_metadata),
    Field(json_schema_extra=_NOTED, description="What you note on it for yourself: names and texts that mean nothing to us."),
]
Named = Annotated[str | dict[str, Any], Field(description="An id, or the object of it where expand[] asks for that.")]


class Body(BaseModel):
    """What a client sends: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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


class NewMetadata(Body):
    """Changes of the metadata of an object: names that are given an empty text are dropped, those that are not named stay."""

    metadata: Metadata


class MetadataShown(BaseModel):
    """All metadata of an object after a change."""

    object: str
    id: str
    metadata: dict[str, str]


class Nothing(Body):
    """An empty object: {}."""


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
