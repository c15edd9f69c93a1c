"""`yuefu conform`: that it answers as others do. `ledger` and `loans --through-db` work on a database of their own, the others need none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from yuefu.cli import inputs, installation, output
from yuefu.cli.faults import FAILED, fail

if TYPE_CHECKING:
    from yuefu.proofs import conform
    from yuefu.proofs.cases import Report

app = typer.Typer(no_args_is_help=True, help="Play scripts that say what should come out.")


def register(root: typer.Typer) -> None:
    root.add_typer(app, name="conform")


@app.command("ledger")
def conform_ledger(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A script a line; other lines are skipped.")]) -> None:
    """Play ledger scripts (`led-…` with `steps`) through the real ledger; exit status 1 unless all pass."""
    lines = _lines(file)
    from yuefu.proofs import conform

    with installation.scratch(), output.progress("conform ledger") as progress:
        found = conform.run(lines, progress=progress)
    value = {
        "cases": found.cases,
        "passed": found.passed,
        "differs": found.differs,
        "unsupported": found.unsupported,
        "skipped": found.skipped,
    }
    output.result(value, _said(found))
    if not found.all_passed:
        raise typer.Exit(FAILED)


@app.command("apr")
def conform_apr(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A case a line: flows, a law, what it should cost.")],
) -> None:
    """Recompute cases of annual cost by the laws of the EU and UK (eu), the US (regz) and China (cn); exit status 1 unless all pass. No database is
    needed. docs/conform.md has the layout of cases.
    """
    from yuefu.proofs import conform_apr as cases

    _tell(cases.run(_lines(file)))


@app.command("loans")
def conform_loans(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A case a line: a loan, what happens to it, what should come of it.")],
    through_db: Annotated[
        bool, typer.Option("--through-db", help="Keep and post each loan in a loan book of its own database, and tell it from there.")
    ] = False,
) -> None:
    """Replay cases of another loan core: schedules, payments, refunds, arrears, bookings; exit status 1 unless all pass. No database is needed, unless
    they are to go through the tables of the loan book and the ledger. docs/conform.md has the layout of cases.
    """
    from yuefu.proofs.conform_loans import running

    lines = _lines(file)
    if not through_db:
        with output.progress("conform loans") as progress:
            report = running.run(lines, progress=progress)
        return _tell(report)
    with installation.scratch(), output.progress("conform loans") as progress:
        from yuefu.proofs.conform_loans.through_db import LoanBook, PostedOtherwise

        book = LoanBook()
        report = running.run(lines, progress=progress, course=book.course)
        try:
            book.check()
        except PostedOtherwise as error:
            fail("posted_otherwise", str(error))
    return _tell(report)


def _lines(file: Path) -> list[str]:
    """The lines of a file of cases."""
    content = inputs.file_content(file)
    try:
        return content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        lines = content.split(b"\n")
        bad = next((number for number, line in enumerate(lines, start=1) if not _is_text(line)), 1)
        fail("not_text", f"{file} is not a text in UTF-8: line {bad} has a byte that is none. Save the file as UTF-8.")


def _is_text(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _tell(report: Report) -> None:
    """Prints what came of each case, and the total; exit status 1 unless all pass."""
    output.result(report.to_json(), report.lines())
    if not report.all_passed:
        raise typer.Exit(FAILED)


_NO_SCRIPT: Final = "There is no ledger script in this file (a line of JSON whose id begins with led- and whose `given` has `steps`)"


def _said(found: conform.Found) -> list[str]:
    lines = [f"{d['id']} {output.shown(d['at'])}: expected {d['expected']}, got {d['got']}" for d in found.differs]
    lines += [f"{u['id']}: not supported: {u['key']}" for u in found.unsupported]
    scripts = f"{found.passed} of {found.cases} scripts pass" if found.cases else _NO_SCRIPT
    return [*lines, f"{scripts}; {found.skipped} lines of other kinds were skipped."]
