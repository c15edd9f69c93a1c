"""QR codes: of a store or a till, for as long as it sells, or of one checkout session. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

QrKind = Literal["static", "dynamic"]
AmountBy = Literal["", "consumer", "cashier"]
KINDS: Final[tuple[QrKind, ...]] = ("static", "dynamic")

UNKNOWN_QR_CODE: Final = "unknown_qr_code"

KEYED_IN: Final = "^QR-[0-9a-f]{24}$"
"""The references of sessions that consumers opened by keying an amount in: each is for whoever keyed it in, and for nobody else at the till."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A static code is of a store, or of a till in it: the consumer keys the amount in, or the cashier opens a session there. A dynamic one is of
    one session and ends with it. Nothing of a code ever changes.
    """

    id: UUID
    merchant_id: UUID
    kind: QrKind
    store_id: UUID | None
    terminal_id: UUID | None
    session_id: UUID | None
    amount_by: AmountBy
    created_at: datetime
    expires_at: datetime | None
