"""What a merchant and a contract may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from yuefu.errors import Refused
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

CHANNELS: Final = ("online", "store", "mini", "live", "agent")
FEE_ON_REFUND: Final = ("kept", "returned")
LONGEST_SETTLEMENT_DAYS: Final = 60
TRANSITIONS: Final = {("active", "suspended"), ("suspended", "active"), ("active", "closed"), ("suspended", "closed")}

_WHOLE: Final = 1_000_000
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")
_ACCOUNT = re.compile(r"[0-9]{8,32}")


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What a contract says. Rates in parts per million; `negative_limit` is how far the merchant's balance may fall below zero.

    `discounts` are (periods, ppm): what the merchant pays for an interest-free plan of so many periods, in rising order of periods.
    """

    valid_from: date
    fee_rate_ppm: int
    settlement_days: int
    channel: str
    discounts: tuple[tuple[int, int], ...]
    fee_on_refund: str
    negative_limit: Money


@dataclass(frozen=True, slots=True)
class Contract:
    """A version of a merchant's contract."""

    id: UUID
    merchant_id: UUID
    version: int
    terms: ContractTerms

    @property
    def fee_rate(self) -> Rate:
        """The service fee (merchant discount rate) of a captured amount."""
        return Rate(self.terms.fee_rate_ppm)

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


def name_fault(name: str, *, field: str) -> Refused | None:
    """A name in one language."""
    good = 1 <= len(name) <= 120 and name.isprintable() and name == name.strip()
    return None if good else Refused(NAME_INVALID, "a name has 1 to 120 characters and no blanks around it", field)


def account_fault(account: str, kind: str) -> Refused | None:
    """Where a merchant's money goes: a corporate account."""
    if kind != "corporate":
        return Refused(ACCOUNT_NOT_CORPORATE, "a merchant is paid to a corporate account only", "settlement_account_kind")
    return None if _ACCOUNT.fullmatch(account) else Refused(ACCOUNT_INVALID, "an account number has 8 to 32 digits", "settlement_account")


def terms_fault(terms: ContractTerms, *, currency: str) -> Refused | None:
    """The first thing that a contract cannot say."""
    if not 0 <= terms.fee_rate_ppm < _WHOLE:
        return Refused(FEE_RATE_INVALID, "a fee is at least nothing and less than the whole", "fee_rate_ppm")
    if not 0 <= terms.settlement_days <= LONGEST_SETTLEMENT_DAYS:
        return Refused(SETTLEMENT_DAYS_INVALID, f"money comes within {LONGEST_SETTLEMENT_DAYS} business days", "settlement_days")
    if terms.channel not in CHANNELS:
        return Refused(CHANNEL_INVALID, f"a channel is one of {', '.join(CHANNELS)}", "channel")
    if terms.fee_on_refund not in FEE_ON_REFUND:
        return Refused(FEE_ON_REFUND_INVALID, "the fee of a refunded amount is kept or returned", "fee_on_refund")
    if terms.negative_limit.currency != currency or terms.negative_limit.minor < 0:
        return Refused(NEGATIVE_LIMIT_INVALID, f"a limit is not negative and in {currency}", "negative_limit")
    return _discounts_fault(terms)


def _discounts_fault(terms: ContractTerms) -> Refused | None:
    periods = [number for number, _ in terms.discounts]
    if periods != sorted(set(periods)) or not all(FEWEST_PERIODS <= number <= MOST_PERIODS for number in periods):
        return Refused(
            DISCOUNT_INVALID, f"discounts name each number of periods once, {FEWEST_PERIODS} to {MOST_PERIODS}, rising", "discounts"
        )
    if not all(ppm >= 0 and ppm + terms.fee_rate_ppm < _WHOLE for _, ppm in terms.discounts):
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
    }


def terms_from_json(content: Mapping[str, Any]) -> ContractTerms:
    """The inverse of `terms_json`."""
    return ContractTerms(
        date.fromisoformat(content["valid_from"]),
        content["fee_rate_ppm"],
        content["settlement_days"],
        content["channel"],
        tuple((periods, ppm) for periods, ppm in content["discounts"]),
        content["fee_on_refund"],
        Money(content["negative_limit_minor"], content["currency"]),
    )
