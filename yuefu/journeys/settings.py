"""The settings of a book: what each may hold. A new version is checked before anybody is asked to approve it.

A wrong one, once approved, would stop every checkout of the book at the next purchase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import InvalidOperation
from typing import Any, Final
from uuid import UUID

from yuefu.aftersales import rules as aftersales
from yuefu.aftersales.rules import disputes
from yuefu.collecting.rules import policy as collecting
from yuefu.errors import Refused
from yuefu.growth.rules import concentration
from yuefu.journeys.checkout import AUTHORISATION_DAYS, RISK_POLICY
from yuefu.ledger.rules.gl import DEFAULT_CODES, GL_CODES
from yuefu.ledger.rules.gl import checked as checked_codes
from yuefu.merchants.rules import sharing
from yuefu.notices.rules import policy as notices
from yuefu.offers.commands import CAPS
from yuefu.papers.rules import quotes
from yuefu.payments import rules as payments
from yuefu.payments.rules import DEBIT_POLICY, DEFAULT_POLICY
from yuefu.plans.caps import checked as checked_caps
from yuefu.reconciliation.rules import breaks as working
from yuefu.reconciliation.rules import policy as reconciliation
from yuefu.risk.rules.decision import policy
from yuefu.runtime import policies
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement.rules import shares

SETTING_INVALID: Final = "setting_invalid"  # the value is not one this setting may hold
_LONGEST_AUTHORISATION: Final = 90


def propose(*, work: UnitOfWork, name: str, value: Any, valid_from: date, reason: str) -> UUID | Refused:
    """Asks for a new version. Refused with unknown_setting, valid_from_passed or setting_invalid, which says what is wrong."""
    check = CHECKS.get(name)
    if check is not None:
        try:
            check(value)
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation) as error:
            return Refused(SETTING_INVALID, f"{name} cannot have this value: {error}", "value")
    if name in LATER and not policies.is_known(book_id=work.book.id, name=name):
        policies.establish(work=work, name=name, value=LATER[name], valid_from=work.day.on)
    return policies.propose(work=work, name=name, value=value, valid_from=valid_from, reason=reason)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a setting of a book is on a day: its version, in force since `valid_from`; version 0, without a day, is what a book has that never had one."""

    name: str
    version: int
    value: Any
    valid_from: date | None


def standing(*, book_id: UUID, on: date) -> list[Standing]:
    """Every setting of a book as it is on a day, by name."""
    given = [Standing(one.name, one.version, one.value, one.valid_from) for one in policies.listed(book_id=book_id, on=on)]
    named = {one.name for one in given}
    usual = [Standing(name, 0, value, None) for name, value in LATER.items() if name not in named]
    return sorted([*given, *usual], key=lambda one: one.name)


def _days(value: Any) -> None:
    if type(value) is not int or not 1 <= value <= _LONGEST_AUTHORISATION:
        raise ValueError(f"it is a whole number of days from 1 to {_LONGEST_AUTHORISATION}")


CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {
    RISK_POLICY: lambda value: policy(0, value),
    AUTHORISATION_DAYS: _days,
    CAPS: checked_caps,
    GL_CODES: checked_codes,
    notices.POLICY: notices.policy,
    notices.SENDER: notices.sender,
    aftersales.POLICY: aftersales.policy,
    disputes.POLICY: disputes.policy,
    DEBIT_POLICY: lambda value: payments.policy(0, value),
    payments.PAYOUTS: payments.how_paid,
    collecting.POLICY: collecting.policy,
    quotes.VALID_MINUTES: quotes.minutes,
    reconciliation.POLICY: reconciliation.policy,
    concentration.POLICY: concentration.lines,
    sharing.BANDS: sharing.bands,
    shares.WITHHOLDING: shares.withholding,
    working.WORKING: working.working,
}
LATER: Final[Mapping[str, Any]] = {
    GL_CODES: DEFAULT_CODES,
    notices.POLICY: notices.DEFAULT_POLICY,
    notices.SENDER: notices.NO_SENDER,
    DEBIT_POLICY: DEFAULT_POLICY,
    payments.PAYOUTS: payments.DEFAULT_PAYOUTS,
    aftersales.POLICY: aftersales.DEFAULT_POLICY,
    disputes.POLICY: disputes.DEFAULT_POLICY,
    collecting.POLICY: collecting.DEFAULT_POLICY,
    quotes.VALID_MINUTES: quotes.WHOLE_DAY,
    reconciliation.POLICY: reconciliation.DEFAULT_POLICY,
    concentration.POLICY: concentration.DEFAULT_POLICY,
    sharing.BANDS: sharing.DEFAULT_BANDS,
    shares.WITHHOLDING: shares.DEFAULT_WITHHOLDING,
    working.WORKING: working.DEFAULT_WORKING,
}
"""Settings that books from before did not begin with: such a book has this value, and gets it as its first version when another is asked for."""
