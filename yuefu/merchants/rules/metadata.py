"""What a merchant notes on an object of ours for itself: a few texts by name, which mean nothing to us. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MOST: Final = 50
LONGEST_NAME: Final = 40
LONGEST_TEXT: Final = 500

Metadata = tuple[tuple[str, str], ...]
"""Names and texts, in the order of the names: equal where they say the same."""


def frozen(members: Mapping[str, str]) -> Metadata:
    """Metadata as it is kept."""
    return tuple(sorted(members.items()))


def changed(before: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """What was noted, with changes: a name that is given nothing is dropped, all others stay."""
    return {name: text for name, text in sorted({**before, **changes}.items()) if text}
