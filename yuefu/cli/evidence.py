"""`yuefu order delivered`: evidence that what was sold reached who bought it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.order import OrderName, only, order_of

KINDS: Final = "delivered (by a carrier), activated, or redeemed (a voucher)"


def register(app: typer.Typer) -> None:
    """Adds the command to those of `order`."""
    app.command()(delivered)


def delivered(
    order: OrderName,
    reference: Annotated[str, typer.Option(help="The number of the carrier, the activation or the voucher.")],
    kind: Annotated[str, typer.Option(help=f"What it was: {KINDS}.")] = "delivered",
    on: Annotated[date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="The day; today unless given.")] = None,
) -> None:
    """Record evidence for all that was captured of an order: its money is due, where the contract of the merchant makes it wait for evidence."""
    with context.at_work("order.capture") as caller:
        from yuefu import ids
        from yuefu.settlement import commands as settlement
        from yuefu.settlement.commands import NewEvidence

        found = order_of(caller, order)
        new = NewEvidence(found.id, found.merchant_id, kind, reference, on or caller.today)
        done = only(caller.acting(lambda work: [only(settlement.record_evidence(work=work, given=[new]))]))
        output.result({"order": ids.text("order", done.order_id), "items": done.items, "due": done.net, "again": not done.items})
