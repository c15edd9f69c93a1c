"""Values of payments, what gateways are asked and answer, and the allowed steps of each state. Pure.

An outcome of a gateway is applied to what we stored: the same answer twice changes nothing, a contradicting one is refused and left
to a person. Nothing is ever guessed from silence: it stays unknown until the gateway says something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money

AMOUNT_NOT_POSITIVE = "amount_not_positive"
UNKNOWN_COLLECTION = "unknown_collection"
COLLECTION_NOT_SUCCEEDED = "collection_not_succeeded"  # only money that came can go back
REFUND_EXCEEDS_COLLECTION = "refund_exceeds_collection"
UNKNOWN_REFERENCE = "unknown_reference"  # a gateway speaks of a number that is not ours
AMOUNT_DIFFERS = "amount_differs"  # the gateway moved another amount than was asked
CONTRADICTS = "contradicts"  # the gateway says something else than it said before
CURRENCY_DIFFERS = "currency_differs"  # not the currency of the book or of the collection
FUNDER_MISSING = "funder_missing"  # money from a funder names the funder; any other names none
NOT_COVERED = "not_covered"  # the client account does not hold the money of this payout yet: it waits
NO_MONEY_ACCOUNT = "no_money_account"  # the book has no open account for this
ACCOUNT_DIFFERS = "account_differs"  # another account of the book has this code, or this number at its provider

Settled = Literal["succeeded", "failed", "unknown"]

COLLECTION_STEPS: Final = frozenset(
    {("attempted", "succeeded"), ("attempted", "failed"), ("attempted", "unknown"), ("unknown", "succeeded"), ("unknown", "failed")}
)
PAYOUT_STEPS: Final = frozenset(
    {("scheduled", "sent"), ("scheduled", "paid"), ("scheduled", "returned"), ("sent", "paid"), ("sent", "returned"), ("paid", "returned")}
)
TRANSFER_STEPS: Final = frozenset({("ordered", "done"), ("ordered", "failed")})

CHANNEL, OPERATING, CLIENT = "channel", "operating", "client"
"""The codes of the accounts that every book has: at the channel, at the bank for own money, at the bank for the money of merchants."""

TRANSFER_ENDS: Final[Mapping[str, tuple[str | None, str]]] = {
    "withdrawal": (CHANNEL, OPERATING),
    "funding": (None, OPERATING),
    "safeguarding": (OPERATING, CLIENT),
    "release": (CLIENT, OPERATING),
}
"""Kind of a transfer → from which account to which. Money of a funder comes from outside."""


# ---------------------------------------------------------------------------------------------- what the gateways are asked and answer


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


# ------------------------------------------------------------------------------------------------------------------ what we store of it


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
    waits until it is released to its loan, on `released_on`.
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


@dataclass(frozen=True, slots=True)
class Payout:
    """Money on its way to a merchant, for one settlement batch, from an account of client money."""

    id: UUID
    reference: str
    money_account_id: UUID
    merchant_id: UUID
    batch_id: UUID
    amount: Money
    provider_id: str
    state: str
    failure_code: str
    ordered_at: datetime
    paid_on: date | None
    returned_on: date | None


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


# --------------------------------------------------------------------------------------------------------------------------- decisions


def amount_refusal(amount: Money, currency: str) -> Refused | None:
    """Why an amount cannot be moved in a book of `currency`."""
    if amount.currency != currency:
        return Refused(CURRENCY_DIFFERS, f"this book is kept in {currency}, not in {amount.currency}", "amount")
    if amount.minor <= 0:
        return Refused(AMOUNT_NOT_POSITIVE, "an amount above zero is needed", "amount")
    return None


def refund_refusal(collection: Collection | None, amount: Money, currency: str) -> Refused | None:
    """Why so much of a collection cannot be given back."""
    if collection is None:
        return Refused(UNKNOWN_COLLECTION, "there is no such collection in this book", "collection_id")
    if refused := amount_refusal(amount, currency):
        return refused
    if collection.state != "succeeded":
        return Refused(COLLECTION_NOT_SUCCEEDED, f"the collection is {collection.state}", "collection_id")
    if amount > collection.left:
        return Refused(REFUND_EXCEEDS_COLLECTION, f"{collection.left} of the collection is left, {amount} was asked", "amount")
    return None


def collected(current: Collection | None, result: ChannelResult, posted_on: date) -> Collection | Refused:
    """The collection after what the channel says; the same value where nothing is new."""
    if current is None:
        return _unknown(result.reference)
    if result.amount != current.amount:
        return _other_amount(current.amount, result.amount)
    if _says_the_same(current.state, result.outcome):
        return current
    if (current.state, result.outcome) not in COLLECTION_STEPS:
        return _contradiction(result.reference, current.state, result.outcome)
    if result.outcome == "succeeded":
        assert result.on is not None, "a channel that took money says on which day"
        return replace(
            current, state="succeeded", fee=result.fee, provider_id=result.provider_id, settled_on=result.on, posted_on=posted_on
        )
    return replace(current, state=result.outcome, failure_code=result.failure_code, provider_id=result.provider_id)


def shared(whole: Collection, part: Collection) -> Collection:
    """A part with the fate of its whole: the fee is the whole's. One that comes on its day or later waits for nothing."""
    assert part.part_of == whole.id, "a part follows its own whole"
    there = whole.posted_on is not None and part.waits_for is not None and part.waits_for <= whole.posted_on
    return replace(
        part,
        state=whole.state,
        provider_id=whole.provider_id,
        failure_code=whole.failure_code,
        settled_on=whole.settled_on,
        posted_on=whole.posted_on,
        released_on=whole.posted_on if there else None,
    )


def refunded(current: ChannelRefund | None, result: ChannelResult, posted_on: date) -> ChannelRefund | Refused:
    """The refund after what the channel says; the same value where nothing is new."""
    if current is None:
        return _unknown(result.reference)
    if result.amount != current.amount:
        return _other_amount(current.amount, result.amount)
    if _says_the_same(current.state, result.outcome):
        return current
    if (current.state, result.outcome) not in COLLECTION_STEPS:
        return _contradiction(result.reference, current.state, result.outcome)
    if result.outcome == "succeeded":
        assert result.on is not None, "a channel that gave money back says on which day"
        return replace(
            current, state="succeeded", fee=result.fee, provider_id=result.provider_id, settled_on=result.on, posted_on=posted_on
        )
    return replace(current, state=result.outcome, failure_code=result.failure_code, provider_id=result.provider_id)


def paid_out(current: Payout | None, result: PayResult) -> Payout | Refused:
    """The payout after what the bank says; the same value where nothing is new. What was paid may still be returned, never rejected."""
    if current is None:
        return _unknown(result.reference)
    if result.amount != current.amount:
        return _other_amount(current.amount, result.amount)
    state = "returned" if result.outcome == "rejected" else result.outcome
    if state == current.state or (result.outcome in ("sent", "paid") and current.state in ("paid", "returned")):
        return current
    if (current.state, state) not in PAYOUT_STEPS or (result.outcome == "rejected" and current.state == "paid"):
        return _contradiction(result.reference, current.state, result.outcome)
    number = result.provider_id or current.provider_id
    if result.outcome == "sent":
        return replace(current, state=state, provider_id=number)
    assert result.on is not None, "a bank that moved or rejected money says on which day"
    if result.outcome == "paid":
        return replace(current, state=state, provider_id=number, paid_on=result.on)
    returned = replace(current, state=state, provider_id=number, returned_on=result.on, failure_code=result.failure_code)
    # Money can only come back after it went: a bank that reports both at once is booked as both.
    return replace(returned, paid_on=current.paid_on or result.on) if result.outcome == "returned" else returned


def transferred(current: Transfer | None, result: TransferResult) -> Transfer | Refused:
    """The transfer after what the gateway says; the same value where nothing is new."""
    if current is None:
        return _unknown(result.reference)
    if result.amount != current.amount:
        return _other_amount(current.amount, result.amount)
    if result.outcome in ("unknown", current.state):
        return current
    if (current.state, result.outcome) not in TRANSFER_STEPS:
        return _contradiction(result.reference, current.state, result.outcome)
    assert result.on is not None, "a gateway that settles a transfer says on which day"
    on = result.on if result.outcome == "done" else None
    return replace(current, state=result.outcome, provider_id=result.provider_id, failure_code=result.failure_code, moved_on=on)


def safeguarding(*, owed: int, held: int, under_way: int) -> tuple[str, int] | None:
    """The transfer that makes client money equal to what is owed, in minor units: its kind and amount; None where nothing is to move.

    `held` is what lies in the client account, `under_way` what is ordered into it and not done, less what is ordered out of it.
    """
    missing = owed - held - under_way
    if not missing:
        return None
    return ("safeguarding", missing) if missing > 0 else ("release", -missing)


def covered(payouts: Sequence[Payout], free: Mapping[UUID, int]) -> list[bool]:
    """Which payouts the money of their accounts reaches, in order: one that is too large waits and does not hold up the others.

    `free` is what each account has that is not promised to anybody else, in minor units.
    """
    left = dict(free)
    found = []
    for payout in payouts:
        account = payout.money_account_id
        enough = payout.amount.minor <= left.get(account, 0)
        if enough:
            left[account] -= payout.amount.minor
        found.append(enough)
    return found


def transfer_refusal(kind: str, amount: Money, funder_id: UUID | None, currency: str) -> Refused | None:
    """Why a transfer cannot be ordered."""
    if (kind == "funding") != (funder_id is not None):
        return Refused(FUNDER_MISSING, "funding names its funder, another transfer has none", "funder_id")
    return amount_refusal(amount, currency)


def _says_the_same(state: str, outcome: str) -> bool:
    # "Unknown" after an answer is only a slow echo of an earlier call.
    return outcome in (state, "unknown") and not (state == "attempted" and outcome == "unknown")


def _unknown(reference: str) -> Refused:
    return Refused(UNKNOWN_REFERENCE, f"{reference[:64]} is not a reference of this book", "reference")


def _other_amount(asked: Money, moved: Money) -> Refused:
    return Refused(AMOUNT_DIFFERS, f"{asked} was asked, the gateway says {moved}", "amount")


def _contradiction(reference: str, state: str, outcome: str) -> Refused:
    return Refused(CONTRADICTS, f"{reference} is {state}, the gateway now says {outcome}", "outcome")
