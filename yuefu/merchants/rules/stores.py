"""Where a merchant sells: stores 门店, and the tills in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules import code_fault, name_fault

UNKNOWN_STORE: Final = "unknown_store"
UNKNOWN_TERMINAL: Final = "unknown_terminal"
STORE_NOT_SELLING: Final = "store_not_selling"  # not there, closed, or another merchant's: what names it does not learn which
TERMINAL_NOT_SELLING: Final = "terminal_not_selling"
PLACE_CLOSED: Final = "place_closed"  # a store or till that was closed stays so: open another one
ADDRESS_INVALID: Final = "address_invalid"

STATES: Final = ("active", "closed")


@dataclass(frozen=True, slots=True)
class Store:
    """A store of a merchant, by a code of its own."""

    id: UUID
    merchant_id: UUID
    code: str
    name_zh: str
    name_en: str
    address: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Terminal:
    """A till in a store, by a code of its own there. It sells as long as both are active."""

    id: UUID
    merchant_id: UUID
    store_id: UUID
    code: str
    state: str
    created_at: datetime
    store_state: str

    @property
    def sells(self) -> bool:
        return self.state == self.store_state == "active"


def store_fault(code: str, name_zh: str, name_en: str, address: str) -> Refused | None:
    """What a store cannot be called."""
    good = 1 <= len(address) <= 255 and address.isprintable() and address == address.strip()
    return (
        code_fault(code)
        or name_fault(name_zh, field="name_zh")
        or name_fault(name_en, field="name_en")
        or (None if good else Refused(ADDRESS_INVALID, "an address has 1 to 255 characters and no blanks around it", "address"))
    )
