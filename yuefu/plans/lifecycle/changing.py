"""What changes an agreement or gives something up: charges, waivers, new calendars, pauses, write-offs."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from itertools import pairwise
from typing import Final

from yuefu.plans.lifecycle.due_days import later_due_days
from yuefu.plans.lifecycle.earning import earned_of
from yuefu.plans.lifecycle.events import (
    DAYS_OUT_OF_ORDER,
    LOAN_WRITTEN_OFF,
    MORE_THAN_OWED,
    NO_SUCH_INSTALMENT,
    NOT_WRITTEN_OFF,
    NOTHING_TO_CHANGE,
    REFUNDS,
    ArrearsPaused,
    BoughtDown,
    Charged,
    ChargedEachInstalment,
    ChargedOff,
    InterestPaused,
    LoanError,
    Paid,
    Reaged,
    Recovered,
    Rescheduled,
    Waived,
)
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.levelling import rounded
from yuefu.plans.lifecycle.paying import drop_fees_not_begun, kept_credit, pay, use_credit, use_credit_for_all
from yuefu.plans.lifecycle.replanning import keep_targets, move_interest_home, relevel, settle_as_planned
from yuefu.plans.lifecycle.rows import EXTRA, NO_INTEREST, NO_PRINCIPAL, NORMAL, PREPAID, Rows
from yuefu.plans.lifecycle.terms import Adjust, Excess, LoanTerms, Part, Payer
from yuefu.plans.lifecycle.work import Work

FOR_EVER: Final = date.max.toordinal()


def charge(work: Work, event: Charged) -> None:
    """Puts the amount into the row of its due day."""
    kept, k = kept_credit(work), work.row_of(event.due_on.toordinal())
    column = work.rows.fees if event.part is Part.FEE else work.rows.penalties
    column[k] += event.amount.minor
    work.charges = (*work.charges, (event.due_on.toordinal(), event.part, event.amount.minor))
    use_credit(work, kept=kept)
    work.parts = {**dict.fromkeys(Part, 0), event.part: event.amount.minor}


def charge_each(work: Work, event: ChargedEachInstalment) -> None:
    """Puts the fee into each instalment not yet due."""
    rows, terms, charged, kept = work.rows, work.terms, 0, kept_credit(work)
    for k in range(work.first_after(work.on), len(rows)):
        if rows.kind[k] == NORMAL:
            fee = rounded((rows.principal[k] + rows.interest[k]) * event.rate.ppm, 1_000_000, terms.unit, terms.rounding)
            rows.fees[k] += fee
            charged += fee
    use_credit(work, kept=kept)
    work.parts = {**dict.fromkeys(Part, 0), Part.FEE: charged}


def waive(work: Work, event: Waived) -> None:
    """Gives up unpaid interest, fees or penalties, oldest first. Raises LoanError for more than is owed of it."""
    rows, left = work.rows, event.amount.minor
    asked, paid, off = {
        Part.INTEREST: (rows.interest, rows.interest_paid, rows.interest_off),
        Part.FEE: (rows.fees, rows.fees_paid, rows.fees_off),
        Part.PENALTY: (rows.penalties, rows.penalties_paid, rows.penalties_off),
    }[event.part]
    for k in range(len(rows)):
        less = min(left, asked[k] - paid[k] - off[k])
        off[k] += less
        left -= less
    if left:
        raise LoanError(MORE_THAN_OWED, f"Of {event.part.value} less than {event.amount} is owed.", "amount")
    work.parts[event.part] += event.amount.minor
    work.refresh()


def reage(work: Work, event: Reaged) -> None:
    """Unpaid principal of all rows moves into new ones; rows to come of which nothing was paid or charged disappear, and the fees of
    periods to come with them."""
    rows, first, ppm = work.rows, event.first_due_on.toordinal(), _rate(work)
    days = later_due_days(work.terms, event.first_due_on, event.periods, event.frequency, event.every, work.terms.due_day)
    work.settle_interest()
    drop_fees_not_begun(work)
    _keep_days_free(work)
    running = (rows.start[k] for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] <= work.on < rows.due[k])
    begin = max(running, default=min(max(rows.due, default=work.on), work.on))
    moved, earned = _take_out_unpaid(work, range(len(rows)))
    fees = penalties = 0
    for k in range(len(rows) - 1, -1, -1):
        if rows.due[k] <= work.on:
            continue
        if rows.due[k] >= first:  # what was charged for so late falls due with the new instalments
            fee, penalty = (asked[k] - paid[k] - off[k] for part, asked, paid, off in _columns(rows) if part in {Part.FEE, Part.PENALTY})
            rows.fees[k], rows.penalties[k] = rows.fees[k] - fee, rows.penalties[k] - penalty
            fees, penalties = fees + fee, penalties + penalty
        if not rows.principal[k] and not rows.fees[k] and not rows.penalties[k] and not rows.held(k):
            earned += rows.closed[k]
            rows.drop(k)
        elif rows.kind[k] == NORMAL:  # paid in part, or charged for: that stays with it, its days go to the new ones
            settled, unpaid = rows.interest_paid[k] + rows.interest_off[k], rows.unpaid_costs(k)
            earned += rows.closed[k] - settled * SCALE
            rows.kind[k], rows.interest[k], rows.due[k] = EXTRA if unpaid else PREPAID, settled, rows.due[k] if unpaid else work.on
            rows.start[k] = min(rows.start[k], work.on)
    at = len(rows)
    _append(work, [day.toordinal() for day in days], ppm, at=at, begin=begin)
    rows.principal[at], rows.fees[at], rows.penalties[at] = moved, fees, penalties
    rows.closed[at] = earned  # of the days so far that no instalment has asked
    work.parts[Part.PRINCIPAL] += moved
    relevel(work, at)


def _keep_days_free(work: Work) -> None:
    """Days that were agreed to be free of interest stay so in other instalments: as a pause."""
    rows = work.rows
    free = [rows.due[k] for k in range(len(rows)) if rows.kind[k] == NORMAL and work.is_free(k)]
    if free and max(free) > work.on:
        work.pauses = _with_pause(work.pauses, work.on, max(free))
        work.renew_interest()


def _rate(work: Work) -> int:
    """The rate of new instalments: that of the last one."""
    rows = work.rows
    return next((rows.ppm[k] for k in range(len(rows) - 1, -1, -1) if rows.kind[k] == NORMAL), work.terms.rate_of_consumer)


def reamortise(work: Work) -> None:
    """Unpaid principal of rows due by the day is spread over those due later. Raises LoanError where there is none of either."""
    rows, on = work.rows, work.on
    ahead = [k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.due[k] > on]
    work.settle_interest()
    moved, carried = _take_out_unpaid(work, [k for k in range(len(rows)) if rows.due[k] <= on]) if ahead else (0, 0)
    if not moved:
        raise LoanError(NOTHING_TO_CHANGE, f"On {date.fromordinal(on)} nothing has fallen due that later instalments could take.", "on")
    work.parts[Part.PRINCIPAL] += moved
    rows.closed[ahead[0]] += carried
    if work.terms.recalculate and work.terms.annual_rate.ppm:
        relevel(work, ahead[0])
        return
    share, left = rounded(moved, len(ahead), work.terms.step, work.terms.rounding), moved
    for k in ahead:
        more = left if k == ahead[-1] else min(share, left)
        left -= more
        rows.principal[k] += more
        rows.emi[k] += more


def _take_out_unpaid(work: Work, which: range | list[int]) -> tuple[int, int]:
    """The unpaid principal of some rows, and the interest of those that fell due which none of them asks (10**-12); both are out of them then."""
    rows, moved, carried = work.rows, 0, 0
    for k in which:
        unpaid = rows.unpaid_principal(k)
        rows.principal[k] -= unpaid
        rows.emi[k] = min(rows.emi[k], rows.principal[k] + rows.interest[k])
        moved += unpaid
        if rows.due[k] <= work.on and rows.kind[k] == NORMAL:
            rows.kind[k] = EXTRA
            carried += work.interest.minor(rows.closed[k]) - rows.interest[k]
    return moved, max(carried, 0) * SCALE if work.terms.recalculate else 0


def _append(work: Work, days: list[int], ppm: int, *, at: int, begin: int) -> None:
    """Instalments from position `at` on, the first period of which begins on `begin`, at a rate."""
    for k, (start, day) in enumerate(pairwise((begin, *days)), start=at):
        work.rows.insert(k, kind=NORMAL, start=start, due=day, ppm=ppm, full=factor(work.terms, ppm, start, day, start, day))


def _anchor(terms: LoanTerms, last: date) -> int:
    """The day of the month that instalments after `last` keep: the agreed one, unless they have been moved away from it."""
    agreed = terms.due_day or (terms.first_due_on or terms.disbursed_on).day
    clamped = last.day == min(agreed, monthrange(last.year, last.month)[1])
    return agreed if clamped or terms.adjust is not Adjust.NONE else last.day


def reschedule(work: Work, event: Rescheduled) -> None:
    """Changes the calendar, the rate or the grace of the instalments from one due day on. Raises LoanError where there is none."""
    rows, terms, due = work.rows, work.terms, event.from_due_on.toordinal()
    first = next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.due[k] >= due), -1)
    if first < 0:
        raise LoanError(NO_SUCH_INSTALMENT, f"No instalment is due on {event.from_due_on} or later.", "from_due_on")
    ahead = [k for k in range(first, len(rows)) if rows.kind[k] == NORMAL]
    more = event.extra_periods + event.grace_principal  # what is not repaid for some periods takes as many more
    if event.new_due_on:
        if event.new_due_on.toordinal() <= rows.start[first]:
            raise LoanError(DAYS_OUT_OF_ORDER, f"The instalment cannot move to {event.new_due_on}.", "new_due_on")
        later = later_due_days(terms, event.new_due_on, len(ahead) + more, terms.frequency, terms.every)
        days = [day.toordinal() for day in later]
    else:
        last = date.fromordinal(rows.due[ahead[-1]])
        later = later_due_days(terms, last, more + 1, terms.frequency, terms.every, _anchor(terms, last))[1:]
        days = [*(rows.due[k] for k in ahead), *(day.toordinal() for day in later)]
    ppm = None if event.annual_rate is None or terms.interest_payer is not Payer.CONSUMER else event.annual_rate.ppm
    if ppm is not None:  # the days so far keep their rate
        work.settle_interest()
        settle_as_planned(work, first)
        work.rates = (*work.rates, (max(work.on, rows.start[first]), ppm))
    at = ahead[-1] + 1
    _append(work, days[len(ahead) :], _rate(work), at=at, begin=rows.due[ahead[-1]])
    ahead += range(at, at + more)
    start = rows.start[first]
    for position, (k, day) in enumerate(zip(ahead, days, strict=True)):
        rows.start[k], rows.due[k] = start, day
        rows.ppm[k] = rows.ppm[k] if ppm is None or work.is_free(k) else ppm
        rows.grace[k] |= (NO_PRINCIPAL if position < event.grace_principal else 0) | (NO_INTEREST if position < event.grace_interest else 0)
        rows.full[k] = factor(terms, rows.ppm[k], start, day, start, day)
        start = day
    work.settle_interest()
    move_interest_home(work)
    only_moved = event.new_due_on and not event.extra_periods and ppm is None and not event.grace_principal and not event.grace_interest
    if only_moved:
        keep_targets(work, first)
    else:
        relevel(work, first)


def pause_interest(work: Work, event: InterestPaused) -> None:
    """No interest for the nights before each of its days."""
    work.pauses = _with_pause(work.pauses, event.first.toordinal() - 1, event.last.toordinal())
    _bear_less(work)


def _bear_less(work: Work) -> None:
    """What rows ask after a new pause: where interest stays as scheduled, that of the days that are left."""
    work.renew_interest()
    work.refresh()
    if work.terms.recalculate:
        return
    rows, planned = work.rows, sum(work.rows.principal)
    for k in range(len(rows)):
        if rows.kind[k] == NORMAL and rows.due[k] > work.on:
            settled = rows.interest_paid[k] + rows.interest_off[k]
            borne = work.interest.minor(work.interest.of(planned, rows, k, rows.start[k], rows.due[k]))
            rows.interest[k] = max(min(rows.interest[k], borne), settled)
        planned -= rows.principal[k]


def pause_arrears(work: Work, event: ArrearsPaused) -> None:
    """Days that do not count as days of delinquency."""
    work.arrears_pauses = _with_pause(work.arrears_pauses, event.first.toordinal(), event.last.toordinal())


def _with_pause(pauses: tuple[tuple[int, int], ...], begin: int, end: int) -> tuple[tuple[int, int], ...]:
    """The pauses with one more, in order; those that touch become one."""
    joined: list[tuple[int, int]] = []
    for one in sorted((*pauses, (begin, end))):
        if joined and one[0] <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], one[1]))
        else:
            joined.append(one)
    return tuple(joined)


def charge_off(work: Work, event: ChargedOff) -> None:
    """Marks the loan; with `stops_interest` no night from then on bears any."""
    work.charged_off_on = work.on
    for part, asked, paid, off in _columns(work.rows):
        work.parts[part] += sum(asked) - sum(paid) - sum(off)
    if event.stops_interest:
        work.pauses = _with_pause(work.pauses, work.on, FOR_EVER)
        _bear_less(work)


def write_off(work: Work) -> None:
    """Gives up all that is unpaid and no credit balance can pay. Raises LoanError where it has been written off before."""
    if work.written_off_on:
        raise LoanError(LOAN_WRITTEN_OFF, f"The loan was written off on {date.fromordinal(work.written_off_on)}.", "on")
    rows, brought = work.rows, earned_of(work)
    waived = sum(map(sum, (rows.interest_off, rows.fees_off, rows.penalties_off)))
    use_credit_for_all(work)
    work.parts = dict.fromkeys(Part, 0)
    settled = sum(map(sum, (rows.interest_paid, rows.fees_paid, rows.penalties_paid))) + waived
    principal = 0
    for k in range(len(rows)):
        for part, asked, paid, off in _columns(rows):
            open_ = asked[k] - paid[k] - off[k]
            off[k] += open_
            work.parts[part] += open_
            principal += open_ if part is Part.PRINCIPAL else 0
    work.move_balance(-principal)
    work.written_off_on = work.on
    work.given_up = principal + brought.interest + brought.fees + brought.penalties - settled
    work.recovery = 0


def _columns(rows: Rows) -> tuple[tuple[Part, list[int], list[int], list[int]], ...]:
    return (
        (Part.PRINCIPAL, rows.principal, rows.principal_paid, rows.principal_off),
        (Part.INTEREST, rows.interest, rows.interest_paid, rows.interest_off),
        (Part.FEE, rows.fees, rows.fees_paid, rows.fees_off),
        (Part.PENALTY, rows.penalties, rows.penalties_paid, rows.penalties_off),
    )


def recover(work: Work, event: Recovered) -> None:
    """Counts what came in after the write-off; what is beyond that is credit balance. Raises LoanError before one, unless the loan is to tell."""
    if not work.written_off_on and event.capped:
        pay(work, Paid(event.on, event.amount, event.by, Excess.NEXT, interest_refund=event.by in REFUNDS))
        return
    if not work.written_off_on:
        raise LoanError(NOT_WRITTEN_OFF, "Only what was written off can be recovered; before that it is a repayment.", "on")
    beyond = event.beyond.minor if event.beyond else 0
    if event.capped:
        beyond = max(event.amount.minor - max(work.given_up - work.recovered, 0), 0)
    work.recovery = event.amount.minor - beyond
    work.recovered += work.recovery
    work.overpaid += beyond
    work.credit += beyond


def buy_down(work: Work, event: BoughtDown) -> None:
    """Counts what the merchant paid."""
    work.bought_down += event.amount.minor
