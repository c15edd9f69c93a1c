"""`yuefu merchant account|change-account`: where the money of a merchant goes, and went."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, items, output
from yuefu.cli.items import Fields
from yuefu.cli.merchants import merchant_named

if TYPE_CHECKING:
    from yuefu.merchants.queries import Account

ACCOUNT: Final = "settlement_account settlement_account_kind settlement_account_holder? settlement_bank_code?"
_EXAMPLE: Final = (
    'The account: {settlement_account (8 to 32 digits), settlement_account_kind: "corporate", settlement_account_holder (the name of the'
    " merchant, which is also meant where it is left out), settlement_bank_code (CNAPS number 联行号 or BIC; may be left out)}."
)


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `merchant`."""
    app.command("account")(account)
    app.command(
        "change-account", help=f"Ask for another account of a merchant; it is paid to once a second person approves.\n\n{_EXAMPLE}"
    )(change)


def account(merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")]) -> None:
    """Every account that a merchant was paid to, the first one first, and what banks found of it."""
    with context.at_work("merchant.read") as caller:
        from yuefu.merchants import queries as merchants

        merchant_id, _ = merchant_named(caller.for_the_book(), merchant)
        with caller.reading():
            found = [_told(one) for one in merchants.account_versions(merchant_id=merchant_id)]
        columns = ["version", "valid_from", "account", "holder", "bank_code", "flagged_on", "fault"]
        rows = [["" if one[name] is None else one[name] for name in columns] for one in found]
        output.result({"merchant": merchant, "accounts": found}, output.table(columns, rows))


def change(
    merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")],
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: the account; - is standard input.")],
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
) -> None:
    with context.at_work("merchant.amend") as caller:
        from yuefu import ids
        from yuefu.merchants import commands as merchants
        from yuefu.merchants.commands import AccountChange

        merchant_id, _ = merchant_named(caller.for_the_book(), merchant)
        why = inputs.reason(reason)

        def read(fields: Fields, _: str) -> AccountChange:
            holder, bank = (fields.text(name) if fields.has(name) else "" for name in ("settlement_account_holder", "settlement_bank_code"))
            number, kind = fields.text("settlement_account"), fields.text("settlement_account_kind")
            return AccountChange(merchant_id, number, kind, holder, bank, why)

        wanted = items.one(file, ACCOUNT, read, what="An account is one object")
        asked = caller.acting(lambda work: merchants.propose_account(work=work, vault=caller.desk.vault, change=wanted))
        output.result({"approval": ids.text("approval", asked), "merchant": merchant, "state": "waiting"})


def _told(one: Account) -> dict[str, Any]:
    from yuefu import ids

    found = asdict(one)
    return {"id": ids.text("merchant_account", found.pop("id")), "account": found.pop("masked"), **found} | {
        "merchant_id": ids.text("merchant", one.merchant_id)
    }
