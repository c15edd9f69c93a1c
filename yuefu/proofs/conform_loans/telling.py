"""A loan as its source tells it: the rows of its schedule, totals, transactions, charges, arrears; as texts, to be compared figure by figure."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.events import Undone
from yuefu.plans.lifecycle.factors import SCALE, factor
from yuefu.plans.lifecycle.fold import in_order
from yuefu.plans.lifecycle.rows import NO_PRINCIPAL, NORMAL, UPFRONT, Interest, Rows
from yuefu.plans.lifecycle.schedule import opening_rows
from yuefu.plans.lifecycle.terms import Part, Tranches
from yuefu.proofs.conform_loans.told import ChargeLine, Told, Transaction

STATUS: Final = {
    "pending": {"approved", "submitted and pending approval"},
    "active": {"active"},
    "overpaid": {"overpaid"},
    "closed": {"closed (obligations met)", "closed_obligations_met"},
    "written_off": {"closed (written off)", "closed_written_off"},
}
SOMETIMES: Final = frozenset({"Accrual", "Accrual Activity", "Buy Down Fee", "Buy Down Fee Amortization"})


def text(minor: int) -> str:
    """Minor units as a decimal with two places."""
    return Money(minor, "USD").decimal_text()


class Teller:
    """Tells what a snapshot asks for of the loan as it stands."""

    def __init__(self, told: Told) -> None:
        self.loan, self.told = told.loan, told
        self.rows: Rows = told.state.rows() if told.state.lent else opening_rows(self.loan.terms)
        self.lent = self._disbursements()

    def _disbursements(self) -> list[tuple[date, int]]:
        counted = [event for _, event in in_order(self.told.entries)]
        lent = [(event.on, event.amount.minor) for event in counted if isinstance(event, e.Disbursed)]
        return lent or [(self.loan.terms.disbursed_on, self.loan.terms.principal.minor)]

    # --- schedule ---

    def lends_on_first_day(self) -> bool:
        """Whether money is lent on the day on which the first row begins."""
        return any(day.toordinal() == self.rows.start[0] for day, _ in self.lent)

    def disbursements(self) -> list[dict[str, str]]:
        """The lines of the schedule that say what was lent."""
        rows = self.rows
        fees, paid = (sum(column[k] for k in range(len(rows)) if self._is_fee(k)) for column in (rows.fees, rows.fees_paid))
        first = {"fees": text(fees), "due": text(fees), "paid": text(paid), "outstanding": text(fees - paid)}
        later = dict.fromkeys(first, "0.00")
        return [
            {"disbursement": text(amount), "date": day.isoformat(), **(later if i else first)} for i, (day, amount) in enumerate(self.lent)
        ]

    def _is_fee(self, k: int) -> bool:
        """Whether a row is nothing but a fee at disbursement, which the source tells with the disbursement."""
        return self.rows.kind[k] == UPFRONT and not self.rows.principal[k] and self.rows.fees[k] > 0

    def schedule(self) -> list[dict[str, Any]]:
        """The rows, numbered from 1 with what is due at disbursement."""
        rows, owed = self.rows, 0
        lines: list[dict[str, Any]] = []
        waiting = [(day.toordinal(), amount) for day, amount in self.lent]
        # What is lent on a due day stands after its instalment, but in a calculator and in older schedules.
        with_due = self.loan.calculator or self.loan.terms.tranches is not Tranches.NEXT
        for k in range(len(rows)):
            while waiting and (waiting[0][0] < rows.due[k] or (waiting[0][0] == rows.due[k] and (with_due or rows.kind[k] == UPFRONT))):
                owed += waiting.pop(0)[1]
            owed -= rows.principal[k] - rows.credited[k]
            if not self._is_fee(k):
                lines.append({**self._line(k, owed), "n": len(lines) + 1})
        return lines

    def _line(self, k: int, owed: int) -> dict[str, Any]:
        rows = self.rows
        paid = rows.principal_paid[k] + rows.interest_paid[k] + rows.fees_paid[k] + rows.penalties_paid[k]
        due = rows.principal[k] + rows.interest[k] + rows.fees[k] + rows.penalties[k]
        balance = owed - self._prepaid(k) if self.loan.calculator else owed
        return {
            "days": rows.due[k] - rows.start[k],
            "from_date": date.fromordinal(rows.start[k]).isoformat(),
            "due_date": date.fromordinal(rows.due[k]).isoformat(),
            "paid_date": self._paid_on(k, due),
            "balance": text(balance),
            "principal": text(rows.principal[k]),
            "interest": text(rows.interest[k]),
            "fees": text(rows.fees[k]),
            "penalties": text(rows.penalties[k]),
            "due": text(due),
            "paid": text(paid),
            "in_advance": text(rows.early[k]),
            "late": text(rows.late[k]),
            "outstanding": text(rows.unpaid(k)),
            "waived": text(rows.interest_off[k] + rows.fees_off[k] + rows.penalties_off[k]),
        }

    def _paid_on(self, k: int, due: int) -> str | None:
        """Since when nothing of a row is open; of one that grace left empty, the source says the day of the disbursement."""
        if not due and self.rows.kind[k] == NORMAL and self.rows.grace[k] & NO_PRINCIPAL:
            return self.lent[0][0].isoformat()
        settled_on = self.rows.settled_on[k]
        return date.fromordinal(settled_on).isoformat() if settled_on > 0 else None

    def _prepaid(self, k: int) -> int:
        """Principal of later rows paid by the due day of row `k`: the calculator alone tells what is really owed then."""
        due = self.rows.due[k]
        paid = (event for _, event in in_order(self.told.entries) if isinstance(event, e.PaidInstalment) and event.part is Part.PRINCIPAL)
        return sum(event.amount.minor for event in paid if event.on.toordinal() <= due < event.due_on.toordinal())

    def segments(self, k: int) -> list[dict[str, str]]:
        """The stretches of a row with one balance each: factor to twelve decimals, interest."""
        rows, terms = self.rows, self.loan.terms
        start, due = rows.start[k], rows.due[k]
        paid = [event for _, event in in_order(self.told.entries) if isinstance(event, e.PaidInstalment) and event.part is Part.PRINCIPAL]
        rates = self._rates()
        changes = {day.toordinal() for day, _ in self.lent} | {event.on.toordinal() for event in paid} | set(rates)
        cuts = [start, *sorted(day for day in changes if start < day < due), due]
        interest = Interest(terms, ())
        found = []
        for begin, until in pairwise(cuts):
            owed = sum(amount for day, amount in self.lent if day.toordinal() <= begin)
            owed -= sum(rows.principal[i] for i in range(k))
            owed -= sum(event.amount.minor for event in paid if event.on.toordinal() <= begin and event.due_on.toordinal() >= due)
            ppm = next((rates[day] for day in sorted(rates, reverse=True) if day <= begin), terms.annual_rate.ppm)
            scaled = factor(terms, ppm, start, due, begin, until)
            found.append({"rate_factor": f"{scaled // SCALE}.{scaled % SCALE:012d}", "interest": text(interest.minor(owed * scaled))})
        return found

    def _rates(self) -> dict[int, int]:
        """The days from which another rate holds, with it; the last said of a day holds."""
        changed = [event for _, event in in_order(self.told.entries) if isinstance(event, e.Rescheduled)]
        return {event.on.toordinal(): event.annual_rate.ppm for event in changed if event.annual_rate is not None}

    def totals(self) -> dict[str, str]:
        """The sums of the rows."""
        owed = range(len(self.rows))
        lines = [self._line(k, 0) for k in owed]
        keys = ("principal", "interest", "fees", "penalties", "due", "paid", "in_advance", "late", "outstanding", "waived")
        return {key: text(sum(Money.parse(line[key], "USD").minor for line in lines)) for key in keys}

    # --- transactions ---

    def transactions(self) -> list[dict[str, Any]]:
        """All transactions in the order of their days, then as entered; what is booked without anybody's doing last."""
        order = sorted(self.told.transactions, key=lambda line: line.on)
        return [self._transaction(line) for line in order] + self._interest_refunds() + self._accruals() + self._activity()

    def _transaction(self, line: Transaction) -> dict[str, Any]:
        outcome = line.outcome
        assert outcome is not None
        parts = (outcome.principal, outcome.interest, outcome.fees, outcome.penalties)
        amount = line.amount or text(sum(part.minor for part in (*parts, outcome.credit)))
        if line.type in {"Disbursement", "Buy Down Fee"}:
            parts = (Money.zero("USD"),) * 4
        return {
            "date": line.on.isoformat(),
            "type": line.type,
            "amount": amount,
            **dict(zip(("principal", "interest", "fees", "penalties"), (part.decimal_text() for part in parts), strict=True)),
            "loan_balance": outcome.balance.decimal_text() if line.shows_balance else "0.00",
            "overpayment": outcome.credit.decimal_text(),
            "reverted": line.reverted,
        }

    def _interest_refunds(self) -> list[dict[str, Any]]:
        """A refund of interest is a line of its own in the source."""
        found = []
        for line in self.told.transactions:
            refund = line.outcome.interest_refund if line.outcome else None
            if line.outcome and refund:
                found.append(self._transaction(Transaction(line.entry, line.on, "Interest Refund", "", refund, line.reverted)))
        return found

    def _accruals(self) -> list[dict[str, Any]]:
        found = [_income("Accrual", one.on, one.interest, one.fees, one.penalties) for one in self.told.accruals]
        bought = [one for one in self.told.accruals if one.bought_down]
        earned = [_income("Buy Down Fee Amortization", one.on, one.bought_down, 0, 0) for one in bought]
        return [line for line in found if line["amount"] != "0.00"] + earned

    def _activity(self) -> list[dict[str, Any]]:
        """Income by instalment: on each due day that has passed, the rest on the day on which the loan ended."""
        rows, today, found = self.rows, self.told.today.toordinal(), []
        ended = self.told.state.status in {"closed", "overpaid"}
        for k in range(len(rows)):
            income = (rows.interest[k], rows.fees[k], rows.penalties[k])
            if any(income) and (rows.due[k] <= today or ended):
                found.append(_income("Accrual Activity", date.fromordinal(min(rows.due[k], today)), *income))
        return found

    # --- charges, arrears, status ---

    def charges(self) -> list[dict[str, Any]]:
        """Each charge with what of it has been paid: within a row the earliest first."""
        undone = {entry.entry for entry in self.told.entries if isinstance(entry, Undone)}
        lines = [self._without_day(line) if line.due_on is None else None for line in self.told.charges]
        left = {(k, part): self._paid_of(k, part) for k in range(len(self.rows)) for part in (Part.FEE, Part.PENALTY)}
        by_due = sorted((i for i, line in enumerate(self.told.charges) if line.due_on), key=lambda i: (str(self.told.charges[i].due_on), i))
        for i in by_due:
            line = self.told.charges[i]
            assert line.due_on is not None
            k = self._row_of(line.due_on)
            paid = min(left[k, line.part], line.amount_minor)
            left[k, line.part] -= paid
            lines[i] = _charge(line.name, line.part, line.due_on, line.placed, line.counted, line.amount_minor, paid)
        kept = [line for line, source in zip(lines, self.told.charges, strict=True) if line and source.entry not in undone]
        return kept + self._late_fees()

    def _without_day(self, line: ChargeLine) -> dict[str, Any]:
        upfront = line.placed == "Disbursement"
        rows = [k for k in range(len(self.rows)) if self._is_fee(k) == upfront]
        fees, paid = sum(self.rows.fees[k] for k in rows), sum(self.rows.fees_paid[k] for k in rows)
        return _charge(line.name, Part.FEE, None, line.placed, line.counted, fees, paid)

    def _paid_of(self, k: int, part: Part) -> int:
        return self.rows.fees_paid[k] if part is Part.FEE else self.rows.penalties_paid[k]

    def _row_of(self, day: date) -> int:
        return next(
            (k for k in range(len(self.rows)) if self.rows.kind[k] != UPFRONT and self.rows.due[k] >= day.toordinal()), len(self.rows) - 1
        )

    def _late_fees(self) -> list[dict[str, Any]]:
        rows, name = self.rows, self.loan.late_fee_name
        counted = "% Loan Amount + Interest" if "interest" in name else "% Amount"
        return [
            _charge(name, Part.PENALTY, date.fromordinal(rows.due[k]), "Overdue Fees", counted, rows.penalties[k], rows.penalties_paid[k])
            for k in range(len(rows))
            if rows.late_fee[k] and rows.kind[k] == NORMAL
        ]

    def status(self) -> str:
        """The state of the loan, in our word."""
        return self.told.state.status

    def delinquency_loan(self) -> list[dict[str, Any]]:
        """The arrears of the loan."""
        late = arrears(self.told.state, self.told.today)
        return [
            {
                "classification": late.bucket or "NO_DELINQUENCY",
                "delinquentAmount": late.overdue.decimal_text(),
                "delinquentDate": late.delinquent_on.isoformat() if late.delinquent_on else None,
                "delinquentDays": late.days,
                "pastDueDays": late.past_due_days,
            }
        ]

    def delinquency_installment(self) -> list[dict[str, Any]]:
        """The arrears of the instalments, by bucket; buckets are numbered as the loan's are."""
        names = [name for name, _, _ in self.loan.terms.arrears.buckets]
        found = arrears(self.told.state, self.told.today).by_bucket()
        return [{"rangeId": names.index(name) + 1, "Range": name, "Amount": amount.decimal_text()} for name, amount in found.items()]


def _income(type_: str, day: date, interest: int, fees: int, penalties: int) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "type": type_,
        "amount": text(interest + fees + penalties),
        "principal": "0.00",
        "interest": text(interest),
        "fees": text(fees),
        "penalties": text(penalties),
        "loan_balance": "0.00",
        "overpayment": "0.00",
        "reverted": False,
    }


def _charge(name: str, part: Part, due_on: date | None, placed: str, counted: str, amount: int, paid: int) -> dict[str, Any]:
    return {
        "name": name,
        "ispenalty": part is Part.PENALTY,
        "payment_due_at": placed,
        "due_as_of": due_on.isoformat() if due_on else None,
        "calculation_type": counted,
        "due": text(amount),
        "paid": text(paid),
        "waived": "0.00",
        "outstanding": text(amount - paid),
    }


def same_status(expected: Any, ours: str) -> bool:
    """Whether a word of the source means our state."""
    return str(expected).lower() in STATUS[ours]
