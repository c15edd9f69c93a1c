"""`yuefu payee …`: agents who bring merchants, and hosts who sell live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.faults import fail
from yuefu.cli.items import Fields

if TYPE_CHECKING:
    from uuid import UUID

    from yuefu.cli.context import Caller
    from yuefu.merchants.commands.payees import NewPayee

PAYEE: Final = "code kind form name_zh name_en identity account account_kind parent?"
_EXAMPLE: Final = (
    'An item: {code, kind: "agent" or "host", form: "company" or "person", name_zh, name_en, identity (credit code of a company, identity number of a'
    ' person), account (8 to 32 digits), account_kind: "corporate" of a company, "personal" of a person, parent: the code of the agent above an agent}.'
)

app = typer.Typer(no_args_is_help=True, help="Agents and hosts, who share in merchants' fees.")


@app.command(help=f"Register agents and hosts: all of a file or none.\n\n{_EXAMPLE}")
def register(
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: one of them or a list; - is standard input.")],
    key: Annotated[str | None, typer.Option(help="For items without a key of their own; repeating it finds what was made before.")] = None,
) -> None:
    with context.at_work("merchant.onboard") as caller:
        from yuefu import ids
        from yuefu.merchants.commands import payees

        caller.for_the_book()
        given = items.read(file, PAYEE, _payee, key=key)
        done = batches.all_or_nothing(
            caller, given, lambda work, new: payees.register(work=work, vault=caller.desk.vault, new=new), {"payee_id": "code"}
        )
        found: list[dict[str, Any]] = [
            {"payee": ids.text("payee", one.id), "code": item.request.code, "again": one.again}
            for one, item in zip(done, given, strict=True)
        ]
        output.result({"payees": found}, output.table(["payee", "code", "again"], [list(row.values()) for row in found]))


def _payee(fields: Fields, key: str) -> NewPayee:
    from yuefu.merchants.commands.payees import NewPayee

    return NewPayee(
        key=key,
        code=fields.text("code"),
        kind=fields.text("kind"),
        form=fields.text("form"),
        name_zh=fields.text("name_zh"),
        name_en=fields.text("name_en"),
        identity=fields.text("identity"),
        account=fields.text("account"),
        account_kind=fields.text("account_kind"),
        parent=fields.text("parent") if fields.has("parent") else "",
    )


ACCOUNT: Final = "account account_kind holder? bank_code?"
_ACCOUNT_EXAMPLE: Final = (
    'The account: {account (8 to 32 digits), account_kind: "corporate" of a company or funder, "personal" of a person, holder (the payee\'s name, which is'
    " also meant where it is left out; of a funder it is needed), bank_code (CNAPS number 联行号 or BIC; may be left out)}."
)
_Payee = Annotated[str, typer.Argument(metavar="CODE", help="The code of the agent or host, or the id of a funder (fnd_…).")]


@app.command()
def account(code: _Payee) -> None:
    """Every account that an agent, host or funder was paid to, the first one first, and what banks found of it."""
    with context.at_work("merchant.read") as caller:
        from yuefu import ids
        from yuefu.merchants.queries import payee_accounts

        _, payee_id = _named(caller.for_the_book(), code)
        with caller.reading():
            known = payee_accounts.versions(book_id=caller.book.id, payee_id=payee_id)
        columns = ["version", "valid_from", "account", "kind", "holder", "bank_code", "flagged_on", "fault"]
        found = [
            {"id": ids.text("payee_account", one.id), "account": one.masked}
            | {name: getattr(one, name) for name in columns if name != "account"}
            for one in known
        ]
        rows = [["" if one[name] is None else one[name] for name in columns] for one in found]
        output.result({"payee": code, "accounts": found}, output.table(columns, rows) if found else "No account yet.")


@app.command("change-account", help=f"Ask for another account of one; it is paid to once a second person approves.\n\n{_ACCOUNT_EXAMPLE}")
def change_account(
    code: _Payee,
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: the account; - is standard input.")],
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
) -> None:
    with context.at_work("merchant.amend") as caller:
        from yuefu import ids
        from yuefu.merchants import commands as merchants
        from yuefu.merchants.commands import PayeeAccountChange

        party, payee_id = _named(caller.for_the_book(), code)
        why = inputs.reason(reason)

        def read(fields: Fields, _: str) -> PayeeAccountChange:
            holder, bank = (fields.text(name) if fields.has(name) else "" for name in ("holder", "bank_code"))
            return PayeeAccountChange(party, payee_id, fields.text("account"), fields.text("account_kind"), holder, bank, why)

        wanted = items.one(file, ACCOUNT, read, what="An account is one object")
        asked = caller.acting(lambda work: merchants.propose_payee_account(work=work, vault=caller.desk.vault, change=wanted))
        output.result({"approval": ids.text("approval", asked), "payee": code, "state": "waiting"})


def _named(caller: Caller, code: str) -> tuple[str, UUID]:
    """The party and id that a code, or the id of a funder, names."""
    from yuefu.merchants.queries import payees

    if code.startswith("fnd_"):
        return "funder", inputs.object_id("funder", code)
    with caller.reading():
        found = payees.by_code(book_id=caller.book.id, codes=[code]).get(code)
    if found is None:
        fail("unknown_payee", f"There is no agent or host {code!r:.60} in this book.")
    return found.kind, found.id


@app.command("list")
def list_payees() -> None:
    """The agents and hosts of the book; agents below the one they stand under."""
    with context.at_work("merchant.read") as caller, caller.for_the_book().reading():
        from yuefu import ids
        from yuefu.merchants.queries import payees

        known = payees.payees(book_id=caller.book.id)
        codes = {one.id: one.code for one in known}
        found = [
            {
                "payee": ids.text("payee", one.id), "code": one.code, "kind": one.kind, "form": one.form, "name_zh": one.name_zh,
                "name_en": one.name_en, "parent": codes[one.parent_id] if one.parent_id else None, "state": one.state, "account": one.account_masked,
            }
            for one in known
        ]  # fmt: skip
        rows = [
            [one["code"], one["kind"], one["form"], one["name_en"], one["name_zh"], one["parent"] or "", one["state"], one["account"]]
            for one in found
        ]
        table = output.table(["code", "kind", "form", "name", "名称", "below", "state", "account"], rows)
        output.result({"payees": found}, table if found else "No agent and no host. See `yuefu payee register --help`.")


@app.command()
def end(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of the agent or host.")],
    reason: Annotated[str, typer.Option(help="Why, as a code, e.g. contract_ended.")],
) -> None:
    """End one: nothing that is sold from now on is shared with it. What it has, it keeps."""
    with context.at_work("merchant.change_state") as caller:
        from yuefu import ids
        from yuefu.merchants.commands import payees
        from yuefu.merchants.queries import payees as known

        with caller.for_the_book().reading():
            found = known.by_code(book_id=caller.book.id, codes=[code]).get(code)
        if found is None:
            fail("unknown_payee", f"There is no agent or host {code!r:.60} in this book.")
        why = inputs.reason_code(reason)
        if found.state != "ended":
            caller.acting(lambda work: payees.end(work=work, payee_ids=[found.id], reason=why)[0])
        output.result({"payee": ids.text("payee", found.id), "code": code, "state": "ended", "again": found.state == "ended"})


@app.command()
def act(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of the agent.")],
    merchant: Annotated[str, typer.Option(help="The code of the merchant for whom it may act over the API.")],
    stop: Annotated[bool, typer.Option("--end", help="It may no more, from now on.")] = False,
) -> None:
    """Let an agent act for a merchant over the API, with keys of its own (key issue --agent), or no more."""
    with context.at_work("merchant.amend") as caller:
        from yuefu import ids
        from yuefu.cli.quote import merchant_of
        from yuefu.merchants.commands import acting

        agent_id, merchant_id = agent_of(caller.for_the_book(), code), merchant_of(caller, merchant)
        do = acting.end if stop else acting.grant
        caller.acting(lambda work: do(work=work, agent_id=agent_id, merchant_id=merchant_id))
        output.result({"payee": ids.text("payee", agent_id), "code": code, "merchant": merchant, "acts": not stop})


def agent_of(caller: Caller, code: str) -> UUID:
    """The agent of a code."""
    from yuefu.merchants.queries import payees as known

    with caller.reading():
        found = known.by_code(book_id=caller.book.id, codes=[code]).get(code)
    if found is None or found.kind != "agent":
        fail("unknown_payee", f"There is no agent {code!r:.60} in this book.")
    return found.id
