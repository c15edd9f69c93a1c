"""`yuefu quote`: what a purchase would cost."""

from __future__ import annotations

from collections.abc import Iterator
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
    language: Annotated[str, typer.Option(help="The language the cost table is shown in: zh or en.")] = "zh",
) -> None:
    """What a purchase would cost. What is shown is kept, with when, to whom and in which language: an order refers to it."""
    with context.at_work("order.authorise") as caller:
        from yuefu.errors import one
        from yuefu.journeys import checkout

        price = inputs.amount(amount, currency or caller.book.currency)
        buyer = None if consumer is None else consumer_of(caller, consumer)
        wish = checkout.Wish(merchant_of(caller, merchant), buyer, product, price, periods, language)
        quoted = one(checkout.quote(desk=caller.desk, now=caller.now, wishes=[wish]))
        output.result(_value(quoted, language), _text(quoted, language))


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


def _value(quoted: Quoted, language: str) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.plans.label import render_price_label

    found = quoted.quote
    return {
        "quote": ids.text("quote", quoted.quote_id),
        "language": language,
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


def _text(quoted: Quoted, language: str) -> Iterator[str]:
    """The cost table in the words of its own rules, from the very content that is kept."""
    from yuefu import ids
    from yuefu.offers.rules import wording
    from yuefu.plans.label import render_price_label

    said: wording.Language = "en" if language == "en" else "zh"
    yield render_price_label(quoted.quote.label)
    yield wording.text("title", said)
    for line in wording.lines(quoted.quote.disclosure.content, said):
        yield f"{line.label}: {line.value}" if line.value else line.label
    yield f"quote {ids.text('quote', quoted.quote_id)}"
