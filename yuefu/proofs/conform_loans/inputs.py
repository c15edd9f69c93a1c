"""What a case says of its loan, as terms of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.terms import Excess, LoanTerms, PaidBy, Part, When
from yuefu.proofs.cases import Unsupported

CURRENCY: Final = "USD"  # amounts of the cases are in no currency; they have two decimals
INFORMATION: Final = frozenset({"product", "submitted", "start", "schedule_type", "installment_multiple_of", "interest_method", "note"})

_ROUNDING: Final = {
    "HALF_EVEN": Rounding.HALF_EVEN,
    "HALF_UP": Rounding.HALF_UP,
    "HALF_DOWN": Rounding.HALF_DOWN,
    "UP": Rounding.UP,
    "CEILING": Rounding.UP,
    "DOWN": Rounding.DOWN,
    "FLOOR": Rounding.DOWN,
}
_FREQUENCY: Final = {"DAYS": t.Frequency.DAYS, "WEEKS": t.Frequency.WEEKS, "MONTHS": t.Frequency.MONTHS}
_METHOD: Final = {
    ("FLAT", "EQUAL_INSTALLMENTS"): t.Method.FLAT,
    ("FLAT", "EQUAL_PRINCIPAL_PAYMENTS"): t.Method.FLAT,
    ("DECLINING_BALANCE", "EQUAL_INSTALLMENTS"): t.Method.EQUAL_INSTALMENTS,
    ("DECLINING_BALANCE", "EQUAL_PRINCIPAL_PAYMENTS"): t.Method.EQUAL_PRINCIPAL,
}
_EXCESS: Final = {
    "NEXT_INSTALLMENT": Excess.NEXT,
    "LAST_INSTALLMENT": Excess.LAST,
    "REAMORTIZATION": Excess.REAMORTISE,
    "REDUCE_EMI_AMOUNT": Excess.SMALLER,
    "REDUCE_NUMBER_OF_INSTALLMENTS": Excess.SHORTER,
    "RESCHEDULE_NEXT_REPAYMENTS": Excess.LESS_NEXT,
    "ADJUST_LAST_UNPAID_PERIOD": None,
    "NEXT_LAST_INSTALLMENT": Excess.NEXT,
}
_PAID_BY: Final = {
    "REPAYMENT": PaidBy.REPAYMENT,
    "GOODWILL_CREDIT": PaidBy.GOODWILL,
    "MERCHANT_ISSUED_REFUND": PaidBy.MERCHANT_REFUND,
    "PAYOUT_REFUND": PaidBy.PAYOUT_REFUND,
    "INTEREST_REFUND": PaidBy.INTEREST_REFUND,
    "DOWN_PAYMENT": PaidBy.DOWN_PAYMENT,
}
_PART: Final = {"penalty": Part.PENALTY, "fee": Part.FEE, "interest": Part.INTEREST, "principal": Part.PRINCIPAL}
# Where a case says only that a late fee is a share of what is overdue, the product of its source takes this one.
_LATE_FEE: Final = Rate(15_000)
# Up to this version the source rounded the interest of each stretch of days, later only their sum over a row.
_ROUNDS_EACH_STRETCH: Final = "@4198b0bcf9"
# The arrears of its source: three days of grace; buckets of the loan by days of delinquency, of instalments by days past due.
SOURCE_ARREARS: Final = t.ArrearsTerms(
    3,
    (
        ("RANGE_1", 1, 3),
        ("RANGE_3", 4, 30),
        ("RANGE_30", 31, 60),
        ("RANGE_60", 61, 90),
        ("RANGE_90", 91, 120),
        ("RANGE_120", 121, 150),
        ("RANGE_150", 151, 180),
        ("RANGE_180", 181, 240),
        ("RANGE_240", 241, None),
    ),
)


@dataclass(frozen=True, slots=True)
class Loan:
    """Terms, whether a down payment is made by the disbursement, and how its source tells things: `periods` given mean the calculator alone."""

    terms: LoanTerms
    down_payment_auto: bool
    calculator: bool
    accrues_daily: bool
    late_fee_name: str


class Inputs:
    """The inputs of a case, from which each key is taken once; what is left over is not understood."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values, self.taken = values, set(INFORMATION)

    def take(self, key: str, default: Any = None) -> Any:
        self.taken.add(key)
        return self.values.get(key, default)

    def leftovers(self) -> list[str]:
        return [f"inputs.{key}" for key in self.values if key not in self.taken]


def money(value: Any, at: str) -> Money:
    """An exact amount; zeros beyond two decimals do no harm. Raises Unsupported naming where it stands."""
    whole, point, decimals = str(value).partition(".")
    try:
        return Money.parse(f"{whole}.{decimals[:2]}" + decimals[2:].rstrip("0") if point else whole, CURRENCY)
    except ValueError as error:
        raise Unsupported(f"{at}: {value}") from error


def day(value: Any, at: str) -> date:
    """A day, ISO or "05 July 2023". Raises Unsupported naming where it stands."""
    for read in (date.fromisoformat, lambda text: datetime.strptime(text, "%d %B %Y").date()):  # noqa: DTZ007 - a day has no zone
        try:
            return read(str(value))
        except ValueError:
            continue
    raise Unsupported(f"{at}: {value}")


def percent(value: Any, at: str) -> Rate:
    """A rate of so many per cent, at most four decimals. Raises Unsupported naming where it stands."""
    try:
        ppm = Decimal(str(value)) * 10_000
        if ppm != int(ppm):
            raise ValueError("too many decimals")
        return Rate(int(ppm))
    except (ValueError, InvalidOperation) as error:
        raise Unsupported(f"{at}: {value}") from error


def one_of(table: Mapping[str, Any], value: Any, at: str) -> Any:
    """What a table says of a value. Raises Unsupported naming where it stands."""
    if not isinstance(value, str) or value.upper() not in table:
        raise Unsupported(f"{at}: {value}")
    return table[value.upper()]


def loan_of(values: Mapping[str, Any], first_day: date | None, source: str = "") -> Loan:
    """The loan of a case; `source` says of which version of its core it is. Raises Unsupported for each key or value that is not understood."""
    given = Inputs(values)
    starts = given.take("submitted") or given.take("start") or first_day
    periods = given.take("periods")
    if isinstance(periods, list):  # a calculator's periods begin whenever money is lent
        starts = periods[0][0]
    started = starts if isinstance(starts, date) else day(starts, "inputs.submitted")
    recalculation = given.take("interest_recalculation")
    method = one_of(
        {f"{one}/{other}": found for (one, other), found in _METHOD.items()},
        f"{values.get('interest_method') or 'DECLINING_BALANCE'}/{given.take('amortization') or 'EQUAL_INSTALLMENTS'}",
        "inputs.amortization",
    )
    cumulative = values.get("schedule_type") == "CUMULATIVE"
    if values.get("schedule_type") not in {None, "CUMULATIVE", "PROGRESSIVE"}:
        raise Unsupported(f"inputs.schedule_type: {values['schedule_type']}")
    rounding = given.take("rounding") or {}
    multiple = values.get("installment_multiple_of")
    calculator = isinstance(periods, list)
    down = given.take("down_payment") or {}
    first_due = given.take("first_due")
    recalculates = calculator or (method is not t.Method.FLAT and bool(recalculation))
    try:
        terms = LoanTerms(
            principal=money(given.take("principal"), "inputs.principal"),
            periods=_count(given.take("n") or (len(periods) if calculator else None), "inputs.n"),
            annual_rate=percent(given.take("annual_rate_pct", "0"), "inputs.annual_rate_pct"),
            disbursed_on=started,
            method=method,
            interest_by=_interest_by(given.take("interest_period"), method),
            frequency=one_of(_FREQUENCY, given.take("frequency", "MONTHS"), "inputs.frequency"),
            every=_count(given.take("repay_every", 1), "inputs.repay_every"),
            first_due_on=day(first_due, "inputs.first_due") if first_due else None,
            due_days=tuple(day(period[1], "inputs.periods") for period in periods) if calculator else None,
            day_count=_day_count(given.take("day_count"), given.take("leap_year_strategy"), cumulative=cumulative),
            month_end=one_of(
                {"LAST_DAY_OF_MONTH": t.MonthEnd.CLAMP, "FIRST_DAY_OF_NEXT_MONTH": t.MonthEnd.ROLL},
                given.take("month_end_rule") or "LAST_DAY_OF_MONTH",
                "inputs.month_end_rule",
            ),
            rounding=one_of(_ROUNDING, rounding.get("mode", "HALF_EVEN"), "inputs.rounding.mode"),
            decimals=_count(rounding.get("decimals", 2), "inputs.rounding.decimals"),
            multiple=money(multiple, "inputs.installment_multiple_of") if multiple else None,
            instalment_rate=t.InstalmentRate.NOMINAL if cumulative else t.InstalmentRate.ACTUAL,
            even_out=not cumulative,
            down_payment=_down_payment(down),
            tranches=t.Tranches.NEXT if not cumulative else t.Tranches.SAME_DAY if recalculates else t.Tranches.ALL,
            grace_principal=_count(given.take("grace_principal_periods", 0), "inputs.grace_principal_periods"),
            grace_interest=_count(given.take("grace_interest_periods", 0), "inputs.grace_interest_periods"),
            interest_free=_count(given.take("interest_free_periods", 0), "inputs.interest_free_periods"),
            recalculate=recalculates,
            interest_on_overdue=not calculator,
            overdue_to_due_day=not cumulative and _rests_on_due_days(recalculation),
            round_each_stretch=calculator or cumulative or _ROUNDS_EACH_STRETCH in source,
            chargeback_order=_order(given.take("chargeback_credit_order") or ["principal"], "inputs.chargeback_credit_order"),
            arrears=SOURCE_ARREARS,
        )
    except PlanError as error:
        raise Unsupported(f"inputs.{error.field or 'principal'}: {error.detail}") from error
    terms = _with_allocation(terms, given.take("allocation"), recalculation)
    terms, late_name = _with_late_fee(terms, given.take("late_fee"))
    given.take("multi_disbursement")
    _check_rounding(rounding)
    if given.leftovers():
        raise Unsupported(*given.leftovers())
    return Loan(terms, bool(down.get("auto_repayment")), calculator, not cumulative, late_name)


def _count(value: Any, at: str) -> int:
    if isinstance(value, bool) or not str(value).isdecimal():
        raise Unsupported(f"{at}: {value}")
    return int(value)


def _check_rounding(rounding: Mapping[str, Any]) -> None:
    unknown = [f"inputs.rounding.{key}" for key in rounding if key not in {"mode", "decimals", "math_context_digits"}]
    if unknown:
        raise Unsupported(*unknown)


def _interest_by(value: Any, method: t.Method) -> t.InterestBy:
    default = "DAILY" if method is not t.Method.FLAT else "SAME_AS_REPAYMENT_PERIOD"
    table = {"DAILY": t.InterestBy.DAYS, "SAME_AS_REPAYMENT_PERIOD": t.InterestBy.PERIOD}
    found: t.InterestBy = one_of(table, value or default, "inputs.interest_period")
    return found


def _day_count(value: Any, leap_years: Any, *, cumulative: bool) -> t.DayCount:
    value = value or {"year": "365", "month": "ACTUAL"}
    unknown = [f"inputs.day_count.{key}" for key in value if key not in {"year", "month", "leap_year_strategy"}]
    if unknown:
        raise Unsupported(*unknown)
    year = one_of({basis.value.upper(): basis for basis in t.YearBasis}, str(value.get("year")), "inputs.day_count.year")
    months = {"ACTUAL": t.MonthBasis.ACTUAL, "30": t.MonthBasis.D30, "N/A": t.MonthBasis.ACTUAL}
    month = one_of(months, str(value.get("month", "ACTUAL")), "inputs.day_count.month")
    strategy = {"FULL_LEAP_YEAR": t.LeapYears.WHOLE_YEAR, "FEB_29_PERIOD_ONLY": t.LeapYears.FEBRUARY_29}
    leap = one_of(strategy, value.get("leap_year_strategy") or leap_years or "FULL_LEAP_YEAR", "inputs.day_count.leap_year_strategy")
    if cumulative and year is t.YearBasis.ACTUAL:  # the older schedules of the source count 365 days in every year
        year = t.YearBasis.D365
    return t.DayCount(year, month, leap)


def _down_payment(down: Mapping[str, Any]) -> Rate | Money | None:
    unknown = [f"inputs.down_payment.{key}" for key in down if key not in {"percent", "amount", "auto_repayment", "note"}]
    if unknown:
        raise Unsupported(*unknown)
    if "amount" in down:
        return money(down["amount"], "inputs.down_payment.amount")
    return percent(down["percent"], "inputs.down_payment.percent") if "percent" in down else None


def _order(parts: Any, at: str) -> tuple[Part, ...]:
    found = tuple(_PART.get(str(part)) for part in parts)
    if None in found:
        raise Unsupported(f"{at}: {parts}")
    return tuple(part for part in found if part is not None)


def _with_allocation(terms: LoanTerms, value: Any, recalculation: Any) -> LoanTerms:
    value = value or {}
    unknown = [
        f"inputs.allocation.{key}" for key in value if key not in {"strategy", "processing", "order", "future_installment_rule", "note"}
    ]
    if unknown:
        raise Unsupported(*unknown)
    order = _buckets(value)
    if terms.recalculate and terms.instalment_rate is t.InstalmentRate.NOMINAL:
        # The older schedules of the source book what is paid early as principal, whatever the strategy says.
        order = t.buckets(tuple(part for when, part in order if when is When.DUE), (Part.PRINCIPAL, Part.PENALTY, Part.FEE, Part.INTEREST))
    processing = one_of({p.value.upper(): p for p in t.Processing}, value.get("processing", "HORIZONTAL"), "inputs.allocation.processing")
    rules = value.get("future_installment_rule") or {}
    excess = one_of(_EXCESS, rules.get("DEFAULT", "NEXT_INSTALLMENT"), "inputs.allocation.future_installment_rule.DEFAULT")
    preclosure, strategy = _recalculation(recalculation)
    default = t.Waterfall(order, processing, strategy or excess, _has_order_in_words(value))
    own = [
        (
            one_of(_PAID_BY, kind, "inputs.allocation.future_installment_rule"),
            one_of(_EXCESS, rule, f"inputs.allocation.future_installment_rule.{kind}"),
        )
        for kind, rule in rules.items()
        if kind != "DEFAULT"
    ]
    if value.get("strategy") == "advanced" and not rules:  # The rule of refunds in the cases that say it only in words.
        own.append((PaidBy.MERCHANT_REFUND, Excess.LAST))
    waterfalls = tuple((kind, t.Waterfall(order, processing, rule)) for kind, rule in own)
    return replace(terms, waterfall=default, waterfalls=waterfalls, payoff_to_rest_date=preclosure == "TILL_REST_FREQUENCY_DATE")


def _recalculation(value: Any) -> tuple[str, Excess | None]:
    if not isinstance(value, Mapping):
        return "", None
    unknown = [
        f"inputs.interest_recalculation.{key}"
        for key in value
        if key not in {"rest_frequency", "compounding", "prepayment_strategy", "preclosure", "note"}
    ]
    if value.get("compounding") not in {None, "NONE"}:
        unknown.append("inputs.interest_recalculation.compounding")
    if value.get("rest_frequency") not in {None, "DAILY", "SAME_AS_REPAYMENT", "SAME_AS_REPAYMENT_PERIOD"}:
        unknown.append("inputs.interest_recalculation.rest_frequency")
    if unknown:
        raise Unsupported(*unknown)
    strategy = value.get("prepayment_strategy")
    preclosure = value.get("preclosure") or "TILL_PRE_CLOSE_DATE"
    if preclosure not in {"TILL_PRE_CLOSE_DATE", "TILL_REST_FREQUENCY_DATE"}:
        raise Unsupported(f"inputs.interest_recalculation.preclosure: {preclosure}")
    return preclosure, one_of(_EXCESS, strategy, "inputs.interest_recalculation.prepayment_strategy") if strategy else None


def _has_order_in_words(value: Mapping[str, Any]) -> bool:
    """Whether the order is one of the source's older strategies, for which a charge is due on its own day."""
    return not value.get("order") and str(value.get("strategy") or "advanced") != "advanced"


def _rests_on_due_days(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("rest_frequency") in {"SAME_AS_REPAYMENT", "SAME_AS_REPAYMENT_PERIOD"}


def _buckets(value: Mapping[str, Any]) -> tuple[t.Bucket, ...]:
    if value.get("order"):
        found = []
        for name in value["order"]:
            when, _, part = str(name).rpartition("_")
            if when not in set(When) or part not in _PART:
                raise Unsupported(f"inputs.allocation.order: {name}")
            found.append((When(when), _PART[part]))
        return tuple(found)
    strategy = str(value.get("strategy") or "advanced")
    if strategy == "advanced":
        return t.Waterfall().order
    due, advance = _orders_in_words(strategy)
    return t.buckets(due, advance)


def _orders_in_words(strategy: str) -> tuple[tuple[Part, ...], tuple[Part, ...] | None]:
    """The orders that a name such as DUE_PENALTY_INTEREST_PRINCIPAL_FEE_IN_ADVANCE_PENALTY_INTEREST_PRINCIPAL_FEE says."""
    words = re.sub(r"in[ _-]advance", "|", strategy.lower())
    due, _, advance = words.partition("|")
    orders = []
    for side in (due, advance):
        parts = tuple(
            _PART[re.sub("ies$", "y", word) if word.endswith("ies") else word.rstrip("s")]
            for word in re.findall(r"penalt(?:y|ies)|fees?|interest|principal", side)
        )
        if sorted(parts) != sorted(Part) and not (side == advance and not parts):
            raise Unsupported(f"inputs.allocation.strategy: {strategy}")
        orders.append(parts)
    return orders[0], orders[1] or None


def _with_late_fee(terms: LoanTerms, value: Any) -> tuple[LoanTerms, str]:
    if not value:
        return terms, ""
    words = str(value).lower()
    if "percent" not in words and "%" not in words:
        raise Unsupported(f"inputs.late_fee: {value}")
    share = re.search(r"(\d+(?:\.\d+)?) ?(?:%|percent)", words)
    rate = percent(share.group(1), "inputs.late_fee") if share else _LATE_FEE
    interest = "interest" in words
    parts = (Part.PRINCIPAL, Part.INTEREST) if interest else (Part.PRINCIPAL,)
    name = "% Late fee amount+interest" if interest else "% Late fee"
    return replace(terms, late=t.LateTerms(fee_rate=rate, fee_on=parts)), name
