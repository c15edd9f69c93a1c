"""The terms of a loan are what its product says, however many loans were made of it before, and are written as each would be alone."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount as Convention
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.agreed import loan_terms
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.plans.lifecycle.plain import read_sheet, sheet_texts, written_sheet
from yuefu.plans.lifecycle.terms import DayCount, Excess, LoanTerms, MonthBasis, PaidBy, Waterfall, YearBasis
from yuefu.plans.terms import NO_LATE, Terms
from yuefu.runtime.jsontext import dumps, loads

_LATE = LateTerms(Money(5_00, "CNY"), interest=Rate(216_000), grace_days=3, cap=Rate(50_000))


@st.composite
def agreed(draw: st.DrawFn) -> Terms:
    periods, begun = draw(st.integers(2, 4)), draw(st.dates(date(2026, 1, 1), date(2026, 3, 31)))
    first = begun + timedelta(days=draw(st.integers(1, 40)))
    principal = draw(st.integers(100, 1_000))
    return Terms(
        Money(principal, "CNY"),
        periods,
        Rate(draw(st.sampled_from([0, 144_000]))),
        draw(st.sampled_from(list(Convention))),
        begun,
        first,
        draw(st.sampled_from([first.day, 1, 31])),
        "2026-2",
        draw(st.sampled_from([None, None, (principal,) * periods])),
        draw(st.sampled_from([NO_LATE, _LATE])),
    )


def in_full(terms: Terms) -> LoanTerms:
    bases = (YearBasis.D365, MonthBasis.ACTUAL) if terms.day_count is Convention.ACT_365 else (YearBasis.D360, MonthBasis.D30)
    evenly = Waterfall(excess=Excess.REAMORTISE)
    return LoanTerms(
        principal=terms.principal,
        periods=terms.periods,
        annual_rate=terms.annual_rate,
        disbursed_on=terms.disbursed_on,
        first_due_on=terms.first_due_on,
        due_day=None if terms.due_day == terms.first_due_on.day else terms.due_day,
        day_count=DayCount(*bases),
        ceilings=terms.ceilings,
        interest_on_overdue=False,
        waterfall=Waterfall(excess=Excess.KEEP),
        waterfalls=((PaidBy.MERCHANT_REFUND, evenly), (PaidBy.INTEREST_REFUND, evenly)),
        late=terms.late,
    )


@given(st.lists(agreed(), min_size=1, max_size=6))
def test_terms_are_those_of_the_product_and_of_the_loan_itself(many: list[Terms]) -> None:
    found = [loan_terms(terms) for terms in many]
    assert found == [in_full(terms) for terms in many]
    texts = sheet_texts(found, dumps)
    assert texts == [dumps(written_sheet(in_full(terms))) for terms in many]
    assert [read_sheet(loads(text), one) for text, one in zip(texts, found, strict=True)] == found
