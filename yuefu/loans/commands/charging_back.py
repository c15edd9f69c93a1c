"""Charge-backs: the bank of a consumer takes a payment back, or a part of it, and the loan is owed that again from that day on.

Unlike an undone repayment, which never was, the payment counts until its charge-back: nobody is late for days on which it paid. After a write-off it
is given up with the rest: less was recovered, or more is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans.commands import living, serving
from yuefu.loans.commands.living import Entered, NewFact, NotPosted
from yuefu.loans.queries import served
from yuefu.loans.rules import FUTURE_DATED, UNKNOWN_LOAN
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.events import ChargedBack
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

INSTEAD: Final = "undo the repayment, then enter this again"
OF_THE_FIRST_VERSION = "rule_version_2026_1"  # a loan of rule version 2026-1 knows no charge-back: undo the repayment instead


@dataclass(frozen=True, slots=True)
class ChargeBack:
    """So much of what was paid on `paid_on` was taken back on `effective_on`; `source_id` names the charge-back."""

    source_id: UUID
    loan_id: UUID
    amount: Money
    effective_on: date
    paid_on: date


@dataclass(frozen=True, slots=True)
class OwedAgain:
    """What of a charge-back is owed again: principal, interest and charges; `amount` of it was taken, and is owed to the consumer's bank."""

    source_id: UUID
    loan_id: UUID
    amount: Money
    principal: Money
    interest: Money
    charges: Money


def charge_back(*, work: UnitOfWork, requests: Sequence[ChargeBack]) -> list[OwedAgain | Refused]:
    """Makes what was taken back owed again, each seeing those before it. One outcome a request, in order.

    Refused with unknown_loan, rule_version_2026_1, future_dated, already_entered, with the code of the LoanError for what the loan cannot take,
    or with limit_exceeded or account_closed where its credit line cannot.
    """
    lived = served.which([request.loan_id for request in requests])
    known = served.begun_on([request.loan_id for request in requests])
    outcomes: dict[int, OwedAgain | Refused] = {}
    for index, (request, of_second) in enumerate(zip(requests, lived, strict=True)):
        if not of_second or request.loan_id not in known:
            code = OF_THE_FIRST_VERSION if not of_second else UNKNOWN_LOAN
            outcomes[index] = Refused(code, f"only a loan of rule version 2026-2 can be charged back: {INSTEAD}", "collection_id")
        elif request.effective_on > work.day.on:
            outcomes[index] = Refused(FUTURE_DATED, f"the business day is {work.day.on}", "on")
    asked = [index for index in range(len(requests)) if index not in outcomes]
    outcomes.update(zip(asked, _charged_back(work, [requests[index] for index in asked]), strict=True))
    return [outcomes[index] for index in range(len(requests))]


def _charged_back(work: UnitOfWork, requests: Sequence[ChargeBack]) -> list[OwedAgain | Refused]:
    """All at once, and where a credit line has no room for one of them, in halves until that one stands alone."""
    if not requests:
        return []
    facts = [NewFact(r.source_id, r.loan_id, ChargedBack(r.effective_on, r.amount, r.paid_on), owed_back=True) for r in requests]
    try:
        with sql.attempting():
            return _recorded(work, requests, living.enter(work=work, facts=facts))
    except NotPosted as error:
        if len(requests) == 1:
            detail = f"the credit line cannot take what is owed again, raise its limit first: {error.refused.detail}"
            return [replace(error.refused, detail=detail)]
    middle = len(requests) // 2
    return _charged_back(work, requests[:middle]) + _charged_back(work, requests[middle:])


def _recorded(work: UnitOfWork, requests: Sequence[ChargeBack], done: Sequence[Entered | Refused]) -> list[OwedAgain | Refused]:
    """What is owed again, in the books of each loan; one outcome each, in order."""
    outcomes = [one if isinstance(one, Refused) else _owed(request, one) for request, one in zip(requests, done, strict=True)]
    rows = [
        (
            *(request.source_id, request.loan_id, one.no, "charged_back", request.effective_on, request.amount.minor),
            *(-owed.principal.minor, -owed.interest.minor, -owed.charges.minor, request.amount.minor, None),
        )
        for request, one, owed in zip(requests, done, outcomes, strict=True)
        if isinstance(one, Entered) and isinstance(owed, OwedAgain)
    ]
    serving.insert_applied(work, rows)
    return outcomes


def _owed(request: ChargeBack, done: Entered) -> OwedAgain:
    """What of the amount is interest and charges again is counted as such; the rest is principal, what a credit balance pays of it included, and all
    that is given up again of a loan that was written off."""
    was, now = done.before.tally, done.life.tally
    interest = now.interest_again - was.interest_again
    charges = now.fees_again + now.penalties_again - was.fees_again - was.penalties_again
    principal = request.amount.minor - interest - charges
    parts = (Money(minor, request.amount.currency) for minor in (principal, interest, charges))
    return OwedAgain(request.source_id, request.loan_id, request.amount, *parts)
