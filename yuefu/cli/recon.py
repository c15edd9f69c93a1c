"""`yuefu recon …`: the statement of a day with its bridge, source by source, and what may belong to a break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.breaks import BreakId

if TYPE_CHECKING:
    from yuefu.journeys.carried import DayStatements, SourceDay
    from yuefu.reconciliation.rules.carrying import Carried, Line, Statement
    from yuefu.reconciliation.rules.checks import Checked
    from yuefu.reconciliation.rules.levels import Level

app = typer.Typer(no_args_is_help=True, help="Days of reconciliation: their verdict, and what is carried from day to day.")


@app.command()
def day(
    on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day of the bills; the last with a file unless given.")
    ] = None,
) -> None:
    """The statements of a day: what was open, what moved, what explains the difference, what is carried on. Bill less books throughout."""
    with context.at_work("reconcile") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import carried, levels

        with caller.for_the_book().reading():
            found = carried.day(book_id=caller.book.id, on=on)
            if isinstance(found, Refused):
                raise RefusedError(found)
            made = levels.of_day(book_id=caller.book.id, on=found.on, sources=found.sources)
        value = {
            "book": caller.book.code,
            "on": found.on,
            "verdict": str(found.verdict),
            "levels": [_level(level) for level in made],
            "sources": [_source(source) for source in found.sources],
            "checks": [_check(check) for check in found.checks],
        }
        output.result(value, _told(found, made))


@app.command()
def trend(days: Annotated[int, typer.Option(min=1, max=366, help="So many days before today.")] = 30) -> None:
    """Breaks of each channel from day to day, how old those are that are open, and what was said of each day on the three levels."""
    with context.at_work("reconcile") as caller:
        from yuefu.journeys import trends

        on = caller.for_the_book().today
        with caller.reading():
            found = trends.trends(book_id=caller.book.id, on=on, days=days)
        told = [
            {"source": one.source, "on": day.on, "class": day.cls, "count": day.count, "open": day.open, "amount": day.amount}
            for one in found.sources
            for day in one.days
        ]
        ages = [
            {"class": one.cls, "since_days": one.since, "until_days": one.until, "count": one.count, "amount": one.amount}
            for one in found.ageing
        ]
        levels = [{"on": day, **{name: str(verdict) for name, verdict in kept.items()}} for day, kept in found.levels.items()]
        value = {"book": caller.book.code, "since": found.since, "until": found.until, "breaks": told, "ageing": ages, "days": levels}
        output.result(value, _trends(value))


def _trends(value: dict[str, Any]) -> Iterator[str]:
    from yuefu.reconciliation.rules.levels import NAMES

    yield f"{value['since']} to {value['until']}"
    columns = ["source", "on", "class", "count", "open", "amount"]
    rows = [[one[name] for name in columns] for one in value["breaks"]]
    yield output.table(columns, rows, figures={"amount"}) if rows else "No break was found on these days."
    if value["ageing"]:
        yield ""
        ages = [[one["class"], _days(one), one["count"], one["amount"]] for one in value["ageing"]]
        yield output.table(["open", "days", "count", "amount"], ages, figures={"amount"})
    if value["days"]:
        yield ""
        yield output.table(["day", *NAMES], [[one["on"], *(one.get(name, "") for name in NAMES)] for one in value["days"]])


def _days(one: dict[str, Any]) -> str:
    return f"more than {one['since_days'] - 1}" if one["until_days"] is None else f"{one['since_days']} to {one['until_days']}"


def _level(level: Level) -> dict[str, Any]:
    return {"level": level.name, "verdict": str(level.verdict), "missing": list(level.missing), "figures": dict(level.figures)}


@app.command()
def suggest(name: BreakId) -> None:
    """What the other half of a break may be, by the rules of the setting reconciliation.policy; nothing is done with it."""
    with context.at_work("reconcile") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import carried

        today = caller.for_the_book().today
        with caller.reading():
            found = carried.candidates(book_id=caller.book.id, break_id=inputs.object_id("break", name), on=today)
        if isinstance(found, Refused):
            raise RefusedError(found)
        ours = [[ids.text("break", each) for each in one.breaks] for one in found]
        rows = [
            {"rule": one.rule, "breaks": breaks, "references": list(one.references), "off": one.off, "apart_days": one.apart_days}
            for one, breaks in zip(found, ours, strict=True)
        ]
        shown = [
            [one.rule, ", ".join(breaks), ", ".join(one.references), one.off, one.apart_days]
            for one, breaks in zip(found, ours, strict=True)
        ]
        output.result({"break": name, "candidates": rows}, output.table(["rule", "breaks", "references", "off", "apart_days"], shown))


def _source(found: SourceDay) -> dict[str, Any]:
    value: dict[str, Any] = {"source": found.source, "state": found.state, "verdict": str(found.verdict)}
    if found.statement is None:
        return value
    kept = found.balances
    balances = None
    if kept is not None:
        agrees = None if found.before is None else found.before.passed
        balances = {"before": kept.before, "opening": kept.opening, "closing": kept.closing, "agrees": agrees}
    return value | _statement(found.statement) | {"balances": balances}


def _statement(found: Statement) -> dict[str, Any]:
    return {
        "opening": found.opening,
        "opening_count": found.opening_count,
        "bill": found.bill,
        "books": found.books,
        "net": found.net,
        "lines": [_line(line) for line in found.lines],
        "residual": found.residual.off,
        "outside": [_line(line) for line in found.outside],
        "ended": dict(found.ended),
        "closing": found.closing,
        "closing_count": found.closing_count,
        "continuity": found.continuity.off,
        "at_risk": found.at_risk,
        "items": [_item(item) for item in found.items],
    }


def _check(check: Checked) -> dict[str, Any]:
    from yuefu.reconciliation.rules.balances import RateCheck

    outcome = check.outcome
    value: dict[str, Any] = {"name": check.name, "passed": outcome.passed, "reason": outcome.reason or None}
    if isinstance(outcome, RateCheck):
        observed = None if outcome.observed is None else str(outcome.observed)
        return value | {"observed": observed, "bounds": [str(bound) for bound in outcome.bounds]}
    return value | {"off": outcome.off, "missing": list(outcome.missing)}


def _line(line: Line) -> dict[str, Any]:
    return {
        "class": str(line.cls),
        "result": str(line.result),
        "earlier_day": line.earlier_day,
        "amount": line.amount,
        "count": line.count,
    }


def _item(item: Carried) -> dict[str, Any]:
    from uuid import UUID

    from yuefu import ids

    standing = item.standing
    return {
        "break": ids.text("break", UUID(standing.key)),
        "kind": standing.kind,
        "reference": standing.reference,
        "class": str(item.placed.cls),
        "result": str(item.placed.result),
        "priority": item.placed.priority,
        "lifecycle": str(item.lifecycle),
        "first_seen": standing.first_seen,
        "break_on": item.placed.break_on,
        "bill": standing.there,
        "books": standing.here,
        "difference": standing.difference,
        "impact": item.impact,
        "at_risk": item.at_risk,
        "ended": item.ended or None,
    }


def _told(found: DayStatements, levels: Sequence[Level]) -> Iterator[str]:
    yield f"{found.on}: {found.verdict}"
    yield output.table(["level", "verdict", "missing"], [[one.name, str(one.verdict), ", ".join(one.missing)] for one in levels])
    for source in found.sources:
        yield ""
        yield f"{source.source}: {source.verdict} ({source.state})"
        if source.statement is not None:
            yield _bridge(source.statement)
            yield from _items(source.statement)
    if found.checks:
        yield ""
        rows = [
            [one["name"], one["passed"], one["reason"], one.get("off") or one.get("observed"), ", ".join(one.get("missing", ()))]
            for one in map(_check, found.checks)
        ]
        yield output.table(["check", "passed", "reason", "off", "missing"], rows)


def _bridge(found: Statement) -> str:
    """From what was open to what is carried on, a figure a line."""
    explained = [(f"  {_words(line.cls)}, {_since(line)}{line.result}", line.amount, line.count) for line in found.lines]
    rows = [
        ("carried in", found.opening, found.opening_count),
        ("bill", found.bill, ""),
        ("books", -found.books, ""),
        ("difference of the day", found.net, ""),
        *explained,
        ("  unexplained", found.residual.off, ""),
        *(("opened again" if how == "reopened" else f"ended: {how}", -amount, "") for how, amount in found.ended.items()),
        ("carried on", found.closing, found.closing_count),
        *((f"  of it before: {_words(line.cls)}, {line.result}", line.amount, line.count) for line in found.outside),
        ("at risk", found.at_risk, ""),
    ]
    return output.table(["", "amount", "count"], rows, figures={"amount"})


def _items(found: Statement) -> Iterator[str]:
    """The breaks, what is a warning and what is pending, the most urgent first."""
    rows = [
        [
            *(item["break"], item["reference"], _words(item["class"]), item["result"], item["priority"], item["lifecycle"]),
            *(item["first_seen"], item["break_on"], item["difference"], item["at_risk"]),
        ]
        for item in map(_item, found.items)
        if item["result"] != "ok" and item["ended"] is None
    ]
    if rows:
        columns = ["break", "reference", "class", "result", "priority", "lifecycle", "first_seen", "break_on", "difference", "at_risk"]
        yield output.table(columns, rows, figures={"difference", "at_risk"})


def _words(code: str) -> str:
    return code.replace("_", " ")


def _since(line: Line) -> str:
    return "of an earlier day, " if line.earlier_day else ""
