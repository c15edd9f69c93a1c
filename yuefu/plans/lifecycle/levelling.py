"""Rows for what is lent, and their targets: the equal instalment, the equal principal, the flat one.

EMI = (P × Π(1 + f_k) - B) / fn_n with fn_1 = 1 and fn_k = 1 + fn_(k-1) × (1 + f_k): the equation of value of a declining balance, P the principal,
f_k the factor of period k, B the balloon. Then up to three passes that even out the last instalment: where it differs from the others by more
minor units than half their number, the difference is spread over them, and kept if it shrinks and no more instalments are empty. Where some
instalments repay no principal interest waits for later ones, unlike in the equation: there the level instalment is sought by halving.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.factors import SCALE, factor, nominal_factor
from yuefu.plans.lifecycle.rows import NO_INTEREST, NO_PRINCIPAL, NORMAL, UPFRONT, Interest, Rows, project
from yuefu.plans.lifecycle.terms import Fee, FeeWhen, InstalmentRate, LoanTerms, Method, Payer, Remainder, Tranches

EVENING_PASSES: Final = 3
_TRIES: Final = 4


def rounded(numerator: int, denominator: int, step: int, rounding: Rounding) -> int:
    """numerator / denominator as a multiple of `step`."""
    return divide(numerator, denominator * step, rounding) * step


def planned_rows(terms: LoanTerms) -> Rows:
    """One row a period, with its days, rate, grace and fees, and no target yet."""
    days = [day.toordinal() for day in due_days(terms)]
    starts, free = [terms.disbursed_on.toordinal(), *days[:-1]], terms.interest_free
    rate = terms.rate_of_consumer  # the schedule is what the consumer pays
    ppm = [0] * free + [rate] * (len(days) - free)
    no_principal, no_interest = terms.grace_principal, terms.grace_interest
    grace = [(NO_PRINCIPAL if k < no_principal else 0) | (NO_INTEREST if k < no_interest else 0) for k in range(len(days))]
    full = [factor(terms, each, start, due, start, due) for each, start, due in zip(ppm, starts, days, strict=True)]
    rows = Rows.of(kind=[NORMAL] * len(days), start=starts, due=days, ppm=ppm, grace=grace, full=full)
    rows.fees = [fees_minor(terms, FeeWhen.EACH_PERIOD, terms.principal.minor)] * len(days)
    return rows


def add_upfront(terms: LoanTerms, rows: Rows, amount: int, on: int, *, first: bool) -> int:
    """Adds the row that is due when `amount` is lent, if anything is: the down payment and, at the first time, fees. Its position, or -1."""
    down, fees = down_payment_minor(terms, amount), fees_minor(terms, FeeWhen.UPFRONT, terms.principal.minor) if first else 0
    if not down and not fees:
        return -1
    # An instalment of the same day that takes nothing of what is lent comes first: it is paid first.
    after = terms.tranches is Tranches.NEXT and not first
    at = sum(due < on or (due == on and (after or kind == UPFRONT)) for due, kind in zip(rows.due, rows.kind, strict=True))
    rows.insert(at, kind=UPFRONT, start=on, due=on)
    rows.principal[at] = rows.emi[at] = down
    rows.fees[at] = fees
    return at


def down_payment_minor(terms: LoanTerms, amount: int) -> int:
    """The down payment on `amount` disbursed, in minor units; an agreed amount is asked once, of the whole principal pro rata."""
    down = terms.down_payment
    if down is None:
        return 0
    if isinstance(down, Money):
        return min(rounded(down.minor * amount, terms.principal.minor, terms.unit, terms.rounding), amount)
    return min(rounded(amount * down.ppm, 1_000_000, terms.unit, terms.rounding), amount)


def fees_minor(terms: LoanTerms, when: FeeWhen, principal: int, payer: Payer = Payer.CONSUMER) -> int:
    """What one `payer` is asked each time a fee of that kind is charged, in minor units."""
    return sum(fee_minor(terms, fee, principal) for fee in terms.fees if fee.when is when and fee.payer is payer)


def fee_minor(terms: LoanTerms, fee: Fee, principal: int) -> int:
    """One fee, charged once, in minor units."""
    if fee.amount is not None:
        return fee.amount.minor
    assert fee.rate is not None
    return rounded(principal * fee.rate.ppm, 1_000_000, terms.unit, terms.rounding)


def equal_instalment(principal: int, factors: Sequence[int], *, balloon: int, step: int, rounding: Rounding) -> int:
    """The instalment that repays `principal` but for `balloon` over periods of these factors (10**-12), a multiple of `step`."""
    growth, annuity, power = SCALE + factors[0], 1, 1
    for each in factors[1:]:
        power *= SCALE
        annuity = power + annuity * (SCALE + each)
        growth *= SCALE + each
    return rounded(principal * growth - balloon * power * SCALE, SCALE * annuity, step, rounding)


def level(rows: Rows, interest: Interest, first: int, *, balance: int, since: int, on: int) -> None:
    """New targets for the instalments from row `first` on, which repay what is planned to be owed then; and all rows projected."""
    terms = interest.terms
    ahead = [k for k in range(first, len(rows)) if rows.kind[k] == NORMAL]
    if first or not ahead:
        project(rows, interest, balance=balance, since=since, on=on)
    if not ahead:
        return
    apart = sum(rows.unpaid_principal(k) for k in range(len(rows)) if k < first or rows.kind[k] != NORMAL)
    owed = balance - apart + sum(rows.principal_paid[k] for k in ahead)
    paying = [k for k in ahead if not rows.grace[k] & NO_PRINCIPAL] or ahead[-1:]
    balloon = terms.balloon.minor if terms.balloon else 0
    if terms.method is Method.FLAT:
        deferred = 0
        for k in paying:
            each = interest.minor(interest.of(balance, rows, k, rows.start[k], rows.due[k]))
            rows.emi[k] = rounded(owed - balloon + each * len(paying), len(paying), terms.step, terms.rounding)
            graced = bool(rows.grace[k] & NO_INTEREST)  # its interest is asked by the next one
            rows.emi[k], deferred = rows.emi[k] + (-each if graced else deferred), deferred + each if graced else 0
    elif terms.method is Method.EQUAL_PRINCIPAL:
        for k in paying:
            rows.emi[k] = rounded(owed - balloon, len(paying), terms.unit, terms.rounding)
    else:
        # Interest that is asked later takes no principal's place in the first instalments: as if they bore none.
        factors = [0 if rows.grace[k] & NO_INTEREST else _level_factor(terms, rows, k) for k in paying]
        instalment = equal_instalment(owed, factors, balloon=balloon, step=terms.step, rounding=terms.rounding)
        for k in paying:
            rows.emi[k] = instalment
    project(rows, interest, balance=balance, since=since, on=on)
    if terms.remainder is Remainder.FIRST:
        _put_first(rows, interest, paying, balance=balance, since=since, on=on, balloon=balloon)
    elif terms.even_out and terms.method is Method.EQUAL_INSTALMENTS and not balloon:
        for _ in range(EVENING_PASSES):
            if not _even_out(rows, interest, paying, balance=balance, since=since, on=on):
                break
        if any(not rows.principal[k] for k in paying[:-1]):
            _seek_even(rows, interest, paying, balance=balance, since=since, on=on)
    if terms.ceilings is not None:
        _stay_below(rows, interest, paying, terms.ceilings, balance=balance, since=since, on=on)


def _stay_below(rows: Rows, interest: Interest, paying: list[int], ceilings: Sequence[int], *, balance: int, since: int, on: int) -> None:
    """Where an instalment asks more than its ceiling: the lowest level, each asking that or its ceiling, that leaves the last one no more than the
    others. A higher level repays earlier, so the last only falls. Where no level does, the rows stay as they are."""
    plan = [k for k in range(len(rows)) if rows.kind[k] == NORMAL]
    if len(plan) > len(ceilings):
        return
    most = dict(zip(plan, ceilings, strict=False))
    if all(_asked(rows, k) <= most[k] for k in paying):
        return
    before, last = (rows.emi[:], rows.principal[:], rows.interest[:]), paying[-1]

    def holds(level: int) -> bool:
        for k in paying:
            rows.emi[k] = min(level, most[k])
        project(rows, interest, balance=balance, since=since, on=on)
        return _asked(rows, last) <= min(level, most[last])

    levels = range(max(ceilings) + 1)
    at = bisect_left(levels, True, key=holds)
    if at == len(levels) or not holds(at):
        rows.emi, rows.principal, rows.interest = before


def _level_factor(terms: LoanTerms, rows: Rows, k: int) -> int:
    if terms.instalment_rate is InstalmentRate.NOMINAL:
        return nominal_factor(terms, rows.ppm[k])
    return rows.full[k]


def _asked(rows: Rows, k: int) -> int:
    return rows.principal[k] + rows.interest[k]


def _even_out(rows: Rows, interest: Interest, paying: list[int], *, balance: int, since: int, on: int) -> bool:
    """Spreads what the last instalment differs by, and keeps it if the difference becomes smaller and no instalment empty: whether it did."""
    terms, last, count = interest.terms, paying[-1], len(paying)
    instalment = rows.emi[paying[0]]
    difference = _asked(rows, last) - instalment
    if count < 2 or abs(difference) <= count // 2:
        return False
    other = instalment + rounded(difference, count, terms.step, terms.rounding)
    if other == instalment:
        return False
    before, empty = (rows.emi[:], rows.principal[:], rows.interest[:]), _empty(rows, paying)
    for k in paying:
        rows.emi[k] = other
    project(rows, interest, balance=balance, since=since, on=on)
    if abs(_asked(rows, last) - other) >= abs(difference) or _empty(rows, paying) > empty:
        rows.emi, rows.principal, rows.interest = before
        return False
    return True


def _seek_even(rows: Rows, interest: Interest, paying: list[int], *, balance: int, since: int, on: int) -> None:
    """The least instalment, in steps, beside which the last one asks no more; kept under the same conditions as in `_even_out`."""
    step, last, before, empty = interest.terms.step, paying[-1], (rows.emi[:], rows.principal[:], rows.interest[:]), _empty(rows, paying)
    difference = _asked(rows, last) - rows.emi[paying[0]]
    if difference >= -(len(paying) // 2):
        return

    def beside(instalment: int) -> int:
        for k in paying:
            rows.emi[k] = instalment
        project(rows, interest, balance=balance, since=since, on=on)
        return _asked(rows, last) - instalment

    low, high = 0, rows.emi[paying[0]] // step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if beside(middle * step) <= 0 else (middle, high)
    if abs(beside(high * step)) >= abs(difference) or _empty(rows, paying) > empty:
        rows.emi, rows.principal, rows.interest = before


def _empty(rows: Rows, paying: list[int]) -> int:
    return sum(not _asked(rows, k) for k in paying)


def _put_first(rows: Rows, interest: Interest, paying: list[int], *, balance: int, since: int, on: int, balloon: int) -> None:
    """Moves what the last instalment differs by into the first one, discounted by the growth between them."""
    terms, first, last = interest.terms, paying[0], paying[-1]
    if first == last:
        return
    growth, power = 1, 1
    for k in paying[1:]:
        growth, power = growth * (SCALE + _level_factor(terms, rows, k)), power * SCALE
    if terms.method is not Method.EQUAL_INSTALMENTS:
        growth = power = 1
    others = rows.emi[paying[1]]
    for _ in range(_TRIES):
        asked = rows.principal[last] if terms.method is Method.EQUAL_PRINCIPAL else _asked(rows, last)
        difference = asked - balloon - others
        if not difference:
            return
        change = rounded(difference * power, growth, terms.unit, terms.rounding)
        rows.emi[first] += change or (1 if difference > 0 else -1) * terms.unit
        for k in paying[1:]:
            rows.emi[k] = others
        before = (rows.emi[:], rows.principal[:], rows.interest[:])
        project(rows, interest, balance=balance, since=since, on=on)
        if abs(_asked(rows, last) - balloon - others) >= abs(difference) and change == 0:
            rows.emi, rows.principal, rows.interest = before
            return
