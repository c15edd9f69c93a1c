"""`yuefu paper …`: quotes of early settlement, statements of account, certificates that a loan is settled; and whether a certificate is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from hashlib import sha256
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.faults import fail
from yuefu.cli.order import only
from yuefu.cli.plan_show import language_of

if TYPE_CHECKING:
    from yuefu.papers.rules.certificates import Certificate
    from yuefu.papers.rules.quotes import PayoffQuote
    from yuefu.papers.rules.statements import Account, Line, Parts, Statement
    from yuefu.plans.offer.wording import Language as Spoken

app = typer.Typer(no_args_is_help=True, help="Papers: payoff quotes, statements of account, settlement certificates; verify one.")
Pdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write it as a PDF too.")]
Language = Annotated[str, typer.Option("--language", metavar="zh|en", help="The language of the PDF.")]

NOT_A_PDF: Final = "not_a_pdf"
_PARTS: Final = ("principal", "interest", "fees", "penalties")


@app.command("quote")
def show_quote(
    quote: Annotated[str, typer.Argument(metavar="QUOTE", help="The id of the quote (pqt_…), from `loan payoff`.")],
    pdf: Pdf = None,
    language: Language = "en",
) -> None:
    """A payoff quote as it was made, and whether it was used."""
    said, file = as_pdf(pdf, language)
    with context.at_work("paper.read") as caller:
        from yuefu.journeys import papers
        from yuefu.papers import queries as paper_book

        wanted = inputs.object_id("payoff_quote", quote)
        with caller.for_the_book().reading():
            found = paper_book.quoted(caller.book.id, wanted)
            if found is None:
                fail("unknown_quote", f"There is no payoff quote {quote} in this book.")
            made = written(file, lambda: papers.quote_pdf(desk=caller.desk, quote=found, language=said))
        value = {**quote_value(found), **made}
        output.result(value, quote_lines(value))


@app.command()
def pay(
    quote: Annotated[str, typer.Argument(metavar="QUOTE", help="The id of the quote (pqt_…), from `loan payoff`.")],
    instrument: Annotated[str, typer.Option(help="The card or wallet at the channel.")] = "wallet:sandbox",
    key: Annotated[str | None, typer.Option(help="The key of the request: the same key gives the first outcome again.")] = None,
) -> None:
    """Collect what a payoff quote asks, by one payment, and end its loans. A quote is used once, and holds for its day."""
    with context.at_work("repayment.record") as caller:
        from yuefu import ids
        from yuefu.journeys import ending
        from yuefu.papers import queries as paper_book

        wanted = inputs.object_id("payoff_quote", quote)
        with caller.for_the_book().reading():
            found = paper_book.quoted(caller.book.id, wanted)
        if found is None:
            fail("unknown_quote", f"There is no payoff quote {quote} in this book.")
        request = ending.PayQuote(inputs.key_or_new(key), found.consumer_id, found.id, instrument)
        done = only(ending.pay(desk=caller.desk, now=caller.now, requests=[request]))
        loans = [
            {
                "loan": ids.text("loan", part.loan_id),
                "amount": part.amount,
                "excess": part.excess,
                "collection": ids.text("collection", part.collection_id),
            }
            for part in done.parts
        ]
        value = {
            "payment": ids.text("collection", done.collection_id),
            "quote": quote,
            "state": done.state,
            "amount": done.amount,
            "failure_code": done.failure_code,
            "loans": loans,
            "key": request.key,
        }
        lines = [f"{done.state}: {done.amount} {done.failure_code}".rstrip()]
        lines.append(output.table(["loan", "amount", "excess"], [(each["loan"], each["amount"], each["excess"]) for each in loans]))
        output.result(value, lines)


@app.command()
def statement(
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="The consumer's reference: all loans of theirs.")] = None,
    loan: Annotated[str | None, typer.Option("--loan", metavar="LOAN", help="One loan (loan_…) instead.")] = None,
    first: Annotated[
        date | None,
        typer.Option("--from", metavar="DATE", parser=inputs.day, help="The first day; that of the month of --to unless given."),
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", metavar="DATE", parser=inputs.day, help="The last day; the open day unless given.")
    ] = None,
    pdf: Pdf = None,
    language: Language = "en",
) -> None:
    """Where loans stood before a range of days, what each fact changed, where they stand after it: it adds up, part by part."""
    said, file = as_pdf(pdf, language)
    if (reference is None) == (loan is None):
        fail("one_target", "Name a consumer by reference, or one loan with --loan.")
    with context.at_work("paper.read") as caller:
        from yuefu.journeys import papers
        from yuefu.papers import queries as paper_book

        consumer_id = consumer_named(caller.for_the_book(), reference) if reference is not None else None
        loan_id = inputs.object_id("loan", loan) if loan is not None else None
        today, book_id = caller.today, caller.book.id
        until = last or today
        days = {"first": first or until.replace(day=1), "last": until, "today": today}
        with caller.reading():
            if loan_id is not None:
                found = only([paper_book.statement_of_loan(book_id=book_id, loan_id=loan_id, **days)])
            else:
                assert consumer_id is not None
                found = only([paper_book.statement_of_consumer(book_id=book_id, consumer_id=consumer_id, **days)])
            made = written(file, lambda: papers.statement_pdf(desk=caller.desk, statement=found, made_on=today, language=said))
        output.result({**_statement_value(found), **made}, [*_statement_lines(found), *_told(made)])


@app.command()
def certify(
    loan: Annotated[str, typer.Argument(metavar="LOAN", help="The id of the loan (loan_…).")],
    pdf: Pdf = None,
    language: Language = "en",
) -> None:
    """The certificate that a loan is settled: issued once, and the same bytes whenever it is asked for again."""
    said, file = as_pdf(pdf, language)
    with context.at_work("paper.issue") as caller:
        from yuefu.journeys import papers

        wanted = inputs.object_id("loan", loan)
        found = only(papers.certify(desk=caller.to_write().desk, now=caller.now, loan_ids=[wanted]))
        made = written(file, lambda: only([papers.certificate_pdf(desk=caller.desk, now=caller.now, certificate=found, language=said)]))
        value = {**_certificate_value(found), **made}
        output.result(value)


@app.command("list")
def list_papers(
    reference: Reference,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many quotes at most.")] = 20,
) -> None:
    """The certificates of a consumer, in force or withdrawn, and the latest payoff quotes."""
    with context.at_work("paper.read") as caller:
        from yuefu.papers import queries as paper_book

        named = consumer_named(caller.for_the_book(), reference)
        with caller.reading():
            certificates = paper_book.certificates_of(book_id=caller.book.id, consumer_id=named)
            quotes = paper_book.quotes_of(book_id=caller.book.id, consumer_id=named, limit=limit)
        issued = [_certificate_value(one) for one in certificates]
        quoted = [quote_value(one) for one in quotes]
        columns, of_quotes = (
            ("number", "loan", "settled_on", "issued_on", "withdrawn_on"),
            ("quote", "on", "total", "valid_until", "used_at"),
        )
        said = [
            output.table([name.replace("_", " ") for name in columns], [_cells(one, columns) for one in issued]),
            output.table([name.replace("_", " ") for name in of_quotes], [_cells(one, of_quotes) for one in quoted]),
        ]
        output.result({"certificates": issued, "quotes": quoted}, said)


@app.command()
def verify(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number on the certificate, e.g. SC-2026-000012.")],
    code: Annotated[str | None, typer.Option("--code", metavar="HEX", help="The code printed on it, or the SHA-256 of the file.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The file itself.")] = None,
) -> None:
    """Whether a certificate is ours with this content, and whether it still holds; exit status 1 where it does not."""
    if (code is None) == (file is None):
        fail("one_target", "Give the code printed on the certificate with --code, or its file with --file.")
    with context.at_work("paper.read") as caller:
        from yuefu.journeys import papers

        hash_ = code if code is not None else sha256(inputs.file_content(file)).hexdigest()  # type: ignore[arg-type]
        with caller.for_the_book().reading():
            found = only([papers.verify(desk=caller.desk, now=caller.now, number=number, hash_=hash_)])
        output.result({**_certificate_value(found.certificate), "standing": found.standing})
    if found.standing != "valid":
        raise typer.Exit(1)


@app.command()
def review(
    since: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help="Of which something was entered since this day; yesterday unless given."),
    ] = None,
) -> None:
    """Withdraw the certificates of loans that were opened again; the worker does it by itself, every hour."""
    with context.at_work("paper.issue") as caller:
        from yuefu.journeys import papers

        gone = only([papers.review(desk=caller.to_write().desk, now=caller.now, since=since)])
        found = [_certificate_value(one) for one in gone]
        said = [f"{one['number']} of {one['loan']} was withdrawn: {one['reason']}" for one in found]
        output.result({"withdrawn": found}, said or ["No certificate had to be withdrawn."])


# ------------------------------------------------------------------------------------------------------------------------------ shared


def as_pdf(pdf: Path | None, language: str) -> tuple[Spoken, Path | None]:
    """The language and the file that were asked for, checked before anything is done."""
    said = language_of(language)
    if pdf is not None and pdf.suffix.lower() != ".pdf":
        fail(NOT_A_PDF, f"--pdf: {pdf} names no PDF; end it with .pdf.")
    if pdf is not None and not pdf.parent.is_dir():
        fail("file_error", f"--pdf: {pdf} cannot be written, for there is no directory {pdf.parent}: make it, or choose another place.")
    return said, pdf


def written(file: Path | None, made: Callable[[], bytes]) -> dict[str, Any]:
    """Writes a paper where a file was asked for; says its name and hash."""
    if file is None:
        return {}
    content = made()
    with inputs.writing(file) as opened:
        opened.write(content)
    return {"pdf": str(file), "pdf_sha256": sha256(content).hexdigest()}


def quote_value(found: PayoffQuote) -> dict[str, Any]:
    from yuefu import ids

    names = ("principal", "interest", "fees", "penalties", "from_credit", "total", "saved")
    loans = [{"loan": ids.text("loan", one.loan_id), **{name: getattr(one, name) for name in names}} for one in found.loans]
    return {
        "quote": ids.text("payoff_quote", found.id),
        "consumer": ids.text("consumer", found.consumer_id),
        "on": found.on,
        "valid_until": found.valid_until,
        "total": found.total,
        "saved": found.saved,
        "loans": loans,
        "sha256": found.sha256,
        "used_at": found.used_at,
    }


def quote_lines(value: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {output.shown(one)}" for name, one in value.items() if name != "loans" and one is not None)
    columns = [name.replace("_", " ") for name in value["loans"][0]]
    yield output.table(columns, [list(one.values()) for one in value["loans"]])


def _certificate_value(found: Certificate) -> dict[str, Any]:
    from yuefu import ids

    told = found.settled
    return {
        "certificate": ids.text("certificate", found.id),
        "number": found.number,
        "loan": ids.text("loan", told.loan_id),
        "consumer": ids.text("consumer", told.consumer_id),
        "lent": told.lent,
        "lent_on": told.lent_on,
        "settled_on": told.settled_on,
        "how": told.how,
        "issued_on": found.issued_on,
        "code": found.sha256,
        "withdrawn_on": found.withdrawn_on,
        "reason": found.reason,
    }


def _statement_value(found: Statement) -> dict[str, Any]:
    from yuefu import ids

    return {
        "consumer": ids.text("consumer", found.consumer_id),
        "from": found.first,
        "to": found.last,
        "loans": [_account_value(one) for one in found.accounts],
        "sums": [
            {"currency": currency, "opening": _parts(opening, currency), "closing": _parts(closing, currency)}
            for currency, (opening, closing) in found.sums().items()
        ],
        "left_out": [ids.text("loan", one) for one in found.left_out],
    }


def _account_value(one: Account) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.money.amounts import Money

    return {
        "loan": ids.text("loan", one.loan_id),
        "product": one.product,
        "status": one.status,
        "opening": _parts(one.opening, one.currency),
        "lines": [
            {
                "kind": line.kind,
                "on": line.on,
                "what": line.what,
                "no": line.no,
                "recorded_on": line.recorded_on,
                "amount": line.amount,
                **_parts(line.moved, one.currency),
                "undone_by": line.undone_by,
                "undone_on": line.undone_on,
            }
            for line in one.lines
        ],
        "closing": _parts(one.closing, one.currency),
        "written_off": Money(one.given_up, one.currency),
        "recovered": Money(one.recovered, one.currency),
    }


def _parts(parts: Parts, currency: str) -> dict[str, Any]:
    from yuefu.money.amounts import Money

    return {name: Money(getattr(parts, name), currency) for name in (*_PARTS, "credit", "owed")}


def _statement_lines(found: Statement) -> Iterator[str]:
    from yuefu import ids

    yield f"{found.first} to {found.last}, consumer {ids.text('consumer', found.consumer_id)}"
    for one in found.accounts:
        yield f"\n{ids.text('loan', one.loan_id)}  {one.product}, {one.currency}, {one.status}"
        rows = [["", "", "opening balance", "", *_figures(one.opening, one.currency)]]
        stands = accumulate((line.moved for line in one.lines), initial=one.opening)
        rows += [_shown(line, after, one.currency) for line, after in zip(one.lines, islice(stands, 1, None), strict=True)]
        rows.append(["", "", "closing balance", "", *_figures(one.closing, one.currency)])
        yield output.table(["on", "entered", "what", "amount", *_PARTS, "credit", "owed"], rows)
    if not found.accounts:
        yield "Nothing was owed and nothing happened in this period."
    if found.left_out:
        yield f"{len(found.left_out)} active loans of rule version 2026-1 are not in this statement."


def _shown(line: Line, after: Parts, currency: str) -> list[Any]:
    """A row of a statement: what changed of each part and, as in the file, what is owed after it."""
    what = line.what or "interest and charges of the days"
    said = f"{what} (undone on {line.undone_on})" if line.kind == "undone" else what
    return [line.on, line.recorded_on or "", said, line.amount or "", *_figures(line.moved, currency)[:-1], _figures(after, currency)[-1]]


def _figures(parts: Parts, currency: str) -> list[str]:
    return [money.decimal_text() for money in _parts(parts, currency).values()]


def _told(made: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {output.shown(one)}" for name, one in made.items())


def _cells(value: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
    return ["" if value[name] is None else value[name] for name in names]
