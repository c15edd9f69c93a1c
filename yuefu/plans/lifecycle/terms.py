"""What was agreed of a loan: everything that its schedule, and the effect of each later event, is a function of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.money.currencies import EXPONENTS
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.faults import PlanError

MOST_PERIODS: Final = 600
NO_RATE: Final = Rate(0)
RULE_VERSIONS: Final = frozenset({"2026-2"})

PERIODS_OUT_OF_RANGE: Final = "periods_out_of_range"
PRINCIPAL_NOT_POSITIVE: Final = "principal_not_positive"
EVERY_OUT_OF_RANGE: Final = "every_out_of_range"
FIRST_DUE_TOO_EARLY: Final = "first_due_too_early"
DUE_DAYS_OUT_OF_ORDER: Final = "due_days_out_of_order"
CALENDAR_MISSING: Final = "calendar_missing"
DECIMALS_OUT_OF_RANGE: Final = "decimals_out_of_range"
MULTIPLE_NOT_WHOLE: Final = "multiple_not_whole"
DOWN_PAYMENT_TOO_LARGE: Final = "down_payment_too_large"
GRACE_TOO_LONG: Final = "grace_too_long"
BALLOON_TOO_LARGE: Final = "balloon_too_large"
CURRENCY_MISMATCH: Final = "currency_mismatch"
RULE_VERSION_UNKNOWN: Final = "rule_version_unknown"
TYPE_WRONG: Final = "type_wrong"
ORDER_INCOMPLETE: Final = "order_incomplete"
FEE_WITHOUT_AMOUNT: Final = "fee_without_amount"
BUCKETS_OUT_OF_ORDER: Final = "buckets_out_of_order"


class TermsError(PlanError):
    """Terms that no loan can have; `field` is the one that is wrong."""


class Method(StrEnum):
    """EQUAL_INSTALMENTS: an annuity. EQUAL_PRINCIPAL: the same principal each time. FLAT: interest always on the whole principal."""

    EQUAL_INSTALMENTS = "equal_instalments"
    EQUAL_PRINCIPAL = "equal_principal"
    FLAT = "flat"


class InterestBy(StrEnum):
    """DAYS: interest for the days of a period. PERIOD: each period is the same share of a year, however long its month is."""

    DAYS = "days"
    PERIOD = "period"


class Frequency(StrEnum):
    """The unit in which instalments repeat."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


class YearBasis(StrEnum):
    """How many days make a year; ACTUAL: 365 or 366, each day by the year it lies in."""

    ACTUAL = "actual"
    D360 = "360"
    D364 = "364"
    D365 = "365"


class MonthBasis(StrEnum):
    """How many days a month counts for: its own, or always 30."""

    ACTUAL = "actual"
    D30 = "30"


class LeapYears(StrEnum):
    """When a year of YearBasis.ACTUAL has 366 days: WHOLE_YEAR, each day of a leap year; FEBRUARY_29, only a period with that day in it."""

    WHOLE_YEAR = "whole_year"
    FEBRUARY_29 = "february_29"


class MonthEnd(StrEnum):
    """Where the due day is missing in a month: CLAMP to its last day, or ROLL to the first of the next one."""

    CLAMP = "clamp"
    ROLL = "roll"


class Adjust(StrEnum):
    """Where a due day is no business day: left, moved on, moved on within its month, or moved back."""

    NONE = "none"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"


class Remainder(StrEnum):
    """Which instalment takes what rounding leaves over."""

    LAST = "last"
    FIRST = "first"


class InstalmentRate(StrEnum):
    """What the equal instalment is found with: the ACTUAL factors of the periods, or the NOMINAL share of a year, as printed tables do."""

    ACTUAL = "actual"
    NOMINAL = "nominal"


class Payer(StrEnum):
    """Who bears a cost."""

    CONSUMER = "consumer"
    MERCHANT = "merchant"
    CAMPAIGN = "campaign"


class Part(StrEnum):
    """What of an instalment a payment pays, in the order of a reader."""

    PRINCIPAL = "principal"
    INTEREST = "interest"
    FEE = "fee"
    PENALTY = "penalty"


class When(StrEnum):
    """How an instalment stands to the day of a payment."""

    PAST_DUE = "past_due"
    DUE = "due"
    IN_ADVANCE = "in_advance"


class Processing(StrEnum):
    """HORIZONTAL: one instalment after the other, all its parts. VERTICAL: one part after the other, of all instalments."""

    HORIZONTAL = "horizontal"
    VERTICAL = "vertical"


class Excess(StrEnum):
    """What happens to money beyond what is due: the next instalments, the last ones, all of them evenly, fewer instalments, smaller ones,
    or nothing (it stays a credit balance)."""

    NEXT = "next"
    LAST = "last"
    REAMORTISE = "reamortise"
    SHORTER = "shorter"
    SMALLER = "smaller"
    KEEP = "keep"


class PaidBy(StrEnum):
    """Why money is credited to a loan: each kind may have its own waterfall."""

    REPAYMENT = "repayment"
    DOWN_PAYMENT = "down_payment"
    GOODWILL = "goodwill"
    MERCHANT_REFUND = "merchant_refund"
    PAYOUT_REFUND = "payout_refund"
    INTEREST_REFUND = "interest_refund"


Bucket = tuple[When, Part]


def buckets(order: tuple[Part, ...], advance: tuple[Part, ...] | None = None) -> tuple[Bucket, ...]:
    """The twelve buckets: past due, due and in advance, each in `order`; those in advance in their own where given."""
    return tuple((when, part) for when in When for part in (advance if advance and when is When.IN_ADVANCE else order))


_COSTS_FIRST = (Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """In which order money pays the twelve buckets, how, and what happens to what is left when nothing more is due.

    Raises TermsError for an order that does not name each of the twelve once.
    """

    order: tuple[Bucket, ...] = buckets(_COSTS_FIRST)
    processing: Processing = Processing.HORIZONTAL
    excess: Excess = Excess.NEXT

    def __post_init__(self) -> None:
        if sorted(self.order) != sorted((when, part) for when in When for part in Part):
            raise TermsError(ORDER_INCOMPLETE, "An order names each of the twelve buckets once.", "waterfall.order")


class Tranches(StrEnum):
    """Which instalments repay what is lent later. NEXT: those due after the day. SAME_DAY: one that is due on the day too. ALL: all of them,
    as if it had been lent with the first part."""

    NEXT = "next"
    SAME_DAY = "same_day"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class DayCount:
    """Year and month basis, and how leap years count. Default: actual days over 365."""

    year: YearBasis = YearBasis.D365
    month: MonthBasis = MonthBasis.ACTUAL
    leap_years: LeapYears = LeapYears.WHOLE_YEAR


class FeeWhen(StrEnum):
    """UPFRONT: once, at disbursement. EACH_PERIOD: with each instalment."""

    UPFRONT = "upfront"
    EACH_PERIOD = "each_period"


@dataclass(frozen=True, slots=True)
class Fee:
    """A cost named in the agreement: a fixed `amount`, or a `rate` of the principal lent, each time it is charged; `payee` is a code.

    Who ends the loan early is not asked the fees of periods that have not begun."""

    code: str
    when: FeeWhen
    payer: Payer = Payer.CONSUMER
    amount: Money | None = None
    rate: Rate | None = None
    payee: str = "lender"

    def __post_init__(self) -> None:
        if (self.amount is None) == (self.rate is None) or (self.amount is not None and self.amount.minor < 0):
            raise TermsError(FEE_WITHOUT_AMOUNT, f"The fee {self.code} has either an amount of zero or more or a rate.", "fees")


@dataclass(frozen=True, slots=True)
class LateTerms:
    """What being late costs. `fee_rate` of the overdue part of an instalment (`fee_on`) or a fixed `fee`, once an instalment, on the day
    after `grace_days`; `interest` a year, simple, over 365, on overdue principal from the due day on. All of it together never exceeds
    `cap` of the principal lent."""

    fee: Money | None = None
    fee_rate: Rate = NO_RATE
    fee_on: tuple[Part, ...] = (Part.PRINCIPAL, Part.INTEREST)
    interest: Rate = NO_RATE
    grace_days: int = 0
    cap: Rate | None = None


@dataclass(frozen=True, slots=True)
class ArrearsTerms:
    """How lateness is told: days of grace before a loan is delinquent, and named buckets of days, (name, from, to), `to` None for the last."""

    grace_days: int = 0
    buckets: tuple[tuple[str, int, int | None], ...] = (
        ("M1", 1, 30),
        ("M2", 31, 60),
        ("M3", 61, 90),
        ("M4", 91, 120),
        ("M5", 121, 150),
        ("M6", 151, 180),
        ("M7+", 181, None),
    )

    def __post_init__(self) -> None:
        ends = [0, *(end for _, _, end in self.buckets[:-1])]
        if any(end is None or begin <= end for (_, begin, _), end in zip(self.buckets, ends, strict=True)):
            raise TermsError(BUCKETS_OUT_OF_ORDER, "Buckets of days rise and do not overlap.", "arrears.buckets")


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
    `recalculate`: interest follows what is really owed each day, overdue principal too where `interest_on_overdue`; else it stays as
    scheduled. `round_each_stretch`: where the balance changes within a period, the interest
    of each stretch is rounded, not only their sum. `even_out`: one pass that brings the last
    instalment nearer to the others.

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
    day_count: DayCount = DayCount()
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
    round_each_stretch: bool = False
    waterfall: Waterfall = Waterfall()
    waterfalls: tuple[tuple[PaidBy, Waterfall], ...] = ()
    chargeback_order: tuple[Part, ...] = (Part.PENALTY, Part.FEE, Part.INTEREST, Part.PRINCIPAL)
    late: LateTerms = LateTerms()
    arrears: ArrearsTerms = field(default_factory=ArrearsTerms)
    payoff_to_rest_date: bool = False
    rule_version: str = "2026-2"

    def __post_init__(self) -> None:
        for check in (_check_amounts, _check_calendar, _check_shape):
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


_ENUMS: Final[tuple[tuple[str, type[StrEnum]], ...]] = (
    *(("method", Method), ("interest_by", InterestBy), ("frequency", Frequency), ("month_end", MonthEnd), ("adjust", Adjust)),
    *(("rounding", Rounding), ("remainder", Remainder), ("instalment_rate", InstalmentRate), ("interest_payer", Payer)),
    ("tranches", Tranches),
)


def _refuse(code: str, detail: str, name: str) -> None:
    raise TermsError(code, detail, name)


def _check_amounts(terms: LoanTerms) -> None:
    kinds: tuple[tuple[str, type], ...] = (("principal", Money), ("annual_rate", Rate), ("disbursed_on", date), ("day_count", DayCount))
    for name, kind in kinds:
        if type(getattr(terms, name)) is not kind:
            _refuse(TYPE_WRONG, f"{name} is a {kind.__name__}, not {type(getattr(terms, name)).__name__}.", name)
    for name, enum in _ENUMS:
        if not isinstance(getattr(terms, name), enum):
            _refuse(TYPE_WRONG, f"{name} is one of {', '.join(enum)}.", name)
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
    if isinstance(terms.down_payment, Money) and not 0 <= terms.down_payment.minor < terms.principal.minor:
        _refuse(DOWN_PAYMENT_TOO_LARGE, "A down payment is less than the principal.", "down_payment")
    if isinstance(terms.down_payment, Rate) and terms.down_payment.ppm >= 1_000_000:
        _refuse(DOWN_PAYMENT_TOO_LARGE, "A down payment is less than 100 % of the principal.", "down_payment")
    if terms.balloon is not None and not 0 <= terms.balloon.minor <= terms.principal.minor:
        _refuse(BALLOON_TOO_LARGE, "A balloon is between nothing and the principal.", "balloon")


def _check_calendar(terms: LoanTerms) -> None:
    if type(terms.periods) is not int or not 1 <= terms.periods <= MOST_PERIODS:
        _refuse(PERIODS_OUT_OF_RANGE, f"A loan has 1 to {MOST_PERIODS} periods, not {terms.periods!r}.", "periods")
    if type(terms.every) is not int or not 1 <= terms.every <= 366:
        _refuse(EVERY_OUT_OF_RANGE, f"An instalment repeats every 1 to 366 {terms.frequency.value}, not {terms.every!r}.", "every")
    if terms.first_due_on is not None and terms.first_due_on <= terms.disbursed_on:
        _refuse(FIRST_DUE_TOO_EARLY, f"Nothing can be due on {terms.first_due_on} when lent on {terms.disbursed_on}.", "first_due_on")
    if terms.due_day is not None and (type(terms.due_day) is not int or not 1 <= terms.due_day <= 31):
        _refuse("due_day_out_of_range", f"A due day is between 1 and 31, not {terms.due_day!r}.", "due_day")
    if terms.due_days is not None:
        days = (terms.disbursed_on, *terms.due_days)
        if len(days) != terms.periods + 1 or any(one >= other for one, other in pairwise(days)):
            _refuse(DUE_DAYS_OUT_OF_ORDER, "Due days are one a period and rise from the disbursement on.", "due_days")
    if terms.adjust is not Adjust.NONE and terms.calendar is None:
        _refuse(CALENDAR_MISSING, "Moving due days to business days needs a calendar.", "calendar")


def _check_shape(terms: LoanTerms) -> None:
    for name in ("grace_principal", "grace_interest", "interest_free"):
        periods = getattr(terms, name)
        if type(periods) is not int or not 0 <= periods < terms.periods + (name == "interest_free"):
            _refuse(GRACE_TOO_LONG, f"{name} is shorter than the {terms.periods} periods of the loan, not {periods!r}.", name)
    if terms.rule_version not in RULE_VERSIONS:
        _refuse(RULE_VERSION_UNKNOWN, f"There is no rule version {terms.rule_version!r} of these terms.", "rule_version")
