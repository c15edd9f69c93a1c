"""Profit share 分润: who gets which part of what a merchant pays for a sale, and when it is taken back. Pure.

What is shared is the service fee of a capture without its tax. Funder, agents and host have their parts of it, in the order of the contract, and the
platform what is left: together they are always the whole. Nothing is added to the price, and nobody is paid for a loan that was opened: a part
is of goods that were sold, and due when the merchant's own batch has them and is not held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.money.split import pro_rata_step

SHARING_INVALID: Final = "profit_share_invalid"
OUTSIDE_BAND: Final = "profit_share_outside_band"  # a fee that is shared is within the band of the merchant's industry

PARTIES: Final = ("funder", "agent", "host")
PLATFORM: Final = "platform"
ON_REFUND: Final = ("returned", "kept")
MOST_RECEIVERS: Final = 10
MOST_LEVELS: Final = 5
LONGEST_EARLY: Final = (12, 180)

BANDS: Final = "merchants.profit_share"
"""The setting: {bands: {industry: [least, most]}, other: [least, most], agent_depth}, percent of the price as texts of parts per million."""

DEFAULT_BANDS: Final[Mapping[str, Any]] = {
    "bands": {
        "apparel": [80_000, 120_000],
        "beauty": [100_000, 150_000],
        "digital": [60_000, 100_000],
        "home": [70_000, 110_000],
    },
    "other": [80_000, 150_000],
    "agent_depth": 2,
}

_WHOLE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Bands:
    """How much of a price may be shared, by industry, in parts per million; and how deep a tree of agents may be."""

    of: Mapping[str, tuple[int, int]]
    other: tuple[int, int]
    agent_depth: int

    def band(self, industry: str) -> tuple[int, int]:
        """An industry's own band wins."""
        return self.of.get(industry, self.other)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A part of the fee: a rate of the price, something fixed for each capture besides, and at most `cap`.

    Of agents level 1 is the one of the contract, 2 the one above it. `on_refund`: whether the part goes back with the goods, in proportion. Of an
    early default `default_ppm` of what it has is taken back.
    """

    party: str
    rate_ppm: int
    fixed: Money
    cap: Money | None = None
    level: int = 1
    on_refund: str = "returned"
    default_ppm: int = _WHOLE

    def part(self, price: Money) -> Money:
        """What it is of a captured price, before anybody asks whether there is so much: the rate half up."""
        whole = Rate(self.rate_ppm).of(price, rounding=Rounding.HALF_UP) + self.fixed
        return whole if self.cap is None else min(whole, self.cap)


@dataclass(frozen=True, slots=True)
class ProfitShare:
    """What a contract says of sharing: who receives, in this order; which agent brought the merchant; and what an early default is: an instalment
    among the first `early_periods` that is `early_days` past due. Without these there is none."""

    receivers: tuple[Receiver, ...]
    agent_id: UUID | None = None
    early_periods: int = 0
    early_days: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What one receiver gets of a fee."""

    party: str
    level: int
    payee_id: UUID
    amount: Money
    on_refund: str
    default_ppm: int


def divide(sharing: ProfitShare, *, price: Money, pool: Money, payees: Mapping[tuple[str, int], UUID]) -> list[Part]:
    """Divides a pool among those receivers who are there: `payees` by party and level. Each has its part as far as the pool goes; what is left
    is the platform's, never less than nothing."""
    left, parts = pool, []
    for receiver in sharing.receivers:
        payee_id = payees.get((receiver.party, receiver.level))
        amount = min(receiver.part(price), left)
        if payee_id is None or not amount:
            continue
        left -= amount
        parts.append(Part(receiver.party, receiver.level, payee_id, amount, receiver.on_refund, receiver.default_ppm))
    return parts


def back_with_goods(part: Money, had: Money, *, price: Money, refunded_before: Money, refunded: Money) -> Money:
    """What goes back of a part with goods: in proportion to the price, cumulative and half up, so that all of it is back with the last; no more than
    what the receiver still has of it."""
    step = pro_rata_step(
        part,
        done_before=refunded_before.minor,
        done_after=refunded_before.minor + refunded.minor,
        of=price.minor,
        rounding=Rounding.HALF_UP,
    )
    return min(step, had)


def back_by_default(had: Money, default_ppm: int) -> Money:
    """What is taken back of what a receiver still has, half up."""
    return Rate(default_ppm).of(had, rounding=Rounding.HALF_UP)


def bands(value: Any) -> Bands:
    """The setting as a value. ValueError says what is wrong with it."""
    if not isinstance(value, Mapping) or set(value) != {"bands", "other", "agent_depth"}:
        raise ValueError("it has bands, other and agent_depth")
    if not isinstance(value["bands"], Mapping):
        raise TypeError("bands are by industry")
    if type(value["agent_depth"]) is not int or not 0 <= value["agent_depth"] <= MOST_LEVELS:
        raise ValueError(f"agent_depth is 0 to {MOST_LEVELS}")
    return Bands({name: _band(name, pair) for name, pair in value["bands"].items()}, _band("other", value["other"]), value["agent_depth"])


def _band(name: str, pair: Any) -> tuple[int, int]:
    good = isinstance(pair, list) and len(pair) == 2 and all(type(one) is int for one in pair) and 0 <= pair[0] <= pair[1] < _WHOLE
    if not good:
        raise ValueError(f"the band of {name} is [least, most] in parts per million of the price")
    return pair[0], pair[1]


def fault(sharing: ProfitShare, *, currency: str, fees_ppm: Sequence[int]) -> Refused | None:
    """The first thing that a contract cannot say of sharing; `fees_ppm` are all rates that it may take of a sale."""
    said = _fault(sharing, currency) or _beyond(sharing, min(fees_ppm))
    return Refused(SHARING_INVALID, said, "profit_share") if said else None


def _beyond(sharing: ProfitShare, least_fee: int) -> str | None:
    shared = sum(one.rate_ppm for one in sharing.receivers)
    said = f"{shared / 10_000:g} % of the price is shared of a fee of {least_fee / 10_000:g} %: what is shared is part of the fee"
    return None if shared <= least_fee else said


def _fault(sharing: ProfitShare, currency: str) -> str | None:
    if not 1 <= len(sharing.receivers) <= MOST_RECEIVERS:
        return f"1 to {MOST_RECEIVERS} receive besides the platform"
    places = [(one.party, one.level) for one in sharing.receivers]
    if len(places) != len(set(places)):
        return "each receives once"
    if any(one.party == "agent" for one in sharing.receivers) != (sharing.agent_id is not None):
        return "an agent is named where agents receive, and only there"
    periods, days = LONGEST_EARLY
    if not (0 <= sharing.early_periods <= periods and 0 <= sharing.early_days <= days) or (sharing.early_periods > 0) != (
        sharing.early_days > 0
    ):
        return f"an early default is of the first 1 to {periods} instalments, 1 to {days} days past due"
    return next((f"{one.party}: {said}" for one in sharing.receivers if (said := _receiver_fault(one, currency))), None)


def _receiver_fault(one: Receiver, currency: str) -> str | None:
    if one.party not in PARTIES:
        return f"who receives is {', '.join(PARTIES)}; the platform has what is left"
    if not 1 <= one.level <= (MOST_LEVELS if one.party == "agent" else 1):
        return f"agents have levels 1 to {MOST_LEVELS}, others none"
    if not 0 <= one.rate_ppm < _WHOLE or not 0 <= one.default_ppm <= _WHOLE:
        return "a rate is at least nothing and less than the whole"
    if any(money.currency != currency or money.minor < 0 for money in (one.fixed, *([one.cap] if one.cap else []))):
        return f"amounts are not negative and in {currency}"
    if not one.rate_ppm and not one.fixed:
        return "a part is a rate or something fixed"
    return None if one.on_refund in ON_REFUND else "with goods it is returned or kept"


def outside(fees_ppm: Sequence[int], *, industry: str, of: Bands) -> Refused | None:
    """A fee that is shared is within the band of the industry."""
    least, most = of.band(industry)
    if all(least <= ppm <= most for ppm in fees_ppm):
        return None
    said = f"what is shared of a sale in {industry} is {least / 10_000:g} to {most / 10_000:g} % of the price"
    return Refused(OUTSIDE_BAND, said, "fee_rate_ppm")


def to_json(sharing: ProfitShare) -> dict[str, Any]:
    """As it is kept, amounts in minor units of the contract's currency."""
    return {
        "receivers": [
            {
                "party": one.party,
                "level": one.level,
                "rate_ppm": one.rate_ppm,
                "fixed_minor": one.fixed.minor,
                "cap_minor": one.cap.minor if one.cap is not None else None,
                "on_refund": one.on_refund,
                "default_ppm": one.default_ppm,
            }
            for one in sharing.receivers
        ],
        "agent_id": str(sharing.agent_id) if sharing.agent_id else None,
        "early_periods": sharing.early_periods,
        "early_days": sharing.early_days,
    }


def from_json(content: Mapping[str, Any], currency: str) -> ProfitShare:
    """The inverse of `to_json`."""
    return ProfitShare(
        tuple(
            Receiver(
                party=one["party"],
                rate_ppm=one["rate_ppm"],
                fixed=Money(one["fixed_minor"], currency),
                cap=None if one["cap_minor"] is None else Money(one["cap_minor"], currency),
                level=one["level"],
                on_refund=one["on_refund"],
                default_ppm=one["default_ppm"],
            )
            for one in content["receivers"]
        ),
        UUID(content["agent_id"]) if content["agent_id"] else None,
        content["early_periods"],
        content["early_days"],
    )
