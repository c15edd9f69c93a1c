"""The decision on an order: deterministic, pure, and explained by reason codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money

APPROVED, DECLINED = "approved", "declined"

NEW_CREDIT_STOPPED: Final = "new_credit_stopped"
PRODUCT_STOPPED: Final = "product_stopped"
FUNDER_STOPPED: Final = "funder_stopped"
MERCHANT_STOPPED: Final = "merchant_stopped"
CHANNEL_STOPPED: Final = "channel_stopped"
PRODUCT_NOT_OFFERED: Final = "product_not_offered"
MERCHANT_SUSPENDED: Final = "merchant_suspended"
UNDER_AGE: Final = "under_age"
OVER_AGE: Final = "over_age"
STUDENT: Final = "student"
CONSUMER_CLOSED: Final = "consumer_closed"
SUSPECTED_FRAUD: Final = "suspected_fraud"
UNDER_REVIEW: Final = "under_review"
NO_CREDIT_ACCOUNT: Final = "no_credit_account"
ACCOUNT_FROZEN: Final = "account_frozen"
OVERDUE: Final = "overdue"
VELOCITY: Final = "velocity"
DUPLICATE: Final = "duplicate"
LIMIT: Final = "limit"

PRECEDENCE: Final = (
    NEW_CREDIT_STOPPED, PRODUCT_STOPPED, FUNDER_STOPPED, MERCHANT_STOPPED, CHANNEL_STOPPED, PRODUCT_NOT_OFFERED, MERCHANT_SUSPENDED,
    UNDER_AGE, OVER_AGE, STUDENT, CONSUMER_CLOSED, SUSPECTED_FRAUD, UNDER_REVIEW, NO_CREDIT_ACCOUNT, ACCOUNT_FROZEN, OVERDUE, VELOCITY,
    DUPLICATE, LIMIT,
)  # fmt: skip
"""First what holds for everybody, then the law, then the consumer, then the order."""

MOST_REASONS: Final = 4

FRAUD, REVIEW = "fraud", "review"
MARKS: Final = (FRAUD, REVIEW)
"""What a consumer may be marked with: no order is approved until the mark is lifted."""


@made_quickly
@dataclass(frozen=True, slots=True)
class Features:
    """What is known when the decision is made; stored with it. Amounts in one currency.

    `credit_state` is None without a credit account. `exposure` is drawn plus held, this order not included. `orders_1h`, `orders_24h` and
    `amount_24h_minor` are what the consumer ordered in the hour and the day before, at any merchant: all orders, declined ones too, and the
    amount that was authorised. `duplicate_of` is an earlier order of the same merchant with the same merchant reference.
    `new_credit_stopped` is a stop in force for all new credit, the four below it one for the product, the funder, the merchant or the sales
    channel of the order. `suspected_fraud` and `under_review` are marks on the consumer.
    """

    consumer_id: UUID
    merchant_id: UUID
    amount: Money
    periods: int
    age_years: int
    is_student: bool
    consumer_state: str
    credit_state: str | None
    limit: Money
    exposure: Money
    overdue_days: int
    overdue: Money
    duplicate_of: UUID | None
    merchant_state: str
    product_state: str
    new_credit_stopped: bool = False
    product_stopped: bool = False
    funder_stopped: bool = False
    merchant_stopped: bool = False
    channel_stopped: bool = False
    orders_1h: int = 0
    orders_24h: int = 0
    amount_24h_minor: int = 0
    suspected_fraud: bool = False
    under_review: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the decision, a version of the setting `risk.policy`. Of velocity each may be left out: no maximum then. They count
    what was ordered before, so with a maximum of 20 the 21st is declined.
    """

    version: int
    min_age: int
    max_age: int
    students_blocked: bool
    max_overdue_days: int
    max_overdue_minor: int
    max_orders_1h: int | None = None
    max_orders_24h: int | None = None
    max_amount_24h_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`reasons` are empty for an approval, else one to four codes in order of precedence."""

    outcome: Literal["approved", "declined"]
    reasons: tuple[str, ...]
    policy_version: int

    @property
    def approved(self) -> bool:
        return self.outcome == APPROVED


def policy(version: int, value: Mapping[str, Any]) -> Policy:
    """The policy of a setting: the fields of Policy but its version, of which those with a default may be left out. Raises ValueError for
    anything else.
    """
    kinds = {f.name: bool if f.name == "students_blocked" else int for f in fields(Policy) if f.name != "version"}
    optional = {f.name for f in fields(Policy) if f.default is None}
    if not set(kinds) - optional <= set(value) <= set(kinds):
        raise ValueError(
            f"risk.policy has the fields {', '.join(sorted(set(kinds) - optional))}, and may have {', '.join(sorted(optional))},"
            f" not {', '.join(sorted(value))}"
        )
    wrong = [name for name in value if type(value[name]) is not kinds[name]]
    if wrong:
        raise ValueError(f"risk.policy has a wrong value for {', '.join(wrong)}")
    tolerances = [value[name] for name in value if name.startswith("max_") and name != "max_age"]
    if not 0 < value["min_age"] <= value["max_age"] or min(tolerances) < 0:
        raise ValueError("risk.policy has ages out of order or a negative tolerance")
    return Policy(version, **value)


def decide(features: Features, policy: Policy) -> Decision:
    """Approves, or declines with the first four reasons in order of precedence."""
    true = _grounds(features, policy)
    if not any(true.values()):
        return _approval(policy.version)
    return Decision("declined", tuple(code for code in PRECEDENCE if true[code])[:MOST_REASONS], policy.version)


@cache
def _approval(policy_version: int) -> Decision:
    return Decision("approved", (), policy_version)


def _grounds(features: Features, policy: Policy) -> dict[str, bool]:
    has_account = features.credit_state is not None
    return {
        NEW_CREDIT_STOPPED: features.new_credit_stopped,
        PRODUCT_STOPPED: features.product_stopped,
        FUNDER_STOPPED: features.funder_stopped,
        MERCHANT_STOPPED: features.merchant_stopped,
        CHANNEL_STOPPED: features.channel_stopped,
        PRODUCT_NOT_OFFERED: features.product_state != "published",
        MERCHANT_SUSPENDED: features.merchant_state != "active",
        UNDER_AGE: features.age_years < policy.min_age,
        OVER_AGE: features.age_years > policy.max_age,
        STUDENT: policy.students_blocked and features.is_student,
        CONSUMER_CLOSED: features.consumer_state != "active",
        SUSPECTED_FRAUD: features.suspected_fraud,
        UNDER_REVIEW: features.under_review,
        NO_CREDIT_ACCOUNT: not has_account,
        ACCOUNT_FROZEN: has_account and features.credit_state != "active",
        OVERDUE: features.overdue_days > policy.max_overdue_days or features.overdue.minor > policy.max_overdue_minor,
        VELOCITY: _too_fast(features, policy),
        DUPLICATE: features.duplicate_of is not None,
        LIMIT: has_account and features.exposure.minor + features.amount.minor > features.limit.minor,
    }


def _too_fast(features: Features, policy: Policy) -> bool:
    return (
        _reached(features.orders_1h, policy.max_orders_1h)
        or _reached(features.orders_24h, policy.max_orders_24h)
        or _reached(features.amount_24h_minor, policy.max_amount_24h_minor)
    )


def _reached(have: int, most: int | None) -> bool:
    return most is not None and have >= most
