import pickle
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.dates.daycount import DayCount, year_fraction
from yuefu.dates.periods import add_months, next_due_day
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.schedule import Instalment, schedule
from yuefu.plans.terms import Terms, TermsError

FREE = Terms(
    principal=Money(199900, "CNY"),
    periods=3,
    annual_rate=Rate(0),
    day_count=DayCount.ACT_365,
    disbursed_on=date(2026, 1, 10),
    first_due_on=date(2026, 2, 15),
    due_day=15,
)


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    periods = draw(st.integers(2, 36))
    disbursed_on = draw(st.dates(date(2000, 1, 1), date(2060, 1, 1)))
    due_day = draw(st.integers(1, 31))
    return Terms(
        principal=Money(draw(st.integers(periods, 10**9)), "CNY"),
        periods=periods,
        annual_rate=draw(st.just(Rate(0)) | st.builds(Rate, st.integers(0, 1_000_000))),
        day_count=draw(st.sampled_from(DayCount)),
        disbursed_on=disbursed_on,
        first_due_on=next_due_day(disbursed_on, due_day, draw(st.integers(1, 400))),
        due_day=due_day,
    )


def table(instalments: tuple[Instalment, ...]) -> str:
    """No, due day, principal, interest and total, one instalment a line."""
    return "\n".join(
        f"{row.no} {row.due_on} {row.principal.decimal_text()} {row.interest.decimal_text()} {row.total.decimal_text()}"
        for row in instalments
    )


def lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def test_an_interest_free_plan_divides_the_price_and_the_last_instalment_takes_the_rest() -> None:
    assert table(schedule(FREE)) == lines("""
        1 2026-02-15 666.33 0.00 666.33
        2 2026-03-15 666.33 0.00 666.33
        3 2026-04-15 666.34 0.00 666.34
    """)


def test_an_interest_bearing_plan_has_equal_instalments() -> None:
    # One per cent a month on 1,200.00 in three: 1,200 * 0.01 / (1 - 1.01**-3) = 408.03.
    terms = replace(
        FREE,
        principal=Money(120000, "CNY"),
        annual_rate=Rate.parse_percent("12"),
        day_count=DayCount.THIRTY_360,
        disbursed_on=date(2026, 1, 15),
    )
    assert table(schedule(terms)) == lines("""
        1 2026-02-15 396.03 12.00 408.03
        2 2026-03-15 399.99 8.04 408.03
        3 2026-04-15 403.98 4.04 408.02
    """)


def test_the_figures_are_those_of_a_public_test_suite() -> None:
    # Apache Fineract (Apache-2.0), ProgressiveEMICalculatorTest: 100.00 at 9.4822 % on 30/360 in 6 months.
    terms = Terms(Money(10000, "USD"), 6, Rate.parse_percent("9.4822"), DayCount.THIRTY_360, date(2024, 1, 1), date(2024, 2, 1), due_day=1)
    assert table(schedule(terms)) == lines("""
        1 2024-02-01 16.34 0.79 17.13
        2 2024-03-01 16.47 0.66 17.13
        3 2024-04-01 16.60 0.53 17.13
        4 2024-05-01 16.73 0.40 17.13
        5 2024-06-01 16.86 0.27 17.13
        6 2024-07-01 17.00 0.13 17.13
    """)


def test_interest_of_actual_days_follows_the_length_of_each_period() -> None:
    # 36.5 % a year is 0.1 % a day: 31, 28 and 31 days.
    terms = replace(
        FREE,
        principal=Money(100000, "CNY"),
        annual_rate=Rate.parse_percent("36.5"),
        disbursed_on=date(2026, 1, 15),
    )
    assert table(schedule(terms)) == lines("""
        1 2026-02-15 322.53 31.00 353.53
        2 2026-03-15 334.56 18.97 353.53
        3 2026-04-15 342.91 10.63 353.54
    """)


def test_a_due_day_at_the_month_end_keeps_its_anchor() -> None:
    terms = replace(FREE, periods=4, disbursed_on=date(2026, 1, 20), first_due_on=date(2026, 1, 31), due_day=31)
    assert terms.due_days() == (date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30))
    from_february = replace(terms, first_due_on=date(2026, 2, 28))
    assert from_february.due_days() == (date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31))


def test_a_first_period_whose_interest_exceeds_the_instalment_repays_no_principal_and_the_balance_does_not_grow() -> None:
    # Two years before the first instalment at 100 %: the interest of 24 months comes first, the rest is spread over the others.
    terms = replace(
        FREE,
        principal=Money(120000, "CNY"),
        periods=4,
        annual_rate=Rate.parse_percent("100"),
        day_count=DayCount.THIRTY_360,
        disbursed_on=date(2024, 2, 15),
    )
    rows = schedule(terms)
    assert (rows[0].principal.minor, rows[0].interest.minor) == (0, 240000)
    assert rows[1].interest.minor == 10000
    assert abs(rows[1].total.minor - rows[2].total.minor) == 0
    assert abs(rows[3].total.minor - rows[2].total.minor) <= 3
    assert sum(row.principal.minor for row in rows) == 120000


@given(any_terms())
def test_the_principals_add_up_and_none_is_negative(terms: Terms) -> None:
    rows = schedule(terms)
    assert [row.no for row in rows] == list(range(1, terms.periods + 1))
    assert sum(row.principal.minor for row in rows) == terms.principal.minor
    assert all(row.principal.minor >= 0 and row.interest.minor >= 0 for row in rows)
    assert all(one.due_on < other.due_on for one, other in pairwise(rows))


@given(any_terms())
def test_the_interest_of_each_row_is_that_of_its_opening_balance(terms: Terms) -> None:
    balance, start = terms.principal.minor, terms.disbursed_on
    for row in schedule(terms):
        exact = balance * year_fraction(start, row.due_on, terms.day_count) * terms.annual_rate.ppm / 1_000_000
        assert row.interest.minor == round(exact)
        balance, start = balance - row.principal.minor, row.due_on
    assert balance == 0


def _monthly(terms: Terms) -> Terms:
    """The same terms with periods of a month each, the first as well: no period is so long that its interest exceeds the instalment."""
    return replace(terms, first_due_on=add_months(terms.disbursed_on, 1), due_day=terms.disbursed_on.day)


@given(any_terms())
def test_the_instalments_before_the_last_are_equal_and_the_last_takes_the_rounding(terms: Terms) -> None:
    rows = schedule(_monthly(replace(terms, principal=Money(terms.principal.minor + 10_000, "CNY"))))
    assert len({row.total.minor for row in rows[:-1]}) == 1
    # Half a minor unit of instalment and of interest a period, each growing at no more than 100 % a year for three years.
    assert abs(rows[-1].total.minor - rows[0].total.minor) <= terms.periods * 20


def test_below_ceilings_the_last_cents_go_to_the_latest_instalments_that_have_room() -> None:
    def asked(principal: int, *ceilings: int) -> list[int]:
        terms = replace(FREE, principal=Money(principal, "CNY"), periods=len(ceilings), ceilings=ceilings)
        return [row.total.minor for row in schedule(terms)]

    assert asked(99_98, 33_33, 33_33, 33_34) == [33_32, 33_32, 33_34], "as without ceilings, where that fits"
    assert asked(99_98, 33_33, 33_33, 33_33) == [33_32, 33_33, 33_33]
    assert asked(100, 10, 50, 50) == [10, 45, 45]
    assert asked(11, 0, 10, 1) == [0, 10, 1]
    assert asked(9, 0, 5, 5, 5) == [0, 3, 3, 3]


@given(any_terms(), st.data())
def test_below_ceilings_a_schedule_is_still_whole_and_none_of_it_negative(terms: Terms, data: st.DataObject) -> None:
    plain = [row.total.minor for row in schedule(terms)]
    moved = data.draw(st.lists(st.integers(-3, 12), min_size=terms.periods, max_size=terms.periods))
    ceilings = tuple(max(0, one + more) for one, more in zip(plain, moved, strict=True))
    ceilings = (*ceilings[:-1], ceilings[-1] + max(0, terms.principal.minor - sum(ceilings)))
    rows = schedule(replace(terms, ceilings=ceilings))
    assert sum(row.principal.minor for row in rows) == terms.principal.minor
    assert all(row.principal.minor >= 0 and row.interest.minor >= 0 for row in rows)
    if all(one <= most for one, most in zip(plain, ceilings, strict=True)):
        assert [row.total.minor for row in rows] == plain
    if not terms.annual_rate.ppm:
        assert all(row.total.minor <= most for row, most in zip(rows, ceilings, strict=True))


@given(any_terms())
def test_the_instalment_is_that_of_the_annuity_formula_in_decimals(terms: Terms) -> None:
    terms = replace(terms, annual_rate=Rate(terms.annual_rate.ppm + 1000 - terms.annual_rate.ppm // 500))
    terms = _monthly(terms)
    with localcontext() as context:
        context.prec = 60
        value, discount, start = Decimal(0), Decimal(1), terms.disbursed_on
        for due_on in terms.due_days():
            years = year_fraction(start, due_on, terms.day_count)
            factor = Decimal(terms.annual_rate.ppm) / 1_000_000 * years.numerator / years.denominator
            discount /= 1 + factor
            value, start = value + discount, due_on
        exact = terms.principal.minor / value
    first = schedule(terms)[0]
    assert abs(first.total.minor - exact) <= Decimal("0.5") or first.principal.minor == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"periods": 1}, "periods_out_of_range"),
        ({"periods": 37}, "periods_out_of_range"),
        ({"periods": True}, "periods_out_of_range"),
        ({"periods": 3.0}, "periods_out_of_range"),
        ({"principal": Money(0, "CNY")}, "principal_not_positive"),
        ({"principal": Money(-5, "CNY")}, "principal_not_positive"),
        ({"principal": Money(2, "CNY")}, "principal_too_small"),
        ({"annual_rate": Rate(1_000_001)}, "rate_too_high"),
        ({"first_due_on": date(2026, 1, 10)}, "first_due_too_early"),
        ({"first_due_on": date(2026, 1, 9)}, "first_due_too_early"),
        ({"due_day": 0}, "due_day_out_of_range"),
        ({"due_day": 32}, "due_day_out_of_range"),
        ({"rule_version": "1999-1"}, "rule_version_unknown"),
        ({"ceilings": (666_34, 666_34)}, "ceilings_too_low"),
        ({"ceilings": (666_33, 666_33, 666_33)}, "ceilings_too_low"),
        ({"ceilings": (1999_00, 1, -1)}, "ceilings_too_low"),
    ],
)
def test_terms_that_no_loan_can_have_are_refused_with_their_reason(change: dict[str, object], code: str) -> None:
    with pytest.raises(TermsError) as caught:
        replace(FREE, **change)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert pickle.loads(pickle.dumps(caught.value)).code == code


@pytest.mark.parametrize(
    "change",
    [
        {"periods": 2},
        {"periods": 36},
        {"principal": Money(3, "CNY")},
        {"annual_rate": Rate(1_000_000)},
        {"first_due_on": date(2026, 1, 11)},
    ],
)
def test_terms_at_their_limits_are_allowed(change: dict[str, object]) -> None:
    terms: Terms = replace(FREE, **change)  # type: ignore[arg-type]
    assert sum(row.principal.minor for row in schedule(terms)) == terms.principal.minor
