"""Entries that people write by hand: what they may be. A second person approves each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.rules.chart import CHART
from yuefu.ledger.rules.posting import UNKNOWN_COMPONENT, AccountKey, Entry, Line, shape_refusal
from yuefu.money.amounts import Money

# Refusals, in order of precedence; those of the shape of an entry follow.
REASON_INVALID = "reason_invalid"  # a second person, and whoever reads the books later, has to understand why
NOT_BY_HAND = "not_by_hand"  # a package keeps the figures behind this component, and the close would find it wrong
OWNER_NEEDED = "owner_needed"  # which account of money
MOVEMENT_NEEDED = "movement_needed"  # what the bank or channel shows, and its reference: otherwise it would be a break
MOVEMENT_NOT_ALLOWED = "movement_not_allowed"  # only accounts of money show anything
DIMENSION_NOT_ALLOWED = "dimension_not_allowed"  # orders, loans and merchants have entries of their own

KIND = "manual"
MOST_LINES = 200

_MOVEMENT = re.compile(r"[a-z][a-z_]{0,39}")
_LONGEST_REFERENCE = 64
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """What somebody proposes to post. `effective_on` may be earlier than the day it is approved on, never later; None is that day."""

    lines: tuple[Line, ...]
    reason: str
    effective_on: date | None = None


def fault(given: ManualEntry, on: date) -> Refused | None:
    """What is wrong with a manual entry by itself, on the day it would be posted to."""
    if not 1 <= len(given.reason.strip()) <= _LONGEST_REASON or not given.reason.isprintable():
        return Refused(REASON_INVALID, f"a reason has 1 to {_LONGEST_REASON} printable characters", "reason")
    if len(given.lines) > MOST_LINES:
        return Refused("too_many_lines", f"an entry by hand has at most {MOST_LINES} lines", "lines")
    for line in given.lines:
        refused = _line_fault(line)
        if refused:
            return refused
    return shape_refusal(entry("manual", given), on)


def _line_fault(line: Line) -> Refused | None:
    code = line.account.code
    known = CHART.get(code)
    if known is None:
        return Refused(UNKNOWN_COMPONENT, f"the chart has no component {code!r:.60}", "account")
    if not known.manual:
        return Refused(NOT_BY_HAND, f"{code} is not posted to by hand: what stands behind it is kept elsewhere", "account")
    if line.order_id or line.loan_id or line.merchant_id:
        return Refused(DIMENSION_NOT_ALLOWED, "a line by hand is of no order, loan or merchant", "lines")
    if known.kind != "money":
        named = line.movement or line.reference
        return Refused(MOVEMENT_NOT_ALLOWED, f"no bank or channel shows {code}", "movement") if named else None
    if line.account.owner_id is None:
        return Refused(OWNER_NEEDED, f"which account is {code}?", "account")
    if not _MOVEMENT.fullmatch(line.movement) or not 1 <= len(line.reference) <= _LONGEST_REFERENCE or not line.reference.isprintable():
        detail = f"a line on {code} says what will be shown there: a movement (fee, other, …) and a reference of at most {_LONGEST_REFERENCE} characters"
        return Refused(MOVEMENT_NEEDED, detail, "movement")
    return None


def entry(key: str, given: ManualEntry) -> Entry:
    """The entry that is posted once it is approved."""
    return Entry(key, KIND, given.lines, effective_on=given.effective_on)


def content(given: ManualEntry, own_funds: UUID) -> dict[str, Any]:
    """What the second person reads, and what the table compares with the lines that were posted, to the letter."""
    lines = [
        {
            "account": line.account.code,
            "owner_id": line.account.owner_id,
            "account_funder_id": line.account.funder_id,
            "product": line.account.product,
            "minor": line.amount.minor,
            "currency": line.amount.currency,
            "funder_id": line.funder_id or own_funds,
            "movement": line.movement,
            "reference": line.reference,
        }
        for line in given.lines
    ]
    return {"lines": lines, "effective_on": given.effective_on, "reason": given.reason}


def from_content(content: Mapping[str, Any]) -> ManualEntry:
    """The manual entry that an approval is of."""
    lines = tuple(
        Line(
            AccountKey(one["account"], _uuid(one["owner_id"]), _uuid(one["account_funder_id"]), one["product"]),
            Money(one["minor"], one["currency"]),
            funder_id=_uuid(one["funder_id"]),
            movement=one["movement"],
            reference=one["reference"],
        )
        for one in content["lines"]
    )
    effective = content["effective_on"]
    return ManualEntry(lines, content["reason"], date.fromisoformat(effective) if effective else None)


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
