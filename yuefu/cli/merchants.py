"""`yuefu merchant …`: who sells, on which contract, and in which state."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.items import FieldFault, Fields

if TYPE_CHECKING:
    from yuefu.merchants.commands import NewMerchant
    from yuefu.merchants.holds import Holds
    from yuefu.merchants.rules import ContractTerms, FeeRule

CONTRACT: Final = (
    "valid_from fee_rate settlement_days channel discounts? fee_on_refund negative_limit currency fees? minimum_payout? reserve? holds?"
)
FEE: Final = "rate fixed? product? channel? fewest_periods? most_periods? tiers?"
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
CONTRACT_EXAMPLE: Final = (
    'A contract: {valid_from: "2026-10-01", fee_rate: "0.60" (percent), settlement_days, channel, discounts: [{periods, rate}],'
    ' fee_on_refund: kept or returned, negative_limit: "500000.00", currency: "CNY"}. It may have minimum_payout: "100.00",'
    ' reserve: {rate: "5.00", days: 90} (kept back of captures for so many days after the pay day),'
    ' holds: {evidence_days: 14 (a capture waits so many days more, or until there is evidence of delivery), tier: "high", more_days: 5 (held so many'
    " business days more)}, and fees, of which the first"
    ' that is for a capture says what it costs: [{rate: "0.38", fixed: "0.10" (each capture), product, channel, fewest_periods, most_periods,'
    ' tiers: [{volume: "1000000.00" (sold in the month before), rate: "0.30"}]}]; what is left out is any.'
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
        given = items.read(file, MERCHANT, lambda fields, own: _merchant(fields, own, currency), key=key)
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


def _merchant(fields: Fields, key: str, currency: str) -> NewMerchant:
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
        contract=contract_of(fields.inside("contract", CONTRACT), currency),
        settlement_account_holder=fields.text("settlement_account_holder") if fields.has("settlement_account_holder") else "",
        settlement_bank_code=fields.text("settlement_bank_code") if fields.has("settlement_bank_code") else "",
    )


def contract_of(fields: Fields, currency: str) -> ContractTerms:
    from yuefu.merchants.holds import NO_HOLDS
    from yuefu.merchants.rules import ContractTerms

    reserve = fields.inside("reserve", "rate days") if fields.has("reserve") else None
    discounts = [(one.whole("periods"), one.percent("rate").ppm) for one in fields.each("discounts", "periods rate")]
    return ContractTerms(
        valid_from=fields.day("valid_from"),
        fee_rate_ppm=fields.percent("fee_rate").ppm,
        settlement_days=fields.whole("settlement_days"),
        channel=fields.text("channel"),
        discounts=tuple(sorted(discounts)),
        fee_on_refund=fields.text("fee_on_refund"),
        negative_limit=fields.money("negative_limit", fields.currency(currency)),
        fees=tuple([_fee(one, currency) for one in fields.each("fees", FEE)]),
        minimum_payout=fields.money("minimum_payout", currency) if fields.has("minimum_payout") else None,
        reserve_ppm=reserve.percent("rate").ppm if reserve else 0,
        reserve_days=reserve.whole("days") if reserve else 0,
        holds=_holds(fields.inside("holds", "evidence_days? tier? more_days?")) if fields.has("holds") else NO_HOLDS,
    )


def _holds(fields: Fields) -> Holds:
    from yuefu.merchants.holds import Holds

    evidence, more = (fields.whole(name) if fields.has(name) else 0 for name in ("evidence_days", "more_days"))
    return Holds(evidence, fields.text("tier") if fields.has("tier") else "", more)


def _fee(fields: Fields, currency: str) -> FeeRule:
    from yuefu.merchants.rules import FeeRule, Tier
    from yuefu.money.amounts import Money
    from yuefu.plans.terms import FEWEST_PERIODS, MOST_PERIODS

    return FeeRule(
        rate_ppm=fields.percent("rate").ppm,
        fixed=fields.money("fixed", currency) if fields.has("fixed") else Money.zero(currency),
        product=fields.text("product") if fields.has("product") else "",
        channel=fields.text("channel") if fields.has("channel") else "",
        fewest_periods=fields.whole("fewest_periods") if fields.has("fewest_periods") else FEWEST_PERIODS,
        most_periods=fields.whole("most_periods") if fields.has("most_periods") else MOST_PERIODS,
        tiers=tuple([Tier(one.money("volume", currency), one.percent("rate").ppm) for one in fields.each("tiers", "volume rate")]),
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
        given = items.read(file, CONTRACT, lambda fields, _: contract_of(fields, caller.book.currency))
        if len(given) > 1 or given[0].place:
            fail("wrong_type", "An amendment is one contract: an object, not a list.")
        if isinstance(given[0].request, FieldFault):
            fail(given[0].request.code, str(given[0].request))
        terms = given[0].request
        waiting = asked_before(caller, merchants.AMEND, merchant_id, rules.terms_json(terms))
        if waiting is None:
            amendment = merchants.Amendment(merchant_id, terms, why)
            (done,) = batches.all_or_nothing(
                caller, given, lambda work, _: merchants.propose_amendments(work=work, amendments=[amendment]), _IN_CONTRACT
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
        waiting = approvals.listed(book_id=caller.book.id, limit=1000)
    same = [one for one in waiting if (one.action, one.object_id) == (action, object_id) and content in (None, dict(one.content))]
    return same[0].id if same else None
