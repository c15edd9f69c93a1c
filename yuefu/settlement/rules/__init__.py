"""What a capture or refund means for a merchant, and how due items become a batch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules import Contract, Sold
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding, divide
from yuefu.money.split import pro_rata_step

UNKNOWN_CAPTURE = "unknown_capture"  # a refund names a capture that was never accrued
NO_CONTRACT = "no_contract"  # the merchant had no contract in force on that day
NO_SUCH_PLAN = "no_such_plan"  # the contract has no interest-free plan of so many periods
AMOUNT_NOT_POSITIVE = "amount_not_positive"
CURRENCY_DIFFERS = "currency_differs"
REFUND_EXCEEDS_CAPTURE = "refund_exceeds_capture"
UNKNOWN_BATCH = "unknown_batch"
NOT_POSSIBLE = "not_possible"  # the state of the batch does not allow this step
NOTHING_TO_PAY = "nothing_to_pay"  # all that the batch would pay is frozen
ACCOUNT_FLAGGED = "account_flagged"  # a bank sent money back from the merchant's account, and it has no other yet
UNKNOWN_MERCHANT = "unknown_merchant"
UNKNOWN_FREEZE = "unknown_freeze"
UNTIL_PASSED = "until_passed"  # a freeze ends on a day that is to come
FREEZE_ENDED = "freeze_ended"
CHANGED_SINCE = "changed_since"  # what was asked for is not as it was: reject it and ask anew
REFERENCE_INVALID = "reference_invalid"  # 1 to 64 characters by which the bank's statement names the payment
REFERENCE_REUSED = "reference_reused"  # another payout has this reference
EVIDENCE_INVALID = "evidence_invalid"
NO_EVIDENCE_NEEDED = "no_evidence_needed"  # the contract of the order waits for none
EVIDENCE_DIFFERS = "evidence_differs"  # the order has other evidence
OTHER_EVENT = "other_event"  # the contract counts from another event
PAID_ON_INVALID = "paid_on_invalid"  # what was paid outside was paid today or before

NOT_ACTIVE: Final = "merchant_not_active"
FROZEN: Final = "frozen"
"""Why a batch is held, beside ACCOUNT_FLAGGED and what the ledger or a bank says."""

ADJUSTMENTS: Final = ("penalty", "subsidy", "collected")
"""What two people charge a merchant or give it beside its sales: `collected` is what it paid of its debt."""

CATEGORIES: Final = {
    "capture": "sale",
    "refund": "refund",
    "reversal": "refund",
    "rejection": "refund",
    "charge_back": "dispute",
    "part": "instalment",
    "parted": "instalment",
    "carried": "carry_over",
    "reserved": "reserve",
    "released": "reserve",
    "frozen": "freeze",
    "thawed": "freeze",
    "penalty": "adjustment",
    "subsidy": "adjustment",
    "collected": "debt_payment",
}
"""What each kind of item, or each way back, is for whoever keeps books by it."""

TRANSITIONS: Final = frozenset(
    {
        ("held", "scheduled"),
        ("returned", "scheduled"),
        ("scheduled", "paid"),
        ("scheduled", "returned"),
        ("paid", "returned"),
        ("paid", "reconciled"),
        ("reconciled", "returned"),
    }
)


@dataclass(frozen=True, slots=True)
class Item:
    """A merchant's balance transaction: net = gross − fee − discount, all negative in a refund. `vat` is the tax in the fee.

    `source_id` is the capture or refund (or, for a carried balance, the batch it comes from); `capture_id` the capture it belongs to.
    `fee_on_refund` is the rule of the contract that the capture was made under; of a refund, what became of its fee. `event` says what way back a
    refund was. `lived`: the loan is one of rule version 2026-2, which keeps what the merchant pays for it itself. `due_on`: the day it settles once
    there is evidence of its delivery; None where none is waited for. `settles_on` is None where its contract counts from an event:
    then `settle_from` names it, and the day is `settle_days` business days after it.
    """

    id: UUID
    merchant_id: UUID
    kind: str
    order_id: UUID | None
    source_id: UUID
    capture_id: UUID | None
    loan_id: UUID | None
    funder_id: UUID | None
    product: str
    gross: Money
    fee: Money
    discount: Money
    net: Money
    vat: Money
    contract_version: int
    fee_on_refund: str
    earned_on: date
    settles_on: date | None
    lived: bool = False
    event: str = ""
    due_on: date | None = None
    settle_from: str = ""
    settle_days: int = 0


@dataclass(frozen=True, slots=True)
class Sum:
    """So many items of a merchant of one kind and funder, in sums."""

    kind: str
    funder_id: UUID | None
    count: int
    gross: Money
    fee: Money
    discount: Money
    net: Money


class Figures(Protocol):
    """What an item and a sum of items have in common."""

    @property
    def kind(self) -> str: ...
    @property
    def funder_id(self) -> UUID | None: ...
    @property
    def gross(self) -> Money: ...
    @property
    def fee(self) -> Money: ...
    @property
    def discount(self) -> Money: ...
    @property
    def net(self) -> Money: ...


def with_figures(item: Item, *, fee: Money, vat: Money, discount: Money) -> Item:
    """A capture that costs something else."""
    return replace(item, fee=fee, vat=vat, discount=discount, net=item.gross - fee - discount)


@dataclass(frozen=True, slots=True)
class Share:
    """How an amount is divided between fee, discount and merchant."""

    fee: Money
    discount: Money
    net: Money


@dataclass(frozen=True, slots=True)
class Totals:
    """A batch in figures. net = captures − fees − discounts − refunds + opening − reserved + released + adjusted; payout is net or nothing, carried what is
    not paid out: below zero, or too little to be paid.

    `refunds` is what refunds cost the merchant after fee and discount came back (≥ 0); `opening` what an earlier batch carried; `reserved` is kept
    back of this one, as a reserve or because it is frozen, `released` was kept back of an earlier one;
    `adjusted` is what was charged (below nothing) or given beside the sales.
    """

    captures: Money
    fees: Money
    discounts: Money
    refunds: Money
    opening: Money
    reserved: Money
    released: Money
    adjusted: Money
    net: Money
    payout: Money
    carried: Money


def capture_share(gross: Money, *, fee_rate: Rate, fixed: Money, discount_rate: Rate) -> Share:
    """Fee and discount of a captured amount, each rounded half up to the minor unit, and what is charged for each capture; never more than the
    amount together: of the fee that is left out which would be beyond. The merchant gets the rest."""
    fee, discount = (rate.of(gross, rounding=Rounding.HALF_UP) for rate in (fee_rate, discount_rate))
    fee = min(fee + fixed, gross - discount)
    return Share(fee, discount, gross - fee - discount)


def vat_of(fee: Money, rate: Rate) -> Money:
    """The tax in a fee that has it in it: fee × rate ÷ (1 + rate), half up."""
    return Money(divide(fee.minor * rate.ppm, 1_000_000 + rate.ppm, Rounding.HALF_UP), fee.currency)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What of a capture was given back so far, as positive amounts."""

    gross: Money
    fee: Money
    discount: Money

    @staticmethod
    def nothing(currency: str) -> GivenBack:
        """Of a capture without refunds."""
        return GivenBack(*[Money.zero(currency)] * 3)


@dataclass(frozen=True, slots=True)
class ShareBack:
    """What a refund gives back, as positive amounts: of the fee, of the tax in it, of the discount; and what it costs the merchant."""

    fee: Money
    vat: Money
    discount: Money
    net: Money


def way_back(event: str, capture: Item, *, before: GivenBack, amount: Money, on: date) -> str:
    """What a refund is: a capture that comes back whole on its own day was never meant, and is a reversal 冲正."""
    same = event == "refund" and on == capture.earned_on and amount == capture.gross and not before.gross
    return "reversal" if same else event


def refund_share(capture: Item, *, before: GivenBack, amount: Money, treatment: str) -> ShareBack:
    """What a refund gives back of fee and discount, and what it costs the merchant.

    Where the contract returns them: the cumulative share, half up, so that refunds which add up to the capture give all of it back.
    Where it gives the fee back whole: what is left of it, and the share of the discount. Where it keeps them: nothing.
    """
    nothing = Money.zero(amount.currency)
    if treatment == "kept":
        return ShareBack(nothing, nothing, nothing, amount)
    share, discount = (
        min(_step(whole, before.gross, amount, capture.gross), whole - back)
        for whole, back in ((capture.fee, before.fee), (capture.discount, before.discount))
    )
    fee = capture.fee - before.fee if treatment == "whole" else share
    vat = _step(capture.vat, before.fee, fee, capture.fee) if fee else nothing
    return ShareBack(fee, vat, discount, amount - fee - discount)


def _step(whole: Money, before: Money, step: Money, of: Money) -> Money:
    return pro_rata_step(whole, done_before=before.minor, done_after=(before + step).minor, of=of.minor, rounding=Rounding.HALF_UP)


def shares_of_funders(items: Iterable[Figures], *, own_funds: UUID) -> dict[UUID, Money]:
    """The net of items, or of sums of them, by whose money it is; a carried balance, and what names no funder, is of own funds."""
    shares: dict[UUID, Money] = {}
    for item in items:
        funder_id = item.funder_id or own_funds
        shares[funder_id] = shares[funder_id] + item.net if funder_id in shares else item.net
    return shares


def totals(items: Iterable[Figures], currency: str, *, least: Money | None = None) -> Totals:
    """The figures of a batch of items, or of sums of them. What is less than `least` is not paid out."""
    captures = fees = discounts = refunds = opening = reserved = released = adjusted = Money.zero(currency)
    for item in items:
        if item.kind == "capture":
            captures, fees, discounts = captures + item.gross, fees + item.fee, discounts + item.discount
        elif item.kind == "refund":
            refunds -= item.net
        elif item.kind in {"reserved", "frozen"}:
            reserved -= item.net
        elif item.kind in {"released", "thawed"}:
            released += item.net
        elif item.kind in ADJUSTMENTS:
            adjusted += item.net
        else:
            opening += item.net
    net = captures - fees - discounts - refunds + opening - reserved + released + adjusted
    pays = net.minor > 0 and (least is None or net >= least)
    payout = net if pays else Money.zero(currency)
    return Totals(captures, fees, discounts, refunds, opening, reserved, released, adjusted, net, payout, net - payout)


def kept_back(figures: Totals, rate: Rate, *, by_period: Money) -> Money:
    """What is kept back of a batch as a reserve: a part of its captures, half up, and no more than what would be left to pay. Of those
    `by_period`, sold under an earlier contract, nothing: they were paid in parts before."""
    most = max(figures.net - figures.released, Money.zero(figures.net.currency))
    return min(rate.of(figures.captures - by_period, rounding=Rounding.HALF_UP), most)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a merchant expects to sell: orders of one amount, `orders` of them a month; `interest_free` at the merchant's expense."""

    sold: Sold
    amount: Money
    orders: int
    interest_free: bool


@dataclass(frozen=True, slots=True)
class Income:
    """What an order brings: amount − fee − discount = net, of which `kept_back` comes later. `waiting_costs` is what the money costs until it is there.

    income = net − waiting_costs. `month` is that of all orders of a month.
    """

    fee: Money
    discount: Money
    net: Money
    kept_back: Money
    waiting_costs: Money
    income: Money
    month: Money


def income(contract: Contract, expected: Expected, *, waits_days: int, cost_of_money: Rate) -> tuple[Income, Income] | Refused:
    """What orders bring in the first month, and in the ones after it, when tiers count what was sold. Refused with NO_SUCH_PLAN.

    Money costs `cost_of_money` a year of 365 days, for `waits_days` from sale to payout, and what is kept back for the days of the reserve besides:
    Σ amount × rate × days ÷ 365, half up to the cent.
    """
    discount = contract.discount_rate(expected.sold.periods) if expected.interest_free else Rate(0)
    if discount is None:
        return Refused(NO_SUCH_PLAN, f"the contract has no interest-free plan of {expected.sold.periods} periods", "periods")
    nothing = Money.zero(expected.amount.currency)
    first, later = (
        _income(contract, expected, discount, volume, waits_days, cost_of_money)
        for volume in (nothing, _times(expected.amount, expected.orders))
    )
    return first, later


def _income(contract: Contract, expected: Expected, discount: Rate, volume: Money, waits_days: int, cost_of_money: Rate) -> Income:
    fee_rate, fixed = contract.fee_of(expected.sold, volume)
    share = capture_share(expected.amount, fee_rate=fee_rate, fixed=fixed, discount_rate=discount)
    kept = min(Rate(contract.terms.reserve_ppm).of(expected.amount, rounding=Rounding.HALF_UP), share.net)
    days = share.net.minor * waits_days + kept.minor * contract.terms.reserve_days
    costs = Money(divide(days * cost_of_money.ppm, 365 * 1_000_000, Rounding.HALF_UP), share.net.currency)
    left = share.net - costs
    return Income(share.fee, share.discount, share.net, kept, costs, left, _times(left, expected.orders))


def _times(amount: Money, count: int) -> Money:
    return Money(amount.minor * count, amount.currency)


@dataclass(frozen=True, slots=True)
class Freeze:
    """What of a merchant's money stays here until a day, on which it ends by itself: `asked`, or all of it where that is None. `kept` is what it
    keeps now, or kept when it ended."""

    id: UUID
    merchant_id: UUID
    asked: Money | None
    kept: Money
    until: date
    state: str
    reason: str
    begun_on: date
    ended_on: date | None
    recorded_by: str

    @property
    def lacks(self) -> bool:
        """Whether it would keep more, if there were more."""
        return self.state == "open" and (self.asked is None or self.asked > self.kept)

    def wants(self, left: Money) -> Money:
        """What of so much it takes: no more than it lacks."""
        return left if self.asked is None else min(left, self.asked - self.kept)


@dataclass(frozen=True, slots=True)
class Part:
    """What a freeze keeps of a batch."""

    freeze_id: UUID
    merchant_id: UUID
    batch_id: UUID
    amount: Money


def withheld(freezes: Sequence[Freeze], owed: Sequence[tuple[UUID, UUID, Money]]) -> list[Part]:
    """What freezes keep of batches (batch, merchant, what it would pay), in order: each freeze takes what it lacks, and no cent is kept by two."""
    kept = {freeze.id: freeze for freeze in freezes}
    parts: list[Part] = []
    for batch_id, merchant_id, amount in owed:
        left = amount
        for freeze in [one for one in kept.values() if one.merchant_id == merchant_id]:
            taken = freeze.wants(left)
            if taken:
                parts.append(Part(freeze.id, merchant_id, batch_id, taken))
                kept[freeze.id] = replace(freeze, kept=freeze.kept + taken)
                left -= taken
    return parts
