"""The close of days for loans of any product: by several workers, days that were missed, a loan that breaks, and what is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections

from tests.cli.conftest import Command, raw
from tests.conftest import SHANGHAI
from tests.plans.lifecycle.small_loans import fen
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ids import parse as id_of
from yuefu.journeys import close_of_day
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.jobs import desk_of
from yuefu.ledger import queries as ledger
from yuefu.loans import entries
from yuefu.loans.commands import closing, living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.rules import Party
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.stretches import stretch_of
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.plans.lifecycle.work import Work
from yuefu.proofs.close_book import post_money
from yuefu.runtime import books, days, quarantine, runs, sql
from yuefu.runtime.values import Book

__all__ = ["raw"]

FIRST = date(2026, 10, 1)
LOST = 777_00
"""The principal of a loan that breaks, by which the fault in the rules knows it."""


@dataclass
class Lender:
    """Lends and closes days; what happened is kept beside, to be told anew from nothing."""

    desk: Desk
    on: date = FIRST
    terms: dict[UUID, LoanTerms] = field(default_factory=dict)
    happened: dict[UUID, list[Event]] = field(default_factory=dict)

    @property
    def book_id(self) -> UUID:
        return self.desk.book.id

    def now(self, hour: int = 1) -> datetime:
        return datetime.combine(self.on, time(hour), SHANGHAI)

    def agreed(self, *, principal: int = 1200_00, **given: Any) -> UUID:
        """A loan that is agreed and not lent yet: at 12 % in 3 months, with a late fee."""
        loan_id, consumer_id = self.desk.ids.many(self.now(), 2)
        usual: dict[str, Any] = {"periods": 3, "annual_rate": Rate(120_000), "disbursed_on": self.on, "late": t.LateTerms(fee=fen(10_00))}
        agreed = LoanTerms(principal=fen(principal), **usual | given)
        party = Party(loan_id, None, None, consumer_id, None, self.book_id, "flex", "CNY", "elsewhere")
        with open_day(self.desk, self.now()) as work:
            assert not isinstance(work, Refused)
            assert living.agree(work=work, agreements=[(party, agreed)]) == [None]
        self.terms[loan_id], self.happened[loan_id] = agreed, []
        return loan_id

    def lent(self, *, principal: int = 1200_00, **given: Any) -> UUID:
        loan_id = self.agreed(principal=principal, **given)
        self.entered(loan_id, e.Disbursed(self.terms[loan_id].disbursed_on, fen(principal)))
        return loan_id

    def enter(self, loan_id: UUID, entry: Event | Undone) -> Entered | Refused:
        """Enters something on the open day, with the money of it at the bank."""
        with open_day(self.desk, self.now()) as work:
            assert not isinstance(work, Refused)
            (outcome,) = living.enter(work=work, facts=[NewFact(uuid4(), loan_id, entry)])
            if isinstance(outcome, Entered):
                post_money(work, f"test:{secrets.token_hex(8)}", [entry])
        return outcome

    def entered(self, loan_id: UUID, event: Event) -> None:
        outcome = self.enter(loan_id, event)
        assert isinstance(outcome, Entered), outcome
        self.happened[loan_id].append(event)

    def refused(self, loan_id: UUID, event: Event) -> str:
        """Why something cannot be; it leaves no trace."""
        before = self.stands()
        outcome = self.enter(loan_id, event)
        assert isinstance(outcome, Refused), outcome
        assert self.stands() == before
        return outcome.code

    def stands(self) -> tuple[int, int]:
        facts: int = sql.value("SELECT count(*) FROM loans_fact WHERE book_id = %s", [self.book_id])
        return facts, ledger.entries_posted(self.book_id)

    def days_pass(self, count: int = 1) -> None:
        """The clock moves on; nobody closes anything."""
        self.on += timedelta(days=count)
        with sql.transacting():
            moved = books.move_clock(book=self.desk.book, to=self.now())
        assert isinstance(moved, Book)
        self.desk = replace(self.desk, book=moved)

    def close(self, on: date | None = None, **given: Any) -> Closed | Refused:
        return close_of_day.close_day(desk=self.desk, now=self.now(), on=on, **given)

    def closed(self, on: date | None = None, **given: Any) -> Closed:
        closed = self.close(on, **given)
        assert isinstance(closed, Closed), closed
        return closed

    def check(self, on: date, *, but: UUID | None = None) -> None:
        """The books by the end of a day are what the loans say by themselves, but for one."""
        sums = dict.fromkeys(Position.__slots__, 0)
        for loan_id, terms in self.terms.items():
            position = entries.position(*told(terms, [one for one in self.happened[loan_id] if one.on <= on]), on)
            for name in sums:
                sums[name] += getattr(position, name) if loan_id != but else 0
        assert self.books(on, but=but) == {name: minor for name, minor in sums.items() if minor and not name.endswith("_clearing")}

    def books(self, on: date, *, but: UUID | None = None) -> dict[str, int]:
        found: dict[str, int] = {}
        for (code, *_), minor in ledger.totals(self.book_id, list(Position.__slots__), posted_until=on).items():
            found[code] = found.get(code, 0) + minor
        if but:
            for code, minor in sql.rows(
                "SELECT a.code, sum(l.amount_minor)::bigint FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
                " WHERE l.loan_id = %s AND l.posted_on <= %s GROUP BY a.code",
                [but, on],
            ):
                found[code] = found.get(code, 0) - minor
        return {code: minor for code, minor in found.items() if minor and not (but and code.endswith("_clearing"))}


@pytest.fixture
def lender(book: Book) -> Lender:
    return Lender(desk_of(book, "test"))


def chunks(run_id: UUID) -> tuple[int, int]:
    return runs.chunks_done(run_id=run_id, name="advance")


# --- by several workers ---


def test_two_processes_share_the_loans_of_a_day_and_bring_each_of_them_once(lender: Lender) -> None:
    loans = [lender.lent(principal=1000_00 + n, disbursed_on=FIRST - timedelta(days=31 + n % 3)) for n in range(14)]
    lender.days_pass()
    lender.closed()
    lender.entered(loans[3], e.Paid(lender.on, fen(100_00)))
    lender.days_pass()
    heard: list[tuple[str, int, int]] = []
    closed = lender.closed(workers=2, loans_a_chunk=2, tell=lambda *told: heard.append(told))
    assert chunks(closed.run_id) == (8, 8)
    assert heard[-1][0] == "advance"
    assert heard[-1][2] == 8
    lender.check(closed.on)
    assert [step.detail for step in runs.steps(closed.run_id) if step.name == "advance"] == [{"loans": 14, "stuck": 0}]


def test_several_chunks_in_one_process_are_what_one_chunk_is(lender: Lender) -> None:
    for n in range(9):
        lender.lent(principal=1000_00 + n, disbursed_on=FIRST - timedelta(days=31 + n % 3))
    for size in (1, 4, 100):
        lender.days_pass()
        closed = lender.closed(loans_a_chunk=size)
        assert chunks(closed.run_id)[1] == 9 // size + 1
        lender.check(closed.on)


def test_by_the_command_line_missed_days_close_with_several_workers_and_each_tells_what_it_brought(lender: Lender, raw: Command) -> None:
    loans = [lender.lent(principal=1000_00 + n, disbursed_on=FIRST) for n in range(3)]
    lender.days_pass(3)
    own = ("--book", lender.desk.book.code, "--json")
    closed = raw("close-day", "--all", "--workers", "2", *own)
    assert closed.status == 0, closed.out
    assert [one["on"] for one in closed.last["closed"]] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    (in_all,) = raw("loan", "brought", "2026-10-03", *own).last["brought"]
    assert (in_all["product"], in_all["kind"], in_all["loans"]) == ("flex", "interest", 3)
    parts, after = [], ()
    while page := raw("loan", "brought", "2026-10-03", "--portfolio", str(in_all["portfolio"]), "--limit", "2", *after, *own).last[
        "brought"
    ]:
        parts += page
        after = ("--after", page[-1]["loan"])
    assert [id_of("loan", one["loan"]) for one in parts] == sorted(loans)
    assert sum(one["minor"] for one in parts) == in_all["amount"]["minor"] > 0
    assert "Nothing was brought on 2026-10-09." in raw("loan", "brought", "2026-10-09", "--book", lender.desk.book.code).out
    assert raw("close-day", "--all", *own).last["closed"] == []
    assert raw("close-day", "2026-10-02", "--all", *own).code == "day_invalid"
    assert raw("close-day", "--workers", "0", *own).status == 2


def test_a_loan_that_was_touched_since_is_counted_once_among_the_loans_of_a_day(lender: Lender) -> None:
    """It has a stretch of the day that closes and another of today."""
    loans = [lender.lent(principal=1000_00 + n, disbursed_on=FIRST - timedelta(days=31)) for n in range(3)]
    lender.days_pass(2)
    for _ in range(2):
        assert close_of_day.roll_over(desk=lender.desk, now=lender.now()) is None
    for loan_id in loans:
        lender.entered(loan_id, e.Paid(lender.on, fen(10_00)))
    closed = lender.closed(loans_a_chunk=1)
    assert chunks(closed.run_id) == (4, 4)
    lender.check(closed.on)


def test_a_chunk_that_another_worker_leaves_undone_is_done_by_who_waited_for_it(
    lender: Lender, monkeypatch: pytest.MonkeyPatch, as_role: Callable[[str], psycopg.Connection[Any]]
) -> None:
    for n in range(4):
        lender.lent(principal=1000_00 + n)
    lender.days_pass()
    with monkeypatch.context() as broken:
        broken.setattr(closing, "advance", lambda **given: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            lender.close(loans_a_chunk=2)
    (run_id,) = sql.rows("SELECT id FROM runtime_run WHERE book_id = %s", [lender.book_id])[0]
    other = as_role("default")
    other.execute("SELECT FROM runtime_run_chunk WHERE run_id = %s AND no = 2 FOR NO KEY UPDATE", [run_id])
    pid = other.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        closing_it = pool.submit(closed_and_let_go, lender)
        while not sql.value("SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [pid]):
            assert not closing_it.done(), closing_it.result()
            sleep(0.02)
        assert chunks(run_id)[0] == chunks(run_id)[1] - 1
        other.rollback()
        assert isinstance(closing_it.result(timeout=60), Closed)
    assert chunks(run_id)[0] == chunks(run_id)[1]
    lender.check(FIRST)


def closed_and_let_go(lender: Lender) -> Closed | Refused:
    try:
        return lender.close()
    finally:
        connections.close_all()


# --- days that were missed ---


def test_three_missed_days_are_closed_one_after_the_other_each_with_its_own_interest(lender: Lender) -> None:
    late = lender.lent(disbursed_on=date(2026, 9, 2))  # due on the 2nd, which is one of the days
    lender.lent(principal=3000_00)
    lender.entered(late, e.InterestPaused(date(2026, 10, 3), date(2026, 10, 3)))
    lender.days_pass(3)
    told: list[date] = []
    closed = close_of_day.close_days(desk=lender.desk, now=lender.now(), closed=lambda one: told.append(one.on))
    assert not isinstance(closed, Refused), closed
    assert [one.on for one in closed] == told == [FIRST, date(2026, 10, 2), date(2026, 10, 3)]
    for one in closed:
        lender.check(one.on)
    assert close_of_day.close_days(desk=lender.desk, now=lender.now()) == []


def test_what_is_paid_while_missed_days_wait_is_of_the_open_day_and_the_loan_is_not_late_for_ever(lender: Lender) -> None:
    """The payment comes before the close comes to the day on which the loan fell behind."""
    loan_id = lender.lent(disbursed_on=date(2026, 9, 2))
    lender.days_pass()
    lender.closed()
    lender.days_pass(2)
    for _ in range(2):
        assert close_of_day.roll_over(desk=lender.desk, now=lender.now()) is None
    lender.entered(loan_id, e.Paid(lender.on, fen(1200_00)))
    for on in (date(2026, 10, 2), date(2026, 10, 3)):
        assert lender.closed().on == on
        lender.check(on)
    since = sql.rows('SELECT "on", late_since FROM loans_lateness WHERE loan_id = %s ORDER BY "on"', [loan_id])
    assert since[0] == (date(2026, 10, 3), date(2026, 10, 2))
    assert since[-1] == (lender.on, None)


def test_a_credit_that_a_later_missed_day_uses_holds_up_no_earlier_one(lender: Lender) -> None:
    """The loan was touched on the open day, so it says what the credit paid before the close of that day has posted it."""
    loan_id = lender.lent(disbursed_on=date(2026, 9, 3), waterfall=t.Waterfall(excess=t.Excess.KEEP))
    lender.entered(loan_id, e.Paid(FIRST, fen(100_00)))
    lender.days_pass(3)
    for _ in range(3):
        assert close_of_day.roll_over(desk=lender.desk, now=lender.now()) is None
    lender.entered(loan_id, e.Charged(lender.on, "post", t.Part.FEE, fen(1_00), lender.on + timedelta(days=9)))
    for on in (FIRST, date(2026, 10, 2), date(2026, 10, 3)):
        assert lender.closed().on == on
        lender.check(on)
    assert lender.books(date(2026, 10, 2))["consumer_balance"] == -100_00
    assert "consumer_balance" not in lender.books(date(2026, 10, 3))


# --- a loan that breaks ---


def breaking(rule: Callable[[Work], Any]) -> Callable[[Work], Any]:
    def act(work: Work) -> Any:
        if work.terms.principal.minor == LOST:
            raise ZeroDivisionError("a fault in the rules")
        return rule(work)

    return act


def test_a_loan_that_breaks_is_set_aside_while_the_others_go_on_and_is_tried_again(
    lender: Lender, raw: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lender.lent(principal=LOST, disbursed_on=date(2026, 9, 2))
    for n in range(4):
        lender.lent(principal=1000_00 + n, disbursed_on=date(2026, 9, 2))
    own = ("--book", lender.desk.book.code, "--json")
    lender.days_pass()
    lender.closed()
    with monkeypatch.context() as broken:
        broken.setattr(closing, "stretch_of", breaking(stretch_of))
        lender.days_pass()
        closed = lender.closed(loans_a_chunk=2)
        assert [step.detail for step in runs.steps(closed.run_id) if step.name == "advance"] == [{"loans": 5, "stuck": 1}]
        lender.check(closed.on, but=lost)
        (aside,) = raw("quarantine", "list", *own).last["requests"]
        assert (aside["command"], aside["tries"]) == ("loan.look_at", 1)
        assert "a fault in the rules" in aside["error"]
        assert raw("quarantine", "show", aside["quarantine"], *own).last["request"] == str(lost)
        lender.days_pass()
        closed = lender.closed()
        lender.check(closed.on, but=lost)
        answer = raw("quarantine", "retry", aside["quarantine"], *own)
        assert (answer.status, answer.code) == (1, "quarantined")
        assert raw("quarantine", "show", aside["quarantine"], *own).last["tries"] >= 2
    lender.days_pass()
    closed = lender.closed()  # mended: the close itself goes on with it, whatever it missed
    lender.check(closed.on)
    assert raw("quarantine", "show", aside["quarantine"], *own).last["state"] == "retried", "which deals with it"
    assert quarantine.waiting(book_id=lender.book_id) == []


def test_a_loan_that_was_set_aside_goes_on_when_it_is_tried_again_by_hand(
    lender: Lender, raw: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, _ = lender.lent(principal=LOST, disbursed_on=date(2026, 9, 2)), lender.lent()
    own = ("--book", lender.desk.book.code, "--json")
    lender.days_pass()
    lender.closed()
    with monkeypatch.context() as broken:
        broken.setattr(closing, "stretch_of", breaking(stretch_of))
        lender.days_pass()
        lender.closed()
    (aside,) = raw("quarantine", "list", *own).last["requests"]
    done = raw("quarantine", "retry", aside["quarantine"], *own)
    assert (done.status, done.last["state"], done.last["outcome"]["value"]) == (0, "retried", str(lost))
    assert raw("quarantine", "list", *own).last["requests"] == []
    lender.days_pass()
    closed = lender.closed()
    lender.check(closed.on)


# --- what is refused ---


def test_a_future_day_an_open_day_and_one_after_a_gap_are_refused_and_a_closed_one_is_closed_again(lender: Lender) -> None:
    lender.lent()
    for on, code in ((date(2026, 12, 24), "unknown_day"), (FIRST, "before_cut_off"), (None, "before_cut_off")):
        refused = lender.close(on)
        assert isinstance(refused, Refused)
        assert refused.code == code
    lender.days_pass(2)
    for _ in range(2):
        assert close_of_day.roll_over(desk=lender.desk, now=lender.now()) is None
    gap = lender.close(date(2026, 10, 2))
    assert isinstance(gap, Refused)
    assert (gap.code, str(FIRST) in gap.detail) == ("earlier_day_not_closed", True)
    first, before = lender.closed(), lender.stands()
    again = lender.closed(FIRST)
    assert (first.again, again.again, again.proofs) == (False, True, first.proofs)
    assert lender.stands() == before
    assert lender.closed().on == date(2026, 10, 2)


def test_what_cannot_be_of_a_loan_is_refused_and_changes_nothing(lender: Lender, ids: IdSource) -> None:
    waits, lent = lender.agreed(), lender.lent(disbursed_on=date(2026, 9, 10))
    assert lender.refused(waits, e.Paid(FIRST, fen(1_00))) == "not_disbursed"
    assert lender.refused(lent, e.Paid(date(2026, 9, 9), fen(1_00))) == "not_disbursed"
    assert lender.refused(lent, e.Paid(FIRST + timedelta(days=1), fen(1_00))) == "future_dated"
    assert lender.refused(ids.new(lender.now()), e.Paid(FIRST, fen(1_00))) == "unknown_loan"
    ended = lender.lent()
    lender.entered(ended, e.PaidOff(FIRST))
    assert lender.refused(ended, e.PaidOff(FIRST)) == "nothing_owed"
    lost = lender.lent()
    lender.entered(lost, e.WrittenOff(FIRST))
    assert lender.refused(lost, e.Paid(FIRST, fen(1_00))) == "loan_written_off"


def test_what_is_paid_for_a_loan_that_has_ended_is_kept_for_its_consumer_and_the_day_closes(lender: Lender) -> None:
    ended = lender.lent()
    lender.entered(ended, e.Paid(FIRST, fen(1200_00)))
    lender.entered(ended, e.Paid(FIRST, fen(1_00)))
    lender.days_pass()
    closed = lender.closed()
    lender.check(closed.on)
    assert lender.books(closed.on)["consumer_balance"] == -1_00


def test_a_loan_of_another_book_is_unknown_whoever_pays(lender: Lender, book: Book, ids: IdSource) -> None:
    loan_id = lender.lent()
    with sql.transacting():
        other = books.create(
            code=f"test-{secrets.token_hex(6)}", legal_entity="Another", mode="test", now=lender.now(), ids=ids, clock_at=lender.now()
        )
        days.open_first(book=other, on=FIRST, now=lender.now())
    stranger = Lender(desk_of(other, "test"))
    assert stranger.refused(loan_id, e.Paid(FIRST, fen(1_00))) == "unknown_loan"
    assert len(keeping.facts([loan_id])[loan_id]) == 1
