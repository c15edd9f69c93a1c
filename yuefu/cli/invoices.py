"""`yuefu invoice request|issue|void|fees|show|list`: invoices 发票 for the fees of merchants, month by month."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import only
from yuefu.cli.quote import merchant_of

if TYPE_CHECKING:
    from yuefu.cli.context import Caller
    from yuefu.journeys.invoices import FeeStatement, InvoiceRow
    from yuefu.settlement.rules.invoices import Invoice

app = typer.Typer(no_args_is_help=True, help="Invoices for the fees of merchants: request, issue, void, fees, show, list.")

UNKNOWN_INVOICE: Final = "unknown_invoice"

MerchantName = Annotated[str, typer.Argument(metavar="MERCHANT", help="The merchant's code.")]
Month = Annotated[str, typer.Argument(metavar="MONTH", help="The month in which the fees were earned, YYYY-MM.")]
InvoiceName = Annotated[str, typer.Argument(metavar="INVOICE", help="The id of the invoice (inv_…).")]


@app.command()
def request(merchant: MerchantName, month: Month) -> None:
    """Request an invoice for all fees of a month that is over. Asked again it is the same, until it is voided."""
    with context.at_work("invoice.request") as caller:
        from yuefu.journeys import invoices

        seen, first = caller.to_write(), inputs.month(month)
        _say(caller, only(invoices.request(desk=seen.desk, now=caller.now, months=[(merchant_of(caller, merchant), first)])))


@app.command()
def issue(
    invoice: InvoiceName,
    number: Annotated[
        str, typer.Option(help="Its number at the tax bureau: 20 digits, or of the older ones the code of 10 or 12, a hyphen and 8.")
    ],
    on: Annotated[date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day on it; today unless given.")] = None,
) -> None:
    """Say by which number an invoice was made, once the platform of the tax bureau gave it."""
    with context.at_work("invoice.issue") as caller:
        from yuefu.journeys import invoices
        from yuefu.settlement.commands.invoices import Issue

        seen, named = caller.to_write(), inputs.object_id("invoice", invoice)
        _say(caller, only(invoices.issue(desk=seen.desk, now=caller.now, issues=[Issue(named, number.strip(), on or caller.today)])))


@app.command()
def void(
    invoice: InvoiceName,
    reason: Annotated[str, typer.Option(help="Why.")],
    red_number: Annotated[str, typer.Option(help="The number of the red invoice 红字发票; of one that was issued.")] = "",
    on: Annotated[date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day of it; today unless given.")] = None,
) -> None:
    """Void an invoice: its month can then be requested again."""
    with context.at_work("invoice.issue") as caller:
        from yuefu.journeys import invoices
        from yuefu.settlement.commands.invoices import Void

        seen, named = caller.to_write(), inputs.object_id("invoice", invoice)
        asked = Void(named, inputs.reason(reason), red_number.strip(), on or caller.today)
        _say(caller, only(invoices.void(desk=seen.desk, now=caller.now, voids=[asked])))


@app.command()
def fees(merchant: MerchantName, month: Month) -> None:
    """The fees of a merchant in a month, by rate of tax, and the invoice for them."""
    with context.at_work("settlement.read") as caller:
        from yuefu.journeys import invoices

        first, merchant_id = inputs.month(month), merchant_of(caller, merchant)
        with caller.reading():
            found = invoices.fee_statement(book_id=caller.book.id, merchant_id=merchant_id, month=first, currency=caller.book.currency)
        assert found is not None, "the merchant was found by its code"
        output.result(_fees(found), _fee_lines(found))


@app.command()
def show(invoice: InvoiceName) -> None:
    """One invoice, and what came into its month since it was requested."""
    with context.at_work("settlement.read") as caller:
        from yuefu.journeys import invoices
        from yuefu.settlement.queries import invoices as invoice_book

        named = inputs.object_id("invoice", invoice)
        with caller.reading():
            found = list(invoice_book.invoices(ids=[named]).values())
            rows = invoices.shown(book_id=caller.book.id, found=found, currency=caller.book.currency)
        if not rows:
            fail(UNKNOWN_INVOICE, f"There is no invoice {invoice!r:.60} here.")
        output.result(_row(rows[0]), _lines(rows[0]))


@app.command("list")
def list_invoices(
    merchant: Annotated[str | None, typer.Option(help="Of the merchant with this code.")] = None,
    month: Annotated[str | None, typer.Option(metavar="MONTH", help="For the fees of this month, YYYY-MM.")] = None,
    state: Annotated[str | None, typer.Option(help="In this state: requested, issued or voided.")] = None,
    before: Annotated[str | None, typer.Option(metavar="INVOICE", help="Requested before this one: `next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Invoices, the latest request first."""
    with context.at_work("settlement.read") as caller:
        from yuefu import ids
        from yuefu.journeys import invoices
        from yuefu.settlement.queries import invoices as invoice_book
        from yuefu.settlement.rules.invoices import STATES

        if state not in (None, *STATES):
            fail("unknown_state", f"A state is {', '.join(STATES)}, not {state!r:.40}.")
        with caller.reading():
            found = invoice_book.listed(
                book_id=caller.book.id,
                merchant_id=merchant_of(caller, merchant) if merchant else None,
                state=state,
                month=inputs.month(month) if month else None,
                before=inputs.object_id("invoice", before) if before else None,
                limit=limit + 1,
            )
            rows = invoices.shown(book_id=caller.book.id, found=found[:limit], currency=caller.book.currency)
        told = [_row(one) for one in rows]
        columns = ("invoice", "code", "month", "state", "fees", "vat", "number", "later")
        more = ids.text("invoice", found[limit - 1].id) if len(found) > limit else None
        table = output.table(list(columns), [[one[name] for name in columns] for one in told]) if told else "No invoice is like this."
        output.result({"invoices": told, "next": more}, [table, *([f"There are more: --before {more}"] if more else [])])


def _say(caller: Caller, done: Invoice) -> None:
    from yuefu.journeys import invoices

    with caller.reading():
        (row,) = invoices.shown(book_id=caller.book.id, found=[done], currency=caller.book.currency)
    output.result(_row(row), _lines(row))


def _row(row: InvoiceRow) -> dict[str, Any]:
    from yuefu import ids

    one = row.invoice
    return {
        "invoice": ids.text("invoice", one.id),
        "merchant": ids.text("merchant", one.merchant_id),
        "code": row.merchant.code,
        "month": f"{one.month:%Y-%m}",
        "title": one.title,
        "taxpayer_number": one.taxpayer_number,
        "fees": one.fees,
        "without_tax": one.without_tax,
        "vat": one.vat,
        "state": one.state,
        "number": one.number or None,
        "issued_on": one.issued_on,
        "red_number": one.red_number or None,
        "voided_on": one.voided_on,
        "reason": one.reason or None,
        "requested_at": one.requested_at,
        "requested_by": one.requested_by,
        "later": row.later,
    }


def _lines(row: InvoiceRow) -> list[str]:
    one, told = row.invoice, _row(row)
    sums = f"{output.shown(one.fees)}: {output.shown(one.without_tax)} and {output.shown(one.vat)} of tax"
    number = f", number {one.number}" if one.number else ""
    lines = [f"{told['invoice']}: {one.state}{number}", f"{one.title} ({one.taxpayer_number}), {told['month']}, {sums}"]
    if one.state == "voided":
        lines.append(f"voided on {one.voided_on}{f' by {one.red_number}' if one.red_number else ''}: {one.reason}")
    return lines + _later(row.later)


def _later(later: Any) -> list[str]:
    return [f"{output.shown(later)} of fees came into the month since: void it and request it again."] if later else []


def _fees(found: FeeStatement) -> dict[str, Any]:
    from yuefu import ids

    return {
        "merchant": ids.text("merchant", found.merchant.id),
        "code": found.merchant.code,
        "month": f"{found.fees.month:%Y-%m}",
        "fees": found.fees.fees,
        "without_tax": found.fees.without_tax,
        "vat": found.fees.vat,
        "rates": [
            {
                "vat_ppm": one.vat_ppm,
                "captures": one.captures,
                "refunds": one.refunds,
                "charged": one.charged,
                "given_back": one.given_back,
                "fees": one.fees,
                "without_tax": one.without_tax,
                "vat": one.vat,
            }
            for one in found.rates
        ],
        "invoice": ids.text("invoice", found.invoice.id) if found.invoice else None,
        "state": found.invoice.state if found.invoice else None,
        "later": found.later,
    }


def _fee_lines(found: FeeStatement) -> list[str]:
    told = _fees(found)
    columns = ("captures", "refunds", "charged", "given_back", "without_tax", "vat", "fees")
    rows = [[f"{one['vat_ppm'] / 10_000:g} %", *(one[name] for name in columns)] for one in told["rates"]]
    table = output.table(["tax", *(name.replace("_", " ") for name in columns)], rows)
    head = f"{found.merchant.name_zh} {found.merchant.name_en}, {told['month']}: {output.shown(found.fees.fees)}"
    invoice = [f"invoice {told['invoice']}: {told['state']}"] if found.invoice else ["no invoice was requested"]
    return [head, *([table] if rows else []), *invoice, *_later(found.later)]
