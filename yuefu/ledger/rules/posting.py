"""What is asked of the ledger and what it decides, item by item and in order, in memory.

Amounts are signed minor units: debit +, credit −. The exposure of a limited account is its net debits plus its holds, and no
item may raise it above the limit; lowering it is always allowed, so a limit may be cut below what is used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from yuefu.errors import Refused
from yuefu.frozen import made_quickly
from yuefu.ledger.rules.chart import CHART
from yuefu.money.amounts import Money

# Refusals, in order of precedence. What is known of the key of an entry comes before all of them: its first outcome, or key_reused.
TOO_MANY_ENTRIES = "too_many_entries"  # more than MOST_ENTRIES in one call: send them in several; no key was used
LINKED_FAILED = "linked_failed"  # another entry of its group was refused, or had been answered before: none of the group is posted
LINKED_OPEN = "linked_open"  # the last entry of a call is tied to a next one, which is not there
DAY_NOT_OPEN = "day_not_open"
EFFECTIVE_IN_FUTURE = "effective_in_future"  # an entry may be true earlier than its day, never later
UNKNOWN_COMPONENT = "unknown_component"  # a code that the chart does not have
TOO_FEW_LINES = "too_few_lines"  # an entry has at least two lines
TOO_MANY_LINES = "too_many_lines"  # and at most MOST_LINES
ZERO_LINE = "zero_line"  # a line moves something
UNBALANCED = "unbalanced"  # lines sum to zero in each currency
UNKNOWN_ACCOUNT = "unknown_account"  # a limited account is opened before it is used
ACCOUNT_CLOSED = "account_closed"
HOLD_UNKNOWN = "hold_unknown"
HOLD_NOT_PENDING = "hold_not_pending"
HOLD_EXPIRED = "hold_expired"
HOLD_ACCOUNT_DIFFERS = "hold_account_differs"  # a line of the entry posts what is taken, to the account of the hold
EXCEEDS_HOLD = "exceeds_hold"
LIMIT_EXCEEDED = "limit_exceeded"

MOST_ENTRIES = 50_000
MOST_LINES = 32_767


# What counts against a limit: net debits, or net credits.
Side = Literal[1, -1]
DEBIT: Final = 1
CREDIT: Final = -1


class AccountKey(NamedTuple):
    """Names an account within a book: component × owner × funder × product; the currency comes from the amount."""

    code: str
    owner_id: UUID | None = None
    funder_id: UUID | None = None
    product: str = ""


@made_quickly
@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """One side of an entry: debit +, credit −. `movement` and `reference` say what a bank or channel will show for it. Without a funder it
    is of own funds.
    """

    account: AccountKey
    amount: Money
    order_id: UUID | None = None
    loan_id: UUID | None = None
    merchant_id: UUID | None = None
    funder_id: UUID | None = None
    movement: str = ""
    reference: str = ""

    def __repr__(self) -> str:
        # Also what the fingerprint of an entry is made of, for each line that is ever posted; the generated one takes five times as long.
        code, owner, funder, product = self.account
        owned = (owner, funder, self.order_id, self.loan_id, self.merchant_id, self.funder_id)
        named = ",".join([f"{i.int:x}" if i else "-" for i in owned])
        texts = (code, product, self.amount.currency, self.movement, self.reference)
        return f"Line({self.amount.minor},{named},{texts!r})"


@dataclass(frozen=True, slots=True)
class HoldUse:
    """Takes part or all of a hold by the line of the entry that posts this very amount to its account."""

    hold_id: UUID
    amount: Money


@made_quickly
@dataclass(frozen=True, slots=True)
class Entry:
    """A business fact in double entry. `effective_on` is when it is economically true; None means the day it is posted to. `cause` is what
    the key of the request stands for that led to it: the entry names who sent that.

    `linked` ties it to the next entry of the call: entries tied together are a group, of which all are posted or none.
    """

    key: str
    kind: str
    lines: tuple[Line, ...]
    effective_on: date | None = None
    uses_hold: HoldUse | None = None
    cause: UUID | None = field(default=None, compare=False)
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    entry_id: UUID


@dataclass(frozen=True, slots=True)
class LimitedAccount:
    """A limited account to be opened. Exposure = net debits + holds ≤ limit; with `side` CREDIT it is net credits that count."""

    key: AccountKey
    limit: Money
    merchant_id: UUID | None = None
    consumer_id: UUID | None = None
    side: Side = DEBIT


@dataclass(frozen=True, slots=True)
class Hold:
    """An authorisation against a limited account; counts against the limit from now until `expires_at`."""

    id: UUID
    account: AccountKey
    amount: Money
    expires_at: datetime
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Held:
    hold_id: UUID


@dataclass(frozen=True, slots=True)
class Release:
    """Gives back what is left of a hold: `voided` by somebody, `expired` by time."""

    hold_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    hold_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class Extension:
    """Until when a hold is to hold."""

    hold_id: UUID
    expires_at: datetime


@dataclass(slots=True)
class Balance:
    """A limited account while a batch is decided. `posted` is net debits, whatever the side that counts."""

    account_id: UUID
    limit: int
    posted: int
    held: int
    closed: bool
    side: Side = DEBIT

    @property
    def exposure(self) -> int:
        return self.side * self.posted + self.held


@dataclass(slots=True)
class OpenHold:
    """A hold while a batch is decided."""

    id: UUID
    account_id: UUID
    state: str
    remaining: int
    expires_at: datetime | None
    """None: it never runs out."""


def shape_refusal(entry: Entry, on: date) -> Refused | None:
    """What is wrong with an entry by itself, on the day it is posted to."""
    if entry.effective_on is not None and entry.effective_on > on:
        return Refused(EFFECTIVE_IN_FUTURE, f"{entry.effective_on} is after {on}, the day it is posted to", "effective_on")
    unknown = next((line.account.code for line in entry.lines if line.account.code not in CHART), None)
    if unknown is not None:
        return Refused(UNKNOWN_COMPONENT, f"the chart has no component {unknown}", "account")
    if len(entry.lines) < 2:
        return Refused(TOO_FEW_LINES, "an entry has at least two lines", "lines")
    if len(entry.lines) > MOST_LINES:
        return Refused(TOO_MANY_LINES, f"an entry has at most {MOST_LINES} lines", "lines")
    sums: dict[str, int] = {}
    for line in entry.lines:
        if line.amount.minor == 0:
            return Refused(ZERO_LINE, f"the line on {line.account.code} moves nothing", "amount")
        sums[line.amount.currency] = sums.get(line.amount.currency, 0) + line.amount.minor
    wrong = {currency: total for currency, total in sums.items() if total}
    if wrong:
        return Refused(UNBALANCED, f"the lines sum to {wrong}, not to zero", "lines")
    return None


@dataclass(slots=True)
class Working:
    """What a batch is decided against, as the entries before leave it: limited accounts by key and currency, holds by id, and which other
    accounts are closed.
    """

    limited: Mapping[tuple[AccountKey, str], Balance]
    holds: Mapping[UUID, OpenHold]
    closed: Collection[tuple[AccountKey, str]]
    now: datetime


def decide(
    entries: Sequence[Entry], *, fresh: Collection[int], unsound: Mapping[int, Refused], working: Working
) -> dict[int, Refused | None]:
    """The refusal of each fresh entry of a call, by index, or None where it is to be posted. `unsound` has those refused by themselves.

    Each sees the effect of those before it. Of a group with a refusal nothing has an effect: the first entry that is refused keeps its own
    refusal, the others have linked_failed, a last one that is tied to nothing linked_open. A group of which some are not fresh is none
    that could be posted as a whole, so its fresh ones fail.
    """
    verdicts: dict[int, Refused | None] = {}
    for group in _groups(entries):
        members = [index for index in group if index in fresh]
        if len(group) > 1 or entries[group[0]].linked:
            verdicts.update(_decide_group(entries, group, members, unsound, working))
        else:
            verdicts.update({i: _decide_one(entries[i], unsound.get(i), working) for i in members})
    return verdicts


def _decide_one(entry: Entry, unsound: Refused | None, working: Working) -> Refused | None:
    return unsound or exposure_refusal(entry, working.limited, working.holds, working.now, working.closed)


def _groups(entries: Sequence[Entry]) -> list[range]:
    """Runs of entries that are tied together; one that stands alone is a run by itself."""
    groups, start = [], 0
    for index, entry in enumerate(entries, start=1):
        if not entry.linked or index == len(entries):
            groups.append(range(start, index))
            start = index
    return groups


def _decide_group(
    entries: Sequence[Entry], group: range, members: Sequence[int], unsound: Mapping[int, Refused], working: Working
) -> dict[int, Refused | None]:
    before = _marks([entries[index] for index in members], working)
    culprit: dict[int, Refused] = {}
    if len(members) == len(group):
        for index in members:
            refused = _decide_one(entries[index], unsound.get(index), working)
            if refused:
                culprit[index] = refused
                break
    last = group[-1]
    if entries[last].linked:
        culprit[last] = Refused(LINKED_OPEN, "the last entry of a call is tied to a next one", "linked")
    if len(members) == len(group) and not culprit:
        return dict.fromkeys(members)
    for kept, fields in before:
        for name, value in fields.items():
            setattr(kept, name, value)
    failed = Refused(LINKED_FAILED, "another entry of its group is not posted with it", "linked")
    return {index: culprit.get(index, failed) for index in members}


def _marks(entries: Sequence[Entry], working: Working) -> list[tuple[Balance | OpenHold, dict[str, int | str]]]:
    """Where the figures stand that entries may move."""
    keys = {(line.account, line.amount.currency) for entry in entries for line in entry.lines}
    balances = [working.limited[key] for key in keys if key in working.limited]
    holds = [working.holds[e.uses_hold.hold_id] for e in entries if e.uses_hold and e.uses_hold.hold_id in working.holds]
    # A hold may be on an account that the entries have no line on; then it is not taken either.
    marks: list[tuple[Balance | OpenHold, dict[str, int | str]]] = [(b, {"posted": b.posted, "held": b.held}) for b in balances]
    marks += [(h, {"remaining": h.remaining, "state": h.state}) for h in holds]
    return marks


def exposure_refusal(
    entry: Entry,
    limited: Mapping[tuple[AccountKey, str], Balance],
    holds: Mapping[UUID, OpenHold],
    now: datetime,
    closed_control: Collection[tuple[AccountKey, str]] = (),
) -> Refused | None:
    """Decides the limited lines and the hold of an entry, and applies them to the working balances if they are allowed."""
    moves: dict[UUID, int] = {}
    balances: dict[UUID, Balance] = {}
    shut: AccountKey | UUID | None = None
    for line in entry.lines:
        if CHART[line.account.code].kind != "limited":
            if closed_control and (line.account, line.amount.currency) in closed_control:
                shut = shut or line.account
            continue
        balance = limited.get((line.account, line.amount.currency))
        if balance is None:
            return Refused(UNKNOWN_ACCOUNT, f"no {line.account.code} account is open for {line.account.owner_id}", "account")
        balances[balance.account_id] = balance
        moves[balance.account_id] = moves.get(balance.account_id, 0) + line.amount.minor
    shut = next((balance.account_id for balance in balances.values() if balance.closed), shut)
    if shut is not None:
        return Refused(ACCOUNT_CLOSED, f"the account {shut if isinstance(shut, UUID) else shut.code} is closed", "account")
    use, hold = entry.uses_hold, None
    if use is not None:
        hold = holds.get(use.hold_id)
        refused = hold_refusal(hold, now)
        if refused or hold is None:
            return refused
        if taking_line(entry, limited, holds) is None:
            return Refused(HOLD_ACCOUNT_DIFFERS, f"no line of the entry posts {use.amount} to the account of the hold", "uses_hold")
        if use.amount.minor > hold.remaining or use.amount.minor <= 0:
            return Refused(EXCEEDS_HOLD, f"{hold.remaining} is left of the hold, {use.amount.minor} was asked", "uses_hold")
    freed = {hold.account_id: use.amount.minor} if hold and use else {}
    for account_id, move in moves.items():
        balance = balances[account_id]
        after = balance.exposure + balance.side * move - freed.get(account_id, 0)
        if after > balance.limit and after > balance.exposure:
            return Refused(LIMIT_EXCEEDED, f"exposure would be {after}, the limit is {balance.limit}", "amount")
    for account_id, move in moves.items():
        balances[account_id].posted += move
    if hold and use:
        hold.remaining -= use.amount.minor
        balances[hold.account_id].held -= use.amount.minor
        if hold.remaining == 0:
            hold.state = "posted"
    return None


def taking_line(entry: Entry, limited: Mapping[tuple[AccountKey, str], Balance], holds: Mapping[UUID, OpenHold]) -> int | None:
    """Number of the line that takes from the hold of the entry: the first that posts what is taken to its account."""
    use = entry.uses_hold
    if use is None:
        return None
    for number, line in enumerate(entry.lines, start=1):
        if abs(line.amount.minor) == use.amount.minor and line.amount.currency == use.amount.currency:
            balance = limited.get((line.account, line.amount.currency))
            if balance is None or balance.side * line.amount.minor < 0:
                continue
            if balance.account_id == holds[use.hold_id].account_id:
                return number
    return None


def hold_refusal(hold: OpenHold | None, now: datetime) -> Refused | None:
    """Why a hold cannot be used now."""
    if hold is None:
        return Refused(HOLD_UNKNOWN, "there is no such hold", "uses_hold")
    if hold.state != "pending":
        return Refused(HOLD_NOT_PENDING, f"the hold is {hold.state}", "uses_hold")
    if hold.expires_at is not None and hold.expires_at <= now:
        return Refused(HOLD_EXPIRED, f"the hold expired at {hold.expires_at.isoformat()}", "uses_hold")
    return None


def place_refusal(hold: Hold, balance: Balance | None) -> Refused | None:
    """Decides a hold and applies it to the working balance if it fits."""
    if balance is None:
        return Refused(UNKNOWN_ACCOUNT, f"no {hold.account.code} account is open for {hold.account.owner_id}", "account")
    if balance.closed:
        return Refused(ACCOUNT_CLOSED, f"the {hold.account.code} account is closed", "account")
    if hold.amount.minor <= 0:
        return Refused(ZERO_LINE, "a hold is for a positive amount", "amount")
    if balance.exposure + hold.amount.minor > balance.limit:
        free = max(balance.limit - balance.exposure, 0)
        return Refused(LIMIT_EXCEEDED, f"{free} is free, {hold.amount.minor} was asked", "amount")
    balance.held += hold.amount.minor
    return None
