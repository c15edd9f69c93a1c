"""Which parts of which instalments an amount pays, in the order of a waterfall's twelve buckets."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from yuefu.plans.lifecycle.levelling import rounded
from yuefu.plans.lifecycle.rows import NO_INTEREST, NORMAL, Rows, until_today
from yuefu.plans.lifecycle.terms import Bucket, Excess, LoanTerms, Method, Part, Processing, Waterfall, When
from yuefu.plans.lifecycle.work import Work

REPAID_AT_ONCE: Final = frozenset({Excess.SHORTER, Excess.SMALLER, Excess.LESS_NEXT})


def principal_target(terms: LoanTerms, rows: Rows, k: int, interest: int) -> int:
    """The principal that row `k` asks in all of one who pays it early, with so much interest."""
    alone = terms.method is Method.EQUAL_PRINCIPAL or rows.grace[k] & NO_INTEREST
    return rows.emi[k] if alone else rows.emi[k] - interest


class Till:
    """An amount on its way into the rows of a loan; `left` is what has found no place yet."""

    __slots__ = ("_earned", "left", "principal", "to", "work")

    def __init__(self, work: Work, amount: int, *, to: int = 0) -> None:
        """`to`: the day up to which interest is asked, where that is later than the day of the payment."""
        self.work, self.left, self.principal, self.to = work, amount, 0, to
        self._earned: list[int] | None = None
        if to or not work.terms.interest_on_overdue:
            self._earned = self.earned  # which looks at what earlier rows still ask, and must not wait until they are paid

    @property
    def earned(self) -> list[int]:
        """What `until_today` says, found when it is first asked: seldom at all."""
        if self._earned is None:
            work = self.work
            self._earned = until_today(work.rows, work.interest, balance=work.balance, since=work.since, on=work.on, to=self.to)
        return self._earned

    def open(self, k: int, part: Part) -> int:
        """What of a part of row `k` can be paid on the day: in advance, interest for the days so far and principal up to the target."""
        rows = self.work.rows
        if part is Part.FEE:
            return rows.fees[k] - rows.fees_paid[k] - rows.fees_off[k]
        if part is Part.PENALTY:
            return rows.penalties[k] - rows.penalties_paid[k] - rows.penalties_off[k]
        early = rows.due[k] > self.work.on and rows.kind[k] == NORMAL and self.work.terms.recalculate
        interest = self.earned[k] if early else rows.interest[k]
        if part is Part.INTEREST:
            return max(interest - rows.interest_paid[k] - rows.interest_off[k], 0)
        if early:
            target = principal_target(self.work.terms, rows, k, interest) - rows.principal_paid[k] - rows.principal_off[k]
            return max(min(target, self.work.balance - self.principal), 0)
        return rows.unpaid_principal(k)

    def take(self, k: int, part: Part, most: int | None = None) -> int:
        """Pays a part of row `k` from what is left; at most `most`. What it took."""
        amount = min(self.left, self.open(k, part)) if most is None else min(self.left, self.open(k, part), most)
        if amount:
            self.put(k, part, amount)
        return amount

    def put(self, k: int, part: Part, amount: int) -> None:
        """Books `amount` as paid of a part of row `k`."""
        rows, work = self.work.rows, self.work
        if part is Part.PRINCIPAL:
            rows.principal_paid[k] += amount
            rows.principal[k] = max(rows.principal[k], rows.principal_paid[k] + rows.principal_off[k])
            self.principal += amount
        elif part is Part.INTEREST:
            rows.interest_paid[k] += amount
        elif part is Part.FEE:
            rows.fees_paid[k] += amount
        else:
            rows.penalties_paid[k] += amount
        if rows.due[k] > work.on:
            rows.early[k] += amount
        elif rows.due[k] < work.on:
            rows.late[k] += amount
        work.parts[part] += amount
        self.left -= amount


def pour(till: Till, waterfall: Waterfall, excess: Excess) -> None:
    """Pays from the till in the waterfall's order; money beyond what is due goes where `excess` says, as far as that is rows in advance."""
    vertical = waterfall.processing is Processing.VERTICAL
    for group in ((bucket,) for bucket in waterfall.order) if vertical else _groups(waterfall.order):
        if not till.left:
            return
        _pour_bucket(till, group, excess)
        if waterfall.charges_on_their_day and group[0][0] is When.DUE:
            _pay_charges(till, [part for _, part in group])


def _pay_charges(till: Till, parts: list[Part]) -> None:
    """Charges whose own day has come, of instalments to come: of each, what of its kind was charged by then and is unpaid, oldest first."""
    work, rows = till.work, till.work.rows
    due: dict[tuple[int, Part], int] = {}
    for day, part, amount in work.charges:
        k = next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.due[k] >= day), -1)
        if day <= work.on and k >= 0 and rows.due[k] > work.on:
            due[k, part] = due.get((k, part), 0) + amount
    for k in sorted({k for k, _ in due}):
        for part in parts:
            settled = {Part.FEE: rows.fees_paid[k] + rows.fees_off[k], Part.PENALTY: rows.penalties_paid[k] + rows.penalties_off[k]}
            till.take(k, part, max(due.get((k, part), 0) - settled.get(part, 0), 0))


@lru_cache(maxsize=64)
def _groups(order: tuple[Bucket, ...]) -> tuple[tuple[Bucket, ...], ...]:
    """The buckets of each `When`, in the order in which it first appears."""
    return tuple(tuple(bucket for bucket in order if bucket[0] is when) for when in dict.fromkeys(when for when, _ in order))


def _pour_bucket(till: Till, group: tuple[Bucket, ...], excess: Excess) -> None:
    """One stage: all parts of a group, row by row."""
    when, parts = group[0][0], [part for _, part in group]
    matching = _rows_of(till.work, when)
    if when is not When.IN_ADVANCE or excess is Excess.NEXT:
        _one_by_one(till, matching, parts)
    elif excess is Excess.LAST:
        _one_by_one(till, matching[::-1], parts)
    elif excess is Excess.REAMORTISE:
        _evenly(till, matching, parts)
    elif excess in REPAID_AT_ONCE:
        running = [k for k in matching if till.work.rows.start[k] < till.work.on]
        _one_by_one(till, running, parts)


def _rows_of(work: Work, when: When) -> list[int]:
    """The rows that stand so to the day of the payment; of those that are due, the ones that are not paid."""
    on, rows = work.on, work.rows
    if when is When.IN_ADVANCE:
        return [k for k, due in enumerate(rows.due) if due > on]
    if when is When.DUE:
        return [k for k, due in enumerate(rows.due) if due == on and rows.unpaid(k)]
    return [k for k, due in enumerate(rows.due) if due < on and rows.unpaid(k)]


def _one_by_one(till: Till, rows: list[int], parts: list[Part]) -> None:
    for k in rows:
        for part in parts:
            if not till.left:
                return
            till.take(k, part)


def _evenly(till: Till, rows: list[int], parts: list[Part]) -> None:
    """The same share for each open row, the last takes the rest; what a row cannot take goes round again."""
    while till.left:
        takers = [k for k in rows if any(till.open(k, part) for part in parts)]
        if not takers:
            return
        share, rest = _share(till, len(takers))
        for position, k in enumerate(takers, start=1):
            portion = share + (rest if position == len(takers) else 0)
            for part in parts:
                portion -= till.take(k, part, portion)


def _share(till: Till, count: int) -> tuple[int, int]:
    """An even share, rounded as amounts of the loan are, and what the last one takes beyond it."""
    terms = till.work.terms
    share = rounded(till.left, count, terms.unit, terms.rounding)
    if share * (count - 1) > till.left:
        share = till.left // count
    return share, till.left - share * count
