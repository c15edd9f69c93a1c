"""`yuefu plan apr`: the annual cost of flows, by each law."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.plan_show import Chart, chart_value, language_of
from yuefu.cli.plan_terms import currency_of, named
from yuefu.cli.plan_text import chart_text, wrapped

if TYPE_CHECKING:
    from yuefu.money.amounts import Money
    from yuefu.plans.annual_cost import DatedFlow
    from yuefu.plans.faults import PlanError
    from yuefu.plans.laws import Law, LawCost
    from yuefu.plans.offer import wording
    from yuefu.plans.unit_periods import UnitPeriod

COLUMNS: Final = ("kind", "date", "amount")
_NAMES: Final = {
    "eu_apr": "effective rate",
    "regz_nominal": "nominal rate",
    "compound_irr": "compound rate (IRR)",
    "simple_irr": "simple rate",
}
_PLACES: Final = {"eu": "EU and UK", "us": "US, Regulation Z", "cn": "China"}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a law says of the flows: a cost, or why there is none."""

    law: Law
    cost: LawCost | None
    fault: PlanError | None


def apr(
    draw: Annotated[
        list[str] | None, typer.Option(metavar="DATE:AMOUNT", help="What the consumer receives, e.g. 2026-01-15:12000.00; may be repeated.")
    ] = None,
    pay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATE:AMOUNT[xN/SPAN]",
            help="What the consumer pays, fees included; xN/SPAN comes N times, e.g. 2026-02-15:1072.00x12/month. SPAN: day, week, semimonth, "
            "month, year, or so many: '2 weeks'. May be repeated.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FLOWS.csv", help="Flows as a table with the columns kind (draw, pay), date, amount.")
    ] = None,
    law: Annotated[str | None, typer.Option(help="eu (the UK too), us or cn; all three unless given.")] = None,
    currency: Annotated[str, typer.Option(help="The currency of the amounts; it says how many decimals they may have.")] = "CNY",
    unit_period: Annotated[
        str | None, typer.Option(help="us: the unit-period, e.g. month or '4 weeks'; found from the dates unless given.")
    ] = None,
    chart: Chart = None,
    language: Annotated[str, typer.Option(help="The language of the picture: zh or en.")] = "en",
) -> None:
    """The annual cost of a loan by the laws of the EU and UK, the US and China, from its flows alone."""
    from yuefu.plans.laws import Law
    from yuefu.plans.unit_periods import unit_period_from_text

    said = language_of(language)
    if law is not None and law not in list(Law):
        fail("unknown_law", f"There is no law {law!r:.20}; there are {', '.join(Law)}.")
    if unit_period is not None and law not in (None, Law.US):
        fail("unit_period_not_used", f"A unit-period is of the law of the us, not of {law}: leave one of the two out.")
    currency = currency_of(currency)
    draws = named("--draw", lambda: _flows(draw or [], currency))
    payments = named("--pay", lambda: _flows(pay or [], currency))
    if file is not None:
        drawn, paid = _of_file(file, currency)
        draws, payments = [*draws, *drawn], [*payments, *paid]
    if not draws or not payments:
        fail("flows_missing", "An annual cost needs at least one --draw and one --pay, or a --file that has them.")
    unit = None if unit_period is None else unit_period_from_text(unit_period)
    answers = [_answer(each, draws, payments, unit) for each in ([Law(law)] if law else Law)]
    faults = [each.fault for each in answers if each.fault is not None]
    if len(faults) == len(answers):
        raise faults[0]
    if chart is not None:
        _draw(chart, said, draws, payments)
    _tell(answers, draws, payments, chart)


def _draw(chart: Path, language: wording.Language, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow]) -> None:
    """Each payment parted at the annual cost of all flows, and what is owed after it."""
    from yuefu.cli import plan_chart
    from yuefu.plans.label import with_symbol
    from yuefu.plans.offer.at_cost import most_owed, parted_at_cost
    from yuefu.plans.offer.wording import text

    path = plan_chart.checked(chart)
    cost, dues = parted_at_cost(draws=draws, payments=payments)
    title = text("chart_apr", language, received=with_symbol(_total(draws)), paid=with_symbol(_total(payments)))
    subtitle = text("chart_apr_sub", language, cost=cost.compound_text())
    picture = plan_chart.Picture(title, subtitle, dues, most_owed(draws=draws, payments=payments))
    plan_chart.draw(path, picture, language)


def _flows(texts: Sequence[str], currency: str) -> list[DatedFlow]:
    from yuefu.plans.flows import flows_from_text

    return [flow for text in texts for flow in flows_from_text(text, currency)]


def _of_file(file: Path, currency: str) -> tuple[list[DatedFlow], list[DatedFlow]]:
    """The draws and payments of a table."""
    try:
        text = inputs.file_content(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        fail("not_text", f"{file} is not a text in UTF-8.")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        fail("not_csv", f"{file} is no table of comma-separated values: {error}.")
    if not rows or tuple(cell.strip() for cell in rows[0]) != COLUMNS:
        fail("columns_differ", f"The first line of {file} names the columns: {','.join(COLUMNS)}.")
    sides: dict[str, list[DatedFlow]] = {"draw": [], "pay": []}
    for number, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            kind, flows = _of_row(file, number, [cell.strip() for cell in row], currency)
            sides[kind] += flows
    return sides["draw"], sides["pay"]


def _of_row(file: Path, number: int, row: Sequence[str], currency: str) -> tuple[str, list[DatedFlow]]:
    from yuefu.plans.faults import PlanError

    if len(row) != len(COLUMNS) or row[0] not in ("draw", "pay"):
        fail("row_unreadable", f"{file}, row {number}: a row is draw or pay, a day and an amount.")
    try:
        return row[0], _flows([f"{row[1]}:{row[2]}"], currency)
    except PlanError as error:
        fail(error.code, f"{file}, row {number}: {error.detail}")


def _answer(law: Law, draws: Sequence[DatedFlow], payments: Sequence[DatedFlow], unit: UnitPeriod | None) -> _Answer:
    from yuefu.plans.faults import PlanError
    from yuefu.plans.laws import cost_by_law

    try:
        return _Answer(law, cost_by_law(draws=draws, payments=payments, law=law, unit_period=unit), None)
    except PlanError as error:
        return _Answer(law, None, error)


def _tell(answers: Sequence[_Answer], draws: Sequence[DatedFlow], payments: Sequence[DatedFlow], chart: Path | None) -> None:
    drawn, paid = _total(draws), _total(payments)
    value = {"drawn": drawn, "paid": paid, "cost": paid - drawn, "figures": [row for each in answers for row in _figures(each)]}
    told = f"Received {drawn} (draws: {len(draws)}), paid {paid} (payments: {len(payments)}), difference {paid - drawn}."
    output.result({**value, **chart_value(chart)}, [*wrapped(told), *_text(answers), *chart_text(chart)])


def _total(flows: Sequence[DatedFlow]) -> Money:
    from yuefu.money.amounts import total

    return total((flow.amount for flow in flows), flows[0].amount.currency)


def _figures(answer: _Answer) -> list[dict[str, Any]]:
    if answer.cost is None:
        assert answer.fault is not None
        return [{"law": answer.law, "refused": {"code": answer.fault.code, "detail": answer.fault.detail}}]
    unit = str(answer.cost.unit_period)
    return [
        {"law": answer.law, "measure": each.measure, "pct": each.text(), "exact_pct": each.exact_text(), "unit_period": unit}
        for each in answer.cost.figures
    ]


def _text(answers: Sequence[_Answer]) -> Iterator[str]:
    rows = [
        (_PLACES[each.law], _NAMES[figure.measure], figure.text(), figure.exact_text(), str(each.cost.unit_period))
        for each in answers
        if each.cost is not None
        for figure in each.cost.figures
    ]
    yield output.table(["law", "measure", "% a year", "exactly", "time counted in"], rows)
    for each in answers:
        if each.fault is not None:
            yield from wrapped(f"{_PLACES[each.law]}: {each.fault.detail}")
