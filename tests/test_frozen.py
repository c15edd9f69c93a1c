"""Frozen values that are made quickly are frozen values."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from yuefu.frozen import made_quickly


@dataclass(frozen=True, slots=True)
class Slow:
    first: int
    second: str | None = None
    third: tuple[int, ...] = ()


@made_quickly
@dataclass(frozen=True, slots=True)
class Quick:
    first: int
    second: str | None = None
    third: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("given", "named"), [((1,), {}), ((1, "a"), {}), ((), {"first": 1, "third": (2,)}), ((1,), {"second": "b"}), ((1, "a", (3,)), {})]
)
def test_it_is_what_the_slow_one_is(given, named):
    quick, slow = Quick(*given, **named), Slow(*given, **named)
    assert repr(quick) == repr(slow).replace("Slow", "Quick")
    assert quick == Quick(*given, **named)
    assert hash(quick) == hash(slow)
    assert replace(quick, first=9) == Quick(9, quick.second, quick.third)
    assert pickle.loads(pickle.dumps(quick)) == quick


def test_nobody_changes_it():
    quick = Quick(1)
    with pytest.raises(FrozenInstanceError):
        quick.first = 2
    with pytest.raises((AttributeError, TypeError)):
        quick.other = 2
    assert quick.first == 1


@pytest.mark.parametrize(("given", "named"), [((), {}), ((1, "a", (), 4), {}), ((1,), {"other": 1}), ((1,), {"first": 2})])
def test_what_the_slow_one_refuses_it_refuses(given, named):
    for kind in (Slow, Quick):
        with pytest.raises(TypeError):
            kind(*given, **named)


def test_a_class_that_does_more_is_refused():
    @dataclass(frozen=True, slots=True)
    class Makes:
        some: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Checks:
        some: int

        def __post_init__(self) -> None:
            assert self.some

    @dataclass(frozen=True)
    class Slotless:
        some: int

    for kind in (Makes, Checks, Slotless):
        with pytest.raises(TypeError):
            made_quickly(kind)
