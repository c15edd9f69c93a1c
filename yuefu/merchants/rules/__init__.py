"""What a merchant and a contract may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from yuefu.errors import Refused
from yuefu.merchants.rules import charges
from yuefu.merchants.rules import sharing as shares
from yuefu.merchants.rules.charges import Penalty, Subsidy
from yuefu.merchants.rules.cycle import CAPTURE, WHOLE, cycle_fault
from yuefu.merchants.rules.holds import NO_HOLDS, Holds, holds_fault, holds_from_json, holds_json
from yuefu.merchants.rules.sharing import ProfitShare
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.terms import FEWEST_PERIODS, MOST_PERIODS

CODE_INVALID: Final = "code_invalid"  # 2 to 40 lower-case letters, digits and - or _
NAME_INVALID: Final = "name_invalid"
USCC_INVALID: Final = "uscc_invalid"  # unified social credit code 统一社会信用代码, GB 32100
ACCOUNT_INVALID: Final = "account_invalid"  # 8 to 32 digits
ACCOUNT_NOT_CORPORATE: Final = "account_not_corporate"  # money of a merchant never goes to a personal account
INDUSTRY_INVALID: Final = "industry_invalid"
FEE_RATE_INVALID: Final = "fee_rate_invalid"
SETTLEMENT_DAYS_INVALID: Final = "settlement_days_invalid"
CHANNEL_INVALID: Final = "channel_invalid"
DISCOUNT_INVALID: Final = "discount_invalid"
FEE_ON_REFUND_INVALID: Final = "fee_on_refund_invalid"
NEGATIVE_LIMIT_INVALID: Final = "negative_limit_invalid"
CATEGORY_INVALID: Final = "category_invalid"
FEES_INVALID: Final = "fees_invalid"
MINIMUM_PAYOUT_INVALID: Final = "minimum_payout_invalid"
RESERVE_INVALID: Final = "reserve_invalid"
VAT_INVALID: Final = "vat_invalid"

CHANNELS: Final = ("online", "store", "mini", "live", "agent")
FEE_TREATMENTS: Final = ("kept", "returned", "whole")
FEE_EVENTS: Final = ("reversal", "rejection", "charge_back")
LONGEST_SETTLEMENT_DAYS: Final = 60
MOST_FEES: Final = 100
LONGEST_RESERVE_DAYS: Final = 365
TRANSITIONS: Final = {("active", "suspended"), ("suspended", "active"), ("active", "closed"), ("suspended", "closed")}

_WHOLE: Final = 1_000_000
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")
_ACCOUNT = re.compile(r"[0-9]{8,32}")


@dataclass(frozen=True, slots=True)
class Sold:
    """What a fee depends on: the product, the channel, the number of periods and the category of goods of a captured order."""

    product: str
    channel: str
    periods: int
    category: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """Another rate from a volume on: what the merchant sold in the calendar month before, refunds not deducted."""

    volume: Money
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class FeeRule:
    """What captures cost that are of a product, a channel, a category of goods and so many periods, each of them any where it is left out; `fixed` is
    charged besides for each capture. Of `tiers`, in rising order of volume, the last one reached is the rate."""

    rate_ppm: int
    fixed: Money
    product: str = ""
    channel: str = ""
    fewest_periods: int = FEWEST_PERIODS
    most_periods: int = MOST_PERIODS
    tiers: tuple[Tier, ...] = ()
    category: str = ""

    def is_for(self, sold: Sold) -> bool:
        """Whether it says what this costs."""
        return (
            self.product in {"", sold.product}
            and self.channel in {"", sold.channel}
            and self.category in {"", sold.category}
            and self.fewest_periods <= sold.periods <= self.most_periods
        )

    def rate(self, volume: Money) -> Rate:
        """The rate of a merchant that sold so much in the month before."""
        return Rate(next((tier.rate_ppm for tier in reversed(self.tiers) if tier.volume <= volume), self.rate_ppm))


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What a contract says. Rates in parts per million; `negative_limit` is how far the merchant's balance may fall below zero.

    `fee_on_refund` says what becomes of the fee when goods come back: it is kept, returned in proportion, or given back whole with the first of them;
    `fee_on` says so of other ways back where it differs (FEE_EVENTS): a capture that is taken back whole on its day, goods refused at the door,
    a charge-back. `penalties` and `subsidies` are what may be charged or given beside the sales. Fees have value added tax of
    `vat_ppm` in them. `sharing` says who else has a part of them.

    `discounts` are (periods, ppm): what the merchant pays for an interest-free plan of so many periods, in rising order of periods. Of `fees` the
    first that is for a capture says what it costs; where none is, it costs `fee_rate_ppm`. Less than `minimum_payout` is not paid out, but carried.
    Of what is captured `reserve_ppm` is kept back (rolling reserve 滚动准备金) for `reserve_days` after the pay day. The `settlement_days` are business
    days from `settle_from` on (`cycle.EVENTS`), or by `settle_by` from the collection of each instalment (`cycle.WAYS`).
    """

    valid_from: date
    fee_rate_ppm: int
    settlement_days: int
    channel: str
    discounts: tuple[tuple[int, int], ...]
    fee_on_refund: str
    negative_limit: Money
    fees: tuple[FeeRule, ...] = ()
    minimum_payout: Money | None = None
    reserve_ppm: int = 0
    reserve_days: int = 0
    vat_ppm: int = 0
    fee_on: tuple[tuple[str, str], ...] = ()
    sharing: ProfitShare | None = None
    holds: Holds = NO_HOLDS
    penalties: tuple[Penalty, ...] = ()
    subsidies: tuple[Subsidy, ...] = ()
    settle_from: str = CAPTURE
    settle_by: str = WHOLE

    @property
    def fee_rates(self) -> list[int]:
        """Every rate that a capture may cost, in parts per million."""
        return [self.fee_rate_ppm, *(ppm for rule in self.fees for ppm in (rule.rate_ppm, *(tier.rate_ppm for tier in rule.tiers)))]

    def fee_treatment(self, event: str) -> str:
        """What becomes of the fee on a refund or another way back."""
        return dict(self.fee_on).get(event, self.fee_on_refund)


@dataclass(frozen=True, slots=True)
class Contract:
    """A version of a merchant's contract."""

    id: UUID
    merchant_id: UUID
    version: int
    terms: ContractTerms

    @property
    def by_volume(self) -> bool:
        """Whether what a capture costs depends on what was sold in the month before."""
        return any(rule.tiers for rule in self.terms.fees)

    def fee_of(self, sold: Sold, volume: Money) -> tuple[Rate, Money]:
        """The service fee (merchant discount rate) of a captured amount, and what is charged besides for each capture."""
        rule = next((rule for rule in self.terms.fees if rule.is_for(sold)), None)
        if rule is None:
            return Rate(self.terms.fee_rate_ppm), Money.zero(self.terms.negative_limit.currency)
        return rule.rate(volume), rule.fixed

    @property
    def minimum_payout(self) -> Money:
        """What is less is not paid out."""
        return self.terms.minimum_payout or Money.zero(self.terms.negative_limit.currency)

    def discount_rate(self, periods: int) -> Rate | None:
        """What the merchant pays so that a plan of so many periods is interest-free; None where the contract has no such plan."""
        ppm = dict(self.terms.discounts).get(periods)
        return None if ppm is None else Rate(ppm)


def uscc_form(number: str) -> str | None:
    """A unified social credit code as it is kept, or None where its form or check digit is wrong."""
    try:
        return str(uscc.validate(number))
    except ValidationError:
        return None


def code_fault(code: str) -> Refused | None:
    """The short name of a merchant inside a book."""
    return None if _CODE.fullmatch(code) else Refused(CODE_INVALID, "a code has 2 to 40 of a-z, 0-9, - and _, and no - or _ first", "code")


def industry_fault(industry: str) -> Refused | None:
    """The industry is a code like the merchant's."""
    return None if _CODE.fullmatch(industry) else Refused(INDUSTRY_INVALID, "an industry has 2 to 40 of a-z, 0-9, - and _", "industry")


def category_fault(category: str) -> Refused | None:
    """A category of goods is a code like the merchant's."""
    return None if _CODE.fullmatch(category) else Refused(CATEGORY_INVALID, "a category has 2 to 40 of a-z, 0-9, - and _", "category")


def name_fault(name: str, *, field: str) -> Refused | None:
    """A name in one language."""
    good = 1 <= len(name) <= 120 and name.isprintable() and name == name.strip()
    return None if good else Refused(NAME_INVALID, "a name has 1 to 120 characters and no blanks around it", field)


def account_fault(account: str, kind: str) -> Refused | None:
    """Where a merchant's money goes: a corporate account."""
    if kind != "corporate":
        return Refused(ACCOUNT_NOT_CORPORATE, "a merchant is paid to a corporate account only", "settlement_account_kind")
    return account_number_fault(account, field="settlement_account")


def account_number_fault(account: str, *, field: str) -> Refused | None:
    """The number of an account at a bank."""
    return None if _ACCOUNT.fullmatch(account) else Refused(ACCOUNT_INVALID, "an account number has 8 to 32 digits", field)


def terms_fault(terms: ContractTerms, *, currency: str) -> Refused | None:
    """The first thing that a contract cannot say."""
    if not 0 <= terms.fee_rate_ppm < _WHOLE:
        return Refused(FEE_RATE_INVALID, "a fee is at least nothing and less than the whole", "fee_rate_ppm")
    if not 0 <= terms.settlement_days <= LONGEST_SETTLEMENT_DAYS:
        return Refused(SETTLEMENT_DAYS_INVALID, f"money comes within {LONGEST_SETTLEMENT_DAYS} business days", "settlement_days")
    if terms.channel not in CHANNELS:
        return Refused(CHANNEL_INVALID, f"a channel is one of {', '.join(CHANNELS)}", "channel")
    events = [event for event, _ in terms.fee_on]
    if not {terms.fee_on_refund, *(treatment for _, treatment in terms.fee_on)} <= set(FEE_TREATMENTS):
        return Refused(FEE_ON_REFUND_INVALID, f"the fee of what comes back is {', '.join(FEE_TREATMENTS)}", "fee_on_refund")
    if events != sorted(set(events)) or not set(events) <= set(FEE_EVENTS):
        return Refused(FEE_ON_REFUND_INVALID, f"other ways back are {', '.join(FEE_EVENTS)}, each once", "fee_on")
    if not 0 <= terms.vat_ppm < _WHOLE:
        return Refused(VAT_INVALID, "a tax is at least nothing and less than the whole", "vat")
    if terms.negative_limit.currency != currency or terms.negative_limit.minor < 0:
        return Refused(NEGATIVE_LIMIT_INVALID, f"a limit is not negative and in {currency}", "negative_limit")
    if terms.minimum_payout is not None and (terms.minimum_payout.currency != currency or terms.minimum_payout.minor < 0):
        return Refused(MINIMUM_PAYOUT_INVALID, f"the least that is paid out is not negative and in {currency}", "minimum_payout")
    days = range(1, LONGEST_RESERVE_DAYS + 1) if terms.reserve_ppm else range(1)
    if not 0 <= terms.reserve_ppm < _WHOLE or terms.reserve_days not in days:
        return Refused(RESERVE_INVALID, f"less than the whole is kept back, for 1 to {LONGEST_RESERVE_DAYS} days", "reserve")
    shared = shares.fault(terms.sharing, currency=currency, fees_ppm=terms.fee_rates) if terms.sharing else None
    charged = charges.fault(terms.penalties, terms.subsidies, currency=currency)
    cycle = cycle_fault(terms.settle_from, terms.settle_by, terms.holds, reserve_ppm=terms.reserve_ppm)
    return holds_fault(terms.holds) or cycle or _fees_fault(terms, currency) or _discounts_fault(terms) or shared or charged


def _fees_fault(terms: ContractTerms, currency: str) -> Refused | None:
    if len(terms.fees) > MOST_FEES:
        return Refused(FEES_INVALID, f"a contract has at most {MOST_FEES} fees", "fees")
    faults = ((number, _fee_fault(rule, currency)) for number, rule in enumerate(terms.fees, start=1))
    return next((Refused(FEES_INVALID, f"fee {number}: {fault}", "fees") for number, fault in faults if fault), None)


def _fee_fault(rule: FeeRule, currency: str) -> str | None:
    if not all(0 <= ppm < _WHOLE for ppm in (rule.rate_ppm, *(tier.rate_ppm for tier in rule.tiers))):
        return "a fee is at least nothing and less than the whole"
    if rule.fixed.currency != currency or rule.fixed.minor < 0:
        return f"what is charged for each capture is not negative and in {currency}"
    if rule.channel and rule.channel not in CHANNELS:
        return f"a channel is one of {', '.join(CHANNELS)}"
    if rule.product and not _CODE.fullmatch(rule.product):
        return "a product is named by its code"
    if rule.category and category_fault(rule.category):
        return "a category is named by its code"
    if not FEWEST_PERIODS <= rule.fewest_periods <= rule.most_periods <= MOST_PERIODS:
        return f"periods are {FEWEST_PERIODS} to {MOST_PERIODS}, the fewest first"
    volumes = [tier.volume.minor for tier in rule.tiers]
    if (
        any(tier.volume.currency != currency for tier in rule.tiers)
        or volumes != sorted(set(volumes))
        or any(minor <= 0 for minor in volumes)
    ):
        return f"tiers begin above nothing, each higher than the one before, in {currency}"
    return None


def _discounts_fault(terms: ContractTerms) -> Refused | None:
    periods = [number for number, _ in terms.discounts]
    if periods != sorted(set(periods)) or not all(FEWEST_PERIODS <= number <= MOST_PERIODS for number in periods):
        return Refused(
            DISCOUNT_INVALID, f"discounts name each number of periods once, {FEWEST_PERIODS} to {MOST_PERIODS}, rising", "discounts"
        )
    highest = max(terms.fee_rates)
    if not all(ppm >= 0 and ppm + highest < _WHOLE for _, ppm in terms.discounts):
        return Refused(DISCOUNT_INVALID, "fee and discount together are less than the whole", "discounts")
    return None


def terms_json(terms: ContractTerms) -> dict[str, Any]:
    """The terms as an approval keeps them: what the second person reads is exactly what will be in force."""
    return {
        "valid_from": terms.valid_from.isoformat(),
        "fee_rate_ppm": terms.fee_rate_ppm,
        "settlement_days": terms.settlement_days,
        "channel": terms.channel,
        "discounts": [list(pair) for pair in terms.discounts],
        "fee_on_refund": terms.fee_on_refund,
        "negative_limit_minor": terms.negative_limit.minor,
        "currency": terms.negative_limit.currency,
        "fees": fees_json(terms.fees),
        "minimum_payout_minor": terms.minimum_payout.minor if terms.minimum_payout else 0,
        "reserve_ppm": terms.reserve_ppm,
        "reserve_days": terms.reserve_days,
        "more": more_json(terms),
    }


def more_json(terms: ContractTerms) -> dict[str, Any]:
    """What few contracts say; what one does not say is left out."""
    more: dict[str, Any] = {}
    if terms.vat_ppm:
        more["vat_ppm"] = terms.vat_ppm
    if terms.fee_on:
        more["fee_on"] = dict(terms.fee_on)
    if terms.sharing:
        more["sharing"] = shares.to_json(terms.sharing)
    if terms.holds != NO_HOLDS:
        more["holds"] = holds_json(terms.holds)
    if terms.settle_from != CAPTURE:
        more["settle_from"] = terms.settle_from
    if terms.settle_by != WHOLE:
        more["settle_by"] = terms.settle_by
    return more | charges.to_json(terms.penalties, terms.subsidies)


def more_from_json(content: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The inverse of `more_json`: fields of the terms."""
    more: dict[str, Any] = {
        "vat_ppm": content.get("vat_ppm", 0),
        "fee_on": tuple(sorted(content.get("fee_on", {}).items())),
        "holds": holds_from_json(content.get("holds", {})),
        "settle_from": content.get("settle_from", CAPTURE),
        "settle_by": content.get("settle_by", WHOLE),
        **charges.from_json(content, currency),
    }
    return more | ({"sharing": shares.from_json(content["sharing"], currency)} if "sharing" in content else {})


def fees_json(fees: Sequence[FeeRule]) -> list[dict[str, Any]]:
    """Fees as they are kept, amounts in minor units of the contract's currency."""
    return [
        {
            "rate_ppm": rule.rate_ppm,
            "fixed_minor": rule.fixed.minor,
            "product": rule.product,
            "channel": rule.channel,
            "periods": [rule.fewest_periods, rule.most_periods],
            "tiers": [[tier.volume.minor, tier.rate_ppm] for tier in rule.tiers],
            **({"category": rule.category} if rule.category else {}),
        }
        for rule in fees
    ]


def fees_from_json(content: Sequence[Mapping[str, Any]], currency: str) -> tuple[FeeRule, ...]:
    """The inverse of `fees_json`."""
    return tuple(
        FeeRule(
            rate_ppm=one["rate_ppm"],
            fixed=Money(one["fixed_minor"], currency),
            product=one["product"],
            channel=one["channel"],
            fewest_periods=one["periods"][0],
            most_periods=one["periods"][1],
            tiers=tuple(Tier(Money(minor, currency), ppm) for minor, ppm in one["tiers"]),
            category=one.get("category", ""),
        )
        for one in content
    )


def least_from_json(minor: int, currency: str) -> Money | None:
    """The least that is paid out; None where everything is."""
    return Money(minor, currency) if minor else None


def terms_from_json(content: Mapping[str, Any]) -> ContractTerms:
    """The inverse of `terms_json`, also of what was written before there were fees in it."""
    currency = content["currency"]
    return ContractTerms(
        date.fromisoformat(content["valid_from"]),
        content["fee_rate_ppm"],
        content["settlement_days"],
        content["channel"],
        tuple((periods, ppm) for periods, ppm in content["discounts"]),
        content["fee_on_refund"],
        Money(content["negative_limit_minor"], currency),
        fees_from_json(content.get("fees", ()), currency),
        least_from_json(content.get("minimum_payout_minor", 0), currency),
        content.get("reserve_ppm", 0),
        content.get("reserve_days", 0),
        **more_from_json(content.get("more", {}), currency),
    )
