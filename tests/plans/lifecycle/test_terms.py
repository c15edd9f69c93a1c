"""Terms that no loan can have are refused, each with a code and the field that is wrong."""

from datetime import date, timedelta
from typing import Any

import pytest

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms, TermsError

LENT_ON = date(2024, 1, 31)


def cny(text: str) -> Money:
    return Money.parse(text, "CNY")


def made(**given: Any) -> LoanTerms:
    return LoanTerms(**{"principal": cny("1200.00"), "periods": 12, "annual_rate": Rate(60_000), "disbursed_on": LENT_ON, **given})


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"principal": cny("0.00")}, "principal_not_positive", "principal"),
        ({"principal": cny("-1.00")}, "principal_not_positive", "principal"),
        ({"principal": 1200}, "type_wrong", "principal"),
        ({"annual_rate": 6}, "type_wrong", "annual_rate"),
        ({"disbursed_on": "2024-01-31"}, "type_wrong", "disbursed_on"),
        ({"method": "flat rate"}, "type_wrong", "method"),
        ({"rounding": "up"}, "type_wrong", "rounding"),
        ({"periods": 0}, "periods_out_of_range", "periods"),
        ({"periods": 601}, "periods_out_of_range", "periods"),
        ({"periods": True}, "periods_out_of_range", "periods"),
        ({"periods": 12.0}, "periods_out_of_range", "periods"),
        ({"every": 0}, "every_out_of_range", "every"),
        ({"every": "1"}, "every_out_of_range", "every"),
        ({"first_due_on": LENT_ON}, "first_due_too_early", "first_due_on"),
        ({"due_day": 32}, "due_day_out_of_range", "due_day"),
        ({"due_days": (date(2024, 2, 1),)}, "due_days_out_of_order", "due_days"),
        ({"periods": 2, "due_days": (date(2024, 3, 1), date(2024, 2, 1))}, "due_days_out_of_order", "due_days"),
        ({"adjust": t.Adjust.FOLLOWING}, "calendar_missing", "calendar"),
        ({"decimals": 3}, "decimals_out_of_range", "decimals"),
        ({"multiple": Money(1, "USD")}, "currency_mismatch", "multiple"),
        ({"multiple": cny("0.00")}, "multiple_not_whole", "multiple"),
        ({"decimals": 0, "multiple": cny("0.50")}, "multiple_not_whole", "multiple"),
        ({"down_payment": Rate(1_000_000)}, "down_payment_too_large", "down_payment"),
        ({"down_payment": cny("1200.00")}, "down_payment_too_large", "down_payment"),
        ({"balloon": cny("1200.01")}, "balloon_too_large", "balloon"),
        ({"grace_principal": 12}, "grace_too_long", "grace_principal"),
        ({"grace_interest": -1}, "grace_too_long", "grace_interest"),
        ({"interest_free": 13}, "grace_too_long", "interest_free"),
        ({"rule_version": "2026-1"}, "rule_version_unknown", "rule_version"),
    ],
)
def test_a_term_that_cannot_be_is_refused_by_name(given: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(TermsError) as refused:
        made(**given)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.detail.endswith(".")


def test_a_waterfall_names_each_bucket_once() -> None:
    with pytest.raises(TermsError, match="twelve buckets"):
        t.Waterfall(order=t.buckets((t.Part.PRINCIPAL, t.Part.PRINCIPAL, t.Part.FEE, t.Part.INTEREST)))


def test_a_fee_has_an_amount_or_a_rate() -> None:
    for given in ({}, {"amount": cny("1.00"), "rate": Rate(1)}, {"amount": cny("-1.00")}):
        with pytest.raises(TermsError, match="either an amount"):
            t.Fee("service", t.FeeWhen.UPFRONT, **given)


def test_buckets_of_days_rise() -> None:
    for buckets in ((("A", 1, 5), ("B", 5, 9)), (("A", 0, 5),), (("A", 1, None), ("B", 2, 3))):
        with pytest.raises(TermsError, match="rise"):
            t.ArrearsTerms(buckets=buckets)


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ({}, ["2024-02-29", "2024-03-31", "2024-04-30"]),
        ({"month_end": t.MonthEnd.ROLL}, ["2024-03-01", "2024-03-31", "2024-05-01"]),
        ({"first_due_on": date(2024, 2, 10)}, ["2024-02-10", "2024-03-10", "2024-04-10"]),
        ({"first_due_on": date(2024, 2, 28), "due_day": 31}, ["2024-02-28", "2024-03-31", "2024-04-30"]),
        ({"frequency": t.Frequency.WEEKS, "every": 2}, ["2024-02-14", "2024-02-28", "2024-03-13"]),
        ({"frequency": t.Frequency.DAYS, "every": 30}, ["2024-03-01", "2024-03-31", "2024-04-30"]),
    ],
)
def test_due_days_follow_the_terms(given: dict[str, Any], days: list[str]) -> None:
    assert [day.isoformat() for day in due_days(made(periods=3, **given))] == days


@pytest.mark.parametrize(
    ("adjust", "first"),
    [(t.Adjust.FOLLOWING, "2024-09-02"), (t.Adjust.MODIFIED_FOLLOWING, "2024-08-30"), (t.Adjust.PRECEDING, "2024-08-30")],
)
def test_a_due_day_moves_to_a_business_day(adjust: t.Adjust, first: str) -> None:
    """31 August 2024 is a Saturday."""
    weekdays = Calendar("test", "1", frozenset(), frozenset(), date(2025, 12, 31))
    terms = made(disbursed_on=date(2024, 7, 31), adjust=adjust, calendar=weekdays)
    assert due_days(terms)[0].isoformat() == first
    assert schedule(terms)[0].due_on.isoformat() == first


def test_days_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(TermsError, match="calendar"):
        schedule(made(disbursed_on=date(9999, 6, 1)))


@pytest.mark.parametrize("principal", ["0.01", "0.05", "100000000000.00"])
@pytest.mark.parametrize("rate", [0, 1, 9_990_000, 10**9])
@pytest.mark.parametrize("periods", [1, 2, 600])
def test_extremes_repay_exactly(principal: str, rate: int, periods: int) -> None:
    terms = made(principal=cny(principal), annual_rate=Rate(rate), periods=periods)
    if len(principal) > 4 and periods > 1 and rate * periods > 9_990_000 * 2:
        with pytest.raises(TermsError, match="more than an amount can be"):
            schedule(terms)
        return
    rows = schedule(terms)
    assert sum(row.principal.minor for row in rows) == cny(principal).minor
    assert all(row.principal.minor >= 0 and row.interest.minor >= 0 for row in rows)


@pytest.mark.parametrize(("periods", "rate"), [(12, 9_990_000), (36, 9_990_000), (60, 3_600_000)])
def test_instalments_are_equal_at_any_rate(periods: int, rate: int) -> None:
    """Interest bears none, so at such rates the equation of value, in which it does, is far too high."""
    asked = [row.total.minor for row in schedule(made(principal=cny("1999.00"), annual_rate=Rate(rate), periods=periods))]
    assert asked[:-1] == [asked[0]] * (periods - 1)
    assert 0 < asked[-1] <= asked[0]


def test_a_long_first_period_moves_its_interest_on_and_owes_no_interest_on_it() -> None:
    rows = schedule(made(principal=cny("100.00"), periods=3, annual_rate=Rate(1_000_000), first_due_on=LENT_ON + timedelta(days=400)))
    assert rows[0].principal.minor == 0
    simple = round(10_000 * 400 / 365)
    assert rows[0].interest.minor < simple <= rows[0].interest.minor + rows[1].interest.minor + rows[2].interest.minor


def test_grace_that_is_agreed_is_kept() -> None:
    rows = schedule(made(periods=4, grace_principal=2, grace_interest=1, interest_by=t.InterestBy.PERIOD, annual_rate=Rate(120_000)))
    assert [(row.principal.minor, row.interest.minor) for row in rows[:2]] == [(0, 0), (0, 2400)]
    free = schedule(made(periods=4, interest_free=2, annual_rate=Rate(120_000)))
    assert [row.interest.minor for row in free[:2]] == [0, 0]
    assert free[2].interest.minor > 0


def test_fees_and_a_down_payment_stand_in_the_schedule() -> None:
    fees = (t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(6000)), t.Fee("opening", t.FeeWhen.UPFRONT, amount=cny("9.00")))
    others = (t.Fee("subsidy", t.FeeWhen.EACH_PERIOD, payer=t.Payer.MERCHANT, rate=Rate(9000)),)
    rows = schedule(made(fees=(*fees, *others), down_payment=Rate(250_000), annual_rate=Rate(0)))
    assert (rows[0].no, rows[0].due_on, rows[0].principal, rows[0].fees) == (0, LENT_ON, cny("300.00"), cny("9.00"))
    assert {row.fees for row in rows[1:]} == {cny("7.20")}
    assert {row.principal for row in rows[1:]} == {cny("75.00")}


def test_interest_that_the_merchant_pays_is_not_asked_of_the_consumer() -> None:
    rows = schedule(made(interest_payer=t.Payer.MERCHANT))
    assert {row.total for row in rows} == {cny("100.00")}


def test_a_balloon_is_asked_with_the_last_instalment() -> None:
    rows = schedule(made(balloon=cny("600.00")))
    assert len({row.total for row in rows[:-1]}) == 1
    assert abs(rows[-1].total.minor - rows[0].total.minor - 60_000) <= 12


def test_evening_out_to_whole_yuan_empties_no_instalment():
    rows = schedule(made(principal=cny("100.00"), periods=36, annual_rate=Rate(144_000), multiple=cny("1.00")))
    assert min((row.principal + row.interest).minor for row in rows) > 0
    assert sum(row.principal.minor for row in rows) == 100_00
