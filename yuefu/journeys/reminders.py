"""Reminders of what falls due: three days before, the day before, and on the day.

Each business day plans its own once, in chunks of a stored run: one message a person and due day over all loans, to the borrower and nobody
else. What was planned is looked at again when it goes: what was paid meanwhile is not asked for, and of what was paid in part the rest is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, one
from yuefu.journeys.close_of_day import cut_off_of
from yuefu.journeys.desk import Desk, open_day
from yuefu.loans import queries as loans
from yuefu.loans.queries import FallingDue
from yuefu.notices import commands as notices
from yuefu.notices.commands import NewMessage
from yuefu.notices.queries import Message
from yuefu.notices.rules.kinds import Params
from yuefu.notices.rules.policy import DEFAULT_POLICY, NO_SENDER, POLICY, SENDER, Policy, Sender
from yuefu.notices.rules.policy import policy as policy_of_value
from yuefu.notices.rules.policy import sender as sender_of_value
from yuefu.runtime import days, policies, runs
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.runs import Run
from yuefu.runtime.values import UnitOfWork

RUN: Final = "reminders"
AHEAD: Final[Mapping[str, int]] = {"due_in_3_days": 3, "due_tomorrow": 1, "due_today": 0}
"""Kind of reminder → how many days before the due day."""
CHUNK: Final = 5_000
NO_SENDER_YET: Final = "no_sender"  # nobody speaks for this book yet: propose the setting notices.sender

Watch = Callable[[int], None]
"""Is told how many were planned or sent so far."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What was planned for a day by this call, by kind; `again` says that the day had been planned before."""

    on: date
    again: bool
    planned: Mapping[str, int]


def plan(*, desk: Desk, now: datetime, watch: Watch = lambda _: None) -> Planned | Refused:
    """Plans the reminders of the day it is, each once however often this is called; whoever is killed goes on where it stood.

    Refused with read_only, no_open_day, day_not_open (the roll-over is late: close the day before) or no_sender.
    """
    on = days.business_date(desk.book, now)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        if work.day.on != on:
            return Refused(days.DAY_NOT_OPEN, f"{on} is not open yet: close {work.day.on} first")
        if isinstance(told := settings(work), Refused):
            return told
        run = runs.start(book_id=work.book.id, kind=RUN, on=on, steps=[*AHEAD], now=now, ids=work.ids, actor=work.by.label)
    planned = dict.fromkeys(AHEAD, 0)
    for kind in AHEAD:
        more = run.state != "done"
        while more:
            with open_day(desk, now) as work:
                if isinstance(work, Refused):
                    return work
                count, more = _chunk(desk, work, run, kind)
            planned[kind] += count
            watch(sum(planned.values()))
    return Planned(on, run.state == "done", planned)


def _chunk(desk: Desk, work: UnitOfWork, run: Run, kind: str) -> tuple[int, bool]:
    """One chunk of a kind from where the run stands: how many were planned, and whether there may be more."""
    step = runs.take_turn(run_id=run.id, name=kind)
    if step.state == "done":
        return 0, False
    due_on = run.on + timedelta(days=AHEAD[kind])
    after = UUID(step.cursor) if step.cursor else None
    found = loans.falling_due(work.book.id, due_on, work.book.currency, after=after, limit=CHUNK)
    told = settings(work)
    if isinstance(told, Refused):  # taken back between two chunks
        return 0, False
    policy, _ = told
    not_before = datetime.combine(run.on, policy.remind_at, work.book.tz)
    over = cut_off_of(desk, run.on)
    messages = [NewMessage(due.consumer_id, kind, due_on.isoformat(), _params(due, due_on), not_before, over) for due in found]
    queued = [one([outcome]) for outcome in notices.queue(work=work, messages=messages)]  # what is due is owed by consumers of the book
    fresh = sum(not each.again for each in queued)
    if len(found) == CHUNK:
        runs.advance(run_id=run.id, name=kind, cursor=str(found[-1].consumer_id), now=work.now)
        return fresh, True
    runs.finish_step(run_id=run.id, name=kind, state="done", detail={}, now=work.now)
    if all(each.state == "done" for each in runs.steps(run.id)):
        runs.finish(run_id=run.id, state="done", now=work.now)
    return fresh, False


def _params(due: FallingDue, due_on: date) -> dict[str, Any]:
    return {"amount": due.amount, "loans": due.loans, "due_on": due_on}


def by_now(work: UnitOfWork, messages: Sequence[Message]) -> dict[UUID, Params | None]:
    """What reminders have to say by now; None where nothing is due any more. Other messages are absent: what they tell stays so."""
    by_day: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        if message.kind in AHEAD:
            by_day[message.params["due_on"]].append(message)
    found: dict[UUID, Params | None] = {}
    for text, of_a_day in by_day.items():
        due_on = date.fromisoformat(text)
        people = sorted({message.consumer_id for message in of_a_day})
        due = loans.falling_due(work.book.id, due_on, work.book.currency, consumer_ids=people, limit=len(people))
        still = {each.consumer_id: _params(each, due_on) for each in due}
        found |= {message.id: still.get(message.consumer_id) for message in of_a_day}
    return found


def settings(work: UnitOfWork) -> tuple[Policy, Sender] | Refused:
    """When people may be written to, and who speaks, as in force on the day. Refused with no_sender. Books from before there were messages have
    the values that books begin with.
    """
    policy = policy_of_value(_value(work, POLICY, DEFAULT_POLICY))
    sender = sender_of_value(_value(work, SENDER, NO_SENDER))
    if not sender.is_known:
        how = f"`yuefu setting propose {SENDER}` with {', '.join(NO_SENDER)}"
        return Refused(NO_SENDER_YET, f"nobody speaks for this book yet: say who we are, where one pays and how we are reached by {how}")
    return policy, sender


def _value(work: UnitOfWork, name: str, default: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        _, value = policies.in_force(book_id=work.book.id, name=name, on=work.day.on)
    except MissingSetting:
        return default
    return {**default, **value}
