from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

import psycopg
import pytest

from yuefu.runtime import sql
from yuefu.runtime.batch import Batcher, Busy, HeldUp, Quarantined, TooMuch, in_halves
from yuefu.runtime.values import UnitOfWork


def store(work: UnitOfWork, calls: list[int]) -> Any:
    """Writes a quarantine row a number; a negative state is refused by a constraint, 13 raises in the pure part."""

    def act(numbers: Sequence[int]) -> list[int]:
        calls.append(len(numbers))
        with sql.transacting():
            for number in numbers:
                if number == 13:
                    raise KeyError("unlucky")
                state = "waiting" if number >= 0 else "nonsense"
                sql.run(
                    "INSERT INTO runtime_quarantine (id, book_id, command, request, error, recorded_at, state)"
                    " VALUES (%s, %s, 'c', %s, '', %s, %s)",
                    [work.ids.new(work.now), work.book.id, str(number), work.now, state],
                )
        return [number * 2 for number in numbers]

    return act


def stored(work: UnitOfWork) -> list[int]:
    return sorted(int(row[0]) for row in sql.rows("SELECT request FROM runtime_quarantine WHERE book_id = %s", [work.book.id]))


@pytest.mark.parametrize("culprit", [-1, 13])
def test_the_culprit_stands_alone_and_its_neighbours_are_carried_out_once(work: UnitOfWork, culprit: int) -> None:
    calls: list[int] = []
    found = in_halves([0, 1, 2, culprit, 4, 5, 6, 7], store(work, calls))
    assert isinstance(found[3], Quarantined)
    assert [o for o in found if not isinstance(o, Quarantined)] == [0, 2, 4, 8, 10, 12, 14]
    assert stored(work) == [0, 1, 2, 4, 5, 6, 7]
    assert calls == [8, 4, 2, 2, 1, 1, 4]


def test_a_sound_batch_is_one_transaction_and_an_empty_one_none(work: UnitOfWork) -> None:
    calls: list[int] = []
    assert in_halves([1, 2, 3], store(work, calls)) == [2, 4, 6]
    assert in_halves([], store(work, calls)) == []
    assert calls == [3]


def test_a_lock_time_out_is_tried_again_whole() -> None:
    calls = []

    def act(numbers: Sequence[int]) -> list[int]:
        calls.append(len(numbers))
        if len(calls) < 3:
            raise psycopg.errors.DeadlockDetected
        return list(numbers)

    assert in_halves([1, 2, 3, 4], act) == [1, 2, 3, 4]
    assert calls == [4, 4, 4]


def test_a_lock_that_stays_is_raised_not_quarantined() -> None:
    def act(numbers: Sequence[int]) -> list[int]:
        raise psycopg.errors.LockNotAvailable

    with pytest.raises(psycopg.errors.LockNotAvailable):
        in_halves([1, 2], act, retries=1)


def test_one_that_a_lock_holds_up_is_told_apart_from_its_neighbours_who_are_carried_out_once(work: UnitOfWork) -> None:
    calls: list[int] = []
    through = store(work, calls)

    def act(numbers: Sequence[int]) -> list[int]:
        if 5 in numbers:
            calls.append(-len(numbers))
            raise psycopg.errors.LockNotAvailable
        return list(through(numbers))

    with pytest.raises(HeldUp) as held:
        in_halves([0, 1, 13, 3, 4, 5, 6, 7], act)
    assert isinstance(held.value.outcomes[2], Quarantined)
    assert [o for o in held.value.outcomes if not isinstance(o, Quarantined)] == [0, 2, 6, 8, None, 12, 14]
    assert stored(work) == [0, 1, 3, 4, 6, 7]
    assert [size for size in calls if size < 0] == [-8, -4, -2, -1]  # each is waited for once


def test_an_outage_quarantines_nobody(work: UnitOfWork) -> None:
    calls: list[int] = []

    def act(numbers: Sequence[int]) -> list[int]:
        calls.append(len(numbers))
        with sql.transacting():
            sql.run("SELECT pg_terminate_backend(pg_backend_pid())")
        return list(numbers)

    with pytest.raises(psycopg.OperationalError):
        in_halves([1, 2, 3, 4], act)
    assert calls == [4]
    assert sql.value("SELECT 1") == 1


def test_a_connection_that_the_server_ended_is_replaced(work: UnitOfWork) -> None:
    with pytest.raises(psycopg.OperationalError):
        sql.run("SELECT pg_terminate_backend(pg_backend_pid())")
    assert sql.value("SELECT 1") == 1


def test_a_column_that_is_of_another_type_since_a_plan_was_made_puts_nobody_aside(work: UnitOfWork) -> None:
    def act(numbers: Sequence[int]) -> list[Any]:
        with sql.transacting(by_keys=True):
            return [sql.value("SELECT kept FROM changing WHERE id = %s", [number]) for number in numbers]

    def as_owner(*statements: str) -> None:
        with sql.owning():
            for statement in statements:
                sql.run(statement)

    as_owner(
        "CREATE TABLE changing (id integer, kept integer)", "INSERT INTO changing VALUES (1, 7)", "GRANT SELECT ON changing TO yuefu_writer"
    )
    try:
        assert in_halves([1], act) == [7]
        as_owner("ALTER TABLE changing ALTER COLUMN kept TYPE text")
        assert in_halves([1], act) == ["7"]
    finally:
        as_owner("DROP TABLE changing")


class Till:
    """Carries batches out one at a time, each when it is told to, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def act(self, lane: str, numbers: Sequence[int]) -> list[int]:
        self.batches.append((lane, list(numbers)))
        self.begun.release()
        assert self.go.acquire(timeout=10)
        return [number * 2 for number in numbers]

    def open(self) -> None:
        """Batches do not wait any more."""
        self.go.release(1_000)


@pytest.fixture
def till() -> Till:
    return Till()


Numbers = Batcher[str, int, int]


def sent(batcher: Numbers, number: int, *, lane: str = "a", tenant: str | None = None) -> Future[int]:
    answer: Future[int] = Future()
    batcher.submit(lane, number, answer, tenant=tenant)
    return answer


def test_concurrent_requests_are_gathered_and_each_gets_its_own_outcome(till: Till) -> None:
    batcher = Numbers(till.act, size=8)
    first = sent(batcher, 100)
    assert till.begun.acquire(timeout=10)
    rest = [sent(batcher, n) for n in range(12)]
    till.open()
    assert first.result(10) == 200
    assert [future.result(10) for future in rest] == [n * 2 for n in range(12)]
    batcher.stop()
    assert [len(numbers) for _, numbers in till.batches] == [1, 8, 4]


def test_a_lone_request_does_not_wait_for_company(till: Till) -> None:
    batcher = Numbers(till.act, linger_s=3_600)
    till.open()
    assert [sent(batcher, n).result(10) for n in (1, 2, 3)] == [2, 4, 6]
    batcher.stop()
    assert [len(numbers) for _, numbers in till.batches] == [1, 1, 1]


class Clock:
    """Stands still but while a batch is carried out, which takes as long as is said."""

    def __init__(self, till: Till, took: float) -> None:
        self.now, self._till, self._took = 0.0, till, took

    def act(self, lane: str, numbers: Sequence[int]) -> list[int]:
        outcomes = self._till.act(lane, numbers)
        self.now += self._took
        return outcomes


def test_the_next_batch_waits_for_nearly_all_who_were_just_answered(till: Till) -> None:
    clock = Clock(till, took=3_600)
    batcher = Numbers(clock.act, linger_s=3_600, clock=lambda: clock.now)
    sent(batcher, 100)
    assert till.begun.acquire(timeout=10)
    many = [sent(batcher, n) for n in range(16)]
    till.go.release(2)
    assert [future.result(10) for future in many] == [n * 2 for n in range(16)]
    assert till.begun.acquire(timeout=10)
    back = [sent(batcher, n) for n in range(13)]
    assert not till.begun.acquire(timeout=0.1)
    back.append(sent(batcher, 13))  # Seven eighths of sixteen.
    till.open()
    assert [future.result(10) for future in back] == [n * 2 for n in range(14)]
    batcher.stop()
    assert [len(numbers) for _, numbers in till.batches] == [1, 16, 14]


@pytest.mark.parametrize(("took", "linger_s"), [(0.01, 3_600), (3_600, 0.01)])
def test_who_waits_for_company_in_vain_goes_on_alone_after_as_long_as_a_batch_takes_and_no_longer_than_allowed(till: Till, took, linger_s):
    clock = Clock(till, took)
    began = monotonic()
    batcher = Numbers(clock.act, linger_s=linger_s, clock=lambda: clock.now + monotonic() - began)
    sent(batcher, 100)
    assert till.begun.acquire(timeout=10)
    many = [sent(batcher, n) for n in range(8)]
    till.open()
    assert [future.result(10) for future in many] == [n * 2 for n in range(8)]
    assert sent(batcher, 7).result(10) == 14
    batcher.stop()


def test_tenants_take_turns_so_a_flood_holds_nobody_up(till: Till) -> None:
    batcher = Numbers(till.act, size=4, linger_s=0)
    sent(batcher, 0, tenant="first")
    assert till.begun.acquire(timeout=10)
    for n in range(100, 110):
        sent(batcher, n, tenant="flood")
    for n in (1, 2):
        sent(batcher, n, tenant="small")
    sent(batcher, 3, tenant="third")
    till.open()
    batcher.stop()
    assert [numbers for _, numbers in till.batches] == [[0], [100, 1, 3, 101], [2, 102, 103, 104], [105, 106, 107, 108], [109]]


def test_lanes_take_turns_and_one_has_a_batch_at_a_time(till: Till) -> None:
    batcher = Numbers(till.act, size=2, threads=3, linger_s=0)
    sent(batcher, 1, lane="a")
    assert till.begun.acquire(timeout=10)
    for n in (2, 3, 4):
        sent(batcher, n, lane="a")
    sent(batcher, 5, lane="b")
    assert till.begun.acquire(timeout=10)
    assert till.batches == [("a", [1]), ("b", [5])]  # a third thread is free, and does not begin the next batch of a
    till.open()
    batcher.stop()
    assert till.batches[2:] == [("a", [2, 3]), ("a", [4])]


def test_a_full_queue_says_busy_at_once_and_stop_finishes_what_waits(till: Till) -> None:
    batcher = Numbers(till.act, size=1, waiting=2)
    first = sent(batcher, 1)
    assert till.begun.acquire(timeout=10)
    waiting = [sent(batcher, n) for n in (2, 3)]
    assert batcher.waiting == 2
    with pytest.raises(Busy) as busy:
        sent(batcher, 4)
    assert busy.value.retry_after_s > 0
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(batcher.stop)
        till.open()
        stopping.result(10)
    assert [first.result(10), *(future.result(10) for future in waiting)] == [2, 4, 6]
    with pytest.raises(Busy):
        sent(batcher, 5)
    assert [numbers for _, numbers in till.batches] == [[1], [2], [3]]


def test_a_tenant_with_its_share_waiting_is_turned_away_and_others_are_not(till: Till) -> None:
    batcher = Numbers(till.act, waiting=10, share=2)
    sent(batcher, 0, tenant="flood")
    assert till.begun.acquire(timeout=10)
    kept = [sent(batcher, n, tenant="flood", lane=lane) for n, lane in ((1, "a"), (2, "b"))]
    with pytest.raises(TooMuch):
        sent(batcher, 3, tenant="flood")
    other = sent(batcher, 4, tenant="small")
    till.open()
    assert [*(future.result(10) for future in kept), other.result(10)] == [2, 4, 8]
    assert sent(batcher, 5, tenant="flood").result(10) == 10
    batcher.stop()


def test_what_was_given_up_before_it_began_is_dropped_and_what_began_is_carried_out(till: Till) -> None:
    batcher = Numbers(till.act)
    begun = sent(batcher, 1)
    assert till.begun.acquire(timeout=10)
    dropped, kept = sent(batcher, 2), sent(batcher, 3)
    assert dropped.cancel()
    assert begun.cancel()
    till.open()
    assert kept.result(10) == 6
    batcher.stop()
    assert [numbers for _, numbers in till.batches] == [[1], [3]]


def test_an_exception_reaches_every_caller_and_the_batcher_goes_on() -> None:
    def act(lane: str, numbers: Sequence[int]) -> list[int]:
        if 1 in numbers:
            raise ValueError("bad one")
        return list(numbers)

    batcher = Numbers(act)
    with pytest.raises(ValueError, match="bad one"):
        sent(batcher, 1).result(10)
    assert sent(batcher, 2).result(10) == 2
    batcher.stop()


def test_an_act_that_loses_an_outcome_is_a_bug_that_every_caller_sees() -> None:
    batcher = Numbers(lambda lane, numbers: [])
    with pytest.raises(AssertionError):
        sent(batcher, 1).result(10)
    batcher.stop()


def test_the_answers_of_a_batch_are_handed_over_together(till: Till) -> None:
    handed: list[int] = []

    def hand_over(step: Callable[[], None]) -> None:
        handed.append(1)
        step()

    batcher = Numbers(till.act, hand_over=hand_over)
    sent(batcher, 1)
    assert till.begun.acquire(timeout=10)
    rest = [sent(batcher, n) for n in (2, 3, 4)]
    till.open()
    assert [future.result(10) for future in rest] == [4, 6, 8]
    batcher.stop()
    assert len(handed) == 2
