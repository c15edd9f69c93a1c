"""`yuefu chargeback enter|won|list`: what banks of consumers took back, and what disputes brought again."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.order import only

if TYPE_CHECKING:
    from yuefu.aftersales.queries import ChargeBack

app = typer.Typer(no_args_is_help=True, help="Charge-backs: enter, won, list.")

Days = typer.Option(metavar="DATE", parser=inputs.day, help="The day on which the bank did it; today unless given.")


@app.command()
def enter(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The id of the collection (pay_…).")],
    reference: Annotated[str, typer.Option(help="The reference of the bank. Told twice, it is booked once.")],
    amount: Annotated[str, typer.Option(help="A decimal: what was taken back.")],
    reason: Annotated[str, typer.Option(help="Why the bank did it.")],
    on: Annotated[date | None, Days] = None,
) -> None:
    """Book what a bank took back of a repayment: the loan is owed it again. Where the channel knows the reference, its fee and day count."""
    with context.at_work("repayment.undo") as caller:
        from yuefu.journeys import charge_backs

        desk, named = caller.to_write().desk, inputs.object_id("collection", collection)
        taken = inputs.amount(amount, caller.book.currency)
        request = charge_backs.TakenBack(reference, named, taken, on or caller.today, inputs.reason(reason))
        output.result(_value(only(charge_backs.enter(desk=desk, now=caller.now, requests=[request]))))


@app.command()
def won(
    charge_back: Annotated[str, typer.Argument(metavar="REFERENCE", help="The reference by which the bank took the money.")],
    reference: Annotated[str, typer.Option(help="The reference by which it came back.")],
    on: Annotated[date | None, Days] = None,
) -> None:
    """Book what a dispute brought back: it pays the loan again, and what that cannot take goes back to the consumer."""
    with context.at_work("repayment.undo") as caller:
        from yuefu.journeys import charge_backs

        desk = caller.to_write().desk
        request = charge_backs.DisputeWon(reference, charge_back, on or caller.today)
        output.result(_value(only(charge_backs.win(desk=desk, now=caller.now, requests=[request]))))


@app.command("list")
def list_charge_backs(limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100) -> None:
    """Charge-backs, newest first."""
    with context.at_work("debit.read") as caller:
        from yuefu.aftersales import queries

        with caller.for_the_book().reading():
            told = [_value(one) for one in queries.charge_backs_listed(book_id=caller.book.id, limit=limit)]
        columns = ["reference", "collection", "amount", "state", "taken_on", "won_on", "reason"]
        rows = [[one[name] for name in columns] for one in told]
        output.result({"charge_backs": told}, output.table(columns, rows) if told else "There is no charge-back.")


def _value(one: ChargeBack) -> dict[str, Any]:
    from yuefu import ids

    return {
        "charge_back": ids.text("charge_back", one.id),
        "reference": one.reference,
        "collection": ids.text("collection", one.collection_id),
        "state": one.state,
        "amount": one.amount,
        "principal": one.principal,
        "interest": one.interest,
        "charges": one.charges,
        "reason": one.reason,
        "taken_on": one.taken_on,
        "won_on": one.won_on,
    }
