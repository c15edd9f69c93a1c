"""Mandates (代扣签约): what a consumer allowed us to take by ourselves, up to how much, and how it ends. Pure.

The off switch counts from the moment the consumer asks for it: the channel is told afterwards, and asked until it knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments.rules.steps import UNKNOWN_REFERENCE, amount_refusal

KIND_UNKNOWN = "kind_unknown"  # a mandate is on a wallet or on a bank account
INSTRUMENT_INVALID = "instrument_invalid"
CREDIT_FUNDED = "credit_funded"  # a debt is not paid from another line of credit (代还)
MANDATE_EXISTS = "mandate_exists"  # a consumer has one mandate at a time: revoke it first
UNKNOWN_MANDATE = "unknown_mandate"
MANDATE_OVER = "mandate_over"  # it ended otherwise before
VALID_UNTIL_PASSED = "valid_until_passed"
UNKNOWN_CONSUMER = "unknown_consumer"
REASON_INVALID = "reason_invalid"

MandateKind = Literal["wallet", "bank"]
KINDS: Final = ("wallet", "bank")

CONTRACT: Final = "contract:"
"""What an instrument begins with that is a mandate: the number that the channel gave it comes behind. A debit is a collection of it."""

MANDATE_STEPS: Final = frozenset(
    {("signing", "active"), ("signing", "failed"), ("signing", "revoked"), ("active", "revoked"), ("active", "lost"), ("active", "expired")}
)
IN_FORCE: Final = ("signing", "active")
LOST_CODES: Final = frozenset({"account_closed", "mandate_ended"})
"""With one of these the channel says that it will never take anything by this mandate again."""

_ON_CREDIT: Final = frozenset({"credit", "credit_card", "huabei", "baitiao", "yuefu"})
LONGEST_INSTRUMENT: Final = 100
LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class SignOrder:
    """Ask the channel for a mandate of `payer` on an instrument. `reference` is ours: sent again, it never makes a second one."""

    reference: str
    kind: str
    instrument: str
    payer: str
    limit: Money
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class MandateResult:
    """What the channel says of one mandate. `contract` is its number there. `unknown`: the consumer or the channel has not answered yet."""

    reference: str
    outcome: Literal["active", "failed", "ended", "unknown"]
    contract: str = ""
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class Mandate:
    """A mandate as it is kept. `limit` is what one debit may take at most; `code` says why it is in its state; `told_at` is when the channel
    said that it knows of the end. `seq` counts its steps.
    """

    id: UUID
    reference: str
    consumer_id: UUID
    kind: str
    instrument: str
    contract: str
    limit: Money
    valid_until: date | None
    state: str
    code: str
    begun_at: datetime
    signed_at: datetime | None
    ended_at: datetime | None
    told_at: datetime | None
    seq: int

    @property
    def pays_by(self) -> str:
        """The instrument that a debit names to the channel."""
        return CONTRACT + self.contract


@dataclass(frozen=True, slots=True)
class MandateStep:
    """One step in the life of a mandate: who took it, when and why."""

    mandate_id: UUID
    no: int
    state: str
    actor: str
    reason: str
    recorded_at: datetime


def mandate_refusal(*, kind: str, instrument: str, limit: Money, valid_until: date | None, today: date, currency: str) -> Refused | None:
    """Why a mandate cannot be asked for."""
    if kind not in KINDS:
        return Refused(KIND_UNKNOWN, "a mandate is on a wallet or on a bank account: wallet or bank", "kind")
    if not 0 < len(instrument) <= LONGEST_INSTRUMENT or not instrument.isprintable() or instrument.startswith(CONTRACT):
        detail = f"an instrument has 1 to {LONGEST_INSTRUMENT} printable characters and does not begin with {CONTRACT}"
        return Refused(INSTRUMENT_INVALID, detail, "instrument")
    if instrument.partition(":")[0].strip().lower() in _ON_CREDIT:
        return Refused(
            CREDIT_FUNDED, "a debt is not paid from another line of credit: name a debit card or the balance of a wallet", "instrument"
        )
    if valid_until is not None and valid_until < today:
        return Refused(VALID_UNTIL_PASSED, f"it is {today}: a mandate is valid until today at least, or without an end", "valid_until")
    refused = amount_refusal(limit, currency)
    return Refused(refused.code, refused.detail, "limit") if refused else None


def reason_refusal(reason: str) -> Refused | None:
    """Why a text is no reason."""
    if 0 < len(reason) <= LONGEST_REASON and reason.isprintable() and reason.strip():
        return None
    return Refused(REASON_INVALID, f"a reason has 1 to {LONGEST_REASON} printable characters", "reason")


def mandated(current: Mandate | None, result: MandateResult, now: datetime) -> Mandate | Refused:
    """The mandate after what the channel says; the same value where nothing is new.

    A mandate that the channel ended is lost, and one that we ended stays as we ended it: the channel only knows of it now.
    """
    if current is None:
        return Refused(UNKNOWN_REFERENCE, f"{result.reference[:64]} is not a reference of this book", "reference")
    match current.state, result.outcome:
        case "signing", "active":
            assert result.contract, "a channel that made a mandate gives it a number"
            return replace(current, state="active", contract=result.contract, code="", signed_at=now, seq=current.seq + 1)
        case "signing", "failed" | "ended":
            code = result.failure_code or "not_signed"
            return replace(current, state="failed", code=code, ended_at=now, told_at=now, seq=current.seq + 1)
        case "active", "ended" | "failed":
            return lost(current, result.failure_code or "mandate_ended", now)
        case _, "ended" | "failed" if current.told_at is None:
            return replace(current, told_at=now)
        case _, "active" if not current.contract:  # revoked before it was known that it had been signed
            return replace(current, contract=result.contract)
    return current


def lost(current: Mandate, code: str, now: datetime) -> Mandate:
    """An active mandate after the channel said that it is no more."""
    assert current.state == "active", f"a mandate that is {current.state} is not lost"
    return replace(current, state="lost", code=code, ended_at=now, told_at=now, seq=current.seq + 1)


def revoked(current: Mandate, now: datetime) -> Mandate | Refused:
    """The mandate after its off switch. Again, it stays as it is."""
    if current.state == "revoked":
        return current
    if current.state not in IN_FORCE:
        return Refused(MANDATE_OVER, f"this mandate is {current.state} already: nothing is taken by it", "mandate_id")
    return replace(current, state="revoked", code="revoked", ended_at=now, seq=current.seq + 1)


def expired(current: Mandate, now: datetime) -> Mandate:
    """An active mandate whose last day has passed."""
    assert current.state == "active", f"a mandate that is {current.state} does not expire"
    return replace(current, state="expired", code="valid_until", ended_at=now, seq=current.seq + 1)
