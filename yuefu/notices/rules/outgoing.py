"""What is handed to a gateway, and what it says became of it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from yuefu.notices.rules.kinds import Channel, Language

Outcome = Literal["accepted", "refused", "later", "unknown", "unheard"]
"""What a gateway says of a message: it took it; it never will; it did not take it and may later; no answer came; asked, it never heard of it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message in its words. `reference` names it at the gateway for ever, whichever try it is (`no`). Whom it is for never appears in a text of
    this value.
    """

    reference: str
    no: int
    channel: Channel
    language: Language
    to: str = field(repr=False)
    name: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What a gateway says of one reference; `code` is its own word for why, `provider_ref` its own name for the message."""

    reference: str
    outcome: Outcome
    code: str = ""
    provider_ref: str = ""


DOWN: Final = frozenset({"no_answer", "not_reached", "not_encrypted", "login_refused", "http_429", "http_503", "not_tried"})
"""Codes after which the rest of a batch is not tried: it would fare no better."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


def code_of(text: str) -> str:
    """A code or name that the other side gave, as it is kept; "" for none, "unnamed" for one that is a sentence or might hold an address."""
    return text if not text or _CODE.fullmatch(text) else "unnamed"
