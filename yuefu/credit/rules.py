"""What a credit account may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money

DAY_INVALID: Final = "day_invalid"  # 1 to 28, so that every month has the day
LIMIT_INVALID: Final = "limit_invalid"
CURRENCY_DIFFERS: Final = "currency_differs"
REASONS_MISSING: Final = "reasons_missing"  # a change of limit names its reasons

ACTIVE, FROZEN, CLOSED = "active", "frozen", "closed"
TRANSITIONS: Final = {(ACTIVE, FROZEN), (FROZEN, ACTIVE), (ACTIVE, CLOSED), (FROZEN, CLOSED)}
LATEST_DAY: Final = 28

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


@made_quickly
@dataclass(frozen=True, slots=True)
class CreditAccount:
    """A credit account as stored. Drawn and held amounts are the ledger's."""

    id: UUID
    consumer_id: UUID
    limit: Money
    bill_day: int
    repayment_day: int
    state: str
    policy_version: int


def days_fault(bill_day: int, repayment_day: int) -> Refused | None:
    """Bill day and repayment day exist in every month."""
    for name, day in (("bill_day", bill_day), ("repayment_day", repayment_day)):
        if not 1 <= day <= LATEST_DAY:
            return Refused(DAY_INVALID, f"a day of the month is between 1 and {LATEST_DAY}", name)
    return None


def limit_fault(limit: Money, currency: str) -> Refused | None:
    """A limit is zero or more, in the currency of the account."""
    if limit.currency != currency:
        return Refused(CURRENCY_DIFFERS, f"the limit is in {limit.currency}, not in {currency}", "limit")
    return Refused(LIMIT_INVALID, "a limit is not negative", "limit") if limit.minor < 0 else None


def reasons_fault(reasons: Sequence[str]) -> Refused | None:
    """Reasons are codes; a page has their texts."""
    if not reasons or not all(_REASON.fullmatch(reason) for reason in reasons):
        return Refused(REASONS_MISSING, "a change names its reasons, each a code of a-z, 0-9 and _", "reasons")
    return None
