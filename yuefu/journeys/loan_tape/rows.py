"""One row of a file of loans: its columns, what they may hold, and the loan that they tell. Reads no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.loans import entries
from yuefu.loans.entries import Position
from yuefu.loans.rules import Life, retold_life
from yuefu.money.amounts import Money, MoneyError
from yuefu.money.rates import Rate
from yuefu.offers.rules.product import Product
from yuefu.plans.agreed import loan_terms
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.events import ArrearsPaused, Disbursed, Event, InterestPaused, LoanError, Paid, Undone
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.plain import on_sheet, read_event, read_sheet
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.terms import LIVED, Terms
from yuefu.runtime.jsontext import loads

FIGURES: Final[Mapping[str, tuple[str, int]]] = {
    "owed_principal": ("loan_principal", 1),
    "owed_interest": ("loan_interest", 1),
    "owed_fees": ("loan_fees", 1),
    "owed_penalties": ("loan_penalties", 1),
    "allowance": ("loan_allowance", -1),
    "credit": ("consumer_balance", -1),
    "unearned": ("unearned_discount", -1),
}
"""What a loan is of the accounts that say what is owed: the column, its component and the sign it has there."""
COLUMNS: Final = (
    *("loan", "consumer", "product", "currency", "principal", "disbursed_on", "first_due_on", "due_days"),
    *("periods", "annual_rate", "paid", "terms", "facts", *FIGURES),
)
NEEDED_TOTALS: Final = ("loans", "owed_principal", "owed_interest", "owed_fees")
"""What a proof has to name at least."""
TOTAL: Final = "TOTAL"

_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file, on a line of it and in a column, where it is of one."""

    line_no: int
    column: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Taped:
    """A loan as a row tells it, by the end of the day of the file."""

    line_no: int
    reference: str
    consumer: str
    product: str
    facts: tuple[Event | Undone, ...]
    life: Life
    stood: Position

    def figures(self) -> dict[str, int]:
        return figures_of(self.stood)


def figures_of(stood: Position) -> dict[str, int]:
    """What a loan is of each of FIGURES, above zero as people say it."""
    return {name: sign * getattr(stood, component) for name, (component, sign) in FIGURES.items()}


class RowFault(Exception):
    """A cell cannot be taken."""

    def __init__(self, column: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.code, self.detail = column, code, detail


def taped(line_no: int, cells: Mapping[str, str], *, as_of: date, currency: str, products: Mapping[str, Product]) -> Taped | Fault:
    """The loan of a row, told to the end of `as_of`; or the first thing that is wrong with it."""
    try:
        return _taped(line_no, cells, as_of, currency, products)
    except RowFault as fault:
        return Fault(line_no, fault.column, fault.code, fault.detail)


def _taped(line_no: int, cells: Mapping[str, str], as_of: date, currency: str, products: Mapping[str, Product]) -> Taped:
    reference, consumer, product = (name_in(cells, column) for column in ("loan", "consumer", "product"))
    if cells["currency"] != currency:
        raise RowFault("currency", "currency_differs", f"this book is kept in {currency}, not in {cells['currency']!r:.10}")
    if product in products and products[product].terms.rule_version != LIVED:
        raise RowFault(
            "product", "lent_by_other_rules", f"{product} is lent here by rules that know no past of a loan: name another product"
        )
    terms = _terms(cells, currency, products.get(product))
    facts = _facts(cells, terms, as_of)
    try:
        life = retold_life(terms, facts, as_of)
    except PlanError as error:
        raise RowFault("facts", error.code, error.detail) from error
    if not life.state.lent:
        raise RowFault("facts", "never_lent", "nothing of this loan was lent by that day")
    stood = entries.position(life.state, life.tally, as_of)
    for column, minor in figures_of(stood).items():
        said = money_in(cells, column, currency).minor
        if said != minor:
            detail = f"{Money(said, currency)} is said, terms and past come to {Money(minor, currency)} by the end of {as_of}"
            raise RowFault(column, "figure_differs", detail)
    return Taped(line_no, reference, consumer, product, facts, life, stood)


def name_in(cells: Mapping[str, str], column: str) -> str:
    text = cells[column]
    if not 1 <= len(text) <= _LONGEST_NAME or not text.isprintable() or text != text.strip():
        raise RowFault(column, "name_invalid", f"a name has 1 to {_LONGEST_NAME} printable characters and no blanks around it")
    return text


def money_in(cells: Mapping[str, str], column: str, currency: str) -> Money:
    """An amount; nothing where the cell is empty."""
    if not cells[column]:
        return Money.zero(currency)
    try:
        return Money.parse(cells[column], currency)
    except MoneyError as error:
        raise RowFault(column, error.code, error.detail) from error


def day_in(cells: Mapping[str, str], column: str) -> date:
    return _as_day(cells[column], column)


def _as_day(text: str, column: str) -> date:
    try:
        if len(text) != len("2026-10-12"):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise RowFault(column, "bad_date", f"{text!r:.40} is not a day of the calendar, written YYYY-MM-DD") from error


def _terms(cells: Mapping[str, str], currency: str, product: Product | None) -> LoanTerms:
    principal = money_in(cells, "principal", currency)
    own: dict[str, Any] = {
        "principal": principal,
        "disbursed_on": day_in(cells, "disbursed_on"),
        "first_due_on": day_in(cells, "first_due_on") if cells["first_due_on"] else None,
        "due_days": tuple(_as_day(text, "due_days") for text in cells["due_days"].split()) or None,
    }
    if principal.minor <= 0:
        raise RowFault("principal", "principal_not_positive", "a loan has a principal above zero")
    if cells["terms"]:
        for column in ("periods", "annual_rate"):
            if cells[column]:
                raise RowFault(column, "said_twice", "the terms say this: leave it empty, or the terms")
        return _of_sheet(cells["terms"], own)
    return _of_product(cells, own, product)


def _of_sheet(text: str, own: Mapping[str, Any]) -> LoanTerms:
    model = _model(text, own["principal"].currency, own["due_days"] is None)
    if isinstance(model, RowFault):
        raise model
    try:
        if model is not None and own["due_days"] is None and (own["first_due_on"] or date.max) > own["disbursed_on"]:
            return on_sheet(model, **own)
        return read_sheet(loads(text), own)
    except (PlanError, ValueError, TypeError) as error:
        raise RowFault("terms", getattr(error, "code", "not_readable"), str(error)) from error


@lru_cache(maxsize=1_000)
def _model(text: str, currency: str, plain: bool) -> LoanTerms | RowFault | None:
    """Terms of some loan of a sheet that many rows share, checked once; None where they depend on what is a loan's own."""
    try:
        sheet = loads(text)
    except ValueError as error:
        return RowFault("terms", "not_json", f"the terms are no JSON: {error}")
    if not isinstance(sheet, dict):
        return RowFault("terms", "not_readable", "terms are an object")
    if any(sheet.get(name) is not None for name in ("down_payment", "balloon", "multiple", "ceilings", "calendar")) or not plain:
        if sheet.get("calendar") is not None:
            return RowFault("terms", "calendar_not_kept", "terms with a calendar cannot be kept yet: give each due day in due_days")
        return None
    some = {"principal": Money(1_000_00, currency), "disbursed_on": date(2026, 1, 1), "first_due_on": None, "due_days": None}
    try:
        return read_sheet(sheet, some)
    except (PlanError, ValueError, TypeError) as error:
        return RowFault("terms", getattr(error, "code", "not_readable"), str(error))


def _of_product(cells: Mapping[str, str], own: Mapping[str, Any], product: Product | None) -> LoanTerms:
    """Equal instalments a month at a rate, with the day count and the late charges of the product of this book."""
    if product is None:
        raise RowFault("product", "unknown_product", "this book has no such product on offer: give the terms of the loan")
    if own["due_days"] or own["first_due_on"] is None:
        raise RowFault("first_due_on", "first_due_missing", "a loan of a product has its first due day, and the others a month apart")
    if not cells["periods"].isascii() or not cells["periods"].isdigit() or len(cells["periods"]) > 3:
        raise RowFault("periods", "not_a_number", f"{cells['periods']!r:.40} is no number of instalments")
    try:
        rate = Rate.parse_percent(cells["annual_rate"])
    except ValueError as error:
        raise RowFault("annual_rate", "rate_malformed", str(error)) from error
    known = product.terms
    try:
        return loan_terms(
            Terms(
                own["principal"], int(cells["periods"]), rate, known.day_count, own["disbursed_on"], own["first_due_on"],
                own["first_due_on"].day, LIVED, late=known.late,
            )
        )  # fmt: skip
    except PlanError as error:
        raise RowFault("periods", error.code, error.detail) from error


def _facts(cells: Mapping[str, str], terms: LoanTerms, as_of: date) -> tuple[Event | Undone, ...]:
    if not cells["facts"]:
        return _paid_as_due(cells, terms, as_of)
    if cells["paid"]:
        raise RowFault("paid", "said_twice", "what happened says what was paid: leave one of them empty")
    try:
        given = loads(cells["facts"])
        if not isinstance(given, list):
            raise RowFault("facts", "not_readable", "what happened to a loan is a list")
        facts = tuple(read_event(one) for one in given)
    except PlanError as error:
        raise RowFault("facts", error.code, error.detail) from error
    except ValueError as error:
        raise RowFault("facts", "not_json", f"what happened is no JSON: {error}") from error
    if ahead := [one for one in facts if not isinstance(one, Undone | InterestPaused | ArrearsPaused) and one.on > as_of]:
        raise RowFault("facts", "after_the_day", f"something happened on {ahead[0].on}, after {as_of}")
    return facts


def _paid_as_due(cells: Mapping[str, str], terms: LoanTerms, as_of: date) -> tuple[Event, ...]:
    """The past of a loan of which only a sum is told: lent as a whole, then each instalment paid on its due day until the sum is used up, and what is
    left of it on the day of the file."""
    left = money_in(cells, "paid", terms.currency).minor
    if left < 0:
        raise RowFault("paid", "amount_not_positive", "nobody paid less than nothing")
    if terms.disbursed_on > as_of:
        raise RowFault("disbursed_on", "after_the_day", f"it was lent after {as_of}")
    facts: list[Event] = [Disbursed(terms.disbursed_on, terms.principal)]
    try:
        for k, due in enumerate(due_days(terms)):
            if due > as_of or not left:
                break
            asked = min(looked_at(retold_life(terms, facts, as_of).state, due).rows.unpaid(k), left)
            if asked:
                facts.append(Paid(due, Money(asked, terms.currency)))
                left -= asked
        if left:
            facts.append(Paid(as_of, Money(left, terms.currency)))
    except LoanError as error:
        raise RowFault("paid", error.code, error.detail) from error
    return tuple(facts)


def totals_of(loans: Sequence[Taped]) -> dict[str, int]:
    """What so many loans come to, by the names of the totals."""
    sums = {"loans": len(loans), "principal": sum(one.life.terms.principal.minor for one in loans)} | dict.fromkeys(FIGURES, 0)
    for one in loans:
        for name, minor in one.figures().items():
            sums[name] += minor
    return sums


def declared(given: Mapping[str, str], currency: str) -> dict[str, int] | Refused:
    """Control totals as they were written: `loans` a number, the others amounts. Refused with total_unknown, total_malformed or totals_missing."""
    found: dict[str, int] = {}
    for name, text in given.items():
        if name not in {"loans", "principal", *FIGURES}:
            return Refused("total_unknown", f"there is no total {name!r:.40}; there are loans, principal, {', '.join(FIGURES)}", "totals")
        try:
            found[name] = int(text) if name == "loans" and text.isascii() and text.isdigit() else Money.parse(text, currency).minor
        except MoneyError as error:
            return Refused("total_malformed", f"{name}: {error.detail}", "totals")
    missing = [name for name in NEEDED_TOTALS if name not in found]
    if missing:
        return Refused("totals_missing", f"the proof needs these totals too: {', '.join(missing)}", "totals")
    return found


def names_of(party_ids: Mapping[str, UUID], loans: Sequence[Taped]) -> list[Fault]:
    """Rows whose consumer is not registered here."""
    return [
        Fault(one.line_no, "consumer", "unknown_consumer", f"nobody is registered here as {one.consumer!r:.70}")
        for one in loans
        if one.consumer not in party_ids
    ]
