"""A batch of transfers decided in order, in memory: each item sees those before it, and a broken chain leaves nothing behind.

`places` are accounts with the figures that the batch may need; `known` are transfers by key, those to be resolved among them. See
`ledger.rules.transfers` for what is asked, and for the refusals and their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger.rules.posting import CREDIT, DEBIT, AccountKey, Side
from yuefu.ledger.rules.transfers import (
    ALREADY_POSTED,
    ALREADY_VOIDED,
    AMOUNT_OUT_OF_RANGE,
    CHAIN_OPEN,
    CLOSING_NOT_PENDING,
    CREDIT_CLOSED,
    CREDIT_NOT_FOUND,
    CURRENCIES_DIFFER,
    DEBIT_CLOSED,
    DEBIT_NOT_FOUND,
    DIFFERENT_AMOUNT,
    DIFFERENT_CREDIT,
    DIFFERENT_CURRENCY,
    DIFFERENT_DEBIT,
    DIFFERENT_FLAGS,
    DIFFERENT_PENDING,
    DIFFERENT_TIMEOUT,
    EVERYTHING,
    EXCEEDS_CREDITS,
    EXCEEDS_DEBITS,
    EXCEEDS_PENDING,
    EXPIRED,
    FLAGS_EXCLUSIVE,
    ID_ALREADY_FAILED,
    KEY_INVALID,
    LINKED_FAILED,
    NO_CREDIT_ACCOUNT,
    NO_DEBIT_ACCOUNT,
    OVERFLOWS_CREDITS,
    OVERFLOWS_CREDITS_PENDING,
    OVERFLOWS_DEBITS,
    OVERFLOWS_DEBITS_PENDING,
    OVERFLOWS_TIMEOUT,
    PENDING_NOT_FOUND,
    PENDING_NOT_PENDING,
    PENDING_OTHER_AMOUNT,
    PENDING_OTHER_CREDIT,
    PENDING_OTHER_CURRENCY,
    PENDING_OTHER_DEBIT,
    SAME_ACCOUNT,
    SAME_KEY,
    TIMEOUT_OUT_OF_RANGE,
    TIMEOUT_RESERVED,
    TRANSIENT,
    Ended,
    Flags,
    Moved,
    Transfer,
    is_key,
)
from yuefu.money.amounts import LARGEST_MINOR, Money


@dataclass(slots=True)
class Place:
    """An account while a batch is decided. `net` is posted debits less posted credits; figures that no item asks for may be missing."""

    account_id: UUID
    key: AccountKey
    currency: str
    closed: bool = False
    merchant_id: UUID | None = None
    limit: int | None = None
    side: Side = DEBIT
    net: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    def exceeds(self, amount: int, side: Side) -> bool:
        """Whether so much more on a side lifts what counts there above the limit; what lifts nothing never does."""
        if self.limit is None or self.side != side or not amount:
            return False
        pending = self.debits_pending if side == DEBIT else self.credits_pending
        return side * self.net + pending + amount > self.limit


@dataclass(slots=True)
class Record:
    """A transfer as it is stored, or will be: of one that failed only its key. `fresh`: this batch makes it."""

    id: UUID
    key: str
    flags: Flags
    debit: Place | None = None
    credit: Place | None = None
    amount: int = 0
    timeout: timedelta | None = None
    expires_at: datetime | None = None
    pending: Record | None = None
    ended: Ended = ""
    debit_hold: UUID | None = None
    credit_hold: UUID | None = None
    refused: str = ""
    fresh: bool = False


@dataclass(slots=True)
class Decided:
    """One outcome an item, in order, and what is to be written: records in the order they were made, and keys that failed for good."""

    outcomes: list[Moved | Refused]
    made: list[Record]
    failed: list[Record]


def decide(
    transfers: Sequence[Transfer],
    *,
    places: Mapping[tuple[AccountKey, str], Place],
    known: Mapping[str, Record],
    now: datetime,
    ids: Sequence[UUID],
) -> Decided:
    """Decides a batch in order, each item seeing the effect of those before it; `places` are moved along. One id an item."""
    return _Batch(dict(places), dict(known), now, frozenset(key for key, _ in places)).whole(transfers, ids)


@dataclass(slots=True)
class _Batch:
    places: dict[tuple[AccountKey, str], Place]
    known: dict[str, Record]
    now: datetime
    in_any_currency: frozenset[AccountKey]
    made: list[Record] = field(default_factory=list)
    failed: list[Record] = field(default_factory=list)
    undo: list[tuple[Any, str, Any]] = field(default_factory=list)

    def whole(self, transfers: Sequence[Transfer], ids: Sequence[UUID]) -> Decided:
        outcomes: list[Moved | Refused] = []
        start: int | None = None  # of the chain that is under way
        broken, made = False, 0
        for index, (transfer, new_id) in enumerate(zip(transfers, ids, strict=True)):
            if start is None:
                start, broken, made = index, False, len(self.made)
                self.undo.clear()
            open_end = transfer.linked and index == len(transfers) - 1
            if open_end:
                outcome: Moved | Refused = Refused(CHAIN_OPEN, "the last of a batch is linked to a next one that is not there", "linked")
            elif broken:
                outcome = _linked_failed()
            else:
                outcome = self._one(transfer, new_id)
            done = isinstance(outcome, Moved) and not outcome.again
            if not done and not broken:
                broken = True
                self._take_back(made)
                outcomes[start:] = [_linked_failed() for _ in range(index - start)]
                if isinstance(outcome, Refused) and outcome.code in TRANSIENT:
                    self._burn(transfer.key, new_id, outcome.code)
            outcomes.append(outcome)
            if not transfer.linked:
                start = None
        return Decided(outcomes, self.made, self.failed)

    def _take_back(self, made: int) -> None:
        for place, name, before in reversed(self.undo):
            setattr(place, name, before)
        self.undo.clear()
        for record in self.made[made:]:
            del self.known[record.key]
        del self.made[made:]

    def _burn(self, key: str, new_id: UUID, code: str) -> None:
        record = Record(new_id, key, Flags("failed"), refused=code, fresh=True)
        self.known[key] = record
        self.failed.append(record)

    def _set(self, thing: Place | Record, **changes: object) -> None:
        for name, value in changes.items():
            self.undo.append((thing, name, getattr(thing, name)))
            setattr(thing, name, value)

    def _one(self, transfer: Transfer, new_id: UUID) -> Moved | Refused:
        if not is_key(transfer.key):
            return Refused(KEY_INVALID, "a key has 1 to 255 printable characters", "key")
        earlier = self.known.get(transfer.key)
        if earlier is not None:
            return _exists(transfer, earlier)
        made = self._move(transfer, new_id) if transfer.resolves is None else self._resolve(transfer, new_id)
        if isinstance(made, Refused):
            return made
        self.known[made.key] = made
        self.made.append(made)
        return _moved(made)

    # ------------------------------------------------------------------------------------------------------------------ on its own

    def _move(self, transfer: Transfer, new_id: UUID) -> Record | Refused:
        refused = _shape_refusal(transfer)
        if refused:
            return refused
        both = self._both(transfer)
        if isinstance(both, Refused):
            return both
        debit, credit = both
        amount = _balanced(transfer, debit, credit)
        expires_at, refused = self._expiry(transfer)
        refused = _room_refusal(amount, debit, credit) or _overflow(transfer.pending, amount, debit, credit) or refused
        if refused:
            return refused
        if transfer.pending:
            self._set(debit, debits_pending=debit.debits_pending + amount)
            self._set(credit, credits_pending=credit.credits_pending + amount)
        else:
            self._set(debit, net=debit.net + amount)
            self._set(credit, net=credit.net - amount)
        for place, closes in ((debit, transfer.closing_debit), (credit, transfer.closing_credit)):
            if closes:
                self._set(place, closed=True)
        timeout = transfer.timeout if expires_at else None
        return Record(new_id, transfer.key, transfer.flags, debit, credit, amount, timeout, expires_at, fresh=True)

    def _both(self, transfer: Transfer) -> tuple[Place, Place] | Refused:
        assert transfer.debit is not None
        assert transfer.credit is not None
        currency = transfer.currency or ""
        debit, credit = self.places.get((transfer.debit, currency)), self.places.get((transfer.credit, currency))
        if debit is None and transfer.debit not in self.in_any_currency:
            return Refused(DEBIT_NOT_FOUND, f"no {transfer.debit.code} account is open for {transfer.debit.owner_id}", "debit")
        if credit is None and transfer.credit not in self.in_any_currency:
            return Refused(CREDIT_NOT_FOUND, f"no {transfer.credit.code} account is open for {transfer.credit.owner_id}", "credit")
        if debit is None or credit is None:
            return Refused(CURRENCIES_DIFFER, f"one of the accounts is not in {currency or 'any currency that was named'}", "currency")
        return _closed_refusal(debit, credit) or (debit, credit)

    def _expiry(self, transfer: Transfer) -> tuple[datetime | None, Refused | None]:
        if not transfer.timeout:
            return None, None
        try:
            return self.now + transfer.timeout, None
        except OverflowError:
            return None, Refused(OVERFLOWS_TIMEOUT, "it would run out after the last moment there is", "timeout")

    # ------------------------------------------------------------------------------------------------------------------ second step

    def _resolve(self, transfer: Transfer, new_id: UUID) -> Record | Refused:
        refused = _resolving_refusal(transfer)
        if refused:
            return refused
        pending = self.known.get(transfer.resolves or "")
        if pending is None or pending.refused:
            return Refused(PENDING_NOT_FOUND, "there is no transfer of that key to post or void", "pending")
        if pending.flags.kind != "pending":
            return Refused(PENDING_NOT_PENDING, f"the transfer to post or void is a {pending.flags.kind}, never pending", "pending")
        amount = _asked_of(transfer, pending)
        debit, credit = _places(pending)
        refused = _against_pending(transfer, pending, amount) or self._over_refusal(pending)
        if not refused and transfer.void is None:
            refused = _closed_refusal(debit, credit)
        if refused:
            return refused
        self._set(debit, debits_pending=debit.debits_pending - pending.amount)
        self._set(credit, credits_pending=credit.credits_pending - pending.amount)
        if transfer.void is None:
            self._set(pending, ended="posted")
            self._set(debit, net=debit.net + amount)
            self._set(credit, net=credit.net - amount)
        else:
            self._set(pending, ended="voided")
            for place, closes in ((debit, pending.flags.closing_debit), (credit, pending.flags.closing_credit)):
                if closes:
                    self._set(place, closed=False)
        return Record(new_id, transfer.key, transfer.flags, debit, credit, amount, pending=pending, fresh=True)

    def _over_refusal(self, pending: Record) -> Refused | None:
        if pending.ended == "posted":
            return Refused(ALREADY_POSTED, "it was posted before", "pending")
        if pending.ended == "voided":
            return Refused(ALREADY_VOIDED, "it was voided before", "pending")
        if pending.ended == "expired" or (pending.expires_at is not None and pending.expires_at <= self.now):
            return Refused(EXPIRED, f"it ran out at {pending.expires_at and pending.expires_at.isoformat()}", "pending")
        return None


def _linked_failed() -> Refused:
    return Refused(LINKED_FAILED, "another one of its chain was refused, so nothing of the chain was done", "linked")


def _places(record: Record) -> tuple[Place, Place]:
    assert record.debit is not None, "only a failed transfer has no accounts"
    assert record.credit is not None, "only a failed transfer has no accounts"
    return record.debit, record.credit


def _moved(record: Record, *, again: bool = False) -> Moved:
    return Moved(record.id, Money(record.amount, _places(record)[0].currency), again)


def _asked_of(transfer: Transfer, pending: Record) -> int:
    """How much of a pending transfer is asked for: all of it where a void says nothing or zero, where a post says nothing or everything."""
    asked = transfer.amount_minor
    whole = asked in (None, 0) if transfer.post is None else asked is None or asked >= EVERYTHING
    return pending.amount if whole or asked is None else asked


def _exists(transfer: Transfer, earlier: Record) -> Moved | Refused:
    """The first field in which it differs from what was stored under its key, or that outcome again."""
    if earlier.refused:
        return Refused(ID_ALREADY_FAILED, f"this key was refused before, with {earlier.refused}; use a new one", "key")
    if transfer.flags != earlier.flags:
        return _other(DIFFERENT_FLAGS, "flags")
    debit, credit = _places(earlier)
    inherits = transfer.resolves is not None
    if transfer.debit != debit.key and not (inherits and transfer.debit is None):
        return _other(DIFFERENT_DEBIT, "debit")
    if transfer.credit != credit.key and not (inherits and transfer.credit is None):
        return _other(DIFFERENT_CREDIT, "credit")
    if not _same_amount(transfer, earlier):
        return _other(DIFFERENT_AMOUNT, "amount")
    if earlier.pending is not None and transfer.resolves != earlier.pending.key:
        return _other(DIFFERENT_PENDING, "pending")
    if (transfer.timeout or None) != earlier.timeout:
        return _other(DIFFERENT_TIMEOUT, "timeout")
    if transfer.currency != debit.currency and not (inherits and transfer.currency is None):
        return _other(DIFFERENT_CURRENCY, "currency")
    return _moved(earlier, again=True)


def _other(code: str, name: str) -> Refused:
    return Refused(code, f"this key was used before with another {name}", name)


def _same_amount(transfer: Transfer, earlier: Record) -> bool:
    if earlier.pending is not None:
        return _asked_of(transfer, earlier.pending) == earlier.amount
    if transfer.amount_minor is None:
        return False
    if transfer.balancing_debit or transfer.balancing_credit:  # what was asked was the most, and what was moved is within it
        return transfer.amount_minor >= earlier.amount
    return transfer.amount_minor == earlier.amount


def _shape_refusal(transfer: Transfer) -> Refused | None:
    """What is wrong with a transfer by itself."""
    if transfer.debit is None:
        return Refused(NO_DEBIT_ACCOUNT, "a transfer names the account that it debits", "debit")
    if transfer.credit is None:
        return Refused(NO_CREDIT_ACCOUNT, "a transfer names the account that it credits", "credit")
    if transfer.debit == transfer.credit:
        return Refused(SAME_ACCOUNT, "a transfer is between two accounts", "credit")
    if transfer.timeout and not transfer.pending:
        return Refused(TIMEOUT_RESERVED, "only what is pending runs out", "timeout")
    if (transfer.closing_debit or transfer.closing_credit) and not transfer.pending:
        return Refused(CLOSING_NOT_PENDING, "an account is closed by a pending transfer, whose end opens it again", "pending")
    return _range_refusal(transfer, required=True)


def _range_refusal(transfer: Transfer, *, required: bool) -> Refused | None:
    if transfer.amount_minor is None and required:
        return Refused(AMOUNT_OUT_OF_RANGE, "a transfer says how much it moves", "amount")
    if transfer.amount_minor is not None and not 0 <= transfer.amount_minor <= EVERYTHING:
        return Refused(AMOUNT_OUT_OF_RANGE, f"an amount is from 0 to {EVERYTHING} minor units", "amount")
    if transfer.timeout is not None and transfer.timeout < timedelta(0):
        return Refused(TIMEOUT_OUT_OF_RANGE, "a timeout is not negative", "timeout")
    return None


def _resolving_refusal(transfer: Transfer) -> Refused | None:
    own = (transfer.pending, transfer.balancing_debit, transfer.balancing_credit, transfer.closing_debit, transfer.closing_credit)
    if any(own) or (transfer.post is not None and transfer.void is not None):
        return Refused(FLAGS_EXCLUSIVE, "what posts or voids does one of the two and nothing else", "flags")
    if transfer.resolves == transfer.key:
        return Refused(SAME_KEY, "what posts or voids a transfer has a key of its own", "pending")
    if transfer.timeout:
        return Refused(TIMEOUT_RESERVED, "only what is pending runs out", "timeout")
    return _range_refusal(transfer, required=False)


def _against_pending(transfer: Transfer, pending: Record, amount: int) -> Refused | None:
    debit, credit = _places(pending)
    if transfer.debit not in (None, debit.key):
        return Refused(PENDING_OTHER_DEBIT, f"it debits {debit.key.code}", "debit")
    if transfer.credit not in (None, credit.key):
        return Refused(PENDING_OTHER_CREDIT, f"it credits {credit.key.code}", "credit")
    if transfer.currency not in (None, debit.currency):
        return Refused(PENDING_OTHER_CURRENCY, f"it is in {debit.currency}", "currency")
    if amount > pending.amount:
        return Refused(EXCEEDS_PENDING, f"{pending.amount} is pending, {amount} was asked", "amount")
    if transfer.void is not None and amount < pending.amount:
        return Refused(PENDING_OTHER_AMOUNT, f"{pending.amount} is pending; what is voided is all of it", "amount")
    return None


def _closed_refusal(debit: Place, credit: Place) -> Refused | None:
    if debit.closed:
        return Refused(DEBIT_CLOSED, f"the {debit.key.code} account is closed", "debit")
    if credit.closed:
        return Refused(CREDIT_CLOSED, f"the {credit.key.code} account is closed", "credit")
    return None


def _balanced(transfer: Transfer, debit: Place, credit: Place) -> int:
    """The amount that is asked, or less where a balancing account allows less."""
    amount = transfer.amount_minor or 0
    if transfer.balancing_debit:
        amount = min(amount, max(-debit.net - debit.debits_pending, 0))
    if transfer.balancing_credit:
        amount = min(amount, max(credit.net - credit.credits_pending, 0))
    return amount


def _room_refusal(amount: int, debit: Place, credit: Place) -> Refused | None:
    if debit.exceeds(amount, DEBIT):
        return Refused(EXCEEDS_CREDITS, f"the {debit.key.code} account has not so much room: {amount} was asked", "amount")
    if credit.exceeds(amount, CREDIT):
        return Refused(EXCEEDS_DEBITS, f"the {credit.key.code} account has not so much room: {amount} was asked", "amount")
    return None


def _overflow(pending: bool, amount: int, debit: Place, credit: Place) -> Refused | None:
    """What the figures at hand could not hold any more."""
    if pending and debit.debits_pending + amount > EVERYTHING:
        return Refused(OVERFLOWS_DEBITS_PENDING, f"more than {EVERYTHING} would be pending", "amount")
    if pending and credit.credits_pending + amount > EVERYTHING:
        return Refused(OVERFLOWS_CREDITS_PENDING, f"more than {EVERYTHING} would be pending", "amount")
    if debit.net + debit.debits_pending + amount > EVERYTHING:
        return Refused(OVERFLOWS_DEBITS, f"more than {EVERYTHING} would be debited", "amount")
    if -credit.net + credit.credits_pending + amount > EVERYTHING:
        return Refused(OVERFLOWS_CREDITS, f"more than {EVERYTHING} would be credited", "amount")
    if amount > LARGEST_MINOR:
        return Refused(AMOUNT_OUT_OF_RANGE, f"one transfer moves at most {LARGEST_MINOR} minor units", "amount")
    return None
