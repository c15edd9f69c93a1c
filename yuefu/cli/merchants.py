"""`yuefu merchant …`: who sells, on which contract, and in which state."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.context import Caller
from yuefu.cli.contracts import CONTRACT, CONTRACT_EXAMPLE, agents_of, contract_of
from yuefu.cli.faults import fail
from yuefu.cli.items import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yuefu.merchants.commands import NewMerchant

MERCHANT: Final = "code name_zh name_en uscc industry settlement_account settlement_account_kind settlement_account_holder? settlement_bank_code? contract"
_IN_CONTRACT: Final = {"fee_rate_ppm": "fee_rate"}
_IN_MERCHANT: Final = {
    "fee_rate_ppm": "contract.fee_rate",
    **{name: f"contract.{name}" for name in CONTRACT.replace("?", "").split() if name not in {"fee_rate", "currency"}},
}
_EXAMPLE: Final = (
    'An item: {code, name_zh, name_en, uscc, industry, settlement_account (8 to 32 digits), settlement_account_kind: "corporate", contract};'
    " it may have settlement_account_holder (the merchant itself) and settlement_bank_code (CNAPS number or BIC)."
)
app = typer.Typer(no_args_is_help=True, help="Merchants and their contracts.")


@app.command("list")
def list_merchants() -> None:
    """The merchants of the book."""
    with context.at_work("merchant.read") as caller, caller.for_the_book().reading():
        from yuefu import ids
        from yuefu.merchants import queries as merchants

        found = [{**asdict(shown), "id": ids.text("merchant", shown.id)} for shown in merchants.merchants(book_id=caller.book.id)]
        rows = [(one["id"], one["code"], one["name_en"], one["name_zh"], one["state"], one["settlement_account_masked"]) for one in found]
        output.result({"merchants": found}, output.table(["merchant", "code", "name", "名称", "state", "account"], rows))


@app.command(help=f"Take on merchants with their contracts: all of a file or none.\n\n{_EXAMPLE}\n\n{CONTRACT_EXAMPLE}")
def onboard(
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: one merchant or a list of them; - is standard input.")],
    key: Annotated[str | None, typer.Option(help="For items without a key of their own; repeating it finds what was made before.")] = None,
) -> None:
    with context.at_work("merchant.onboard") as caller:
        from yuefu import ids
        from yuefu.merchants import commands as merchants
        from yuefu.merchants import queries as known

        currency = caller.for_the_book().book.currency
        agents = agents_of(caller)
        given = items.read(file, MERCHANT, lambda fields, own: _merchant(fields, own, currency, agents), key=key)
        done = batches.all_or_nothing(
            caller,
            given,
            lambda work, new: merchants.onboard(work=work, vault=caller.desk.vault, merchants=new),
            _IN_MERCHANT,
        )
        with caller.reading():
            shown = known.shown(ids=[one.id for one in done])
        found: list[dict[str, Any]] = [
            {
                "merchant": ids.text("merchant", one.id),
                "code": shown[one.id].code,
                "state": shown[one.id].state,
                "account": shown[one.id].settlement_account_masked,
                "again": one.again,
            }
            for one in done
        ]
        output.result(
            {"merchants": found}, output.table(["merchant", "code", "state", "account", "again"], [list(row.values()) for row in found])
        )


def _merchant(fields: Fields, key: str, currency: str, agents: Mapping[str, UUID]) -> NewMerchant:
    from yuefu.merchants.commands import NewMerchant

    return NewMerchant(
        key=key,
        code=fields.text("code"),
        name_zh=fields.text("name_zh"),
        name_en=fields.text("name_en"),
        uscc=fields.text("uscc"),
        industry=fields.text("industry"),
        settlement_account=fields.text("settlement_account"),
        settlement_account_kind=fields.text("settlement_account_kind"),
        contract=contract_of(fields.inside("contract", CONTRACT), currency, agents),
        settlement_account_holder=fields.text("settlement_account_holder") if fields.has("settlement_account_holder") else "",
        settlement_bank_code=fields.text("settlement_bank_code") if fields.has("settlement_bank_code") else "",
    )


@app.command(help=f"Ask for a new contract of a merchant; it begins once a second person approves it.\n\n{CONTRACT_EXAMPLE}")
def amend(
    merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")],
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: the whole contract; - is standard input.")],
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
) -> None:
    with context.at_work("merchant.amend") as caller:
        from yuefu import ids
        from yuefu.merchants import commands as merchants
        from yuefu.merchants import rules

        merchant_id, _ = merchant_named(caller.for_the_book(), merchant)
        why = inputs.reason(reason)
        agents = agents_of(caller)
        terms = items.one(
            file,
            CONTRACT,
            lambda fields, _: contract_of(fields, caller.book.currency, agents),
            what="An amendment is one contract: an object",
        )
        waiting = asked_before(caller, merchants.AMEND, merchant_id, rules.terms_json(terms))
        if waiting is None:
            amendment = merchants.Amendment(merchant_id, terms, why)
            (done,) = batches.all_or_nothing(
                caller,
                [items.Item("", terms)],
                lambda work, _: merchants.propose_amendments(work=work, amendments=[amendment]),
                _IN_CONTRACT,
            )
        asked = waiting or done.id
        output.result({"approval": ids.text("approval", asked), "merchant": merchant, "state": "waiting", "again": waiting is not None})


@app.command()
def state(
    merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")],
    to: Annotated[str, typer.Argument(metavar="STATE", help="active, suspended, or closed, from which there is no way back.")],
    reason: Annotated[str, typer.Option(help="Why, as a code, e.g. fraud_suspected.")],
) -> None:
    """Suspend a merchant, activate it again, or close it. One that is in that state already stays as it is."""
    with context.at_work("merchant.change_state") as caller:
        from yuefu import ids
        from yuefu.merchants import commands as merchants

        merchant_id, before = merchant_named(caller.for_the_book(), merchant)
        if to not in {"active", "suspended", "closed"}:
            fail("unknown_state", f"A state is active, suspended or closed, not {to!r:.40}.")
        change = merchants.StateChange(merchant_id, to, inputs.reason_code(reason))
        if before != to:
            caller.acting(lambda work: merchants.change_states(work=work, changes=[change])[0])
        output.result({"merchant": ids.text("merchant", merchant_id), "code": merchant, "state": to, "again": before == to})


def merchant_named(caller: Caller, code: str) -> tuple[UUID, str]:
    """The merchant of a code and its state."""
    from yuefu.merchants import queries as merchants

    with caller.reading():
        found = next((one for one in merchants.merchants(book_id=caller.book.id) if one.code == code), None)
    if found is None:
        fail("unknown_merchant", f"There is no merchant {code!r:.80} in this book.")
    return found.id, found.state


def asked_before(caller: Caller, action: str, object_id: UUID, content: dict[str, Any] | None = None) -> UUID | None:
    """A request of the same content that waits for its second person: asking twice makes one."""
    from yuefu.runtime import approvals

    with caller.reading():
        waiting = approvals.waiting_about(book_id=caller.book.id, action=action, object_ids=[object_id])
    same = [one for one in waiting if content in (None, dict(one.content))]
    return same[0].id if same else None
