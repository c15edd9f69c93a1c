from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from yuefu.runtime import sql
from yuefu.runtime.batch import Batcher, Busy, Quarantined, in_halves
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


def test_concurrent_requests_are_gathered_and_each_gets_its_own_outcome() -> None:
    sizes: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def act(numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        begun.set()
        assert go.wait(10)
        return [number * 2 for number in numbers]

    batcher = Batcher(act, size=8)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(batcher.submit, 100)
        assert begun.wait(10)
        rest = [pool.submit(batcher.submit, n) for n in range(12)]
        while len(batcher._queue) < 12:
            threading.Event().wait(0.005)
        go.set()
        assert first.result(10) == 200
        assert [future.result(10) for future in rest] == [n * 2 for n in range(12)]
    batcher.stop()
    assert sizes == [1, 8, 4]


def test_a_full_queue_says_busy_at_once_and_stop_finishes_what_waits() -> None:
    begun, go = threading.Event(), threading.Event()

    def act(numbers: Sequence[int]) -> list[int]:
        begun.set()
        assert go.wait(10)
        return list(numbers)

    batcher = Batcher(act, size=1, waiting=2)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.submit, 1)
        assert begun.wait(10)
        waiting = [pool.submit(batcher.submit, n) for n in (2, 3)]
        while len(batcher._queue) < 2:
            threading.Event().wait(0.005)
        with pytest.raises(Busy) as busy:
            batcher.submit(4)
        assert busy.value.retry_after_s > 0
        stopping = pool.submit(batcher.stop)
        go.set()
        stopping.result(10)
        assert [first.result(10), *(future.result(10) for future in waiting)] == [1, 2, 3]
    with pytest.raises(Busy):
        batcher.submit(5)


def test_an_exception_reaches_every_caller_and_the_batcher_goes_on() -> None:
    def act(numbers: Sequence[int]) -> list[int]:
        if 1 in numbers:
            raise ValueError("bad one")
        return list(numbers)

    batcher = Batcher(act)
    with pytest.raises(ValueError, match="bad one"):
        batcher.submit(1)
    assert batcher.submit(2) == 2
    batcher.stop()


def test_an_act_that_loses_an_outcome_is_a_bug_that_every_caller_sees() -> None:
    batcher: Batcher[int, int] = Batcher(lambda numbers: [])
    with pytest.raises(AssertionError):
        batcher.submit(1)
    batcher.stop()
