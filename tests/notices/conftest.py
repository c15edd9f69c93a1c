"""A town to write to: a book whose people owe, a clock that is moved, and carriers that note what they were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import pytest

from yuefu.ids import IdSource
from yuefu.notices.rules.outgoing import Outcome, Outgoing, Told
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork

SENDER = {"name_zh": "月付", "name_en": "Yuefu", "pay_at": "yuefu.cn/pay", "contact": "400-000-0000"}


@dataclass
class Post:
    """A carrier of both channels, as a provider would be: it takes a reference once, and answers as it is told to."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    """By address; `accepted` unless given."""
    can_be_asked: bool = True
    sent: list[Outgoing] = field(default_factory=list)
    taken: dict[str, tuple[Outgoing, datetime]] = field(default_factory=dict)
    """What reached a person, by its reference, and when."""
    reached: Counter[str] = field(default_factory=Counter)
    """How often a reference would have reached them, were it not taken once only."""
    before: Any = None
    after: Any = None
    """Called with each batch before and after it is taken: places to die in."""

    def mail(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        return self._take(messages, now)

    def text(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        return self._take(messages, now)

    def _take(self, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        if self.before:
            self.before(messages)
        told = [self._one(one, now) for one in messages]
        if self.after:
            self.after(messages)
        return told

    def _one(self, one: Outgoing, now: datetime) -> Told:
        self.sent.append(one)
        outcome = self.answers.get(one.to, "accepted")
        if outcome in {"accepted", "unknown"}:
            self.taken.setdefault(one.reference, (one, now))
            self.reached[one.reference] += 1
        return Told(one.reference, outcome, "" if outcome == "accepted" else "no_answer" if outcome == "unknown" else "said_so")

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        if not self.can_be_asked:
            return None
        return {one: Told(one, "accepted" if one in self.taken else "unheard") for one in references}


@pytest.fixture
def other_book(ids: IdSource, work: UnitOfWork) -> UnitOfWork:
    """The surroundings of a batch in another book."""
    now = datetime.combine(date(2026, 10, 1), time(10), work.book.tz)
    with sql.transacting():
        book = books.create(code=f"other-{ids.new(now).hex[-12:]}", legal_entity="Other", mode="test", now=now, ids=ids, clock_at=now)
        return UnitOfWork(book, days.open_first(book=book, on=date(2026, 10, 1), now=now), now, work.by, ids)
