"""The options that say what a loan is agreed to be, for every command of `yuefu plan`; and the terms they make.

Each option is read by one function from its text, so the same words stand on the command line (`--rate 14.4`) and in one way of a comparison
(`--plan 12,rate=14.4`). Whatever is wrong is told with the name of the option.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, NoReturn, TypeVar, get_type_hints

import typer

from yuefu.cli import inputs
from yuefu.cli.faults import CommandError, fail
from yuefu.dates.calendars import Calendar, CalendarUnknownError
from yuefu.money.amounts import CURRENCY_UNKNOWN, Money, MoneyError
from yuefu.money.currencies import EXPONENTS
from yuefu.money.rates import Rate, Rounding
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.terms import (
    GRACE_TOO_LONG,
    Adjust,
    DayCount,
    Fee,
    FeeWhen,
    Frequency,
    InstalmentRate,
    InterestBy,
    LateTerms,
    LeapYears,
    LoanTerms,
    Method,
    MonthBasis,
    MonthEnd,
    Payer,
    Remainder,
    TermsError,
    YearBasis,
)
from yuefu.plans.offer.offered import OfferError
from yuefu.runtime.clock import system_now

OPTION_WRONG: Final = "option_wrong"
OPTION_MISSING: Final = "option_missing"
PLAN_WRONG: Final = "plan_wrong"
CALENDAR_UNKNOWN: Final = "calendar_unknown"

DAY_COUNTS: Final[Mapping[str, DayCount]] = {
    "actual/365": DayCount(),
    "actual/360": DayCount(YearBasis.D360),
    "actual/364": DayCount(YearBasis.D364),
    "actual/actual": DayCount(YearBasis.ACTUAL),
    "actual/actual-feb29": DayCount(YearBasis.ACTUAL, leap_years=LeapYears.FEBRUARY_29),
    "30/360": DayCount(YearBasis.D360, MonthBasis.D30),
    "30/365": DayCount(YearBasis.D365, MonthBasis.D30),
    "30/actual": DayCount(YearBasis.ACTUAL, MonthBasis.D30),
}
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DAYS_OF: Final = {Frequency.DAYS: 1, Frequency.WEEKS: 7, Frequency.MONTHS: 31}

Read = Callable[[str, str], Any]
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def _number(least: int, most: int) -> Read:
    def read(text: str, _currency: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
            fail(OPTION_WRONG, f"write a whole number from {least} to {most}, not {text!r:.60}")
        return int(text)

    return read


def _word(kind: type[E]) -> Read:
    def read(text: str, _currency: str) -> E:
        words = {one.value.replace("_", "-"): one for one in kind}
        if text not in words:
            fail(OPTION_WRONG, f"choose {_listed(words)}, not {text!r:.60}")
        return words[text]

    return read


def _listed(words: Mapping[str, Any]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _rate(text: str, _currency: str) -> Rate:
    if text.startswith("-"):
        fail(OPTION_WRONG, f"a percentage is zero or more, not {text!r:.60}")
    try:
        return Rate.parse_percent(text.removesuffix("%").removesuffix(" "))
    except ValueError:
        fail(OPTION_WRONG, f"write a percentage with at most 4 decimals like 14.4, not {text!r:.60}")


def _amount(text: str, currency: str) -> Money:
    return inputs.amount(text, currency)


def _rate_or_amount(text: str, currency: str) -> Rate | Money:
    return _rate(text, currency) if text.endswith("%") else inputs.amount(text, currency)


def _day(text: str, _currency: str) -> date:
    return inputs.day(text)


def _day_count(text: str, _currency: str) -> DayCount:
    if text not in DAY_COUNTS:
        fail(OPTION_WRONG, f"choose {_listed(DAY_COUNTS)}, not {text!r:.60}")
    return DAY_COUNTS[text]


def _calendar_name(text: str, _currency: str) -> str:
    if text not in ("CN", "NONE"):
        fail(OPTION_WRONG, f"choose CN (China's public holidays) or NONE (weekends only), not {text!r:.60}")
    return text


def _currency(text: str, _currency: str) -> str:
    if text not in EXPONENTS and text.upper() in EXPONENTS:
        fail(CURRENCY_UNKNOWN, f"write the code in capitals: {text.upper()}")
    return Money.zero(text).currency


def currency_of(text: str) -> str:
    """The currency that an option of a command without terms names."""
    return named("--currency", lambda: _currency(text, ""))


def _fee(text: str, currency: str) -> Fee:
    """CODE:WHEN:AMOUNT[:PAYER[:PAYEE]]; an amount that ends with % is a share of the principal."""
    words = text.split(":")
    if not 3 <= len(words) <= 5 or not _CODE.fullmatch(words[0]):
        fail(OPTION_WRONG, f"write CODE:WHEN:AMOUNT[:PAYER[:PAYEE]], e.g. service_fee:each-period:0.6%:consumer, not {text!r:.60}")
    code, when, amount, payer, payee = (*words, "consumer", "lender")[: len(words)] + ("consumer", "lender")[len(words) - 3 :]
    if not _CODE.fullmatch(payee):
        fail(OPTION_WRONG, f"name who is paid by a code of a-z, 0-9 and _ like lender, not {payee!r:.60}")
    share = _rate(amount, currency) if amount.endswith("%") else None
    fixed = None if share is not None else inputs.amount(amount, currency)
    return Fee(code, _word(FeeWhen)(when.replace("_", "-"), currency), _word(Payer)(payer, currency), fixed, share, payee)


@dataclass(frozen=True, slots=True)
class TermOption:
    """`--name`, read by `read` (None: a switch, which `says` something) into `field` of the terms; `many`: it may stand several times."""

    name: str
    field: str
    read: Read | None
    metavar: str
    help: str
    panel: str
    many: bool = False
    says: bool = True

    @property
    def parameter(self) -> str:
        return self.name.replace("-", "_")


AMOUNTS, DAYS, INTEREST, COSTS, LATE = "What is lent and repaid", "When it is due", "Interest and rounding", "Other costs", "Being late"
OPTIONS: Final[tuple[TermOption, ...]] = (
    TermOption("principal", "principal", _amount, "AMOUNT", "What is lent, e.g. 1999.00.", AMOUNTS),
    TermOption("currency", "currency", _currency, "CODE", "Its currency. Default: CNY.", AMOUNTS),
    TermOption("periods", "periods", _number(1, 600), "N", "How many instalments, 1 to 600.", AMOUNTS),
    TermOption("down-payment", "down_payment", _rate_or_amount, "SHARE", "Paid back at once: 25% or an amount like 500.00.", AMOUNTS),
    TermOption("balloon", "balloon", _amount, "AMOUNT", "Principal that only the last instalment asks.", AMOUNTS),
    TermOption("grace-principal", "grace_principal", _number(0, 599), "N", "The first N instalments ask no principal.", AMOUNTS),
    TermOption("disbursed-on", "disbursed_on", _day, "DAY", "The day of lending, YYYY-MM-DD. Default: today.", DAYS),
    TermOption("first-due", "first_due_on", _day, "DAY", "The first due day. Default: one step after the lending.", DAYS),
    TermOption("due-day", "due_day", _number(1, 31), "DAY", "The day of the month of later ones. Default: that of the first.", DAYS),
    TermOption("frequency", "frequency", _word(Frequency), "UNIT", "Instalments repeat in days, weeks or months. Default: months.", DAYS),
    TermOption("every", "every", _number(1, 366), "N", "Each N of these units. Default: 1.", DAYS),
    TermOption("month-end", "month_end", _word(MonthEnd), "HOW", "A 31st that is missing: clamp to the last day, or roll to the 1st. Default: clamp.",
        DAYS),
    TermOption("adjust", "adjust", _word(Adjust), "HOW",
        "A due day on a holiday: none, following, modified-following or preceding. Default: none.", DAYS),
    TermOption("calendar", "calendar", _calendar_name, "CODE", "The holidays that --adjust knows: CN or NONE (weekends). Default: CN.", DAYS),
    TermOption("rate", "annual_rate", _rate, "PERCENT", "Nominal interest a year, e.g. 14.4. Default: 0.", INTEREST),
    TermOption("method", "method", _word(Method), "HOW", "equal-instalments, equal-principal or flat. Default: equal-instalments.", INTEREST),
    TermOption("interest-by", "interest_by", _word(InterestBy), "HOW", "For the days of each period, or each period the same. Default: days.", INTEREST),
    TermOption("day-count", "day_count", _day_count, "BASIS", f"One of {', '.join(DAY_COUNTS)}. Default: actual/365.", INTEREST),
    TermOption("interest-free", "interest_free", _number(0, 600), "N", "The first N periods bear no interest.", INTEREST),
    TermOption("grace-interest", "grace_interest", _number(0, 599), "N", "The first N instalments ask no interest; the next one asks it.", INTEREST),
    TermOption("interest-paid-by", "interest_payer", _word(Payer), "WHO", "consumer, merchant or campaign. Default: consumer.", INTEREST),
    TermOption("rounding", "rounding", _word(Rounding), "HOW", "half-even, half-up, half-down, up or down. Default: half-even.", INTEREST),
    TermOption("decimals", "decimals", _number(0, 4), "N", "Decimals amounts are rounded to. Default: all of the currency.", INTEREST),
    TermOption("multiple", "multiple", _amount, "AMOUNT", "Instalments are whole multiples of this, e.g. 1.00.", INTEREST),
    TermOption("remainder", "remainder", _word(Remainder), "WHERE", "The last or first instalment takes the rest. Default: last.", INTEREST),
    TermOption("instalment-rate", "instalment_rate", _word(InstalmentRate), "HOW",
        "The equal instalment by actual days, or nominal as printed tables do. Default: actual.", INTEREST),
    TermOption("no-even-out", "even_out", None, "", "Leave the last instalment as rounding makes it.", INTEREST, says=False),
    TermOption("interest-as-scheduled", "recalculate", None, "", "Interest stays as scheduled, however early or late is paid.", INTEREST, says=False),
    TermOption("payoff-to-due-day", "payoff_to_rest_date", None, "", "Who ends the loan early pays interest until the next due day.", INTEREST),
    TermOption("fee", "fees", _fee, "FEE",
        "CODE:WHEN:AMOUNT[:PAYER[:PAYEE]], e.g. service_fee:each-period:0.6%:consumer; WHEN is upfront or each-period. May be repeated.", COSTS, many=True),
    TermOption("late-fee", "late.fee", _rate_or_amount, "SHARE", "Once an overdue instalment: 5% of it, or an amount like 20.00.", LATE),
    TermOption("late-interest", "late.interest", _rate, "PERCENT", "Interest a year on overdue principal.", LATE),
    TermOption("late-grace", "late.grace_days", _number(0, 366), "DAYS", "Days after which the late fee is charged. Default: 0.", LATE),
    TermOption("late-cap", "late.cap", _rate, "PERCENT", "All of being late never exceeds this share of the principal.", LATE),
)  # fmt: skip
_BY_NAME: Final = {option.name: option for option in OPTIONS}
_MISSING: Final = {
    "principal": "what is lent",
    "periods": "how many instalments there are",
    "on": "on which day the loan is to end",
    "plan": "which ways there are to pay, like --plan 3 --plan 12,rate=14.4",
}
_OF_FIELD: Final = {**{option.field.split(".")[0]: option.name for option in OPTIONS}, "cash_price": "cash-price"}

Words = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Given:
    """The words of the options of terms as they were typed, by option; and the day that is today. `way` is the text of one way of a
    comparison, whose own options are `of_way`."""

    words: Words
    today: date
    way: str = ""
    of_way: frozenset[str] = frozenset()

    @property
    def currency(self) -> str:
        """The currency of all amounts on the line."""
        return str(_value(self, _BY_NAME["currency"], "CNY") or "CNY")

    def terms(self) -> LoanTerms:
        """The terms that were asked for. Fails with the name of the option that is wrong or missing."""
        return _terms(self)

    def also(self, plan: str) -> Given:
        """The same with the words of one way of a comparison: `12,rate=14.4,no-even-out`; a number alone is the periods."""
        own = _words_of(plan)
        return replace(self, words={**self.words, **own}, way=plan, of_way=frozenset(own))

    def called(self, option: str) -> str:
        """How an option was typed: `--rate`, or `--plan 12,rate=x: rate` where a way names it."""
        return f"--plan {self.way:.60}: {option}" if option in self.of_way else f"--{option}"

    def require(self, *options: str) -> None:
        """Fails with the names of all options that are missing out of `options`."""
        missing = [option for option in options if option not in self.words]
        if missing:
            names, says = _and(f"--{option}" for option in missing), _and(_MISSING[option] for option in missing)
            where = f"--plan {self.way:.60}: " if self.way else ""
            fail(OPTION_MISSING, f"{where}{names} {'is' if len(missing) == 1 else 'are'} missing: say {says}.")


def with_terms(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all options of terms, before its own; what was typed comes to it as its first argument, `given`."""
    own = inspect.signature(command).parameters
    hints = get_type_hints(command, include_extras=True)

    def run(**values: Any) -> None:
        typed = {option.name: values.pop(option.parameter) for option in OPTIONS}
        words = {name: _as_words(value) for name, value in typed.items() if value not in (None, False, [])}
        command(Given(words, system_now().astimezone().date()), **values)

    shared = [_parameter(option) for option in OPTIONS]
    rest = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY) for name, parameter in own.items() if name != "given"
    ]
    run.__signature__ = inspect.Signature([*shared, *rest])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*shared, *rest)}
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run


def _parameter(option: TermOption) -> inspect.Parameter:
    said: dict[str, Any] = {"help": option.help, "rich_help_panel": option.panel, "show_default": False}
    if option.read is None:
        kind: Any = Annotated[bool, typer.Option(f"--{option.name}", **said)]
        return inspect.Parameter(option.parameter, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
    typed: Any = list[str] | None if option.many else str | None
    kind = Annotated[typed, typer.Option(f"--{option.name}", metavar=option.metavar, **said)]
    return inspect.Parameter(option.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _as_words(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else ("yes",) if value is True else (str(value),)


def _and(parts: Iterable[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def _words_of(plan: str) -> dict[str, tuple[str, ...]]:
    """The options in the text of one way; a fee may stand in it several times."""
    words: dict[str, tuple[str, ...]] = {}
    for part in plan.split(","):
        name, equals, value = part.partition("=")
        if not equals and re.fullmatch(r"[0-9]+", part):
            name, value = "periods", part
        option = _BY_NAME.get(name)
        if option is None or option.name == "currency" or (option.read is not None) != bool(value):
            detail = f"--plan {plan!r:.60}: {part!r:.60} is no option of terms, written like 12 or rate=14.4; `yuefu plan compare --help` lists them."
            fail(PLAN_WRONG, detail)
        if name in words and not option.many:
            fail(PLAN_WRONG, f"--plan {plan:.60}: {name} stands in it twice; leave one of the two out.")
        words[name] = (*words[name], value or "yes") if option.many and name in words else (value or "yes",)
    return words


def _value(given: Given, option: TermOption, currency: str) -> Any:
    """What an option says, None where it was not given; a tuple for one that may stand several times."""
    typed, read = given.words.get(option.name), option.read
    if typed is None or read is None:
        return None if typed is None else option.says
    found = tuple(named(given.called(option.name), partial(read, text, currency)) for text in typed)
    return found if option.many else found[0]


def named(called: str, read: Callable[[], T]) -> T:
    """What `read` makes of the text of an option like `--rate`; whatever is wrong with it is told with that name."""
    try:
        return read()
    except CommandError as error:
        fail(error.fault.code, f"{called}: {error.fault.detail}")
    except (MoneyError, PlanError) as error:
        fail(error.code, f"{called}: {error.detail}")


def _terms(given: Given) -> LoanTerms:
    currency = given.currency
    given.require("principal", "periods")
    values = dict(_values(given, currency))
    late = {name.partition(".")[2]: values.pop(name) for name in [*values] if name.startswith("late.")}
    fields: dict[str, Any] = {"annual_rate": Rate(0), "disbursed_on": given.today, **values, "late": _late(late)}
    fields["calendar"] = _calendar(given, fields)
    try:
        return LoanTerms(**fields)
    except TermsError as error:
        tell(error, given)


def tell(error: TermsError | OfferError, given: Given) -> NoReturn:
    """Fails with what is wrong, named by the option that it is about; by the way, where it is one of several."""
    name = _OF_FIELD.get(error.field)
    detail = _most_grace(given, error.field) if error.code == GRACE_TOO_LONG else error.detail
    if name:
        fail(error.code, f"{given.called(name)}: {detail}")
    fail(error.code, f"--plan {given.way:.60}: {detail}" if given.way else detail)


def _most_grace(given: Given, field: str) -> str:
    """How long a grace may be, in the words of the options: the terms speak of their fields."""
    periods = int(given.words["periods"][0])
    return f"at most {periods - (field != 'interest_free')} where there are {periods} instalments."


def _values(given: Given, currency: str) -> Iterator[tuple[str, Any]]:
    for option in OPTIONS:
        if option.name in given.words and option.name != "currency":
            yield option.field, _value(given, option, currency)


def _late(given: Mapping[str, Any]) -> LateTerms:
    found = dict(given)
    fee = found.pop("fee", None)
    if isinstance(fee, Rate):
        found["fee_rate"] = fee
    elif fee is not None:
        found["fee"] = fee
    return LateTerms(**found)


def _calendar(given: Given, fields: Mapping[str, Any]) -> Calendar | None:
    """The holidays of all years the loan may run through, where due days are moved at all."""
    if fields.get("adjust", Adjust.NONE) is Adjust.NONE:
        return None
    from yuefu.runtime.calendars import calendar

    first = fields["disbursed_on"].year
    days = fields["periods"] * fields.get("every", 1) * _DAYS_OF[fields.get("frequency", Frequency.MONTHS)]
    start = fields.get("first_due_on") or fields["disbursed_on"]
    last = min(start.year + days // 365 + 2, date.max.year)
    try:
        return calendar(fields.get("calendar", "CN"), first, last)
    except (CalendarUnknownError, NotImplementedError, ValueError, OverflowError):
        detail = f"the holidays of {first} to {last} are not known; take NONE for weekends only, or other days."
        fail(CALENDAR_UNKNOWN, f"{given.called('calendar')}: {detail}")
