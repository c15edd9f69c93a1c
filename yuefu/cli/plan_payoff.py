"""`yuefu plan payoff`: what it costs to end a loan on a day, after what was repaid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final

import typer

from yuefu.cli import inputs, output, plan_chart, plan_terms
from yuefu.cli.faults import fail
from yuefu.cli.plan_show import PARTS, WEEKDAYS, Chart, Language, chart_text, chart_value, language_of
from yuefu.cli.plan_terms import Given, with_terms
from yuefu.money.amounts import Money, total
from yuefu.plans.label import with_symbol
from yuefu.plans.lifecycle.events import Disbursed, LoanError, Paid, PaidOff
from yuefu.plans.lifecycle.fold import apply, replay
from yuefu.plans.lifecycle.quotes import Payoff
from yuefu.plans.lifecycle.quotes import payoff as payoff_of
from yuefu.plans.lifecycle.terms import LoanTerms, TermsError
from yuefu.plans.lifecycle.work import Outcome
from yuefu.plans.offer import wording
from yuefu.plans.offer.dues import Due

REPAID_WRONG: Final = "repaid_wrong"


@dataclass(frozen=True, slots=True)
class Ending:
    """The quote of a day, with each payment before it and the one that ends the loan, as they were applied."""

    quote: Payoff
    repaid: Money
    payments: tuple[Due, ...]


def register(app: typer.Typer) -> None:
    app.command("payoff", no_args_is_help=True)(with_terms(payoff))


def payoff(
    given: Given,
    on: Annotated[str, typer.Option(metavar="DAY", help="The day on which the loan is to end, YYYY-MM-DD.")],
    repaid: Annotated[
        list[str] | None, typer.Option(metavar="DAY:AMOUNT", help="A repayment that came in by then. May be repeated.", show_default=False)
    ] = None,
    chart: Chart = None,
    language: Language = "en",
) -> None:
    """What must be paid on a day to end the loan, after the repayments that came in; and what that saves. A down payment counts as paid."""
    said, terms = language_of(language), given.terms()
    day = plan_terms.named("on", lambda: inputs.day(on))
    found = _ending(terms, day, [_repaid(one, terms.currency) for one in repaid or ()])
    if chart is not None:
        plan_chart.draw(plan_chart.checked(chart), _picture(terms, found, said), said)
    quote = found.quote
    parts = {"principal": quote.principal, "interest": quote.interest, "fees": quote.fees, "penalties": quote.penalties}
    value = {"on": quote.on, "total": quote.total, **parts, "saved": quote.saved, "repaid_before": found.repaid}
    value["payments"] = [{"on": one.on, **{part: getattr(one, part) for part in (*PARTS, "owed")}} for one in found.payments]
    saved = f"Keeping to the schedule would cost {quote.saved} more." if quote.saved.minor > 0 else "Ending it that day saves nothing."
    heading = f"To end the loan on {quote.on} ({WEEKDAYS[quote.on.weekday()]}), {found.repaid} repaid before:"
    output.result(
        {**value, **chart_value(chart)},
        [heading, output.table(["", "amount"], [*parts.items(), ("to pay", quote.total)]), saved, *chart_text(chart)],
    )


def _repaid(text: str, currency: str) -> Paid:
    day, colon, amount = text.partition(":")
    if not colon:
        fail(REPAID_WRONG, f"--repaid: write DAY:AMOUNT, e.g. 2026-11-12:500.00, not {text!r:.60}.")
    return plan_terms.named("repaid", lambda: Paid(inputs.day(day), inputs.amount(amount, currency)))


def _ending(terms: LoanTerms, on: date, repaid: Sequence[Paid]) -> Ending:
    late = [event.on for event in repaid if event.on > on]
    if late:
        fail(REPAID_WRONG, f"--repaid: {min(late)} lies after {on}, the day of the quote; leave it out.")
    entries: list[Disbursed | Paid] = [Disbursed(terms.disbursed_on, terms.principal), *repaid]
    try:
        state, outcomes = replay(replace(terms, down_payment_auto=True), entries)
        quote = payoff_of(state, on)
        _, last = apply(state, PaidOff(on))
    except TermsError as error:
        plan_terms.tell(error)
    except LoanError as error:
        fail(error.code, error.detail)
    days = {number: event.on for number, event in enumerate(entries, start=1)}
    applied = [*((days[number], outcome) for number, outcome in outcomes.items()), (on, last)]
    dues = (_due(no, day, outcome) for no, (day, outcome) in enumerate(applied))
    return Ending(quote, total((event.amount for event in repaid), terms.currency), tuple(due for due in dues if due.amount))


def _due(no: int, day: date, outcome: Outcome) -> Due:
    """What became of one payment, penalties among the fees."""
    fees = outcome.fees + outcome.penalties
    amount = outcome.principal + outcome.interest + fees
    return Due(no, day, day.weekday(), amount, outcome.principal, outcome.interest, fees, outcome.balance)


def _picture(terms: LoanTerms, found: Ending, language: wording.Language) -> plan_chart.Picture:
    amount, saved = with_symbol(found.quote.total), with_symbol(found.quote.saved)
    title = wording.text("chart_payoff", language, on=found.quote.on, amount=amount)
    subtitle = wording.text("chart_payoff_sub", language, repaid=with_symbol(found.repaid), saved=saved)
    return plan_chart.Picture(title, subtitle, found.payments, terms.principal)
