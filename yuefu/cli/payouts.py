"""`yuefu payout export|answer|cancel|returned|files`: payouts to merchants and payees by a file that a person takes to the bank."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from yuefu.payments.rules import PayoutFile

app = typer.Typer(no_args_is_help=True, help="Payouts by file: ISO 20022 pain.001 to the bank, its answer pain.002 back.")

Out = Annotated[Path, typer.Option(metavar="FILE", help="Write the file here; one that is there already is not overwritten.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="The file of payouts (pof_…, from `payout files`).")]


@app.command()
def export(
    out: Out,
    layout: Annotated[str, typer.Option("--format", help="pain.001.001.09 or pain.001.001.03.")] = "pain.001.001.09",
    pay_day: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="Only the batches of this pay day; all that wait unless given.")
    ] = None,
    to: Annotated[
        Literal["merchants", "payees"], typer.Option(help="Whom the file pays: merchants out of client money, or payees out of our own.")
    ] = "merchants",
    again: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a file again that was made before (pof_…), byte for byte.")
    ] = None,
) -> None:
    """Make the file of all payouts that may go to the bank now, and mark them as sent; each is in one file. The setting payments.payouts says who pays."""
    with context.at_work("settlement.run") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import payout_files

        if out.exists():
            fail("file_exists", f"{out} is there already; a file for the bank is never overwritten.")
        if again is not None:
            made = payout_files.again(desk=caller.for_the_book().desk, file_id=inputs.object_id("payout_file", again))
        else:
            now = caller.to_write().now
            made = payout_files.export(desk=caller.desk, now=now, layout=layout, pay_on=pay_day, pays=to)
        if isinstance(made, Refused):
            raise RefusedError(made)
        found, content = made
        try:
            with out.open("xb") as written:
                written.write(content)
        except OSError as error:
            told = _told(found)["file"]
            fail(
                "not_written",
                f"{out} cannot be written: {error.strerror}. The file is kept: `yuefu payout export --again {told} --out FILE`.",
            )
        value = {**_told(found), "out": str(out), "bytes": len(content), "again": again is not None}
        said = f"{found.count} payouts, {output.shown(found.total)} together, written to {out} as {value['file']}. SHA-256 {found.sha256}."
        output.result(value, [said, "Take it to the bank; book what it answers by `yuefu payout answer FILE`."])


@app.command()
def answer(path: Annotated[Path, typer.Argument(metavar="FILE", help="The bank's answer, pain.002.")]) -> None:
    """Book what the bank answers to a file: paid, rejected, or on its way still. All of it or nothing; the same answer again is refused."""
    with context.at_work("settlement.run") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import payout_files

        done = payout_files.take_answer(desk=caller.to_write().desk, now=caller.now, data=inputs.file_content(path))
        if isinstance(done, Refused):
            raise RefusedError(done)
        value = {"file": _told(done.file)["file"], "paid": done.paid, "rejected": done.rejected, "pending": done.pending}
        more = ["What was rejected: `yuefu settlement list` and `share list`, state returned."] if done.rejected else []
        output.result(value, [f"{done.paid} paid, {done.rejected} rejected, {done.pending} on their way still.", *more])


@app.command()
def cancel(file: File, reason: Annotated[str, typer.Option(help="Why the bank does not carry it out.")]) -> None:
    """Cancel a file that the bank was not given or does not carry out: its payouts wait for the next file, under the same references."""
    with context.at_work("settlement.run") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import payout_files

        wanted, why = inputs.object_id("payout_file", file), inputs.reason(reason)
        done = payout_files.cancel(desk=caller.to_write().desk, now=caller.now, file_id=wanted, reason=why)
        if isinstance(done, Refused):
            raise RefusedError(done)
        output.result(_told(done), f"Cancelled: {done.count} payouts wait again.")


@app.command()
def returned(
    payout: Annotated[str, typer.Argument(metavar="REFERENCE", help="The payout as the bank's statement names it (po_…).")],
    amount: Annotated[str, typer.Option(help="What came back, as a decimal.")],
    on: Annotated[date, typer.Option("--on", metavar="DATE", parser=inputs.day, help="The bank's day.")],
    reason: Annotated[str, typer.Option(help="The bank's reason as a code, e.g. account_closed.")],
) -> None:
    """Book that the bank sent a payout back after it was paid: its batch is returned, and the account it went to flagged."""
    with context.at_work("settlement.run") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import payout_files

        given = inputs.amount(amount, caller.to_write().book.currency)
        done = payout_files.came_back(
            desk=caller.desk, now=caller.now, reference=payout, amount=given, on=on, code=inputs.reason_code(reason)
        )
        if isinstance(done, Refused):
            raise RefusedError(done)
        output.result(
            {"payout": ids.text("payout", done.id), "state": done.state, "returned_on": done.returned_on, "code": done.failure_code}
        )


@app.command("files")
def list_files(limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100) -> None:
    """Files of payouts, the newest first, with how the payouts in them stand."""
    with context.at_work("settlement.read") as caller:
        from yuefu.payments import queries as payments

        with caller.for_the_book().reading():
            found = payments.payout_files(book_id=caller.book.id, limit=limit)
        told = [{**_told(one.file), "states": one.states, "answered_at": one.answered_at} for one in found]
        rows = [
            [one["file"], one["made_at"], one["made_by"], one["state"], one["count"], one["total"], _shown(one["states"])] for one in told
        ]
        table = output.table(["file", "made", "by", "state", "payouts", "total", "of which"], rows)
        output.result({"files": told}, table if told else "No file of payouts.")


def _shown(states: dict[str, int]) -> str:
    return ", ".join(f"{states[state]} {state}" for state in states)


def _told(one: PayoutFile) -> dict[str, Any]:
    from yuefu import ids

    return {
        "file": ids.text("payout_file", one.id),
        "pays": one.pays,
        "format": one.layout,
        "execute_on": one.execute_on,
        "count": one.count,
        "total": one.total,
        "sha256": one.sha256,
        "state": one.state,
        "made_by": one.made_by,
        "made_at": one.made_at,
        "cancelled_by": one.cancelled_by or None,
        "cancelled_at": one.cancelled_at,
        "reason": one.reason or None,
    }
