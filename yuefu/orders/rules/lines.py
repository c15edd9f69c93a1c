"""What is in a cart, line by line. Pure; amounts in minor units of the order's currency."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import LARGEST_MINOR, Money

LINES_INVALID: Final = "lines_invalid"
LINES_DO_NOT_ADD_UP: Final = "lines_do_not_add_up"
DEARER_ON_CREDIT: Final = "dearer_on_credit"  # a price that is raised for credit is a hidden cost of it

MOST_LINES: Final = 200
MOST_PIECES: Final = 1_000_000

_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")
_IMAGE = re.compile(r"https://[!-~]{1,491}")


@dataclass(frozen=True, slots=True)
class Line:
    """So many pieces of something at a price each. `cash_price` is that of one piece when it is paid at once, `tax` the part of the whole line
    that is tax; None where the merchant does not say. A piece with a serial number (IMEI) is a line of its own.
    """

    name: str
    quantity: int
    unit_amount: int
    sku: str = ""
    cash_price: int | None = None
    tax: int | None = None
    serial_number: str = ""
    category: str = ""
    image_url: str = ""

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount


def cart_fault(lines: Sequence[Line], amount: Money | None) -> Refused | None:
    """The first thing that is wrong with a cart, or that it does not come to the amount, to the minor unit. An empty one is none."""
    if len(lines) > MOST_LINES:
        return Refused(LINES_INVALID, f"a cart has at most {MOST_LINES} lines", "lines")
    for number, line in enumerate(lines, start=1):
        fault = _fault(line)
        if fault:
            return Refused(LINES_INVALID, f"line {number}: {fault}", "lines")
        if line.cash_price is not None and line.unit_amount > line.cash_price:
            return Refused(
                DEARER_ON_CREDIT, f"line {number} costs {line.unit_amount} on credit and {line.cash_price} when paid at once", "lines"
            )
    total = sum(line.amount for line in lines)
    if lines and amount is not None and total != amount.minor:
        return Refused(LINES_DO_NOT_ADD_UP, f"the lines come to {total}, the amount is {amount.minor}", "lines")
    return None


def _fault(line: Line) -> str | None:
    if not _said(line.name, least=1, most=255):
        return "a name has 1 to 255 printable characters"
    if not _said(line.sku, most=64) or not _said(line.serial_number, most=64):
        return "an SKU or a serial number has at most 64 printable characters"
    if not 1 <= line.quantity <= MOST_PIECES or (line.serial_number and line.quantity != 1):
        return f"a quantity is 1 to {MOST_PIECES}, and 1 of what has a serial number"
    if not 0 <= line.unit_amount <= LARGEST_MINOR or line.amount > LARGEST_MINOR:
        return "an amount is nothing or more, and not beyond what can be counted"
    if line.cash_price is not None and not 0 <= line.cash_price <= LARGEST_MINOR:
        return "a cash price is nothing or more, and not beyond what can be counted"
    if line.tax is not None and not 0 <= line.tax <= line.amount:
        return "the tax is a part of the line"
    if line.category and not _CATEGORY.fullmatch(line.category):
        return "a category has 2 to 40 of a-z, 0-9, - and _"
    if line.image_url and not _IMAGE.fullmatch(line.image_url):
        return "an image has an address that begins with https://, of at most 499 characters"
    return None


def _said(text: str, *, least: int = 0, most: int) -> bool:
    return least <= len(text) <= most and text.isprintable() and text == text.strip()
