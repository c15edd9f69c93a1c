"""What is in a cart, line by line, as a client sends it and as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, PlainValidator, WithJsonSchema

from yuefu.api.bodies import Body, Code, Text
from yuefu.money.amounts import LARGEST_MINOR
from yuefu.orders.rules.lines import MOST_LINES, MOST_PIECES, Line
from yuefu.orders.rules.parts import MOST_SHIPMENTS, Pieces, Shipment

Nothing_or_more = Annotated[int, Field(ge=0, le=LARGEST_MINOR, description="Minor units.", examples=[99950])]


class NewLine(Body):
    """So many pieces at a price each. All lines together are the amount, to the minor unit. `cash_price` is that of one piece when it is paid
    at once, below which a price on credit never is; `tax` the part of the whole line that is tax. What has a serial number is one piece.
    """

    name: Annotated[Text, Field(min_length=1, max_length=255, examples=["Phone, 256 GB"])]
    quantity: Annotated[int, Field(ge=1, le=MOST_PIECES)] = 1
    unit_amount: Nothing_or_more
    sku: Annotated[Text, Field(max_length=64, examples=["PH-256"])] | None = None
    cash_price: Nothing_or_more | None = None
    tax: Nothing_or_more | None = None
    serial_number: Annotated[Text, Field(max_length=64)] | None = None
    category: Annotated[str, Field(pattern=Code, examples=["phones"])] | None = None
    image_url: Annotated[str, Field(pattern="^https://[!-~]{1,491}$", examples=["https://shop.example/phone.jpg"])] | None = None


Lines = Annotated[list[NewLine], Field(max_length=MOST_LINES)]


class LineShown(BaseModel):
    name: str
    quantity: int
    unit_amount: int
    amount: int
    sku: str | None
    cash_price: int | None
    tax: int | None
    serial_number: str | None
    category: str | None
    image_url: str | None


class NewPieces(Body):
    """So many pieces of a line, the first one being 1."""

    line: Annotated[int, Field(ge=1, le=MOST_LINES)]
    quantity: Annotated[int, Field(ge=1, le=MOST_PIECES)] = 1


OfLines = Annotated[list[NewPieces], Field(max_length=MOST_LINES)]


class PiecesShown(BaseModel):
    line: int
    quantity: int


def _moment(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text if isinstance(text, str) and len(text) < 40 else "")
        if found.tzinfo is None or not 1970 < found.year < 9000:
            raise ValueError(text)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("a moment with its zone, such as 2026-09-01T08:00:00+08:00") from error


_MOMENT: Final = {
    "type": "string",
    "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
    "examples": ["2026-09-01T00:00:00Z"],
}
Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema(_MOMENT, mode="validation")]


class NewShipment(Body):
    """How goods were sent. Without a moment they are on their way at some time."""

    carrier: Annotated[Text, Field(min_length=1, max_length=64, examples=["SF Express"])]
    tracking_number: Annotated[Text, Field(min_length=1, max_length=64, examples=["SF1234567890"])]
    shipped_at: Moment | None = None


Shipping = Annotated[list[NewShipment], Field(max_length=MOST_SHIPMENTS)]


class ShipmentShown(BaseModel):
    carrier: str
    tracking_number: str
    shipped_at: datetime | None


def pieces_of(given: Sequence[NewPieces] | None) -> tuple[Pieces, ...]:
    """Pieces as the journeys take them: those of one line together."""
    together: dict[int, int] = {}
    for one in given or ():
        together[one.line] = together.get(one.line, 0) + one.quantity
    return tuple(Pieces(line, quantity) for line, quantity in sorted(together.items()))


def pieces_shown(pieces: Sequence[Pieces]) -> list[dict[str, Any]]:
    """Pieces as they are shown."""
    return [{"line": one.line, "quantity": one.quantity} for one in pieces]


def shipments_of(given: Sequence[NewShipment] | None) -> tuple[Shipment, ...]:
    """Shipments as the journeys take them."""
    return tuple(Shipment(one.carrier, one.tracking_number, one.shipped_at) for one in given or ())


def shipments_shown(shipments: Sequence[Shipment]) -> list[dict[str, Any]]:
    """Shipments as they are shown."""
    return [
        {
            "carrier": one.carrier,
            "tracking_number": one.tracking_number,
            "shipped_at": one.shipped_at.astimezone(UTC) if one.shipped_at else None,
        }
        for one in shipments
    ]


_TEXTS: Final = ("sku", "serial_number", "category", "image_url")


def lines_of(given: Sequence[NewLine] | None) -> tuple[Line, ...]:
    """The lines as the journeys take them."""
    return tuple(
        Line(
            name=one.name,
            quantity=one.quantity,
            unit_amount=one.unit_amount,
            cash_price=one.cash_price,
            tax=one.tax,
            **{name: getattr(one, name) or "" for name in _TEXTS},
        )
        for one in given or ()
    )


def shown(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines as they are shown."""
    return [
        {
            "name": one.name,
            "quantity": one.quantity,
            "unit_amount": one.unit_amount,
            "amount": one.amount,
            "cash_price": one.cash_price,
            "tax": one.tax,
            **{name: getattr(one, name) or None for name in _TEXTS},
        }
        for one in lines
    ]
