"""`yuefu report …`: daily clearing, monthly settlement, and where the money of a day came from and went."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, fail
from yuefu.errors import Refused, RefusedError
from yuefu.money.amounts import Money

if TYPE_CHECKING:
    from yuefu.cli.context import Caller
    from yuefu.insight.rules.clearing import Kind, Report, Section
    from yuefu.insight.rules.flows import Picture
    from yuefu.journeys.money_flow import Day, Entries
    from yuefu.journeys.reports import GivenOut

app = typer.Typer(no_args_is_help=True, help="Reports: daily clearing, monthly settlement, and the money flow of a day.")

On = Annotated[date | None, typer.Argument(metavar="[DATE]", parser=inputs.day, help="The day; the last closed one unless given.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the figures to this file, as CSV.")]
Draft = Annotated[
    bool, typer.Option("--draft", help="As the books have it now, whether the report was given out or not; it may still move.")
]


@app.command()
def day(on: On = None, csv: Csv = None, draft: Draft = False) -> None:
    """Daily clearing: money in and out, what merchants are owed, and where everything stands, as it was given out."""
    with context.at_work("ledger.read") as caller:
        wanted = on or _last_closed(caller)
        _tell(caller, "day", wanted, wanted, csv, draft=draft)


@app.command()
def month(of: Annotated[str, typer.Argument(metavar="MONTH", help="The month, YYYY-MM.")], csv: Csv = None, draft: Draft = False) -> None:
    """Monthly settlement: the same of a month; its days add up to it."""
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys import reports

        if len(of) != len("2026-10"):
            fail("bad_month", f"A month is written YYYY-MM, not {of!r:.40}.")
        first, last = reports.month_of(caller.for_the_book().book, inputs.month(of))
        _tell(caller, "month", first, last, csv, draft=draft)


@app.command()
def make() -> None:
    """Gives out what the worker would: the report of each closed day and finished month that has none. Exit status 1 where one does not add up."""
    with context.at_work("jobs.run") as caller:
        from yuefu.journeys import reports

        outcomes = reports.give_out(desk=caller.to_write().desk, now=caller.now)
        made = [{"kind": one.kind, "since": one.since, "until": one.until} for one in outcomes if not isinstance(one, Refused)]
        refused = [{"code": one.code, "detail": one.detail} for one in outcomes if isinstance(one, Refused)]
        lines = [f"{one['kind']} {one['since']}" for one in made] + [f"NOT made: {one['detail']}" for one in refused]
        output.result({"made": made, "refused": refused}, lines or ["Every closed day and month has its report."])
    if refused:
        raise typer.Exit(FAILED)


@app.command("list")
def list_reports(limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each at most.")] = 31) -> None:
    """What was given out, the latest first, with the hash of each."""
    with context.at_work("ledger.read") as caller:
        from yuefu.insight import queries as insight

        with caller.for_the_book().reading():
            found = [
                *insight.kept_reports(book_id=caller.book.id, kind="month", limit=limit),
                *insight.kept_reports(book_id=caller.book.id, kind="day", limit=limit),
            ]
        rows = [
            {"kind": k.kind, "since": k.since, "until": k.until, "made_at": k.made_at, "made_by": k.made_by, "sha256": k.sha256}
            for k in found
        ]
        shown = output.table(
            ["kind", "since", "until", "made at", "sha256"], [[k.kind, k.since, k.until, k.made_at, k.sha256] for k in found]
        )
        output.result({"reports": rows}, shown if rows else "No report has been given out yet.")


@app.command()
def flow(
    on: On = None,
    origin: Annotated[
        str | None, typer.Option("--from", metavar="PLACE", help="With --to: the entries by which money went from here.")
    ] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="PLACE", help="With --from: the entries by which money went there.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of the entries; that of the book unless given.")] = None,
    after: Annotated[str, typer.Option(help="Entries after this one: `next` of the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many entries at most.")] = 50,
) -> None:
    """Where the money of a day came from and went: a table of places, or the entries between two of them."""
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys import money_flow
        from yuefu.runtime import sql

        wanted = on or _last_closed(caller)
        book = caller.for_the_book().book
        if (origin is None) != (target is None):
            fail("place_missing", "Name both ends of a flow: --from and --to.")
        with sql.reading(book_id=book.id, at_one_moment=True):
            found: Day | Entries | Refused
            if origin is None or target is None:
                found = money_flow.of_day(book=book, on=wanted)
            else:
                money = currency or book.currency
                found = money_flow.entries(
                    book=book, on=wanted, origin=origin, target=target, currency=money, kind=kind, cursor=after, limit=limit
                )
        if isinstance(found, Refused):
            raise RefusedError(found)
        if isinstance(found, money_flow.Day):
            value = {"book": book.code, "on": wanted, "state": found.state, "pictures": [_picture(one) for one in found.pictures]}
            lines = [line for one in found.pictures for line in _matrix(one)]
            output.result(value, lines or [f"Nothing moved on {wanted}, and nothing was there."])
        else:
            _tell_entries(found, wanted, (origin or "", target or ""), currency or book.currency)


def _tell_entries(found: Entries, on: date, ends: tuple[str, str], currency: str) -> None:
    from yuefu import ids

    rows = [
        {
            "entry": ids.text("entry", one.id),
            "kind": one.kind,
            "effective_on": one.effective_on,
            "amount": Money(one.minor, currency),
            "order": ids.text("order", one.order_id) if one.order_id else None,
            "loan": ids.text("loan", one.loan_id) if one.loan_id else None,
            "merchant": ids.text("merchant", one.merchant_id) if one.merchant_id else None,
            "actor": one.actor,
        }
        for one in found.entries
    ]
    columns = ["entry", "kind", "effective_on", "amount", "order", "loan"]
    table = output.table(columns, [[row[name] for name in columns] for row in rows])
    more = [f"There are more: --after {found.next_cursor}"] if found.next_cursor else []
    output.result({"on": on, "from": ends[0], "to": ends[1], "entries": rows, "next": found.next_cursor or None}, [table, *more])


def _last_closed(caller: Caller) -> date:
    """The day before the oldest that is not closed."""
    from yuefu.runtime import days

    book = caller.for_the_book().book
    waiting = [*days.waiting_to_close(book.id), days.open_date(book.id)]
    oldest = next(one for one in waiting if one is not None)
    return oldest - timedelta(days=1)


def _tell(caller: Caller, kind: Kind, since: date, until: date, csv: Path | None, *, draft: bool) -> None:
    from yuefu.journeys import reports

    book, given_out = caller.for_the_book().book, None
    if draft:
        found = reports.made(book=book, kind=kind, since=since, until=until)
    else:
        with caller.reading():
            kept = reports.of(book=book, kind=kind, on=since)
        given_out = None if isinstance(kept, Refused) else kept
        found = kept if isinstance(kept, Refused) else kept.report
    if isinstance(found, Refused):
        raise RefusedError(found)
    value = {"book": book.code, **_value(found), **(_kept(given_out) if given_out else {"draft": True})}
    if csv is not None:
        with inputs.writing(csv) as file:
            file.write(b"\xef\xbb\xbf" + reports.as_csv(found).encode())
        value["file"] = str(csv)
    output.result(value, _lines(found, given_out))


def _kept(found: GivenOut) -> dict[str, Any]:
    return {
        "draft": False,
        "made_at": found.kept.made_at,
        "made_by": found.kept.made_by,
        "sha256": found.kept.sha256,
        "back_dated": [
            {
                "kind": one.kind,
                "entries": one.entries,
                "first_posted_on": one.first_posted_on,
                "last_posted_on": one.last_posted_on,
                "turnover": Money(one.minor, one.currency),
            }
            for one in found.back_dated
        ],
    }


def _value(found: Report) -> dict[str, Any]:
    from yuefu.insight.rules.clearing import accrued_and_paid, came_and_went
    from yuefu.journeys.reports import sold_figures

    money, owed = [], []
    for one in found.money:
        came, went = came_and_went(one)
        money.append({**_section(one), "in": Money(came, one.currency), "out": Money(went, one.currency)})
    for one in found.owed:
        named = dict(zip(("accrued", "paid", "other"), accrued_and_paid(one), strict=True))
        owed.append({**_section(one), **{name: Money(minor, one.currency) for name, minor in named.items()}})
    return {
        "kind": found.kind,
        "since": found.since,
        "until": found.until,
        "money": money,
        "owed": owed,
        "sections": [_section(one) for one in found.sections],
        "settlement": [
            {
                "captures": one.captures,
                "refunds": one.refunds,
                "batches": one.batches,
                **{name: Money(minor, one.currency) for name, minor in sold_figures(one).items()},
            }
            for one in found.sold
        ],
        "checks": len(found.checks),
    }


def _section(one: Section) -> dict[str, Any]:
    return {
        "place": one.place,
        "opening": Money(one.opening, one.currency),
        "rows": [{"name": row.name, "entries": row.entries, "amount": Money(row.minor, one.currency)} for row in one.rows],
        "closing": Money(one.closing, one.currency),
        "parts": [
            {
                "code": part.code,
                "account": part.account,
                "opening": Money(part.opening, one.currency),
                "closing": Money(part.closing, one.currency),
            }
            for part in one.parts
        ],
    }


def _lines(found: Report, given_out: GivenOut | None) -> list[str]:
    title = f"Daily clearing of {found.since}" if found.kind == "day" else f"Monthly settlement, {found.since} to {found.until}"
    state = (
        f"given out at {output.shown(given_out.kept.made_at)}, {given_out.kept.sha256[:16]}" if given_out else "DRAFT: it may still move"
    )
    lines = [f"{title} ({state}). {len(found.checks)} pairs of figures agree."]
    for one in (*found.money, *found.owed, *found.sections):
        rows: list[list[Any]] = [["opening", "", Money(one.opening, one.currency)]]
        rows += [[row.name, row.entries, Money(row.minor, one.currency)] for row in one.rows]
        rows.append(["closing", "", Money(one.closing, one.currency)])
        lines += [
            "",
            output.table(
                [f"{one.place} {one.currency}", "entries", "amount"],
                [[str(cell) for cell in row] for row in rows],
                figures=("amount", "entries"),
            ),
        ]
    for sold in _value(found)["settlement"]:
        lines += ["", "settlement: " + ", ".join(f"{name} {output.shown(figure)}" for name, figure in sold.items())]
    for late in given_out.back_dated if given_out else ():
        turned = Money(late.minor, late.currency)
        lines.append(
            f"Posted later and true then: {late.kind}, {late.entries} entries, {turned}, posted {late.first_posted_on} to {late.last_posted_on}"
        )
    return lines


def _picture(one: Picture) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "flows": [
            {"from": f.origin, "to": f.target, "kind": f.kind, "entries": f.entries, "amount": Money(f.minor, one.currency)}
            for f in one.flows
        ],
        "places": [
            {"place": at.place, **{name: Money(getattr(at, name), one.currency) for name in ("opening", "came", "went", "closing")}}
            for at in one.places
        ],
    }


def _matrix(one: Picture) -> list[str]:
    """A row a place that gave, a column a place that took; then each place with what it had."""
    between = one.between()
    origins = [at.place for at in one.places if at.went]
    targets = [at.place for at in one.places if at.came]
    rows = [[origin, *(_cell(between.get((origin, target)), one.currency) for target in targets)] for origin in origins]
    stood = [[at.place, *(_cell(getattr(at, name), one.currency) for name in ("opening", "came", "went", "closing"))] for at in one.places]
    return [
        output.table([f"from \\ to ({one.currency})", *targets], rows, figures=targets) if rows else f"Nothing moved in {one.currency}.",
        "",
        output.table(["place", "opening", "came", "went", "closing"], stood, figures=("opening", "came", "went", "closing")),
    ]


def _cell(minor: int | None, currency: str) -> str:
    return Money(minor, currency).decimal_text() if minor else "-"
