"""The picture of a day's money flow, drawn on the server: bands from places on the left to places on the right, in whole numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from yuefu.insight.rules.flows import Picture
from yuefu.insight.rules.places import ALL_PLACES, Place
from yuefu.money.amounts import Money

WIDTH: Final = 1000
_NODES: Final = 520
_GAP: Final = 18
_LEAST: Final = 2
_LEFT, _RIGHT, _BAR = 220, 770, 10


@dataclass(frozen=True, slots=True)
class Node:
    """A place on one side: what went from it, or came to it, as a bar with its name beside it."""

    place: Place
    amount: Money
    x: int
    y: int
    width: int
    height: int
    text_x: int
    text_y: int
    is_origin: bool


@dataclass(frozen=True, slots=True)
class Band:
    """What went from one place to another, as wide as its amount; `path` is that of SVG."""

    origin: Place
    target: Place
    amount: Money
    path: str


@dataclass(frozen=True, slots=True)
class Sankey:
    width: int
    height: int
    nodes: tuple[Node, ...]
    bands: tuple[Band, ...]


def sankey(picture: Picture) -> Sankey | None:
    """None where nothing moved, since an empty picture says nothing."""
    between = picture.between()
    if not between:
        return None
    total = sum(between.values())
    wide = {pair: max(minor * _NODES // total, _LEAST) for pair, minor in between.items()}
    order = sorted(between, key=lambda pair: (ALL_PLACES.index(pair[0]), ALL_PLACES.index(pair[1])))
    left = _tops([origin for origin in ALL_PLACES if any(pair[0] == origin for pair in order)], wide, side=0)
    right = _tops([target for target in ALL_PLACES if any(pair[1] == target for pair in order)], wide, side=1)
    from_y, to_y = dict(left), dict(right)
    bands = []
    for origin, target in order:
        height = wide[origin, target]
        bands.append(Band(origin, target, Money(between[origin, target], picture.currency), _path(from_y[origin], to_y[target], height)))
        from_y[origin] += height
        to_y[target] += height
    nodes = [_node(place, tops[place], side, between, wide, picture.currency) for side, tops in ((0, left), (1, right)) for place in tops]
    return Sankey(WIDTH, max(node.y + max(node.height, _GAP) for node in nodes) + _GAP, tuple(nodes), tuple(bands))


def _tops(places: Sequence[Place], wide: Mapping[tuple[Place, Place], int], *, side: int) -> dict[Place, int]:
    """Where each place of a side begins, one below the other; none is lower than its name."""
    tops, y = {}, _GAP // 2
    for place in places:
        tops[place] = y
        y += max(_height(place, wide, side), _GAP) + _GAP
    return tops


def _height(place: Place, wide: Mapping[tuple[Place, Place], int], side: int) -> int:
    return sum(height for pair, height in wide.items() if pair[side] == place)


def _node(
    place: Place, y: int, side: int, between: Mapping[tuple[Place, Place], int], wide: Mapping[tuple[Place, Place], int], currency: str
) -> Node:
    height = _height(place, wide, side)
    amount = Money(sum(minor for pair, minor in between.items() if pair[side] == place), currency)
    x = _RIGHT if side else _LEFT - _BAR
    return Node(place, amount, x, y, _BAR, height, x + _BAR + 8 if side else x - 8, y + height // 2 + 5, not side)


def _path(y: int, to_y: int, height: int) -> str:
    middle = (_LEFT + _RIGHT) // 2
    down, up = (
        f"M{_LEFT} {y}C{middle} {y} {middle} {to_y} {_RIGHT} {to_y}",
        f"V{to_y + height}C{middle} {to_y + height} {middle} {y + height}",
    )
    return f"{down}{up} {_LEFT} {y + height}Z"
