"""The rate that balances flows: the solution nearest to nothing, found whether the balance crosses zero or only touches it twice."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import expm1

Function = Callable[[float], float]

_STEP = 0.05
_EVEN_STEPS_END = 14.0
_GROWTH = 1.25
_BISECTIONS = 60


def root_nearest_zero(value: Function, *, lowest: float, highest: float, slope: Function | None = None) -> float | None:
    """The u between `lowest` < 0 and `highest` > 0 nearest to X = exp(u) - 1 = 0 at which `value` is zero; None where there is none.

    Rings of growing width around 0, then bisection. Two solutions in one ring give its ends the same sign: with `slope`, of the sign of
    the derivative of `value` (of any positive multiple), such a ring is parted at its extremum, so both are found.
    """
    reach = max(highest, -lowest)
    up = down = value(0.0)
    for inner, outer in pairwise(_edges(reach)):
        up_next, down_next = value(outer), value(-outer) if -inner > lowest else down
        roots = _roots_between(value, slope, (inner, up), (outer, up_next))
        if -inner > lowest:
            roots += _roots_between(value, slope, (-inner, down), (-outer, down_next))
        found = [root for root in roots if lowest <= root <= highest]
        if found:
            return min(found, key=lambda u: abs(expm1(u)))
        up, down = up_next, down_next
    return None


def _edges(reach: float) -> Iterator[float]:
    """The rims of the rings: even where rates are of this world, then ever wider."""
    edge, count = 0.0, 0
    yield edge
    while edge < reach:
        count += 1
        edge = count * _STEP if edge < _EVEN_STEPS_END else edge * _GROWTH
        yield edge


def _roots_between(value: Function, slope: Function | None, near: tuple[float, float], far: tuple[float, float]) -> list[float]:
    (inner, at_inner), (outer, at_outer) = near, far
    if (at_inner < 0) != (at_outer < 0):
        return [_sign_change(value, inner, outer)]
    if slope is None or (slope(inner) < 0) == (slope(outer) < 0):
        return []
    turn = _sign_change(slope, inner, outer)
    if (value(turn) < 0) == (at_inner < 0):
        return []
    return [_sign_change(value, turn, inner), _sign_change(value, turn, outer)]


def _sign_change(function: Function, near: float, far: float) -> float:
    """The point between `near` and `far`, which give different signs, where the sign changes."""
    near_is_negative = function(near) < 0
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        if (function(middle) < 0) == near_is_negative:
            near = middle
        else:
            far = middle
    return (near + far) / 2
