"""What is asked of a checkout and what becomes of it, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules.metadata import Metadata
from yuefu.money.amounts import Money
from yuefu.offers.rules.disclosure import Disclosure
from yuefu.offers.rules.quote import Quote
from yuefu.orders.rules.lines import Line
from yuefu.runtime.values import Actor

UNKNOWN_PRODUCT: Final = "unknown_product"
UNKNOWN_MERCHANT: Final = "unknown_merchant"
UNKNOWN_CONSUMER: Final = "unknown_consumer"
UNKNOWN_CHANNEL: Final = "unknown_channel"
CATEGORY_INVALID: Final = "category_invalid"
UNKNOWN_HOST: Final = "unknown_host"  # only what is sold live has a host, and it is one of the book that is active
UNKNOWN_LANGUAGE: Final = "unknown_language"
UNKNOWN_QUOTE: Final = "unknown_quote"  # quote first: a consumer can only agree to what was shown to them, by this merchant
QUOTE_OUTDATED: Final = "quote_outdated"  # shown on another day: quote again
QUOTE_NOT_PERSONAL: Final = "quote_not_personal"  # shown to nobody in particular, and this consumer's due days are others: quote again
NO_CONTRACT: Final = "no_contract"  # the merchant has no contract in force
NO_SUCH_PLAN: Final = "no_such_plan"  # the contract has no interest-free plan of so many periods
REFERENCE_INVALID: Final = "merchant_reference_invalid"
STORE_NOT_OF_CHANNEL: Final = "store_not_of_channel"  # only what is sold in a store names one
REFERENCE_TAKEN: Final = "merchant_reference_taken"  # by an order that was not declined
NO_PLAN: Final = "no_plan_offered"  # for this amount, whatever the product

AUTHORISATION_DAYS: Final = "orders.authorisation_days"
RISK_POLICY: Final = "risk.policy"


def reference_fault(reference: str) -> Refused | None:
    """What a merchant calls its order."""
    good = 0 < len(reference) <= 64 and reference.isprintable() and reference == reference.strip()
    return None if good else Refused(REFERENCE_INVALID, "a merchant reference has 1 to 64 printable characters", "merchant_reference")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a consumer would like to buy on a plan. Without a consumer the first instalment is due a month from now.

    `language` is that of the page or text it is shown in: zh or en. `key` is for those that are sent again (`quote_once`).
    """

    merchant_id: UUID
    consumer_id: UUID | None
    product: str
    amount: Money
    periods: int
    language: str = "zh"
    key: str = ""
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OnceShown:
    """What was shown: the id of the record of that, and the cost table with its id."""

    quote_id: UUID
    disclosure_id: UUID
    disclosure: Disclosure
    shown_on: date


@dataclass(frozen=True, slots=True)
class Quoted:
    """A price that was shown, the id of the record of that, and the id of the cost table, which equal quotes share."""

    quote_id: UUID
    disclosure_id: UUID
    quote: Quote


@dataclass(frozen=True, slots=True)
class Purchase:
    """The consumer's consent to a plan that was shown to them, sent by the merchant under its own reference. Here as in other requests
    `by` is who sent it, where that is not who carries out the batch. `host` is the code of who sold it live,
    `category` that of the goods, `metadata` what the merchant notes on the order for itself, `lines` what is in the cart, `store_id` and `terminal_id` where it
    is sold.
    """

    key: str
    merchant_id: UUID
    merchant_reference: str
    consumer_id: UUID
    quote_id: UUID
    channel: str = "online"
    by: Actor | None = field(default=None, compare=False)
    host: str = ""
    category: str = ""
    metadata: Metadata = ()
    lines: tuple[Line, ...] = ()
    store_id: UUID | None = None
    terminal_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Authorised:
    """The decision on a purchase. `reasons` are empty where it was approved; then `expires_at` says until when it can be captured."""

    order_id: UUID
    approved: bool
    reasons: tuple[str, ...]
    amount: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Captured:
    order_id: UUID
    capture_id: UUID
    loan_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class Released:
    order_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class Prolonged:
    """An authorisation holds until then."""

    order_id: UUID
    expires_at: datetime
