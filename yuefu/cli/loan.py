"""`yuefu loan …`: which there are and how late they are (`loan_look`); what ends them today; is what is stored of them what their terms and events say,
writing it anew; what a day brought them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import typer

from yuefu.cli import context, inputs, loan_look, output
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.faults import FAILED
from yuefu.cli.order import only
from yuefu.cli.paper import Language, Pdf, as_pdf, quote_lines, quote_value, written

AT_ONCE: Final = 1_000

app = typer.Typer(
    no_args_is_help=True, help="Loans: list, show, which are late; what ends them; verify what is stored, rebuild it; what a day brought."
)
loan_look.register(app)


@app.command()
def payoff(
    reference: Reference,
    loans: Annotated[
        list[str] | None, typer.Option("--loan", metavar="LOAN", help="A loan (loan_…); repeatable. All that are owed unless given.")
    ] = None,
    pdf: Pdf = None,
    language: Language = "en",
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
) -> None:
    """What has to be paid today to end loans of a consumer: a quote that is kept, and holds until the moment it names or until something happens to one of
    them.
    """
    said, file = as_pdf(pdf, language)
    with context.at_work("paper.issue") as caller:
        from yuefu.journeys import papers
        from yuefu.papers.commands import QuoteRequest

        named = consumer_named(caller.to_write(), reference)
        wanted = tuple(sorted({inputs.object_id("loan", text) for text in loans or ()}))
        request = QuoteRequest(inputs.key_or_new(key), named, wanted)
        found = only(papers.quote(desk=caller.desk, now=caller.now, requests=[request]))
        value = {**quote_value(found), **written(file, lambda: papers.quote_pdf(desk=caller.desk, quote=found, language=said))}
        output.result({**value, "key": request.key}, [*quote_lines(value), f"key: {request.key}"])


@app.command()
def verify(
    loans: Annotated[
        list[str] | None, typer.Argument(metavar="[LOAN]...", help="Ids of loans (loan_…); all of the book unless given.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the loans, where those are many.")] = 1,
) -> None:
    """Replay loans from their terms and events and compare with what is stored; exit status 1 names those that differ."""
    with context.at_work("ledger.read") as caller:
        from yuefu import ids
        from yuefu.journeys import replay
        from yuefu.loans import queries as loan_book
        from yuefu.runtime import sql

        book = caller.for_the_book().book
        asked = {inputs.object_id("loan", text) for text in loans or ()}
        with sql.snapshot(), output.progress("loans replayed") as progress:
            known = loan_book.all_ids(book.id)
            unknown = [ids.text("loan", i) for i in sorted(asked - set(known))]
            chosen = [i for i in known if not asked or i in asked]
            wrong = replay.verify(book=book, loan_ids=chosen, progress=progress, workers=workers)
        found = {ids.text("loan", i): list(names) for i, names in sorted(wrong.items())}
        value = {"book": book.code, "loans": len(chosen), "differ": found, "unknown": unknown}
        said = [f"{len(chosen)} loans were replayed; {len(found)} differ from what is stored."]
        said += [f"{loan}: {', '.join(names)}" for loan, names in found.items()]
        said += [f"{loan}: there is no such loan in this book" for loan in unknown]
        output.result(value, said)
    if found or unknown:
        raise typer.Exit(FAILED)


@app.command()
def rebuild(loans: Annotated[list[str], typer.Argument(metavar="LOAN...", help="Ids of loans (loan_…).")]) -> None:
    """Write what is stored of loans anew from a replay of their terms and events; all of them or none. Nothing is posted."""
    with context.at_work("loan.rebuild") as caller:
        from yuefu import ids
        from yuefu.errors import one
        from yuefu.loans import commands

        asked = sorted({inputs.object_id("loan", text) for text in loans})
        # A refusal raises inside the transaction, so that nothing of the others is written either.
        done = caller.for_the_book().acting(lambda work: [one([each]) for each in commands.rebuild_loans(work=work, loan_ids=asked)])
        found = [{"loan": ids.text("loan", each.loan_id), "changed": each.changed} for each in done]
        output.result({"loans": found}, output.table(["loan", "changed"], [list(row.values()) for row in found]))


@app.command()
def brought(
    on: Annotated[date, typer.Argument(metavar="DATE", parser=inputs.day, help="A day that was closed.")],
    portfolio: Annotated[int | None, typer.Option(min=1, help="Loan by loan, of the portfolio of this number.")] = None,
    after: Annotated[str | None, typer.Option(help="Those after this loan: the last of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=AT_ONCE, help="So many lines at most.")] = 100,
) -> None:
    """What a day brought loans of rule version 2026-2: by product and funder, or with --portfolio loan by loan, which adds up to it."""
    with context.at_work("ledger.read") as caller:
        from yuefu import ids
        from yuefu.loans import queries as loan_book

        start = inputs.object_id("loan", after) if after else None
        with caller.for_the_book().reading():
            if portfolio is None:
                found = loan_book.brought_in_all(caller.book.id, on)
                rows = [
                    {
                        "portfolio": each.portfolio_no,
                        "product": each.product,
                        "funder": ids.text("funder", each.funder_id),
                        "kind": each.kind,
                        "amount": each.amount,
                        "loans": each.loans,
                    }
                    for each in found
                ]
            else:
                parts = loan_book.brought(caller.book.id, on, portfolio_no=portfolio, limit=limit, after=start)
                rows = [{"loan": ids.text("loan", each.loan_id), "kind": each.kind, "minor": each.minor} for each in parts]
        said = [output.table(list(rows[0]), [list(row.values()) for row in rows])] if rows else [f"Nothing was brought on {on}."]
        output.result({"book": caller.book.code, "on": on, "brought": rows}, said)
