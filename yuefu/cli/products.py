"""`yuefu product …`: what is offered. Drafted by one person, put on offer by a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.items import FieldFault, Fields
from yuefu.cli.merchants import asked_before

if TYPE_CHECKING:
    from yuefu.offers.commands import DraftProduct
    from yuefu.offers.rules.product import Product
    from yuefu.plans.lifecycle.choices import LateTerms

PRODUCT: Final = (
    "code name_zh name_en payer annual_rate periods minimum maximum currency day_count? min_gap_days? rule_version? jurisdiction? lender_zh"
    " lender_en lender_licence late?"
)
DAY_COUNT: Final = "act_365"
MIN_GAP_DAYS: Final = 10
LATE: Final = "fee? rate? grace_days? most"
RULE_VERSION: Final = "2026-2"
JURISDICTION: Final = "CN"

app = typer.Typer(no_args_is_help=True, help="Products: drafts, what is on offer, what was.")
ProductName = Annotated[
    str, typer.Argument(metavar="PRODUCT", help="The id of a version (prod_…), or a code: its latest version that can be.")
]


@app.command()
def draft(
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: one product or a list of them; - is standard input.")],
    key: Annotated[
        str | None, typer.Option(help="For items without a key of their own; repeating it finds what was drafted before.")
    ] = None,
) -> None:
    """Draft products: all of a file or none. A code that exists gets its next version.

    An item: {code, name_zh, name_en, payer: merchant (interest-free) or consumer, annual_rate: "14.40" (percent), periods: [3, 6, 12],
    minimum: "10.00", maximum: "50000.00", currency: "CNY", lender_zh, lender_en, lender_licence}; and, unless they are left out,
    day_count: "act_365" or "thirty_360", min_gap_days: 10, rule_version: "2026-2", jurisdiction: "CN". Of rule
    version 2026-2 also late: {fee: "10.00" once an instalment, rate: "18.00" (percent a year on overdue principal), grace_days: 3,
    most: "10.00" (percent of the principal that all of it together is at most)}.
    """
    with context.at_work("product.draft") as caller:
        from yuefu.offers import commands as offers
        from yuefu.offers import queries as known

        currency = caller.for_the_book().book.currency
        given = items.read(file, PRODUCT, lambda fields, own: _draft(fields, own, currency), key=key)
        done = batches.all_or_nothing(caller, given, lambda work, new: offers.draft_products(work=work, products=new))
        with caller.reading():
            made = known.products(ids=[one.id for one in done])
        _print([{**_value(made[one.id]), "again": one.again} for one in done])


def _draft(fields: Fields, key: str, currency: str) -> DraftProduct:
    from yuefu.dates.daycount import DayCount
    from yuefu.offers.commands import DraftProduct
    from yuefu.offers.rules.product import ProductTerms

    def text_or(name: str, default: str) -> str:
        return fields.text(name) if fields.has(name) else default

    fields.currency(currency)
    day_count = text_or("day_count", DAY_COUNT)
    if day_count not in set(DayCount):
        raise FieldFault("day_count_unknown", fields.at("day_count"), "a day count is act_365 or thirty_360")
    terms = ProductTerms(
        code=fields.text("code"),
        name_zh=fields.text("name_zh"),
        name_en=fields.text("name_en"),
        payer=fields.text("payer"),
        annual_rate=fields.percent("annual_rate"),
        periods=fields.wholes("periods"),
        minimum=fields.money("minimum", currency),
        maximum=fields.money("maximum", currency),
        day_count=DayCount(day_count),
        min_gap_days=fields.whole("min_gap_days") if fields.has("min_gap_days") else MIN_GAP_DAYS,
        rule_version=text_or("rule_version", RULE_VERSION),
        jurisdiction=text_or("jurisdiction", JURISDICTION),
        lender_zh=fields.text("lender_zh"),
        lender_en=fields.text("lender_en"),
        lender_licence=fields.text("lender_licence"),
        late=_late(fields, currency),
    )
    return DraftProduct(key, terms)


def _late(fields: Fields, currency: str) -> LateTerms:
    from yuefu.money.rates import Rate
    from yuefu.plans.lifecycle.choices import LateTerms

    if not fields.has("late"):
        return LateTerms()
    late = fields.inside("late", LATE)
    return LateTerms(
        fee=late.money("fee", currency) if late.has("fee") else None,
        interest=late.percent("rate") if late.has("rate") else Rate(0),
        grace_days=late.whole("grace_days") if late.has("grace_days") else 0,
        cap=late.percent("most"),
    )


@app.command()
def publish(
    product: ProductName,
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
) -> None:
    """Ask for a draft to be put on offer; it is once a second person approves it (`approval decide`). Its cost is held to the legal cap."""
    with context.at_work("product.publish") as caller:
        from yuefu import ids
        from yuefu.offers import commands as offers

        wanted = _named(caller.for_the_book(), product, "draft")
        why = inputs.reason(reason)
        waiting = asked_before(caller, offers.PUBLISH, wanted.id)
        publication = offers.Publication(wanted.id, why)
        asked = waiting or caller.acting(lambda work: offers.propose_publications(work=work, publications=[publication])[0])
        output.result({"approval": ids.text("approval", asked), **_value(wanted), "asked": "published", "again": waiting is not None})


@app.command()
def retire(product: ProductName) -> None:
    """Offer a product no more; loans made under it go on. One that is retired already stays so."""
    with context.at_work("product.retire") as caller:
        from yuefu.offers import commands as offers

        wanted = _named(caller.for_the_book(), product, "published")
        again = wanted.state == "retired"
        if not again:
            caller.acting(lambda work: offers.retire(work=work, product_ids=[wanted.id])[0])
        output.result({**_value(wanted), "state": "retired", "again": again})


@app.command("list")
def list_products() -> None:
    """Every version of every product."""
    with context.at_work("product.read") as caller:
        from yuefu.offers import queries as offers

        with caller.for_the_book().reading():
            found = offers.versions(book_id=caller.book.id)
        _print([_value(one) for one in found])


def _named(caller: Caller, text: str, state: str) -> Product:
    """The version of an id, or the latest one of a code in `state`; else the latest one, which is then refused for the state it is in."""
    from yuefu.offers import queries as offers

    with caller.reading():
        found = offers.versions(book_id=caller.book.id)
    if text.startswith("prod_"):
        wanted = inputs.object_id("product", text)
        same = [one for one in found if one.id == wanted]
    else:
        same = [one for one in found if one.terms.code == text]
    if not same:
        fail("unknown_product", f"There is no product {text!r:.80} in this book.")
    return next((one for one in reversed(same) if one.state == state), same[-1])


def _value(product: Product) -> dict[str, Any]:
    from yuefu import ids

    terms = product.terms
    return {
        "product": ids.text("product", product.id),
        "code": terms.code,
        "version": product.version,
        "state": product.state,
        "payer": terms.payer,
        "annual_rate_pct": terms.annual_rate.percent_text(),
        "periods": list(terms.periods),
        "minimum": terms.minimum,
        "maximum": terms.maximum,
    }


def _print(found: list[dict[str, Any]]) -> None:
    columns = ["product", "code", "version", "state", "payer", "rate %", "periods", "minimum", "maximum", "again"]
    width = len(found[0]) if found else len(columns) - 1
    output.result({"products": found}, output.table(columns[:width], [list(one.values()) for one in found]))
