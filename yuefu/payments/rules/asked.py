"""What the gateways are asked and what they answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from yuefu.money.amounts import Money

Settled = Literal["succeeded", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class CollectOrder:
    """Take `amount` from the holder of `instrument`. `reference` is our out_trade_no: sent again, it never takes twice."""

    reference: str
    instrument: str
    amount: Money
    payer: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Give `amount` of the collection `original_reference` back. `reference` is our out_refund_no."""

    reference: str
    original_reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What the channel says of one reference. `fee` ≥ 0: taken for a collection, given back for a refund. `on` is the channel's day."""

    reference: str
    outcome: Settled
    amount: Money
    fee: Money
    provider_id: str = ""
    on: date | None = None
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class PayOrder:
    """Pay `amount` to a bank account. `beneficiary` is opened by the journey that calls the bank and is kept nowhere in clear."""

    reference: str
    beneficiary: str = field(repr=False)
    amount: Money


@dataclass(frozen=True, slots=True)
class PayResult:
    """What the bank says of one payout: on its way, paid, returned after it was paid, or rejected before any money moved."""

    reference: str
    outcome: Literal["sent", "paid", "returned", "rejected"]
    amount: Money
    provider_id: str = ""
    on: date | None = None
    failure_code: str = ""


@dataclass(frozen=True, slots=True)
class MoveOrder:
    """Move `amount` between two of our accounts, named by their numbers. Money of a funder has no `origin`."""

    reference: str
    amount: Money
    origin: str
    target: str


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What a gateway says of money between our own accounts or from a funder. `unknown`: ask again."""

    reference: str
    outcome: Literal["done", "failed", "unknown"]
    amount: Money
    provider_id: str = ""
    on: date | None = None
    failure_code: str = ""
