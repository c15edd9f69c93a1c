"""`yuefu trace ORDER`: the whole life of one order, with each ledger entry and bill line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from yuefu.cli import context, output
from yuefu.cli.order import order_of

if TYPE_CHECKING:
    from yuefu.journeys.views import Happening, Trace


def register(app: typer.Typer) -> None:
    app.command("trace")(trace)


def trace(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="The id of the order (ord_…) or its loan (loan_…), or its merchant reference.")
    ],
) -> None:
    """The whole life of an order: decision, loan, entries, settlement, repayments, bill lines."""
    with context.at_work("trace") as caller:
        from yuefu.errors import one
        from yuefu.journeys import trace as traces

        found = order_of(caller, order)
        with caller.reading():
            life = one([traces.trace(order_id=found.id, audience="staff" if caller.merchant_id is None else "merchant", book=caller.book)])
        output.result({field.name: getattr(life, field.name) for field in fields(life)}, _text(life))


def _text(life: Trace) -> Iterator[str]:
    yield f"{life.public_id}  {life.merchant_en} {life.merchant_zh}  {life.merchant_reference}"
    yield f"{life.state}: {life.amount} in {life.periods} periods, captured {life.captured}, refunded {life.refunded}, as of {life.as_of}"
    if life.price_label:
        cost = f", annual cost {life.annual_cost_pct} % (simple {life.annual_cost_simple_pct} %)" if life.annual_cost_pct else ""
        yield life.price_label + cost
    if life.reasons:
        yield f"{life.decision}: {', '.join(life.reasons)}"
    yield ""
    yield output.table(["stage", "state", "day"], [(stage.code, stage.state, stage.on) for stage in life.stages])
    if life.instalments:
        rows = [
            (row.no, row.due_on, row.principal, row.interest, row.charges, row.paid, row.refunded, row.to_pay, row.state)
            for row in life.instalments
        ]
        yield ""
        yield output.table(["no", "due on", "principal", "interest", "charges", "paid", "refunded", "to pay", "state"], rows)
    for happening in life.timeline:
        yield ""
        yield from _happening(happening)


def _happening(happening: Happening) -> Iterator[str]:
    params = " ".join(f"{name}={output.shown(value)}" for name, value in happening.params.items())
    yield " ".join(part for part in (output.shown(happening.at), happening.kind, str(happening.amount or ""), params) if part)
    for entry in happening.entries:
        yield f"  entry {entry.public_id} {entry.kind} posted {entry.posted_on} effective {entry.effective_on} by {entry.actor}"
        for line in entry.lines:
            side = f"Dr {line.debit}" if line.debit is not None else f"Cr {line.credit}"
            shown = f"  [{line.movement} {line.reference}]" if line.movement else ""
            yield f"    {line.account_en:<40} {side:>24}{shown}"
    for bill in happening.bills:
        yield f"  bill {bill.source} {bill.on} line {bill.line_no}: {bill.kind} {bill.reference} {bill.amount} {bill.outcome}"
