"""What it costs to end loans on a day, how long that holds, and the hash it is known by. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu import ids
from yuefu.money.amounts import Money, total
from yuefu.plans.lifecycle.events import Paid, PaidOff
from yuefu.plans.lifecycle.quotes import payoff
from yuefu.plans.lifecycle.work import LoanState

NOTHING_OWED: Final = "nothing_owed"
QUOTE_EXPIRED: Final = "quote_expired"
QUOTE_STALE: Final = "quote_stale"  # something was entered of a loan since
QUOTE_USED: Final = "quote_used"
UNKNOWN_QUOTE: Final = "unknown_quote"
DAY_OVER: Final = "day_over"  # the business day has ended and is still to be closed

VALID_MINUTES: Final = "payoff.valid_minutes"
"""The setting: so many minutes a quote holds, to the end of its business day at most."""
WHOLE_DAY: Final = 24 * 60


def minutes(value: Any) -> int:
    """The setting as it has to be. Raises ValueError."""
    if type(value) is not int or not 1 <= value <= WHOLE_DAY:
        raise ValueError(f"it is a whole number of minutes from 1 to {WHOLE_DAY}")
    return value


@dataclass(frozen=True, slots=True)
class LoanPayoff:
    """What ends one loan: its parts add up to `total` and what its credit balance pays. `saved` is what staying to the end would cost more. `seq`
    facts of the loan were known."""

    loan_id: UUID
    seq: int
    principal: Money
    interest: Money
    fees: Money
    penalties: Money
    from_credit: Money
    saved: Money

    @property
    def total(self) -> Money:
        return self.principal + self.interest + self.fees + self.penalties - self.from_credit


@dataclass(frozen=True, slots=True)
class PayoffQuote:
    """What ends some loans of a consumer on the day `on`, if it is paid before `valid_until`. `used_at` and `used_for` say when it was used, and for
    which collection or request."""

    id: UUID
    consumer_id: UUID
    on: date
    issued_at: datetime
    valid_until: datetime
    loans: tuple[LoanPayoff, ...]
    sha256: str
    used_at: datetime | None = None
    used_for: UUID | None = None

    @property
    def currency(self) -> str:
        return self.loans[0].principal.currency

    @property
    def total(self) -> Money:
        return total((one.total for one in self.loans), self.currency)

    @property
    def saved(self) -> Money:
        return total((one.saved for one in self.loans), self.currency)


def loan_payoff(loan_id: UUID, seq: int, state: LoanState, on: date) -> LoanPayoff:
    """What ends a loan on a day. Raises LoanError where nothing is owed, or nothing was lent yet, or it was written off."""
    found = payoff(state, on)
    return LoanPayoff(loan_id, seq, found.principal, found.interest, found.fees, found.penalties, found.from_credit, found.saved)


def end_of_day(on: date, cut_off: time, zone: ZoneInfo) -> datetime:
    """The moment at which a business day is over: the cut-off of the next calendar day."""
    return datetime.combine(on + timedelta(days=1), cut_off, zone)


def valid_until(now: datetime, valid_minutes: int, day_ends: datetime) -> datetime:
    """Until when a quote made now holds."""
    return min(now + timedelta(minutes=valid_minutes), day_ends)


def content(quote: PayoffQuote) -> Mapping[str, Any]:
    """All that a quote promises, in plain values: amounts in minor units."""
    return {
        "quote": ids.text("payoff_quote", quote.id),
        "consumer": ids.text("consumer", quote.consumer_id),
        "on": quote.on.isoformat(),
        "valid_until": moment(quote.valid_until),
        "currency": quote.currency,
        "loans": [
            {
                "loan": ids.text("loan", one.loan_id),
                "facts": one.seq,
                **{
                    name: getattr(one, name).minor
                    for name in ("principal", "interest", "fees", "penalties", "from_credit", "saved", "total")
                },
            }
            for one in quote.loans
        ],
    }


def moment(at: datetime) -> str:
    """A moment as it is hashed: in UTC, whatever zone it was read in."""
    return at.astimezone(ZoneInfo("UTC")).isoformat(timespec="microseconds")


def digest(plain: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of plain values, written with sorted names and no blanks."""
    return sha256(json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def stale(quote: PayoffQuote, known: Mapping[UUID, int]) -> Sequence[UUID]:
    """Loans of a quote of which more facts are known than it was made from."""
    return [one.loan_id for one in quote.loans if known[one.loan_id] != one.seq]


def settling_event(one: LoanPayoff, on: date, seq: int) -> PaidOff | Paid | None:
    """What is entered of a loan, of which `seq` facts are known by now, when its part of a quote for the day `on` has been paid: that it ended on that
    day, which takes in the quoted total to the cent. Where something happened to it since the quote was taken up, the money alone, on that day: None
    where that is nothing. (A payment of the total would not do: by the terms of some loans it pays instalments to come instead of ending them.)"""
    if seq == one.seq:
        return PaidOff(on, one.total or None)
    return Paid(on, one.total) if one.total else None
