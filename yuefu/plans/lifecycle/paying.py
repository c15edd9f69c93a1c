"""Money that comes in, and money that goes out again: what each event does to the rows of a loan."""

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
    ChargedBack,
    CreditRefunded,
    Disbursed,
    LoanError,
    Paid,
    PaidBack,
    PaidInstalment,
    PaidOff,
)
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.levelling import add_upfront, fees_minor, planned_rows, rounded
from yuefu.plans.lifecycle.rows import NORMAL, PREPAID, paid_column
from yuefu.plans.lifecycle.terms import Excess, FeeWhen, LoanTerms, PaidBy, Part, Tranches, Waterfall
from yuefu.plans.lifecycle.waterfall import Till, pour
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
    work.lent += amount
    upfront = add_upfront(work.terms, work.rows, amount, work.on, first=first_time)
    down = work.rows.principal[upfront] if upfront >= 0 else 0
    if no_row_left:  # no instalment is left that could take it
        k = work.row_of(work.on if work.terms.tranches is Tranches.NEXT else _one_step_later(work))
        work.rows.principal[k] += amount - down
        work.rows.emi[k] += amount - down
        work.refresh()
    else:
        work.relevel(_first_to_repay(work), amount - down)
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
    amount = event.amount.minor
    refund = _interest_on(work, amount) if event.interest_refund else 0
    if event.by in REFUNDS and amount >= work.balance:  # all that was lent is given back
        drop_fees_not_begun(work)
        refund -= _drop_interest_as_scheduled(work, given_back=event.interest_refund)
    if event.interest_refund:
        work.refunds = (*work.refunds, (work.on, amount))
    _credit(work, amount, waterfall, event.excess or waterfall.excess)
    if event.by in {PaidBy.REPAYMENT, PaidBy.DOWN_PAYMENT}:
        _keep_parts(work)
    if refund > 0:
        _refund_interest(work, refund)


def pay_back(work: Work, event: PaidBack) -> None:
    """Gives `amount` of what was paid back to who paid it: of the latest instalments first, in each the part that is paid last first.
    Credit balance goes first of all. Raises LoanError for more than was paid."""
    rows, left = work.rows, event.amount.minor
    work.credit = min(left, work.overpaid)
    work.overpaid -= work.credit
    left -= work.credit
    parts = list(dict.fromkeys(part for _, part in work.terms.waterfall.order))[::-1]
    for k in reversed(range(len(rows))):
        for part in parts:
            paid = paid_column(rows, part)
            less = min(left, paid[k])
            paid[k] -= less
            left -= less
            work.parts[part] += less
            early = min(less, rows.early[k])
            rows.early[k] -= early
            rows.late[k] -= min(less - early, rows.late[k])
            if less and rows.due[k] < work.on:  # it was not late until now, and is so through no doing of who owes it
                rows.late_fee[k], rows.late_to[k] = 1, work.on
    if left:
        raise LoanError(MORE_THAN_OWED, f"Less than {event.amount} has been paid.", "amount")
    work.move_balance(work.parts[Part.PRINCIPAL])
    work.refresh()


def _keep_parts(work: Work) -> None:
    """What a payment paid, for a charge-back of it."""
    parts = work.parts
    work.payments = (*work.payments, (work.on, parts[Part.PRINCIPAL], parts[Part.INTEREST], parts[Part.FEE], parts[Part.PENALTY]))


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
    """Pays exactly what ends the loan on the day. Raises LoanError where nothing is owed."""
    till = Till(work, 0, to=_rest_day(work))
    till.left = _payoff(till)
    if not till.left:
        raise LoanError(NOTHING_OWED, f"Nothing of the loan is owed on {event.on}.", "on")
    from_credit = min(work.overpaid, till.left)
    work.overpaid -= from_credit
    work.credit -= from_credit
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


def period_fee(work: Work, k: int) -> int:
    """The agreed fee of the period of row `k`, as far as it is unpaid."""
    terms, rows = work.terms, work.rows
    each = fees_minor(terms, FeeWhen.EACH_PERIOD, terms.principal.minor) if terms.fees else 0
    return min(each, rows.fees[k] - rows.fees_paid[k] - rows.fees_off[k])


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


def charge_back(work: Work, event: ChargedBack) -> None:
    """The amount is owed again, in the parts of its payment in the agreed order as far as they have not been charged back yet (principal takes
    the rest); a credit balance pays its share of it. Raises LoanError for more than was ever paid."""
    left, rows = event.amount.minor, work.rows
    paid = sum(map(sum, (rows.principal_paid, rows.interest_paid, rows.fees_paid, rows.penalties_paid)))
    if left > paid + work.overpaid:
        raise LoanError(MORE_THAN_OWED, f"Less than {event.amount} has been paid.", "amount")
    from_credit = min(left, work.overpaid)
    work.overpaid -= from_credit
    left -= from_credit
    again = _parts_again(work, left, event.paid_on)
    if any(again.values()):
        again[Part.PRINCIPAL] += from_credit
        _lend_again(work, again)
        k = _row_again(work)
        rows.principal_paid[k] += from_credit
        work.parts[Part.PRINCIPAL] -= from_credit
        work.move_balance(-from_credit)
        work.refresh()
    work.credit = from_credit


def _parts_again(work: Work, amount: int, paid_on: date | None) -> dict[Part, int]:
    """An amount in the parts of a payment, the latest one (of a day), which has as much less of them then."""
    again = dict.fromkeys(Part, 0)
    day = paid_on.toordinal() if paid_on else None
    which = next((i for i in reversed(range(len(work.payments))) if day in {None, work.payments[i][0]}), -1)
    on, parts = (work.payments[which][0], list(work.payments[which][1:])) if which >= 0 else (0, [0, 0, 0, 0])
    for part in work.terms.chargeback_order:
        position = tuple(Part).index(part)
        taken = amount if part is Part.PRINCIPAL else min(amount, parts[position])
        again[part], amount, parts[position] = taken, amount - taken, max(parts[position] - taken, 0)
    again[Part.PRINCIPAL] += amount
    if which >= 0:
        kept = (on, parts[0], parts[1], parts[2], parts[3])
        work.payments = (*work.payments[:which], kept, *work.payments[which + 1 :])
    return again


def refund_credit(work: Work, event: CreditRefunded) -> None:
    """The amount leaves the credit balance; what is more than that was lent again (an undone payment behind it, nearly always)."""
    from_credit = min(event.amount.minor, work.overpaid)
    work.overpaid -= from_credit
    work.credit = from_credit
    _lend_again(work, {**dict.fromkeys(Part, 0), Part.PRINCIPAL: event.amount.minor - from_credit})


def _lend_again(work: Work, again: dict[Part, int]) -> None:
    """Puts amounts that are owed again into the instalment that is due next, after the last one into a row of the day."""
    if not any(again.values()):
        return
    rows, k, principal, interest = work.rows, _row_again(work), again[Part.PRINCIPAL], again[Part.INTEREST]
    work.move_balance(principal)
    for column in (rows.principal, rows.credited, rows.emi):
        column[k] += principal
    work.lent_again += principal
    rows.interest[k] += interest
    rows.closed[k] += interest * SCALE
    rows.emi[k] += interest
    rows.fees[k] += again[Part.FEE]
    rows.penalties[k] += again[Part.PENALTY]
    for part, amount in again.items():
        work.parts[part] += amount
    work.refresh()


def _row_again(work: Work) -> int:
    later = work.first_after(work.on)
    return later if later < len(work.rows) else work.row_of(work.on)


def _credit(work: Work, amount: int, waterfall: Waterfall, excess: Excess) -> None:
    till = Till(work, amount)
    if excess is not Excess.KEEP and work.terms.fees and amount >= _payoff(till):
        drop_fees_not_begun(work)
    pour(till, waterfall, excess)
    _book(work, till)
    if till.left and excess in {Excess.SHORTER, Excess.SMALLER} and work.balance:
        till.left = _prepay(work, till.left, excess)
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


def _prepay(work: Work, amount: int, excess: Excess) -> int:
    """Lowers the principal of later instalments by up to `amount`: they become fewer, or smaller. What is left over.

    It is told with the instalment in whose period it came; on the day of a disbursement, in a row of its own."""
    rows, on = work.rows, work.on
    running = next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] < on <= rows.due[k]), -1)
    first = running + 1 if running >= 0 else next((k for k in range(len(rows)) if rows.due[k] > on), len(rows))
    taken = min(amount, sum(rows.unpaid_principal(k) for k in range(first, len(rows))))
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
        work.relevel(first, -taken)
    else:
        _shorten(work, first, taken)
    return amount - taken


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
        if rows.kind[k] == NORMAL and rows.unpaid(k) > rows.unpaid_costs(k):  # before the end nothing is dropped: its days count
            break
        if rows.kind[k] == NORMAL and not rows.principal[k] and not rows.interest[k] and not rows.held(k) and not rows.fees_paid[k]:
            rows.fees[k] -= period_fee(work, k)
            if not rows.fees[k] and not rows.penalties[k]:  # what was charged apart stays due on its day
                rows.drop(k)
    work.refresh()


def _interest_on(work: Work, amount: int) -> int:
    """The interest that `amount` of the principal has borne until the day, as far as so much was owed; rounded once.

    Of a stretch of days before an earlier refund that gave interest back, this one has what lies above it: refunds one by one give back what
    one of all would. Interest that was waived is nobody's to give back.
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
                before = sum(refunded for day, refunded in work.refunds if day > begin)
                each = sum(factor(terms, rows.ppm[k], rows.start[k], rows.due[k], *nights) for nights in work.interest.running(first, last))
                all_in_all += min(before + amount, bears) * each
                given_before += min(before, bears) * each
    both = (rounded(exact, SCALE, terms.unit, Rounding.HALF_EVEN) for exact in (all_in_all, given_before))
    return max(next(both) - next(both) - sum(rows.interest_off), 0)


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


def _refund_interest(work: Work, amount: int) -> None:
    """Gives back interest: pays the earliest interest that is open, then the loan as its waterfall says. Told as an outcome of its own."""
    main, work.parts, credit, work.credit = work.parts, dict.fromkeys(Part, 0), work.credit, 0
    till = Till(work, amount)
    for k in range(len(work.rows)):
        till.take(k, Part.INTEREST)
    _book(work, till)
    if till.left:
        waterfall = work.terms.waterfall_of(PaidBy.INTEREST_REFUND)
        _credit(work, till.left, waterfall, waterfall.excess)
    linked = work.outcome()
    work.parts, work.credit, work.linked = main, credit, linked


def effective_terms(terms: LoanTerms, event: Disbursed) -> LoanTerms:
    """The terms with the day on which the loan really began; a calendar given day by day stays as it is."""
    if event.on == terms.disbursed_on or terms.due_days is not None:
        return terms
    return replace(terms, disbursed_on=event.on)
