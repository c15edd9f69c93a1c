"""What a case says of its loan, as terms of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.terms import Excess, LoanTerms, PaidBy, Part, When
from yuefu.proofs.cases import Unreadable, Unsupported
from yuefu.proofs.conform_loans.reading import count, day, flag, items, mapping, money, one_of, only, percent, shown, unreadable, word

_INFORMATION: Final = frozenset({"product", "note"})

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
_RESTS_ON_DUE_DAYS: Final = {"DAILY": False, "SAME_AS_REPAYMENT": True, "SAME_AS_REPAYMENT_PERIOD": True}
_PRECLOSURES: Final = {one: one for one in ("TILL_PRE_CLOSE_DATE", "TILL_REST_FREQUENCY_DATE")}
_PART: Final = {"PENALTY": Part.PENALTY, "FEE": Part.FEE, "INTEREST": Part.INTEREST, "PRINCIPAL": Part.PRINCIPAL}
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
        self.values, self.taken = values, set(_INFORMATION)

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key; the default where it is left out or null."""
        self.taken.add(key)
        value = self.values.get(key)
        return default if value is None else value

    def leftovers(self) -> list[str]:
        return [f"inputs.{key}" for key in self.values if key not in self.taken]


def loan_of(values: Mapping[str, Any], first_day: date | None, source: str = "") -> Loan:
    """The loan of a case; `source` says of which version of its core it is. Raises Unsupported for each key or value that is not understood."""
    given = Inputs(values)
    due_days, begins = _calculator_periods(given.take("periods"))
    calculator = due_days is not None
    started = begins or _started(given, first_day)
    if begins:
        _started(given, first_day or begins)
    recalculation = given.take("interest_recalculation")
    method = one_of(
        {f"{one}/{other}": found for (one, other), found in _METHOD.items()},
        f"{given.take('interest_method', 'DECLINING_BALANCE')}/{given.take('amortization', 'EQUAL_INSTALLMENTS')}",
        "inputs.amortization",
    )
    cumulative = one_of({"CUMULATIVE": True, "PROGRESSIVE": False}, given.take("schedule_type", "PROGRESSIVE"), "inputs.schedule_type")
    rounding = mapping(given.take("rounding"), "inputs.rounding")
    only(rounding, {"mode", "decimals", "math_context_digits"}, "inputs.rounding")
    count(rounding.get("math_context_digits", 12), "inputs.rounding.math_context_digits")  # ours are exact
    multiple = given.take("installment_multiple_of")
    down = mapping(given.take("down_payment"), "inputs.down_payment")
    first_due = given.take("first_due")
    recalculates = _recalculates(recalculation, method) or calculator
    try:
        terms = LoanTerms(
            principal=money(given.take("principal"), "inputs.principal"),
            periods=count(given.take("n", len(due_days) if due_days else None), "inputs.n"),
            annual_rate=percent(given.take("annual_rate_pct", "0"), "inputs.annual_rate_pct"),
            disbursed_on=started,
            method=method,
            interest_by=_interest_by(given.take("interest_period"), method),
            frequency=one_of(_FREQUENCY, given.take("frequency", "MONTHS"), "inputs.frequency"),
            every=count(given.take("repay_every", 1), "inputs.repay_every"),
            first_due_on=None if first_due is None else day(first_due, "inputs.first_due"),
            due_days=due_days,
            day_count=_day_count(given.take("day_count"), given.take("leap_year_strategy"), cumulative=cumulative),
            month_end=one_of(
                {"LAST_DAY_OF_MONTH": t.MonthEnd.CLAMP, "FIRST_DAY_OF_NEXT_MONTH": t.MonthEnd.ROLL},
                given.take("month_end_rule", "LAST_DAY_OF_MONTH"),
                "inputs.month_end_rule",
            ),
            rounding=one_of(_ROUNDING, rounding.get("mode", "HALF_EVEN"), "inputs.rounding.mode"),
            decimals=count(rounding.get("decimals", 2), "inputs.rounding.decimals"),
            multiple=None if multiple is None else money(multiple, "inputs.installment_multiple_of"),
            instalment_rate=t.InstalmentRate.NOMINAL if cumulative else t.InstalmentRate.ACTUAL,
            even_out=not cumulative,
            down_payment=_down_payment(down),
            tranches=t.Tranches.NEXT if not cumulative else t.Tranches.SAME_DAY if recalculates else t.Tranches.ALL,
            grace_principal=count(given.take("grace_principal_periods", 0), "inputs.grace_principal_periods"),
            grace_interest=count(given.take("grace_interest_periods", 0), "inputs.grace_interest_periods"),
            interest_free=count(given.take("interest_free_periods", 0), "inputs.interest_free_periods"),
            recalculate=recalculates,
            interest_on_overdue=not calculator,
            overdue_to_due_day=_rests_on_due_days(recalculation) and not cumulative,
            round_each_stretch=calculator or cumulative or _ROUNDS_EACH_STRETCH in source,
            chargeback_order=_order(given.take("chargeback_credit_order", ["principal"]), "inputs.chargeback_credit_order"),
            arrears=SOURCE_ARREARS,
        )
    except PlanError as error:
        raise Unsupported(f"inputs.{error.field or 'principal'}: {error.detail}") from error
    terms = _with_allocation(terms, mapping(given.take("allocation"), "inputs.allocation"), recalculation)
    terms, late_name = _with_late_fee(terms, given.take("late_fee"))
    flag(given.take("multi_disbursement"), "inputs.multi_disbursement")
    if given.leftovers():
        raise Unsupported(*given.leftovers())
    return Loan(terms, flag(down.get("auto_repayment"), "inputs.down_payment.auto_repayment"), calculator, not cumulative, late_name)


def _calculator_periods(value: Any) -> tuple[tuple[date, ...] | None, date | None]:
    """The due days of a calculator's periods, and the day on which the first begins: it is then, whenever money is lent. Each begins as the one
    before it ends."""
    if value is None:
        return None, None
    periods = [
        [day(one, f"inputs.periods[{k}]") for one in items(pair, f"inputs.periods[{k}]")]
        for k, pair in enumerate(items(value, "inputs.periods"))
    ]
    for k, pair in enumerate(periods):
        if len(pair) != 2 or (k and pair[0] != periods[k - 1][1]):
            raise unreadable(value[k], f"inputs.periods[{k}]", "its first day, on which the one before it ends, and its due day")
    if not periods:
        raise unreadable(value, "inputs.periods", "a list of periods")
    return tuple(due for _, due in periods), periods[0][0]


def _started(given: Inputs, first_day: date | None) -> date:
    """The day from which the loan is planned: that of the application, or the first disbursement. Nothing is lent before an application."""
    said = {key: day(value, f"inputs.{key}") for key in ("submitted", "start") if (value := given.take(key)) is not None}
    for key, value in said.items():
        if first_day is not None and value > first_day:
            raise Unsupported(f"inputs.{key}: {value} is after the first disbursement, {first_day}")
    found = said.get("submitted") or said.get("start") or first_day
    if found is None:
        raise Unreadable("inputs.submitted: missing, and nothing is disbursed: the day of the application")
    return found


def _recalculates(value: Any, method: t.Method) -> bool:
    if value is not None and not isinstance(value, bool | Mapping):
        raise unreadable(value, "inputs.interest_recalculation", "an object, true or false")
    return method is not t.Method.FLAT and value is not None and value is not False


def _interest_by(value: Any, method: t.Method) -> t.InterestBy:
    default = "DAILY" if method is not t.Method.FLAT else "SAME_AS_REPAYMENT_PERIOD"
    table = {"DAILY": t.InterestBy.DAYS, "SAME_AS_REPAYMENT_PERIOD": t.InterestBy.PERIOD}
    found: t.InterestBy = one_of(table, default if value is None else value, "inputs.interest_period")
    return found


def _day_count(value: Any, leap_years: Any, *, cumulative: bool) -> t.DayCount:
    said = mapping(value, "inputs.day_count") or {"year": "365", "month": "ACTUAL"}
    only(said, {"year", "month", "leap_year_strategy"}, "inputs.day_count")
    year = one_of({basis.value.upper(): basis for basis in t.YearBasis}, _as_word(said.get("year")), "inputs.day_count.year")
    months = {"ACTUAL": t.MonthBasis.ACTUAL, "30": t.MonthBasis.D30, "N/A": t.MonthBasis.ACTUAL}
    month = one_of(months, _as_word(said.get("month", "ACTUAL")), "inputs.day_count.month")
    strategy = {"FULL_LEAP_YEAR": t.LeapYears.WHOLE_YEAR, "FEB_29_PERIOD_ONLY": t.LeapYears.FEBRUARY_29}
    words = [one for one in (said.get("leap_year_strategy"), leap_years) if one is not None]
    leap = one_of(strategy, words[0] if words else "FULL_LEAP_YEAR", "inputs.day_count.leap_year_strategy")
    if len(words) > 1 and words[0] != words[1]:
        raise Unsupported("inputs.leap_year_strategy: another than that of inputs.day_count")
    if cumulative and year is t.YearBasis.ACTUAL:  # the older schedules of the source count 365 days in every year
        year = t.YearBasis.D365
    return t.DayCount(year, month, leap)


def _as_word(value: Any) -> Any:
    """A number of days may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _down_payment(down: Mapping[str, Any]) -> Rate | Money | None:
    only(down, {"percent", "amount", "auto_repayment", "note"}, "inputs.down_payment")
    if "amount" in down and "percent" in down:
        raise Unsupported("inputs.down_payment.amount: beside a percent")
    if "amount" in down:
        return money(down["amount"], "inputs.down_payment.amount")
    return percent(down["percent"], "inputs.down_payment.percent") if "percent" in down else None


def _order(parts: Any, at: str) -> tuple[Part, ...]:
    found = tuple(one_of(_PART, part, f"{at}[{i}]") for i, part in enumerate(items(parts, at)))
    if not found:
        raise unreadable(parts, at, "a list of parts")
    return found


def _with_allocation(terms: LoanTerms, value: Mapping[str, Any], recalculation: Any) -> LoanTerms:
    at = "inputs.allocation"
    only(value, {"strategy", "processing", "order", "future_installment_rule", "note"}, at)
    order = _buckets(value)
    if terms.recalculate and terms.instalment_rate is t.InstalmentRate.NOMINAL:
        # The older schedules of the source book what is paid early as principal, whatever the strategy says.
        order = t.buckets(tuple(part for when, part in order if when is When.DUE), (Part.PRINCIPAL, Part.PENALTY, Part.FEE, Part.INTEREST))
    processing = one_of({p.value.upper(): p for p in t.Processing}, value.get("processing", "HORIZONTAL"), f"{at}.processing")
    rules = mapping(value.get("future_installment_rule"), f"{at}.future_installment_rule")
    excess = one_of(_EXCESS, rules.get("DEFAULT", "NEXT_INSTALLMENT"), f"{at}.future_installment_rule.DEFAULT")
    preclosure, strategy = _recalculation(recalculation)
    default = t.Waterfall(order, processing, strategy or excess, _has_order_in_words(value))
    own = [
        (
            one_of(_PAID_BY, kind, f"{at}.future_installment_rule"),
            t.Waterfall(order, processing, one_of(_EXCESS, rule, f"{at}.future_installment_rule.{kind}")),
        )
        for kind, rule in rules.items()
        if kind != "DEFAULT"
    ]
    if value.get("strategy") == "advanced" and not rules:
        own += _refunds_in_words(order, processing, excess)
    return replace(terms, waterfall=default, waterfalls=tuple(own), payoff_to_rest_date=preclosure == "TILL_REST_FREQUENCY_DATE")


def _refunds_in_words(order: tuple[t.Bucket, ...], processing: t.Processing, excess: Excess) -> list[tuple[PaidBy, t.Waterfall]]:
    """The rules of refunds in the cases that say them only in words: in advance they pay principal before interest; those of a merchant pay the
    last instalment first."""
    early = ((When.IN_ADVANCE, part) for part in (Part.PENALTY, Part.FEE, Part.PRINCIPAL, Part.INTEREST))
    refunds = (*(bucket for bucket in order if bucket[0] is not When.IN_ADVANCE), *early)
    return [
        (PaidBy.MERCHANT_REFUND, t.Waterfall(refunds, processing, Excess.LAST)),
        (PaidBy.PAYOUT_REFUND, t.Waterfall(refunds, processing, excess)),
    ]


def _recalculation(value: Any) -> tuple[str, Excess | None]:
    if not isinstance(value, Mapping):
        return "", None
    at = "inputs.interest_recalculation"
    only(value, {"rest_frequency", "compounding", "prepayment_strategy", "preclosure", "note"}, at)
    said = {key: one for key, one in value.items() if one is not None}
    one_of({"NONE": None}, said.get("compounding", "NONE"), f"{at}.compounding")
    preclosure: str = one_of(_PRECLOSURES, said.get("preclosure", "TILL_PRE_CLOSE_DATE"), f"{at}.preclosure")
    strategy = said.get("prepayment_strategy")
    return preclosure, None if strategy is None else one_of(_EXCESS, strategy, f"{at}.prepayment_strategy")


def _has_order_in_words(value: Mapping[str, Any]) -> bool:
    """Whether the order is one of the source's older strategies, for which a charge is due on its own day."""
    return not value.get("order") and str(value.get("strategy") or "advanced") != "advanced"


def _rests_on_due_days(value: Any) -> bool:
    rest = value.get("rest_frequency") if isinstance(value, Mapping) else None
    return rest is not None and one_of(_RESTS_ON_DUE_DAYS, rest, "inputs.interest_recalculation.rest_frequency") is True


def _buckets(value: Mapping[str, Any]) -> tuple[t.Bucket, ...]:
    strategy = value.get("strategy", "advanced")
    if value.get("order") is None:
        return t.Waterfall().order if strategy == "advanced" else t.buckets(*_orders_in_words(word(strategy, "inputs.allocation.strategy")))
    if strategy != "advanced":
        raise Unsupported(f"inputs.allocation.strategy: {shown(strategy)} beside an order")
    found = []
    for name in items(value["order"], "inputs.allocation.order"):
        when, _, part = str(name).rpartition("_")
        if when not in set(When) or part.upper() not in _PART:
            raise Unsupported(f"inputs.allocation.order: {shown(name)}")
        found.append((When(when), _PART[part.upper()]))
    return tuple(found)


def _orders_in_words(strategy: str) -> tuple[tuple[Part, ...], tuple[Part, ...] | None]:
    """The orders that a name such as DUE_PENALTY_INTEREST_PRINCIPAL_FEE_IN_ADVANCE_PENALTY_INTEREST_PRINCIPAL_FEE says."""
    words = re.sub(r"IN[ _-]ADVANCE", "|", strategy.upper())
    due, _, advance = words.partition("|")
    orders = []
    for side in (due, advance):
        parts = tuple(
            _PART[re.sub("IES$", "Y", name) if name.endswith("IES") else name.rstrip("S")]
            for name in re.findall(r"PENALT(?:Y|IES)|FEES?|INTEREST|PRINCIPAL", side)
        )
        if sorted(parts) != sorted(Part) and not (side == advance and not parts):
            raise Unsupported(f"inputs.allocation.strategy: {shown(strategy)}")
        orders.append(parts)
    return orders[0], orders[1] or None


def _with_late_fee(terms: LoanTerms, value: Any) -> tuple[LoanTerms, str]:
    if value is None:
        return terms, ""
    words = word(value, "inputs.late_fee").lower()
    if "percent" not in words and "%" not in words:
        raise Unsupported(f"inputs.late_fee: {shown(value)}")
    share = re.search(r"(\d+(?:\.\d+)?) ?(?:%|percent)", words)
    rate = percent(share.group(1), "inputs.late_fee") if share else _LATE_FEE
    interest = "interest" in words
    parts = (Part.PRINCIPAL, Part.INTEREST) if interest else (Part.PRINCIPAL,)
    name = "% Late fee amount+interest" if interest else "% Late fee"
    return replace(terms, late=t.LateTerms(fee_rate=rate, fee_on=parts)), name
