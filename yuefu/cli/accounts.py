"""`yuefu account …`: the accounts at the channel and the bank, for own money and for that of clients."""

from __future__ import annotations

from typing import Final

import typer

from yuefu.cli import context, output

app = typer.Typer(no_args_is_help=True, help="Accounts of money at the channel and the bank.")

_COLUMNS: Final = ("code", "kind", "purpose", "provider", "number", "name_en", "name_zh", "balance")


@app.callback()
def accounts() -> None:
    """Accounts of money at the channel and the bank."""


@app.command("list")
def list_accounts() -> None:
    """Each account of the book with what the ledger says lies there; a debit balance is positive."""
    with context.at_work("ledger.read") as caller:
        from yuefu.ledger import queries as ledger
        from yuefu.money.amounts import Money
        from yuefu.payments import queries as payments
        from yuefu.payments.entries import COMPONENTS

        with caller.for_the_book().reading():
            found = payments.money_accounts(book_id=caller.book.id).values()
            held = ledger.money_balances(caller.book.id)
        rows = [
            {
                "code": account.code,
                "kind": account.kind,
                "purpose": account.purpose,
                "provider": account.provider,
                "number": account.number,
                "name_en": account.name_en,
                "name_zh": account.name_zh,
                "balance": Money(held.get((COMPONENTS[account.kind, account.purpose], account.id), 0), account.currency),
                "closed": account.closed_at is not None,
            }
            for account in found
        ]
        shown = output.table(list(_COLUMNS), [[row[name] for name in _COLUMNS] for row in rows])
        output.result({"book": caller.book.code, "accounts": rows}, shown)
