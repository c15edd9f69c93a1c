"""Terms by chance, of every kind that can be offered."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.lifecycle.terms import Fee, FeeWhen, Frequency, InterestBy, LateTerms, LoanTerms, Method, Payer, Remainder

LENT_ON = date(2026, 10, 12)


def terms_of(minor: int = 199_900, periods: int = 3, percent: str = "0", **other: Any) -> LoanTerms:
    """Terms in yuan, lent on 2026-10-12."""
    given = {"disbursed_on": LENT_ON, **other}
    return LoanTerms(principal=Money(minor, "CNY"), periods=periods, annual_rate=Rate.parse_percent(percent), **given)


def fee(code: str, *, minor: int | None = None, percent: str | None = None, upfront: bool = False, **other: Any) -> Fee:
    """A fee of yuan or of a share."""
    when = FeeWhen.UPFRONT if upfront else FeeWhen.EACH_PERIOD
    amount, rate = None if minor is None else Money(minor, "CNY"), None if percent is None else Rate.parse_percent(percent)
    return Fee(code, when, amount=amount, rate=rate, **other)


fees = st.lists(
    st.builds(
        Fee,
        code=st.sampled_from(["service_fee", "guarantee", "account"]),
        when=st.sampled_from(FeeWhen),
        payer=st.sampled_from(Payer),
        rate=st.integers(0, 20_000).map(Rate),
        payee=st.sampled_from(["lender", "platform"]),
    ),
    max_size=3,
    unique_by=lambda one: one.code,
).map(tuple)

terms = st.builds(
    LoanTerms,
    principal=st.integers(10_000, 10**8).map(lambda minor: Money(minor, "CNY")),
    periods=st.integers(1, 24),
    annual_rate=st.integers(0, 360_000).map(Rate),
    disbursed_on=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    method=st.sampled_from(Method),
    interest_by=st.sampled_from(InterestBy),
    frequency=st.sampled_from([Frequency.MONTHS, Frequency.WEEKS]),
    rounding=st.sampled_from(Rounding),
    remainder=st.sampled_from(Remainder),
    down_payment=st.none() | st.integers(0, 300_000).map(Rate),
    interest_free=st.integers(0, 1),
    fees=fees,
    interest_payer=st.sampled_from(Payer),
    late=st.builds(
        LateTerms, fee_rate=st.integers(0, 50_000).map(Rate), interest=st.integers(0, 240_000).map(Rate), cap=st.just(Rate(100_000))
    ),
)
