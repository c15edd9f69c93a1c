"""`yuefu settlement freeze|unfreeze|freezes|held|clear`: what of merchants' money stays here, and what people pay by hand; by two people each."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.merchants import asked_before, merchant_named

if TYPE_CHECKING:
    from yuefu.cli.context import Caller
    from yuefu.settlement.queries import Batch
    from yuefu.settlement.rules import Freeze

Reason = Annotated[str, typer.Option(help="Why; the second person reads it.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `settlement`."""
    for command in (freeze, unfreeze, held, clear):
        app.command()(command)
    app.command("freezes")(list_freezes)


def freeze(
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="The merchant's code.")],
    until: Annotated[date, typer.Option(metavar="DATE", parser=inputs.day, help="The day on which it ends by itself.")],
    reason: Reason,
    amount: Annotated[str | None, typer.Option(help="Keep so much, as a decimal; everything unless given.")] = None,
) -> None:
    """Ask for a freeze of a merchant's money: so much is kept of what would be paid, and no more, once a second person approves."""
    with context.at_work("settlement.propose") as caller:
        from yuefu.settlement import commands as settlement
        from yuefu.settlement.commands import NewFreeze

        merchant_id, _ = merchant_named(caller.to_write(), merchant)
        wanted = NewFreeze(merchant_id, inputs.amount_if_given(amount, caller.book.currency), until, inputs.reason(reason))
        content = settlement.freeze_content(wanted, currency=caller.book.currency)
        waiting = asked_before(caller, settlement.FREEZE, merchant_id, content)
        asked = waiting or caller.acting(lambda work: settlement.propose_freeze(work=work, wanted=wanted))
        _waits(asked, {"merchant": merchant, "amount": wanted.amount, "until": until}, again=waiting is not None)


def unfreeze(
    freeze: Annotated[str, typer.Argument(metavar="FREEZE", help="The freeze (frz_…, from `settlement freezes`).")], reason: Reason
) -> None:
    """Ask for the end of a freeze before its day; what it kept goes into the merchant's next batch."""
    with context.at_work("settlement.propose") as caller:
        from yuefu.settlement import commands as settlement

        freeze_id, why = inputs.object_id("freeze", freeze), inputs.reason(reason)
        waiting = asked_before(caller.to_write(), settlement.UNFREEZE, freeze_id)
        asked = waiting or caller.acting(lambda work: settlement.propose_unfreeze(work=work, freeze_id=freeze_id, reason=why))
        _waits(asked, {"freeze": freeze}, again=waiting is not None)


def clear(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="A batch that is held or came back (stl_…, from `settlement held`).")],
    reason: Reason,
    paid_outside: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="It was paid already: the reference in the bank's statement of the client account."),
    ] = None,
    on: Annotated[date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="The day it was paid outside.")] = None,
) -> None:
    """Ask for a batch to be paid now, or to be booked as paid outside, once a second person approves."""
    with context.at_work("settlement.propose") as caller:
        from yuefu.settlement import commands as settlement
        from yuefu.settlement import queries
        from yuefu.settlement.commands import Clearing

        batch_id, why = inputs.object_id("batch", batch), inputs.reason(reason)
        clearing = Clearing(batch_id, why, paid_outside or "", on)
        with caller.to_write().reading():
            found = queries.batches_by_id(book_id=caller.book.id, ids=[batch_id]).get(batch_id)
        waiting = asked_before(caller, settlement.CLEAR, batch_id, settlement.clearing_content(clearing, found)) if found else None
        asked = waiting or caller.acting(lambda work: settlement.propose_clearing(work=work, clearing=clearing))
        _waits(asked, {"batch": batch, "how": "outside" if paid_outside else "pay"}, again=waiting is not None)


def _waits(asked: Any, value: dict[str, Any], *, again: bool) -> None:
    from yuefu import ids

    output.result({"approval": ids.text("approval", asked), **value, "state": "waiting", "again": again})


def held(merchant: Annotated[str | None, typer.Option(metavar="CODE", help="Only those of this merchant.")] = None) -> None:
    """Batches that are held or whose payout came back, the oldest first, and why."""
    with context.at_work("settlement.read") as caller:
        from yuefu.settlement import queries as settlement

        wanted = [merchant_named(caller.for_the_book(), merchant)[0]] if merchant else None
        with caller.for_the_book().reading():
            found = settlement.batches_unpaid(book_id=caller.book.id, merchant_ids=wanted)
        codes = _codes(caller)
        told = [_batch(one, codes[one.merchant_id]) for one in found]
        columns = ["batch", "merchant", "pay_on", "state", "reason", "payout", "withheld", "pays"]
        table = output.table(columns, [[one[name] for name in columns] for one in told])
        output.result({"batches": told}, table if told else "Nothing is held and nothing came back.")


def list_freezes(
    merchant: Annotated[str | None, typer.Option(metavar="CODE", help="Only those of this merchant.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that ended too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Freezes, the newest first, with what they keep."""
    with context.at_work("settlement.read") as caller:
        from yuefu.settlement import queries as settlement

        wanted = merchant_named(caller.for_the_book(), merchant)[0] if merchant else None
        with caller.for_the_book().reading():
            found = settlement.freezes(book_id=caller.book.id, merchant_id=wanted, with_ended=everything, limit=limit)
        codes = _codes(caller)
        told = [_freeze(one, codes[one.merchant_id]) for one in found]
        columns = ["freeze", "merchant", "asked", "kept", "until", "state", "ended_on", "reason"]
        rows = [
            ["everything" if one["asked"] is None else one["asked"], *("" if one[name] is None else one[name] for name in columns[3:])]
            for one in told
        ]
        table = output.table(columns, [[one["freeze"], one["merchant"], *row] for one, row in zip(told, rows, strict=True)])
        output.result({"freezes": told}, table if told else "Nothing is frozen.")


def _codes(caller: Caller) -> dict[Any, str]:
    from yuefu.merchants import queries as merchants

    with caller.reading():
        return {one.id: one.code for one in merchants.merchants(book_id=caller.book.id)}


def _batch(one: Batch, merchant: str) -> dict[str, Any]:
    from yuefu import ids

    return {
        "batch": ids.text("batch", one.id),
        "merchant": merchant,
        "pay_on": one.pay_on,
        "state": one.state,
        "reason": one.reason,
        "payout": one.totals.payout,
        "withheld": one.totals.payout - one.pays,
        "pays": one.pays,
    }


def _freeze(one: Freeze, merchant: str) -> dict[str, Any]:
    from yuefu import ids

    return {
        "freeze": ids.text("freeze", one.id),
        "merchant": merchant,
        "asked": one.asked,
        "kept": one.kept,
        "until": one.until,
        "state": one.state,
        "begun_on": one.begun_on,
        "ended_on": one.ended_on,
        "reason": one.reason,
        "by": one.recorded_by,
    }
