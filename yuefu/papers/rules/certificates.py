"""Whether a loan is settled, and what a certificate of that says. Pure.

Settled is who owes nothing. A write-off is the lender's book-keeping and ends no debt: a loan that was written off is settled once all that was
given up, principal and what had been earned beside it, has come in after all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.events import Event, Recovered, Undone
from yuefu.plans.lifecycle.fold import as_of, in_order
from yuefu.plans.lifecycle.quotes import payoff_amount
from yuefu.plans.lifecycle.tally import Tally
from yuefu.plans.lifecycle.work import LoanState

NOT_LENT: Final = "not_lent"  # agreed, and nothing was paid out
NOT_SETTLED: Final = "not_settled"
WRITTEN_OFF: Final = "written_off"  # and not all of it has come in since
OLD_RULES: Final = "old_rules"  # papers are made of loans of rule version 2026-2
UNKNOWN_CERTIFICATE: Final = "unknown_certificate"
NOT_OUR_PAPER: Final = "not_our_paper"  # number and hash do not belong together: the paper was changed, or is none of ours

LOAN_REOPENED: Final = "loan_reopened"
LOAN_CHANGED: Final = "loan_changed"
SETTLED: Final = frozenset({"closed", "overpaid"})

How = Literal["repaid", "recovered"]
Standing = Literal["valid", "withdrawn", "loan_reopened"]


@dataclass(frozen=True, slots=True)
class Settled:
    """A loan of which nothing is owed since a day: because it was repaid, or what a write-off had given up has come in."""

    loan_id: UUID
    consumer_id: UUID
    lent: Money
    lent_on: date
    settled_on: date
    how: How
    seq: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A settlement certificate as it was issued: the `no`-th of its book. `replaces_id` is the one of the same loan that was withdrawn before."""

    id: UUID
    no: int
    lender: str
    settled: Settled
    issued_on: date
    issued_at: datetime
    replaces_id: UUID | None
    sha256: str
    withdrawn_on: date | None = None
    reason: str | None = None

    @property
    def number(self) -> str:
        return number(self.no, self.issued_on)


def number(no: int, issued_on: date) -> str:
    """The number that is printed: `SC-2026-000012` is the twelfth certificate of the book, issued in 2026."""
    return f"SC-{issued_on.year}-{no:06}"


def settled(
    loan_id: UUID, consumer_id: UUID, state: LoanState, tally: Tally, seq: int, on: date, facts: Sequence[Event | Undone] = ()
) -> Settled | Refused:
    """Whether a loan is settled on a day. Of one that was written off, `facts` are all that was entered.

    Refused with not_lent, not_settled or written_off, each with what is missing.
    """
    if not state.lent:
        return Refused(NOT_LENT, "nothing has been lent of this loan yet, so there is nothing to settle", "loan_id")
    lent, lent_on = Money(state.lent, state.terms.currency), state.terms.disbursed_on
    if state.written_off_on:
        left = Money(tally.given_up - tally.recovered, lent.currency)
        if left.minor > 0:
            return Refused(
                WRITTEN_OFF, f"the loan was written off, which ends no debt: {left} of what was given up has not come in", "loan_id"
            )
        return Settled(loan_id, consumer_id, lent, lent_on, _last_recovered(state, facts, on), "recovered", seq)
    seen = as_of(state, on)
    if seen.status not in SETTLED:
        missing = payoff_amount(state, on)
        detail = (
            f"{missing} has to be paid to settle the loan on {on}"
            if missing
            else "instalments are open which the credit balance is kept for"
        )
        return Refused(NOT_SETTLED, detail, "loan_id")
    return Settled(loan_id, consumer_id, lent, lent_on, _last_settled(seen), "repaid", seq)


def _last_settled(state: LoanState) -> date:
    """The day since which nothing of any instalment is open."""
    return date.fromordinal(max([day for day in state.rows().settled_on if day > 0], default=state.last_on))


def _last_recovered(state: LoanState, facts: Sequence[Event | Undone], on: date) -> date:
    """The day on which the last of it came in; that of the write-off where nothing had been left to come in."""
    days = [event.on for _, event in in_order(facts) if isinstance(event, Recovered) and event.on <= on]
    return max(days, default=date.fromordinal(state.written_off_on))


def content(certificate: Certificate) -> Mapping[str, Any]:
    """All that a certificate says, in plain values: amounts in minor units. Whose it is, it says by the id alone."""
    told = certificate.settled
    return {
        "number": certificate.number,
        "lender": certificate.lender,
        "loan": ids.text("loan", told.loan_id),
        "consumer": ids.text("consumer", told.consumer_id),
        "currency": told.lent.currency,
        "lent": told.lent.minor,
        "lent_on": told.lent_on.isoformat(),
        "settled_on": told.settled_on.isoformat(),
        "how": told.how,
        "issued_on": certificate.issued_on.isoformat(),
    }


def withdrawn_for(certificate: Certificate, now: Settled | Refused) -> str | None:
    """Why a certificate does not hold any more; None where the loan is as it says."""
    if isinstance(now, Refused):
        return LOAN_REOPENED
    said = certificate.settled
    same = (said.lent, said.lent_on, said.settled_on, said.how) == (now.lent, now.lent_on, now.settled_on, now.how)
    return None if same else LOAN_CHANGED
