"""The schedule of a loan at its start: what is asked when, as a pure function of its terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from yuefu.money.amounts import AMOUNT_TOO_LARGE, LARGEST_MINOR, Money
from yuefu.plans.lifecycle.levelling import add_upfront, level, planned_rows
from yuefu.plans.lifecycle.rows import UPFRONT, Interest, Rows
from yuefu.plans.lifecycle.terms import LoanTerms, TermsError


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """Instalment `no`, from 1; 0 is what is due when the money is lent. Amounts in the loan's currency."""

    no: int
    start_on: date
    due_on: date
    principal: Money
    interest: Money
    fees: Money

    @property
    def total(self) -> Money:
        """All that is asked on the day."""
        return self.principal + self.interest + self.fees


def schedule(terms: LoanTerms) -> tuple[ScheduleRow, ...]:
    """The rows of `terms` as if all of it were lent on the day agreed and each row paid when due; the principals add up to the loan.

    Raises TermsError where the calendar cannot be made, and where all of it would be more than an amount can be.
    """
    rows = opening_rows(terms)
    currency, first = terms.currency, 0 if rows.kind and rows.kind[0] == UPFRONT else 1
    if sum(rows.principal) + sum(rows.interest) + sum(rows.fees) > LARGEST_MINOR:
        raise TermsError(AMOUNT_TOO_LARGE, "At this rate the loan asks more than an amount can be.", "annual_rate")
    return tuple(
        ScheduleRow(
            no,
            date.fromordinal(rows.start[k]),
            date.fromordinal(rows.due[k]),
            Money(rows.principal[k], currency),
            Money(rows.interest[k], currency),
            Money(rows.fees[k], currency),
        )
        for k, no in enumerate(range(first, first + len(rows)))
    )


def opening_rows(terms: LoanTerms) -> Rows:
    """The rows with their targets when the whole principal is lent on the day agreed."""
    rows, on, lent = planned_rows(terms), terms.disbursed_on.toordinal(), terms.principal.minor
    add_upfront(terms, rows, lent, on, first=True)
    level(rows, Interest(terms, (), lent), 0, balance=lent, since=on, on=on)
    assert sum(rows.principal) == lent
    return rows
