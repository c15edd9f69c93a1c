"""The allowed steps of each state, and why something is refused. Pure.

An outcome of a gateway is applied to what we stored: the same answer twice changes nothing, a contradicting one is refused and left
to a person. Nothing is ever guessed from silence: it stays unknown until the gateway says something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments.rules.asked import ChannelResult, PayResult, TransferResult
from yuefu.payments.rules.stored import ChannelRefund, Collection, Payout, Transfer

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

COLLECTION_STEPS: Final = frozenset(
    {("attempted", "succeeded"), ("attempted", "failed"), ("attempted", "unknown"), ("unknown", "succeeded"), ("unknown", "failed")}
)
LATE_STEPS: Final = frozenset({("failed", "succeeded")})
"""Of a collection, once a person accepted that the channel's later word is true."""
PAYOUT_STEPS: Final = frozenset(
    {("scheduled", "sent"), ("scheduled", "paid"), ("scheduled", "returned"), ("sent", "paid"), ("sent", "returned"), ("paid", "returned")}
)
ACCOUNT_FAULTS: Final = frozenset(
    {"beneficiary_rejected", "beneficiary_account_closed"}
    # ISO 20022: account number, closed, blocked, transaction forbidden, creditor's name, agent, address
    | {f"bank_{code}" for code in ("ac01", "ac03", "ac04", "ac06", "ac07", "ag01", "be01", "be04", "be06", "be22", "rc01", "rc04")}
)
"""What banks say of an account; what they say of the order, or of ours, is not its fault."""
TRANSFER_STEPS: Final = frozenset({("ordered", "done"), ("ordered", "failed")})


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


def collected(current: Collection | None, result: ChannelResult, posted_on: date, *, accepted: bool = False) -> Collection | Refused:
    """The collection after what the channel says; the same value where nothing is new. `accepted`: a person has looked at it and found
    that what was told as failed succeeded after all.
    """
    if current is None:
        return _unknown(result.reference)
    if result.amount != current.amount:
        return _other_amount(current.amount, result.amount)
    if _says_the_same(current.state, result.outcome):
        return current
    steps = COLLECTION_STEPS | LATE_STEPS if accepted else COLLECTION_STEPS
    if (current.state, result.outcome) not in steps:
        return _contradiction(result.reference, current.state, result.outcome)
    if result.outcome == "succeeded":
        assert result.on is not None, "a channel that took money says on which day"
        return replace(
            current,
            state="succeeded",
            fee=result.fee,
            provider_id=result.provider_id,
            failure_code="",
            settled_on=result.on,
            posted_on=posted_on,
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
            current,
            state="succeeded",
            fee=result.fee,
            provider_id=result.provider_id,
            failure_code="",
            settled_on=result.on,
            posted_on=posted_on,
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


def account_at_fault(payout: Payout) -> bool:
    """Whether a payout came back because of the account it went to: after it was paid, or rejected with a reason that says so."""
    return (
        payout.state == "returned"
        and payout.account_id is not None
        and (payout.paid_on is not None or payout.failure_code in ACCOUNT_FAULTS)
    )


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
