"""Money that goes out again: given back to who paid it, taken back by a bank, paid out of a credit balance."""

from __future__ import annotations

from datetime import date

from yuefu.plans.lifecycle.events import MORE_THAN_OWED, ChargedBack, CreditRefunded, LoanError, PaidBack
from yuefu.plans.lifecycle.factors import SCALE
from yuefu.plans.lifecycle.replanning import move_interest_home
from yuefu.plans.lifecycle.rows import paid_column
from yuefu.plans.lifecycle.terms import Part
from yuefu.plans.lifecycle.work import Work


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


def charge_back(work: Work, event: ChargedBack) -> None:
    """The amount is owed again, in the parts of its payment in the agreed order as far as they have not been charged back yet (principal takes
    the rest); a credit balance pays its share of it. After a write-off what had been recovered by a payment from then on is so no more, and all else is
    given up again. Raises LoanError for more than was ever paid."""
    left, rows = event.amount.minor, work.rows
    paid = sum(map(sum, (rows.principal_paid, rows.interest_paid, rows.fees_paid, rows.penalties_paid))) + work.recovered
    if left > paid + work.overpaid:
        raise LoanError(MORE_THAN_OWED, f"Less than {event.amount} has been paid.", "amount")
    from_credit = min(left, work.overpaid)
    work.overpaid -= from_credit
    left -= from_credit
    if work.written_off_on:
        since = event.paid_on is None or event.paid_on.toordinal() >= work.written_off_on
        work.credit, work.recovery = from_credit, -min(left, work.recovered) if since else 0
        work.recovered += work.recovery
        _give_up_again(work, left + work.recovery)
        return
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
        work.payments[which] = kept
    return again


def refund_credit(work: Work, event: CreditRefunded) -> None:
    """The amount leaves the credit balance; what is more than that was lent again (an undone payment behind it, nearly always), and is given up
    after a write-off."""
    from_credit = min(event.amount.minor, work.overpaid)
    work.overpaid -= from_credit
    work.credit = from_credit
    if work.written_off_on:
        work.recovery = 0
        _give_up_again(work, event.amount.minor - from_credit)
        return
    _lend_again(work, {**dict.fromkeys(Part, 0), Part.PRINCIPAL: event.amount.minor - from_credit})


def _lend_again(work: Work, again: dict[Part, int]) -> None:
    """Puts amounts that are owed again into the instalment that is due next, after the last one into a row of the day."""
    if not any(again.values()):
        return
    rows, k, principal, interest = work.rows, _row_again(work), again[Part.PRINCIPAL], again[Part.INTEREST]
    work.move_balance(principal)
    move_interest_home(work)
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


def _give_up_again(work: Work, amount: int) -> None:
    """An amount that is owed again of a loan of which all was given up: it is given up with the rest, as principal of the last row."""
    rows = work.rows
    for column in (rows.principal, rows.principal_off, rows.credited, rows.emi):
        column[-1] += amount
    work.lent_again += amount
    work.given_up += amount
    work.parts[Part.PRINCIPAL] += amount


def _row_again(work: Work) -> int:
    later = work.first_after(work.on)
    return later if later < len(work.rows) else work.row_of(work.on)
