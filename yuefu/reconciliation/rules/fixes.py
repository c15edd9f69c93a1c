"""What may be done about a break, what it needs, and which of it is suggested first. Pure; nothing is booked here.

A break of an account of money (the channel's fund flow, the bank's statements) is corrected by an entry that makes our books what the bill says. The
trade bill shows no account: what it says differently is explained once the money shows what our books have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.breaks import Working
from yuefu.reconciliation.rules.matching import DEFAULT_WINDOW_DAYS, Outcome

UNKNOWN_FIX: Final = "unknown_fix"
DOES_NOT_FIT: Final = "does_not_fit"  # another kind of break is mended so
NO_LONGER_FITS: Final = "no_longer_fits"  # the break is not open any more, or is not what it was when this was asked for: look at it again
FIX_WAITS: Final = "fix_waits"  # something was asked for already, and waits for a second person or for being carried out
ABOVE_WRITE_OFF: Final = "above_write_off"  # more than the setting lets anybody write off: chase the provider
CLIENT_MONEY: Final = "client_money"  # own money may not lie in the account of client money: chase the bank
NOT_OPPOSITE: Final = "not_opposite"  # two breaks offset each other only to the cent, in one source
DAY_PASSED: Final = "day_passed"  # an answer is expected on a day to come


class Kind(StrEnum):
    """What is done about a break."""

    POST_FEE = "post_fee"
    POST_REPAYMENT = "post_repayment"
    CONFIRM = "confirmed_by_money"
    OFFSET = "offset"
    CHASE = "chase_provider"
    WRITE_OFF = "write_off"
    SEND_REFUND = "send_refund_again"


BOOKED: Final = frozenset({Kind.POST_FEE, Kind.WRITE_OFF})
"""These post an entry of their own to the account of money."""
OUTSIDE: Final = frozenset({Kind.POST_REPAYMENT, Kind.SEND_REFUND})
"""These call the channel or bank, outside of a transaction, and what it answers is booked as always."""
MOVES_MONEY: Final = BOOKED | OUTSIDE
ALONE: Final = frozenset({Kind.CHASE, Kind.OFFSET})
"""These move and end no difference, so one person does them."""
CORRECTION: Final = "correction"
"""The movement of such an entry; its reference is the id of the fix."""

_PAID: Final = frozenset({"payment", "receipt"})
_UNSETTLED: Final = frozenset({"attempted", "unknown", "failed", "told"})
"""How our own record of a reference stands that may still turn out to have been paid; `told`: the bank tells of it and it is not booked."""
_GIVEN_BACK: Final = frozenset({"attempted", "unknown", "succeeded"})
"""How a refund of ours stands that its channel should know; one that failed goes back under another reference (`journeys.refund.retry`)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A break as a fix sees it. `difference` is bill − books with what was corrected of it; `stake` what is in question, never below 0.

    `ours` is how our own record of the reference stands ("" where there is none); `confirmed` whether the account of money shows what our books
    have; `opposite` whether another open break of the source has just the opposite difference; `chased_until` until when the provider was last
    asked to answer; `waits` whether a fix is waiting; `sent` whether the refund was sent again; `asked_for` what a
    collection of ours is of, whose fee alone may be the break.
    """

    source: str
    cls: Outcome
    kind: str
    state: str
    difference: Money
    stake: Money
    has_line: bool
    opened_on: date
    ours: str = ""
    confirmed: bool = False
    opposite: bool = False
    chased_until: date | None = None
    waits: bool = False
    sent: bool = False
    asked_for: Money | None = None


@dataclass(frozen=True, slots=True)
class Suggested:
    """A fix that fits, with what it books or ends, and whether a second person decides."""

    kind: Kind
    amount: Money
    second: bool


def fault(kind: Kind, case: Case, working: Working) -> Refused | None:
    """Why a fix is not for this break, if so."""
    if case.state != "open":
        return Refused(NO_LONGER_FITS, f"the break is {case.state}", "break_id")
    if case.waits:
        return Refused(FIX_WAITS, "what was asked for before is decided and carried out first", "break_id")
    return _FAULTS[kind](case, working)


def suggested(case: Case, working: Working, on: date) -> tuple[Suggested, ...]:
    """What fits a break on a day, the best first. Of one whose other half may still come by itself, nothing; see `waits_until`."""
    if (until := waits_until(case)) is not None and on < until:
        return ()
    return tuple(_suggested(kind, case, working) for kind in _in_order(case, on) if fault(kind, case, working) is None)


def fitting(case: Case, working: Working) -> tuple[Suggested, ...]:
    """All that may be done about a break, whether it is suggested or not."""
    return tuple(_suggested(kind, case, working) for kind in Kind if fault(kind, case, working) is None)


def needs_second(kind: Kind, case: Case, working: Working) -> bool:
    """Whether a second person decides: by what is moved, which is the whole payment where it is posted, also for a break of its fee."""
    moved = case.asked_for if kind is Kind.POST_REPAYMENT and case.asked_for else case.stake
    return kind not in ALONE and working.needs_second(moved)


def _suggested(kind: Kind, case: Case, working: Working) -> Suggested:
    return Suggested(kind, case.stake, needs_second(kind, case, working))


def waits_until(case: Case) -> date | None:
    """From which day on a break whose other half is missing is worth a fix: until then it may come."""
    if case.cls is Outcome.MISSING_THERE or (case.cls is Outcome.MISSING_HERE and case.ours not in _UNSETTLED):
        return case.opened_on + timedelta(days=DEFAULT_WINDOW_DAYS + 1)
    return None


def _in_order(case: Case, on: date) -> Iterator[Kind]:
    yield from (Kind.POST_REPAYMENT, Kind.POST_FEE, Kind.CONFIRM)
    if not case.sent:
        yield Kind.SEND_REFUND
    if case.chased_until is None:  # two that are opposite by chance have nothing to do with each other
        yield Kind.CHASE
        return
    yield Kind.OFFSET
    if on >= case.chased_until:
        yield from (Kind.WRITE_OFF, Kind.CHASE)


def _post_fee(case: Case, working: Working) -> Refused | None:
    del working
    if case.kind != "fee" or not case.has_line or case.source == "channel_trade" or not case.difference or case.ours in _UNSETTLED:
        return Refused(DOES_NOT_FIT, "a fee is posted that a bill shows and that our books have otherwise", "kind")
    return None


def _post_repayment(case: Case, working: Working) -> Refused | None:
    del working
    missing = case.cls is Outcome.MISSING_HERE and (case.kind in _PAID or (case.kind == "fee" and case.source == "channel_fund"))
    if not missing or case.ours not in _UNSETTLED:
        return Refused(DOES_NOT_FIT, "a repayment is posted that was asked for here, and that a bill shows as paid", "kind")
    return None


def _send_refund(case: Case, working: Working) -> Refused | None:
    del working
    missing = case.cls is Outcome.MISSING_THERE and case.kind == "refund" and case.source in ("channel_trade", "channel_fund")
    if not missing or case.ours not in _GIVEN_BACK:
        return Refused(DOES_NOT_FIT, "a refund of ours is sent again that a bill of its channel does not show", "kind")
    return None


def _confirm(case: Case, working: Working) -> Refused | None:
    del working
    if case.source != "channel_trade" or not case.confirmed:
        return Refused(DOES_NOT_FIT, "what a trade bill says is explained once the fund flow shows what our books have", "kind")
    return None


def _offset(case: Case, working: Working) -> Refused | None:
    del working
    if not case.difference or not case.opposite:
        return Refused(NOT_OPPOSITE, "no other open break of this source has just the opposite difference", "other")
    return None


def _chase(case: Case, working: Working) -> Refused | None:
    del case, working
    return None


def _write_off(case: Case, working: Working) -> Refused | None:
    if case.source == "channel_trade" or not case.difference:
        return Refused(DOES_NOT_FIT, "a difference in an account of money is written off", "kind")
    if abs(case.difference.minor) > working.write_off_minor:
        most = Money(working.write_off_minor, case.difference.currency)
        return Refused(ABOVE_WRITE_OFF, f"at most {most} is written off, this is {case.difference}", "kind")
    if case.source == "bank_client" and case.difference.minor > 0:
        return Refused(CLIENT_MONEY, "what nobody knows in the account of client money does not become our own there", "kind")
    return None


_FAULTS: Final = {
    Kind.POST_FEE: _post_fee,
    Kind.POST_REPAYMENT: _post_repayment,
    Kind.CONFIRM: _confirm,
    Kind.OFFSET: _offset,
    Kind.CHASE: _chase,
    Kind.WRITE_OFF: _write_off,
    Kind.SEND_REFUND: _send_refund,
}
