"""A loan as a fold: its state is a pure function of its terms, its dated events and the day from which it is seen.

`start` has lent nothing yet; `apply` is one step; `replay` takes entries in the order in which they were entered and applies their events
in the order of their days (`rank` says in which those of one day), without the ones undone. A back-dated, corrected or undone event is therefore nothing
special. `as_of` shows what has become of a loan by a later day with nothing happening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from yuefu.money.amounts import Money, MoneyError
from yuefu.plans.lifecycle import changing, paying, returning
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState, Outcome, Work

_HANDLERS: Final[Mapping[type, Callable[[Work, Any], None]]] = {
    e.Disbursed: paying.disburse,
    e.Paid: paying.pay,
    e.PaidBack: returning.pay_back,
    e.PaidInstalment: paying.pay_instalment,
    e.PaidOff: paying.pay_off,
    e.ChargedBack: returning.charge_back,
    e.CreditRefunded: returning.refund_credit,
    e.Charged: changing.charge,
    e.ChargedEachInstalment: changing.charge_each,
    e.Waived: changing.waive,
    e.Reaged: changing.reage,
    e.Reamortised: lambda work, _: changing.reamortise(work),
    e.Rescheduled: changing.reschedule,
    e.InterestPaused: changing.pause_interest,
    e.ArrearsPaused: changing.pause_arrears,
    e.ChargedOff: changing.charge_off,
    e.WrittenOff: lambda work, _: changing.write_off(work),
    e.Recovered: changing.recover,
    e.BoughtDown: changing.buy_down,
}
_KINDS: Final = tuple(_HANDLERS)
# A pause too, which may have been entered ahead: it comes to nothing.
_AFTER_WRITE_OFF: Final = (e.Recovered, e.ChargedBack, e.CreditRefunded, e.InterestPaused, e.ArrearsPaused)


def start(terms: LoanTerms) -> LoanState:
    """A loan agreed, of which nothing has been lent."""
    return LoanState(terms)


def apply(state: LoanState, event: Event) -> tuple[LoanState, Outcome]:
    """The state after `event`, and what became of it.

    Raises LoanError for an event older than the last one (replay the loan), in another currency, before the first disbursement, after a
    write-off, on a state that was only looked at, and where the event itself says so.
    """
    after, outcome, _ = applied(state, event)
    return after, outcome


def applied(state: LoanState, event: Event) -> tuple[LoanState, Outcome, Work]:
    """`apply`, with the loan opened as the event left it: what `looked_at` would open on that day, but where what is overdue is taken to stay so
    for longer."""
    if not isinstance(event, _KINDS):
        raise LoanError(e.TYPE_WRONG, f"An event of a loan cannot be {type(event).__name__}: what was undone is for `replay`.", "event")
    _require_applicable(state, event)
    if isinstance(event, e.Disbursed) and not state.lent and (terms := paying.effective_terms(state.terms, event)) is not state.terms:
        state = replace(state, terms=terms)
    work = opened(state, event.on.toordinal())
    _handle(work, event)
    after, outcome = work.kept(state.seq + 1, rank(event)), work.outcome()
    work.begin()
    return after, outcome, work


Heard = Callable[[Event, Outcome, LoanState | None, LoanState | None], None]
"""Is told an event and what became of it, with the loan before and after it where it is one of `KEPT_APART`, else maybe None."""

KEPT_APART: Final = (e.Disbursed, e.WrittenOff)


def run(state: LoanState, events: Iterable[Event], heard: Heard) -> LoanState:
    """The state after events in the order of their days: as `apply` has it one by one, in less time, for the loan stays open between them.
    Raises as `apply` does."""
    work: Work | None = None
    seq, last_rank = state.seq, state.last_rank
    for event in events:
        if work is None or work.overpaid or isinstance(event, KEPT_APART):
            before = work.kept(seq, last_rank) if work else state
            after, outcome = apply(before, event)
            work = Work(after, after.last_on)
            heard(event, outcome, before, after)
        else:
            _require_next(event, (work.on, last_rank), work.terms, lent=work.lent, written_off=work.written_off_on)
            work.turn(event.on.toordinal())
            _handle(work, event)
            heard(event, work.outcome(), None, None)
        seq, last_rank = seq + 1, rank(event)
    return work.kept(seq, last_rank) if work else state


def _handle(work: Work, event: Event) -> None:
    try:
        _HANDLERS[type(event)](work, event)
    except MoneyError as error:
        raise LoanError(e.AMOUNT_TOO_LARGE, f"The loan would be more than an amount can be: {error}", "amount") from error


def as_of(state: LoanState, day: date) -> LoanState:
    """The loan seen from `day`, nothing having happened since: interest on what is overdue, late fees, what each row asks. To look at, not
    to go on from. Raises LoanError for a day before the last event."""
    return looked_at(state, day).kept(state.seq, state.last_rank, seen=True)


def looked_at(state: LoanState, day: date) -> Work:
    """The loan opened to be seen from `day`. Raises LoanError as `as_of` does."""
    if type(day) is not date:
        raise LoanError(e.TYPE_WRONG, f"A loan is seen from a day, not from {day!r:.40}.", "day")
    if day.toordinal() < state.last_on:
        raise LoanError(e.EVENT_OUT_OF_ORDER, f"The loan has events after {day}; replay it up to then.", "day")
    if day.toordinal() == state.last_on and not state.terms.overdue_to_due_day:
        return Work(state, state.last_on)  # the event left it as that day sees it, unless what is overdue is taken to stay so for longer
    return opened(state, day.toordinal())


def opened(state: LoanState, on: int) -> Work:
    """The loan, seen from a day. A credit balance that was kept has paid each instalment on its due day."""
    if state.overpaid and not state.written_off_on:
        for day in sorted({due for due in state.rows().due if state.last_on < due <= on}):
            work = Work(state, day)
            work.advance()
            paying.use_credit_for_dues(work)
            state = work.kept(state.seq, state.last_rank)
    work = Work(state, on)
    work.advance()
    return work


def in_order(entries: Sequence[Event | Undone]) -> list[tuple[int, Event]]:
    """The events that count, as (number of the entry, event), in the order in which they are applied. Raises LoanError where an undo names no
    earlier event, or one undone before."""
    undone: set[int] = set()
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, Undone):
            if not 0 < entry.entry < number or isinstance(entries[entry.entry - 1], Undone) or entry.entry in undone:
                raise LoanError(e.NO_SUCH_ENTRY, f"Entry {entry.entry} is not an event that could be undone.", "entry")
            undone.add(entry.entry)
    kept = [(number, entry) for number, entry in enumerate(entries, start=1) if not isinstance(entry, Undone) and number not in undone]
    return sorted(kept, key=lambda pair: (pair[1].on, rank(pair[1])))


def rank(event: Event) -> int:
    """The place of an event within its day: what is lent, then what is charged, then all else as it was entered."""
    if isinstance(event, e.Disbursed):
        return 0
    return 1 if isinstance(event, e.Charged | e.ChargedEachInstalment) else 2


def replay(terms: LoanTerms, entries: Sequence[Event | Undone]) -> tuple[LoanState, dict[int, Outcome]]:
    """The state after all entries, and the outcome of each event that counts, by the number of its entry (from 1)."""
    state, outcomes = start(terms), {}
    for number, event in in_order(entries):
        state, outcomes[number] = apply(state, event)
    return state, outcomes


def _require_applicable(state: LoanState, event: Event) -> None:
    if state.seen_on:
        raise LoanError(e.SEEN_NOT_KEPT, "This is a view of the loan; go on from the state it was made of.", "state")
    _require_next(event, (state.last_on, state.last_rank), state.terms, lent=state.lent, written_off=state.written_off_on)


def _require_next(event: Event, last: tuple[int, int], terms: LoanTerms, *, lent: int, written_off: int) -> None:
    if (event.on.toordinal(), rank(event)) < last:
        day = date.fromordinal(last[0])
        raise LoanError(e.EVENT_OUT_OF_ORDER, f"An event of {event.on} cannot follow one of {day}; replay the loan.", "on")
    amount = getattr(event, "amount", None)
    if isinstance(amount, Money) and amount.currency != terms.currency:
        raise LoanError(e.CURRENCY_MISMATCH, f"A loan in {terms.currency} cannot take {amount.currency}.", "amount")
    if not lent and not isinstance(event, e.Disbursed):
        raise LoanError(e.NOT_DISBURSED, f"Nothing has been lent by {event.on}.", "on")
    if written_off and not isinstance(event, _AFTER_WRITE_OFF):
        raise LoanError(e.LOAN_WRITTEN_OFF, "The loan has been written off; what comes in now is a recovery.", "on")
