"""Payouts that a bank is given in a file, and what it answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules.holders import bank_code_fault
from yuefu.money.amounts import Money
from yuefu.payments.rules.asked import PayResult
from yuefu.payments.rules.stored import Payout, Pays

PAYOUTS: Final = "payments.payouts"
"""The setting: {by, debtor, debtor_bank}."""

DEFAULT_PAYOUTS: Final[Mapping[str, str]] = {"by": "bank", "debtor": "", "debtor_bank": ""}
FORMATS: Final = ("pain.001.001.09", "pain.001.001.03")

RETURNED_ON_INVALID = "returned_on_invalid"  # a payout cannot have come back on a day to come
NOTHING_TO_EXPORT = "nothing_to_export"  # no payout waits that may go to the bank now
DEBTOR_UNKNOWN = "debtor_unknown"  # the setting payments.payouts does not say in whose name the book pays
UNKNOWN_FORMAT = "unknown_format"
UNKNOWN_FILE = "unknown_file"
FILE_CANCELLED = "file_cancelled"
FILE_ANSWERED = "file_answered"  # what the bank has answered is not cancelled
NOT_AN_ANSWER = "not_an_answer"  # the file is no pain.002
CUT_OFF = "cut_off"  # the file is damaged, or does not hold what it says of itself
ANSWER_FOREIGN = "answer_foreign"  # it answers no file of this book
ANSWER_TAKEN = "answer_taken"  # it was booked before
ANSWER_DIFFERS = "answer_differs"  # it says of a payout what cannot be

LONGEST_NAME: Final = 70

Said = Literal["paid", "sent", "rejected"]


@dataclass(frozen=True, slots=True)
class HowPaid:
    """How a book pays merchants and payees: by the `bank` at once, or in a `file` that a person takes there; in whose name, and out of an account of
    which bank."""

    by: str
    debtor: str
    debtor_bank: str


def how_paid(value: Any) -> HowPaid:
    """The setting; raises ValueError or TypeError where it is none."""
    if set(value) != {"by", "debtor", "debtor_bank"} or value["by"] not in ("bank", "file"):
        raise ValueError("it has by (bank or file), debtor and debtor_bank")
    name, bank = value["debtor"], value["debtor_bank"]
    if not isinstance(name, str) or len(name) > LONGEST_NAME or name != name.strip() or not name.isprintable():
        raise ValueError(f"debtor is a name of at most {LONGEST_NAME} characters")
    if not isinstance(bank, str) or bank_code_fault(bank):
        raise ValueError("debtor_bank is a CNAPS number, a BIC, or empty")
    if value["by"] == "file" and not name:
        raise ValueError("a file names its debtor")
    return HowPaid(value["by"], name, bank)


@dataclass(frozen=True, slots=True)
class PayoutFile:
    """A file that was made for the bank: how many payouts of what sum, to whom and out of which account of ours. `message_id` is what the bank answers to."""

    id: UUID
    money_account_id: UUID
    message_id: str
    layout: str
    execute_on: date
    count: int
    total: Money
    sha256: str
    state: str
    made_by: str
    made_at: datetime
    cancelled_by: str
    cancelled_at: datetime | None
    reason: str
    pays: Pays = "merchants"


@dataclass(frozen=True, slots=True)
class Line:
    """A payout in a file, its place there, and where it goes."""

    no: int
    payout: Payout
    holder: str
    bank_code: str
    number: str


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of one payout, or of all that it does not name where the `reference` is None."""

    reference: str | None
    said: Said
    amount: Money | None
    on: date
    code: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the bank says of a file. `stated`: how many payments it says the file had, and of what sum in decimals, where it says so."""

    message_id: str
    answers_to: str
    told: tuple[Told, ...]
    stated_count: int | None = None
    stated_total: str | None = None


def results_of(answer: Answer, payouts: Sequence[Payout]) -> list[PayResult] | Refused:
    """What is booked of an answer to a file of these payouts, all or nothing. Refused with ANSWER_DIFFERS where it names a payout that is not in the
    file, names one twice, or says another count, sum or amount."""
    if refused := _stated_otherwise(answer, payouts):
        return refused
    by_reference = {payout.reference: payout for payout in payouts}
    named = [told.reference for told in answer.told if told.reference is not None]
    strange = next((reference for reference in named if reference not in by_reference), None)
    if strange is not None:
        return Refused(ANSWER_DIFFERS, f"{strange[:64]} is not in this file: ask the bank for the answer to it", "reference")
    twice = next((reference for reference in named if named.count(reference) > 1), None) if len(set(named)) < len(named) else None
    if twice is not None:
        return Refused(ANSWER_DIFFERS, f"{twice} is answered twice in one file: ask the bank which holds", "reference")
    found: list[PayResult] = []
    for told in answer.told:
        meant = [by_reference[told.reference]] if told.reference is not None else [p for p in payouts if p.reference not in named]
        for payout in meant:
            if told.amount is not None and told.amount != payout.amount:
                return Refused(ANSWER_DIFFERS, f"{payout.reference} is {payout.amount}, the bank says {told.amount}: ask it", "amount")
            found.append(PayResult(payout.reference, told.said, payout.amount, "", told.on, told.code))
    return found


def _stated_otherwise(answer: Answer, payouts: Sequence[Payout]) -> Refused | None:
    total = Money(sum(payout.amount.minor for payout in payouts), payouts[0].amount.currency)
    stated = answer.stated_total
    if answer.stated_count not in (None, len(payouts)) or (stated is not None and not _same(stated, total)):
        ours = f"{len(payouts)} payments of {total.decimal_text()} together"
        return Refused(
            ANSWER_DIFFERS, f"the file had {ours}, the bank says {answer.stated_count} of {stated}: ask it which file it means", "file"
        )
    return None


def _same(stated: str, total: Money) -> bool:
    whole, _, rest = stated.partition(".")
    ours, _, places = total.decimal_text().partition(".")
    return (whole.lstrip("0") or "0", rest.rstrip("0")) == (ours, places.rstrip("0"))
