"""`yuefu bench`, `yuefu prove` and `yuefu conform`: how fast it is, that nothing gets lost, that it answers as others do. Each works on a
database of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, output
from yuefu.cli.faults import FAILED, fail

if TYPE_CHECKING:
    from yuefu.proofs import conform


conform_app = typer.Typer(no_args_is_help=True, help="Play scripts that say what should come out.")


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)
    app.command("prove")(prove)
    app.add_typer(conform_app, name="conform")


def bench(name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One benchmark; all unless given.")] = None) -> None:
    """Measure, beside pgbench on the same server."""
    from yuefu.proofs import bench as benchmarks

    with context.scratch():
        _tell(benchmarks.run(name, say=output.say))


def prove() -> None:
    """The proofs that take longer than a test."""
    from yuefu.proofs import prove as proofs

    with context.scratch():
        _tell(proofs.run(say=output.say))


@conform_app.command("ledger")
def conform_ledger(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A script a line; other lines are skipped.")]) -> None:
    """Play ledger scripts (`led-…` with `steps`) through the real ledger; exit status 1 unless all pass."""
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        fail("not_text", f"{file} is not a text in UTF-8.")
    from yuefu.proofs import conform

    with context.scratch(), output.progress("conform ledger") as progress:
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


def _said(found: conform.Found) -> list[str]:
    lines = [f"{d['id']} {d['at']}: expected {d['expected']}, got {d['got']}" for d in found.differs]
    lines += [f"{u['id']}: not supported: {u['key']}" for u in found.unsupported]
    scripts = f"{found.passed} of {found.cases} scripts pass" if found.cases else "There is no ledger script in this file"
    return [*lines, f"{scripts}; {found.skipped} lines of other kinds were skipped."]


def _tell(found: dict[str, Any]) -> None:
    """Prints what was found; exit status 1 where it says that something does not hold."""
    output.result(found)
    if found.get("ok") is False:
        raise typer.Exit(FAILED)
