"""Receipts: money that somebody transferred to our bank account, and what became of it. Pure.

A receipt is booked as money nobody has explained yet. What it is for explains it, in parts: a match, which is a payment of a consumer, or a
return to whoever paid it. What is left waits in suspense, and so does what comes back of a match.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments.rules.asked import ChannelResult, PayResult
from yuefu.payments.rules.references import LONGEST_TEXT
from yuefu.payments.rules.steps import AMOUNT_DIFFERS, AMOUNT_NOT_POSITIVE, CONTRADICTS, CURRENCY_DIFFERS, UNKNOWN_REFERENCE
from yuefu.payments.rules.stored import ChannelRefund

CREDIT_INVALID = "credit_invalid"  # a bank's line that cannot be one: its number, amount, payer or text
CREDIT_DIFFERS = "credit_differs"  # the bank told of the same number before, with another amount or day
UNKNOWN_ACCOUNT = "unknown_account"  # not an account of own money of this book
UNKNOWN_RECEIPT = "unknown_receipt"
UNKNOWN_MATCH = "unknown_match"
NOTHING_LEFT = "nothing_left"  # all of it is explained or on its way back
MORE_THAN_LEFT = "more_than_left"
ALREADY_UNDONE = "already_undone"

NO_REFERENCE = "no_reference"
REFERENCE_NOT_OURS = "reference_not_ours"  # well formed, and nobody's
SEVERAL_REFERENCES = "several_references"
OTHER_CURRENCY = "other_currency"
NOTHING_TO_PAY = "nothing_to_pay"  # its consumer owes nothing: every loan is closed or written off
WAITS: Final = (NO_REFERENCE, REFERENCE_NOT_OURS, SEVERAL_REFERENCES, OTHER_CURRENCY, NOTHING_TO_PAY)
"""Why a receipt was not matched by itself; "" where it was, or is about to be."""

BANK: Final = "bank"
"""The channel of a collection that came by bank transfer, and of what goes back of it."""
HEARD_BY: Final = ("notice", "file")
LONGEST_NUMBER: Final = 64
SEALED_IN, SEALED_AS = "payments_receipt", "payer"
"""The table and column that who paid is sealed to, with the row."""
RETURN_STEPS: Final = frozenset(
    {("ordered", "sent"), ("ordered", "paid"), ("ordered", "failed"), ("sent", "paid"), ("sent", "failed"), ("paid", "returned")}
)


@dataclass(frozen=True, slots=True)
class BankCredit:
    """Money that came into an account of ours, as the bank tells it. `number` is the bank's and never used again on this account; `at` is its
    local time without a zone. Who paid is opened by nobody but who has to pay back or to find them.
    """

    number: str
    account: str
    amount: Money
    payer_account: str = field(repr=False)
    payer_name: str = field(repr=False)
    text: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid a receipt, and what they wrote."""

    account: str = field(repr=False)
    name: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A credit as it is kept. `consumer_id` is whom its reference names. `left` is neither explained nor on its way back."""

    id: UUID
    money_account_id: UUID
    number: str
    amount: Money
    payer_index: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    consumer_id: UUID | None
    code: str
    came_on: date
    came_at: datetime
    heard_at: datetime
    heard_by: str
    posted_on: date
    left: Money

    @property
    def state(self) -> str:
        return "open" if self.left else "explained"


@dataclass(frozen=True, slots=True)
class Match:
    """What of a receipt is a payment of a consumer, and who found that, why. `back` came back of it since, and is left of the receipt again."""

    id: UUID
    receipt_id: UUID
    collection_id: UUID
    consumer_id: UUID
    amount: Money
    back: Money
    state: str
    actor: str
    reason: str
    matched_at: datetime


@dataclass(frozen=True, slots=True)
class DebtPaid:
    """What of a receipt a merchant paid of its debt."""

    receipt_id: UUID
    merchant_id: UUID
    amount: Money
    actor: str
    reason: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Return:
    """What of a receipt goes back to the account it came from: ordered → sent → paid | failed, paid → returned where that bank refuses it."""

    id: UUID
    reference: str
    receipt_id: UUID
    money_account_id: UUID
    amount: Money
    provider_id: str
    state: str
    failure_code: str
    actor: str
    reason: str
    ordered_at: datetime
    paid_on: date | None
    returned_on: date | None


def credit_fault(credit: BankCredit) -> Refused | None:
    """Why a line of the bank cannot be booked as it is."""
    texts = (credit.payer_account, credit.payer_name, credit.text)
    if not 0 < len(credit.number) <= LONGEST_NUMBER or not credit.number.isprintable():
        return Refused(CREDIT_INVALID, f"the bank's number of a credit has 1 to {LONGEST_NUMBER} printable characters", "number")
    if any(len(text) > LONGEST_TEXT for text in texts):
        return Refused(CREDIT_INVALID, f"who paid and what they wrote have {LONGEST_TEXT} characters at most each", "text")
    if credit.amount.minor <= 0:
        return Refused(AMOUNT_NOT_POSITIVE, "money that came in is above zero", "amount")
    return None


def differing(known: Receipt, told: BankCredit) -> Refused | None:
    """Why what the bank tells again of a number is not what it told before."""
    if (known.amount, known.came_on) == (told.amount, told.at.date()):
        return None
    detail = (
        f"{told.number} was told as {known.amount} of {known.came_on}, now as {told.amount} of {told.at.date()}: ask the bank which is true"
    )
    return Refused(CREDIT_DIFFERS, detail, "number")


def left_refusal(receipt: Receipt | None, amount: Money | None) -> Refused | None:
    """Why so much of a receipt, or all that is left, cannot be matched or given back."""
    if receipt is None:
        return Refused(UNKNOWN_RECEIPT, "there is no such receipt in this book", "receipt_id")
    if not receipt.left:
        return Refused(NOTHING_LEFT, "nothing is left of this receipt: all of it is explained or on its way back", "receipt_id")
    if amount is None:
        return None
    if amount.currency != receipt.amount.currency:
        return Refused(CURRENCY_DIFFERS, f"this receipt is in {receipt.amount.currency}, not in {amount.currency}", "amount")
    if amount.minor <= 0:
        return Refused(AMOUNT_NOT_POSITIVE, "an amount above zero is needed", "amount")
    if amount > receipt.left:
        return Refused(MORE_THAN_LEFT, f"{receipt.left} is left of this receipt, {amount} was asked", "amount")
    return None


def came(reference: str, amount: Money, receipt: Receipt) -> ChannelResult:
    """What is known of a collection that is matched to a receipt: its money is here, since the day on which the bank had it."""
    return ChannelResult(reference, "succeeded", amount, Money.zero(amount.currency), receipt.number, receipt.came_on)


def stays_here(refund: ChannelRefund, on: date) -> ChannelResult:
    """What of a payment by bank transfer is given back: no channel is asked, for it is left of its receipt again and waits there for a person."""
    return ChannelResult(refund.reference, "succeeded", refund.amount, Money.zero(refund.amount.currency), on=on)


def paid_back(current: Return | None, result: PayResult) -> Return | Refused:
    """The return after what the bank says; the same value where nothing is new."""
    if current is None:
        return Refused(UNKNOWN_REFERENCE, f"{result.reference[:64]} is not a reference of this book", "reference")
    if result.amount != current.amount:
        return Refused(AMOUNT_DIFFERS, f"{current.amount} was asked, the gateway says {result.amount}", "amount")
    state: Literal["sent", "paid", "returned", "failed"] = "failed" if result.outcome == "rejected" else result.outcome
    if state == current.state or (state in ("sent", "paid") and current.state in ("paid", "returned")):
        return current
    if state == "returned" and current.state in ("ordered", "sent"):
        # Money can only come back after it went: a bank that reports both at once is booked as both.
        current = replace(current, state="paid", paid_on=result.on)
    if (current.state, state) not in RETURN_STEPS:
        return Refused(CONTRADICTS, f"{result.reference} is {current.state}, the gateway now says {result.outcome}", "outcome")
    number = result.provider_id or current.provider_id
    if state == "paid":
        return replace(current, state=state, provider_id=number, paid_on=result.on)
    if state == "returned":
        return replace(current, state=state, provider_id=number, returned_on=result.on, failure_code=result.failure_code)
    return replace(current, state=state, provider_id=number, failure_code=result.failure_code if state == "failed" else "")
