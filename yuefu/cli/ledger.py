"""`yuefu ledger …`: does it balance, is it still what was written, what does an account hold."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import FAILED, fail

app = typer.Typer(no_args_is_help=True, help="The ledger: trial balance, seals, balances.")

On = Annotated[date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="Up to and including this posting day.")]


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
def verify() -> None:
    """Recompute the seal chain, against the heads kept outside the database too; exit status 1 names the first bad entry."""
    with context.at_work("ledger.read") as caller:
        from yuefu import ids
        from yuefu.journeys import jobs
        from yuefu.ledger import queries as ledger

        found = ledger.verify(caller.for_the_book().book.id, anchors=jobs.heads(caller.book))
        bad = ids.text("entry", found.bad_entry) if found.bad_entry else None
        value = {
            "book": caller.book.code,
            "intact": found.intact,
            "sealed": found.sealed,
            "unsealed": found.unsealed,
            "first_bad": found.first_bad,
            "bad_entry": bad,
            "reason": found.reason,
        }
        good = f"{found.sealed} entries are sealed and as they were written; {found.unsealed} are not sealed yet."
        output.result(value, good if found.intact else f"Link {found.first_bad} ({bad or 'no entry'}) does not hold: {found.reason}.")
    if not found.intact:
        raise typer.Exit(FAILED)


@app.command()
def seal() -> None:
    """Seal every entry that has certainly committed; the new head is kept in YUEFU_HOME/seals.jsonl, outside the database."""
    with context.at_work("close_day") as caller:
        from yuefu.journeys import jobs

        number = jobs.seal(caller.to_write().desk, caller.now)
        head = jobs.heads(caller.book).get(number, b"")
        output.result({"book": caller.book.code, "sealed": number, "head": head.hex()})


@app.command()
def balance(
    account: Annotated[str, typer.Argument(metavar="CODE", help="The code of the account, e.g. loan_principal.")],
    on: On = None,
) -> None:
    """What an account holds, by funder and product; a debit balance is positive."""
    with context.at_work("ledger.read") as caller:
        from yuefu.ledger import queries as ledger
        from yuefu.money.amounts import Money

        with caller.for_the_book().reading():
            codes = {row.code for row in ledger.trial_balance(caller.book.id)}
            found = ledger.totals(caller.book.id, [account], posted_until=on)
        if account not in codes and not found:
            fail("unknown_account", f"There is no account {account!r:.60} in this book; `yuefu ledger trial-balance` lists them.")
        rows: list[dict[str, Any]] = [
            {"account": code, "funder": funder, "product": product, "balance": Money(minor, currency)}
            for (code, funder, product, currency), minor in sorted(found.items(), key=lambda item: (item[0][2], str(item[0][1])))
        ]
        sums: dict[str, int] = {}
        for (_, _, _, currency), minor in found.items():
            sums[currency] = sums.get(currency, 0) + minor
        shown = output.table(["account", "funder", "product", "balance"], [list(row.values()) for row in rows])
        value = {"account": account, "on": on, "total_minor": sums, "parts": rows}
        output.result(value, shown)
