"""Debits (代扣): when one may be announced and taken, what is tried again and when. Pure.

A wallet wants the prior notice on the day before, between 08:00 and 19:30, and lets the debit happen on the one day after it, for the very
amount that was announced (委托代扣). A bank wants nothing before, and takes what arrives by its cut-off on a business day. Moments are local
to the book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.dates.calendars import Calendar
from yuefu.money.amounts import Money
from yuefu.payments.rules.mandates import LOST_CODES, Mandate

NOTICE_FROM, NOTICE_UNTIL = time(8), time(19, 30)
"""Of a wallet, by the clock of the book, both included."""

DEBIT_STEPS: Final = frozenset(
    {("open", "collected"), ("open", "given_up"), ("open", "cancelled"), ("given_up", "collected"), ("cancelled", "collected")}
)
TRY_STEPS: Final = frozenset({
    ("planned", "announced"), ("planned", "attempted"), ("announced", "attempted"), ("planned", "failed"), ("planned", "dropped"),
    ("announced", "dropped"), ("attempted", "succeeded"), ("attempted", "failed"), ("failed", "succeeded"),
})  # fmt: skip
LIVE: Final = ("planned", "announced", "attempted")

MISSED = "missed"  # its time passed and nobody sent it
NOTHING_DUE = "nothing_due"  # what it was for is paid
AMOUNT_CHANGED = "amount_changed"  # a part was paid since it was announced, and a wallet takes the announced amount or nothing
UNDER_WAY = "under_way"  # another collection of the loan has no answer yet, which may be this money

_ONE_DAY = timedelta(days=1)
_LONGEST: Final = 60
PAYDAY: Final = "payday"


# ---------------------------------------------------------------------------------------------- what the channel is asked and answers


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """Tell the channel, and through it the consumer, that `amount` is taken by a contract on a day. `reference` is ours."""

    reference: str
    contract: str
    amount: Money
    debit_on: date


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What the channel says of a prior notice. `unknown`: send it again, under the same reference."""

    reference: str
    outcome: Literal["accepted", "refused", "unknown"]
    notice: str = ""
    failure_code: str = ""


# ------------------------------------------------------------------------------------------------------------------ what we store of it


@dataclass(frozen=True, slots=True)
class Debit:
    """What is to be taken by a mandate for one loan and due day: `amount` fell due on `due_on`. `code` says why it ended without money."""

    id: UUID
    mandate_id: UUID
    consumer_id: UUID
    loan_id: UUID
    due_on: date
    amount: Money
    state: str
    code: str
    policy_version: int
    planned_at: datetime
    ended_at: datetime | None
    seq: int


@dataclass(frozen=True, slots=True)
class Try:
    """One try to take a debit: the `no`-th, on `debit_on`, announced on `announce_on` where the channel wants that."""

    id: UUID
    reference: str
    debit_id: UUID
    no: int
    amount: Money
    announce_on: date | None
    debit_on: date
    state: str
    code: str
    notice: str
    announced_at: datetime | None
    collection_id: UUID | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A debit with its latest try or one of them, the mandate, and what is known of the collection. `doubted`: the channel contradicted
    itself about a collection of this debit and nobody has looked at it yet. `failed` counts the tries that failed.
    """

    mandate: Mandate
    debit: Debit
    latest: Try
    collection_reference: str
    collection_state: str
    collection_code: str
    doubted: bool
    failed: int

    @property
    def state(self) -> str:
        """The state of the try; `unknown` where it was sent and the channel has not said what became of it."""
        return "unknown" if self.latest.state == "attempted" and self.collection_state == "unknown" else self.latest.state


# ------------------------------------------------------------------------------------------------------------------------- the policy


@dataclass(frozen=True, slots=True)
class Retry:
    """After a failure with one of `codes`: for each try that failed, when the next one is, days after the failure or on the next payday."""

    codes: frozenset[str]
    after: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the setting `debit.policy`.

    Debits are planned `plan_days` ahead, and up to `catch_up_days` after a due day that was missed. One of a bank is planned
    `bank_notice_days` before it is taken at least, for that is when the consumer is told. A wallet is debited from
    `wallet_from` on, so that what comes in on the day is there. `paydays` are days of the month; one that a month
    lacks is its last.
    """

    version: int
    plan_days: int
    catch_up_days: int
    bank_notice_days: int
    wallet_from: time
    bank_from: time
    bank_until: time
    paydays: tuple[int, ...]
    retries: tuple[Retry, ...]


DEBIT_POLICY: Final = "debit.policy"
DEFAULT_POLICY: Final[Mapping[str, Any]] = {
    "plan_days": 3,
    "catch_up_days": 7,
    "bank_notice_days": 1,
    "wallet_from": "08:00",
    "bank_from": "08:00",
    "bank_until": "16:00",
    "paydays": [10, 15, 25],
    "retries": [
        {"codes": ["insufficient_funds"], "after": [1, 3, PAYDAY]},
        {"codes": ["day_limit_exceeded"], "after": [1, PAYDAY]},
        {"codes": ["system_error", "not_announced", "outside_window"], "after": [1, 1, 1]},
    ],
}
"""What a book begins with. Retries are few: a wallet may end a contract whose debits fail."""


def policy(version: int, value: Mapping[str, Any]) -> Policy:
    """The policy that a setting says. Raises ValueError, TypeError or KeyError with what is wrong."""
    wanted = set(DEFAULT_POLICY)
    if set(value) != wanted:
        raise ValueError(f"it has exactly {', '.join(sorted(wanted))}")
    for name, least in (("plan_days", 1), ("catch_up_days", 1), ("bank_notice_days", 0)):
        if type(value[name]) is not int or not least <= value[name] <= _LONGEST:
            raise ValueError(f"{name} is a whole number of days from {least} to {_LONGEST}")
    wallet, begin, end = (time.fromisoformat(value[name]) for name in ("wallet_from", "bank_from", "bank_until"))
    if wallet.tzinfo or begin.tzinfo or end.tzinfo or begin >= end:
        raise ValueError("wallet_from, bank_from and bank_until are times in the zone of the book, and bank_from is before bank_until")
    paydays = tuple(sorted(set(value["paydays"])))
    if not paydays or not all(type(day) is int and 1 <= day <= 31 for day in paydays):
        raise ValueError("paydays are days of the month, one at least")
    retries = tuple(_retry(one) for one in value["retries"])
    codes = [code for one in retries for code in one.codes]
    if len(codes) != len(set(codes)):
        raise ValueError("a code stands in one retry only")
    days = (value["plan_days"], value["catch_up_days"], value["bank_notice_days"])
    return Policy(version, *days, wallet, begin, end, paydays, retries)


def _retry(value: Mapping[str, Any]) -> Retry:
    codes, after = value["codes"], value["after"]
    if not codes or not all(isinstance(code, str) and code for code in codes):
        raise ValueError("a retry names the codes after which it is made")
    if never := sorted(LOST_CODES & set(codes)):
        raise ValueError(f"after {', '.join(never)} there is nothing to take from: it is never tried again")
    if not after or not all(step == PAYDAY or (type(step) is int and 1 <= step <= _LONGEST) for step in after):
        raise ValueError(f"after has days from 1 to {_LONGEST} or {PAYDAY!r}, one for each further try")
    return Retry(frozenset(codes), tuple(after))


# ------------------------------------------------------------------------------------------------------------------------ the calendar


@dataclass(frozen=True, slots=True)
class Slot:
    """The day of a debit, and that of its prior notice where there is one."""

    announce_on: date | None
    debit_on: date


def slot(kind: str, not_before: date, at: datetime, calendar: Calendar, of: Policy) -> Slot:
    """The first day on or after `not_before` on which a debit can still be taken, seen from the local moment `at`."""
    today, clock = at.date(), at.timetz().replace(tzinfo=None)
    if kind == "wallet":
        notice_on = today if clock <= NOTICE_UNTIL else today + _ONE_DAY
        debit_on = max(not_before, notice_on + _ONE_DAY)
        return Slot(debit_on - _ONE_DAY, debit_on)
    first = today if clock <= of.bank_until else today + _ONE_DAY
    return Slot(None, calendar.next_business_day(max(not_before, first, today + timedelta(days=of.bank_notice_days))))


def announces(at: datetime) -> bool:
    """Whether a wallet takes prior notices at a local moment: from 08:00 to 19:30, both included."""
    return NOTICE_FROM <= at.timetz().replace(tzinfo=None) <= NOTICE_UNTIL


def takes(kind: str, at: datetime, of: Policy) -> bool:
    """Whether a debit of this local day may be sent at this local moment: of a wallet from an hour on, of a bank until its cut-off, included."""
    clock = at.timetz().replace(tzinfo=None)
    return of.wallet_from <= clock if kind == "wallet" else of.bank_from <= clock <= of.bank_until


@dataclass(frozen=True, slots=True)
class Passed:
    """What a try that was not sent has missed: its notice or its debit was to be before these days."""

    notices_before: date
    wallets_before: date
    banks_before: date


def passed(at: datetime, of: Policy) -> Passed:
    """The days that are over at a local moment."""
    today, clock = at.date(), at.timetz().replace(tzinfo=None)
    return Passed(today if clock <= NOTICE_UNTIL else today + _ONE_DAY, today, today if clock <= of.bank_until else today + _ONE_DAY)


def retry_from(code: str, failed: int, failed_on: date, of: Policy) -> date | None:
    """The day from which a debit is tried again whose `failed`-th try failed with a code on a day; None where it is not any more."""
    assert failed >= 1, "it is asked after a failure"
    rule = next((one for one in of.retries if code in one.codes), None)
    if rule is None or failed > len(rule.after):
        return None
    step = rule.after[failed - 1]
    return failed_on + timedelta(days=step) if isinstance(step, int) else next_payday(failed_on, of.paydays)


def next_payday(after: date, paydays: Sequence[int]) -> date:
    """The first payday after a day; one that a month lacks is its last day."""
    day = after + _ONE_DAY
    while day.day not in paydays and not ((day + _ONE_DAY).day == 1 and any(payday > day.day for payday in paydays)):
        day += _ONE_DAY
    return day


def asked(amount: Money, owed: Money, limit: Money) -> Money:
    """What a try takes: no more than fell due, than is still owed of it, and than the mandate allows at once."""
    return min(amount, owed, limit)
