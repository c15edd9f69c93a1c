"""`yuefu settlement adjust|adjustments …`: what merchants are charged or given beside their sales, by two people."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.merchants import asked_before, merchant_named


def register(app: typer.Typer) -> None:
    """Adds the command to those of `settlement`."""
    app.command()(adjust)


def adjust(
    merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")],
    kind: Annotated[
        Literal["penalty", "subsidy", "collected"], typer.Argument(help="A penalty or subsidy of the contract, or what was paid of a debt.")
    ],
    amount: Annotated[str, typer.Argument(help="How much, as a decimal.")],
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
    code: Annotated[str, typer.Option(help="Of a penalty or subsidy: its code in the contract.")] = "",
    reference: Annotated[str, typer.Option(help="Of what was paid: the bank's number of the transfer, which lies in suspense.")] = "",
) -> None:
    """Ask for a penalty or subsidy as the contract says, or book what a merchant paid of its debt. The next batch takes it up once a second
    person approves."""
    with context.at_work("settlement.run") as caller:
        from yuefu import ids
        from yuefu.settlement import commands as settlement

        merchant_id, _ = merchant_named(caller.for_the_book(), merchant)
        asked = settlement.NewAdjustment(
            merchant_id, kind, inputs.amount(amount, caller.book.currency), inputs.reason(reason), code, reference
        )
        waiting = asked_before(caller, settlement.ADJUST, merchant_id, settlement.content_of(asked))
        approval = waiting or caller.acting(lambda work: settlement.propose_adjustment(work=work, adjustment=asked))
        output.result(
            {
                "approval": ids.text("approval", approval),
                "merchant": merchant,
                "kind": kind,
                "amount": asked.amount,
                "state": "waiting",
                "again": waiting is not None,
            }
        )
