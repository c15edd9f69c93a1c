"""What a carrier of messages can do for us. Every call is outside: made before or after a transaction, never inside one.

References are ours, one a message for ever. One word comes back for each, in order, whatever happens on the way: what raises is a fault of
ours. After a message that got no answer, or none could be had for, the rest of a batch is told `later` and not tried: whoever is down is
asked once, not a hundred times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from yuefu.notices.rules.outgoing import Outgoing, Told


class Mailer(Protocol):
    """Carries e-mail."""

    def mail(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]: ...

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        """What became of messages: `unheard` for one that it never heard of, nothing for one that it cannot tell of now. None where it can
        never be asked.
        """
        ...


class Texter(Protocol):
    """Carries text messages. The same reference sent again does not reach a person twice."""

    def text(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]: ...

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        """As of a Mailer."""
        ...


class GatewayUnfit(ValueError):
    """A carrier is set up in a way that cannot work, or is not safe; the text says what to change."""
