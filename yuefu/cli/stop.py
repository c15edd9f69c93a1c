"""`yuefu stop set|list|lift`: stop new credit, payouts, or all that is written to the book, and go on again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.quote import merchant_of

if TYPE_CHECKING:
    from datetime import datetime

    from yuefu.runtime.stops import Stop

app = typer.Typer(no_args_is_help=True, help="Stop switches of the book: new credit, payouts, or everything that is written.")


@app.command("set")
def set_stop(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="new_credit, payouts or read_only.")],
    reason: Annotated[str, typer.Option(help="Why; everybody who works in the book reads it.")],
    product: Annotated[str | None, typer.Option(help="Only this product, by its code.")] = None,
    funder: Annotated[str | None, typer.Option(help="Only the money of this funder: own, or its id (fnd_…).")] = None,
    merchant: Annotated[str | None, typer.Option(help="Only this merchant, by its code.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this sales channel: online, store, mini, live or agent.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="When it ends by itself, e.g. 2026-10-12T18:00, as it is in the book.")
    ] = None,
    lasting: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="How long it lasts: 30m, 2h, 7d.")] = None,
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
) -> None:
    """Stop something from now on, for the whole book unless a part of it is named, until it is lifted unless an end is given."""
    with context.at_work("stop.set") as caller:
        from yuefu.errors import one
        from yuefu.journeys import stopping
        from yuefu.runtime.stops import NewStop

        caller.for_the_book()
        dimension, value = _target(caller, {"product": product, "funder": funder, "merchant": merchant, "channel": channel})
        wanted = NewStop(inputs.key_or_new(key), action, dimension, value, inputs.reason(reason), _end(caller, until, lasting))
        done = stopping.impose(desk=caller.desk, now=caller.now, wanted=[wanted])
        told = {**_value(caller, one(done.outcomes)), "drained": done.drained, "key": wanted.key}
        output.result(told, "" if done.drained else _still(told))


def _still(told: dict[str, Any]) -> str:
    """What somebody has to know who stops something in a hurry."""
    return f"{told['stop']} is in force, but work that began before it goes on: repeat this with --key {told['key']} to wait for its end."


def _target(caller: Caller, given: dict[str, str | None]) -> tuple[str, str]:
    """The dimension and the value inside, of what people call by its code."""
    named = [(dimension, value) for dimension, value in given.items() if value is not None]
    if len(named) > 1:
        fail("one_target", "A stop is for one product, funder, merchant or channel: set one stop for each.")
    if not named:
        return "", ""
    dimension, value = named[0]
    if dimension == "merchant":
        return dimension, str(merchant_of(caller, value))
    if dimension == "funder":
        return dimension, str(caller.book.id if value == "own" else inputs.object_id("funder", value))
    return dimension, value


def _end(caller: Caller, until: str | None, lasting: str | None) -> datetime | None:
    if until is not None and lasting is not None:
        fail("one_end", "A stop has one end: give --until or --for.")
    if lasting is not None:
        return caller.now + inputs.duration(lasting)
    return None if until is None else inputs.moment(until, caller.book.tz)


@app.command("list")
def list_stops(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over as well, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """What is stopped now."""
    with context.at_work("stop.read") as caller:
        from yuefu.runtime import stops

        book, now = caller.for_the_book().book, caller.now
        with caller.reading():
            stored = stops.listed(book_id=book.id, limit=limit) if everything else stops.in_force(book_id=book.id, now=now)
        found = [_value(caller, stop) for stop in stored[:limit]]
        columns = ["stop", "action", "dimension", "value", "state", "expires_at", "reason", "set_by"]
        rows = [[one[name] for name in columns] for one in found]
        output.result({"stops": found}, output.table(columns, rows) if found else "Nothing is stopped.")


@app.command()
def lift(
    stop: Annotated[str, typer.Argument(metavar="STOP", help="The id of the stop (stop_…).")],
    reason: Annotated[str, typer.Option(help="Why; kept with the stop.")],
) -> None:
    """End a stop before its time, in a read-only book too."""
    with context.at_work("stop.lift") as caller:
        from yuefu.errors import one
        from yuefu.journeys import stopping
        from yuefu.runtime.stops import Lift

        wanted = Lift(inputs.object_id("stop", stop), inputs.reason(reason))
        lifted = one(stopping.lift(desk=caller.for_the_book().desk, now=caller.now, lifts=[wanted]))
        output.result(_value(caller, lifted))


def _value(caller: Caller, stop: Stop) -> dict[str, Any]:
    from yuefu import ids

    state = "in force" if stop.in_force(caller.now) else "lifted" if stop.lifted_at else "over"
    return {
        "stop": ids.text("stop", stop.id),
        "action": stop.action,
        "dimension": stop.dimension or "book",
        "value": _shown(caller, stop),
        "state": state.replace(" ", "_"),
        "reason": stop.reason,
        "set_by": stop.set_by,
        "set_at": stop.set_at,
        "expires_at": stop.expires_at,
        "lifted_by": stop.lifted_by,
        "lifted_at": stop.lifted_at,
        "lift_reason": stop.lift_reason or None,
    }


def _shown(caller: Caller, stop: Stop) -> str:
    """The value as people call it."""
    from yuefu.merchants import queries as merchants

    if stop.dimension == "merchant":
        return merchants.shown(ids=[UUID(stop.value)])[UUID(stop.value)].code
    if stop.dimension == "funder" and stop.value == str(caller.book.id):
        return "own"
    return stop.value or caller.book.code
