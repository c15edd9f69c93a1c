"""`yuefu sandbox fixtures`: who there is to practise with. No book is asked."""

from __future__ import annotations

from typing import Annotated

import typer

from yuefu.cli import output

app = typer.Typer(no_args_is_help=True, help="What a merchant's engineer practises with (docs/sandbox.md).")


@app.callback()
def _group() -> None:
    """A group, though it has one command."""


@app.command()
def fixtures(
    language: Annotated[str, typer.Option(metavar="LANGUAGE", help="en or zh: in which language it is said what happens.")] = "en",
) -> None:
    """List the addresses of consumers to practise with, and how each behaves. What an address means stays so for ever."""
    from yuefu.sandbox.rules.fixtures import BEHAVIOURS

    if language not in ("en", "zh"):
        raise typer.BadParameter("en or zh", param_hint="--language")
    found = [
        {
            "email": f"consumer+{one.name}@test.example",
            "behaviour": one.name,
            "order": "declined" if one.reasons else "approved",
            "reasons": list(one.reasons),
            "description": one.en if language == "en" else one.zh,
        }
        for one in BEHAVIOURS.values()
    ]
    rows = [[one["email"], ", ".join(one["reasons"]) or "approved", one["description"]] for one in found]
    output.result({"fixtures": found}, output.table(["address", "an order", "what happens"], rows))
