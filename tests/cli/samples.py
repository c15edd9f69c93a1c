"""Files of items as people write them."""

from __future__ import annotations

import itertools
import secrets
from datetime import date
from typing import Any, Final

from yuefu.sim import people

USCC: Final = "91310000MA1K00100U"
SHA256: Final = "4f1d" * 16
PRODUCT: Final[dict[str, Any]] = {
    "code": "flex", "name_zh": "灵活分期", "name_en": "Flexible plan", "payer": "consumer", "annual_rate": "14.40", "periods": [3, 6, 12],
    "minimum": "10.00", "maximum": "50000.00", "currency": "CNY", "lender_zh": "示例小额贷款有限公司", "lender_en": "Example Lending Ltd",
    "lender_licence": "DEMO-0001",
}  # fmt: skip
CONTRACT: Final[dict[str, Any]] = {
    "valid_from": "2026-10-12", "fee_rate": "0.60", "settlement_days": 1, "channel": "online",
    "discounts": [{"periods": 3, "rate": "1.80"}, {"periods": 6, "rate": "3.60"}], "fee_on_refund": "returned",
    "negative_limit": "500000.00", "currency": "CNY",
}  # fmt: skip
_numbers = itertools.count(secrets.randbelow(10_000) + 5_000)


def product(**other: Any) -> dict[str, Any]:
    return {**PRODUCT, "code": f"p-{secrets.token_hex(4)}", **other}


def contract(**other: Any) -> dict[str, Any]:
    return {**CONTRACT, **other}


def merchant(**other: Any) -> dict[str, Any]:
    """A merchant with a code of its own."""
    return {
        "code": f"shop-{secrets.token_hex(4)}", "name_zh": "唱片之家", "name_en": "Record House", "uscc": USCC, "industry": "media",
        "settlement_account": "6222000000007391", "settlement_account_kind": "corporate", "contract": CONTRACT, **other,
    }  # fmt: skip


def consumer(**other: Any) -> dict[str, Any]:
    """An adult whom nobody has registered yet."""
    one = people.customer(number=f"{next(_numbers):05d}", seed=secrets.randbits(32), as_of=date(2026, 10, 12)).new
    given = {"external_ref": f"U-{secrets.token_hex(5)}", "name": "欧阳明月", "phone": one.phone, "id_number": one.id_number}
    return {**given, "consents": [{"purpose": "credit_service", "version": "2026-1", "text_sha256": SHA256}], **other}
