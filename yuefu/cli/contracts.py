"""Contracts as files say them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yuefu.cli.items import FieldFault, Fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from yuefu.cli.context import Caller
    from yuefu.merchants.rules import ContractTerms, FeeRule
    from yuefu.merchants.rules.charges import Penalty, Subsidy
    from yuefu.merchants.rules.holds import Holds
    from yuefu.merchants.rules.sharing import ProfitShare, Receiver

CONTRACT: Final = (
    "valid_from fee_rate settlement_days channel discounts? fee_on_refund negative_limit currency fees? minimum_payout? reserve? vat? fee_on?"
    " profit_share? holds? penalties? subsidies? settle_from? settle_by?"
)
FEE: Final = "rate fixed? product? channel? category? fewest_periods? most_periods? tiers?"
PROFIT_SHARE: Final = "receivers agent? early_default?"
RECEIVER: Final = "party rate? fixed? cap? level? on_refund? on_default?"
PENALTY: Final = "code amount of_month?"
HOLDS: Final = "evidence_days? tier? more_days?"
FEE_ON: Final = "rejection? charge_back? reversal?"
CONTRACT_EXAMPLE: Final = (
    'A contract: {valid_from: "2026-10-01", fee_rate: "0.60" (percent), settlement_days, channel, discounts: [{periods, rate}],'
    ' fee_on_refund: kept, returned (in proportion) or whole (with the first part), negative_limit: "500000.00", currency: "CNY"}. It may have'
    ' minimum_payout: "100.00", reserve: {rate: "5.00", days: 90} (kept back of captures for so many days after the pay day), and fees, of which the'
    ' first that is for a capture says what it costs: [{rate: "0.38", fixed: "0.10" (each capture), product, channel, category, fewest_periods, most_periods,'
    ' tiers: [{volume: "1000000.00" (sold in the month before), rate: "0.30"}]}]; what is left out is any. vat: "6.00" is the tax in fees;'
    " fee_on: {rejection, charge_back, reversal} says what becomes of fees where it differs from a refund: of goods refused at the door, of contested"
    ' payments, and of captures that are taken back whole on their day. profit_share: {receivers: [{party: host, agent or funder, rate: "5.00" (of the'
    ' price), fixed (each capture), cap (each capture), level (of agents: 2 is above the one named), on_refund: returned or kept, on_default: "100.00" (what'
    " of it goes back)}], agent: its code, early_default: {periods: 3, days: 30}} divides the fee; the platform has what is left."
    ' holds: {evidence_days: 14 (a capture waits so many days more, or until there is evidence of delivery), tier: "high", more_days: 5 (held so many'
    " business days more)}. settle_from: delivery or receipt counts the settlement days from that event (order delivered, order received), not from the"
    " capture, and until it there is no day. settle_by: period pays the part of each instalment as it is collected."
    ' penalties: [{code, amount: "500000.00", of_month: "80.00" (percent of what the sales of that month bring)}] and'
    ' subsidies: [{code, most: "10000.00"}] are the most that two people may charge or give (settlement adjust).'
)


def agents_of(caller: Caller) -> Mapping[str, UUID]:
    """The agents and hosts of the book, by code."""
    from yuefu.merchants.queries import payees

    with caller.reading():
        return {code: one.id for code, one in payees.by_code(book_id=caller.book.id).items()}


def contract_of(fields: Fields, currency: str, agents: Mapping[str, UUID]) -> ContractTerms:
    """The terms that a file says."""
    from yuefu.merchants.rules import ContractTerms
    from yuefu.merchants.rules.cycle import CAPTURE, WHOLE
    from yuefu.merchants.rules.holds import NO_HOLDS

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
        vat_ppm=fields.percent("vat").ppm if fields.has("vat") else 0,
        fee_on=_fee_on(fields.inside("fee_on", FEE_ON)) if fields.has("fee_on") else (),
        penalties=tuple([_penalty(one, currency) for one in fields.each("penalties", PENALTY)]),
        subsidies=tuple([_subsidy(one, currency) for one in fields.each("subsidies", "code most")]),
        holds=_holds(fields.inside("holds", HOLDS)) if fields.has("holds") else NO_HOLDS,
        settle_from=fields.text("settle_from") if fields.has("settle_from") else CAPTURE,
        settle_by=fields.text("settle_by") if fields.has("settle_by") else WHOLE,
        sharing=_sharing(fields.inside("profit_share", PROFIT_SHARE), currency, agents) if fields.has("profit_share") else None,
    )


def _penalty(fields: Fields, currency: str) -> Penalty:
    from yuefu.merchants.rules.charges import Penalty

    of_month = fields.percent("of_month").ppm if fields.has("of_month") else 0
    return Penalty(fields.text("code"), fields.money("amount", currency), of_month)


def _subsidy(fields: Fields, currency: str) -> Subsidy:
    from yuefu.merchants.rules.charges import Subsidy

    return Subsidy(fields.text("code"), fields.money("most", currency))


def _holds(fields: Fields) -> Holds:
    from yuefu.merchants.rules.holds import Holds

    evidence, more = (fields.whole(name) if fields.has(name) else 0 for name in ("evidence_days", "more_days"))
    return Holds(evidence, fields.text("tier") if fields.has("tier") else "", more)


def _sharing(fields: Fields, currency: str, agents: Mapping[str, UUID]) -> ProfitShare:
    from yuefu.merchants.rules.payees import UNKNOWN_PAYEE
    from yuefu.merchants.rules.sharing import ProfitShare

    agent = fields.text("agent") if fields.has("agent") else ""
    if agent and agent not in agents:
        raise FieldFault(UNKNOWN_PAYEE, fields.at("agent"), f"there is no agent {agent:.40} in this book")
    early = fields.inside("early_default", "periods days") if fields.has("early_default") else None
    return ProfitShare(
        receivers=tuple([_receiver(one, currency) for one in fields.each("receivers", RECEIVER)]),
        agent_id=agents.get(agent),
        early_periods=early.whole("periods") if early else 0,
        early_days=early.whole("days") if early else 0,
    )


def _receiver(fields: Fields, currency: str) -> Receiver:
    from yuefu.merchants.rules.sharing import Receiver
    from yuefu.money.amounts import Money

    return Receiver(
        party=fields.text("party"),
        rate_ppm=fields.percent("rate").ppm if fields.has("rate") else 0,
        fixed=fields.money("fixed", currency) if fields.has("fixed") else Money.zero(currency),
        cap=fields.money("cap", currency) if fields.has("cap") else None,
        level=fields.whole("level") if fields.has("level") else 1,
        on_refund=fields.text("on_refund") if fields.has("on_refund") else "returned",
        default_ppm=fields.percent("on_default").ppm if fields.has("on_default") else 1_000_000,
    )


def _fee_on(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((event, fields.text(event)) for event in sorted(FEE_ON.replace("?", "").split()) if fields.has(event))


def _fee(fields: Fields, currency: str) -> FeeRule:
    from yuefu.merchants.rules import FeeRule, Tier
    from yuefu.money.amounts import Money
    from yuefu.plans.terms import FEWEST_PERIODS, MOST_PERIODS

    return FeeRule(
        rate_ppm=fields.percent("rate").ppm,
        fixed=fields.money("fixed", currency) if fields.has("fixed") else Money.zero(currency),
        product=fields.text("product") if fields.has("product") else "",
        channel=fields.text("channel") if fields.has("channel") else "",
        category=fields.text("category") if fields.has("category") else "",
        fewest_periods=fields.whole("fewest_periods") if fields.has("fewest_periods") else FEWEST_PERIODS,
        most_periods=fields.whole("most_periods") if fields.has("most_periods") else MOST_PERIODS,
        tiers=tuple([Tier(one.money("volume", currency), one.percent("rate").ppm) for one in fields.each("tiers", "volume rate")]),
    )
