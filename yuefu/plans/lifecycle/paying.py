"""Money that goes to the consumer and comes in: what lending, payments and refunds do to the rows of a loan."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise

from yuefu.money.rates import Rounding, divide
from yuefu.plans.lifecycle.due_days import later_due_days
from yuefu.plans.lifecycle.events import (
    MORE_THAN_AGREED,
    MORE_THAN_OWED,
    NO_SUCH_INSTALMENT,
    NOTHING_OWED,
    REFUNDS,
    Disbursed,
    LoanError,
    Paid,
    PaidInstalment,
    PaidOff,
)
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.levelling import add_upfront, planned_rows, rounded
from yuefu.plans.lifecycle.prepaying import period_fee, prepay
from yuefu.plans.lifecycle.replanning import move_interest_home, relevel
from yuefu.plans.lifecycle.rows import NORMAL
from yuefu.plans.lifecycle.terms import Excess, LoanTerms, PaidBy, Part, Tranches, Waterfall
from yuefu.plans.lifecycle.waterfall import REPAID_AT_ONCE, Till, pour
from yuefu.plans.lifecycle.work import Work


def disburse(work: Work, event: Disbursed) -> None:
    """Lends `amount`: rows at the first time, new targets for those still to come at each later one. Raises LoanError for more than agreed."""
    amount, first_time, kept = event.amount.minor, not work.lent, kept_credit(work)
    if work.lent + amount > work.terms.principal.minor:
        agreed = work.terms.principal
        raise LoanError(MORE_THAN_AGREED, f"{agreed} are agreed; {event.amount} more would be lent than that.", "amount")
    if first_time:
        work.rows, work.since = planned_rows(work.terms), work.on
    no_row_left = not first_time and work.first_after(work.on) == len(work.rows)
    work.move_balance(amount)
    move_interest_home(work)
    work.lent += amount
    upfront = add_upfront(work.terms, work.rows, amount, work.on, first=first_time)
    down = work.rows.principal[upfront] if upfront >= 0 else 0
    if no_row_left:  # no instalment is left that could take it
        k = work.row_of(work.on if work.terms.tranches is Tranches.NEXT else _one_step_later(work))
        work.rows.principal[k] += amount - down
        work.rows.emi[k] += amount - down
        work.refresh()
    else:
        relevel(work, _first_to_repay(work), amount - down)
    if down and work.terms.down_payment_auto:
        till = Till(work, work.rows.principal[upfront])
        till.take(upfront, Part.PRINCIPAL)
        _book(work, till)
    use_credit(work, kept=kept)


def _first_to_repay(work: Work) -> int:
    """The first instalment that repays what is lent now."""
    tranches = work.terms.tranches
    if tranches is Tranches.NEXT:
        return work.first_after(work.on)
    return work.first_after(work.on - 1 if tranches is Tranches.SAME_DAY else 0)


def _one_step_later(work: Work) -> int:
    """The day on which one more instalment would be due."""
    terms, last = work.terms, date.fromordinal(work.rows.due[-1])
    return later_due_days(terms, last, 2, terms.frequency, terms.every, terms.due_day)[1].toordinal()


def pay(work: Work, event: Paid) -> None:
    """Credits an amount by the waterfall of its kind. What no part of the loan can take becomes credit balance."""
    waterfall = work.terms.waterfall_of(event.by)
    amount, excess = event.amount.minor, event.excess or waterfall.excess
    whole = event.by in REFUNDS and amount >= work.balance  # all that was lent is given back
    refund = _interest_on(work, amount, whole=whole) if event.interest_refund else 0
    if event.interest_refund:
        work.refunds = (*work.refunds, (work.on, amount, refund))
    if whole:
        excess = Excess.NEXT if excess is Excess.KEEP else excess
        drop_fees_not_begun(work)
        refund -= _drop_interest_as_scheduled(work, given_back=event.interest_refund)
    _credit(work, amount, waterfall, excess)
    if event.by is PaidBy.REPAYMENT or event.by is PaidBy.DOWN_PAYMENT:
        _keep_parts(work)
    if refund > 0:
        _refund_interest(work, refund, Excess.NEXT if whole else event.excess)


def _keep_parts(work: Work) -> None:
    """What a payment paid, for a charge-back of it."""
    principal, interest, fees, penalties = work.parts.values()
    work.payments.append((work.on, principal, interest, fees, penalties))


def pay_instalment(work: Work, event: PaidInstalment) -> None:
    """Books an amount for one part of one instalment. Raises LoanError where there is no such instalment, or less of it is owed."""
    due = event.due_on.toordinal()
    k = next((k for k in range(len(work.rows)) if work.rows.kind[k] == NORMAL and work.rows.due[k] == due), -1)
    if k < 0:
        raise LoanError(NO_SUCH_INSTALMENT, f"No instalment is due on {event.due_on}.", "due_on")
    till = Till(work, event.amount.minor)
    most = _most_of(till, k, event.part)
    if event.amount.minor > most:
        raise LoanError(MORE_THAN_OWED, f"Of {event.part.value} of {event.due_on} less than {event.amount} is owed.", "amount")
    till.put(k, event.part, event.amount.minor)
    _book(work, till)


def _most_of(till: Till, k: int, part: Part) -> int:
    """What can be paid of one part of one instalment: where interest follows the balance, any principal and all the interest it will have."""
    rows, work = till.work.rows, till.work
    if part is Part.PRINCIPAL:
        return work.balance if work.terms.recalculate else rows.unpaid_principal(k)
    if part is Part.INTEREST:
        return max(till.open(k, part), rows.interest[k] - rows.interest_paid[k] - rows.interest_off[k])
    return till.open(k, part)


def pay_off(work: Work, event: PaidOff) -> None:
    """Pays what ends the loan on the day: exactly, or out of the amount that came, which is not enough any more or too much where something earlier was
    entered since. Raises LoanError where nothing is owed and no amount is said to have come."""
    till, came = Till(work, 0, to=_rest_day(work)), event.amount.minor if event.amount else None
    till.left = _payoff(till)
    if came is not None and came + work.overpaid < till.left:
        _credit(work, came, work.terms.waterfall, Excess.NEXT)
        _keep_parts(work)
        return
    if not till.left and came is None:
        raise LoanError(NOTHING_OWED, f"Nothing of the loan is owed on {event.on}.", "on")
    from_credit = min(work.overpaid, till.left)
    beyond = 0 if came is None else came - (till.left - from_credit)
    work.overpaid += beyond - from_credit
    work.credit += beyond - from_credit
    drop_fees_not_begun(work)
    pour(till, work.terms.waterfall, Excess.NEXT)
    _sweep(till)
    _book(work, till)
    _keep_parts(work)


def payoff_minor(work: Work) -> int:
    """What ends the loan on the day of `work`: all that is due, the interest of the running period so far (or to its end), all principal;
    of the fees of each period those of periods begun. A credit balance pays its part of it."""
    return max(_payoff(Till(work, 0, to=_rest_day(work))) - work.overpaid, 0)


def _payoff(till: Till) -> int:
    rows = range(len(till.work.rows))
    costs = sum(till.open(k, part) for k in rows for part in (Part.INTEREST, Part.FEE, Part.PENALTY))
    return costs - sum(amount for _, amount in _fees_not_begun(till.work)) + till.work.balance


def _fees_not_begun(work: Work) -> list[tuple[int, int]]:
    """The agreed fee of each period that has not begun on the day, as far as it is unpaid, with its row."""
    if not work.terms.fees:
        return []
    rows = work.rows
    return [(k, period_fee(work, k)) for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] >= work.on]


def drop_fees_not_begun(work: Work) -> None:
    """Fees of periods to come are not asked of one who ends the loan, or agrees on another one."""
    for k, amount in _fees_not_begun(work):
        work.rows.fees[k] -= amount


def _rest_day(work: Work) -> int:
    """The day up to which an early end bears interest, where that is the end of the running period; else 0."""
    if not work.terms.payoff_to_rest_date:
        return 0
    first = work.first_after(work.on - 1)
    return work.rows.due[first] if first < len(work.rows) else 0


def _credit(work: Work, amount: int, waterfall: Waterfall, excess: Excess) -> None:
    till = Till(work, amount)
    # What ends the loan is never less than the principal, so most payments need not be compared with it.
    if excess is not Excess.KEEP and work.terms.fees and amount >= work.balance and amount >= _payoff(till):
        drop_fees_not_begun(work)
    pour(till, waterfall, excess)
    _book(work, till)
    if till.left and excess in REPAID_AT_ONCE and work.balance:
        till.left = prepay(work, till.left, excess)
    if till.left and excess is not Excess.KEEP and any(work.rows.all_unpaid()):
        rest = Till(work, till.left)
        pour(rest, waterfall, Excess.NEXT)
        _sweep(rest)
        _book(work, rest)
        till.left = rest.left
    work.overpaid += till.left
    work.credit += till.left


def _sweep(till: Till) -> None:
    """Principal that no instalment asks early (grace moves it to the end) is paid with the last one, so that no credit balance stands beside
    principal owed."""
    work = till.work
    principal = min(till.left, work.balance - till.principal)
    last = next((k for k in reversed(range(len(work.rows))) if work.rows.kind[k] == NORMAL), -1)
    if principal > 0 and last >= 0 and work.terms.recalculate:
        till.put(last, Part.PRINCIPAL, principal)


def _book(work: Work, till: Till) -> None:
    """After rows were paid: the principal paid leaves the balance and, with it, its interest."""
    work.move_balance(-till.principal)
    work.refresh()


def kept_credit(work: Work) -> bool:
    """Whether a credit balance stands beside what is still to come, because who paid it wanted it kept."""
    return bool(work.overpaid) and any(work.rows.all_unpaid())


def use_credit(work: Work, *, kept: bool) -> None:
    """A credit balance pays what is newly owed: where it was `kept`, what of it is due."""
    if work.overpaid:
        _use(work, Excess.KEEP if kept else work.terms.waterfall.excess)


def use_credit_for_dues(work: Work) -> None:
    """A credit balance that was kept pays what is due on the day."""
    _use(work, Excess.KEEP)


def use_credit_for_all(work: Work) -> None:
    """A credit balance pays whatever is owed, due or not."""
    if work.overpaid:
        _use(work, Excess.NEXT)


def _use(work: Work, excess: Excess) -> None:
    amount, work.overpaid = work.overpaid, 0
    _credit(work, amount, work.terms.waterfall, excess)
    work.credit -= amount


def _interest_on(work: Work, amount: int, *, whole: bool) -> int:
    """The interest that `amount` of the principal has borne until the day, as far as so much was owed; rounded once.

    Of a stretch of days before an earlier refund that gave interest back, this one has what lies above it: refunds one by one give back what
    one of all would. Interest that was waived is nobody's to give back, and none that was never asked. Where the `whole` of what was lent is
    given back, all that was asked is, whatever rounding made of it.
    """
    rows, terms = work.rows, work.terms
    stretches = [(day, after, balance) for (day, balance), (after, _) in pairwise((*work.moves, (work.on, 0)))]
    all_in_all = given_before = 0
    for k in range(len(rows)):
        if rows.kind[k] != NORMAL or rows.start[k] >= work.on:
            continue
        for begin, until, balance in stretches:
            first, last = max(begin, rows.start[k]), min(until, rows.due[k])
            if first < last and balance > 0:
                bears = work.interest.lent or balance
                before = sum(refunded for day, refunded, _ in work.refunds if day > begin)
                each = sum(_factor_then(work, k, *nights) for nights in work.interest.running(first, last))
                all_in_all += min(before + amount, bears) * each
                given_before += min(before, bears) * each
    both = (rounded(exact, SCALE, terms.unit, Rounding.HALF_EVEN) for exact in (all_in_all, given_before))
    found = max(next(both) - next(both) - sum(rows.interest_off), 0)
    asked = _asked_so_far(work) - sum(given for _, _, given in work.refunds)
    if whole and abs(asked - found) <= len(rows) * terms.unit:
        return max(asked, 0)
    return found if terms.recalculate and terms.interest_on_overdue else max(min(found, asked), 0)


def _asked_so_far(work: Work) -> int:
    """Interest of all nights until the day that instalments have asked or would ask of one who ends the loan, but for what was waived."""
    rows, terms, asked = work.rows, work.terms, 0
    earned = Till(work, 0).earned if terms.recalculate else []
    for k in range(len(rows)):
        settled = rows.interest_paid[k] + rows.interest_off[k]
        if rows.due[k] <= work.on or rows.kind[k] != NORMAL:
            asked += rows.interest[k]
        elif terms.recalculate:
            asked += max(earned[k], settled)
        else:
            days = max(work.on - rows.start[k], 0)
            asked += max(divide(rows.interest[k] * days, rows.due[k] - rows.start[k], Rounding.HALF_EVEN), settled)
    return asked - sum(rows.interest_off)


def _factor_then(work: Work, k: int, begin: int, until: int) -> int:
    """The factor of nights of row `k` at the rates that held then."""
    rows, terms, now = work.rows, work.terms, work.rows.ppm[k]
    if not work.rates or not (now or work.terms.rate_of_consumer):
        return factor(terms, now, rows.start[k], rows.due[k], begin, until)
    total, cuts = 0, [begin, *(day for day, _ in work.rates if begin < day < until), until]
    for first, last in pairwise(cuts):
        ppm = next((ppm for day, ppm in reversed(work.rates) if day <= first), terms.rate_of_consumer)
        total += factor(terms, 0 if work.is_free(k) else ppm, rows.start[k], rows.due[k], first, last)
    return total


def _drop_interest_as_scheduled(work: Work, *, given_back: bool) -> int:
    """Where interest stays as scheduled, none is left for days to come once all principal is refunded, and none of the running period where
    interest is given back. How much of that had been borne: it has been given back by this."""
    rows, borne = work.rows, 0
    if work.terms.recalculate:
        return 0
    for k in range(len(rows)):
        if rows.kind[k] == NORMAL and rows.due[k] > work.on:
            settled, days = rows.interest_paid[k] + rows.interest_off[k], max(work.on - rows.start[k], 0)
            so_far = divide(rows.interest[k] * days, rows.due[k] - rows.start[k], Rounding.HALF_EVEN)
            borne += max(so_far - settled, 0) if given_back else 0
            rows.interest[k] = settled if given_back else min(max(so_far, settled), rows.interest[k])
            rows.emi[k] = rows.principal[k] + rows.interest[k]
    return borne


def _refund_interest(work: Work, amount: int, excess: Excess | None) -> None:
    """Gives back interest: pays the earliest interest that is open, then the loan as its waterfall says. Told as an outcome of its own."""
    main, work.parts, credit, work.credit = work.parts, dict.fromkeys(Part, 0), work.credit, 0
    till = Till(work, amount)
    for k in range(len(work.rows)):
        till.take(k, Part.INTEREST)
    _book(work, till)
    if till.left:
        waterfall = work.terms.waterfall_of(PaidBy.INTEREST_REFUND)
        _credit(work, till.left, waterfall, excess or waterfall.excess)
    linked = work.outcome()
    work.parts, work.credit, work.linked = main, credit, linked


def effective_terms(terms: LoanTerms, event: Disbursed) -> LoanTerms:
    """The terms with the day on which the loan really began; a calendar given day by day stays as it is."""
    if event.on == terms.disbursed_on or terms.due_days is not None:
        return terms
    return replace(terms, disbursed_on=event.on)
