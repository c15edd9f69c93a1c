"""`yuefu settlement …`: the batches of merchants, and their statements line by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.quote import merchant_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yuefu.cli.context import Caller
    from yuefu.journeys.statement_files import Form
    from yuefu.journeys.statements import Line, Statement
    from yuefu.money.amounts import Money
    from yuefu.settlement.queries import Batch
    from yuefu.settlement.rules import Totals

app = typer.Typer(no_args_is_help=True, help="Settlement: the batches of merchants and their statements.")

Merchant = Annotated[str | None, typer.Option(metavar="CODE", help="Only those of this merchant.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the lines to this file, as CSV.")]
Xlsx = Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="Write sums and lines to this file, as a workbook.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the statement to this file, as a paper.")]
Language = Annotated[Literal["zh", "en"], typer.Option(help="The language of the files.")]

UNKNOWN_BATCH = "unknown_batch"


@app.command("list")
def list_batches(
    merchant: Merchant = None,
    after: Annotated[str, typer.Option(metavar="BATCH", help="Those after this one: `next` of the page before.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """The batches of all merchants, the latest pay day first; of its own for the people of one."""
    with context.at_work("settlement.read") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import statement_pages

        wanted = statement_pages.Wanted(merchant=merchant or "")
        with caller.reading():
            found = statement_pages.listed(book_id=caller.book.id, currency=caller.book.currency, wanted=wanted, cursor=after, limit=limit)
        if isinstance(found, Refused):
            raise RefusedError(found)
        if found.unknown_merchant:
            fail("unknown_merchant", f"There is no merchant {merchant!r:.80} in this book.")
        told = [{**_batch(row.batch), "merchant": row.merchant.code} for row in found.rows]
        columns = ["batch", "merchant", "pay_on", "state", "lines", "net", "payout", "carried"]
        table = output.table(columns, [[one[name] for name in columns] for one in told])
        lines = [table if told else "There is no batch."]
        if found.next_cursor:
            lines.append(f"There are more: --after {found.next_cursor}")
        output.result({"batches": told, "next": found.next_cursor or None}, lines)


@app.command()
def show(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The id of the batch (stl_…, from `settlement list`).")],
    csv: Csv = None,
    xlsx: Xlsx = None,
    pdf: Pdf = None,
    language: Language = "zh",
) -> None:
    """The statement of a batch: its lines, what they come to, and what was paid."""
    with context.at_work("settlement.read") as caller:
        from yuefu.journeys import statements

        batch_id = inputs.object_id("batch", batch)
        with caller.reading():
            found = statements.of_batch(batch_id=batch_id)
            lines = [line for chunk in statements.lines(found.parts[0]) for line in chunk] if found else []
        if found is None:
            fail(UNKNOWN_BATCH, f"There is no batch {batch!r:.60} here.")
        written = _written(caller, found, {"csv": csv, "xlsx": xlsx, "pdf": pdf}, language)
        output.result({**_statement(found, lines), "files": written}, [*_lines(found, lines), *_told(written)])


@app.command()
def month(
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="The merchant's code.")],
    of: Annotated[str, typer.Argument(metavar="MONTH", help="The month of the pay days, YYYY-MM.")],
    csv: Csv = None,
    xlsx: Xlsx = None,
    pdf: Pdf = None,
    language: Language = "zh",
) -> None:
    """The statement of a month: its batches and what they come to together."""
    with context.at_work("settlement.read") as caller:
        from yuefu import ids
        from yuefu.journeys import statements

        first = inputs.month(of)
        merchant_id = merchant_of(caller, merchant)
        with caller.reading():
            found = statements.of_month(book_id=caller.book.id, merchant_id=merchant_id, month=first, currency=caller.book.currency)
        assert found is not None, "the merchant was found by its code"
        written = _written(caller, found, {"csv": csv, "xlsx": xlsx, "pdf": pdf}, language)
        batches = [_batch(one.batch) for one in found.parts]
        value = {
            "merchant": ids.text("merchant", merchant_id),
            "code": found.merchant.code,
            "month": f"{first:%Y-%m}",
            "batches": batches,
            "totals": _totals(found.totals),
            "waiting": found.undated,
            "adds_up": found.adds_up,
            "files": written,
        }
        rows = [[one["batch"], one["pay_on"], one["state"], one["net"], one["payout"], one["carried"]] for one in batches]
        table = output.table(["batch", "pay on", "state", "net", "payout", "carried"], rows)
        lines = [
            table if rows else f"{found.merchant.name_en} was paid nothing in {first:%Y-%m}.",
            *_figures(found.totals, adds_up=found.adds_up),
            *(
                [f"{output.shown(found.undated)} waits for delivery, receipt or instalments now, and has no pay day yet."]
                if found.undated
                else []
            ),
        ]
        output.result(value, [*lines, *_told(written)])


def _written(caller: Caller, found: Statement, wanted: dict[Form, Path | None], language: Literal["zh", "en"]) -> list[dict[str, Any]]:
    """Writes the files that are wanted. Of a statement that does not prove itself none is."""
    from yuefu.errors import Refused, RefusedError
    from yuefu.journeys import statements
    from yuefu.journeys.statement_files import write

    asked = {form: path for form, path in wanted.items() if path is not None}
    if not asked:
        return []
    proven = statements.prove(book_id=caller.book.id, statement=found)
    if isinstance(proven, Refused):
        raise RefusedError(proven)
    for form, path in asked.items():
        with inputs.writing(path) as file, caller.reading():
            write(proven=proven, form=form, language=language, lender=caller.book.legal_entity, to=file)
    return [{"file": str(path), "bytes": path.stat().st_size} for path in asked.values()]


def _told(written: list[dict[str, Any]]) -> list[str]:
    return [f"Written to {one['file']}." for one in written]


def _batch(one: Batch) -> dict[str, Any]:
    from yuefu import ids

    return {
        "batch": ids.text("batch", one.id),
        "pay_on": one.pay_on,
        "state": one.state,
        "lines": one.line_count,
        "net": one.totals.net,
        "payout": one.totals.payout,
        "carried": one.totals.carried,
    }


def _totals(figures: Totals) -> dict[str, Money]:
    from yuefu.journeys.statements import FIGURES

    return {name: getattr(figures, name) for name in FIGURES}


def _statement(found: Statement, lines: Sequence[Line]) -> dict[str, Any]:
    from yuefu import ids

    return {
        **_batch(found.parts[0].batch),
        "merchant": ids.text("merchant", found.merchant.id),
        "code": found.merchant.code,
        "totals": _totals(found.totals),
        "adds_up": found.adds_up,
        "items": [
            {
                "on": line.item.earned_on,
                "kind": line.item.kind,
                "order": ids.text("order", line.item.order_id) if line.item.order_id else None,
                "reference": line.reference,
                "gross": line.item.gross,
                "fee": line.item.fee,
                "vat": line.item.vat,
                "discount": line.item.discount,
                "net": line.item.net,
                "contract": line.item.contract_version or None,
            }
            for line in lines
        ],
        "payouts": [
            {"reference": one.reference, "amount": one.amount, "state": one.state, "paid_on": one.paid_on, "returned_on": one.returned_on}
            for one in found.parts[0].payouts
        ],
    }


def _lines(found: Statement, lines: Sequence[Line]) -> list[str]:
    told = _statement(found, lines)
    head = f"{found.merchant.name_zh} {found.merchant.name_en}: {told['batch']}, {told['pay_on']}, {told['state']}"
    rows = [[one["on"], one["kind"], one["reference"], one["gross"], one["fee"], one["discount"], one["net"]] for one in told["items"]]
    paid = [f"{one['state']} as {one['reference']}: {output.shown(one['amount'])}" for one in told["payouts"]]
    table = output.table(["date", "kind", "reference", "gross", "fee", "discount", "net"], rows)
    return [head, table, *_figures(found.totals, adds_up=found.adds_up), *paid]


def _figures(figures: Totals, *, adds_up: bool) -> list[str]:
    told = {name: amount for name, amount in _totals(figures).items() if amount or name in {"net", "payout"}}
    sums = ", ".join(f"{name} {output.shown(amount)}" for name, amount in told.items())
    return [sums + ("" if adds_up else "; the lines do NOT add up to it")]
