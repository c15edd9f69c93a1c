"""`yuefu callback list | replay`: what payment channels told by themselves, as it came."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from yuefu.cli import context, output
from yuefu.cli.faults import fail

app = typer.Typer(help="Callbacks of payment channels: kept as they came, booked as any word of the channel is.", no_args_is_help=True)

PERMISSION: Final = "jobs.run"
_NEWEST: Final = 1_000


@app.command("list")
def listed(count: Annotated[int, typer.Option(min=1, max=_NEWEST, help="So many, newest first.")] = 20) -> None:
    """What came, and what became of it."""
    from yuefu.payments.queries import callbacks

    with context.at_work(PERMISSION) as caller:
        caller.for_the_book()
        found = callbacks.latest(book_id=caller.book.id, limit=count, vault=caller.desk.vault)
    shown = [
        {
            "channel": one.channel,
            "number": one.number,
            "received_at": one.received_at,
            "state": one.state,
            "outcome": one.outcome,
            "tries": one.tries,
        }
        for one in found
    ]
    rows = [[str(value) for value in one.values()] for one in shown]
    output.result({"callbacks": shown}, output.table(["channel", "number", "received", "state", "outcome", "tries"], rows))


@app.command("replay")
def replay(
    number: Annotated[
        str | None, typer.Argument(metavar="[NUMBER]", help="The channel's own name for it; all that wait unless given.")
    ] = None,
) -> None:
    """Book what was told again. What is booked already is nothing new."""
    from yuefu.journeys import callbacks, jobs
    from yuefu.payments.queries import callbacks as kept

    with context.at_work(PERMISSION) as caller:
        caller.to_write()
        ids = None
        if number is not None:
            newest = kept.latest(book_id=caller.book.id, limit=_NEWEST, vault=caller.desk.vault)
            ids = [one.id for one in newest if one.number == number]
            if not ids:
                fail("unknown_callback", f"No callback {number!r:.60} among the newest {_NEWEST:,}.")
        told = callbacks.handle(desk=caller.desk, now=caller.now, readers=jobs.callback_readers(caller.desk.vault), ids=ids)
    output.result({"outcomes": list(told.values())}, f"{len(told)} handled: {', '.join(sorted(set(told.values()))) or 'nothing waits'}.")
