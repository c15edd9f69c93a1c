"""`yuefu quote`: what a purchase would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from yuefu.journeys.checkout import Quoted


def register(app: typer.Typer) -> None:
    app.command("quote")(quote)


def quote(
    amount: Annotated[str, typer.Option(help="The price as a decimal, e.g. 1999.00.")],
    periods: Annotated[int, typer.Option(help="How many instalments.")],
    product: Annotated[str, typer.Option(help="The code of the product, e.g. free.")] = "free",
    currency: Annotated[str | None, typer.Option(help="The currency of the price; the book's unless given.")] = None,
    merchant: Annotated[str | None, typer.Option(help="The merchant's code; the first one unless given.")] = None,
    consumer: Annotated[str | None, typer.Option(help="The consumer's reference: instalments then fall on their repayment day.")] = None,
) -> None:
    """What a purchase would cost. The cost table that is shown is kept: an order refers to it."""
    with context.at_work("order.authorise") as caller:
        from yuefu.errors import one
        from yuefu.journeys import checkout

        price = inputs.amount(amount, currency or caller.book.currency)
        buyer = None if consumer is None else consumer_of(caller, consumer)
        wish = checkout.Wish(merchant_of(caller, merchant), buyer, product, price, periods)
        quoted = one(checkout.quote(desk=caller.desk, now=caller.now, wishes=[wish]))
        output.result(_value(quoted), _text(quoted))


def merchant_of(caller: Caller, code: str | None) -> UUID:
    """The merchant of a code; without one the caller's own, else the first of the book."""
    from yuefu.merchants import queries as merchants

    active = {one.code: one.id for one in merchants.merchants(book_id=caller.book.id) if caller.owns(one.id)}
    if code is None and active:
        return next(iter(active.values()))
    if code is None or code not in active:
        fail("unknown_merchant", f"There is no merchant {code or 'yet'} in this book.")
    return active[code]


def consumer_of(caller: Caller, reference: str) -> UUID:
    """The consumer with a reference."""
    from yuefu.consumers import queries as consumers

    found = consumers.by_external_refs(book_id=caller.book.id, external_refs=[reference])
    if reference not in found:
        fail("unknown_consumer", f"There is no consumer {reference!r:.80} in this book.")
    return found[reference]


def _value(quoted: Quoted) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.plans.label import render_price_label

    found = quoted.quote
    return {
        "disclosure": ids.text("disclosure", quoted.disclosure_id),
        "product": found.product.terms.code,
        "amount": found.terms.principal,
        "periods": found.terms.periods,
        "label": render_price_label(found.label),
        "total": found.total,
        "interest": found.total - found.terms.principal,
        "annual_cost_pct": found.cost.compound_text(),
        "annual_cost_simple_pct": found.cost.simple_text(),
        "first_due_on": found.first_due_on,
        "instalments": [
            {"no": row.no, "due_on": row.due_on, "principal": row.principal, "interest": row.interest, "total": row.total}
            for row in found.instalments
        ],
    }


def _text(quoted: Quoted) -> list[str]:
    value = _value(quoted)
    rows = [(row["no"], row["due_on"], row["principal"], row["interest"], row["total"]) for row in value["instalments"]]
    return [
        value["label"],
        f"annual cost {value['annual_cost_pct']} % (simple {value['annual_cost_simple_pct']} %), interest {value['interest']}",
        output.table(["no", "due on", "principal", "interest", "total"], rows),
        f"disclosure {value['disclosure']}",
    ]
