"""Checkout: quote → authorise → capture, or void, or expiry.

A quote is what the consumer is shown; its cost table is kept. Authorise refers to it: the consent is to those terms, that total and
that calendar. The due days stay as shown however much later the goods are captured, so a later capture can only cost less.
"""

from yuefu.journeys.checkout.authorising import authorise
from yuefu.journeys.checkout.capturing import capture
from yuefu.journeys.checkout.quoting import quote
from yuefu.journeys.checkout.releasing import expire, void
from yuefu.journeys.checkout.values import (
    AUTHORISATION_DAYS,
    DISCLOSURE_OUTDATED,
    NO_CONTRACT,
    NO_SUCH_PLAN,
    REFERENCE_INVALID,
    RISK_POLICY,
    UNKNOWN_CHANNEL,
    UNKNOWN_CONSUMER,
    UNKNOWN_DISCLOSURE,
    UNKNOWN_MERCHANT,
    UNKNOWN_PRODUCT,
    Authorised,
    Captured,
    Purchase,
    Quoted,
    Released,
    Wish,
)

__all__ = [
    "AUTHORISATION_DAYS",
    "DISCLOSURE_OUTDATED",
    "NO_CONTRACT",
    "NO_SUCH_PLAN",
    "REFERENCE_INVALID",
    "RISK_POLICY",
    "UNKNOWN_CHANNEL",
    "UNKNOWN_CONSUMER",
    "UNKNOWN_DISCLOSURE",
    "UNKNOWN_MERCHANT",
    "UNKNOWN_PRODUCT",
    "Authorised",
    "Captured",
    "Purchase",
    "Quoted",
    "Released",
    "Wish",
    "authorise",
    "capture",
    "expire",
    "quote",
    "void",
]
