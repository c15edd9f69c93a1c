"""A movement that a bank tells of by its reference: how it may be named, and whether it is what the channel and our books know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from yuefu.aftersales.rules import LONGEST_TEXT, TEXT_INVALID
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import ChannelResult
from yuefu.runtime.values import UnitOfWork

REFERENCE_INVALID = "reference_invalid"
REFERENCE_TAKEN = "reference_taken"  # the channel moved something else by it
AMOUNT_DIFFERS = "amount_differs"
TAKEN_EARLY = "taken_before_collected"
TAKEN_AHEAD = "taken_ahead"

_LONGEST_REFERENCE: Final = 64


def is_reference(text: str) -> bool:
    """Whether a text may be the reference of a movement."""
    return 1 <= len(text) <= _LONGEST_REFERENCE and text.isprintable() and text == text.strip()


def _fault(reference: str, reason: str) -> Refused | None:
    if not is_reference(reference):
        return Refused(REFERENCE_INVALID, f"a reference has 1 to {_LONGEST_REFERENCE} printable characters", "key")
    if not 1 <= len(reason) <= LONGEST_TEXT or not reason.isprintable() or not reason.strip():
        return Refused(TEXT_INVALID, f"a reason has 1 to {LONGEST_TEXT} printable characters", "reason")
    return None


def faults(asked: Mapping[int, tuple[str, str, Refused | None]]) -> dict[int, Refused]:
    """Why some are refused without using up their key: by its form, by that of another text, or for a reason that is known."""
    found = {i: _fault(key, text) or known for i, (key, text, known) in asked.items()}
    return {i: refused for i, refused in found.items() if refused}


def known_by_us(work: UnitOfWork, references: Sequence[str]) -> set[str]:
    """References that cannot be new ones of the bank: something of ours is known by them."""
    collections = payment_book.collections_by_reference(book_id=work.book.id, references=references)
    return {*collections, *payment_book.refunds_by_reference(book_id=work.book.id, references=references)}


def misnamed(reference: str, amount: Money, ours: set[str], said: Mapping[str, ChannelResult]) -> Refused | None:
    """Why a reference cannot be that of a movement of the bank of this amount."""
    if reference in ours:
        return Refused(REFERENCE_TAKEN, f"{reference} is another movement of this book", "key")
    return _contradicted(amount, said[reference]) if reference in said else None


def _contradicted(amount: Money, said: ChannelResult) -> Refused | None:
    if said.outcome != "succeeded" or said.on is None:
        return Refused(REFERENCE_TAKEN, f"the channel knows {said.reference} as something that moved no money", "key")
    return Refused(AMOUNT_DIFFERS, f"the channel says {said.amount}", "amount") if said.amount != amount else None


def as_told(reference: str, amount: Money, on: date) -> ChannelResult:
    """What an operator says of a movement that the channel does not know by this reference: no fee came back."""
    return ChannelResult(reference, "succeeded", amount, Money.zero(amount.currency), reference, on)
