"""Days of loans of rule version 2026-2: what each brings is posted once, however the close and the next day run into each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.loans.test_living import books_of, enter, entered, lend, new_book, stored
from tests.plans.lifecycle.lives import lives
from tests.plans.lifecycle.small_loans import LENT, fen, terms
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.loans import entries
from yuefu.loans.commands import closing
from yuefu.loans.commands.closing import Advanced
from yuefu.loans.commands.living import Entered
from yuefu.loans.entries import STANDING, Position
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import in_order
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import days, runs, sql
from yuefu.runtime.values import BusinessDay, UnitOfWork

ZONE = ZoneInfo("Asia/Shanghai")
FEW = settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


def rolled(work: UnitOfWork) -> tuple[UnitOfWork, UnitOfWork]:
    """The day that ended, for its close, and the one that opened."""
    following = work.day.on + timedelta(days=1)
    now = datetime.combine(following, time(0, 0, 1), ZONE)
    with sql.transacting():
        ledger.make_partitions(first=following.replace(day=1), months=1)
        done = days.roll_over(book=work.book, now=now)
        assert not isinstance(done, Refused), done
        run = runs.start(book_id=work.book.id, kind="close_of_day", on=work.day.on, steps=["advance"], now=now, ids=work.ids, actor="test")
    ended = BusinessDay(work.book.id, work.day.on, "closing", run.id)
    opened = BusinessDay(work.book.id, following, "open")
    return UnitOfWork(work.book, ended, now, work.by, work.ids), UnitOfWork(work.book, opened, now, work.by, work.ids)


def advance(work: UnitOfWork, size: int = 3) -> list[Advanced]:
    """All chunks of a day that closes, and what it brought posted; what was replaced is forgotten where it is the last one closing."""
    on, found = work.day.on, []
    with sql.transacting():
        ranges = closing.chunks(work.book.id, on, size)
    for no, (first, last) in enumerate(ranges):
        with sql.transacting():
            closing.fall_due(work=work, on=on, first=first, last=last)
        with sql.transacting():
            found.append(closing.advance(work=work, on=on, no=no, first=first, last=last))
    with sql.transacting():
        closing.post_brought(work=work, on=on)
        assert days.close(book_id=work.book.id, on=on, now=work.now) is None
        closing.drop_replaced(work=work, on=on)
    return found


def close(work: UnitOfWork) -> UnitOfWork:
    """Ends a day and closes it; gives the next."""
    ended, opened = rolled(work)
    advance(ended)
    return opened


@dataclass
class Model:
    """What was entered of loans, with the days on which it was."""

    terms: dict[UUID, LoanTerms] = field(default_factory=dict)
    entered: dict[UUID, list[tuple[date, Event | Undone]]] = field(default_factory=dict)

    def positions(self, on: date) -> dict[UUID, Position]:
        """Where each loan stands by the end of a day, as what was entered by then has it."""
        return {loan_id: self._position(loan_id, on) for loan_id in self.terms}

    def _position(self, loan_id: UUID, on: date) -> Position:
        known = [entry for day, entry in self.entered[loan_id] if day <= on]
        true = [event for _, event in in_order(known) if event.on <= on]
        return entries.position(*told(self.terms[loan_id], true), on)


def check(work: UnitOfWork, model: Model, on: date) -> None:
    """The ledger by the end of a closed day, and what the close kept of it, are what the loans say by themselves."""
    positions = model.positions(on)
    has: dict[str, int] = dict.fromkeys(Position.__slots__, 0)
    for (code, *_), minor in ledger_book.totals(work.book.id, list(Position.__slots__), posted_until=on).items():
        has[code] += minor
    assert has == {name: sum(getattr(one, name) for one in positions.values()) for name in Position.__slots__}, on
    columns = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in STANDING)
    (stands,) = sql.rows(f'SELECT {columns} FROM loans_stand WHERE book_id = %s AND "on" = %s', [work.book.id, on])
    assert dict(zip(STANDING, stands, strict=True)) == {name: has[name] for name in STANDING}, on


@FEW
@given(st.lists(lives(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_whatever_happens_each_day_brings_what_the_loans_say(
    ids: IdSource, given_: list[tuple[LoanTerms, list[Event]]], random: Random
) -> None:
    begin = min(event.on for _, happened in given_ for event in happened)
    work, model = new_book(ids, begin), Model()
    waiting: list[tuple[date, UUID, Event]] = []
    for agreed, happened in given_:
        loan_id = lend(work, agreed)
        model.terms[loan_id], model.entered[loan_id] = agreed, []
        shift = (happened[0].on - begin).days
        # Lives that begin later are entered late, on days of the first weeks: each fact on its day or up to a week after it.
        for event in happened:
            on = max(begin + timedelta(days=max((event.on - begin).days - shift, 0)), event.on)
            waiting.append((on + timedelta(days=random.choice([0, 0, 0, 1, 2, 7])), loan_id, event))
    closing_days: list[UnitOfWork] = []
    for _ in range(70):
        today = work.day.on
        due = [one for one in waiting if one[0] <= today]
        waiting = [one for one in waiting if one[0] > today]
        random.shuffle(due)
        for n, (_, loan_id, event) in enumerate(due):
            if closing_days and random.random() < 0.4:
                closed = closing_days.pop(0)
                advance(closed, size=random.choice([1, 2, 5]))
                check(work, model, closed.day.on)
            if event.on > today:
                continue
            (outcome,) = enter(work, loan_id, event)
            if isinstance(outcome, Entered):
                model.entered[loan_id].append((today, event))
                if random.random() < 0.1 and n % 2:
                    (undone,) = enter(work, loan_id, Undone(outcome.no))
                    model.entered[loan_id] += [(today, Undone(outcome.no))] if isinstance(undone, Entered) else []
        while closing_days and random.random() < 0.6:
            closed = closing_days.pop(0)
            advance(closed, size=random.choice([1, 2, 5]))
            check(work, model, closed.day.on)
        ended, work = rolled(work)
        closing_days.append(ended)
    for closed in closing_days:
        advance(closed)
        check(work, model, closed.day.on)
    assert sql.value("SELECT count(*) FROM loans_stretch WHERE book_id = %s AND replaced_on < '9999-12-31'", [work.book.id]) == 0
    assert not sql.value("SELECT count(*) FROM loans_stretch WHERE book_id = %s AND stuck", [work.book.id])


def test_days_bring_interest_and_late_charges_once_and_a_pause_when_its_day_comes(ids: IdSource) -> None:
    work = new_book(ids, date(2025, 1, 31))
    loan_id = lend(work, terms(late=t.LateTerms(fee=fen(20_00))))
    entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)), e.InterestPaused(date(2025, 2, 3), date(2025, 2, 4)))
    assert stored(loan_id)["checkpoint"][0] == date(2025, 2, 2), "the night before it is the first without interest"
    interest = [-books_of(work)["interest_income"]]
    for _ in range(6):
        work = close(work)
        interest.append(-books_of(work)["interest_income"])
    assert interest == [11_84, 11_84, 12_23, 12_62, 12_62, 12_62, 13_02]
    assert books_of(work)["loan_penalties"] == 20_00
    assert stored(loan_id)["checkpoint"][0] is None
