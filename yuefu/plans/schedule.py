"""The schedule of a loan at its start, as a pure function of its terms."""

from dataclasses import dataclass
from datetime import date

from yuefu.money.amounts import Money
from yuefu.plans.agreed import loan_terms
from yuefu.plans.amortisation import level_rows
from yuefu.plans.lifecycle import schedule as lifecycle
from yuefu.plans.terms import LEVELLED, Terms


@dataclass(frozen=True, slots=True)
class Instalment:
    """Instalment `no` (from 1), due on `due_on`: `principal` and `interest` of one currency."""

    no: int
    due_on: date
    principal: Money
    interest: Money

    @property
    def total(self) -> Money:
        """What falls due: principal and interest."""
        return self.principal + self.interest


def schedule(terms: Terms) -> tuple[Instalment, ...]:
    """The equal instalments of `terms`; the principals add up to the loan and the last instalment takes the rounding, below the ceilings."""
    return _levelled(terms) if terms.rule_version == LEVELLED else _lived(terms)


def _lived(terms: Terms) -> tuple[Instalment, ...]:
    return tuple(Instalment(row.no, row.due_on, row.principal, row.interest) for row in lifecycle.schedule(loan_terms(terms)))


def _levelled(terms: Terms) -> tuple[Instalment, ...]:
    due_days, currency = terms.due_days(), terms.principal.currency
    rows = level_rows(
        principal=terms.principal.minor,
        start_on=terms.disbursed_on,
        due_days=due_days,
        rate=terms.annual_rate,
        day_count=terms.day_count,
        ceilings=terms.ceilings,
    )
    assert sum(principal for principal, _ in rows) == terms.principal.minor
    return tuple(
        Instalment(no, due_on, Money(principal, currency), Money(interest, currency))
        for no, (due_on, (principal, interest)) in enumerate(zip(due_days, rows, strict=True), start=1)
    )
