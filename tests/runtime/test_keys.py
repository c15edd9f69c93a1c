from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections

from yuefu.errors import Refused
from yuefu.runtime import keys, sql
from yuefu.runtime.values import Actor, UnitOfWork


@dataclass(frozen=True, slots=True)
class Ask:
    key: str
    amount: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True)
class Followed(Ask):
    """What it was before, and something that follows from it."""

    since: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Done:
    object_id: UUID


def act(work: UnitOfWork, asks: Sequence[Ask], *, scope: Any = "test", ids: Sequence[UUID] | None = None) -> list[Any]:
    """Carries out every request of at most 100; larger ones are declined."""
    made = list(ids or [uuid4() for _ in asks])

    def decide(fresh: list[int]) -> dict[int, Done | Refused]:
        return {i: Done(made[i]) if asks[i].amount <= 100 else Refused("declined", "too much", "amount") for i in fresh}

    return keys.answer(
        work=work, scope=scope, requests=asks, object_ids=made, decide=decide, recall=lambda known: {i: Done(i) for i in known}
    )


def commit(work: UnitOfWork, asks: Sequence[Ask], **rest: Any) -> list[Any]:
    with sql.transacting():
        return act(work, asks, **rest)


def background(submit: Any) -> Future[Any]:
    def run() -> Any:
        try:
            return submit()
        finally:
            connections.close_all()

    return ThreadPoolExecutor(1).submit(run)


def test_the_same_request_again_has_the_first_outcome(work: UnitOfWork) -> None:
    first = commit(work, [Ask("a"), Ask("b")])
    assert commit(work, [Ask("b"), Ask("a")]) == first[::-1]


def test_other_content_is_refused_and_the_first_differing_field_named(work: UnitOfWork) -> None:
    commit(work, [Ask("a", 1, "x")])
    (outcome,) = commit(work, [Ask("a", 2, "y")])
    assert (outcome.code, outcome.field) == ("key_reused", "amount")
    (outcome,) = commit(work, [Ask("a", 1, "y")])
    assert (outcome.code, outcome.field) == ("key_reused", "note")


def test_a_field_that_follows_from_the_others_is_no_content(work: UnitOfWork) -> None:
    (first,) = commit(work, [Ask("a", 1, "x")])
    assert commit(work, [Followed("a", 1, "x", "later"), Followed("b", 1, "x", "y")])[0] == first
    assert keys.fingerprint(Followed("a", 1, "x", "y")) == keys.fingerprint(Ask("a", 1, "x"))


def test_twins_inside_a_batch_share_one_outcome(work: UnitOfWork) -> None:
    first, twin, other = commit(work, [Ask("a"), Ask("a"), Ask("a", 2)])
    assert first == twin
    assert (other.code, other.field) == ("key_reused", "amount")


def test_a_known_request_is_known_behind_a_conflicting_one_of_the_same_batch(work: UnitOfWork) -> None:
    (first,) = commit(work, [Ask("a", 1)])
    wrong, right = commit(work, [Ask("a", 2), Ask("a", 1)])
    assert (wrong.code, right) == ("key_reused", first)


def test_a_decline_is_sticky_and_its_twins_are_declined_too(work: UnitOfWork) -> None:
    first, twin = commit(work, [Ask("a", 101), Ask("a", 101)])
    assert first == twin == Refused("declined", "too much", "amount")
    assert commit(work, [Ask("a", 101)]) == [first]


@dataclass(frozen=True, slots=True)
class SentBy(Ask):
    by: Actor | None = field(default=None, compare=False)


def sent_by(request_id: str, key: str, amount: int = 1) -> SentBy:
    return SentBy(key, amount, by=Actor("api_key", "key_1", None, request_id))


@pytest.mark.parametrize("amount", [1, 101])
def test_whoever_asks_again_is_told_of_the_request_that_was_first(work: UnitOfWork, amount: int) -> None:
    commit(work, [sent_by("req_1", "a", amount), sent_by("req_2", "b"), sent_by("req_3", "b")])
    assert work.again == {"req_3": "req_2"}
    commit(work, [sent_by("req_4", "a", amount), sent_by("req_5", "a", amount + 1), sent_by("req_6", "c")])
    assert work.again == {"req_3": "req_2", "req_4": "req_1"}


def test_a_seeded_source_that_repeats_its_ids_does_not_make_a_known_key_fresh(work: UnitOfWork) -> None:
    made = [uuid4()]
    commit(work, [Ask("a", 101)], ids=made)
    with sql.transacting():
        claimed = keys.claim(work=work, scope="test", requests=[Ask("a", 101)], object_ids=made)
    assert claimed.fresh == []
    assert claimed.known[0].refused is not None


@pytest.mark.parametrize("beside", [[], [Ask("other")], [Ask("other"), Ask("more")]], ids=["alone", "with one", "with two"])
@pytest.mark.parametrize("same_object", [True, False])
def test_what_a_transaction_has_claimed_is_known_to_it(work: UnitOfWork, beside: list[Ask], same_object: bool) -> None:
    first, later = uuid4(), [uuid4() for _ in beside]
    with sql.transacting():
        assert act(work, [Ask("k")], ids=[first]) == [Done(first)]
        again = act(work, [Ask("k"), *beside], ids=[first if same_object else uuid4(), *later])
        assert again == [Done(first), *map(Done, later)]
        assert act(work, [*beside, Ask("k"), Ask("last")], ids=[uuid4() for _ in range(len(beside) + 2)])[:-1] == [
            *map(Done, later),
            Done(first),
        ]


def test_what_was_claimed_in_a_rehearsal_is_fresh_when_it_is_meant(work: UnitOfWork) -> None:
    first = uuid4()
    commit(work, [Ask("known")], ids=[first])
    with sql.transacting():
        with sql.undone():
            act(work, [Ask("known"), Ask("k")])
        new = uuid4()
        assert act(work, [Ask("known"), Ask("k")], ids=[uuid4(), new]) == [Done(first), Done(new)]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\x00b", "\ud800"])
def test_a_key_that_cannot_be_kept_is_refused_and_disturbs_nobody(work: UnitOfWork, key: str) -> None:
    bad, good = commit(work, [Ask(key), Ask("good")])
    assert bad.code == "key_invalid"
    assert isinstance(good, Done)


def test_a_longest_key_is_kept(work: UnitOfWork) -> None:
    assert commit(work, [Ask("键" * 255)]) == commit(work, [Ask("键" * 255)])


def test_keys_of_another_scope_or_book_do_not_collide(work: UnitOfWork) -> None:
    from yuefu.runtime import books

    (one,) = commit(work, [Ask("a")])
    (other,) = commit(work, [Ask("a", 2)], scope="elsewhere")
    with sql.transacting():
        book = books.create(code=f"k-{uuid4().hex}", legal_entity="K", mode="test", now=work.now, ids=work.ids)
    (third,) = commit(replace(work, book=book), [Ask("a", 3)])
    assert len({one.object_id, other.object_id, third.object_id}) == 3
    pair = commit(work, [Ask("b", 1), Ask("b", 2)], scope=["left", "right"])
    assert all(isinstance(outcome, Done) for outcome in pair)


def test_what_validation_refuses_is_not_remembered(work: UnitOfWork) -> None:
    asks = [Ask("a"), Ask("a\x00"), Ask("b")]

    def validate(new: list[int]) -> dict[int, Refused]:
        return {i: Refused("mend_it") for i in new if asks[i].key == "a"}

    made = [uuid4() for _ in asks]
    with sql.transacting():
        found = keys.answer(
            work=work,
            scope="test",
            requests=asks,
            object_ids=made,
            decide=lambda fresh: {i: Done(made[i]) for i in fresh},
            recall=dict,
            validate=validate,
        )
    assert [getattr(o, "code", "done") for o in found] == ["mend_it", "key_invalid", "done"]
    assert isinstance(commit(work, [Ask("a", 7)])[0], Done)


@pytest.mark.parametrize("first_commits", [True, False])
def test_a_twin_in_flight_is_waited_for(work: UnitOfWork, first_commits: bool) -> None:
    class Undo(Exception):
        pass

    try:
        with sql.transacting():
            (first,) = act(work, [Ask("a")])
            second = background(lambda: commit(work, [Ask("a")]))
            with pytest.raises(TimeoutError):
                second.result(timeout=0.4)
            if not first_commits:
                raise Undo
    except Undo:
        pass
    assert (second.result(timeout=10) == [first]) is first_commits
    assert isinstance(second.result()[0], Done)


def test_a_twin_that_takes_too_long_surfaces_as_a_lock_time_out(work: UnitOfWork) -> None:
    def hurried() -> Any:
        with sql.transacting(lock_timeout_ms=100):
            return act(work, [Ask("a")])

    with sql.transacting():
        act(work, [Ask("a")])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            background(hurried).result(timeout=10)


def test_two_batches_with_the_same_keys_in_other_order_do_not_deadlock(work: UnitOfWork) -> None:
    asks = [Ask(f"k{n}") for n in range(200)]
    found = [background(lambda order=order: commit(work, order)) for order in (asks, asks[::-1], asks, asks[::-1])]
    results = [sorted(str(o.object_id) for o in future.result(timeout=20)) for future in found]
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    "change",
    [
        "refused_code = 'no'",
        "object_id = gen_random_uuid()",
        "request_id = 'another'",
        "fingerprint = ''",
        "key = 'other'",
        "scope = 'other'",
        "refused_detail = 'x'",
    ],
)
def test_the_result_of_a_key_is_written_once(work: UnitOfWork, as_role: Any, change: str) -> None:
    commit(work, [Ask("a")])
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute(f"UPDATE runtime_key SET {change} WHERE book_id = %s", [work.book.id])


def test_a_field_that_came_later_counts_as_its_default_in_what_was_stored_before(work: UnitOfWork) -> None:
    @dataclass(frozen=True)
    class Earlier:
        key: str
        name: str

    @dataclass(frozen=True)
    class Now:
        key: str
        name: str
        tied: bool = False

    def claim(request: Any) -> Any:
        with sql.transacting():
            return keys.claim(work=work, scope="evolved", requests=[request], object_ids=[uuid4()])

    assert claim(Earlier("k", "a")).fresh == [0]
    assert list(claim(Now("k", "a")).known) == [0]
    assert claim(Now("k", "a", tied=True)).refused[0].field == "tied"
    assert claim(Now("k", "b")).refused[0].field == "name"
