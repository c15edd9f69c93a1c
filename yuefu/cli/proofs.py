"""`yuefu bench` and `yuefu prove`: how fast it is, and that nothing gets lost. Each works on a database of its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from yuefu.cli import context, output
from yuefu.cli.faults import FAILED


def register(app: typer.Typer) -> None:
    app.command("bench")(bench)
    app.command("prove")(prove)


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


def _tell(found: dict[str, Any]) -> None:
    """Prints what was found; exit status 1 where it says that something does not hold."""
    output.result(found)
    if found.get("ok") is False:
        raise typer.Exit(FAILED)
