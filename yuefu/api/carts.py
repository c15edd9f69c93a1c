"""What is in a cart, line by line, as a client sends it and as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from yuefu.api.bodies import Body, Code, Text
from yuefu.money.amounts import LARGEST_MINOR
from yuefu.orders.rules.lines import MOST_LINES, MOST_PIECES, Line

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
