"""`yuefu ledger …`: does it balance, is it still what was written, what does an account hold."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, fail

if TYPE_CHECKING:
    from yuefu.runtime.values import Book

app = typer.Typer(no_args_is_help=True, help="The ledger: trial balance, seals, balances.")

On = Annotated[date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="Up to and including this posting day.")]
FileOut = Annotated[Path, typer.Argument(metavar="FILE", help="Where it goes; a file of that name is replaced once all is written.")]


@app.command("trial-balance")
def trial_balance(on: On = None) -> None:
    """Debits and credits of every kind of account. Exit status 1 if they do not sum to zero."""
    with context.at_work("ledger.read") as caller:
        from yuefu.ledger import queries as ledger

        with caller.for_the_book().reading():
            rows = ledger.trial_balance(caller.book.id, posted_until=on)
        sums: dict[str, int] = {}
        for row in rows:
            sums[row.currency] = sums.get(row.currency, 0) + row.debit.minor - row.credit.minor
        zero = not any(sums.values())
        value = {
            "book": caller.book.code,
            "on": on,
            "zero": zero,
            "rows": [
                {
                    "account": r.code,
                    "class": r.cls,
                    "currency": r.currency,
                    "debit": r.debit,
                    "credit": r.credit,
                    "balance": r.debit - r.credit,
                }
                for r in rows
            ],
            "residual_minor": sums,
        }
        shown = output.table(
            ["class", "account", "debit", "credit", "balance"], [(r.cls, r.code, r.debit, r.credit, r.debit - r.credit) for r in rows]
        )
        output.result(value, [shown, "The trial balance is zero." if zero else f"The trial balance is NOT zero: {sums}"])
    if not zero:
        raise typer.Exit(FAILED)


@app.command()
def chart() -> None:
    """Every component: its names, class and kind, whether people may post to it by hand, and its code in the general ledger."""
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys import general_ledger

        with caller.for_the_book().reading():
            found = general_ledger.chart(book=caller.book, on=caller.today)
        rows = [
            {
                "gl_code": code,
                "component": account.code,
                "class": account.cls,
                "kind": account.kind,
                "manual": account.manual,
                "name_en": account.name_en,
                "name_zh": account.name_zh,
            }
            for account, code in found
        ]
        output.result({"book": caller.book.code, "chart": rows}, output.table(list(rows[0]), [list(row.values()) for row in rows]))


@app.command("gl-export")
def gl_export(
    on: Annotated[date, typer.Option("--on", metavar="DATE", parser=inputs.day, help="The closed day.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the CSV goes; standard output unless given.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Of a day that is not closed yet: it may still move.")] = False,
) -> None:
    """What a day moved, as CSV for the general ledger: a row for each component, funder and product."""
    with context.at_work("ledger.read") as caller:
        from yuefu.errors import Refused
        from yuefu.journeys import general_ledger

        with caller.for_the_book().reading():
            found = general_ledger.daily(book=caller.book, on=on, draft=draft)
        if isinstance(found, Refused):
            fail(found.code, f"{found.detail[0].upper()}{found.detail[1:]}.")
        value = {"book": caller.book.code, "on": on, "draft": found.draft, "rows": len(found.moved), "file": str(out) if out else None}
        if out is None:
            output.result({**value, "csv": found.text}, found.text.rstrip("\n"))
        else:
            with inputs.writing(out) as file:
                file.write(found.text.encode())
            output.result(value)


@app.command()
def export(
    file: FileOut,
    since: Annotated[
        date | None, typer.Option("--from", metavar="DATE", parser=inputs.day, help="The first posting day; all unless given.")
    ] = None,
    until: Annotated[date | None, typer.Option("--to", metavar="DATE", parser=inputs.day, help="The last posting day.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="CODE", help="To Parquet only: the lines of this account; of all unless given.")
    ] = None,
) -> None:
    """Write the journal to a file, an entry a line, in the order in which the entries committed; to a name that ends in .parquet, its lines as a table
    for DuckDB and `yuefu match`.
    """
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys import journal_file

        book = caller.for_the_book().book
        if since and until and until < since:
            fail("bad_period", f"{until} is before {since}.")
        if file.suffix.lower() == ".parquet":
            _export_table(book, file, since, until, account)
            return
        if account:
            fail("not_of_one_account", "Entries are of several accounts: only a FILE.parquet takes the lines of one.")
        with inputs.writing(file) as opened, output.progress("entries") as tell:
            gone = journal_file.write(book=book, file=opened, tell=tell, since=since, until=until)
        value = {"book": book.code, "file": str(file), "entries": gone.entries, "accounts": gone.accounts}
        output.result({**value, "chain": {"number": gone.sealed, "head": gone.head}})


def _export_table(book: Book, file: Path, since: date | None, until: date | None, account: str | None) -> None:
    from yuefu.journeys import journal_table
    from yuefu.ledger.rules import CHART

    if account is not None and account not in CHART:
        fail("unknown_account", _unknown(account))
    with inputs.writing(file) as opened, output.progress("lines") as tell:
        table = journal_table.write(book=book, path=Path(opened.name), tell=tell, since=since, until=until, account=account)
    moved = [
        {"account": code, "currency": currency, "debit_minor": debit, "credit_minor": credit}
        for (code, currency), (debit, credit) in sorted(table.moved.items())
    ]
    value = {"book": book.code, "file": str(file), "lines": table.lines, "accounts": len(moved), "moved": moved}
    output.result(value, f"{table.lines} lines of {len(moved)} accounts are in {file}; each account's are what its balance moved.")


@app.command("import")
def bring_in(file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="What `yuefu ledger export` wrote of another book.")]) -> None:
    """Bring in the journal of another book: posted to the open day, true on the days on which it was. Repeating it changes nothing."""
    with context.at_work("ledger.import") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import journal_file

        inputs.regular_file(file)
        desk = caller.for_the_book().desk
        with output.progress("entries") as tell:
            come = journal_file.bring_in(desk=desk, now=caller.now, path=file, tell=tell)
        if isinstance(come, Refused):
            raise RefusedError(come)
        source = {"book": ids.text("book", come.source.book_id), "code": come.source.code}
        output.result({"book": desk.book.code, "source": source, "entries": come.entries, "known": come.known})


@app.command("beancount")
def write_beancount(file: FileOut) -> None:
    """Write the journal for Beancount, with what each account holds: `bean-check FILE` proves it."""
    with context.at_work("ledger.read") as caller:
        from yuefu.journeys import journal_file

        book = caller.for_the_book().book
        with inputs.writing(file) as opened, output.progress("entries") as tell:
            entries = journal_file.write_beancount(book=book, file=opened, tell=tell)
        output.result({"book": book.code, "file": str(file), "entries": entries})


@app.command()
def verify() -> None:
    """Recompute the seal chain, against the heads kept outside the database too; exit status 1 names the first bad entry."""
    with context.at_work("ledger.read") as caller:
        from yuefu import ids
        from yuefu.journeys import jobs
        from yuefu.ledger import queries as ledger

        book = caller.for_the_book().book
        kept = jobs.heads(book)
        found = ledger.verify(book.id, anchors=kept.by_number)
        bad = ids.text("entry", found.bad_entry) if found.bad_entry else None
        value = {
            "book": book.code,
            "intact": found.intact,
            "sealed": found.sealed,
            "unsealed": found.unsealed,
            "first_bad": found.first_bad,
            "bad_entry": bad,
            "reason": found.reason,
            "heads": {"kept": len(kept.by_number), "cut_off_lines": kept.cut_off},
        }
        good = f"{found.sealed} entries are sealed and as they were written; {found.unsealed} are not sealed yet."
        said = good if found.intact else f"Link {found.first_bad} ({bad or 'no entry'}) does not hold: {found.reason}."
        output.result(value, [*map(_cut_off, kept.cut_off), said])
    if not found.intact:
        raise typer.Exit(FAILED)


def _cut_off(line_no: int) -> str:
    return f"Line {line_no} of YUEFU_HOME/seals.jsonl was cut off in the writing, as by a kill or a power cut: it says nothing."


@app.command()
def seal() -> None:
    """Seal every entry that has certainly committed; the new head is kept in YUEFU_HOME/seals.jsonl, outside the database."""
    with context.at_work("close_day") as caller:
        from yuefu.journeys import jobs

        number = jobs.seal(caller.to_write().desk, caller.now)
        head = jobs.heads(caller.book).by_number.get(number, b"")
        output.result({"book": caller.book.code, "sealed": number, "head": head.hex()})


@app.command()
def balance(
    account: Annotated[str, typer.Argument(metavar="CODE", help="The code of the account, e.g. loan_principal.")],
    on: On = None,
) -> None:
    """What an account holds, by funder and product; a debit balance is positive."""
    with context.at_work("ledger.read") as caller:
        from yuefu.ledger import queries as ledger
        from yuefu.ledger.rules import CHART
        from yuefu.money.amounts import Money

        with caller.for_the_book().reading():
            found = ledger.totals(caller.book.id, [account], posted_until=on)
        if account not in CHART:
            fail("unknown_account", _unknown(account))
        rows: list[dict[str, Any]] = [
            {"account": code, "funder": funder, "product": product, "balance": Money(minor, currency)}
            for (code, funder, product, currency), minor in sorted(found.items(), key=lambda item: (item[0][2], str(item[0][1])))
        ]
        sums: dict[str, int] = {} if found else {caller.book.currency: 0}
        for (_, _, _, currency), minor in found.items():
            sums[currency] = sums.get(currency, 0) + minor
        shown = output.table(["account", "funder", "product", "balance"], [list(row.values()) for row in rows])
        value = {"account": account, "on": on, "total_minor": sums, "parts": rows}
        output.result(value, shown)


def _unknown(account: str) -> str:
    return f"There is no account {account!r:.60} in the chart; `yuefu ledger chart` lists them."
