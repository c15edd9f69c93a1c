"""`yuefu order delivered|received`: evidence that what was sold reached who bought it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import OrderName, only, order_of

KINDS: Final = "delivered (by a carrier), activated, or redeemed (a voucher)"
BY: Final = {"consumer": "received", "merchant": "attested"}
"""The kind of evidence by who confirms the receipt."""

Day = Annotated[
    date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="The day; today, or as it was told before, unless given.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `order`."""
    for command in (delivered, received):
        app.command()(command)


def delivered(
    order: OrderName,
    reference: Annotated[str, typer.Option(help="The number of the carrier, the activation or the voucher.")],
    kind: Annotated[str, typer.Option(help=f"What it was: {KINDS}.")] = "delivered",
    on: Day = None,
) -> None:
    """Record evidence for all that was captured of an order so far: its money is due, where the contract of the merchant makes it wait for evidence, and its
    days count, where the contract counts them from delivery."""
    _tell(order, kind, reference, on)


def received(
    order: OrderName,
    reference: Annotated[str, typer.Option(help="The number under which the receipt was confirmed.")],
    by: Annotated[str, typer.Option(help="Who confirmed: consumer, or merchant (who keeps the signature).")] = "consumer",
    on: Day = None,
) -> None:
    """Record that the receipt of all that was captured of an order so far was confirmed (确认收货). Its days count from then on, where the contract of the
    merchant says so; what was received was delivered too."""
    if by not in BY:
        fail("unknown_choice", f"A receipt is confirmed by {' or '.join(BY)}, not {by!r:.40}.")
    _tell(order, BY[by], reference, on)


def _tell(order: str, kind: str, reference: str, on: date | None) -> None:
    with context.at_work("order.capture") as caller:
        from yuefu import ids
        from yuefu.settlement import commands as settlement
        from yuefu.settlement.commands import NewEvidence

        found = order_of(caller, order)
        new = NewEvidence(found.id, found.merchant_id, kind, reference, on)
        done = only(caller.acting(lambda work: [only(settlement.record_evidence(work=work, given=[new]))]))
        output.result(
            {
                "order": ids.text("order", done.order_id),
                "items": done.items,
                "due": done.net,
                "settles_on": done.settles_on,
                "again": done.again,
                "ahead": done.ahead,
            }
        )
