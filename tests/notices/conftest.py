"""A town to write to: a book whose people owe, a clock that is moved, and carriers that note what they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from yuefu.notices.rules.outgoing import Outcome, Outgoing, Told

SENDER = {"name_zh": "月付", "name_en": "Yuefu", "pay_at": "yuefu.cn/pay", "contact": "400-000-0000"}


@dataclass
class Post:
    """A carrier of both channels, as a provider would be: it takes a reference once, and answers as it is told to."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    """By address; `accepted` unless given."""
    can_be_asked: bool = True
    sent: list[Outgoing] = field(default_factory=list)
    taken: dict[str, Outgoing] = field(default_factory=dict)
    before: Any = None
    """Called with each batch before it is taken: a place to die in."""

    def mail(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        return self._take(messages)

    def text(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        return self._take(messages)

    def _take(self, messages: Sequence[Outgoing]) -> list[Told]:
        if self.before:
            self.before(messages)
        return [self._one(one) for one in messages]

    def _one(self, one: Outgoing) -> Told:
        self.sent.append(one)
        outcome = self.answers.get(one.to, "accepted")
        if outcome in {"accepted", "unknown"}:
            self.taken.setdefault(one.reference, one)
        return Told(one.reference, outcome, "" if outcome == "accepted" else "no_answer" if outcome == "unknown" else "said_so")

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        if not self.can_be_asked:
            return None
        return {one: Told(one, "accepted" if one in self.taken else "unheard") for one in references}
