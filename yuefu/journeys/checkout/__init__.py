"""Checkout: quote → authorise → extend, capture, or void, release of the rest, or expiry.

A quote is what the consumer is shown: its cost table is kept, and that it was shown, when, to whom and in which language. Authorise
refers to it: the consent of this consumer is to those terms, that total and that calendar. The due days stay as shown however much later
the goods are captured, and all captures of an order together never cost more than was shown.
"""

from yuefu.journeys.checkout.authorising import authorise
from yuefu.journeys.checkout.capturing import capture
from yuefu.journeys.checkout.extending import extend
from yuefu.journeys.checkout.quoting import quote, quote_once
from yuefu.journeys.checkout.releasing import expire, expire_orders, release, void
from yuefu.journeys.checkout.values import (
    AUTHORISATION_DAYS,
    NO_CONTRACT,
    NO_SUCH_PLAN,
    QUOTE_NOT_PERSONAL,
    QUOTE_OUTDATED,
    REFERENCE_INVALID,
    RISK_POLICY,
    UNKNOWN_CHANNEL,
    UNKNOWN_CONSUMER,
    UNKNOWN_LANGUAGE,
    UNKNOWN_MERCHANT,
    UNKNOWN_PRODUCT,
    UNKNOWN_QUOTE,
    Authorised,
    Captured,
    OnceShown,
    Prolonged,
    Purchase,
    Quoted,
    Released,
    Wish,
)

__all__ = [
    "AUTHORISATION_DAYS",
    "NO_CONTRACT",
    "NO_SUCH_PLAN",
    "QUOTE_NOT_PERSONAL",
    "QUOTE_OUTDATED",
    "REFERENCE_INVALID",
    "RISK_POLICY",
    "UNKNOWN_CHANNEL",
    "UNKNOWN_CONSUMER",
    "UNKNOWN_LANGUAGE",
    "UNKNOWN_MERCHANT",
    "UNKNOWN_PRODUCT",
    "UNKNOWN_QUOTE",
    "Authorised",
    "Captured",
    "OnceShown",
    "Prolonged",
    "Purchase",
    "Quoted",
    "Released",
    "Wish",
    "authorise",
    "capture",
    "expire",
    "expire_orders",
    "extend",
    "quote",
    "quote_once",
    "release",
    "void",
]
