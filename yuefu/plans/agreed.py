"""What a product says of a loan, as terms of the life that the loan will have (rule version 2026-2).

Equal instalments; interest by the night on what is owed and not overdue, so that who pays on the days agreed pays to the cent what was shown,
and who pays early less. What is paid beyond what is due stays with who paid it. Goods that go back lower all instalments to come evenly, and the
interest that they have borne is given back with them.
"""

from __future__ import annotations

from typing import Final

from yuefu.dates.daycount import DayCount as Convention
from yuefu.plans.lifecycle.terms import DayCount, Excess, LoanTerms, MonthBasis, PaidBy, Waterfall, YearBasis
from yuefu.plans.terms import LIVED, Terms

_DAY_COUNTS: Final = {
    Convention.ACT_365: DayCount(YearBasis.D365, MonthBasis.ACTUAL),
    Convention.THIRTY_360: DayCount(YearBasis.D360, MonthBasis.D30),
}
_KEPT: Final = Waterfall(excess=Excess.KEEP)
_EVENLY: Final = Waterfall(excess=Excess.REAMORTISE)
_BY_REFUND: Final = ((PaidBy.MERCHANT_REFUND, _EVENLY), (PaidBy.INTEREST_REFUND, _EVENLY))


def loan_terms(terms: Terms) -> LoanTerms:
    """The terms of a loan of rule version 2026-2. Raises TermsError as LoanTerms does."""
    assert terms.rule_version == LIVED, f"loans of {terms.rule_version} have no life"
    return LoanTerms(
        principal=terms.principal,
        periods=terms.periods,
        annual_rate=terms.annual_rate,
        disbursed_on=terms.disbursed_on,
        first_due_on=terms.first_due_on,
        due_day=None if terms.due_day == terms.first_due_on.day else terms.due_day,
        day_count=_DAY_COUNTS[terms.day_count],
        ceilings=terms.ceilings,
        interest_on_overdue=False,
        waterfall=_KEPT,
        waterfalls=_BY_REFUND,
        late=terms.late,
    )
