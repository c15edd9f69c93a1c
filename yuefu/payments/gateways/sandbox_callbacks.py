"""Callbacks of the sandbox's channel: signed as Standard Webhooks 1.0 signs, by Ed25519 with a key of this installation's sandbox."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

import orjson

from yuefu.money.amounts import Money, MoneyError
from yuefu.notices.rules.webhooks import signing
from yuefu.notices.rules.webhooks.signing import NotSigned
from yuefu.payments.gateways.callbacks import NotTrusted, Said
from yuefu.payments.rules import ChannelResult
from yuefu.runtime.values import Book
from yuefu.runtime.vault import Vault

_OUTCOMES: Final = frozenset({"succeeded", "failed"})


class SandboxCallbacks:
    """Both ends: `signed` is what the sandbox sends, `read` what we make of it."""

    def __init__(self, vault: Vault) -> None:
        self._private = signing.PRIVATE + b64encode(vault.index("channel", purpose="sandbox.callbacks")).decode()

    def signed(
        self, *, book: Book, number: str, about: Literal["payment", "refund"], result: ChannelResult, now: datetime
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of a callback."""
        told = {
            "id": number,
            "book": str(book.id),
            "about": about,
            "reference": result.reference,
            "outcome": result.outcome,
            "amount": result.amount.minor,
            "fee": result.fee.minor,
            "currency": result.amount.currency,
            "provider_id": result.provider_id,
            "on": result.on.isoformat() if result.on else None,
            "failure_code": result.failure_code,
        }
        body = orjson.dumps(told)
        at = str(int(now.timestamp()))
        return {
            signing.ID: number,
            signing.TIMESTAMP: at,
            signing.SIGNATURE: signing.sign_asymmetric(self._private, number, at, body),
            "content-type": "application/json",
        }, body

    def read(self, *, headers: Mapping[str, str], body: bytes, now: datetime | None) -> Said:
        """What a callback says. Raises NotTrusted with not_signed or not_readable."""
        try:
            at = now or datetime.fromtimestamp(int(headers.get(signing.TIMESTAMP, "0")[:12] or "0")).astimezone()
            number = signing.verify(headers, body=body, now=at, public=signing.public_of(self._private))
        except (NotSigned, ValueError) as error:
            raise NotTrusted("not_signed", str(error)) from error
        try:
            return _said(number, orjson.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, MoneyError) as error:
            raise NotTrusted("not_readable", f"{type(error).__name__}: this is no callback of the sandbox") from error


def _said(number: str, told: Mapping[str, Any]) -> Said:
    outcome, about, currency = told["outcome"], told["about"], told["currency"]
    if told["id"] != number or outcome not in _OUTCOMES or about not in ("payment", "refund") or not 0 < len(number) <= 128:
        raise ValueError(number)
    result = ChannelResult(
        reference=str(told["reference"]),
        outcome=cast("Any", outcome),
        amount=Money(told["amount"], currency),
        fee=Money(told["fee"], currency),
        provider_id=str(told["provider_id"]),
        on=date.fromisoformat(told["on"]) if told["on"] else None,
        failure_code=str(told["failure_code"]),
    )
    return Said(number, UUID(told["book"]), about, result)
