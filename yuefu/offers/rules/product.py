"""What a product may be. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.plans.terms import FEWEST_PERIODS, HIGHEST_RATE, LEVELLED, MOST_PERIODS, NO_LATE, RULE_VERSIONS

CODE_INVALID: Final = "code_invalid"
NAME_INVALID: Final = "name_invalid"
PAYER_INVALID: Final = "payer_invalid"
RATE_INVALID: Final = "rate_invalid"  # an interest-free plan has rate 0, any other a positive one of at most 100 %
PERIODS_INVALID: Final = "periods_invalid"
AMOUNTS_INVALID: Final = "amounts_invalid"
GAP_INVALID: Final = "gap_invalid"
RULE_VERSION_UNKNOWN: Final = "rule_version_unknown"
RULE_VERSION_CHANGED: Final = "rule_version_changed"  # loans under this code go by other rules: give the new product a code of its own
LATE_INVALID: Final = "late_invalid"  # a late charge has a ceiling, and rules that know it

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"
TRANSITIONS: Final = {(DRAFT, PUBLISHED), (PUBLISHED, RETIRED)}
MERCHANT, CONSUMER = "merchant", "consumer"
LONGEST_GAP_DAYS: Final = 31

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}")


@dataclass(frozen=True, slots=True)
class ProductTerms:
    """What a product says. `payer` bears the cost: the merchant (interest-free) or the consumer (interest).

    `minimum` and `maximum` bound the principal. `min_gap_days` is the least time before the first due day where a repayment day is chosen.
    `jurisdiction` says whose legal cap applies. `late` is what being late costs, of loans of rule version 2026-2: a fee once an instalment, interest on
    overdue principal, after days of grace, all of it at most a part of the principal.
    """

    code: str
    name_zh: str
    name_en: str
    payer: str
    annual_rate: Rate
    periods: tuple[int, ...]
    minimum: Money
    maximum: Money
    day_count: DayCount
    min_gap_days: int
    rule_version: str
    jurisdiction: str
    lender_zh: str
    lender_en: str
    lender_licence: str
    late: LateTerms = NO_LATE

    @property
    def currency(self) -> str:
        return self.minimum.currency


@dataclass(frozen=True, slots=True)
class Product:
    """A version of a product."""

    id: UUID
    version: int
    state: str
    terms: ProductTerms


def terms_fault(terms: ProductTerms, *, currency: str) -> Refused | None:
    """The first thing that a product cannot say."""
    if not _CODE.fullmatch(terms.code):
        return Refused(CODE_INVALID, "a code has 2 to 40 of a-z, 0-9, - and _", "code")
    for field in ("name_zh", "name_en", "jurisdiction", "lender_zh", "lender_en", "lender_licence"):
        if not 1 <= len(getattr(terms, field)) <= 120:
            return Refused(NAME_INVALID, "1 to 120 characters", field)
    return _price_fault(terms) or _late_fault(terms) or _bounds_fault(terms, currency)


def rule_version_fault(terms: ProductTerms, lent_by: str | None) -> Refused | None:
    """Loans of one product are told by one rule version: what they come to is proven against the accounts of the product (ADR 0030)."""
    if lent_by in {None, terms.rule_version}:
        return None
    detail = f"{terms.code} is lent by rule version {lent_by}: what is lent by {terms.rule_version} needs a code of its own"
    return Refused(RULE_VERSION_CHANGED, detail, "rule_version")


def _price_fault(terms: ProductTerms) -> Refused | None:
    if terms.payer not in {MERCHANT, CONSUMER}:
        return Refused(PAYER_INVALID, "the merchant or the consumer pays", "payer")
    if (terms.payer == MERCHANT) != (terms.annual_rate.ppm == 0) or terms.annual_rate > HIGHEST_RATE:
        return Refused(RATE_INVALID, "interest-free means rate 0, paid by the consumer means a rate up to 100 %", "annual_rate")
    if terms.rule_version not in RULE_VERSIONS:
        return Refused(RULE_VERSION_UNKNOWN, f"there is no rule version {terms.rule_version}", "rule_version")
    return None


def _late_fault(terms: ProductTerms) -> Refused | None:
    late = terms.late
    if late == NO_LATE:
        return None
    if terms.rule_version == LEVELLED:
        return Refused(
            LATE_INVALID, f"loans of rule version {LEVELLED} know no late charges: leave them out, or lend by a later one", "late"
        )
    if late.fee is not None and late.fee.currency != terms.currency:
        return Refused(LATE_INVALID, f"the late fee is in {terms.currency}", "late")
    if late != LateTerms(late.fee, interest=late.interest, grace_days=late.grace_days, cap=late.cap) or (late.fee and late.fee.minor <= 0):
        return Refused(LATE_INVALID, "a late fee is an amount above 0, once an instalment; leave it out where there is none", "late")
    if late.cap is None or not 0 < late.cap.ppm <= HIGHEST_RATE.ppm:
        return Refused(LATE_INVALID, "late charges have a ceiling: `most`, above 0 and at most 100 percent of the principal", "late")
    if late.grace_days > LONGEST_GAP_DAYS:
        return Refused(LATE_INVALID, f"there are at most {LONGEST_GAP_DAYS} days of grace", "late")
    return None


def _bounds_fault(terms: ProductTerms, currency: str) -> Refused | None:
    periods = list(terms.periods)
    if not periods or periods != sorted(set(periods)) or not all(FEWEST_PERIODS <= n <= MOST_PERIODS for n in periods):
        return Refused(PERIODS_INVALID, f"periods are {FEWEST_PERIODS} to {MOST_PERIODS}, each once, rising", "periods")
    if terms.minimum.currency != currency or terms.maximum.currency != currency:
        return Refused(AMOUNTS_INVALID, f"amounts are in {currency}", "minimum")
    if not periods[-1] <= terms.minimum.minor <= terms.maximum.minor:
        return Refused(AMOUNTS_INVALID, "the smallest amount has a minor unit per period and is not above the largest", "minimum")
    if not 1 <= terms.min_gap_days <= LONGEST_GAP_DAYS:
        return Refused(
            GAP_INVALID, f"the first instalment is due 1 to {LONGEST_GAP_DAYS} days after the purchase at the earliest", "min_gap_days"
        )
    return None
