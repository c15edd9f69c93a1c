"""Transfers between two accounts, in one step or two, alone or linked: what is asked, and what may come of it.

The results, their names and their order of precedence are those of TigerBeetle's `create_transfers`, which the scripts of
`yuefu conform ledger` state. Amounts are whole minor units and never negative; an account has four figures: debits and credits, pending
and posted. A limit counts net debits with debits pending (`exceeds_credits` above it), or net credits with credits pending
(`exceeds_debits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from yuefu.ledger.rules.posting import AccountKey
from yuefu.money.amounts import Money

EVERYTHING: Final = 2**63 - 1
"""As much as there is: of a pending transfer all of it, of a balancing one whatever its account allows."""

# Refusals, in order of precedence.
LINKED_FAILED = "linked_event_failed"  # another of its chain was refused, so none of the chain was carried out
CHAIN_OPEN = "linked_event_chain_open"  # the last of a batch is linked to nothing
KEY_INVALID = "key_invalid"  # empty, longer than 255 characters, or with control characters
DIFFERENT_FLAGS = "exists_with_different_flags"
DIFFERENT_DEBIT = "exists_with_different_debit_account_id"
DIFFERENT_CREDIT = "exists_with_different_credit_account_id"
DIFFERENT_AMOUNT = "exists_with_different_amount"
DIFFERENT_PENDING = "exists_with_different_pending_id"
DIFFERENT_TIMEOUT = "exists_with_different_timeout"
DIFFERENT_CURRENCY = "exists_with_different_currency"
ID_ALREADY_FAILED = "id_already_failed"  # the key was refused for something that may change: it stays refused
FLAGS_EXCLUSIVE = "flags_are_mutually_exclusive"  # it posts or voids, or it is a transfer of its own
NO_DEBIT_ACCOUNT = "debit_account_id_must_not_be_zero"
NO_CREDIT_ACCOUNT = "credit_account_id_must_not_be_zero"
SAME_ACCOUNT = "accounts_must_be_different"
SAME_KEY = "pending_id_must_be_different"
TIMEOUT_RESERVED = "timeout_reserved_for_pending_transfer"
CLOSING_NOT_PENDING = "closing_transfer_must_be_pending"
AMOUNT_OUT_OF_RANGE = "amount_out_of_range"  # negative or missing; at last, where all else is well: beyond what one line may move
TIMEOUT_OUT_OF_RANGE = "timeout_out_of_range"  # negative
DEBIT_NOT_FOUND = "debit_account_not_found"
CREDIT_NOT_FOUND = "credit_account_not_found"
CURRENCIES_DIFFER = "accounts_must_have_the_same_currency"
PENDING_NOT_FOUND = "pending_transfer_not_found"
PENDING_NOT_PENDING = "pending_transfer_not_pending"
PENDING_OTHER_DEBIT = "pending_transfer_has_different_debit_account_id"
PENDING_OTHER_CREDIT = "pending_transfer_has_different_credit_account_id"
PENDING_OTHER_CURRENCY = "pending_transfer_has_different_currency"
EXCEEDS_PENDING = "exceeds_pending_transfer_amount"
PENDING_OTHER_AMOUNT = "pending_transfer_has_different_amount"  # a void is of the whole
ALREADY_POSTED = "pending_transfer_already_posted"
ALREADY_VOIDED = "pending_transfer_already_voided"
EXPIRED = "pending_transfer_expired"
DEBIT_CLOSED = "debit_account_already_closed"
CREDIT_CLOSED = "credit_account_already_closed"
EXCEEDS_CREDITS = "exceeds_credits"
EXCEEDS_DEBITS = "exceeds_debits"
# Beyond what the tables hold. TigerBeetle tells these before the two above; its figures are twice as wide.
OVERFLOWS_DEBITS_PENDING = "overflows_debits_pending"
OVERFLOWS_CREDITS_PENDING = "overflows_credits_pending"
OVERFLOWS_DEBITS = "overflows_debits"
OVERFLOWS_CREDITS = "overflows_credits"
OVERFLOWS_TIMEOUT = "overflows_timeout"

# What may be otherwise a moment later. A key refused for it stays refused, so that a retry never turns a no into a yes.
TRANSIENT: Final = frozenset(
    {DEBIT_NOT_FOUND, CREDIT_NOT_FOUND, PENDING_NOT_FOUND, DEBIT_CLOSED, CREDIT_CLOSED, EXCEEDS_CREDITS, EXCEEDS_DEBITS}
)

Kind = Literal["transfer", "pending", "post", "void", "failed", "mixed"]
Ended = Literal["", "posted", "voided", "expired"]


class Flags(NamedTuple):
    """What a transfer is beside what it moves. The same key with other flags is another transfer."""

    kind: Kind
    linked: bool = False
    balancing_debit: bool = False
    balancing_credit: bool = False
    closing_debit: bool = False
    closing_credit: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """One move from the account `credit` to the account `debit` of the books: a debit here, a credit there, of one amount.

    `amount_minor` may be more than an amount of money can be: EVERYTHING, or None for what `post` and `void` resolve. `post` and `void`
    name the key of a pending transfer, whose accounts and currency they may leave out; a post of less releases the rest. A pending one
    may run out after `timeout`. `linked` ties it to the next: all of a chain or nothing. `balancing_debit` moves at most what the debit
    account has more of credits than of debits, `balancing_credit` the reverse. `closing_…` closes an account for as long as it is pending.
    """

    key: str
    debit: AccountKey | None = None
    credit: AccountKey | None = None
    amount_minor: int | None = None
    currency: str | None = None
    pending: bool = False
    timeout: timedelta | None = None
    post: str | None = None
    void: str | None = None
    linked: bool = False
    balancing_debit: bool = False
    balancing_credit: bool = False
    closing_debit: bool = False
    closing_credit: bool = False

    @property
    def resolves(self) -> str | None:
        """The key of the pending transfer that it posts or voids."""
        return self.void if self.post is None else self.post

    @property
    def flags(self) -> Flags:
        kind: Kind = "transfer"
        if self.resolves is not None:
            kind = "void" if self.post is None else "post"
            if self.pending or (self.post is not None and self.void is not None):
                kind = "mixed"  # never stored: it is refused, and differs from whatever its key stands for
        elif self.pending:
            kind = "pending"
        return Flags(kind, self.linked, self.balancing_debit, self.balancing_credit, self.closing_debit, self.closing_credit)


@dataclass(frozen=True, slots=True)
class Moved:
    """It is done: `amount` is moved, or kept pending, or was released. `again`: it was done before, by an equal transfer of this key."""

    transfer_id: UUID
    amount: Money
    again: bool = False


def is_key(text: str) -> bool:
    """Whether a text may be the key of a transfer: 1 to 255 printable characters."""
    return 0 < len(text) <= 255 and text.isprintable()


def chains(transfers: Sequence[Transfer]) -> list[list[Transfer]]:
    """A batch in its chains, each of one or more that are carried out together: it may be cut between them and nowhere else."""
    cut: list[list[Transfer]] = [[]]
    for transfer in transfers:
        cut[-1].append(transfer)
        if not transfer.linked:
            cut.append([])
    return [chain for chain in cut if chain]
