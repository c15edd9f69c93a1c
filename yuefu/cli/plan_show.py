"""`yuefu plan schedule`, `compare`, `disclose`: what terms ask, day by day; which of several is cheapest; the table of all costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from yuefu.cli import inputs, output, plan_chart, plan_terms
from yuefu.cli.faults import fail
from yuefu.cli.plan_terms import Given, with_terms
from yuefu.cli.plan_text import PARTS, calendar_text, chart_text, comparison_text, figure, lines_text, provisional_text, sums_text, wrapped
from yuefu.money.amounts import Money
from yuefu.plans.label import render_price_label
from yuefu.plans.lifecycle.terms import NO_RATE, Payer, TermsError
from yuefu.plans.offer import wording
from yuefu.plans.offer.comparison import Column, compare
from yuefu.plans.offer.disclosure import Party, cost_table
from yuefu.plans.offer.dues import RepaymentCalendar, Subtotal, repayment_calendar
from yuefu.plans.offer.offered import Offer, OfferError, label_line, offer
from yuefu.plans.offer.recount import faults

PARTY_WRONG: Final = "party_wrong"
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PARTY = re.compile(r"([a-z][a-z0-9_]{0,39}):([^:/]{1,80})(?:/([^:/]{1,80}))?(?::([^:]{1,80}))?")

CashPrice = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="The price when paid at once; what is lent beyond it counts as cost.", show_default=False),
]
Chart = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a picture into FILE, .svg or .png.", show_default=False)]
Language = Annotated[str, typer.Option(help="The language of tables, sentences and picture: zh or en.")]


def register(app: typer.Typer) -> None:
    for command in (schedule, compare_plans, disclose):
        name = {"compare_plans": "compare"}.get(command.__name__, command.__name__)
        app.command(name)(with_terms(command))


def schedule(given: Given, cash_price: CashPrice = None, chart: Chart = None, language: Language = "en") -> None:
    """What is due when: each payment with its parts and what is owed afterwards, subtotals of the years, the total and the annual cost."""
    said = language_of(language)
    found = _offer(given, _cash_price(given, cash_price))
    calendar = repayment_calendar(found)
    if chart is not None:
        plan_chart.draw(plan_chart.checked(chart), plan_chart.of_offer(found, said), said)
    value = {**_summary(found), **_calendar_value(calendar), **chart_value(chart)}
    notes = [*sums_text(found, said), *provisional_text(found.provisional_after, said), *chart_text(chart, said)]
    output.result(value, [*wrapped(label_line(found, said)), "", *calendar_text(calendar, said), "", *notes])


def compare_plans(
    given: Given,
    plan: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PLAN",
            help="One way: periods and options, e.g. 3 or 12,rate=14.4,down-payment=25%. What it names itself, its fees too, goes before the "
            "option of that name beside it. Repeat for each way.",
            show_default=False,
        ),
    ] = None,
    cash_price: CashPrice = None,
    chart: Chart = None,
    language: Language = "en",
) -> None:
    """Several ways to pay for one purchase, side by side with paying at once. Options beside --plan hold for all ways that do not name them."""
    said = language_of(language)
    if not plan:
        given.require("plan")
    ways, price = [given.also(one) for one in plan or ()], _cash_price(given, cash_price)
    terms = [_offer(way, price).terms for way in ways]  # each alone first: what is wrong with one is told with its name
    try:
        found = compare(terms, cash_price=price)
    except (TermsError, OfferError) as error:
        plan_terms.tell(error, given)
    names = [wording.text("way_at_once", "en"), *(way.way for way in ways)]
    if chart is not None:
        pictured = [wording.text("at_once", said), *(_way(column, said) for column in found.columns[1:])]
        plan_chart.draw_comparison(plan_chart.checked(chart), found, pictured, said)
    value = {"price": found.price, "ways": [_way_value(*pair) for pair in zip(names, found.columns, strict=True)], **chart_value(chart)}
    typed = [wording.text("way_at_once", said), *names[1:]]
    output.result(value, [*comparison_text(found, typed, said), *chart_text(chart, said)])


def disclose(
    given: Given,
    cash_price: CashPrice = None,
    party: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PARTY",
            help="Who stands behind a payee: CODE:NAME, CODE:NAME_ZH/NAME_EN or with :LICENCE behind. May be repeated.",
            show_default=False,
        ),
    ] = None,
    chart: Chart = None,
    language: Language = "en",
) -> None:
    """The table of all costs, as the consumer must see it before agreeing: adds up from the schedule alone, with the hash of its text."""
    said = language_of(language)
    found = _offer(given, _cash_price(given, cash_price))
    try:
        table = cost_table(found, parties=[_party(one) for one in party or ()])
    except OfferError as error:
        plan_terms.tell(error, given)
    content = table.content
    assert not faults(content)
    if chart is not None:
        plan_chart.draw(plan_chart.checked(chart), plan_chart.of_offer(found, said), said)
    value = {"table": content, "sha256": table.hash.hex(), "language": said, "label": label_line(found), **chart_value(chart)}
    text = [*wrapped(label_line(found, said)), wording.text("title", said), *lines_text(wording.lines(content, said))]
    output.result(value, [*text, f"SHA-256 {table.hash.hex()}", *chart_text(chart, said)])


def language_of(text: str) -> wording.Language:
    """Chinese or English; fails for another."""
    if text not in wording.LANGUAGES:
        fail("unknown_language", f"--language: choose {' or '.join(wording.LANGUAGES)}, not {text!r:.60}.")
    return "zh" if text == "zh" else "en"


def _cash_price(given: Given, text: str | None) -> Money | None:
    currency = given.currency
    return plan_terms.named("--cash-price", lambda: inputs.amount_if_given(text, currency))


def _offer(given: Given, cash_price: Money | None) -> Offer:
    try:
        return offer(given.terms(), cash_price=cash_price)
    except (TermsError, OfferError) as error:
        plan_terms.tell(error, given)


def _party(text: str) -> Party:
    match = _PARTY.fullmatch(text)
    if not match:
        fail(
            PARTY_WRONG, f"--party: write CODE:NAME_ZH[/NAME_EN][:LICENCE], e.g. lender:示例小贷/Example Lending:DEMO-1, not {text!r:.80}."
        )
    code, name_zh, name_en, licence = match.groups()
    return Party(code, name_zh, name_en or name_zh, licence or "")


def _summary(found: Offer) -> dict[str, Any]:
    return {
        "label": render_price_label(found.label),
        "principal": found.terms.principal,
        "paid": found.paid,
        "charge": found.charge,
        "annual_cost_pct": found.cost.compound_text(),
        "annual_cost_simple_pct": found.cost.simple_text(),
        "provisional_after": found.provisional_after,
        "rule_version": found.terms.rule_version,
    }


def chart_value(chart: Path | None) -> dict[str, str]:
    """Where the picture is, as JSON."""
    return {} if chart is None else {"chart": str(chart)}


def _calendar_value(calendar: RepaymentCalendar) -> dict[str, Any]:
    def subtotal(one: Subtotal) -> dict[str, Any]:
        return {"year": one.year, **{part: getattr(one, part) for part in PARTS}}

    rows = [
        {"no": due.no, "due_on": due.on, "weekday": WEEKDAYS[due.weekday], **{part: getattr(due, part) for part in PARTS}, "owed": due.owed}
        for due in calendar.dues
    ]
    return {"rows": rows, "years": [subtotal(one) for one in calendar.years], "total": subtotal(calendar.total)}


def _way(column: Column, language: wording.Language) -> str:
    assert column.offer is not None
    terms = column.offer.terms
    rate = terms.annual_rate if terms.interest_payer is Payer.CONSUMER else NO_RATE
    said = wording.text(wording.counted("way", column.periods), language, periods=column.periods, rate=rate.percent_text())
    down = wording.text("way_down", language, amount=figure(column.paid_at_start)) if column.paid_at_start else ""
    return said + down


def _way_value(name: str, column: Column) -> dict[str, Any]:
    return {
        "plan": name,
        "periods": column.periods,
        "label": render_price_label(column.label),
        "paid_at_start": column.paid_at_start,
        "first_due_on": column.first_due_on,
        "last_due_on": column.last_due_on,
        "total": column.total,
        "charge": column.charge,
        "annual_cost_pct": column.cost and column.cost.compound_text(),
        "annual_cost_simple_pct": column.cost and column.cost.simple_text(),
        "more_than_cheapest": column.more,
        "provisional_after": column.offer and column.offer.provisional_after,
    }
