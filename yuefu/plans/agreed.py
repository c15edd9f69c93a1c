"""What a product says of a loan, as terms of the life that the loan will have (rule version 2026-2).

Equal instalments; interest by the night on what is owed and not overdue, so that who pays on the days agreed pays to the cent what was shown,
and who pays early less. What is paid beyond what is due stays with who paid it. Goods that go back lower all instalments to come evenly, and the
interest that they have borne is given back with them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Final

from yuefu.dates.daycount import DayCount as Convention
from yuefu.dates.periods import add_months
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.plans.lifecycle.plain import on_sheet
from yuefu.plans.lifecycle.terms import DayCount, Excess, LoanTerms, MonthBasis, PaidBy, Waterfall, YearBasis
from yuefu.plans.terms import LIVED, Terms

_DAY_COUNTS: Final = {
    Convention.ACT_365: DayCount(YearBasis.D365, MonthBasis.ACTUAL),
    Convention.THIRTY_360: DayCount(YearBasis.D360, MonthBasis.D30),
}
_KEPT: Final = Waterfall(excess=Excess.KEEP)
_EVENLY: Final = Waterfall(excess=Excess.REAMORTISE)
_SOME_DAY: Final = date(2026, 1, 1)
_BY_REFUND: Final = ((PaidBy.MERCHANT_REFUND, _EVENLY), (PaidBy.INTEREST_REFUND, _EVENLY))


def loan_terms(terms: Terms) -> LoanTerms:
    """The terms of a loan of rule version 2026-2. Raises TermsError as LoanTerms does."""
    assert terms.rule_version == LIVED, f"loans of {terms.rule_version} have no life"
    due_day = None if terms.due_day == terms.first_due_on.day else terms.due_day
    model = _model(terms.principal.currency, terms.periods, terms.annual_rate, terms.day_count, due_day, terms.late)
    principal, disbursed_on, first_due_on = terms.principal, terms.disbursed_on, terms.first_due_on
    if terms.ceilings is not None:
        return replace(model, principal=principal, disbursed_on=disbursed_on, first_due_on=first_due_on, ceilings=terms.ceilings)
    return on_sheet(model, principal=principal, disbursed_on=disbursed_on, first_due_on=first_due_on, due_days=None)


@lru_cache(maxsize=1_000)
def _model(currency: str, periods: int, annual_rate: Rate, day_count: Convention, due_day: int | None, late: LateTerms) -> LoanTerms:
    """Terms of some loan of a product, checked as long as it is lent by: what is a loan's own was checked with its `Terms`."""
    return LoanTerms(
        principal=Money(1_00, currency),
        periods=periods,
        annual_rate=annual_rate,
        disbursed_on=_SOME_DAY,
        first_due_on=add_months(_SOME_DAY, 1, 1),
        due_day=due_day,
        day_count=_DAY_COUNTS[day_count],
        interest_on_overdue=False,
        waterfall=_KEPT,
        waterfalls=_BY_REFUND,
        late=late,
    )
