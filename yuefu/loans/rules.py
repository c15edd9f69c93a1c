"""What a loan is between two commands, and what an event changes. Pure; the arithmetic is `plans.loan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import add, attrgetter, itemgetter
from typing import Any, Final
from uuid import UUID

from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans import loan as fold
from yuefu.plans.lifecycle import fold as lifecycle
from yuefu.plans.lifecycle.as_asked import paid_as_asked
from yuefu.plans.lifecycle.events import ArrearsPaused, Event, InterestPaused, LoanError, Undone
from yuefu.plans.lifecycle.rows import COLUMNS, Rows
from yuefu.plans.lifecycle.schedule import schedule as lifecycle_schedule
from yuefu.plans.lifecycle.tally import Tally, counted, told
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState as LifecycleState
from yuefu.plans.lifecycle.work import Outcome, Work
from yuefu.plans.loan import Disbursed, LoanState, Refunded, Repaid
from yuefu.plans.schedule import schedule
from yuefu.plans.terms import Terms

UNKNOWN_LOAN = "unknown_loan"
BEFORE_DISBURSEMENT = "before_disbursement"  # effective earlier than the loan exists
FUTURE_DATED = "future_dated"  # effective later than the business day
NOT_REBUILDABLE = "not_rebuildable"  # days were changed, or there are too many instalments: the owner has to look
UNKNOWN_REPAYMENT = "unknown_repayment"  # no such collection was applied to a loan of this book
EXCESS_GONE = "excess_gone"  # what was too much would pay what is due again, and it went back to the consumer
ALREADY_REVERSED = "already_reversed"  # a repayment is taken off once


Dated = Disbursed | Repaid | Refunded


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What every ledger line of a loan carries."""

    loan_id: UUID
    order_id: UUID
    merchant_id: UUID
    consumer_id: UUID
    credit_account_id: UUID
    funder_id: UUID
    product: str
    currency: str


@dataclass(frozen=True, slots=True)
class Held:
    """A loan as read and locked: its dimensions, its state, what is earned of its discount."""

    dims: Dimensions
    state: LoanState
    seq: int
    discount: int
    discount_earned: int
    closed_on: date | None
    arrears_since: date | None


@dataclass(frozen=True, slots=True)
class Asks:
    """What an instalment asks of each kind, in minor units, and what of all was paid or given up. `no` counts from 1, in the order of due days."""

    no: int
    due_on: date
    principal: int
    interest: int
    charges: int
    paid: int
    late: int = 0
    """What of the charges came by being late: it was not asked yet on the due day."""

    @property
    def asked(self) -> int:
        return self.principal + self.interest + self.charges

    @property
    def unpaid(self) -> int:
        return self.asked - self.paid


@dataclass(frozen=True, slots=True)
class OnBook:
    """A loan of either rule version as it is seen from a day: what was agreed, and what its instalments ask. `ended`: nothing of it is owed any more,
    or all was given up; `late_since`: the due day of the oldest instalment that is overdue; `to_recover`: what of a write-off has not come in, in minor
    units."""

    dims: Dimensions
    terms: Terms | LoanTerms
    rows: tuple[Asks, ...]
    ended: bool
    late_since: date | None
    to_recover: int = 0

    def due(self, on: date) -> Money:
        """What is unpaid of all that is due on or before a day."""
        return Money(sum(row.unpaid for row in self.rows if row.due_on <= on), self.dims.currency)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event changed, in minor units: all three are differences of the whole loan before and after, so that a
    back-dated event, which re-orders later ones, posts exactly what it changed."""

    principal: int
    interest: int
    excess: int


def progress(state: LoanState) -> tuple[int, int, int]:
    """Principal settled (paid or refunded), interest paid, excess."""
    principal = sum(row.principal_paid for row in state.rows) + state.refunded_principal
    return principal, sum(row.interest_paid for row in state.rows), state.excess


def after(state: LoanState, event: Repaid | Refunded, history: Sequence[Disbursed | Repaid | Refunded] | None) -> tuple[LoanState, Effect]:
    """The state after an event; `history` (all earlier events) is needed where the event is older than the last one."""
    if event.on >= state.last_event_on:
        following, _ = fold.apply(state, event)
    else:
        assert history is not None, "a back-dated event replays the whole loan"
        following = fold.replay(fold.insert(history, event))
    effect = _difference(state, following)
    assert effect.principal + effect.interest + effect.excess == event.amount.minor, "an event is applied to the cent"
    return following, effect


def without(state: LoanState, history: Sequence[Disbursed | Repaid | Refunded], at: int) -> tuple[LoanState, Effect]:
    """The state as if the repayment `history[at]` had never been, and what that changes: no money moves, so the parts sum to 0.

    What it had paid is owed again, unless a later repayment that was too much now pays it; the rest of it is owed back.
    """
    event = history[at]
    assert isinstance(event, Repaid), f"a {type(event).__name__} is not undone"
    assert not event.undone, "a repayment is undone once"
    following = fold.replay([*history[:at], replace(event, undone=True), *history[at + 1 :]])
    effect = _difference(state, following)
    assert effect.principal + effect.interest + effect.excess == 0, "what is undone moves no money"
    return following, effect


def _difference(before: LoanState, after: LoanState) -> Effect:
    return Effect(*(new - old for new, old in zip(progress(after), progress(before), strict=True)))


@dataclass(frozen=True, slots=True)
class Fact:
    """An event as recorded, the `no`-th; a reversal has no event of its own but names the one it takes off."""

    no: int
    event: Dated | None
    recorded_on: date
    reverses_no: int | None


def history_of(facts: Sequence[Fact]) -> dict[int, Dated]:
    """All events by their numbers, in the order of recording, as the fold takes them: what was reversed is undone."""
    history: dict[int, Dated] = {}
    for fact in facts:
        _record(history, fact)
    return history


def _record(history: dict[int, Dated], fact: Fact) -> None:
    if fact.event is not None:
        history[fact.no] = fact.event
        return
    assert fact.reverses_no is not None, "a reversal names what it takes off"
    repaid = history[fact.reverses_no]
    assert isinstance(repaid, Repaid), "what is taken off was paid"
    history[fact.reverses_no] = replace(repaid, undone=True)


def retold(facts: Sequence[Fact]) -> tuple[LoanState, date | None]:
    """The state of a loan from its terms and all that was recorded of it, in the order of recording, and the day on which it closed."""
    first = facts[0].event
    assert isinstance(first, Disbursed), "a loan begins with its disbursement"
    history: dict[int, Dated] = {}
    state, closed_on = fold.start(first), None
    for fact in facts:
        _record(history, fact)
        if fact is not facts[0]:
            event = fact.event
            in_order = isinstance(event, Repaid | Refunded) and event.on >= state.last_event_on
            state = fold.apply(state, event)[0] if in_order else fold.replay(list(history.values()))  # type: ignore[arg-type]
        closed_on = (closed_on or fact.recorded_on) if state.is_closed else None
    return state, closed_on


def differences(held: Held, facts: Sequence[Fact], *, closed: date, open_day: date) -> tuple[str, ...]:
    """What is stored of a loan otherwise than a replay has it.

    Discount is earned as days close and with each event: as of the later of the last day `closed` and the one before the last event,
    or by an instalment that fell due since and whose day is closing.
    """
    state, closed_on = retold(facts)
    since = max(closed, facts[-1].recorded_on - timedelta(days=1))
    days = [since, *(row.due_on for row in state.rows if since < row.due_on <= open_day)]
    found = {
        "instalments": held.state.rows != state.rows,
        "refunded_principal": held.state.refunded_principal != state.refunded_principal,
        "excess": held.state.excess != state.excess,
        "last_event_on": held.state.last_event_on != state.last_event_on,
        "seq": held.seq < facts[-1].no,
        "closed_on": held.closed_on != closed_on,
        "discount_earned": held.discount_earned not in {earned(held.discount, state, day) for day in days},
    }
    return tuple(name for name, differs in found.items() if differs)


def earned(discount: int, state: LoanState, until: date) -> int:
    """The part of an interest-free discount that is earned: in step with the instalments that have fallen due before or on
    `until`, all of it once the loan is closed."""
    if state.is_closed:
        return discount
    passed = sum(row.due_on <= until for row in state.rows)
    return divide(discount * passed, len(state.rows), Rounding.HALF_UP)


def arrears_since(state: LoanState, on: date) -> date | None:
    """Due day of the oldest instalment that was due before `on` and is not paid."""
    return next((row.due_on for row in state.rows if row.unpaid and row.due_on < on), None)


def asked_by(terms: Terms | LoanTerms) -> tuple[int, ...]:
    """What each instalment of a loan of these terms asks by its schedule, in minor units."""
    rows = schedule(terms) if isinstance(terms, Terms) else lifecycle_schedule(terms)
    return tuple(row.total.minor for row in rows)


# --- Loans of rule version 2026-2 ---

AHEAD: Final = (InterestPaused, ArrearsPaused)
"""What may be entered before its day comes."""


@made_quickly
@dataclass(frozen=True, slots=True)
class Party:
    """Whose a loan is, and what its ledger lines carry. One that came from another core (`origin`) has no order here, nor what goes with it."""

    loan_id: UUID
    order_id: UUID | None
    merchant_id: UUID | None
    consumer_id: UUID
    credit_account_id: UUID | None
    funder_id: UUID
    product: str
    currency: str
    origin: str | None = None


@made_quickly
@dataclass(frozen=True, slots=True)
class Life:
    """A loan between two commands, as far as its facts were true when it was told: `seq` of them were entered, the first that still has to come
    true waits for a day. `status` is that of its state."""

    terms: LoanTerms
    state: LifecycleState
    tally: Tally
    seq: int
    waits_for: date | None
    status: str


def begun(terms: LoanTerms) -> Life:
    """A loan that was agreed and of which nothing has happened."""
    return Life(terms, state := lifecycle.start(terms), Tally(), 0, None, state.status)


def goes_on(life: Life, entry: Event | Undone, today: date) -> bool:
    """Whether a fact can be applied to the loan as it is: else it is told anew from all of them."""
    if isinstance(entry, Undone) or entry.on > today or life.waits_for is not None:
        return False
    return (entry.on.toordinal(), lifecycle.rank(entry)) >= (life.state.last_on, life.state.last_rank)


def entered(life: Life, entry: Event | Undone, today: date, facts: Sequence[Event | Undone] | None = None) -> Life:
    """The loan after one more fact, entered `today`; `facts` are all earlier ones, needed where it does not simply go on.

    Raises LoanError for an event that cannot be, also where a late one leaves a later one impossible; nothing but a pause is entered before
    its day.
    """
    if not isinstance(entry, Undone | InterestPaused | ArrearsPaused) and entry.on > today:
        raise LoanError(FUTURE_DATED, f"It is {today}: what happens on {entry.on} can be entered then.", "on")
    if goes_on(life, entry, today):
        return went_on(life, entry)[0]
    assert facts is not None, "what does not go on is told anew"
    return retold_life(life.terms, [*facts, entry], today)


def went_on(life: Life, entry: Event | Undone) -> tuple[Life, Work | Outcome]:
    """`entered` of a fact with which a loan `goes_on`, and the loan opened as it left it; what became of it, where it paid just what was asked."""
    assert not isinstance(entry, Undone), "what is undone is told anew"
    plainly = paid_as_asked(life.state, entry)
    if plainly is not None:
        state, outcome = plainly
        tally = counted(life.tally, entry, outcome, None, None)
        status = life.status if state.balance else state.status  # principal that is owed keeps it as it is
        return Life(life.terms, state, tally, life.seq + 1, life.waits_for, status), outcome
    state, outcome, work = lifecycle.applied(life.state, entry)
    tally = counted(life.tally, entry, outcome, life.state, state)
    return Life(life.terms, state, tally, life.seq + 1, life.waits_for, state.status), work


def retold_life(terms: LoanTerms, facts: Sequence[Event | Undone], today: date) -> Life:
    """The loan from its terms and all facts, as far as they are true by `today`. Raises LoanError where they cannot follow each other, those ahead
    included: what was let in comes true when its day comes."""
    kept = lifecycle.in_order(facts)
    ahead = [event.on for _, event in kept if event.on > today]
    if ahead:
        told(terms, [event for _, event in kept])
    state, tally = told(terms, [event for _, event in kept if event.on <= today])
    return Life(terms, state, tally, len(facts), min(ahead, default=None), state.status)


# --- What falls due of a loan of rule version 2026-2, as it is kept: a row for each instalment ---

PARTS: Final = ("principal", "interest", "fees", "penalties")
_DUE_COLUMNS: Final = ("kind", "start", "due", *PARTS, *(f"{part}_paid" for part in PARTS), *(f"{part}_off" for part in PARTS))
_OF_ROWS: Final = attrgetter(*_DUE_COLUMNS)
_OF_COLUMNS: Final = itemgetter(*(COLUMNS.index(name) for name in _DUE_COLUMNS))

ASKED: Final = 3 + len(PARTS)
"""So many of them, the first, say what a row asks and when; the others what of it is settled."""

Columns = Sequence[tuple[int, ...]]
"""Those columns of the rows of a loan that are kept of what falls due."""


def columns_of(rows: Rows) -> Columns:
    """The columns of rows that are open."""
    return tuple(map(tuple, _OF_ROWS(rows)))


def columns_among(all_of_them: Columns) -> Columns:
    """The columns among those of a state."""
    return _OF_COLUMNS(all_of_them)  # type: ignore[no-any-return]


def due_rows(rows: Rows) -> list[tuple[Any, ...]]:
    """Kind, days, what is asked of each part and what of it is settled, a row each."""
    columns = columns_of(rows)
    return [due_row(columns, k) for k in range(len(rows))]


def due_row(columns: Columns, k: int) -> tuple[Any, ...]:
    """Row `k` of `due_rows`."""
    kind, start, due, *asked = [column[k] for column in columns[:ASKED]]
    return kind, date.fromordinal(start), date.fromordinal(due), *asked, *settled_of(columns, k)


def settled_of(columns: Columns, k: int) -> tuple[int, ...]:
    """What of row `k` is settled of each part: paid, or no longer asked."""
    amounts = [column[k] for column in columns[ASKED:]]
    return tuple(map(add, amounts, amounts[len(PARTS) :]))
