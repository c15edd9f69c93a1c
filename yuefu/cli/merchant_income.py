"""`yuefu merchant income`: what a contract brings for what a merchant expects to sell."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from yuefu.cli import context, income_chart, inputs, items, output, plan_chart
from yuefu.cli.context import Caller
from yuefu.cli.contracts import CONTRACT, CONTRACT_EXAMPLE, agents_of, contract_of
from yuefu.cli.faults import fail
from yuefu.cli.merchants import merchant_named

if TYPE_CHECKING:
    from yuefu.merchants.rules import Contract
    from yuefu.money.rates import Rate


def register(app: typer.Typer) -> None:
    """Adds the command to those of `merchant`."""
    app.command(
        help=f"What a contract brings for what one expects to sell: before it is signed, or as it is in force.\n\n{CONTRACT_EXAMPLE}"
    )(income)


def income(
    amount: Annotated[str, typer.Option(help="The amount of an order, as a decimal.")],
    periods: Annotated[int, typer.Option(min=1, max=36, help="The number of its instalments.")],
    file: Annotated[str | None, typer.Option(metavar="FILE", help="JSON: the whole contract; - is standard input.")] = None,
    merchant: Annotated[str | None, typer.Option(metavar="CODE", help="The contract that this merchant has, unless one is given.")] = None,
    orders: Annotated[int, typer.Option(min=1, max=10_000_000, help="So many orders a month.")] = 1,
    product: Annotated[str, typer.Option(help="The product, where fees depend on it.")] = "",
    category: Annotated[str, typer.Option(help="The category of the goods, where fees depend on it.")] = "",
    channel: Annotated[str | None, typer.Option(help="The channel, where fees depend on it; that of the contract unless given.")] = None,
    interest_free: Annotated[bool, typer.Option("--interest-free", help="The merchant pays for the plan.")] = False,
    cost_of_money: Annotated[str, typer.Option(help="What money costs the merchant, in percent a year.")] = "0.00",
    on: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help="Sold on this day; today, or when the contract begins, unless given."),
    ] = None,
    chart: Annotated[Path | None, typer.Option("--chart", metavar="FILE", help="Draw it to this file too, .svg or .png.")] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="The language of the picture.")] = "zh",
) -> None:
    picture = plan_chart.checked(chart) if chart else None
    with context.at_work("merchant.read") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.merchants.rules import Sold
        from yuefu.merchants.rules.cycle import CAPTURE, PERIOD
        from yuefu.money.rates import Rounding, divide
        from yuefu.settlement import rules as settlement

        contract, day = _contract_of(caller.for_the_book(), file, merchant, on)
        expected = settlement.Expected(
            Sold(product, channel or contract.terms.channel, periods, category),
            inputs.amount(amount, caller.book.currency),
            orders,
            interest_free,
        )
        pay_days = _pay_days(caller, contract, day, periods)
        paid_on, waits = pay_days[-1], divide(sum((on - day).days for on in pay_days), len(pay_days), Rounding.HALF_UP)
        found = settlement.income(contract, expected, waits_days=waits, cost_of_money=_percent(cost_of_money))
        if isinstance(found, Refused):
            raise RefusedError(found)
        since, by = contract.terms.settle_from, contract.terms.settle_by
        rows = {"first_month": found[0], "later_months": found[1]}
        told = {name: asdict(one) for name, one in rows.items()}
        value = {
            "sold_on": day,
            "settle_from": since,
            "settle_by": by,
            "paid_on": paid_on,
            "waits_days": waits,
            "kept_back_days": contract.terms.reserve_days,
            "orders": orders,
            **told,
        }
        names = {name: name.replace("_", " ") + (f" of {orders:,}" if name == "month" else "") for name in told["later_months"]}
        table = [[shown, *(getattr(one, name) for one in rows.values())] for name, shown in names.items()]
        later = f"; {contract.terms.reserve_days} days later what is kept back" if contract.terms.reserve_days else ""
        parts = f", in {len(pay_days)} parts, on average {waits} days later" if by == PERIOD else ""
        note = f"Sold on {day}{'' if since == CAPTURE else f', {since} on the same day'}, paid on {paid_on}{parts}{later}."
        if picture:
            income_chart.draw(picture, rows, amount=expected.amount, orders=orders, waits_days=waits, language=language)
            value["chart"] = str(picture)
        lines = [output.table(["an order", "first month", "later months"], table), note]
        output.result(value, [*lines, *([f"The picture is in {picture}."] if picture else [])])


def _pay_days(caller: Caller, contract: Contract, day: date, periods: int) -> list[date]:
    """The pay day of a sale; by period one for each instalment, a month apart, as if each were paid on its day."""
    from yuefu.dates.periods import add_months
    from yuefu.merchants.rules.cycle import PERIOD
    from yuefu.runtime.calendars import calendar

    days = calendar(caller.book.calendar, day.year, day.year + 4)
    collected = [add_months(day, n) for n in range(1, periods + 1)] if contract.terms.settle_by == PERIOD else [day]
    return [days.add_business_days(one, contract.terms.settlement_days + contract.terms.holds.more_days) for one in collected]


def _contract_of(caller: Caller, file: str | None, merchant: str | None, on: date | None) -> tuple[Contract, date]:
    """The contract of a file, or the one that a merchant has, and the day that is looked at."""
    from yuefu.errors import RefusedError
    from yuefu.merchants import queries, rules

    if (file is None) == (merchant is None):
        fail("contract_needed", "Give a contract (--file) or a merchant that has one (--merchant).")
    if merchant is not None:
        merchant_id, _ = merchant_named(caller, merchant)
        day = on or caller.today
        with caller.reading():
            known = queries.contracts_in_force(merchant_ids=[merchant_id], on=day)
        if merchant_id not in known:
            fail("no_contract", f"{merchant} has no contract on {day}.")
        return known[merchant_id], day
    agents = agents_of(caller)
    terms = items.one(
        file or "",
        CONTRACT,
        lambda fields, _: contract_of(fields, caller.book.currency, agents),
        what="This is about one contract: an object",
    )
    if fault := rules.terms_fault(terms, currency=caller.book.currency):
        raise RefusedError(fault)
    return rules.Contract(UUID(int=0), UUID(int=0), 0, terms), on or terms.valid_from


def _percent(text: str) -> Rate:
    from yuefu.money.rates import Rate

    try:
        return Rate.parse_percent(text)
    except ValueError:
        fail("percent_invalid", f"{text!r:.40} is not a percentage like 6.00, at most 4 decimals.")
