"""`yuefu merchant plan|revenue|concentration|payable|stress`: what a merchant plans with its own money, and what could go wrong with it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, fail
from yuefu.cli.quote import merchant_of
from yuefu.errors import Refused, RefusedError
from yuefu.money.amounts import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yuefu.growth.rules.plans import Envelope
    from yuefu.growth.rules.stress import Path
    from yuefu.journeys.merchant_money import Funds

Code = Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `merchant`."""
    for command in (plan, revenue, concentration, payable, stress):
        app.command()(command)


def plan(
    code: Code,
    envelope: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=PERCENT", help="A new plan: its envelopes, 100 % together; repeatable."),
    ] = None,
    valid_from: Annotated[
        date | None, typer.Option("--from", metavar="DATE", parser=inputs.day, help="A new plan begins on this day; today unless given.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Show what was paid in so many days, by envelope.")] = 31,
) -> None:
    """The fund plan of a merchant (restock 40 %, marketing 30 %, reserve 30 % unless it chose): what was paid, divided to the cent. It locks no money."""
    with context.at_work("plan.change" if envelope else "settlement.read") as caller:
        from yuefu.growth import commands as growth
        from yuefu.journeys import merchant_money

        merchant_id = merchant_of(caller, code)
        if envelope:
            wanted = [_envelope(text) for text in envelope]
            caller.acting(
                lambda work: growth.change_plan(work=work, merchant_id=merchant_id, envelopes=wanted, valid_from=valid_from or work.day.on)
            )
        today = caller.today
        with caller.reading():
            found = merchant_money.funds(
                book=caller.book, merchant_id=merchant_id, today=today, since=today - timedelta(days=days - 1), until=today
            )
        output.result(_funds(code, found), _fund_lines(found, days))


def _envelope(text: str) -> Envelope:
    from yuefu.growth.rules.plans import Envelope
    from yuefu.money.rates import Rate

    name, _, share = text.rpartition("=")
    try:
        ppm = Rate.parse_percent(share).ppm
    except ValueError:
        fail("percent_invalid", f"An envelope is written NAME=PERCENT, as in restock=40, not {text!r:.60}.")
    if ppm % 100:
        fail("percent_invalid", f"A share has at most two decimals, not {share!r:.40}.")
    return Envelope(name, ppm // 100)


def _percent(share: int) -> str:
    return f"{share // 100}.{share % 100:02d}"


def _funds(code: str, found: Funds) -> dict[str, Any]:
    return {
        "merchant": code,
        "version": found.plan.version,
        "valid_from": found.plan.valid_from if found.plan.version else None,
        "envelopes": [{"name": one.name, "percent": _percent(one.share)} for one in found.plan.envelopes],
        "paid": [
            {
                "pay_on": one.pay_on,
                "paid": one.paid,
                "plan": one.plan.version,
                "parts": {envelope.name: part for envelope, part in zip(one.plan.envelopes, one.parts, strict=True)},
            }
            for one in found.divided
        ],
        "sums": dict(found.sums),
    }


def _fund_lines(found: Funds, days: int) -> list[str]:
    names = ", ".join(f"{one.name} {_percent(one.share)} %" for one in found.plan.envelopes)
    origin = f"version {found.plan.version}, from {found.plan.valid_from}" if found.plan.version else "nobody chose another"
    rows = [
        [one.pay_on, one.paid, ", ".join(f"{e.name} {output.shown(part)}" for e, part in zip(one.plan.envelopes, one.parts, strict=True))]
        for one in found.divided
    ]
    table = output.table(["pay day", "paid", "into"], rows) if rows else f"Nothing was paid in {days} days."
    return [f"{names} ({origin}).", table, *(f"{name}: {output.shown(total)}" for name, total in found.sums)]


def revenue(
    code: Code,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="The month, YYYY-MM.")],
    amount: Annotated[str, typer.Argument(help="All that the merchant took in it, by whatever way of payment.")],
) -> None:
    """Tell what a merchant took in a month; said again, the last word counts."""
    with context.at_work("plan.change") as caller:
        from yuefu.growth import commands as growth

        if len(month) != len("2026-10"):
            fail("bad_month", f"A month is written YYYY-MM, not {month!r:.40}.")
        first, told = inputs.month(month), Money.parse(amount, caller.book.currency)
        merchant_id = merchant_of(caller, code)
        caller.acting(lambda work: growth.tell_revenue(work=work, merchant_id=merchant_id, month=first, amount=told))
        output.result({"merchant": code, "month": f"{first:%Y-%m}", "revenue": told}, f"{code} took {told} in {first:%Y-%m}.")


def concentration(code: Code, months: Annotated[int, typer.Option(min=1, max=36, help="So many months.")] = 12) -> None:
    """How much of what a merchant took was by monthly payment, month by month. Exit status 1 where the last month reaches the alert line."""
    with context.at_work("settlement.read") as caller:
        from yuefu.journeys import merchant_money

        merchant_id = merchant_of(caller, code)
        lines, today = merchant_money.lines_of(book=caller.book, on=caller.today), caller.today
        with caller.reading():
            found = merchant_money.concentration(book=caller.book, merchant_id=merchant_id, today=today, lines=lines, months=months)
        rows = [
            {
                "month": f"{one.month:%Y-%m}",
                "sold": one.sold,
                "revenue": one.revenue,
                "percent": None if one.share_ppm is None else f"{one.share_ppm // 10_000}.{one.share_ppm % 10_000 // 100:02d}",
                "level": one.level,
            }
            for one in found
        ]
        output.result({"merchant": code, "months": rows}, output.table(list(rows[0]), [list(row.values()) for row in rows]))
        alarmed = found[0].level == "alert"
    if alarmed:
        raise typer.Exit(FAILED)


def payable(
    code: Code,
    supplier: Annotated[str | None, typer.Option(help="Who is owed; with --reference.")] = None,
    reference: Annotated[str | None, typer.Option(help="The supplier's number of it.")] = None,
    amount: Annotated[str | None, typer.Option(help="A new one: what is owed.")] = None,
    due: Annotated[date | None, typer.Option(metavar="DATE", parser=inputs.day, help="A new one: when it is due.")] = None,
    paid: Annotated[bool, typer.Option("--paid", help="It was paid.")] = False,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="It was never owed.")] = False,
) -> None:
    """What a merchant owes its suppliers: listed; entered with --amount and --due; ended with --paid or --withdrawn."""
    named, new, ended = supplier is not None and reference is not None, amount is not None and due is not None, paid or withdrawn
    if (supplier is None) != (reference is None) or (amount is None) != (due is None) or (paid and withdrawn) or (named != (new or ended)):
        fail("usage_payable", "Enter one by --supplier, --reference, --amount and --due; end one by --supplier, --reference and --paid.")
    with context.at_work("plan.change" if named else "settlement.read") as caller:
        from yuefu.growth import commands as growth
        from yuefu.growth import queries as known

        merchant_id = merchant_of(caller, code)
        if new and amount is not None and due is not None and supplier is not None and reference is not None:
            bill = growth.Bill(supplier, reference, inputs.amount(amount, caller.book.currency), due)
            caller.acting(lambda work: growth.owe(work=work, merchant_id=merchant_id, bills=[bill])[0])
        if ended:
            how = "paid" if paid else "withdrawn"
            caller.acting(
                lambda work: growth.end_payable(
                    work=work, merchant_id=merchant_id, supplier=supplier or "", reference=reference or "", how=how
                )
            )
        with caller.reading():
            found = known.payables(merchant_id=merchant_id)
        rows = [{"supplier": p.supplier, "reference": p.reference, "amount": p.amount, "due_on": p.due_on} for p in found]
        table = output.table(list(rows[0]), [list(row.values()) for row in rows]) if rows else f"{code} owes its suppliers nothing."
        output.result({"merchant": code, "payables": rows}, table)


def stress(
    code: Code,
    days: Annotated[int, typer.Option(help="All that is to come comes so many days later.")] = 3,
    cash: Annotated[str, typer.Option(help="What the merchant has at hand.")] = "0.00",
    horizon: Annotated[int, typer.Option(help="Look so many days ahead.")] = 60,
) -> None:
    """What is missing, and from when on, if a merchant is paid later: what it is owed, against what it owes its suppliers."""
    with context.at_work("settlement.read") as caller:
        from yuefu.journeys import merchant_money

        merchant_id = merchant_of(caller, code)
        at_hand = Money.parse(cash, caller.book.currency)
        with caller.reading():
            found = merchant_money.liquidity(
                book=caller.book, merchant_id=merchant_id, today=caller.today, cash=at_hand, shift_days=days, horizon_days=horizon
            )
        if isinstance(found, Refused):
            raise RefusedError(found)
        paths = {"as_agreed": found.stress.as_agreed, "later": found.stress.later}
        value = {
            "merchant": code,
            "cash": found.cash,
            "waiting": found.waiting,
            "days": days,
            "coming": [{"on": one.on, "amount": one.amount, "what": one.what} for one in found.coming],
            "due": [{"on": one.on, "amount": one.amount, "what": one.what} for one in found.due],
            **{name: _path(path) for name, path in paths.items()},
            "more": found.stress.more,
        }
        rows = [[name.replace("_", " "), path.lowest, path.gap, path.short_on, path.worst_on] for name, path in paths.items()]
        table = output.table(["path", "lowest", "missing", "from", "worst on"], rows)
        waits = [f"{output.shown(found.waiting)} waits for delivery, receipt or instalments, and has no day yet."] if found.waiting else []
        output.result(value, [table, f"{days} days later, {output.shown(found.stress.more)} more is missing.", *waits])


def _path(path: Path) -> dict[str, Any]:
    return {
        "lowest": path.lowest,
        "gap": path.gap,
        "short_on": path.short_on,
        "worst_on": path.worst_on,
        "days": _days(path.days),
    }


def _days(days: Sequence[tuple[date, Money]]) -> list[dict[str, Any]]:
    return [{"on": on, "left": left} for on, left in days]
