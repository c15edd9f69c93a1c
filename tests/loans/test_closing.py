"""Days of loans of rule version 2026-2: what each brings is posted once, however the close and the next day run into each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.loans.test_living import books_of, enter, entered, kept_positions, lend, new_book, stored
from tests.plans.lifecycle.lives import LIVES, lives
from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, fen, terms
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.loans import entries
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import closing
from yuefu.loans.commands import late as loans_late
from yuefu.loans.commands.closing import Advanced
from yuefu.loans.commands.living import Entered
from yuefu.loans.entries import STANDING, Position
from yuefu.loans.queries import keeping
from yuefu.loans.queries.replayed import Replayed, replayed
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import in_order
from yuefu.plans.lifecycle.stretches import Stretch
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import Work
from yuefu.runtime import days, quarantine, runs, sql
from yuefu.runtime.values import BusinessDay, UnitOfWork

ZONE = ZoneInfo("Asia/Shanghai")
FEW = settings(
    max_examples=max(LIVES // 50, 8),  # a life here is some fifty days with their closes
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
    told = replayed(work.book.id, list(model.terms), closed=on)
    assert {i: one.differs for i, one in told.items() if isinstance(one, Replayed) and one.differs} == {}, on
    assert len(told) == len(model.terms), "each is kept, and can be told"


def live(work: UnitOfWork, model: Model, random: Random, happens: Callable[[date], list[tuple[UUID, Event | int]]], nights: int) -> None:
    """Lets days pass with what happens on each entered in turn (a number: that many facts back, it is undone), days closing at any moment
    before, between and long after, and looks at the books of each day that was closed."""
    waiting: list[UnitOfWork] = []

    def close_one() -> None:
        ended = waiting.pop(0)
        advance(ended, size=random.choice([1, 2, 5]))
        check(work, model, ended.day.on)

    for _ in range(nights):
        today = work.day.on
        for loan_id, what in happens(today):
            if waiting and random.random() < 0.3:
                close_one()
            entry = Undone(len(model.entered[loan_id]) - what) if isinstance(what, int) else what
            (outcome,) = enter(work, loan_id, entry)
            if isinstance(outcome, Entered):
                model.entered[loan_id].append((today, entry))
        while waiting and random.random() < 0.6:
            close_one()
        ended, work = rolled(work)
        waiting.append(ended)
    while waiting:
        close_one()
    left = sql.rows("SELECT loan_id FROM loans_stretch WHERE book_id = %s AND (replaced_on < '9999-12-31' OR stuck)", [work.book.id])
    assert left == [], "nothing is left over of days that are closed"


@FEW
@given(st.lists(lives(), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_of_any_loan_each_day_brings_what_it_says(ids: IdSource, given_: list[tuple[LoanTerms, list[Event]]], random: Random) -> None:
    begin = min(event.on for _, happened in given_ for event in happened)
    work, model = new_book(ids, begin), Model()
    waiting: list[tuple[date, UUID, Event]] = []
    for agreed, happened in given_:
        loan_id = lend(work, agreed)
        model.terms[loan_id], model.entered[loan_id] = agreed, []
        waiting += [(event.on + timedelta(days=random.choice([0, 0, 0, 1, 2, 7])), loan_id, event) for event in happened]

    def happens(today: date) -> list[tuple[UUID, Event | int]]:
        return [(loan_id, event) for on, loan_id, event in waiting if on == today]

    live(work, model, random, happens, 50)


@pytest.mark.parametrize("seed", range(max(LIVES // 100, 3)))
def test_of_ordinary_loans_each_day_brings_what_they_say(ids: IdSource, seed: int) -> None:
    random = Random(seed)
    work, model = new_book(ids, LENT), Model()
    for _ in range(4):
        agreed = terms(
            principal=fen(random.randrange(500_00, 9_000_00)),
            periods=random.choice([1, 2, 6]),
            annual_rate=random.choice([Rate(0), Rate(120_000), Rate(235_900)]),
            recalculate=random.random() < 0.7,
            late=random.choice([t.LateTerms(), t.LateTerms(fee=fen(10_00), interest=Rate(180_000), grace_days=random.choice([0, 3]))]),
            fees=random.choice([(), (t.Fee("service", t.FeeWhen.EACH_PERIOD, rate=Rate(5_000)),)]),
            waterfall=t.Waterfall(excess=random.choice(list(t.Excess))),
        )
        loan_id = lend(work, agreed)
        model.terms[loan_id], model.entered[loan_id] = agreed, []

    def happens(today: date) -> list[tuple[UUID, Event | int]]:
        if today == LENT:
            return [(loan_id, e.Disbursed(LENT, agreed.principal)) for loan_id, agreed in model.terms.items()]
        chosen = [loan_id for loan_id in model.terms if random.random() < 0.12]
        return [(loan_id, one(random, today, model.entered[loan_id])) for loan_id in chosen]

    live(work, model, random, happens, 75)


def one(random: Random, today: date, known: Sequence[tuple[date, Event | Undone]]) -> Event | int:
    """Something that may happen to a loan, now or some days ago; it may be refused."""
    on = max(today - timedelta(days=random.choice([0, 0, 0, 0, 1, 5, 20])), LENT)
    amount = fen(random.choice([1, 100_00, 250_00, 420_00, 900_00]))
    choices: list[Event | int] = [
        *[e.Paid(on, amount)] * 6,
        e.Paid(on, amount, t.PaidBy.MERCHANT_REFUND, interest_refund=True),
        e.PaidOff(on),
        e.Waived(on, t.Part.INTEREST, fen(50)),
        e.Charged(on, "post", t.Part.FEE, fen(5_00), today + timedelta(days=9)),
        e.ChargedBack(on, fen(100_00)),
        e.InterestPaused(today + timedelta(days=3), today + timedelta(days=8)),
        e.ArrearsPaused(on, today + timedelta(days=9)),
        e.ChargedOff(on),
        e.WrittenOff(on),
        e.Recovered(on, amount),
        e.BoughtDown(on, fen(30_00)),
        e.CreditRefunded(on, fen(1_00)),
        e.Rescheduled(on, today + timedelta(days=5), today + timedelta(days=20)),
    ]
    return random.choice([*choices, random.randrange(len(known)), random.randrange(len(known))])


def test_days_bring_interest_and_late_charges_once_and_a_pause_when_its_day_comes(ids: IdSource) -> None:
    work = new_book(ids, date(2025, 1, 31))
    loan_id = lend(work, terms(late=t.LateTerms(fee=fen(20_00))))
    entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)), e.InterestPaused(date(2025, 2, 3), date(2025, 2, 4)))
    assert stored(loan_id)["life"][0] == date(2025, 2, 2), "the night before it is the first without interest"
    interest = [-books_of(work)["interest_income"]]
    for _ in range(6):
        work = close(work)
        interest.append(-books_of(work)["interest_income"])
    assert interest == [11_84, 11_84, 12_23, 12_62, 12_62, 12_62, 13_02]
    assert books_of(work)["loan_penalties"] == 20_00
    assert stored(loan_id)["life"][0] is None


def test_what_a_day_brought_is_told_loan_by_loan_and_adds_up_to_its_entries(ids: IdSource) -> None:
    work = new_book(ids, LENT)
    lent = [lend(work, terms(principal=fen(1200_00 + n * 100_00))) for n in range(3)]
    for loan_id in lent:
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    entered(work, lent[0], e.BoughtDown(LENT, fen(60_00)))
    for _ in range(3):
        work = close(work)
    day = work.day.on - timedelta(days=1)
    in_all = {each.kind: each.amount.minor for each in loan_book.brought_in_all(work.book.id, day)}
    parts = loan_book.brought(work.book.id, day, limit=2)
    while more := loan_book.brought(work.book.id, day, limit=100, after=parts[-1].loan_id):
        parts += more
    assert {kind: sum(each.minor for each in parts if each.kind == kind) for kind in in_all} == in_all
    assert {each.loan_id for each in parts if each.kind == "interest"} == set(lent)
    assert [each.loan_id for each in parts if each.kind == "discount"] == [lent[0]]
    posted = sql.rows(
        "SELECT a.code, sum(l.amount_minor)::bigint FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id JOIN ledger_entry e"
        " ON e.id = l.entry_id AND e.posted_on = l.posted_on WHERE e.book_id = %s AND e.kind = 'loan.brought' AND e.posted_on = %s GROUP BY 1",
        [work.book.id, day],
    )
    assert dict(posted)["interest_income"] == -in_all["interest"]
    assert dict(posted)["discount_income"] == -in_all["discount"]
    assert loan_book.brought_in_all(work.book.id, work.day.on) == []


def test_how_late_a_loan_is_is_kept_from_the_day_on_which_that_changed(ids: IdSource) -> None:
    work = new_book(ids, LENT)
    loan_id = lend(work, terms(late=t.LateTerms(fee=fen(20_00))))
    entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    while work.day.on < FEB + timedelta(days=33):
        work = close(work)
    entered(work, loan_id, e.Paid(work.day.on, fen(900_00)))
    found = sql.rows(
        'SELECT "on", late_since, bucket, principal_minor, penalties_minor FROM loans_lateness WHERE loan_id = %s ORDER BY 1', [loan_id]
    )
    first, second, third, fourth = found
    assert first[:3] == (FEB + timedelta(days=1), FEB, "M1")
    assert first[3] == 395_69
    assert second[:3] == (MAR + timedelta(days=1), FEB, "M1"), "another instalment is overdue"
    assert third[:3] == (FEB + timedelta(days=31), FEB, "M2")
    assert fourth == (work.day.on, None, "", 0, 0)
    kinds = [row[0] for row in sql.rows("SELECT type FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [loan_id])]
    assert [kind for kind in kinds if kind not in {"loan.agreed", "loan.disbursed", "loan.paid"}] == [
        "instalment.due",
        "loan.overdue",
        "instalment.due",
        "loan.bucket_changed",
        "loan.cured",
    ]
    seqs = [row[0] for row in sql.rows("SELECT seq FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [loan_id])]
    assert seqs == list(range(1, len(seqs) + 1)), "no gap in what is told of a loan"


def told_as_due(loan_id: UUID) -> list[tuple[str, str | None, int | None]]:
    """What was told of a loan in its order: kinds of events, of what fell due also the day and the amount; not how late it is, which is told of as
    it is found."""
    found = sql.rows(
        "SELECT type, snapshot->>'due_on', (snapshot->'amount'->>'minor')::bigint FROM runtime_outbox WHERE object_id = %s"
        " AND NOT type = ANY(%s) ORDER BY seq",
        [loan_id, ["loan.overdue", "loan.bucket_changed", "loan.cured"]],
    )
    return [row if row[0] == "instalment.due" else (row[0], None, None) for row in found]


def test_what_was_unpaid_when_its_day_ended_is_told_as_due_before_what_is_entered_of_it_the_next_day(ids: IdSource) -> None:
    work = new_book(ids, FEB - timedelta(days=1))
    paid_late, paid_early, paid_that_day, stays = (lend(work, terms()) for _ in range(4))
    for loan_id in (paid_late, paid_early, paid_that_day, stays):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    entered(work, paid_early, e.Paid(LENT, fen(500_00)))
    work = close(work)
    entered(work, paid_that_day, e.Paid(FEB, fen(500_00)))
    entered(work, stays, e.Paid(FEB, fen(1_00)))
    ended, work = rolled(work)
    for loan_id in (paid_late, paid_early, paid_that_day):
        entered(work, loan_id, e.Paid(work.day.on, fen(500_00)), e.ChargedEachInstalment(work.day.on, "cover", Rate(1_000)))
    assert enter(work, stays, e.Paid(LENT - timedelta(days=1), fen(1_00)))[0].code == "not_disbursed", "what is refused tells of nothing"
    assert [each.due for each in advance(ended, size=100)] == [1], "the close tells of the one that nobody touched since"
    entered(work, stays, e.Paid(work.day.on, fen(500_00)))
    close(work)
    now = [("loan.paid", None, None), ("loan.charged_each_instalment", None, None)]
    began = [("loan.agreed", None, None), ("loan.disbursed", None, None)]
    assert told_as_due(paid_late) == [*began, ("instalment.due", FEB.isoformat(), 407_92), *now]
    assert told_as_due(paid_early) == [*began, now[0], *now]
    assert told_as_due(paid_that_day) == [*began, now[0], *now]
    assert told_as_due(stays) == [*began, now[0], ("instalment.due", FEB.isoformat(), 406_92), now[0]]


@pytest.mark.parametrize("seed", range(max(LIVES // 100, 3)))
def test_what_is_told_of_a_loan_is_the_same_however_late_its_days_close(ids: IdSource, seed: int) -> None:
    random = Random(seed)
    agreed = [
        terms(
            first_due_on=LENT + timedelta(days=random.choice([3, 4])),
            frequency=t.Frequency.DAYS,
            every=random.choice([1, 2, 5]),
            annual_rate=Rate(random.choice([0, 235_900])),
            late=random.choice([t.LateTerms(), t.LateTerms(fee=fen(10_00), interest=Rate(180_000))]),
            waterfall=t.Waterfall(excess=random.choice(list(t.Excess))),
        )
        for _ in range(4)
    ]
    happens = [
        (
            n,
            [
                one(random, LENT + timedelta(days=n), [(LENT, e.Disbursed(LENT, agreed[i].principal))]) if random.random() < 0.25 else None
                for i in range(4)
            ],
        )
        for n in range(14)
    ]
    told: list[list[Any]] = []
    for waits in ([False] * 14, [random.random() < 0.6 for _ in range(14)]):
        work, waiting = new_book(ids, LENT), list[UnitOfWork]()
        lent = [lend(work, each) for each in agreed]
        for loan_id, each in zip(lent, agreed, strict=True):
            entered(work, loan_id, e.Disbursed(LENT, each.principal))
        for (_, facts), wait in zip(happens, waits, strict=True):
            for loan_id, fact in zip(lent, facts, strict=True):
                if fact is not None and not isinstance(fact, int):
                    enter(work, loan_id, fact)
            while waiting and not wait:
                advance(waiting.pop(0), size=2)
            ended, work = rolled(work)
            waiting.append(ended)
            if not any(waits):
                advance(waiting.pop())
        for ended in waiting:
            advance(ended, size=2)
        told.append([told_as_due(loan_id) for loan_id in lent])
    assert told[0] == told[1]
    assert any(kind == "instalment.due" for each in told[0] for kind, *_ in each)


def test_a_loan_that_raises_is_set_aside_and_tried_again_while_the_others_go_on(ids: IdSource, monkeypatch: pytest.MonkeyPatch) -> None:
    work = new_book(ids, LENT)
    good, bad = (lend(work, terms(principal=fen(minor))) for minor in (1200_00, 1300_00))
    for loan_id in (good, bad):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    real = closing.stretch_of

    def raises(opened: Work) -> Stretch:
        if opened.terms.principal.minor == 1300_00:
            raise RuntimeError("a rule that fails")
        return real(opened)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(closing, "stretch_of", raises)
        for _ in range(3):
            ended, work = rolled(work)
            assert sum(each.stuck for each in advance(ended)) == (1 if ended.day.on > LENT else 0)
    (aside,) = quarantine.waiting(book_id=work.book.id)
    assert (aside.command, aside.tries) == (closing.LOOK_AT, 2)
    assert "a rule that fails" in aside.error
    position = terms_position(work, good), terms_position(work, bad)
    assert position[0] > 0 == position[1], "one went on, the other stands where it was left"
    work = close(work)
    assert terms_position(work, bad) == terms_position(work, good), "what it had missed came with the next close"
    assert books_of(work)["loan_interest"] == 2 * terms_position(work, good)
    assert quarantine.waiting(book_id=work.book.id) == []


def test_a_loan_that_was_set_aside_is_tried_again_by_a_person_on_the_open_day(ids: IdSource, monkeypatch: pytest.MonkeyPatch) -> None:
    work = new_book(ids, LENT)
    loan_id = lend(work, terms())
    entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    work = close(work)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(closing, "overdue_of", lambda _: 1 // 0)
        work = close(work)
        with sql.transacting(), pytest.raises(ZeroDivisionError):
            closing.look_again(work=work, loan_ids=[loan_id])
    with sql.transacting():
        assert closing.look_again(work=work, loan_ids=[loan_id, work.book.id]) == [loan_id, None]
    assert books_of(work)["loan_interest"] == entries.position(*told(terms(), [e.Disbursed(LENT, fen(1200_00))]), work.day.on).loan_interest
    with sql.transacting():
        assert closing.look_again(work=work, loan_ids=[loan_id]) == [None]
    work = close(work)
    assert not sql.value("SELECT stuck FROM loans_stretch WHERE loan_id = %s", [loan_id])


def test_one_loan_whose_entry_the_ledger_refuses_is_set_aside_and_the_others_go_on(ids: IdSource) -> None:
    """A kept credit pays what falls due, which the loan posts by itself."""
    work = new_book(ids, FEB - timedelta(days=1))
    good, bad = (lend(work, terms(), product) for product in ("open", "shut"))
    for loan_id in (good, bad):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)), e.Paid(LENT, fen(500_00), excess=t.Excess.KEEP))
    work = close(work)
    shut = "UPDATE ledger_account SET closed_at = %s WHERE book_id = %s AND product = 'shut' AND code = 'loan_principal'"
    assert sql.run(shut, [work.now, work.book.id]) == 1
    ended, work = rolled(work)
    assert sum(each.stuck for each in advance(ended)) == 1
    (aside,) = quarantine.waiting(book_id=work.book.id)
    assert str(bad) in aside.request
    assert "account_closed" in aside.error
    assert books_of(work) == kept_positions(work), "of the one set aside nothing was posted and nothing written"
    assert credit_of(work, good) < credit_of(work, bad) == 500_00
    with sql.transacting(), pytest.raises(Exception, match="account_closed"):
        closing.look_again(work=work, loan_ids=[bad])
    work = close(work)
    (aside,) = quarantine.waiting(book_id=work.book.id)
    assert aside.tries == 2, "each close tries again"


def credit_of(work: UnitOfWork, loan_id: UUID) -> int:
    """What the close of the last day left of a kept credit."""
    with sql.transacting():
        return -keeping.lock(work.book.id, [loan_id])[loan_id].running.position.consumer_balance


def test_what_was_entered_of_loans_that_are_told_anew_is_read_once_a_chunk(ids: IdSource, monkeypatch: pytest.MonkeyPatch) -> None:
    work = new_book(ids, LENT)
    touched, waiting = [lend(work, terms()) for _ in range(4)], [lend(work, terms()) for _ in range(3)]
    for loan_id in touched + waiting:
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    for loan_id in waiting:
        entered(work, loan_id, e.InterestPaused(LENT + timedelta(days=2), LENT + timedelta(days=4)))
    work = close(work)
    ended, work = rolled(work)
    for loan_id in touched:
        entered(work, loan_id, e.Paid(work.day.on, fen(100_00)))
    read: list[list[UUID]] = []
    real = keeping.facts_written

    def counted(loan_ids: Sequence[UUID], *, until: date | None = None) -> dict[UUID, list[str]]:
        read.append(sorted(loan_ids))
        return real(loan_ids, until=until)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(keeping, "facts_written", counted)
        advance(ended, size=100)
    assert read == [sorted(touched), sorted(waiting)]


def test_who_is_late_is_found_without_reading_who_is_not(ids: IdSource) -> None:
    work = new_book(ids, FEB - timedelta(days=1))
    on_time, late = (lend(work, terms()) for _ in range(2))
    for loan_id in (on_time, late):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    entered(work, on_time, e.Paid(LENT, fen(500_00)))
    for _ in range(3):
        work = close(work)
    assert loans_late.late_people(work.book.id, "CNY", work.day.on) == [
        row[0] for row in sql.rows("SELECT consumer_id FROM loans_agreement WHERE id = %s", [late])
    ]
    asked: list[tuple[str, Any]] = []
    with mock.patch.object(loans_late.sql, "rows", lambda query, params: asked.append((query, params)) or []):
        loans_late.late_people(work.book.id, "CNY", work.day.on, after=late, limit=10)
    (query, params) = asked[-1]
    with sql.transacting():
        sql.run("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in sql.rows(f"EXPLAIN {query}", params))
    assert "loans_stretch_late" in plan, plan


def test_no_day_says_again_how_late_a_loan_is_that_was_touched_while_the_day_before_closed(ids: IdSource) -> None:
    work = new_book(ids, FEB - timedelta(days=1))
    on_time, late, cured = (lend(work, terms()) for _ in range(3))
    for loan_id in (on_time, late, cured):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    entered(work, on_time, e.Paid(LENT, fen(500_00)))
    for _ in range(2):
        work = close(work)
    ended, work = rolled(work)  # the first day on which something is overdue: nobody has said so yet
    for loan_id in (on_time, late):
        entered(work, loan_id, e.ChargedEachInstalment(work.day.on, "cover", Rate(1_000)))
    entered(work, cured, e.Paid(work.day.on, fen(500_00)))
    advance(ended)
    work = close(work)
    told_of = sql.rows('SELECT loan_id, "on", late_since IS NOT NULL FROM loans_lateness WHERE book_id = %s ORDER BY "on"', [work.book.id])
    said = {loan_id: [(on, is_late) for one, on, is_late in told_of if one == loan_id] for loan_id in (on_time, late, cured)}
    first = ended.day.on
    assert said == {on_time: [], late: [(first, True)], cured: [(first, True), (first + timedelta(days=1), False)]}


def test_a_payment_is_told_from_where_the_day_before_left_the_loan_whether_that_has_closed_or_not(ids: IdSource) -> None:
    work = new_book(ids, LENT)
    before, afterwards = (lend(work, terms(waterfall=t.Waterfall(excess=t.Excess.KEEP))) for _ in range(2))
    for loan_id in (before, afterwards):
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)), e.InterestPaused(FEB + timedelta(days=1), FEB + timedelta(days=3)))
        entered(work, loan_id, e.Paid(LENT, fen(100_00)))
    while work.day.on < FEB:
        work = close(work)
    ended, work = rolled(work)  # what was entered ahead comes true on it, by when kept credit has paid what falls due
    entered(work, before, e.Paid(work.day.on, fen(500_00)))
    advance(ended)
    entered(work, afterwards, e.Paid(work.day.on, fen(500_00)))
    told_of = sql.rows(
        "SELECT object_id, changed FROM runtime_outbox WHERE type = 'loan.paid' AND object_id = ANY(%s) ORDER BY seq",
        [[before, afterwards]],
    )
    changed = dict(told_of)
    assert changed[before] == changed[afterwards] != {}


def test_of_a_loan_that_the_close_could_not_look_at_how_late_it_is_is_said_from_when_it_was_touched(
    ids: IdSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = new_book(ids, FEB - timedelta(days=1))
    loan_id = lend(work, terms())
    entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    for _ in range(2):
        work = close(work)
    ended, work = rolled(work)
    entered(work, loan_id, e.ChargedEachInstalment(work.day.on, "cover", Rate(1_000)))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(closing, "stretch_of", lambda _: 1 // 0)
        assert sum(each.stuck for each in advance(ended)) == 1
    said = sql.rows('SELECT "on", late_since FROM loans_lateness WHERE loan_id = %s', [loan_id])
    assert said == [(work.day.on, FEB)]


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE loans_checkpoint SET state = '{\"format\": 1}' WHERE loan_id = %s",
        "UPDATE loans_checkpoint SET tally = '{\"nothing\": 1}' WHERE loan_id = %s",
        "UPDATE loans_stretch SET late_interest_minor = 9223372036854775807, late_since = since, bucket = 'M1' WHERE loan_id = %s",
    ],
)
def test_one_loan_that_cannot_be_read_holds_up_no_other(ids: IdSource, spoilt: str) -> None:
    work = new_book(ids, LENT)
    lent = [lend(work, terms()) for _ in range(3)]
    for loan_id in lent:
        entered(work, loan_id, e.Disbursed(LENT, fen(1200_00)))
    work = close(work)
    sql.run(spoilt, [lent[1]])
    ended, work = rolled(work)
    assert sum(each.stuck for each in advance(ended)) == 1
    assert terms_position(work, lent[0]) == terms_position(work, lent[2]) > 0


def terms_position(work: UnitOfWork, loan_id: UUID) -> int:
    """Interest that the last close counted for a loan."""
    with sql.transacting():
        one = keeping.lock(work.book.id, [loan_id])[loan_id].running
    yesterday = work.day.on - timedelta(days=1)
    if one.stuck:
        return one.position.loan_interest
    return entries.run_on(one.position, one.stretch, one.since.toordinal(), yesterday.toordinal()).loan_interest
