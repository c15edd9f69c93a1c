"""What is stored of money that moves outside. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.money.amounts import Money

MERCHANT: Final = "merchant"
"""Whom a payout goes to where it is nobody with shares."""
Pays = Literal["merchants", "payees"]
"""Whom payouts go to: both are never in one file, for they leave different accounts."""

CHANNEL, OPERATING, CLIENT = "channel", "operating", "client"
"""The codes of the accounts that every book has: at the channel, at the bank for own money, at the bank for the money of merchants."""
PAID_FROM: Final[Mapping[Pays, str]] = {"merchants": CLIENT, "payees": OPERATING}
"""The account that payouts leave."""

TRANSFER_ENDS: Final[Mapping[str, tuple[str | None, str]]] = {
    "withdrawal": (CHANNEL, OPERATING),
    "funding": (None, OPERATING),
    "safeguarding": (OPERATING, CLIENT),
    "release": (CLIENT, OPERATING),
}
"""Kind of a transfer → from which account to which. Money of a funder comes from outside."""


@dataclass(frozen=True, slots=True)
class NewMoneyAccount:
    """An account at a channel or bank, for own money or for that of clients. `number` is how the provider's files name it."""

    code: str
    kind: Literal["channel", "bank"]
    purpose: Literal["own", "client"]
    provider: str
    number: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class MoneyAccount:
    """An account of a book as it is kept. Its ledger account has the component that its kind and purpose give, and its id as owner."""

    id: UUID
    code: str
    kind: str
    purpose: str
    provider: str
    number: str
    currency: str
    name_zh: str
    name_en: str
    opened_at: datetime
    closed_at: datetime | None


CHANNEL_NUMBER, OPERATING_NUMBER, CLIENT_NUMBER = "1900000001", "6100000000000001", "6100000000000002"
SANDBOX_ACCOUNTS: Final = (
    NewMoneyAccount(CHANNEL, "channel", "own", "sandbox", CHANNEL_NUMBER, "支付渠道账户", "Payment channel account"),
    NewMoneyAccount(OPERATING, "bank", "own", "sandbox", OPERATING_NUMBER, "银行自有账户", "Bank account, own money"),
    NewMoneyAccount(CLIENT, "bank", "client", "sandbox", CLIENT_NUMBER, "银行客户资金账户", "Bank account, client money"),
)
"""What a book is founded with: the accounts that the sandbox keeps for it."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One attempt to collect. `settled_on` is the channel's day, `posted_on` the business day of its entry; both only if it succeeded.
    `money_account_id` is the channel account it comes into, `funder_id` whose money the loan is.

    One payment over several loans is a whole of no loan, which the channel knows, and its `parts`, each for one loan and `part_of` the whole:
    they have its reference and its fate, and what is given back is given back of them. A part that came before the day it is for (`waits_for`)
    waits until it is released to its loan, on `released_on`. `ahead`: in what way its loan takes what is more than what is due; None: it goes back.
    """

    id: UUID
    reference: str
    money_account_id: UUID
    consumer_id: UUID
    loan_id: UUID | None
    order_id: UUID | None
    funder_id: UUID
    amount: Money
    fee: Money
    instrument: str
    provider_id: str
    state: str
    failure_code: str
    attempted_at: datetime
    settled_on: date | None
    posted_on: date | None
    refunded: Money
    """What refunds have taken or may still take: those that failed have given it back."""
    part_of: UUID | None = None
    parts: int = 0
    waits_for: date | None = None
    released_on: date | None = None
    ahead: str | None = None
    channel: str = "sandbox"
    """By which it comes; `receipts.BANK` for a bank transfer, whose account of money is our own at the bank."""

    @property
    def is_waiting(self) -> bool:
        """Whether it came and still waits for its day."""
        return self.state == "succeeded" and self.waits_for is not None and self.released_on is None

    @property
    def was_released(self) -> bool:
        """Whether it waited, and was then released to its loan by an entry of its own."""
        return bool(self.waits_for and self.released_on and self.posted_on and self.posted_on < self.waits_for)

    @property
    def left(self) -> Money:
        """What may still be refunded."""
        return self.amount - self.refunded


@dataclass(frozen=True, slots=True)
class ChannelRefund:
    """Part or all of a collection on its way back to the consumer, from the account it came into. `fee` is what the channel gives back of
    its fee.
    """

    id: UUID
    reference: str
    money_account_id: UUID
    collection_id: UUID
    original_reference: str
    consumer_id: UUID
    loan_id: UUID | None
    order_id: UUID | None
    funder_id: UUID
    amount: Money
    fee: Money
    provider_id: str
    state: str
    failure_code: str
    attempted_at: datetime
    settled_on: date | None
    posted_on: date | None
    channel: str = "sandbox"

    @property
    def is_ordered(self) -> bool:
        """Whether we ordered it; what a bank took back has the reference of that bank."""
        return self.reference == ids.text("channel_refund", self.id)


@dataclass(frozen=True, slots=True)
class Payout:
    """Money on its way: to a merchant, for one settlement batch, from an account of client money; or to an agent, host or funder (`party`), for one
    batch of its shares, from one of own money. `merchant_id` and `payee_id`: whom it goes to, one of the two.

    `account_id` is the version of the account that it went to, from when it is sent; `file_id` the file that the bank was given it in, if
    it was. `by_hand`: two people ordered it, so it does not wait for its merchant to be active.
    """

    id: UUID
    reference: str
    money_account_id: UUID
    merchant_id: UUID | None
    batch_id: UUID
    amount: Money
    provider_id: str
    state: str
    failure_code: str
    ordered_at: datetime
    paid_on: date | None
    returned_on: date | None
    account_id: UUID | None = None
    file_id: UUID | None = None
    by_hand: bool = False
    party: str = MERCHANT
    payee_id: UUID | None = None

    @property
    def to_id(self) -> UUID:
        """The merchant, agent, host or funder."""
        found = self.merchant_id or self.payee_id
        assert found is not None, "a payout goes to somebody"
        return found


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money from the channel to our bank (withdrawal), from a funder to our bank (funding), from own money to that of clients
    (safeguarding) or back (release).
    """

    id: UUID
    reference: str
    kind: str
    from_account_id: UUID | None
    to_account_id: UUID
    amount: Money
    funder_id: UUID | None
    provider_id: str
    state: str
    failure_code: str
    ordered_at: datetime
    moved_on: date | None
