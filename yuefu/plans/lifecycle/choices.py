"""The words and parts that the terms of a loan are made of: methods, calendars, waterfalls, fees, what being late costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.kinds import wrong_field

MOST_PERIODS: Final = 600
NO_RATE: Final = Rate(0)
RULE_VERSIONS: Final = frozenset({"2026-2"})

PERIODS_OUT_OF_RANGE: Final = "periods_out_of_range"
PRINCIPAL_NOT_POSITIVE: Final = "principal_not_positive"
EVERY_OUT_OF_RANGE: Final = "every_out_of_range"
FIRST_DUE_TOO_EARLY: Final = "first_due_too_early"
DUE_DAYS_OUT_OF_ORDER: Final = "due_days_out_of_order"
CALENDAR_MISSING: Final = "calendar_missing"
CEILINGS_WRONG: Final = "ceilings_wrong"
DECIMALS_OUT_OF_RANGE: Final = "decimals_out_of_range"
DUE_DAY_OUT_OF_RANGE: Final = "due_day_out_of_range"
NAMED_TWICE: Final = "named_twice"
DAYS_NEGATIVE: Final = "days_negative"
MULTIPLE_TOO_LARGE: Final = "multiple_too_large"
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


def _check_kinds(value: Any, name: str) -> None:
    """Raises TermsError for a field of a part of the terms that is of another kind than declared."""
    wrong = wrong_field(value)
    if wrong is not None:
        raise TermsError(TYPE_WRONG, f"{name}.{wrong[0]} is {wrong[1]}.", f"{name}.{wrong[0]}")


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
    """What happens to money beyond what is due: the next instalments are paid, the last ones, all of them evenly; it is repaid at once, and
    there are fewer instalments, smaller ones, or the next ones ask as much less; or nothing (it stays a credit balance)."""

    NEXT = "next"
    LAST = "last"
    REAMORTISE = "reamortise"
    SHORTER = "shorter"
    SMALLER = "smaller"
    LESS_NEXT = "less_next"
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
    """In which order money pays the twelve buckets, how, and what happens to what is left when nothing more is due. `charges_on_their_day`: a
    charge that is due before its instalment counts as due from its own day on.

    Raises TermsError for an order that does not name each of the twelve once.
    """

    order: tuple[Bucket, ...] = buckets(_COSTS_FIRST)
    processing: Processing = Processing.HORIZONTAL
    excess: Excess = Excess.NEXT
    charges_on_their_day: bool = False

    def __post_init__(self) -> None:
        _check_kinds(self, "waterfall")
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

    def __post_init__(self) -> None:
        _check_kinds(self, "day_count")


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
        _check_kinds(self, "fees")
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

    def __post_init__(self) -> None:
        _check_kinds(self, "late")
        if self.grace_days < 0:
            raise TermsError(DAYS_NEGATIVE, f"Days of grace are 0 or more, not {self.grace_days}.", "late.grace_days")
        if self.fee is not None and self.fee.minor < 0:
            raise TermsError(FEE_WITHOUT_AMOUNT, f"A late fee is zero or more, not {self.fee}.", "late.fee")


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
        _check_kinds(self, "arrears")
        if self.grace_days < 0:
            raise TermsError(DAYS_NEGATIVE, f"Days of grace are 0 or more, not {self.grace_days}.", "arrears.grace_days")
        ends = [0, *(end for _, _, end in self.buckets[:-1])] if self.buckets else []
        rises = all(end is not None and begin > end for (_, begin, _), end in zip(self.buckets, ends, strict=True))
        if not rises or any(end is not None and end < begin for _, begin, end in self.buckets):
            raise TermsError(BUCKETS_OUT_OF_ORDER, "Buckets of days rise and do not overlap.", "arrears.buckets")
