"""`yuefu import …`: a book that was kept elsewhere comes here: opening balances, and loans in service; and loans to a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, fail
from yuefu.errors import Refused, RefusedError
from yuefu.money.amounts import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yuefu.journeys.loan_tape.rows import Fault

app = typer.Typer(no_args_is_help=True, help="What was kept elsewhere: opening balances, and loans in service. All of a file or nothing.")

SHOWN = 50
File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file, CSV in UTF-8.")]
AsOf = Annotated[date, typer.Option("--as-of", metavar="DATE", parser=inputs.day, help="By the end of which day the figures are true.")]
Totals = Annotated[
    list[str] | None,
    typer.Option(
        "--total", metavar="NAME=FIGURE", help="A control total; repeatable. The last row of the file may have them instead: TOTAL,…"
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Prove the file and book nothing.")]


@app.command()
def opening(file: File, as_of: AsOf, total: Totals = None, dry_run: DryRun = False) -> None:
    """Opening balances (component, owner, currency, debit, credit, due_on): one entry, posted once. Totals: rows, debit, credit."""
    with context.at_work("ledger.import") as caller:
        from yuefu.journeys import opening as journey

        desk = caller.to_write().desk
        found = journey.bring_in(desk=desk, now=caller.now, path=_readable(file), as_of=as_of, totals=_totals(total), dry_run=dry_run)
        if isinstance(found, Refused):
            raise RefusedError(found)
        if isinstance(found, journey.Wrong):
            _tell_faults(found.faults)
        from yuefu import ids

        entry = ids.text("entry", found.entry_id) if found.entry_id else None
        value = {"rows": found.rows, "debit": found.debit, "credit": found.debit, "entry": entry, "again": found.again, "dry_run": dry_run}
        done = "is sound; nothing was posted" if dry_run else "was posted before" if found.again else "is posted"
        output.result(value, f"An opening of {found.rows} balances, {found.debit} on each side, {done}{f': {entry}' if entry else ''}.")


@app.command()
def loans(
    file: File,
    as_of: AsOf,
    origin: Annotated[str, typer.Option("--from", metavar="NAME", help="The core that the loans come from.")],
    total: Totals = None,
    dry_run: DryRun = False,
) -> None:
    """Loans in service, each with its terms and its past. Totals: loans, owed_principal, owed_interest, owed_fees at least.

    The same file again goes on where it stood, and changes nothing once it is in.
    """
    with context.at_work("ledger.import") as caller:
        from yuefu.journeys.loan_tape import bringing
        from yuefu.journeys.loan_tape.bringing import Told

        path, told, desk = _readable(file), Told(origin, as_of, _totals(total)), caller.to_write().desk
        with output.progress("loans") as progress:

            def tell(what: str, done: int, of: int) -> None:
                del what
                progress(done, max(of, done, 1))

            if dry_run:
                found: Any = bringing.prove(desk=desk, path=path, told=told, tell=tell)
            else:
                found = bringing.bring_in(desk=desk, now=caller.now, path=path, told=told, tell=tell)
        if isinstance(found, Refused):
            raise RefusedError(found)
        if isinstance(found, bringing.Wrong):
            _tell_faults(found.faults)
        proven = found if dry_run else found.proven
        value = {
            "sha256": proven.sha256,
            "loans": proven.loans,
            "totals": _figures(proven.totals, caller.book.currency),
            "dry_run": dry_run,
        }
        value |= {} if dry_run else {"new": found.new, "known": found.known, "posted": _figures(found.posted, caller.book.currency)}
        sums = ", ".join(f"{name} {output.shown(figure)}" for name, figure in value["totals"].items())
        done = "nothing was booked" if dry_run else f"{found.new} are new here, {found.known} were here; the ledger holds the same"
        output.result(value, [f"{proven.loans} loans of {origin} by the end of {as_of}: {done}.", sums])


def register_export(group: typer.Typer) -> None:
    """`yuefu loan export`."""
    group.command("export")(export)


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where it goes; a file of that name is replaced once all is written.")],
    as_of: Annotated[
        date, typer.Option("--as-of", metavar="DATE", parser=inputs.day, help="A closed day: the loans as they stood by its end.")
    ],
) -> None:
    """The loans of the book with their terms and all that happened to them, for `import loans` of another book; totals in the last row."""
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys.loan_tape import writing

        book = caller.for_the_book().book
        with inputs.writing(file) as out:
            found = writing.write(book=book, file=out, as_of=as_of)
            if isinstance(found, Refused):
                raise RefusedError(found)
        value = {"file": str(file), "as_of": as_of, "loans": found.loans, "totals": _figures(found.totals, book.currency)}
        output.result(value, f"{found.loans} loans as they stood by the end of {as_of}, written to {file}.")


def _figures(totals: Mapping[str, int], currency: str) -> dict[str, Money]:
    return {name: Money(minor, currency) for name, minor in totals.items() if name != "loans"}


def _totals(given: Sequence[str] | None) -> dict[str, str]:
    found = {}
    for text in given or ():
        name, sign, figure = text.partition("=")
        if not sign or name in found:
            fail("total_malformed", f"A total is written NAME=FIGURE, once each, not {text!r:.60}.")
        found[name] = figure
    return found


def _readable(path: Path) -> Path:
    if not path.is_file():
        fail("file_not_found", f"There is no file {str(path)!r:.200}.")
    return path


def _tell_faults(faults: Sequence[Fault]) -> NoReturn:
    """Every fault with its line; nothing was booked."""
    rows = [{"line": one.line_no, "column": one.column, "code": one.code, "detail": one.detail} for one in faults]
    told = [[one.line_no or "-", one.column or "-", one.code, one.detail] for one in faults[:SHOWN]]
    more = [f"and {len(faults) - SHOWN} more: --json has all of them"] if len(faults) > SHOWN else []
    lines = [f"{len(faults)} faults; nothing was booked.", output.table(["line", "column", "code", "what"], told), *more]
    output.result({"faults": rows, "booked": False}, lines)
    raise typer.Exit(FAILED)
