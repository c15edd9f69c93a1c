"""`yuefu close-day | settle | repay | repay-undo | fund | withdraw | expire | poll | seal`: what has to be done in the course of a day."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

import typer

from yuefu.cli import batches, context, inputs, ledger, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from yuefu.errors import Refused
    from yuefu.journeys.close_of_day import Closed
    from yuefu.payments.rules import Transfer

Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]
INSTRUMENT: Final = "wallet:sandbox"


def register(app: typer.Typer) -> None:
    app.command("close-day")(close_day)
    app.command("settle")(settle)
    app.command("repay")(repay)
    app.command("repay-undo")(repay_undo)
    app.command("fund")(fund)
    app.command("withdraw")(withdraw)
    app.command("expire")(expire)
    app.command("poll")(poll)
    app.command("seal")(ledger.seal)


def close_day(
    on: Annotated[
        date | None, typer.Argument(metavar="[DATE]", parser=inputs.day, help="The day to close; the oldest that waits unless given.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Catch up: close every day whose cut-off has passed, oldest first, those that nobody opened included."),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the loans.")] = 1,
) -> None:
    """Close a day: due, accrue, overdue, prove. The clock of a test book is moved to the day's cut-off if it stands before it."""
    if every and on is not None:
        fail("day_invalid", "Name the day to close, or say --all: not both.")
    with context.at_work("close_day") as caller:
        from yuefu.errors import one
        from yuefu.journeys import close_of_day

        caller.to_write()
        with output.progress("chunks of loans") as progress:
            tell: Callable[[str, int, int], None] = lambda _, done, total: progress(done, total)  # noqa: E731
            if every:
                closed = close_of_day.close_days(desk=caller.desk, now=caller.now, workers=workers, tell=tell)
                found = closed if isinstance(closed, list) else [one([closed])]
            else:
                found = [one([close_of_day.close_day(desk=caller.desk, now=_after_cut_off(caller, on), on=on, workers=workers, tell=tell)])]
        told = [_told(caller, each) for each in found]
        output.result({"book": caller.book.code, "closed": told} if every else told[0])


def _told(caller: Caller, closed: Closed) -> dict[str, Any]:
    from yuefu import ids

    return {
        "book": caller.book.code,
        "on": closed.on,
        "again": closed.again,
        "proofs": closed.proofs,
        "run": ids.text("run", closed.run_id),
    }


def _after_cut_off(caller: Caller, on: date | None) -> datetime:
    """Now; in a test book at least the cut-off of the open day, when that is the day to close."""
    from yuefu.errors import Refused, RefusedError
    from yuefu.journeys import close_of_day
    from yuefu.runtime import books, days, sql

    now, book = caller.now, caller.book
    waiting = days.waiting_to_close(book.id)
    if (
        book.mode != "test"
        or book.clock_at is None
        or (on is None and waiting)
        or (on is not None and days.state_of(book.id, on) != "open")
    ):
        return now
    with sql.transacting():
        opened = days.current(book.id)
    if isinstance(opened, Refused):
        raise RefusedError(opened)
    cut_off = close_of_day.cut_off_of(caller.desk, opened.on)
    if cut_off <= now:
        return now
    with sql.transacting():
        moved = books.move_clock(book=book, to=cut_off)
    if isinstance(moved, Refused):
        raise RefusedError(moved)
    return cut_off


def settle() -> None:
    """Build the batches of today's pay day and pay them; again, it sends only what was not sent."""
    with context.at_work("settlement.run") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import settlement, stopping

        batches = settlement.settle(desk=caller.for_the_book().desk, now=caller.now)
        if isinstance(batches, Refused):
            raise RefusedError(batches)
        found = [
            {
                "batch": ids.text("batch", batch.id),
                "merchant": ids.text("merchant", batch.merchant_id),
                "pay_on": batch.pay_on,
                "lines": batch.line_count,
                "net": batch.totals.net,
            }
            for batch in batches
        ]
        all_stopped, merchants = stopping.payouts_stopped(book_id=caller.book.id, now=caller.now)
        names = [ids.text("merchant", one) for one in merchants]
        stopped = {"all": all_stopped, "merchants": names}
        table = output.table(["batch", "merchant", "pay on", "lines", "net"], [list(row.values()) for row in found])
        lines = [table if found else f"No merchant is paid on {caller.today}."]
        if all_stopped or merchants:
            whose = "all merchants" if all_stopped else ", ".join(names)
            lines.append(
                f"Payouts are stopped for {whose}: theirs stay scheduled and are sent by the next run after the stop (`yuefu stop list`)."
            )
        output.result({"batches": found, "payouts_stopped": stopped}, lines)


def repay(
    loan: Annotated[str, typer.Argument(metavar="LOAN", help="The id of the loan (loan_…).")],
    amount: Annotated[str | None, typer.Option(help="A decimal; all that is due today unless given.")] = None,
    instrument: Annotated[str, typer.Option(help="The card or wallet at the channel.")] = INSTRUMENT,
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
    ahead: Annotated[
        Literal["next", "smaller", "shorter", "settle"] | None,
        typer.Option(
            help="What becomes of more than is due, which goes back unless given: it pays the next instalments, makes the later ones smaller or"
            " fewer, or ends the loan: settle, without an amount, is what ends it today."
        ),
    ] = None,
) -> None:
    """Collect a repayment through the channel and apply it."""
    with context.at_work("repayment.record") as caller:
        from yuefu import ids
        from yuefu.journeys import repayment

        caller.for_the_book()
        if not 1 <= len(instrument) <= 64 or not instrument.isprintable():
            fail("instrument_invalid", "An instrument has 1 to 64 printable characters.")
        money = inputs.amount_if_given(amount, caller.book.currency)
        request = repayment.RepayRequest(inputs.key_or_new(key), loan_of(caller, loan), money, instrument, ahead=ahead)
        done = only(repayment.repay(desk=caller.desk, now=caller.now, requests=[request]))
        value = {
            "collection": ids.text("collection", done.collection_id),
            "loan": ids.text("loan", done.loan_id),
            "state": done.state,
            "amount": done.amount,
            "principal": done.principal,
            "interest": done.interest,
            "charges": done.charges,
            "excess": done.excess,
            "failure_code": done.failure_code,
            "key": request.key,
        }
        output.result(value)


def repay_undo(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The id of the collection (pay_…).")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail.")],
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
) -> None:
    """Take a repayment off its loan, which is then as if it had never been paid, and give the money back the way it came."""
    with context.at_work("repayment.undo") as caller:
        from yuefu import ids
        from yuefu.journeys import undoing

        caller.for_the_book()
        request = undoing.UndoRequest(inputs.key_or_new(key), inputs.object_id("collection", collection), inputs.reason(reason))
        done = only(undoing.undo(desk=caller.desk, now=caller.now, requests=[request]))
        output.result(
            {
                "collection": ids.text("collection", done.collection_id),
                "loan": ids.text("loan", done.loan_id),
                "amount": done.amount,
                "owed_back": done.owed_back,
                "key": request.key,
            }
        )


def fund(
    amount: Annotated[str, typer.Option(help="A decimal, e.g. 1000000.00.")],
    currency: Annotated[str | None, typer.Option(help="The currency of the amount; the book's unless given.")] = None,
    key: Key = None,
) -> None:
    """Record that money of the funder has arrived at the bank."""
    with context.at_work("funding.record") as caller:
        from yuefu.journeys import settlement

        money = inputs.amount(amount, currency or caller.for_the_book().book.currency)
        if money.currency != caller.book.currency:
            fail("currency_differs", f"This book is kept in {caller.book.currency}, not in {money.currency}.")
        request = inputs.key_or_new(key)
        seen, witness = batches.witnessed(caller)
        done = settlement.fund(desk=seen.desk, now=caller.now, key=request, amount=money)
        output.result(_transfer(done, request, witness))


def withdraw(key: Key = None) -> None:
    """Move all that the channel holds for us to the bank."""
    with context.at_work("funding.record") as caller:
        from yuefu.journeys import settlement

        request = inputs.key_or_new(key)
        seen, witness = batches.witnessed(caller.for_the_book())
        done = settlement.withdraw(desk=seen.desk, now=caller.now, key=request)
        if done is None:
            fail("nothing_to_withdraw", "The channel holds nothing for us.")
        output.result(_transfer(done, request, witness))


def _transfer(done: Transfer | Refused, key: str, witness: batches.Witness) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.errors import one

    transfer = one([done])
    return {
        "transfer": ids.text("transfer", transfer.id),
        "kind": transfer.kind,
        "amount": transfer.amount,
        "state": transfer.state,
        "moved_on": transfer.moved_on,
        "failure_code": transfer.failure_code,
        "key": key,
        "again": transfer.id not in witness.made,
    }


def expire() -> None:
    """Free what authorisations and pending transfers keep whose time is over, all of them; again, there are none."""
    with context.at_work("jobs.run") as caller:
        from yuefu.journeys import checkout, transfers

        caller.to_write()
        now, expired = caller.now, 0
        for expire_some in (checkout.expire, transfers.expire):
            while found := expire_some(desk=caller.desk, now=now):
                expired += found
        output.result({"book": caller.book.code, "at": now, "expired": expired})


def poll() -> None:
    """Ask channel and bank for outcomes that are not known, take up transfers that broke off, try failed refunds again; nothing is sent blind."""
    with context.at_work("jobs.run") as caller:
        from yuefu.journeys import jobs

        now = caller.to_write().now
        tried_again = jobs.poll(caller.desk, now)
        output.result({"book": caller.book.code, "at": now, "polled": True, "refunds_tried_again": tried_again})


def loan_of(caller: Caller, text: str) -> UUID:
    """The loan of this book with an id."""
    from yuefu.loans import queries as loans

    found = inputs.object_id("loan", text)
    with caller.reading():
        if not loans.is_of_an_order(caller.book.id, found):
            fail("unknown_loan", f"There is no loan {text!r:.60} in this book.")
    return found
