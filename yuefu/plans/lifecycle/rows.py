"""The instalments of a loan as columns, and the projection: what each of them asks, seen from a day.

One row an instalment. A row has a target, what it asks in all (`emi`), and the interest of its own days. Interest comes first and principal
takes the rest of the target; interest beyond the target moves to the next row and bears none itself, and the very last one asks all of it;
the last row that is not yet paid takes all principal that is left. Interest of a row that was paid with a later one is not asked again.
Interest is found by stretches of days with one balance; the sum over a row is rounded, or each stretch.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import add, attrgetter, sub
from typing import Final, Self

from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.terms import LoanTerms, Method, Part

NORMAL: Final = 0  # an instalment of the plan
UPFRONT: Final = 1  # due when money is lent: a down payment, a fee
EXTRA: Final = 2  # no part of the plan (any more): a charge or charge-back after the end, what was left when a loan was re-aged
PREPAID: Final = 3  # an early payment that made the later instalments smaller or fewer

_HALF: Final = SCALE // 2

NO_PRINCIPAL: Final = 1
NO_INTEREST: Final = 2

COLUMNS: Final = (
    *("kind", "start", "due", "ppm", "grace", "full", "emi", "closed", "principal", "interest", "credited", "fees", "penalties"),
    *("principal_paid", "interest_paid", "fees_paid", "penalties_paid", "principal_off", "interest_off", "fees_off", "penalties_off"),
    *("early", "late", "settled_on", "late_fee", "late_to", "late_rest"),
)

_all_columns: Final = attrgetter(*COLUMNS)
_NO_COLUMNS: Final[tuple[tuple[int, ...], ...]] = ((),) * len(COLUMNS)


class Rows:
    """Columns of integers, one entry a row: amounts in minor units, days as ordinals. `settled_on` 0: nothing was ever asked, -1: open.

    `ppm` is the rate of the row, `full` the factor of its whole period, `closed` interest of its own days already found (10**-12), `credited` principal
    that was lent again after the plan was made, `*_off` what was waived or written off, `early` and `late` what was paid before and after
    the due day, `late_fee` whether it has been charged (1), `late_to` the day up to which penalty interest has been, `late_rest` what of
    it is less than the amount charged so far, or more, in parts of a year and a million.
    """

    __slots__ = COLUMNS

    kind: list[int]
    start: list[int]
    due: list[int]
    ppm: list[int]
    grace: list[int]
    full: list[int]
    emi: list[int]
    closed: list[int]
    principal: list[int]
    interest: list[int]
    credited: list[int]
    fees: list[int]
    penalties: list[int]
    principal_paid: list[int]
    interest_paid: list[int]
    fees_paid: list[int]
    penalties_paid: list[int]
    principal_off: list[int]
    interest_off: list[int]
    fees_off: list[int]
    penalties_off: list[int]
    early: list[int]
    late: list[int]
    settled_on: list[int]
    late_fee: list[int]
    late_to: list[int]
    late_rest: list[int]

    def __init__(self, columns: tuple[tuple[int, ...], ...] | None = None) -> None:
        # Written out, for a million rows are opened in a night: a loop over the names takes twice as long.
        (
            kind, start, due, ppm, grace, full, emi, closed, principal, interest, credited, fees, penalties,
            principal_paid, interest_paid, fees_paid, penalties_paid, principal_off, interest_off, fees_off, penalties_off,
            early, late, settled_on, late_fee, late_to, late_rest,
        ) = columns or _NO_COLUMNS  # fmt: skip
        self.kind, self.start, self.due, self.ppm, self.grace = list(kind), list(start), list(due), list(ppm), list(grace)
        self.full, self.emi, self.closed, self.credited = list(full), list(emi), list(closed), list(credited)
        self.principal, self.interest, self.fees, self.penalties = list(principal), list(interest), list(fees), list(penalties)
        self.principal_paid, self.interest_paid = list(principal_paid), list(interest_paid)
        self.fees_paid, self.penalties_paid = list(fees_paid), list(penalties_paid)
        self.principal_off, self.interest_off = list(principal_off), list(interest_off)
        self.fees_off, self.penalties_off = list(fees_off), list(penalties_off)
        self.early, self.late, self.settled_on = list(early), list(late), list(settled_on)
        self.late_fee, self.late_to, self.late_rest = list(late_fee), list(late_to), list(late_rest)

    @classmethod
    def of(cls, **columns: list[int]) -> Self:
        """Rows of which some columns are known, `due` among them; the others are nothing but zeros."""
        rows = cls.__new__(cls)
        for name in COLUMNS:
            setattr(rows, name, columns[name] if name in columns else [0] * len(columns["due"]))
        return rows

    def frozen(self) -> tuple[tuple[int, ...], ...]:
        """The columns as they are kept in a state."""
        return tuple(map(tuple, _all_columns(self)))

    def copy(self) -> Rows:
        """A copy that may be tried out."""
        return Rows(self.frozen())

    def only(self, which: list[int]) -> Rows:
        """A copy of some rows."""
        return Rows(tuple(tuple([getattr(self, name)[k] for k in which]) for name in COLUMNS))

    def __len__(self) -> int:
        return len(self.due)

    def insert(self, at: int, *, kind: int, start: int, due: int, ppm: int = 0, grace: int = 0, full: int = 0) -> None:
        """A new row, empty but for its days."""
        new = {"kind": kind, "start": start, "due": due, "ppm": ppm, "grace": grace, "full": full}
        for name in COLUMNS:
            getattr(self, name).insert(at, new.get(name, 0))

    def drop(self, at: int) -> None:
        """A row that asks nothing and never did."""
        for name in COLUMNS:
            del getattr(self, name)[at]

    def unpaid_principal(self, k: int) -> int:
        """Principal of row `k` that is neither paid nor given up."""
        return self.principal[k] - self.principal_paid[k] - self.principal_off[k]

    def unpaid(self, k: int) -> int:
        """All of row `k` that is neither paid nor given up."""
        return (
            self.principal[k] - self.principal_paid[k] - self.principal_off[k]
            + self.interest[k] - self.interest_paid[k] - self.interest_off[k]
            + self.fees[k] - self.fees_paid[k] - self.fees_off[k]
            + self.penalties[k] - self.penalties_paid[k] - self.penalties_off[k]
        )  # fmt: skip

    def unpaid_costs(self, k: int) -> int:
        """Fees and penalties of row `k` that are neither paid nor given up."""
        return self.fees[k] - self.fees_paid[k] - self.fees_off[k] + self.penalties[k] - self.penalties_paid[k] - self.penalties_off[k]

    def all_unpaid(self) -> list[int]:
        """`unpaid` of every row."""
        columns = zip(self.principal, self.interest, self.principal_paid, self.interest_paid, strict=True)
        unpaid = [a + b - c - d for a, b, c, d in columns]
        # Most loans have neither fees nor penalties, and nothing was given up of them.
        for more in (self.fees, self.penalties):
            if any(more):
                unpaid = list(map(add, unpaid, more))
        for less in (self.fees_paid, self.penalties_paid, self.principal_off, self.interest_off, self.fees_off, self.penalties_off):
            if any(less):
                unpaid = list(map(sub, unpaid, less))
        return unpaid

    def held(self, k: int) -> int:
        """What of the target of row `k` has been paid or given up."""
        return self.principal_paid[k] + self.principal_off[k] + self.interest_paid[k] + self.interest_off[k]


def paid_column(rows: Rows, part: Part) -> list[int]:
    """The column of what was paid of a part."""
    if part is Part.PRINCIPAL:
        return rows.principal_paid
    if part is Part.INTEREST:
        return rows.interest_paid
    return rows.fees_paid if part is Part.FEE else rows.penalties_paid


class Interest:
    """Interest on a balance for a stretch of days of a row, in 10**-12 minor units: factors at the row's rate, none on paused days; at a flat
    rate on `lent`, whatever has been repaid. With `round_each_stretch` each is a whole amount; else only their sum over a row is rounded, by `minor`."""

    __slots__ = ("each", "lent", "pauses", "plain", "rounding", "simple", "terms", "unit")

    def __init__(self, terms: LoanTerms, pauses: tuple[tuple[int, int], ...], lent: int = 0) -> None:
        self.terms, self.pauses = terms, pauses
        self.rounding, self.unit = terms.rounding, terms.unit
        self.plain = terms.rounding is Rounding.HALF_EVEN and terms.unit == 1
        self.each = terms.round_each_stretch
        self.lent = lent if terms.method is Method.FLAT else 0
        self.simple = self.plain and not pauses

    def of(self, balance: int, rows: Rows, k: int, begin: int, until: int) -> int:
        """Interest on `balance` from `begin` to `until` within row `k`."""
        ppm = rows.ppm[k]
        if balance <= 0 or not ppm or begin >= until:
            return 0
        if self.lent:  # a flat rate: on all that was lent, as long as anything of it is owed
            balance = self.lent
        start, end = rows.start[k], rows.due[k]
        if self.pauses:
            exact = balance * sum(factor(self.terms, ppm, start, end, a, b) for a, b in self.running(begin, until))
        elif begin == start and until == end:
            exact = balance * rows.full[k]
        else:
            exact = balance * factor(self.terms, ppm, start, end, begin, until)
        return self.minor(exact) * SCALE if self.each else exact

    def minor(self, exact: int) -> int:
        """An amount of 10**-12 minor units, rounded once as the terms say."""
        if self.plain:
            whole, rest = divmod(exact, SCALE)
            rest += rest
            return whole + (rest > SCALE or (rest == SCALE and whole % 2 == 1))
        return divide(exact, SCALE * self.unit, self.rounding) * self.unit

    def running(self, begin: int, until: int) -> list[tuple[int, int]]:
        """The stretches between `begin` and `until` without a pause."""
        stretches, at = [], begin
        for pause_begin, pause_end in self.pauses:
            if pause_end <= at or pause_begin >= until:
                continue
            if pause_begin > at:
                stretches.append((at, pause_begin))
            at = max(at, pause_end)
        return [*stretches, (at, until)] if at < until else stretches


def last_ones(rows: Rows, method: Method) -> tuple[int, int]:
    """The last instalment that has not been paid its target, which takes what is left (the very last where all have, and where it has no
    target yet), and the very last one; -1 where there is no instalment."""
    final = -1
    for k in range(len(rows.due) - 1, -1, -1):
        if rows.kind[k] == NORMAL:
            met = rows.principal_paid[k] + rows.principal_off[k] if method is Method.EQUAL_PRINCIPAL else rows.held(k)
            if met < rows.emi[k] or (final < 0 and not rows.held(k)):
                return k, max(final, k)
            final = max(final, k)
    return final, final


def project(rows: Rows, interest: Interest, *, balance: int, since: int, on: int) -> None:
    """Sets what each row asks, and the target of the last one, seen from day `on`.

    `balance` is the principal really owed, unchanged since `since`. Rows that fell due by `on` bear interest on it; from `on` on it is taken
    as if all that is overdue were paid that day and the rest on its due day. Where overdue principal bears no interest, all is taken as paid
    on its due day.
    """
    method = interest.terms.method
    (last, final), planned, carry, deferred, k = last_ones(rows, method), balance, 0, 0, 0
    # What was lent again after the plan has rows of its own, which the last instalment must not take.
    apart = sum([rows.unpaid_principal(k) for k in range(last + 1, len(rows.due)) if rows.kind[k] != NORMAL])
    simple = interest.simple and method is Method.EQUAL_INSTALMENTS and not apart
    start, ahead, closed, kind = rows.start, max(on, since), rows.closed, rows.kind
    principal_paid, principal_off, interest_paid, interest_off = (
        rows.principal_paid,
        rows.principal_off,
        rows.interest_paid,
        rows.interest_off,
    )
    if simple:
        k, carry = _first_unsettled(rows, interest, last, since)
    while k < len(start):
        if simple and planned > 0 and not carry and not deferred and start[k] >= ahead:
            k, planned, carry = _project_untouched(rows, k, last, planned)
        paid = principal_paid[k] + principal_off[k]
        if kind[k] != NORMAL:
            planned -= rows.principal[k] - paid
            k += 1
            continue
        exact = closed[k]
        if rows.due[k] > since:
            exact += _own_days(rows, interest, k, balance, planned, since, on)
        found = interest.minor(exact) + carry if exact else carry
        settled = interest_paid[k] + interest_off[k]
        grace, target, asked = rows.grace[k], rows.emi[k], found
        if grace & NO_INTEREST and k != final:
            asked, deferred = settled, found - settled
        elif k not in (last, final) and method is Method.EQUAL_INSTALMENTS and not grace & NO_PRINCIPAL:
            target += deferred
            if asked > target - paid:  # no room for it; of a row whose principal came early it waits whole
                asked = settled if paid else target
        if not grace & NO_INTEREST or k == final:
            deferred = 0
        if asked < settled:
            asked = settled
        if k == last:
            principal = paid + planned - apart
            rows.emi[k] = principal if method is Method.EQUAL_PRINCIPAL else principal + asked
        elif grace & NO_PRINCIPAL:
            principal = paid
        else:
            principal = max(target if method is Method.EQUAL_PRINCIPAL else target - asked, paid)
        if principal > paid and principal > paid + planned - apart:
            principal = paid + max(planned - apart, 0)
        carry = found - asked
        rows.principal[k], rows.interest[k] = principal, asked
        planned -= principal - paid
        k += 1
    if carry < 0:
        _not_again(rows, rows.interest, range(len(start)), -carry)


def _not_again(rows: Rows, asked: list[int], which: Iterable[int], paid_elsewhere: int) -> None:
    """Takes interest that was paid with a later instalment than it was found in off what `which` of the rows ask, the last ones first."""
    for k in reversed(list(which)):
        less = min(asked[k] - rows.interest_paid[k] - rows.interest_off[k], paid_elsewhere)
        if less > 0:
            asked[k] -= less
            paid_elsewhere -= less


def _first_unsettled(rows: Rows, interest: Interest, last: int, since: int) -> tuple[int, int]:
    """The first row that `project` might change, and the interest carried into it. Of a `simple` interest.

    Those before it fell due by `since` and were paid all that they ask, which is no less than their target: whatever interest their days
    come to, they ask the same, and what that is more or less goes on to the next."""
    carry = 0
    columns = zip(
        *(rows.kind, rows.grace, rows.due, rows.emi, rows.closed, rows.principal, rows.interest),
        *(rows.principal_paid, rows.principal_off, rows.interest_paid, rows.interest_off),
        strict=True,
    )
    for k, (kind, grace, due, emi, closed, principal, asked, repaid, repaid_off, paid, off) in enumerate(columns):
        if k >= last:
            break
        if kind != NORMAL or grace or due > since or principal != repaid + repaid_off or asked != paid + off or emi > principal + asked:
            return k, carry
        if not -_HALF < closed - asked * SCALE < _HALF:
            carry += interest.minor(closed) - asked
    return max(last, 0), carry


def _own_days(rows: Rows, interest: Interest, k: int, balance: int, planned: int, since: int, on: int) -> int:
    """Interest of row `k` for its days after `since`, in 10**-12 minor units."""
    due, begin = rows.due[k], max(since, rows.start[k])
    if not interest.terms.interest_on_overdue:
        return interest.of(planned, rows, k, begin, due)
    if due <= on:
        return interest.of(balance, rows, k, begin, due)
    if begin < on and planned != balance:
        return interest.of(balance, rows, k, begin, on) + interest.of(planned, rows, k, on, due)
    return interest.of(planned, rows, k, begin, due)


def _project_untouched(rows: Rows, first: int, last: int, planned: int) -> tuple[int, int, int]:
    """What `project` does with rows ahead that nothing has happened to, from row `first` on, in a third of the time: equal instalments over
    whole periods, no grace, nothing paid. Stops at the first row that is another, at the last one, and where interest is carried; tells which
    row comes next, the principal planned to be owed then and the interest carried into it.
    """
    end = max(first, last)
    for column in (rows.kind, rows.grace, rows.closed, rows.principal_paid, rows.principal_off, rows.interest_paid, rows.interest_off):
        if any(column[first:end]):
            end = next(k for k in range(first, end) if column[k])
    principals, interests, carried = rows.principal[first:end], rows.interest[first:end], 0
    for i, (scaled, target) in enumerate(zip(rows.full[first:end], rows.emi[first:end], strict=True)):
        raised = planned * scaled + _HALF
        asked = raised // SCALE
        if asked & 1 and asked * SCALE == raised:  # an exact half goes to the even unit
            asked -= 1
        if asked > target:
            end = first + i
            if target >= 0:
                principals[i], interests[i], carried, end = 0, target, asked - target, end + 1
            break
        principal = target - asked
        if principal > planned:
            principal = planned
        principals[i], interests[i] = principal, asked
        planned -= principal
    rows.principal[first:end], rows.interest[first:end] = principals[: end - first], interests[: end - first]
    return end, planned, carried


def close(rows: Rows, interest: Interest, *, balance: int, since: int, on: int, unpaid: list[int] | None = None) -> None:
    """Writes the interest of the days from `since` to `on` into the rows they belong to, when the balance changes. `unpaid` is the principal
    that each row asked before that, where rows have been paid already (only looked at where overdue principal bears no interest)."""
    planned, overdue = balance, interest.terms.interest_on_overdue
    for k in range(len(rows.due)):
        if rows.kind[k] == NORMAL:
            begin, until = max(since, rows.start[k]), min(rows.due[k], on)
            if begin < until:
                rows.closed[k] += interest.of(balance if overdue else planned, rows, k, begin, until)
            elif rows.start[k] >= on:
                return
        if not overdue:
            planned -= unpaid[k] if unpaid else rows.unpaid_principal(k)


def until_today(rows: Rows, interest: Interest, *, balance: int, since: int, on: int, to: int = 0) -> list[int]:
    """Interest of each row that is not yet due on `on`, for its days until then, paid or not: what an early payment has to pay. `to`: a later
    day up to which it is asked."""
    earned, planned, first, carry, deferred = [0] * len(rows.due), balance, 0, 0, 0
    method, overdue = interest.terms.method, interest.terms.interest_on_overdue
    (last, final), ends = last_ones(rows, method), max(on, to)
    if interest.simple and method is Method.EQUAL_INSTALMENTS:
        first, carry = _first_unsettled(rows, interest, last, since)
    for k in range(first, len(rows.due)):
        if not carry and rows.start[k] >= ends and _nothing_earned(rows, k, ends):
            break
        paid = rows.principal_paid[k] + rows.principal_off[k]
        if rows.kind[k] == NORMAL:
            settled = rows.interest_paid[k] + rows.interest_off[k]
            begin, due = max(since, rows.start[k]), rows.due[k]
            exact = rows.closed[k] + interest.of(balance if overdue else planned, rows, k, begin, min(due, on))
            if to:
                exact += interest.of(balance if overdue else planned, rows, k, max(begin, on), min(due, to))
            found = interest.minor(exact) + carry
            if due <= on:
                carry = found - rows.interest[k]
            else:
                capped = method is Method.EQUAL_INSTALMENTS and k not in (last, final) and not rows.grace[k]
                room = max(rows.emi[k] + deferred - paid, 0)
                fits = found if found <= room or not capped else 0 if paid else room
                earned[k] = max(fits, settled)
                carry = found - earned[k]
            deferred = carry if rows.grace[k] & NO_INTEREST else 0  # the target of the next one is higher by it
        planned -= rows.principal[k] - paid
    if carry < 0:
        _not_again(rows, earned, [k for k in range(len(earned)) if rows.due[k] > on], -carry)
    return earned


def _nothing_earned(rows: Rows, first: int, until: int) -> bool:
    """Whether from row `first` on all begin on `until` or later, and nothing was written into any of them or paid of its interest."""
    written = any(rows.closed[first:]) or any(rows.interest_paid[first:]) or any(rows.interest_off[first:])
    return not written and min(rows.start[first:]) >= until
