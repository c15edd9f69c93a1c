"""`yuefu quarantine list|show|retry|drop`: requests that broke whenever they were tried, and what becomes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import CommandError, fail

if TYPE_CHECKING:
    from yuefu.runtime.quarantine import Aside

app = typer.Typer(no_args_is_help=True, help="Requests set aside because they broke: list, show, send again, drop.")

Name = Annotated[str, typer.Argument(metavar="REQUEST", help="The id of the request that was set aside (qrt_…).")]


@app.command("list")
def list_requests(
    state: Annotated[str, typer.Option(help="waiting, retried, dropped, or all.")] = "waiting",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """Requests, the oldest first."""
    with context.at_work("quarantine.read") as caller:
        from yuefu.runtime import quarantine

        if state not in {"waiting", "retried", "dropped", "all"}:
            fail("unknown_state", f"A state is waiting, retried, dropped or all, not {state!r:.40}.")
        with caller.for_the_book().reading():
            stored = quarantine.listed(book_id=caller.book.id, state=None if state == "all" else state, limit=limit)
        found = [_value(one) for one in stored]
        columns = ["quarantine", "command", "state", "tries", "error"]
        rows = [[*[one[name] for name in columns[:-1]], f"{one['error']:.60}"] for one in found]
        output.result({"requests": found}, output.table(columns, rows) if found else "No request is set aside.")


@app.command()
def show(name: Name) -> None:
    """One request whole, with what it raised and what became of it."""
    with context.at_work("quarantine.read") as caller:
        from yuefu.runtime import quarantine

        wanted = inputs.object_id("quarantine", name)
        with caller.for_the_book().reading():
            aside = quarantine.by_id(book_id=caller.book.id, quarantine_id=wanted)
        if aside is None:
            fail(quarantine.UNKNOWN_QUARANTINE, "There is no such request set aside in this book.")
        output.result({**_value(aside), "request": _json(aside.request), "outcome": _json(aside.outcome) if aside.outcome else None})


@app.command()
def retry(name: Name) -> None:
    """Send a request again through its own journey, with its own key: what was done meanwhile is not done twice."""
    with context.at_work("quarantine.settle") as caller:
        from yuefu.errors import one
        from yuefu.journeys import set_aside
        from yuefu.runtime.batch import Quarantined
        from yuefu.runtime.jsontext import dumps

        wanted = inputs.object_id("quarantine", name)
        done = one(set_aside.retry(desk=caller.to_write().desk, now=caller.now, quarantine_ids=[wanted]))
        if isinstance(done.outcome, Quarantined):
            raise CommandError("quarantined", f"It broke again ({done.outcome.error}) and still waits; nothing was changed.")
        state = "waiting" if done.waits else "retried"
        kept = _json(dumps(set_aside.told(done.outcome)))  # as it is written down, and `show` tells it
        output.result({"quarantine": name, "command": done.command, "state": state, "outcome": kept})


@app.command()
def drop(name: Name, reason: Annotated[str, typer.Option(help="Why; kept with the request.")]) -> None:
    """Give a request up: what it asked for is not done."""
    with context.at_work("quarantine.settle") as caller:
        from yuefu.errors import one
        from yuefu.journeys import set_aside

        wanted, why = inputs.object_id("quarantine", name), inputs.reason(reason)
        one(set_aside.drop(desk=caller.to_write().desk, now=caller.now, quarantine_ids=[wanted], reason=why))
        output.result({"quarantine": name, "state": "dropped", "reason": why})


def _value(aside: Aside) -> dict[str, Any]:
    from yuefu import ids

    return {
        "quarantine": ids.text("quarantine", aside.id),
        "command": aside.command,
        "state": aside.state,
        "tries": aside.tries,
        "error": aside.error,
        "recorded_at": aside.recorded_at,
        "tried_at": aside.tried_at,
        "decided_by": aside.decided_by,
        "decided_at": aside.decided_at,
        "reason": aside.reason or None,
    }


def _json(text: str) -> Any:
    """A text that was cut off before requests were kept whole is shown as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text
