"""`yuefu plan payoff`: what it costs to end a loan on a day, after what was repaid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

import typer

from yuefu.cli import inputs, output, plan_chart, plan_terms
from yuefu.cli.faults import fail
from yuefu.cli.plan_show import Chart, Language, chart_value, language_of
from yuefu.cli.plan_terms import Given, with_terms
from yuefu.cli.plan_text import PARTS, chart_text, parts_text, provisional_text, wrapped
from yuefu.money.amounts import Money, total
from yuefu.plans.label import with_symbol
from yuefu.plans.lifecycle.events import Disbursed, LoanError, Paid, PaidOff
from yuefu.plans.lifecycle.fold import apply, replay
from yuefu.plans.lifecycle.quotes import Payoff, payoff_amount
from yuefu.plans.lifecycle.quotes import payoff as payoff_of
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy, TermsError
from yuefu.plans.lifecycle.work import LoanState, Outcome
from yuefu.plans.offer import wording
from yuefu.plans.offer.dues import Due
from yuefu.plans.offer.offered import at_start, provisional_after

ON_WRONG: Final = "on_wrong"
REPAID_WRONG: Final = "repaid_wrong"
CHART_OF_ONE_DAY: Final = "chart_of_one_day"


@dataclass(frozen=True, slots=True)
class Ending:
    """The quote of a day (of nothing, where all was repaid by then), with what was paid on the day of lending, what was `repaid` since, and
    each payment up to the one that ends the loan, as they were applied."""

    quote: Payoff
    at_start: Money
    repaid: Money
    payments: tuple[Due, ...]


def register(app: typer.Typer) -> None:
    app.command("payoff")(with_terms(payoff))


def payoff(
    given: Given,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="DAY", help="The day on which the loan is to end, YYYY-MM-DD. Repeat to hold days against each other."),
    ] = None,
    repaid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DAY:AMOUNT",
            help="A repayment that came in by then, beside what is paid on the day of lending. May be repeated.",
            show_default=False,
        ),
    ] = None,
    chart: Chart = None,
    language: Language = "en",
) -> None:
    """What must be paid on a day to end the loan, after the repayments that came in; and what that saves. All that is asked on the day of
    lending, a down payment and fees, counts as paid on that day."""
    said = language_of(language)
    given.require("principal", "periods", *([] if on else ["on"]))
    terms = given.terms()
    days = [*dict.fromkeys(_day(terms, one) for one in on or ())]
    if chart is not None and len(days) > 1:
        fail(CHART_OF_ONE_DAY, "--chart: a picture shows one day; give --on once.")
    paid = [_repaid(terms, one, max(days)) for one in repaid or ()]
    try:
        found = [_ending(terms, day, [event for event in paid if event.on <= day]) for day in days]
        year = provisional_after(terms)
    except TermsError as error:
        plan_terms.tell(error, given)
    except LoanError as error:
        fail(error.code, error.detail)
    if chart is not None:
        plan_chart.draw(plan_chart.checked(chart), _picture(terms, found[0], said), said)
    values = [{**_value(one), "provisional_after": year} for one in found]
    lines = [line for place, one in enumerate(found) for line in ([""] if place else []) + [*_text(one, said)]]
    value = values[0] if len(values) == 1 else {"days": values}
    output.result({**value, **chart_value(chart)}, [*lines, *provisional_text(year, said), *chart_text(chart, said)])


def _day(terms: LoanTerms, text: str) -> date:
    day = plan_terms.named("--on", lambda: inputs.day(text))
    if day < terms.disbursed_on:
        fail(ON_WRONG, f"--on: {day} lies before {terms.disbursed_on}, the day of lending; name that day or a later one.")
    return day


def _repaid(terms: LoanTerms, text: str, last: date) -> Paid:
    written, colon, amount = text.partition(":")
    if not colon:
        fail(REPAID_WRONG, f"--repaid: write DAY:AMOUNT, e.g. 2026-11-12:500.00, not {text!r:.60}.")
    found = plan_terms.named("--repaid", lambda: Paid(inputs.day(written), inputs.amount(amount, terms.currency)))
    if found.on < terms.disbursed_on:
        fail(REPAID_WRONG, f"--repaid: {found.on} lies before {terms.disbursed_on}, the day of lending; name that day or a later one.")
    if found.on > last:
        fail(REPAID_WRONG, f"--repaid: {found.on} lies after {last}, the day of the quote; leave it out.")
    return found


def _ending(terms: LoanTerms, on: date, repaid: Sequence[Paid]) -> Ending:
    """The end of the loan on a day. Raises TermsError and LoanError as the loan does."""
    start = at_start(terms, schedule(terms))
    first = [Paid(terms.disbursed_on, start, PaidBy.DOWN_PAYMENT)] if start else []
    entries: list[Disbursed | Paid] = [Disbursed(terms.disbursed_on, terms.principal), *first, *repaid]
    state, outcomes = replay(terms, entries)
    applied = [(entries[number - 1].on, outcome) for number, outcome in outcomes.items()]
    if payoff_amount(state, on):
        quote = payoff_of(state, on)
        applied.append((on, apply(state, PaidOff(on))[1]))
    else:
        quote = _nothing_owed(state, on, total((event.amount for event in repaid), terms.currency))
    dues = (_due(no, day, outcome) for no, (day, outcome) in enumerate(applied))
    return Ending(quote, start, total((event.amount for event in repaid), terms.currency), tuple(due for due in dues if due.amount))


def _nothing_owed(state: LoanState, on: date, repaid: Money) -> Payoff:
    """The quote of a loan that is repaid: of nothing. Fails where more was repaid than was owed."""
    left, nothing = state.credit_balance, Money.zero(state.terms.currency)
    if left:
        fail(REPAID_WRONG, f"--repaid: {repaid} by {on} are more than all that was owed; {left} would be left over: take that off.")
    return Payoff(on, *[nothing] * 7)


def _due(no: int, day: date, outcome: Outcome) -> Due:
    """What became of one payment, penalties among the fees."""
    fees = outcome.fees + outcome.penalties
    amount = outcome.principal + outcome.interest + fees
    return Due(no, day, day.weekday(), amount, outcome.principal, outcome.interest, fees, outcome.balance)


def _parts(quote: Payoff) -> Mapping[str, Money]:
    return {"principal": quote.principal, "interest": quote.interest, "fees": quote.fees, "penalties": quote.penalties}


def _value(found: Ending) -> dict[str, Any]:
    quote = found.quote
    sums = {"total": quote.total, **_parts(quote), "from_credit": quote.from_credit, "saved": quote.saved}
    payments = [{"on": one.on, **{part: getattr(one, part) for part in (*PARTS, "owed")}} for one in found.payments]
    return {"on": quote.on, **sums, "at_start": found.at_start, "repaid_before": found.repaid, "payments": payments}


def _text(found: Ending, language: wording.Language) -> Iterator[str]:
    quote, weekday = found.quote, wording.weekday_name(found.quote.on.weekday(), language)
    if not quote.total and not quote.from_credit:
        yield from wrapped(wording.text("payoff_nothing", language, on=quote.on, weekday=weekday, by=found.payments[-1].on))
        return
    heading = "payoff_heading_start" if found.at_start else "payoff_heading"
    said = {"on": quote.on, "weekday": weekday, "at_start": found.at_start, "repaid": found.repaid}
    yield from wrapped(wording.text(heading, language, **said))
    credit = [("payoff_from_credit", -quote.from_credit)] if quote.from_credit else []
    yield parts_text(
        [*((f"column_{code}", part) for code, part in _parts(quote).items()), *credit, ("payoff_total", quote.total)], language
    )
    saved = "payoff_saved" if quote.saved.minor > 0 else "payoff_not_saved"
    yield from wrapped(wording.text(saved, language, saved=quote.saved))


def _picture(terms: LoanTerms, found: Ending, language: wording.Language) -> plan_chart.Picture:
    title = wording.text("chart_payoff", language, on=found.quote.on, amount=with_symbol(found.quote.total))
    said = {
        name: with_symbol(money) for name, money in (("at_start", found.at_start), ("repaid", found.repaid), ("saved", found.quote.saved))
    }
    subtitle = wording.text("chart_payoff_sub_start" if found.at_start else "chart_payoff_sub", language, **said)
    return plan_chart.Picture(title, subtitle, found.payments, terms.principal)
