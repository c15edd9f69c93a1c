"""A loan while the events of a case are entered: its state is kept from one to the next, and replayed only where the past changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import apply, as_of, in_order, rank, replay, start
from yuefu.plans.lifecycle.quotes import interest_borne, interest_earned
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import LoanState, Outcome


@dataclass(slots=True)
class Course:
    """Entries, the state after them, and the outcome of each that counts by its number. `replayed` says whether earlier outcomes may have
    changed since it was set to False."""

    terms: LoanTerms
    entries: list[Event | Undone] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    replayed: bool = False
    _state: LoanState | None = None

    @property
    def state(self) -> LoanState:
        """The loan after all entries."""
        if self._state is None:
            self._state = start(self.terms)
        return self._state

    def enter(self, entry: Event | Undone) -> int:
        """Takes an entry and gives its number. Raises LoanError as `apply` does."""
        self.entries.append(entry)
        number, state = len(self.entries), self.state
        if isinstance(entry, Undone) or (entry.on.toordinal(), rank(entry)) < (state.last_on, state.last_rank):
            self._replay()
        else:
            self._state, self.outcomes[number] = apply(state, entry)
        return number

    def change_terms(self, terms: LoanTerms) -> None:
        """As if these had been agreed from the first."""
        self.terms = terms
        self._replay()

    def _replay(self) -> None:
        self._state, self.outcomes = replay(self.terms, self.entries)
        self.replayed = True

    def events(self) -> Iterator[tuple[int, Event]]:
        """The events that count, by number; in no order."""
        for number in self.outcomes:
            event = self.entries[number - 1]
            assert not isinstance(event, Undone)
            yield number, event

    def seen_from(self, today: date) -> LoanState:
        """The loan on a day not before its last event, else as it is."""
        state = self.state
        return as_of(state, today) if state.lent and state.last_on <= today.toordinal() else state

    def interest_borne(self, today: date, day: date) -> int:
        """Interest for the nights up to `day`, in minor units, as the loan is known on `today`: what the balance has really borne where interest is
        recalculated, else straight over the days of each row."""
        if not self.terms.recalculate:
            return interest_earned(self.seen_from(today), day).minor
        state = self.state
        if state.last_on > day.toordinal():
            state, _ = replay(self.terms, [event for _, event in in_order(self.entries) if event.on <= day])
        return interest_borne(state, day).minor if state.lent else 0
