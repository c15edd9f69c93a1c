"""Money repaid before it is due that leaves fewer instalments, smaller ones, or the next ones lower."""

from __future__ import annotations

from yuefu.plans.lifecycle.levelling import fees_minor
from yuefu.plans.lifecycle.replanning import relevel
from yuefu.plans.lifecycle.rows import NORMAL, PREPAID
from yuefu.plans.lifecycle.terms import Excess, FeeWhen, Part
from yuefu.plans.lifecycle.waterfall import Till, principal_target
from yuefu.plans.lifecycle.work import Work


def period_fee(work: Work, k: int) -> int:
    """The agreed fee of the period of row `k`, as far as it is unpaid."""
    terms, rows = work.terms, work.rows
    each = fees_minor(terms, FeeWhen.EACH_PERIOD, terms.principal.minor) if terms.fees else 0
    return min(each, rows.fees[k] - rows.fees_paid[k] - rows.fees_off[k])


def prepay(work: Work, amount: int, excess: Excess) -> int:
    """Lowers the principal of later instalments by up to `amount`: they become fewer, or smaller, or the next ones lower. What is left over.

    It is told with the instalment in whose period it came; on the day of a disbursement, in a row of its own."""
    rows, on = work.rows, work.on
    running = next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] < on <= rows.due[k]), -1)
    first = running + 1 if running >= 0 else next((k for k in range(len(rows)) if rows.due[k] > on), len(rows))
    taken = min(amount, sum(rows.unpaid_principal(k) for k in range(first, len(rows)) if rows.kind[k] == NORMAL))
    if not taken:
        return amount
    work.move_balance(-taken)
    if running < 0:
        running, first = first, first + 1
        rows.insert(running, kind=PREPAID, start=rows.start[running], due=on)
        rows.start[first] = on
    rows.emi[running] += taken
    rows.principal[running] += taken
    Till(work, taken).put(running, Part.PRINCIPAL, taken)
    if excess is Excess.SMALLER:
        relevel(work, first, -taken)
    elif excess is Excess.LESS_NEXT:
        _lower_next(work, first, taken)
    else:
        _shorten(work, first, taken)
    return amount - taken


def _lower_next(work: Work, first: int, taken: int) -> None:
    """The next instalments repay less, one after the other, by `taken` in all: what was to be repaid with them has been."""
    rows, terms = work.rows, work.terms
    for k in range(first, len(rows)):
        if taken and rows.kind[k] == NORMAL:
            work.refresh()  # each finds the balance that the ones before leave it
            asked = principal_target(terms, rows, k, rows.interest[k]) if terms.recalculate else rows.principal[k]
            less = max(min(taken, asked - rows.principal_paid[k] - rows.principal_off[k]), 0)
            rows.emi[k] -= less
            rows.principal[k] -= 0 if terms.recalculate else less
            taken -= less
    work.refresh()


def _shorten(work: Work, first: int, taken: int) -> None:
    """Drops instalments from the end that have nothing left to ask; the one before takes the rest."""
    rows = work.rows
    if work.terms.recalculate:
        work.refresh()
    else:
        for k in range(len(rows) - 1, first - 1, -1):
            less = min(taken, rows.unpaid_principal(k)) if rows.kind[k] == NORMAL else 0
            rows.principal[k] -= less
            rows.emi[k] -= less
            taken -= less
            if less and not rows.unpaid_principal(k):
                rows.interest[k] = rows.interest_paid[k] + rows.interest_off[k]
    for k in range(len(rows) - 1, first - 1, -1):
        if rows.kind[k] == NORMAL and (rows.unpaid(k) > rows.unpaid_costs(k) or rows.held(k)):
            break  # before the end nothing is dropped: its days count
        if rows.kind[k] == NORMAL and not rows.principal[k] and not rows.interest[k] and not rows.held(k) and not rows.fees_paid[k]:
            rows.fees[k] -= period_fee(work, k)
            if not rows.fees[k] and not rows.penalties[k]:  # what was charged apart stays due on its day
                rows.drop(k)
    work.refresh()
