"""What was agreed of a loan: everything that its schedule, and the effect of each later event, is a function of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.money.currencies import EXPONENTS
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.lifecycle.choices import (
    BALLOON_TOO_LARGE,
    BUCKETS_OUT_OF_ORDER,
    CALENDAR_MISSING,
    CEILINGS_WRONG,
    CURRENCY_MISMATCH,
    DECIMALS_OUT_OF_RANGE,
    DOWN_PAYMENT_TOO_LARGE,
    DUE_DAY_OUT_OF_RANGE,
    DUE_DAYS_OUT_OF_ORDER,
    EVERY_OUT_OF_RANGE,
    FEE_WITHOUT_AMOUNT,
    FIRST_DUE_TOO_EARLY,
    GRACE_TOO_LONG,
    MOST_PERIODS,
    MULTIPLE_NOT_WHOLE,
    MULTIPLE_TOO_LARGE,
    NAMED_TWICE,
    NO_RATE,
    ORDER_INCOMPLETE,
    PERIODS_OUT_OF_RANGE,
    PRINCIPAL_NOT_POSITIVE,
    RULE_VERSION_UNKNOWN,
    RULE_VERSIONS,
    TYPE_WRONG,
    Adjust,
    ArrearsTerms,
    Bucket,
    DayCount,
    Excess,
    Fee,
    FeeWhen,
    Frequency,
    InstalmentRate,
    InterestBy,
    LateTerms,
    LeapYears,
    Method,
    MonthBasis,
    MonthEnd,
    PaidBy,
    Part,
    Payer,
    Processing,
    Remainder,
    TermsError,
    Tranches,
    Waterfall,
    When,
    YearBasis,
    buckets,
)
from yuefu.plans.lifecycle.kinds import wrong_field

__all__ = [
    "BALLOON_TOO_LARGE",
    "BUCKETS_OUT_OF_ORDER",
    "CALENDAR_MISSING",
    "CEILINGS_WRONG",
    "CURRENCY_MISMATCH",
    "DECIMALS_OUT_OF_RANGE",
    "DOWN_PAYMENT_TOO_LARGE",
    "DUE_DAYS_OUT_OF_ORDER",
    "EVERY_OUT_OF_RANGE",
    "FEE_WITHOUT_AMOUNT",
    "FIRST_DUE_TOO_EARLY",
    "GRACE_TOO_LONG",
    "MOST_PERIODS",
    "MULTIPLE_NOT_WHOLE",
    "NO_RATE",
    "ORDER_INCOMPLETE",
    "PERIODS_OUT_OF_RANGE",
    "PRINCIPAL_NOT_POSITIVE",
    "RULE_VERSIONS",
    "RULE_VERSION_UNKNOWN",
    "TYPE_WRONG",
    "Adjust",
    "ArrearsTerms",
    "Bucket",
    "DayCount",
    "Excess",
    "Fee",
    "FeeWhen",
    "Frequency",
    "InstalmentRate",
    "InterestBy",
    "LateTerms",
    "LeapYears",
    "LoanTerms",
    "Method",
    "MonthBasis",
    "MonthEnd",
    "PaidBy",
    "Part",
    "Payer",
    "Processing",
    "Remainder",
    "TermsError",
    "Tranches",
    "Waterfall",
    "When",
    "YearBasis",
    "buckets",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanTerms:
    """`principal` lent on `disbursed_on` at the nominal `annual_rate`, repaid in `periods` instalments.

    Calendar: an instalment each `every` × `frequency`, the first on `first_due_on` (default: one step after the disbursement; earlier or
    later makes a short or long first period), later ones on `due_day` (default: the day of the first); or exactly on `due_days`. `month_end`
    and `adjust` (with `calendar`) say where a day goes that does not exist or is no business day; interest runs to the day moved to.
    Amounts: rounded by `rounding` to `decimals` of the currency (default: all it has), the instalment to whole multiples of `multiple`;
    `remainder` takes the rest. `down_payment` (a rate of what is disbursed, or an amount) is instalment 0, paid by the disbursement itself
    where `down_payment_auto`. `balloon` is principal that only the last instalment asks.
    Grace: the first `grace_principal` periods ask no principal, the first `grace_interest` no interest (it is asked with the first one
    after), the first `interest_free` bear none.
    `recalculate`: interest follows what is really owed each day, overdue principal too where `interest_on_overdue` (up to the next due
    day, whenever it is paid until then, where `overdue_to_due_day`); else it stays as scheduled. `round_each_stretch`: where the balance
    changes within a period, the interest of each stretch is rounded, not only their sum. `even_out`: up to three passes that bring the
    last instalment nearer to the others.
    `ceilings`: the most that each equal instalment may ask, in minor units, as long as the loan is on its first plan.

    Raises TermsError naming the field.
    """

    principal: Money
    periods: int
    annual_rate: Rate
    disbursed_on: date
    method: Method = Method.EQUAL_INSTALMENTS
    interest_by: InterestBy = InterestBy.DAYS
    frequency: Frequency = Frequency.MONTHS
    every: int = 1
    first_due_on: date | None = None
    due_day: int | None = None
    due_days: tuple[date, ...] | None = None
    day_count: DayCount = field(default_factory=DayCount)
    month_end: MonthEnd = MonthEnd.CLAMP
    adjust: Adjust = Adjust.NONE
    calendar: Calendar | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    decimals: int | None = None
    multiple: Money | None = None
    remainder: Remainder = Remainder.LAST
    instalment_rate: InstalmentRate = InstalmentRate.ACTUAL
    even_out: bool = True
    down_payment: Rate | Money | None = None
    down_payment_auto: bool = False
    tranches: Tranches = Tranches.NEXT
    grace_principal: int = 0
    grace_interest: int = 0
    interest_free: int = 0
    balloon: Money | None = None
    fees: tuple[Fee, ...] = ()
    interest_payer: Payer = Payer.CONSUMER
    recalculate: bool = True
    interest_on_overdue: bool = True
    overdue_to_due_day: bool = False
    round_each_stretch: bool = False
    waterfall: Waterfall = field(default_factory=Waterfall)
    waterfalls: tuple[tuple[PaidBy, Waterfall], ...] = ()
    chargeback_order: tuple[Part, ...] = (Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL)
    late: LateTerms = field(default_factory=LateTerms)
    arrears: ArrearsTerms = field(default_factory=ArrearsTerms)
    payoff_to_rest_date: bool = False
    ceilings: tuple[int, ...] | None = None
    rule_version: str = "2026-2"

    def __post_init__(self) -> None:
        for check in (_check_kinds, _check_amounts, _check_costs, _check_calendar, _check_shape):
            check(self)

    @property
    def currency(self) -> str:
        """The one currency of all amounts."""
        return self.principal.currency

    @property
    def unit(self) -> int:
        """What amounts are rounded to, in minor units."""
        exponent = EXPONENTS[self.currency]
        return int(10 ** (exponent - (exponent if self.decimals is None else self.decimals)))

    @property
    def step(self) -> int:
        """What instalments are rounded to, in minor units."""
        return max(self.unit, self.multiple.minor if self.multiple else 1)

    @property
    def rate_of_consumer(self) -> int:
        """What the consumer's instalments bear interest at, in millionths: nothing where somebody else pays it."""
        return self.annual_rate.ppm if self.interest_payer is Payer.CONSUMER else 0

    def waterfall_of(self, paid_by: PaidBy) -> Waterfall:
        """The waterfall of one kind of money: its own, else the loan's."""
        return next((own for kind, own in self.waterfalls if kind is paid_by), self.waterfall)


# Checked by rules of their own, which say what is allowed.
_CHECKED_APART: Final = frozenset(
    {"calendar", "periods", "every", "due_day", "decimals", "grace_principal", "grace_interest", "interest_free"}
)


def _refuse(code: str, detail: str, name: str) -> None:
    raise TermsError(code, detail, name)


def _check_kinds(terms: LoanTerms) -> None:
    wrong = wrong_field(terms, but=_CHECKED_APART)
    if wrong is not None:
        _refuse(TYPE_WRONG, f"{wrong[0]} is {wrong[1]}.", wrong[0])


def _check_amounts(terms: LoanTerms) -> None:
    if terms.principal.minor <= 0:
        _refuse(PRINCIPAL_NOT_POSITIVE, f"The principal must be positive, not {terms.principal}.", "principal")
    for name in ("multiple", "down_payment", "balloon"):
        amount: Any = getattr(terms, name)
        if isinstance(amount, Money) and amount.currency != terms.currency:
            _refuse(CURRENCY_MISMATCH, f"{name} is in {amount.currency}, the loan in {terms.currency}.", name)
    exponent = EXPONENTS[terms.currency]
    if terms.decimals is not None and not (type(terms.decimals) is int and 0 <= terms.decimals <= exponent):
        _refuse(DECIMALS_OUT_OF_RANGE, f"{terms.currency} has 0 to {exponent} decimals, not {terms.decimals}.", "decimals")
    if terms.multiple is not None and (terms.multiple.minor <= 0 or terms.multiple.minor % terms.unit):
        _refuse(MULTIPLE_NOT_WHOLE, "An instalment is rounded to a positive multiple of what amounts are rounded to.", "multiple")
    if terms.multiple is not None and type(terms.periods) is int and terms.multiple.minor * terms.periods > 2 * terms.principal.minor:
        _refuse(MULTIPLE_TOO_LARGE, f"Rounded to multiples of {terms.multiple}, instalments of this loan would be nothing.", "multiple")
    if isinstance(terms.down_payment, Money) and not 0 <= terms.down_payment.minor < terms.principal.minor:
        _refuse(DOWN_PAYMENT_TOO_LARGE, "A down payment is less than the principal.", "down_payment")
    if isinstance(terms.down_payment, Rate) and terms.down_payment.ppm >= 1_000_000:
        _refuse(DOWN_PAYMENT_TOO_LARGE, "A down payment is less than 100 % of the principal.", "down_payment")
    if terms.balloon is not None and not 0 <= terms.balloon.minor <= terms.principal.minor:
        _refuse(BALLOON_TOO_LARGE, "A balloon is between nothing and the principal.", "balloon")


def _check_costs(terms: LoanTerms) -> None:
    amounts = [("fees", fee.amount) for fee in terms.fees] + [("late.fee", terms.late.fee)]
    for name, amount in amounts:
        if amount is not None and amount.currency != terms.currency:
            _refuse(CURRENCY_MISMATCH, f"{name} has an amount in {amount.currency}, the loan is in {terms.currency}.", name)
    for name, keys in (
        ("fees", [fee.code for fee in terms.fees]),
        ("waterfalls", [kind for kind, _ in terms.waterfalls]),
        ("chargeback_order", terms.chargeback_order),
    ):
        if len(set(keys)) < len(keys):
            _refuse(NAMED_TWICE, f"Each of {name} is named once.", name)


def _check_calendar(terms: LoanTerms) -> None:
    if type(terms.periods) is not int or not 1 <= terms.periods <= MOST_PERIODS:
        _refuse(PERIODS_OUT_OF_RANGE, f"A loan has 1 to {MOST_PERIODS} periods, not {terms.periods!r}.", "periods")
    if type(terms.every) is not int or not 1 <= terms.every <= 366:
        _refuse(EVERY_OUT_OF_RANGE, f"An instalment repeats every 1 to 366 {terms.frequency.value}, not {terms.every!r}.", "every")
    if terms.first_due_on is not None and terms.first_due_on <= terms.disbursed_on:
        _refuse(FIRST_DUE_TOO_EARLY, f"Nothing can be due on {terms.first_due_on} when lent on {terms.disbursed_on}.", "first_due_on")
    if terms.due_day is not None and (type(terms.due_day) is not int or not 1 <= terms.due_day <= 31):
        _refuse(DUE_DAY_OUT_OF_RANGE, f"A due day is between 1 and 31, not {terms.due_day!r}.", "due_day")
    if terms.due_day is not None and terms.frequency is not Frequency.MONTHS:
        _refuse(DUE_DAY_OUT_OF_RANGE, f"A due day is a day of the month; instalments come by {terms.frequency.value}.", "due_day")
    if terms.due_days is not None:
        days = (terms.disbursed_on, *terms.due_days)
        if len(days) != terms.periods + 1 or any(one >= other for one, other in pairwise(days)):
            _refuse(DUE_DAYS_OUT_OF_ORDER, "Due days are one a period and rise from the disbursement on.", "due_days")
    if terms.adjust is not Adjust.NONE and not hasattr(terms.calendar, "is_business_day"):
        _refuse(CALENDAR_MISSING, "Moving due days to business days needs a calendar.", "calendar")


def _check_shape(terms: LoanTerms) -> None:
    for name in ("grace_principal", "grace_interest", "interest_free"):
        periods = getattr(terms, name)
        if type(periods) is not int or not 0 <= periods < terms.periods + (name == "interest_free"):
            _refuse(GRACE_TOO_LONG, f"{name} is shorter than the {terms.periods} periods of the loan, not {periods!r}.", name)
    if terms.ceilings is not None and (len(terms.ceilings) != terms.periods or any(most < 0 for most in terms.ceilings)):
        _refuse(CEILINGS_WRONG, f"Ceilings are one for each of the {terms.periods} instalments, each 0 or more.", "ceilings")
    if terms.rule_version not in RULE_VERSIONS:
        _refuse(RULE_VERSION_UNKNOWN, f"There is no rule version {terms.rule_version!r} of these terms.", "rule_version")
