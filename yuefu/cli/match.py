"""`yuefu match HERE THERE OUT`: matches two files of any size by the engine that the settings name. Nothing is stored in a book, and none is asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated, Final

import typer

from yuefu.cli import output
from yuefu.cli.faults import fail

DAYS_APART: Final = 1
MOST_DAYS: Final = 31
COLUMNS: Final = ("side", "class", "pass", "currency", "rows", "minor")


def register(app: typer.Typer) -> None:
    app.command("match")(match)


def match(
    here: Annotated[Path, typer.Argument(metavar="HERE", help="What we recorded: Parquet, a file or a directory of parts.")],
    there: Annotated[Path, typer.Argument(metavar="THERE", help="What the outside reports, in the same columns.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A directory to make: what was found of each row, here.parquet and there.parquet.")
    ],
    days: Annotated[
        int, typer.Option(min=0, max=MOST_DAYS, help="So many days apart may be what is paired by party and amount.")
    ] = DAYS_APART,
) -> None:
    """Classify every row of two sides: by reference, then by party, amount and day, then one line to many rows. docs/matching.md has the columns.

    OUT appears when everything in it adds up to both files, and not before.
    """
    for side in (here, there):
        if not side.exists():
            fail("file_not_found", f"There is no {side}.")
    if out.exists():
        fail("already_there", f"{out} is there already: name a directory that is not.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    from yuefu.journeys.engines import chosen
    from yuefu.reconciliation.matching.classes import SIDES
    from yuefu.reconciliation.matching.engines.opening import opened
    from yuefu.reconciliation.matching.files import match_files

    begun = out.with_name(f".{out.name}.begun")
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir(parents=True)
    try:
        with opened(chosen(begun)) as engine:
            into = [str((begun / f"{side}.parquet").absolute()) for side in SIDES]
            sums = match_files(engine, here=str(here.absolute()), there=str(there.absolute()), into=into, days_apart=days, say=output.say)
        begun.rename(out)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    rows = [dict(zip(COLUMNS, (one.side, one.found, one.by_pass, one.currency, one.rows, one.minor), strict=True)) for one in sums]
    output.result({"sums": rows, "ok": True}, output.table(COLUMNS, [list(row.values()) for row in rows], figures=("rows", "minor")))
