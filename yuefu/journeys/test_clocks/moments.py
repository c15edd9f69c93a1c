"""What is done at the moments of a day in the book of a test clock: what jobs, closers and treasurers do in any other book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from yuefu.errors import Refused
from yuefu.journeys import close_of_day, collecting, debits, dunning, fixtures, jobs, papers, reconciliation, reminders, reports, settlement
from yuefu.journeys.desk import Desk
from yuefu.runtime import days
from yuefu.sandbox.rules import clocks as rules

Act = Callable[[Desk, datetime], object]

_POLLED_DAYS: Final = timedelta(days=7)
_BILLS_DAYS: Final = 2
"""Each day has its bills in the morning after; one that broke off is made up for on the next."""


class Stopped(Exception):
    """Something was refused that has to be done before the clock may go on."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def _close(desk: Desk, now: datetime) -> None:
    closed = close_of_day.close_days(desk=desk, now=now)
    if isinstance(closed, Refused):
        raise Stopped(closed)


def _bills(desk: Desk, now: datetime) -> None:
    reconciliation.catch_up(desk=desk, now=now, days_back=_BILLS_DAYS)  # which keeps the levels of the day: it closed before
    reports.give_out(desk=desk, now=now)


def _morning(desk: Desk, now: datetime) -> None:
    jobs.expire(desk, now)
    jobs.bill(desk, now)
    debits.plan(desk=desk, now=now)
    collecting.run(desk=desk, now=now)
    papers.review(desk=desk, now=now)
    if not isinstance(reminders.plan(desk=desk, now=now), Refused):  # nobody speaks in the book: nobody is told anything
        dunning.plan(desk=desk, now=now)
        jobs.send(desk, now)


def _settle(desk: Desk, now: datetime) -> None:
    settled = settlement.settle(desk=desk, now=now)
    if isinstance(settled, Refused):
        raise Stopped(settled)
    settlement.poll_payouts(desk=desk, now=now, paid_since=days.business_date(desk.book, now) - _POLLED_DAYS)


def _debits(desk: Desk, now: datetime) -> None:
    debits.run(desk=desk, now=now)  # what is not answered is asked for at noon


def _people(desk: Desk, now: datetime) -> None:
    fixtures.act(desk=desk, now=now)
    jobs.poll(desk, now)


def _evening(desk: Desk, now: datetime) -> None:
    debits.run(desk=desk, now=now, planning=False)
    jobs.poll(desk, now)


def _night(desk: Desk, now: datetime) -> None:
    jobs.expire(desk, now)
    settlement.withdraw(desk=desk, now=now, key=f"test_clock:{desk.book.day_of(now)}")


ACTS: Final[Mapping[str, Act]] = {
    rules.CLOSE: _close,
    rules.BILLS: _bills,
    rules.MORNING: _morning,
    rules.SETTLE: _settle,
    rules.FORENOON: _debits,
    rules.PEOPLE: _people,
    rules.EVENING: _evening,
    rules.NIGHT: _night,
}
