"""What of each instalment was settled by somebody else than the consumer: goods that went back, interest given back with them, goodwill.

A state keeps what each row was paid, not by whom; so that is told from the events. What goes out again is taken to leave what the consumer paid
last of all: a row is never told as refunded by more than it is settled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import repeat
from typing import Final

from yuefu.plans.lifecycle.events import Event, Paid
from yuefu.plans.lifecycle.fold import apply, looked_at, start
from yuefu.plans.lifecycle.rows import Rows
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy

BY_CONSUMER: Final = frozenset({PaidBy.REPAYMENT, PaidBy.DOWN_PAYMENT})

_Key = tuple[int, int]


def refunded_rows(terms: LoanTerms, events: Sequence[Event], day: date) -> list[int]:
    """What others settled of each row of a loan as it is seen from `day`, in minor units; `events` are all that count until then, in their order
    (`fold.in_order`)."""
    state, keys, found = start(terms), list[_Key](), list[int]()
    for event in events:
        before = looked_at(state, event.on).rows if state.lent else Rows()
        state, _ = apply(state, event)
        after = state.rows()
        before_paid = _carried(_keys(before), _paid(before), after)
        found = _carried(keys, found, after)
        if isinstance(event, Paid) and event.by not in BY_CONSUMER:
            found = [had + max(now - was, 0) for had, now, was in zip(found, _paid(after), before_paid, strict=True)]
        keys = _keys(after)
    rows = looked_at(state, max(day, date.fromordinal(state.last_on))).rows if state.lent else Rows()
    return [min(had, paid) for had, paid in zip(_carried(keys, found, rows), _paid(rows), strict=True)]


def _keys(rows: Rows) -> list[_Key]:
    return list(zip(rows.kind, rows.due, strict=True))


def _paid(rows: Rows) -> list[int]:
    return [sum(each) for each in zip(rows.principal_paid, rows.interest_paid, rows.fees_paid, rows.penalties_paid, strict=True)]


def _carried(keys: Sequence[_Key], amounts: Sequence[int], rows: Rows) -> list[int]:
    """Amounts of rows of before with the rows of now: one that kept kind and day by these, the others in their order."""
    waiting: dict[_Key, list[int]] = defaultdict(list)
    for key, amount in zip(keys, amounts, strict=True):
        waiting[key].append(amount)
    placed = [waiting[key].pop(0) if waiting.get(key) else None for key in _keys(rows)]
    moved = iter([*(amount for left in waiting.values() for amount in left), *repeat(0, len(placed))])
    return [next(moved) if amount is None else amount for amount in placed]
