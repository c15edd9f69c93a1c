"""A loan as it is offered: what the consumer is asked, when, and what it costs a year; with the label that says so in one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from yuefu.money.amounts import Money, total
from yuefu.plans.annual_cost import FLOW_TOO_FAR, LATEST_YEAR, AnnualCost, AnnualCostError, DatedFlow, annual_cost
from yuefu.plans.faults import PlanError
from yuefu.plans.label import PriceLabel, label_of, render_price_label
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.levelling import rounded
from yuefu.plans.lifecycle.schedule import ScheduleRow, schedule
from yuefu.plans.lifecycle.terms import Adjust, LoanTerms, Method, Payer
from yuefu.plans.offer.wording import Language, text

CASH_PRICE_NOT_POSITIVE: Final = "cash_price_not_positive"
CASH_PRICE_CURRENCY: Final = "cash_price_currency"


class OfferError(PlanError):
    """An offer that cannot be made; `field` is what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Terms and what they ask of the consumer: `rows`, their `label` and annual `cost`.

    `excess` is what the principal is above the cash price, where one was named: it is lent to nobody and costs as interest does.
    """

    terms: LoanTerms
    rows: tuple[ScheduleRow, ...]
    label: PriceLabel
    cost: AnnualCost
    cash_price: Money | None
    excess: Money

    @property
    def paid(self) -> Money:
        """All that the consumer pays."""
        return self.label.total

    @property
    def charge(self) -> Money:
        """What is paid beyond what was received: interest, fees, and the excess over the cash price."""
        return self.paid - self.terms.principal + self.excess

    @property
    def instalments(self) -> tuple[ScheduleRow, ...]:
        """The rows after the day on which the money is lent."""
        return tuple(row for row in self.rows if row.no)

    @property
    def paid_at_start(self) -> Money:
        """What is paid back on the day the money is lent: a down payment, a fee."""
        return at_start(self.terms, self.rows)

    @property
    def provisional_after(self) -> int | None:
        """As the function of that name."""
        return provisional_after(self.terms)


def provisional_after(terms: LoanTerms) -> int | None:
    """The last year whose holidays have been announced, where due days lie beyond it: those may still move. None where none may."""
    calendar = terms.calendar
    if terms.adjust is Adjust.NONE or calendar is None:
        return None
    # A day that is moved back into the last known year is moved by what is guessed of the next one.
    last = max(due_days(terms)[-1], due_days(replace(terms, adjust=Adjust.NONE))[-1])
    return calendar.known_until.year if last > calendar.known_until else None


def at_start(terms: LoanTerms, rows: tuple[ScheduleRow, ...]) -> Money:
    """What a schedule asks on the day of lending: the total of its row 0, nothing where it has none."""
    return rows[0].total if not rows[0].no else Money.zero(terms.currency)


def offer(terms: LoanTerms, *, cash_price: Money | None = None) -> Offer:
    """What `terms` ask of the consumer. Interest that somebody else pays is not in the rows.

    Raises TermsError where there is no calendar, OfferError for a cash price of nothing or in another currency, and where no annual rate
    balances what is received and paid: `field` is then what makes it so dear or so long.
    """
    excess, rows = _excess(terms, cash_price), schedule(terms)
    received = DatedFlow(terms.disbursed_on, terms.principal - excess)
    try:
        cost = annual_cost(draws=[received], payments=[DatedFlow(row.due_on, row.total) for row in rows if row.total])
    except AnnualCostError as error:
        raise _without_cost(terms, rows, excess, error) from error
    label = label_of([row.total for row in rows], apart=0 if rows[0].no else 1)
    return Offer(terms, rows, label, cost, cash_price, excess)


def _without_cost(terms: LoanTerms, rows: tuple[ScheduleRow, ...], excess: Money, error: AnnualCostError) -> OfferError:
    """Why flows of an offer have no annual cost, in words of its terms."""
    if error.code == FLOW_TOO_FAR:
        detail = f"The last instalment is due on {rows[-1].due_on}; an annual cost is told of {LATEST_YEAR} years at most: take fewer or shorter periods."
        return OfferError(error.code, detail, "periods")
    interest, fees = (sum_of(rows, part, terms.currency) for part in ("interest", "fees"))
    _, field, lower = max(
        (interest, "annual_rate", "take a lower rate"),
        (fees, "fees", "take lower fees"),
        (excess, "cash_price", "name a higher cash price"),
    )
    received, start = terms.principal - excess, at_start(terms, rows)
    if received > start:
        later = sum_of(rows, "total", terms.currency) - start
        detail = f"{later} for {received - start} received is more than 10**8 % a year, the most that can be told: {lower}."
    else:
        detail = f"Of {received} received, {start} are paid back at once, so no annual rate can be told: {lower}."
    return OfferError(error.code, detail, field)


def _excess(terms: LoanTerms, cash_price: Money | None) -> Money:
    if cash_price is None:
        return Money.zero(terms.currency)
    if cash_price.currency != terms.currency:
        raise OfferError(CASH_PRICE_CURRENCY, f"The cash price is in {cash_price.currency}, the loan in {terms.currency}.", "cash_price")
    if cash_price.minor <= 0:
        raise OfferError(CASH_PRICE_NOT_POSITIVE, f"A cash price is above zero, not {cash_price}.", "cash_price")
    return max(terms.principal - cash_price, Money.zero(terms.currency))


def interest_of_others(found: Offer) -> Money:
    """The interest that the merchant or a campaign pays instead of the consumer: at the agreed rate, on what the consumer owes in each
    period, rounded period by period as the terms say. Nothing where the consumer pays it."""
    terms = found.terms
    if terms.interest_payer is Payer.CONSUMER:
        return Money.zero(terms.currency)
    owed, interest = terms.principal.minor, 0
    for row in found.rows:
        if row.no > terms.interest_free:
            start, due = row.start_on.toordinal(), row.due_on.toordinal()
            base = terms.principal.minor if terms.method is Method.FLAT else owed
            scaled = base * factor(terms, terms.annual_rate.ppm, start, due, start, due)
            interest += rounded(scaled, SCALE, terms.unit, terms.rounding)
        owed -= row.principal.minor
    return Money(interest, terms.currency)


def label_line(found: Offer, language: Language = "en") -> str:
    """The label, which never stands without the total and the annual cost: "¥666.33 × 2 + ¥666.34 = ¥1,999.00 (0.00 % a year)"."""
    return render_price_label(found.label) + text("label_cost", language, cost=found.cost.compound_text())


def sum_of(rows: tuple[ScheduleRow, ...], part: str, currency: str) -> Money:
    """The sum of one part of rows: principal, interest, fees or total."""
    return total((getattr(row, part) for row in rows), currency)
