"""The statement of a day with its bridge: what was open, what moved, what explains the difference, and what is carried to the next day.

Two identities must hold, else nothing may be said of the day: bill − books = the changes of all differences, by class; and what was open
+ that − what people ended = what is carried on. A net of zero proves nothing: two breaks may cancel. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from yuefu.money.amounts import Money, total
from yuefu.reconciliation.rules.balances import Check, Term, balance
from yuefu.reconciliation.rules.judgement import Verdict, verdict
from yuefu.reconciliation.rules.references import Class, Grace, Placed, Result, Standing, at_risk, classify

RESIDUAL = "residual"
CONTINUITY = "continuity"
REOPENED = "reopened"
"""Among what people ended: what they opened again, with the opposite sign."""


class Lifecycle(StrEnum):
    """What became of a break since the day before; "" for what is none and was none."""

    NEW = "new"
    PERSISTING = "persisting"
    RESOLVED = "resolved"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """A reference in the statement of a day. `impact` is what it adds to the day's difference, `ended` how a person ended it, if one did."""

    standing: Standing
    placed: Placed
    impact: Money
    at_risk: Money
    lifecycle: Lifecycle
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What references of one class and result add to the day's difference; `earlier_day` where they were first seen before it."""

    cls: Class
    result: Result
    earlier_day: bool
    amount: Money
    count: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Of one source and day; all differences are bill − books.

    `lines` explain `net`; `outside` is what is carried and did not move; `ended` is what people ended today, by how. `items` are in order
    of urgency: by result, priority and amount.
    """

    on: date
    opening: Money
    opening_count: int
    bill: Money
    books: Money
    lines: tuple[Line, ...]
    outside: tuple[Line, ...]
    ended: Mapping[str, Money]
    closing: Money
    closing_count: int
    items: tuple[Carried, ...]
    residual: Check
    continuity: Check
    unclassified: int

    @property
    def net(self) -> Money:
        return self.bill - self.books

    def having(self, result: Result) -> tuple[Carried, ...]:
        """What still has a result after the day; what a person ended today has none."""
        return tuple(item for item in self.items if item.placed.result is result and not item.ended)

    @property
    def at_risk(self) -> Money:
        """Of breaks alone: what is pending may still come right by itself."""
        return total((item.at_risk for item in self.having(Result.BREAK)), self.bill.currency)

    def verdict(self, *, missing: Sequence[str] = (), warnings: int = 0) -> Verdict:
        """That of the statement, with what else is `missing` and how many `warnings` there are besides its own."""
        broken = [name for name, check in ((RESIDUAL, self.residual), (CONTINUITY, self.continuity)) if not check.passed]
        return verdict(
            missing=[*missing, *broken],
            breaks=len(self.having(Result.BREAK)),
            warnings=len(self.having(Result.WARNING)) + self.unclassified + warnings,
            pending=len(self.having(Result.PENDING)),
        )


def statement(
    *,
    on: date,
    before: Mapping[str, Standing],
    after: Mapping[str, Standing],
    bill: Money,
    books: Money,
    grace: Grace,
    ended: Mapping[str, str] | None = None,
    reopened: Collection[str] = (),
    unclassified: int = 0,
) -> Statement:
    """The statement of `on`: `before` is what was open at its beginning, `after` the same keys and the day's own, by its end.

    `bill` and `books` are the day's sums by themselves, not made from the standings: that is what the bridge proves. What matched within
    the day need not be among the standings. `ended` tells how a person ended a key today: it is carried no further; `reopened` are keys that
    were not carried into the day, for they had ended, and are again from today on. `unclassified` counts what stands in no key.
    """
    ended = ended or {}
    items = [_carried(after[key], before.get(key), on, grace, ended.get(key, ""), again=key in reopened) for key in after]
    currency = bill.currency
    carried_in = {key: one for key, one in before.items() if key not in reopened}
    opening = total((one.difference for one in carried_in.values()), currency)
    closing = total((item.standing.difference for item in items if not item.ended), currency)
    ends = _by_ending(items, [one.difference for key, one in before.items() if key in reopened])
    still = [item for item in items if not item.ended and not item.impact and item.standing.difference]
    moved = [item for item in items if item.impact]
    explained = total((item.impact for item in items), currency)
    nothing = Money.zero(currency)
    return Statement(
        on=on,
        opening=opening,
        opening_count=sum(bool(one.difference) for one in carried_in.values()),
        bill=bill,
        books=books,
        lines=_lines(on, [(item, item.impact) for item in moved]),
        outside=_lines(on, [(item, item.standing.difference) for item in still]),
        ended=ends,
        closing=closing,
        closing_count=sum(bool(item.standing.difference) and not item.ended for item in items),
        items=tuple(sorted(items, key=_urgency)),
        residual=balance([Term("bill", bill, 1), Term("books", books, -1), Term("explained", explained, -1)], nothing),
        continuity=balance(
            [
                *(Term("opening", opening, 1), Term("bill", bill, 1), Term("books", books, -1)),
                *(Term(how, amount, -1) for how, amount in ends.items()),
                Term("closing", closing, -1),
            ],
            nothing,
        ),
        unclassified=unclassified,
    )


def carried_on(found: Statement) -> dict[str, Standing]:
    """What the next day begins with: everything that differs or is not settled, and that nobody ended."""
    return {
        item.standing.key: item.standing
        for item in found.items
        if not item.ended and (item.standing.difference or item.placed.result is not Result.OK)
    }


def _carried(now: Standing, before: Standing | None, on: date, grace: Grace, ended: str, *, again: bool) -> Carried:
    placed = classify(now, on=on, grace=grace)
    impact = now.difference if before is None else now.difference - before.difference
    was = before is not None and not again and classify(before, on=on - timedelta(days=1), grace=grace).result is Result.BREAK
    broken = placed.result is Result.BREAK and not ended
    lifecycle = {
        (True, True): Lifecycle.PERSISTING, (False, True): Lifecycle.NEW, (True, False): Lifecycle.RESOLVED, (False, False): Lifecycle.NONE,
    }[was, broken]  # fmt: skip
    return Carried(now, placed, impact, at_risk(now, placed), lifecycle, ended)


def _by_ending(items: Iterable[Carried], reopened: Sequence[Money]) -> dict[str, Money]:
    """The differences that people ended, by how, in the order of the words; what they opened again counts the other way round."""
    ends: dict[str, list[Money]] = defaultdict(list)
    ends[REOPENED] = [-amount for amount in reopened if amount]
    for item in items:
        if item.ended and item.standing.difference:
            ends[item.ended].append(item.standing.difference)
    return {how: total(amounts, amounts[0].currency) for how, amounts in sorted(ends.items()) if amounts}


def _lines(on: date, parts: Iterable[tuple[Carried, Money]]) -> tuple[Line, ...]:
    """Sums by class, result and whether seen before the day, each with how many; the most urgent first."""
    grouped: dict[tuple[Class, Result, bool], list[Money]] = defaultdict(list)
    for item, amount in parts:
        seen = item.standing.first_seen
        grouped[item.placed.cls, item.placed.result, seen is not None and seen < on].append(amount)
    lines = [Line(*key, total(amounts, amounts[0].currency), len(amounts)) for key, amounts in grouped.items()]
    return tuple(sorted(lines, key=lambda line: (_RESULTS[line.result], list(Class).index(line.cls), line.earlier_day)))


_RESULTS = {result: place for place, result in enumerate((Result.BREAK, Result.WARNING, Result.PENDING, Result.OK))}


def _urgency(item: Carried) -> tuple[bool, int, int, int, str]:
    placed = item.placed
    return bool(item.ended), _RESULTS[placed.result], placed.priority or 0, -item.at_risk.minor, item.standing.key
