"""What the consumer is asked, the label that says so, and the repayment calendar."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans.offer import samples
from tests.plans.offer.samples import LENT_ON, fee, terms_of
from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money, total
from yuefu.plans.label import render_price_label
from yuefu.plans.lifecycle.events import Disbursed
from yuefu.plans.lifecycle.fold import apply, start
from yuefu.plans.lifecycle.terms import Adjust, LoanTerms, Method, Payer
from yuefu.plans.offer.dues import repayment_calendar
from yuefu.plans.offer.offered import OfferError, interest_of_others, label_line, offer, provisional_after


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        (terms_of(), "¥666.33 × 2 + ¥666.34 = ¥1,999.00 (0.00 % a year)"),
        (terms_of(periods=1), "¥1,999.00 = ¥1,999.00 (0.00 % a year)"),
        (terms_of(200_000, 4, down_payment=Money(40_000, "CNY")), "¥400.00 + ¥400.00 × 4 = ¥2,000.00 (0.00 % a year)"),
        (terms_of(periods=12, percent="14.4"), "¥179.86 × 11 + ¥179.83 = ¥2,158.29 (15.39 % a year)"),
        (terms_of(120_000, 3, fees=(fee("service_fee", percent="1"),)), "¥412.00 × 3 = ¥1,236.00 (19.46 % a year)"),
    ],
)
def test_a_label_shows_the_down_payment_first_and_never_stands_without_total_and_annual_cost(terms: LoanTerms, line: str) -> None:
    assert label_line(offer(terms)) == line
    assert label_line(offer(terms), "zh") == re.sub(r" \((.*) % a year\)", r"（年化 \1%）", line)


@given(samples.terms)
def test_a_label_adds_up_to_all_that_is_paid_and_shows_each_amount_as_it_is_asked(terms: LoanTerms) -> None:
    found = offer(terms)
    assert total((Money(count * each.minor, "CNY") for count, each in found.label.groups), "CNY") == found.paid
    assert [each for count, each in found.label.groups for _ in range(count)] == [row.total for row in found.rows]
    shown = render_price_label(found.label).replace("¥", "").replace(",", "")
    left, right = shown.split(" = ")
    parts = [part.split(" × ") for part in left.split(" + ")]
    assert sum(Decimal(each) * int(times[0] if times else 1) for each, *times in parts) == Decimal(right)


@given(samples.terms)
def test_what_is_shown_is_what_the_loan_asks_once_it_is_lent(terms: LoanTerms) -> None:
    found = offer(terms)
    state, _ = apply(start(terms), Disbursed(terms.disbursed_on, terms.principal))
    rows = state.rows()
    asked = list(zip(rows.due, rows.principal, rows.interest, rows.fees, strict=True))
    assert [(row.due_on.toordinal(), row.principal.minor, row.interest.minor, row.fees.minor) for row in found.rows] == asked
    assert state.outstanding == found.paid
    assert total((row.principal for row in found.rows), "CNY") == terms.principal


def test_interest_that_the_merchant_pays_is_not_asked_of_the_consumer() -> None:
    terms = terms_of(periods=3, percent="14.4", interest_payer=Payer.MERCHANT)
    found = offer(terms)
    assert [row.total.minor for row in found.rows] == [66_633, 66_633, 66_634]
    assert (found.charge.minor, found.cost.compound_text()) == (0, "0.00")
    # On what is owed: 1999.00 for 31 days, 1332.67 for 30, 666.34 for 31, at 14.4 % over 365.
    assert interest_of_others(found).minor == 2_445 + 1_577 + 815
    assert interest_of_others(offer(terms_of(percent="14.4"))).minor == 0


def test_flat_interest_of_a_merchant_is_on_the_whole_principal_and_free_periods_cost_nobody_anything() -> None:
    flat = terms_of(percent="14.4", method=Method.FLAT, interest_payer=Payer.MERCHANT)
    assert interest_of_others(offer(flat)).minor == 2_445 + 2_366 + 2_445
    assert interest_of_others(offer(terms_of(percent="14.4", interest_free=1, interest_payer=Payer.CAMPAIGN))).minor == 1_577 + 815


@given(samples.terms)
def test_flat_interest_is_the_same_whoever_pays_it(terms: LoanTerms) -> None:
    asked = offer(replace(terms, method=Method.FLAT, interest_payer=Payer.CONSUMER))
    others = offer(replace(terms, method=Method.FLAT, interest_payer=Payer.MERCHANT))
    assert interest_of_others(others) == total((row.interest for row in asked.rows), "CNY")
    assert not any(row.interest for row in others.rows)


def test_what_is_lent_beyond_the_cash_price_is_a_cost() -> None:
    found = offer(terms_of(), cash_price=Money(189_900, "CNY"))
    assert (found.excess.minor, found.charge.minor) == (10_000, 10_000)
    assert found.cost.compound_pct > 30
    same = offer(terms_of(), cash_price=Money(250_000, "CNY"))
    assert (same.excess.minor, same.charge.minor, same.cost.compound_text()) == (0, 0, "0.00")


@pytest.mark.parametrize(("price", "code"), [(Money(0, "CNY"), "cash_price_not_positive"), (Money(1, "USD"), "cash_price_currency")])
def test_a_cash_price_of_nothing_or_in_another_currency_is_refused(price: Money, code: str) -> None:
    with pytest.raises(OfferError) as told:
        offer(terms_of(), cash_price=price)
    assert (told.value.code, told.value.field) == (code, "cash_price")


def test_a_fee_at_the_start_as_large_as_the_loan_has_no_annual_cost() -> None:
    with pytest.raises(OfferError, match=r"1999\.00 CNY are paid back at once") as told:
        offer(terms_of(fees=(fee("entry", minor=199_900, upfront=True),)))
    assert (told.value.code, told.value.field) == ("no_annual_cost", "fees")


@pytest.mark.parametrize(
    ("terms", "price", "field"),
    [
        (terms_of(percent="99999"), None, "annual_rate"),
        (terms_of(percent="99", fees=(fee("entry", percent="99.99", upfront=True),)), None, "fees"),
        (terms_of(percent="10"), Money(1, "CNY"), "cash_price"),
        (terms_of(periods=600, every=12), None, "periods"),
    ],
)
def test_an_offer_whose_annual_cost_cannot_be_told_names_what_makes_it_so(terms: LoanTerms, price: Money | None, field: str) -> None:
    with pytest.raises(OfferError) as told:
        offer(terms, cash_price=price)
    assert told.value.field == field


def chinese(until: int, *holidays: date) -> Calendar:
    """A calendar whose holidays have been announced to the end of a year."""
    return Calendar("CN", "1", frozenset(holidays), frozenset(), date(until, 12, 31), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("terms", "year"),
    [
        (terms_of(), None),
        (terms_of(calendar=chinese(2026)), None),  # no day is moved
        (terms_of(adjust=Adjust.FOLLOWING, calendar=chinese(2026)), 2026),
        (terms_of(adjust=Adjust.FOLLOWING, calendar=chinese(2027)), None),
        (terms_of(periods=2, adjust=Adjust.FOLLOWING, calendar=chinese(2026)), None),
        # A new year's day that is moved back into the old year.
        (terms_of(periods=1, first_due_on=date(2027, 1, 1), adjust=Adjust.PRECEDING, calendar=chinese(2026, date(2027, 1, 1))), 2026),
    ],
)
def test_an_offer_says_after_which_year_its_due_days_are_provisional(terms: LoanTerms, year: int | None) -> None:
    assert offer(terms).provisional_after == provisional_after(terms) == year


def test_the_calendar_tells_day_weekday_parts_what_is_owed_and_each_year() -> None:
    found = repayment_calendar(offer(terms_of(percent="14.4", fees=(fee("entry", minor=500, upfront=True),))))
    assert [(due.no, due.on, due.weekday) for due in found.dues] == [
        (0, LENT_ON, 0),
        (1, date(2026, 11, 12), 3),
        (2, date(2026, 12, 12), 5),
        (3, date(2027, 1, 12), 1),
    ]
    assert [due.owed.minor for due in found.dues] == [199_900, 134_093, 67_428, 0]
    assert [(one.year, one.amount.minor, one.fees.minor) for one in found.years] == [(2026, 137_004, 500), (2027, 68_253, 0)]
    assert (found.total.amount.minor, found.total.principal.minor) == (205_257, 199_900)


@given(samples.terms, st.sampled_from(["amount", "principal", "interest", "fees"]))
def test_the_years_of_a_calendar_add_up_and_nothing_is_owed_in_the_end(terms: LoanTerms, part: str) -> None:
    found = repayment_calendar(offer(terms))
    assert total((getattr(year, part) for year in found.years), "CNY") == getattr(found.total, part)
    assert total((getattr(due, part) for due in found.dues), "CNY") == getattr(found.total, part)
    assert found.dues[-1].owed.minor == 0
    assert all(due.amount == due.principal + due.interest + due.fees for due in found.dues)
