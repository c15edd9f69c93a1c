"""Pauses of loans while the goods are away: entered when they go, with the day on which they are back at the latest, and as they were when they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

from yuefu.errors import Refused
from yuefu.loans.commands import living
from yuefu.loans.commands.living import NewFact
from yuefu.loans.queries import served
from yuefu.plans.lifecycle.events import ArrearsPaused, Event, InterestPaused, Undone
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Pause:
    """Days from `first` to `last`, both included, on which a loan is not late; with `interest`, it bears none on them either, which its lender
    pays for. `source_id` names the pause."""

    source_id: UUID
    loan_id: UUID
    first: date
    last: date
    interest: bool = False


def pause(*, work: UnitOfWork, pauses: Sequence[Pause]) -> list[Pause | Refused]:
    """Pauses loans. One outcome each, in order. A pause of a source that is in force already ends as the new one says, and is of what it was.

    Refused as a loan refuses. Loans of rule version 2026-1 know no pauses: they are for the caller to leave out.
    """
    known = served.numbers_in_force([source for one in pauses for source in (one.source_id, _of_interest(one))])
    outcomes: list[Pause | Refused] = []
    for one in pauses:
        facts: list[NewFact] = []
        for source, event in _events(one, known):
            if source in known:
                facts.append(NewFact(uuid5(source, f"undone:{known[source]}"), one.loan_id, Undone(known[source]), with_next=True))
            facts.append(NewFact(uuid5(source, f"until:{one.last}") if source in known else source, one.loan_id, event))
        refused = [each for each in living.enter(work=work, facts=facts) if isinstance(each, Refused)]
        outcomes.append(refused[0] if refused else one)
    return outcomes


def _of_interest(one: Pause) -> UUID:
    return uuid5(one.source_id, "interest")


def _events(one: Pause, known: Mapping[UUID, int]) -> list[tuple[UUID, Event]]:
    paused: list[tuple[UUID, Event]] = [(one.source_id, ArrearsPaused(one.first, one.last))]
    if _of_interest(one) in known or (one.interest and one.source_id not in known):
        paused.append((_of_interest(one), InterestPaused(one.first, one.last)))
    return paused
