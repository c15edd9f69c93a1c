"""What a merchant may be charged or given beside its sales: penalties for breaches, subsidies for campaigns. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding

CHARGES_INVALID: Final = "charges_invalid"
MOST_CHARGES: Final = 50

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")
_WHOLE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Penalty:
    """The most that a breach costs: an amount, and a part of what the merchant was to get for its sales of the calendar month of the breach."""

    code: str
    amount: Money
    month_ppm: int = 0

    def most(self, month: Money) -> Money:
        """The most it can be in a month in which the merchant's sales came to so much net; half up."""
        return self.amount + Rate(self.month_ppm).of(max(month, Money.zero(month.currency)), rounding=Rounding.HALF_UP)


@dataclass(frozen=True, slots=True)
class Subsidy:
    """What the platform gives for a campaign, in all at most so much."""

    code: str
    most: Money


def fault(penalties: Sequence[Penalty], subsidies: Sequence[Subsidy], *, currency: str) -> Refused | None:
    """The first thing that a contract cannot say of them."""
    for name, charges in (("penalties", penalties), ("subsidies", subsidies)):
        codes = [one.code for one in charges]
        if len(codes) > MOST_CHARGES or len(codes) != len(set(codes)) or not all(_CODE.fullmatch(code) for code in codes):
            return Refused(CHARGES_INVALID, f"at most {MOST_CHARGES}, each named once by a code of 2 to 40 of a-z, 0-9, - and _", name)
    amounts = [*(one.amount for one in penalties), *(one.most for one in subsidies)]
    if any(amount.currency != currency or amount.minor < 0 for amount in amounts):
        return Refused(CHARGES_INVALID, f"amounts are not negative and in {currency}", "penalties")
    if not all(0 <= one.month_ppm <= _WHOLE for one in penalties):
        return Refused(CHARGES_INVALID, "of a month no more is taken than all", "penalties")
    return None


def to_json(penalties: Sequence[Penalty], subsidies: Sequence[Subsidy]) -> dict[str, Any]:
    """As they are kept, amounts in minor units; what there is none of is left out."""
    kept: dict[str, Any] = {}
    if penalties:
        kept["penalties"] = [{"code": one.code, "amount_minor": one.amount.minor, "month_ppm": one.month_ppm} for one in penalties]
    if subsidies:
        kept["subsidies"] = [{"code": one.code, "most_minor": one.most.minor} for one in subsidies]
    return kept


def from_json(content: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The inverse of `to_json`: fields of the terms."""
    return {
        "penalties": tuple(
            Penalty(one["code"], Money(one["amount_minor"], currency), one["month_ppm"]) for one in content.get("penalties", ())
        ),
        "subsidies": tuple(Subsidy(one["code"], Money(one["most_minor"], currency)) for one in content.get("subsidies", ())),
    }
