"""A run of debits: every step that finds something to do, in order; what was not sent or failed is tried again, what the channel contradicts is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from uuid import UUID

from yuefu.dates.calendars import Calendar
from yuefu.errors import Refused
from yuefu.journeys import mandates, repayment
from yuefu.journeys.debits.taking import (
    AT_ONCE,
    Owed,
    announce,
    ask_again,
    by_pages,
    calendar_of,
    follow,
    owed_of,
    plan,
    policy_in_force,
    send,
)
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import Again, Closing, Drop
from yuefu.payments.rules import Contradiction, Policy, Standing
from yuefu.runtime import stops
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import UnitOfWork


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run did: `expired` in mandates, `accepted` in collections that were booked late, all else in tries. `sent` went to the
    channel, `followed` ended one way or the other.
    """

    expired: int
    accepted: int
    followed: int
    missed: int
    tried_again: int
    planned: int
    announced: int
    sent: int


def run(*, desk: Desk, now: datetime, planning: bool = True) -> Ran:
    """All that is to be done at this moment: again, there is nothing. In a read-only book nothing is done.

    What one step raises does not keep the others from their turn. Planning looks at every active mandate, which is needed a few times a day
    only: a run every minute goes without.
    """
    done = dict.fromkeys((field.name for field in fields(Ran)), 0)
    if stops.read_only(book_id=desk.book.id, now=now):
        return Ran(**done)
    steps: dict[str, Callable[[], int]] = {
        "expired": lambda: mandates.expire(desk=desk, now=now),
        "accepted": lambda: book_accepted(desk=desk, now=now),
        "followed": lambda: follow(desk=desk, now=now),
        "missed": lambda: _missed(desk, now),
        "tried_again": lambda: _try_again(desk, now),
        "planned": lambda: plan(desk=desk, now=now) if planning else 0,
        "announced": lambda: announce(desk=desk, now=now),
        "sent": lambda: send(desk=desk, now=now),
    }
    errors: list[Exception] = []
    for name, step in steps.items():
        try:
            done[name] = step()
        except Exception as error:  # noqa: BLE001 - raised below: a channel that takes no notices has nothing to do with what is to be sent
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("several failed", errors)
    return Ran(**done)


def _missed(desk: Desk, now: datetime) -> int:
    """Gives up tries whose time passed before anybody sent them; returns how many. They are tried again without counting as failed."""
    at = now.astimezone(desk.book.tz)
    over = rules.passed(at, policy_in_force(desk.book, at.date()))

    def find() -> list[UUID]:
        return payment_book.tries_passed(book_id=desk.book.id, passed=over, limit=AT_ONCE)

    return by_pages(find, lambda chosen: sum(told == rules.MISSED for told in drop_missed(desk=desk, now=now, try_ids=chosen)))


def drop_missed(*, desk: Desk, now: datetime, try_ids: Sequence[UUID]) -> list[str | Refused | Quarantined]:
    """Drops some tries that were not sent in time: `missed`, or "" where something else happened meanwhile."""

    def act(work: UnitOfWork, given: Sequence[UUID]) -> list[str | Refused]:
        held = payment_book.standings(book_id=work.book.id, try_ids=given, lock=True)
        unsent = {i: one for i, one in held.items() if one.latest.state in ("planned", "announced")}
        payments.drop_tries(work=work, drops=[Drop(one, rules.MISSED) for one in unsent.values()])
        return [rules.MISSED if i in unsent else "" for i in given]

    return in_batches(desk, now, "debit.missed", try_ids, lambda batch: on_open_day(desk, now, batch, act))


def _try_again(desk: Desk, now: datetime) -> int:
    def find() -> list[UUID]:
        return payment_book.tries_idle(book_id=desk.book.id, limit=AT_ONCE)

    def act(chosen: Sequence[UUID]) -> int:
        ask_again(desk, now, chosen)
        return sum(told == "planned" for told in try_again(desk=desk, now=now, try_ids=chosen))

    return by_pages(find, act)


def try_again(*, desk: Desk, now: datetime, try_ids: Sequence[UUID]) -> list[str | Refused | Quarantined]:
    """Plans the next try after each of these, or ends the debit: planned, given_up or cancelled; "" where something else happened meanwhile."""
    return in_batches(desk, now, "debit.again", try_ids, lambda batch: on_open_day(desk, now, batch, _again))


def _again(work: UnitOfWork, try_ids: Sequence[UUID]) -> list[str | Refused]:
    at = work.now.astimezone(work.book.tz)
    of, calendar = policy_in_force(work.book, work.day.on), calendar_of(work.book, at)
    held = payment_book.standings(book_id=work.book.id, try_ids=try_ids, lock=True)
    idle = payment_book.tries_idle(book_id=work.book.id, limit=len(try_ids), among=try_ids)
    owed = owed_of(work.book.id, [held[i].debit.loan_id for i in idle], work.day.on)
    decided = {i: _next(held[i], owed.get(held[i].debit.loan_id), at, calendar, of) for i in idle}
    payments.plan_again(work=work, agains=[one for one in decided.values() if isinstance(one, Again)])
    payments.drop_tries(work=work, drops=[one for one in decided.values() if isinstance(one, Drop)])
    told = {i: "planned" if isinstance(one, Again) else one.ends for i, one in decided.items()}
    return [told.get(i, "") for i in try_ids]


def _next(one: Standing, debt: Owed | None, at: datetime, calendar: Calendar, of: Policy) -> Again | Drop:
    """What becomes of an open debit whose latest try failed or was not sent."""
    if one.mandate.state != "active":
        return Drop(one, f"mandate_{one.mandate.state}", "cancelled")
    due = debt.due(one.debit.due_on) if debt else 0
    if due <= 0:
        return Drop(one, rules.NOTHING_DUE, "cancelled")
    not_before: date | None = at.date()
    if one.latest.state == "failed":
        not_before = rules.retry_from(one.latest.code, one.failed, one.latest.debit_on, of)
    if not_before is None:
        return Drop(one, one.latest.code, "given_up")
    slot = rules.slot(one.mandate.kind, not_before, at, calendar, of)
    if one.mandate.valid_until is not None and slot.debit_on > one.mandate.valid_until:
        return Drop(one, "mandate_expired", "cancelled")
    return Again(one, slot, rules.asked(one.debit.amount, Money(due, one.debit.amount.currency), one.mandate.limit))


# --------------------------------------------------------------------------------------------------------------------- contradictions


def close(*, desk: Desk, now: datetime, closings: Sequence[Closing]) -> list[Contradiction | Refused | Quarantined]:
    """A person closes contradictions; what they accept is booked and applied, and what the loan cannot take any more goes back.

    One outcome a request, in order; refused as `payments.close_contradictions` refuses.
    """
    outcomes = in_batches(
        desk,
        now,
        "contradiction.close",
        closings,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.close_contradictions(work=work, closings=given)),
    )
    book_accepted(desk=desk, now=now)
    follow(desk=desk, now=now)
    return outcomes


def book_accepted(*, desk: Desk, now: datetime) -> int:
    """Books what was accepted and is not booked yet, because we were stopped in between; returns how many."""
    waiting = payment_book.accepted(book_id=desk.book.id)
    if waiting:
        repayment.book(desk=desk, now=now, results=[one.answer for one in waiting])
    return len(waiting)
