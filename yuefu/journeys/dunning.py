"""What is overdue is told to whoever owes it, some days after the first of it was: by the days of the setting `collect.policy`.

Planned once a business day in chunks of a stored run, one message a person and stage over all loans, and looked at again when it goes. Nobody is told
while a promise of theirs runs, while interest or arrears of the loan are paused, who is not to be contacted, or who was contacted as often today
as the policy allows. The hours and the most a week are those of messages (`notices.policy`), and those of contacts where they are stricter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.collecting import queries as cases
from yuefu.collecting.rules.cases import stage
from yuefu.collecting.rules.contacting import ALL, WEEK_DAYS
from yuefu.collecting.rules.policy import Policy
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused, one
from yuefu.journeys import reminders
from yuefu.journeys.collecting import policy_of
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.reminders import Planned, Watch
from yuefu.loans.commands import late as loans
from yuefu.loans.commands.late import Late
from yuefu.money.amounts import Money, total
from yuefu.notices import commands as notices
from yuefu.notices.commands import NewMessage
from yuefu.notices.queries import Message
from yuefu.notices.rules.kinds import Params
from yuefu.runtime import days, runs
from yuefu.runtime.runs import Run
from yuefu.runtime.values import UnitOfWork

RUN: Final = "dunning"
KIND: Final = "overdue"
OCCASION: Final = "stage:"
"""What the occasions begin with of the messages that are planned here."""
CHUNK: Final = 2_000
_BY_MESSAGE: Final = frozenset({ALL, "sms", "email"})
"""By which of the two a message goes is decided when it goes: who is not to be contacted by one of them is told by neither."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """What a person is told of: all that is overdue and not paused, since its oldest due day."""

    amount: Money
    loans: int
    since: date

    def params(self, on: date) -> dict[str, Any]:
        return {"amount": self.amount, "loans": self.loans, "days": (on - self.since).days}


def plan(*, desk: Desk, now: datetime, watch: Watch = lambda _: None) -> Planned | Refused:
    """Plans what the people of a book are told of what is overdue, each stage once; whoever is killed goes on where it stood.

    Refused with read_only, no_open_day, day_not_open (the roll-over is late: close the day before) or no_sender.
    """
    on = days.business_date(desk.book, now)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        if work.day.on != on:
            return Refused(days.DAY_NOT_OPEN, f"{on} is not open yet: close {work.day.on} first")
        if isinstance(told := reminders.settings(work), Refused):
            return told
        run = runs.start(book_id=work.book.id, kind=RUN, on=on, steps=[KIND], now=now, ids=work.ids, actor=work.by.label)
    planned, more = 0, run.state != "done"
    while more:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            count, more = _chunk(work, run)
        planned += count
        watch(planned)
    return Planned(on, run.state == "done", {KIND: planned})


def _chunk(work: UnitOfWork, run: Run) -> tuple[int, bool]:
    """One chunk from where the run stands: how many were planned, and whether there may be more."""
    step = runs.take_turn(run_id=run.id, name=KIND)
    if step.state == "done":
        return 0, False
    told = reminders.settings(work)
    if isinstance(told, Refused):  # taken back between two chunks
        return 0, False
    policy, (hours, _) = policy_of(work), told
    after = UUID(step.cursor) if step.cursor else None
    people = loans.late_people(work.book.id, work.book.currency, work.day.on, after=after, limit=CHUNK)
    begins, ends = max(hours.remind_at, policy.contact_from), policy.contact_until
    not_before, over = (datetime.combine(run.on, at, work.book.tz) for at in (begins, ends))
    messages = []
    for person, owed in _owed(work, policy, people).items() if over > max(work.now, not_before) else ():
        due_stage = stage((run.on - owed.since).days, policy)
        if due_stage is not None:
            messages.append(NewMessage(person, KIND, f"{OCCASION}{owed.since}:{due_stage}", owed.params(run.on), not_before, over))
    queued = [one([outcome]) for outcome in notices.queue(work=work, messages=messages)]
    fresh = sum(not each.again for each in queued)
    if len(people) == CHUNK:
        runs.advance(run_id=run.id, name=KIND, cursor=str(people[-1]), now=work.now)
        return fresh, True
    runs.finish_step(run_id=run.id, name=KIND, state="done", detail={}, now=work.now)
    runs.finish(run_id=run.id, state="done", now=work.now)
    return fresh, False


def _owed(work: UnitOfWork, policy: Policy, people: Sequence[UUID]) -> dict[UUID, _Owed]:
    """What those of some people who may be told now are told of."""
    known = sorted(consumers.in_book(book_id=work.book.id, ids=people))
    late = loans.late_of(work.book.id, known, work.book.currency, work.day.on)
    promised = cases.running_promises(book_id=work.book.id, consumer_ids=known)
    restricted = cases.restricted(consumer_ids=known)
    today = work.book.day_of(work.now)
    counts = cases.counted(days=dict.fromkeys(known, today), since=work.now - timedelta(days=WEEK_DAYS))
    found = {}
    for person, own in late.items():
        open_ = [loan for loan in own if not loan.paused]
        silent = person in promised or _BY_MESSAGE & restricted[person]
        often = counts[person].of_day >= policy.most_a_day or counts[person].of_week >= policy.most_a_week
        if open_ and not silent and not often:
            found[person] = _sum(open_)
    return found


def _sum(own: Sequence[Late]) -> _Owed:
    return _Owed(total([loan.overdue for loan in own], own[0].overdue.currency), len(own), min(loan.since for loan in own))


def by_now(work: UnitOfWork, messages: Sequence[Message]) -> dict[UUID, Params | None]:
    """What messages that were planned here have to say by now; None where that is so no more, or not to be said now. Others are absent."""
    ours = [message for message in messages if message.kind == KIND and message.occasion.startswith(OCCASION)]
    if not ours:
        return {}
    owed = _owed(work, policy_of(work), sorted({message.consumer_id for message in ours}))
    return {message.id: owed[who].params(work.day.on) if (who := message.consumer_id) in owed else None for message in ours}
