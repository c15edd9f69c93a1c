"""`yuefu order …`: quote, authorise, capture, void, refund and list. Every writing command takes a key and may be repeated under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli import quote as quoting
from yuefu.cli.context import Caller
from yuefu.cli.faults import CommandError
from yuefu.cli.quote import consumer_of, merchant_of

if TYPE_CHECKING:
    from yuefu.orders.rules import Order

app = typer.Typer(no_args_is_help=True, help="Orders: quote, authorise, capture, void, refund, list.")
app.command("quote")(quoting.quote)

OrderName = Annotated[
    str, typer.Argument(metavar="ORDER", help="The id of the order (ord_…) or its loan (loan_…), or its merchant reference.")
]
Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]
Part = Annotated[str | None, typer.Option("--amount", help="A part, as a decimal; all that is left unless given.")]

Event = Annotated[
    str,
    typer.Option(
        "--way",
        help="How it comes back: refund, rejection (refused at the door) or charge_back (contested): a contract may say of each what it costs.",
    ),
]


@app.command()
def authorise(
    quote: Annotated[str, typer.Option("--quote", help="What the consumer was shown and agreed to (quo_…, from `quote`).")],
    consumer: Annotated[str, typer.Option(help="The consumer's reference.")],
    reference: Annotated[str, typer.Option(help="The merchant's own reference of the purchase.")],
    merchant: Annotated[str | None, typer.Option(help="The merchant's code; the first one unless given.")] = None,
    channel: Annotated[str, typer.Option(help="online, store, mini, live or agent.")] = "online",
    host: Annotated[str, typer.Option(help="The code of who sold it live.")] = "",
    category: Annotated[str, typer.Option(help="The code of the category of the goods.")] = "",
    key: Key = None,
) -> None:
    """Decide on a purchase and hold its amount."""
    with context.at_work("order.authorise") as caller:
        from yuefu import ids
        from yuefu.journeys import checkout

        purchase = checkout.Purchase(
            key=inputs.key_or_new(key),
            merchant_id=merchant_of(caller, merchant),
            merchant_reference=reference,
            consumer_id=consumer_of(caller, consumer),
            quote_id=inputs.object_id("quote", quote),
            channel=channel,
            host=host,
            category=category,
        )
        done = only(checkout.authorise(desk=caller.desk, now=caller.now, purchases=[purchase]))
        value = {
            "order": ids.text("order", done.order_id),
            "decision": "approved" if done.approved else "declined",
            "reasons": list(done.reasons),
            "amount": done.amount,
            "expires_at": done.expires_at if done.approved else None,
            "key": purchase.key,
        }
        output.result(value)


@app.command()
def capture(order: OrderName, amount: Part = None, key: Key = None) -> None:
    """Capture an authorised order, wholly or in part, and book its loan."""
    with context.at_work("order.capture") as caller:
        from yuefu import ids
        from yuefu.journeys import checkout
        from yuefu.orders.commands import CaptureRequest

        found = order_of(caller, order)
        request = CaptureRequest(inputs.key_or_new(key), found.merchant_id, found.id, inputs.amount_if_given(amount, found.currency))
        done = only(checkout.capture(desk=caller.desk, now=caller.now, requests=[request]))
        output.result(
            {
                "order": ids.text("order", done.order_id),
                "capture": ids.text("capture", done.capture_id),
                "loan": ids.text("loan", done.loan_id),
                "amount": done.amount,
                "key": request.key,
            }
        )


@app.command()
def void(order: OrderName, key: Key = None) -> None:
    """Give back what is not captured."""
    with context.at_work("order.void") as caller:
        from yuefu import ids
        from yuefu.journeys import checkout
        from yuefu.orders.commands import VoidRequest

        found = order_of(caller, order)
        request = VoidRequest(inputs.key_or_new(key), found.merchant_id, found.id)
        done = only(checkout.void(desk=caller.desk, now=caller.now, requests=[request]))
        output.result({"order": ids.text("order", done.order_id), "released": done.amount, "key": request.key})


@app.command()
def refund(order: OrderName, amount: Part = None, key: Key = None, event: Event = "refund") -> None:
    """Take back captured goods, wholly or in part. What becomes of the merchant's fee is the contract's to say, by the way it comes back."""
    with context.at_work("order.refund") as caller:
        from yuefu import ids
        from yuefu.journeys import refund as refunds
        from yuefu.orders.commands import RefundRequest

        found = order_of(caller, order)
        request = RefundRequest(
            inputs.key_or_new(key), found.merchant_id, found.id, inputs.amount_if_given(amount, found.currency), event=event
        )
        done = only(refunds.refund(desk=caller.desk, now=caller.now, requests=[request]))
        output.result(
            {
                "order": ids.text("order", done.order_id),
                "refund": ids.text("refund", done.refund_id),
                "amount": done.amount,
                "owed_back": done.owed_back,
                "key": request.key,
            }
        )


@app.command("list")
def list_orders(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    before: Annotated[str | None, typer.Option(metavar="ORDER", help="Only orders older than this one.")] = None,
) -> None:
    """The latest orders, newest first."""
    with context.at_work("order.read") as caller, caller.reading():
        from yuefu import ids
        from yuefu.orders import queries as orders

        cursor = inputs.object_id("order", before) if before else None
        found: list[dict[str, Any]] = [
            {
                "order": ids.text("order", row.id),
                "merchant_reference": row.merchant_reference,
                "amount": row.amount,
                "periods": row.periods,
                "state": row.state,
                "created_at": row.created_at,
            }
            for row in orders.latest(caller.book.id, before=cursor, limit=limit)
        ]
        rows = [list(row.values()) for row in found]
        output.result({"orders": found}, output.table(["order", "reference", "amount", "periods", "state", "created at"], rows))


def order_of(caller: Caller, text: str) -> Order:
    """The one order that a text names, among those the caller may read."""
    from yuefu.errors import Refused, RefusedError
    from yuefu.journeys.finding import find_order
    from yuefu.orders import queries as orders

    with caller.reading():
        found = find_order(text, book_id=caller.book.id)
        if isinstance(found, Refused):
            raise RefusedError(found)
        return orders.orders([found])[found]


def only(outcomes: Any) -> Any:
    """The outcome of a batch of one: a refusal is raised, and so is what was put aside because it broke."""
    from yuefu.errors import one
    from yuefu.runtime.batch import Quarantined

    done = one(outcomes)
    if isinstance(done, Quarantined):
        raise CommandError("quarantined", f"This request was put aside because it broke something ({done.error}); nothing was changed.")
    return done
