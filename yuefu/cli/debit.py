"""`yuefu debit plan|run|file|lines|list|contradictions|close`: what falls due is taken by mandate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.consumers import consumer_named
from yuefu.cli.day import loan_of
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from yuefu.payments.rules import Contradiction, Standing

app = typer.Typer(no_args_is_help=True, help="Debits: what falls due is taken by mandate, announced and tried again by policy.")

STATES = ("open", "collected", "given_up", "cancelled")
CLOSED = ("open", "accepted", "dismissed")


@app.command()
def plan() -> None:
    """Plan debits for what falls due in the days ahead; nothing is announced or taken yet. Again, nothing is new."""
    with context.at_work("debit.run") as caller:
        from yuefu.journeys import debits

        now = caller.to_write().now
        output.result({"book": caller.book.code, "at": now, "planned": debits.plan(desk=caller.desk, now=now)})


@app.command()
def run() -> None:
    """Do all that is to be done now: plan, announce, send, follow what was sent, try again. Again, there is nothing."""
    with context.at_work("debit.run") as caller:
        from yuefu.journeys import debits

        now = caller.to_write().now
        output.result({"book": caller.book.code, "at": now, **asdict(debits.run(desk=caller.desk, now=now))})


@app.command()
def file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The bank's return file (代扣回盘文件): CSV, UTF-8 or GB18030.")],
) -> None:
    """Book what a bank's return file says of debits, line by line. Again, nothing is new; lines that could not be booked are kept and tried again."""
    with context.at_work("debit.run") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import debits

        lines = debits.take_file(desk=caller.to_write().desk, now=caller.now, data=inputs.file_content(path))
        if isinstance(lines, Refused):
            raise RefusedError(lines)
        told = [
            {"line": one.no, "outcome": one.outcome, "reference": one.reference or None, "code": one.code or None, "detail": one.detail}
            for one in lines
        ]
        counts = {name: sum(one.outcome == name for one in lines) for name in ("booked", "nothing_new", "contradiction", "kept")}
        said = f"{counts['booked']} booked, {counts['nothing_new']} nothing new, {counts['contradiction']} contradictions, {counts['kept']} kept."
        more = ["Contradictions: `yuefu debit contradictions`."] if counts["contradiction"] else []
        more += ["Lines that were kept: `yuefu debit lines`."] if counts["kept"] else []
        table = [output.table(list(told[0]), [["" if c is None else c for c in one.values()] for one in told])] if told else []
        output.result({"lines": told, **counts}, [*table, said, *more])


@app.command("lines")
def list_lines(
    everything: Annotated[bool, typer.Option("--all", help="Those that were booked later too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Lines of banks' return files that could not be booked, with their number and reason."""
    with context.at_work("debit.read") as caller:
        from yuefu.payments import queries as payments

        with caller.for_the_book().reading():
            found = payments.bad_lines(book_id=caller.book.id, with_mended=everything, limit=limit)
        told = [
            {
                "file": one.file_sha256,
                "line": one.no,
                "text": caller.desk.vault.open(one.sealed, table="payments_debit_line", column="text", row=one.id),
                "code": one.code,
                "detail": one.detail,
                "heard_at": one.heard_at,
                "by": one.heard_by,
                "mended_at": one.mended_at,
            }
            for one in found
        ]
        rows = [[str(one["file"])[:12], one["line"], one["code"], one["detail"], one["text"]] for one in told]
        output.result({"lines": told}, output.table(["file", "line", "code", "detail", "text"], rows) if told else "No line is kept.")


@app.command("list")
def list_debits(
    consumer: Annotated[str | None, typer.Option(metavar="REF", help="Only those of this consumer.")] = None,
    loan: Annotated[str | None, typer.Option(metavar="LOAN", help="Only those of this loan (loan_…).")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only those that are open, collected, given_up or cancelled; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Debits, newest first, each with its tries."""
    with context.at_work("debit.read") as caller:
        from yuefu.payments import queries as payments

        states = state or []
        for one in states:
            if one not in STATES:
                fail("unknown_state", f"A state is one of {', '.join(STATES)}, not {one!r:.40}.")
        named = consumer_named(caller.for_the_book(), consumer) if consumer else None
        of_loan = loan_of(caller, loan) if loan else None
        with caller.reading():
            found = payments.debits_listed(book_id=caller.book.id, consumer_id=named, loan_id=of_loan, states=states, limit=limit)
            tries = payments.tries_of(book_id=caller.book.id, debit_ids=[one.debit.id for one in found])
        told = [_value(one, [t for t in tries if t.debit.id == one.debit.id]) for one in found]
        columns = ["debit", "loan", "due_on", "amount", "state", "code"]
        rows = [[*(one[name] for name in columns), _last(one["tries"][-1])] for one in told]
        output.result({"debits": told}, output.table([*columns, "latest try"], rows) if told else "There is no such debit.")


@app.command("contradictions")
def list_contradictions(
    state: Annotated[str, typer.Option(help="open, accepted or dismissed.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Answers of the channel that contradict what it said before, oldest first: somebody has to look at them."""
    with context.at_work("debit.read") as caller:
        from yuefu.payments import queries as payments

        if state not in CLOSED:
            fail("unknown_state", f"A state is one of {', '.join(CLOSED)}, not {state!r:.40}.")
        with caller.for_the_book().reading():
            found = payments.contradictions_listed(book_id=caller.book.id, states=[state], limit=limit)
        told = [_contradiction(one) for one in found]
        columns = ["contradiction", "collection", "amount", "stood", "said", "said_amount", "said_on", "state"]
        rows = [[one[name] for name in columns] for one in told]
        output.result({"contradictions": told}, output.table(columns, rows) if told else "The channel contradicts itself nowhere.")


@app.command()
def close(
    contradiction: Annotated[str, typer.Argument(metavar="CONTRADICTION", help="The id of the contradiction (ctd_…).")],
    reason: Annotated[str, typer.Option(help="What you found; kept with it.")],
    accept: Annotated[bool, typer.Option("--accept/--dismiss", help="Book that the money came after all, or let it stand as it is.")],
) -> None:
    """Close a contradiction: with --accept the money is booked and applied to its loans, and what is too much goes back."""
    with context.at_work("contradiction.close") as caller:
        from yuefu.journeys import debits
        from yuefu.payments.commands import Closing

        asked = Closing(inputs.object_id("contradiction", contradiction), accept, inputs.reason(reason))
        output.result(_contradiction(only(debits.close(desk=caller.to_write().desk, now=caller.now, closings=[asked]))))


def _value(one: Standing, tries: list[Standing]) -> dict[str, Any]:
    from yuefu import ids

    return {
        "debit": ids.text("debit", one.debit.id),
        "mandate": ids.text("mandate", one.mandate.id),
        "loan": ids.text("loan", one.debit.loan_id),
        "due_on": one.debit.due_on,
        "amount": one.debit.amount,
        "state": one.debit.state,
        "code": one.debit.code,
        "in_doubt": one.doubted,
        "tries": [
            {
                "no": t.latest.no,
                "amount": t.latest.amount,
                "announce_on": t.latest.announce_on,
                "debit_on": t.latest.debit_on,
                "state": t.state,
                "code": t.latest.code,
                "collection": ids.text("collection", t.latest.collection_id) if t.latest.collection_id else None,
            }
            for t in tries
        ],
    }


def _last(tried: dict[str, Any]) -> str:
    why = f" ({tried['code']})" if tried["code"] else ""
    return f"{tried['no']}: {tried['state']}{why}, {tried['debit_on']}"


def _contradiction(one: Contradiction) -> dict[str, Any]:
    from yuefu import ids

    return {
        "contradiction": ids.text("contradiction", one.id),
        "collection": ids.text("collection", one.collection_id),
        "loan": ids.text("loan", one.loan_id) if one.loan_id else None,
        "amount": one.amount,
        "code": one.code,
        "stood": one.stood,
        "said": one.said,
        "said_amount": one.said_amount,
        "said_on": one.said_on,
        "heard_at": one.heard_at,
        "state": one.state,
        "closed_by": one.closed_by or None,
        "reason": one.reason or None,
    }
