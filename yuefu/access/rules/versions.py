"""Dated versions: what is answered, taken and told keeps the form of the version that a key or an endpoint is pinned to.

The code knows one form, the newest. A change says, by kind of object, how the newer form becomes the older one, and for a body how the
older becomes the newer; a request of an old version passes through all changes since. New members are no change: clients ignore what they
do not know. `docs/versions.md` is written for whoever has to move on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Members = dict[str, Any]
Step = Callable[[Members], Members]


@dataclass(frozen=True, slots=True)
class Change:
    """What came with a version. `down` by the `object` of what is given out, `up` by the name of the body that is taken in."""

    version: str
    told: str
    down: Mapping[str, Step] = field(default_factory=dict)
    up: Mapping[str, Step] = field(default_factory=dict)


class Renamed:
    """Members under other names: `Renamed(consumer="consumer_id")`. One whose other name is there as well stays where it is, which a body
    is then refused for: nobody can say which of the two was meant.
    """

    def __init__(self, **names: str) -> None:
        self.names = names

    def __call__(self, members: Members) -> Members:
        taken = {old for old, new in self.names.items() if old in members and new not in members}
        return {self.names[name] if name in taken else name: value for name, value in members.items()}


FIRST: Final = "2026-09-01"

CHANGES: Final = (
    Change(
        "2026-11-28",
        "An object that another one names stands under the name of its kind, so that it can be expanded in its place: `consumer`, `quote` and"
        " `disclosure` of orders and quotes were `consumer_id`, `quote_id` and `disclosure_id`.",
        down={
            "order": Renamed(consumer="consumer_id", quote="quote_id"),
            "quote": Renamed(consumer="consumer_id", disclosure="disclosure_id"),
        },
        up={
            "NewOrder": Renamed(consumer_id="consumer", quote_id="quote"),
            "NewQuote": Renamed(consumer_id="consumer"),
        },
    ),
)
"""Oldest first. A change stays for as long as anybody may be pinned to what was before it."""

VERSIONS: Final = (FIRST, *(change.version for change in CHANGES))
CURRENT: Final = VERSIONS[-1]


def given_out(body: Members, version: str) -> Members:
    """An answer or an event, objects inside it too, in the form of a version; what merchants noted stays as they did. The body itself stays as it is."""
    for change in reversed(CHANGES):
        if change.version > version and change.down:
            body = _down(body, change.down)
    return body


def taken_in(name: str, members: Members, version: str) -> Members:
    """The body of a request in the newest form, `name` being that of its model. A member under its new name is unknown to an old version."""
    for change in CHANGES:
        step = change.up.get(name) if change.version > version else None
        if step:
            members = step(members)
    return members


def pointer_as_sent(name: str, pointer: str | None, version: str) -> str | None:
    """The place of a member in a body as a client of a version wrote it."""
    if not pointer:
        return pointer
    head, member, *rest = pointer.split("/") if "/" in pointer else (pointer, "")
    for change in reversed(CHANGES):
        step = change.up.get(name) if change.version > version else None
        if isinstance(step, Renamed):
            member = {new: old for old, new in step.names.items()}.get(member, member)
    return "/".join([head, member, *rest]) if member else pointer


def _down(value: Any, steps: Mapping[str, Step]) -> Any:
    if isinstance(value, list):
        return [_down(one, steps) for one in value]
    if not isinstance(value, dict):
        return value
    members = {name: _down(one, steps) if isinstance(one, dict | list) and name != "metadata" else one for name, one in value.items()}
    kind = members.get("object")
    step = steps.get(kind) if isinstance(kind, str) else None
    return step(members) if step else members
