"""Identifiers: their order, their two forms, and what is not one."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest

from yuefu import ids
from yuefu.ids import BadId, IdSource

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)


def test_ids_are_version_seven_of_their_millisecond():
    for made in IdSource(random.Random(1).getrandbits).many(NOW, 1_000):
        assert (made.version, made.variant) == (7, RFC_4122)
        assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_ids_of_one_moment_rise_in_the_order_they_were_made():
    source = IdSource(random.Random(1).getrandbits)
    made = [*source.many(NOW, 500), source.new(NOW), *source.many(NOW, 500)]
    assert made == sorted(set(made))
    assert all(later > made[-1] for later in source.many(NOW + timedelta(milliseconds=1), 10))


def test_ids_rise_even_from_the_highest_beginning():
    source = IdSource(lambda n: (1 << n) - 1)
    made = source.many(NOW, 10_000)
    assert made == sorted(set(made))
    assert {i.int >> 80 for i in made} == {int(NOW.timestamp() * 1000)}
    assert {i.version for i in made} == {7}


def test_a_clock_that_goes_back_makes_ids_of_its_own():
    source = IdSource(random.Random(1).getrandbits)
    earlier = NOW - timedelta(seconds=5)
    made = [source.new(NOW), source.new(earlier), source.new(NOW)]
    assert len(set(made)) == 3
    assert made[1] < min(made[0], made[2])


def test_threads_never_share_an_id():
    source = IdSource(random.Random(1).getrandbits)
    with ThreadPoolExecutor(4) as pool:
        made = [i for many in pool.map(lambda _: [source.new(NOW) for _ in range(500)], range(8)) for i in many]
    assert len(set(made)) == len(made) == 4_000


def test_the_same_seed_makes_the_same_ids():
    assert IdSource(random.Random(5).getrandbits).many(NOW, 20) == IdSource(random.Random(5).getrandbits).many(NOW, 20)


@pytest.mark.parametrize("kind", sorted(ids.PREFIXES))
def test_text_and_back(kind):
    made = IdSource(random.Random(2).getrandbits).new(NOW)
    told = ids.text(kind, made)
    assert len(told) <= 32
    assert ids.parse(kind, f" {told}\n") == made


@pytest.mark.parametrize(
    "wrong", ["", "ord_", "ord_x", "loan_01m5rt9yr0en6t31z2n072t1es", str(UUID(int=1)), "ord_01M5RT9YR0EN6T31Z2N072T1ES", "ord_" + "z" * 26]
)
def test_what_is_not_an_order_id_is_refused_by_name(wrong):
    with pytest.raises(BadId, match="order"):
        ids.parse("order", wrong)


def test_ids_of_two_processes_rise_in_the_order_they_were_made_though_their_clock_stands_still() -> None:
    now = datetime(2026, 10, 1, tzinfo=UTC)
    ticks = itertools.count(1_790_000_000_000_000)
    first, second = (IdSource(random.Random(n).getrandbits, lambda: next(ticks)) for n in (1, 2))
    made = [made for _ in range(50) for source in (first, second, second) for made in source.many(now, 500)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {one.version for one in made} == {7}
