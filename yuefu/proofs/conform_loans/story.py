"""The events of a case, played: entries of ours, and the list of transactions as their source tells it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.levelling import down_payment_minor, fees_minor
from yuefu.plans.lifecycle.quotes import buy_down_earned
from yuefu.plans.lifecycle.terms import Fee, FeeWhen, Frequency, LoanTerms, PaidBy, Part
from yuefu.proofs.cases import Difference, Unreadable, Unsupported
from yuefu.proofs.conform_loans.course import Course
from yuefu.proofs.conform_loans.inputs import Loan
from yuefu.proofs.conform_loans.reading import count, day, flag, money, one_of, only, percent, shown, word
from yuefu.proofs.conform_loans.told import Accrued, ChargeLine, Told, Transaction

PAID: Final = {
    "repayment": (PaidBy.REPAYMENT, "Repayment"),
    "prepayment": (PaidBy.REPAYMENT, "Repayment"),
    "goodwill_credit": (PaidBy.GOODWILL, "Goodwill Credit"),
    "merchant_issued_refund": (PaidBy.MERCHANT_REFUND, "Merchant Issued Refund"),
    "payout_refund": (PaidBy.PAYOUT_REFUND, "Payout Refund"),
    "interest_payment_waiver": (PaidBy.GOODWILL, "Interest Payment Waiver"),
}
_PENALTY_NAMES: Final = ("nsf", "late", "penalty", "overdue")
_FREQUENCY: Final = {"DAYS": Frequency.DAYS, "WEEKS": Frequency.WEEKS, "MONTHS": Frequency.MONTHS}
_CHARGEBACKS: Final = dict.fromkeys(("REPAYMENT_ADJUSTMENT_CHARGEBACK", "REPAYMENT_ADJUSTMENT_REFUND"))
_OF_EVERY: Final = frozenset({"type", "date", "business_date", "note"})
_A_DAY: Final = timedelta(days=1)
CourseOf = Callable[[LoanTerms], Course]


@dataclass(slots=True)
class Story:
    """Plays events one after the other. `differs` is where what an event says of itself is not what came of it."""

    loan: Loan
    course: Course
    transactions: list[Transaction] = field(default_factory=list)
    charges: list[ChargeLine] = field(default_factory=list)
    accruals: list[Accrued] = field(default_factory=list)
    frauds: set[int] = field(default_factory=set)
    differs: list[Difference] = field(default_factory=list)
    today: date | None = None

    def play(self, event: Mapping[str, Any], at: str) -> None:
        """Enters one event. Raises Unsupported for a type, a key or an order of events that is not understood."""
        kind = word(event.get("type"), f"{at}.type")
        if kind not in _PLAYED:
            raise Unsupported(f"{at}.type: {shown(kind)}")
        method, keys = _PLAYED[kind]
        only(event, keys | _OF_EVERY, at)
        said = next((key for key in ("business_date", "date", "start", "due_date") if event.get(key) is not None), None)
        if said:
            self.today = day(event[said], f"{at}.{said}")
        if self.today is None:
            raise Unreadable(f"{at}.date: missing, it is the day of the event")
        on = self.today if event.get("date") is None else day(event["date"], f"{at}.date")
        told = len(self.transactions)
        try:
            getattr(self, f"_{method}")(event, on, at)
            self._count(told)
        except PlanError as error:
            raise Unsupported(f"{at}: {error.detail}") from error

    def told(self, seen: date | None = None) -> Told:
        """The loan as it stands, or as it is seen on a later day. Raises Unsupported for an earlier one."""
        today = self.today or seen or self.loan.terms.disbursed_on
        if seen is not None and seen < today:
            raise Unsupported(f"expected.snapshots.business_date: {seen} is before the last event, {today}")
        today = seen or today
        state = self.course.state if self.loan.calculator else self.course.seen_from(today)
        lines = [Transaction(**{name: getattr(line, name) for name in Transaction.__slots__}) for line in self.transactions]
        entries, charges, accruals = list(self.course.entries), list(self.charges), list(self.accruals)
        return Told(self.loan, state, today, lines, charges, entries, accruals, frozenset(self.frauds))

    # --- entering ---

    def _add(self, event: Event | Undone, type_: str = "", amount: str = "", *, shows_balance: bool = True) -> int:
        number = self.course.enter(event)
        if type_ and not isinstance(event, Undone):
            self.transactions.append(Transaction(number, event.on, type_, amount, shows_balance=shows_balance))
        return number

    def _count(self, first: int) -> None:
        """Brings what became of each transaction that counts up to date, from the `first` new one unless the past has changed; of one undone it
        stays what it was."""
        outcomes = self.course.outcomes
        for line in self.transactions if self.course.replayed else self.transactions[first:]:
            line.reverted = line.entry not in outcomes
            line.outcome = outcomes.get(line.entry, line.outcome)
        self.course.replayed = False
        if self.course.state.status in {"closed", "overpaid"}:
            self._accrue(self._today, at_end=True)

    @property
    def _today(self) -> date:
        assert self.today is not None
        return self.today

    def _agree(self, more: Money) -> None:
        """A case may say what was agreed as what was lent at first: then what is lent is agreed with it."""
        lent = more.minor + sum(event.amount.minor for _, event in self.course.events() if isinstance(event, e.Disbursed))
        if lent > self.loan.terms.principal.minor:
            self._change_terms(principal=Money(lent, more.currency))

    def _change_terms(self, **changes: Any) -> None:
        self.loan = replace(self.loan, terms=replace(self.loan.terms, **changes))
        self.course.change_terms(self.loan.terms)

    def _disburse(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = self.loan.terms.principal if event.get("amount") is None else money(event["amount"], f"{at}.amount")
        self._agree(amount)
        number = self._add(e.Disbursed(on, amount), "Disbursement", amount.decimal_text())
        fees = fees_minor(self.loan.terms, FeeWhen.UPFRONT, self.loan.terms.principal.minor) if number == 1 else 0
        if fees:
            paid = Money(fees, amount.currency)
            self._add(e.Paid(on, paid), "Repayment (at time of disbursement)", paid.decimal_text())
            self.accruals.append(Accrued(on, 0, fees, 0))
        if self.loan.down_payment_auto:
            down = Money(down_payment_minor(self.loan.terms, amount.minor), amount.currency)
            self._add(e.Paid(on, down, PaidBy.DOWN_PAYMENT), "Down Payment", down.decimal_text())

    def _pay(self, event: Mapping[str, Any], on: date, at: str) -> None:
        by, name = PAID[event["type"]]
        amount = money(event.get("amount"), f"{at}.amount")
        gives_interest_back = flag(event.get("interest_refund"), f"{at}.interest_refund")
        self._add(e.Paid(on, amount, by, interest_refund=gives_interest_back), name, amount.decimal_text())

    def _pay_off(self, event: Mapping[str, Any], on: date, at: str) -> None:
        number = self._add(e.PaidOff(on), "Repayment")
        outcome = self.course.outcomes[number]
        if event.get("amount") is not None:
            paid = outcome.principal + outcome.interest + outcome.fees + outcome.penalties + outcome.credit
            if paid != money(event["amount"], f"{at}.amount"):
                self.differs.append(Difference(f"{at}.amount", str(event["amount"]), paid.decimal_text()))

    def _charge_back(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        if event.get("kind") is not None:
            one_of(_CHARGEBACKS, event["kind"], f"{at}.kind")
        number = event.get("payment_nr")
        paid = None if number is None else self._payment(count(number, f"{at}.payment_nr"), f"{at}.payment_nr")
        self._add(e.ChargedBack(on, amount, paid.on if paid else None), "Chargeback", amount.decimal_text())

    def _payment(self, number: int, at: str) -> Transaction:
        """A payment by its place among those that count, a down payment too, in the order of their days."""
        paid = (line for line in self.transactions if line.type in {"Repayment", "Down Payment"} and not line.reverted)
        repaid = sorted(paid, key=lambda line: line.on)
        if not 0 < number <= len(repaid):
            raise Unsupported(f"{at}: there is no payment {number}")
        return repaid[number - 1]

    def _pay_back(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.PaidBack(on, amount), "Refund", amount.decimal_text())

    def _refund_credit(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.CreditRefunded(on, amount), "Credit Balance Refund", amount.decimal_text())

    def _pay_instalment(self, event: Mapping[str, Any], on: date, at: str) -> None:
        part = Part.PRINCIPAL if event["type"] == "pay_principal" else Part.INTEREST
        self._add(e.PaidInstalment(on, day(event.get("period_due"), f"{at}.period_due"), part, money(event.get("amount"), f"{at}.amount")))

    def _recover(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.Recovered(on, amount), "Recovery Repayment", amount.decimal_text())

    def _buy_down(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.BoughtDown(on, amount), "Buy Down Fee", amount.decimal_text(), shows_balance=False)

    def _waive_interest(self, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.Waived(on, Part.INTEREST, amount), "Waive interest", amount.decimal_text())

    def _reamortise(self, _event: Mapping[str, Any], on: date, _at: str) -> None:
        self._add(e.Reamortised(on), "Re-amortize", shows_balance=False)

    def _reage(self, event: Mapping[str, Any], on: date, at: str) -> None:
        frequency = one_of(_FREQUENCY, event.get("frequencyType"), f"{at}.frequencyType")
        first = day(event.get("startDate"), f"{at}.startDate")
        periods = count(event.get("numberOfInstallments"), f"{at}.numberOfInstallments")
        every = count(event.get("frequencyNumber"), f"{at}.frequencyNumber")
        self._add(e.Reaged(on, first, periods, frequency, every), "Re-age", shows_balance=False)

    def _reschedule(self, event: Mapping[str, Any], on: date, at: str) -> None:
        begin = _either_day(event, "from_date", "rescheduleFromDate", at)
        if begin is None:
            raise Unreadable(f"{at}.from_date: missing, it is the due day of the first instalment that changes")
        if event.get("submittedOnDate") is not None:  # when it was asked for, which changes nothing
            day(event["submittedOnDate"], f"{at}.submittedOnDate")
        rate = None if event.get("newInterestRate") is None else percent(event["newInterestRate"], f"{at}.newInterestRate")
        numbers = [count(event[key], f"{at}.{key}") if event.get(key) is not None else 0 for key in _RESCHEDULED_NUMBERS]
        since = min(on, begin)
        if rate is not None and self.loan.accrues_daily:  # its source counts the night before the day by the new rate already
            lent = min(event.on for _, event in self.course.events() if isinstance(event, e.Disbursed)) if self.course.state.lent else since
            since = max(since - _A_DAY, min(lent, since))
        moved = _either_day(event, "new_due_date", "adjustedDueDate", at)
        self._add(e.Rescheduled(since, begin, moved, numbers[0], rate, numbers[1], numbers[2]))

    def _pause_interest(self, event: Mapping[str, Any], _on: date, at: str) -> None:
        self._add(e.InterestPaused(day(event.get("start"), f"{at}.start"), day(event.get("end"), f"{at}.end")))

    def _pause_arrears(self, event: Mapping[str, Any], _on: date, at: str) -> None:
        self._add(e.ArrearsPaused(day(event.get("start"), f"{at}.start"), day(event.get("end"), f"{at}.end")))

    def _resume_arrears(self, event: Mapping[str, Any], on: date, at: str) -> None:
        """Ends the running pause on the day."""
        resumed = on if event.get("start") is None else day(event["start"], f"{at}.start")
        pauses = [
            (number, one) for number, one in self.course.events() if isinstance(one, e.ArrearsPaused) and one.first <= resumed <= one.last
        ]
        if not pauses:
            raise Unsupported(f"{at}.start: no pause is running on {resumed}")
        number, pause = pauses[-1]
        self._add(Undone(number))
        self._add(e.ArrearsPaused(pause.first, resumed))

    def _charge_off(self, event: Mapping[str, Any], on: date, at: str) -> None:
        stops_interest, fraud = (flag(event.get(key), f"{at}.{key}") for key in ("stop_interest", "fraud"))
        number = self._add(e.ChargedOff(on, stops_interest), "Charge-off", shows_balance=False)
        if fraud:
            self.frauds.add(number)

    def _write_off(self, _event: Mapping[str, Any], on: date, _at: str) -> None:
        self._add(e.WrittenOff(on), "Close (as written-off)")

    def _undo_disbursement(self, _event: Mapping[str, Any], _on: date, at: str) -> None:
        self._undo([line for line in self.transactions if line.type == "Disbursement" and not line.reverted], f"{at}.type")

    def _undo_transaction(self, event: Mapping[str, Any], on: date, at: str) -> None:
        if event.get("target") is None:
            position = 1 if event.get("nth_on_date") is None else count(event["nth_on_date"], f"{at}.nth_on_date")
            same_day = [line for line in self.transactions if line.on == on]
            self._undo(same_day[position - 1 : position] if position else [], f"{at}.nth_on_date")
            return
        if event.get("nth_on_date") is not None:
            raise Unsupported(f"{at}.nth_on_date: beside a target")
        type_, _, when = word(event["target"], f"{at}.target").rpartition(" ")
        wanted = day(when, f"{at}.target")
        self._undo(
            [line for line in self.transactions if not line.reverted and _same(line.type, type_) and line.on == wanted], f"{at}.target"
        )

    def _undo(self, found: Sequence[Transaction], at: str) -> None:
        if not found:
            raise Unsupported(f"{at}: there is no such transaction")
        self._add(Undone(found[-1].entry))

    # --- charges ---

    def _charge(self, event: Mapping[str, Any], _on: date, at: str) -> None:
        code = "charge" if event.get("charge") is None else word(event["charge"], f"{at}.charge")
        penalty = any(word in code.lower() for word in _PENALTY_NAMES)
        kind = ("penalty" if penalty else "fee") if event.get("kind") is None else event["kind"]
        part = one_of({"FEE": Part.FEE, "PENALTY": Part.PENALTY}, kind, f"{at}.kind")
        name = _charge_name(code)
        rate = None if event.get("pct") is None else percent(event["pct"], f"{at}.pct")
        if rate is not None and event.get("amount") is not None:
            raise Unsupported(f"{at}.amount: beside a pct")
        if rate is not None and "disbursement" in code.lower() and not self.course.entries:
            self._change_terms(fees=(*self.loan.terms.fees, Fee(code, FeeWhen.UPFRONT, rate=rate)))
            self.charges.append(ChargeLine(0, name, part, None, "Disbursement", "% Amount", 0))
            return
        if rate is not None and "installment" in code.lower():
            number = self._add(e.ChargedEachInstalment(self._today, code, rate))
            self.charges.append(ChargeLine(number, name, part, None, "Installment Fee", "% Loan Amount + Interest", 0))
            return
        said = next((key for key in ("due_date", "date") if event.get(key) is not None), None)
        due_on = day(event[said], f"{at}.{said}") if said else self._today
        counted = "Flat"
        if rate is not None:
            counted, rows = "% Loan Amount + Interest", self.course.state.rows()
            amount = rate.of(Money(sum(rows.principal) + sum(rows.interest), self.loan.terms.currency), rounding=self.loan.terms.rounding)
        else:
            amount = money(event.get("amount"), f"{at}.amount")
        number = self._add(e.Charged(max(min(self._today, due_on), self.loan.terms.disbursed_on), code, part, amount, due_on))
        self.charges.append(ChargeLine(number, name, part, due_on, "Specified due date", counted, amount.minor))

    # --- income ---

    def _close_day(self, _event: Mapping[str, Any], _on: date, _at: str) -> None:
        """Books income: with each instalment that has fallen due, or daily up to the day before, but not beyond a charge-off."""
        if self.loan.accrues_daily:
            off = [event.on for _, event in self.course.events() if isinstance(event, e.ChargedOff)]
            self._accrue(min([self._today - _A_DAY, *off]), at_end=False)
            return
        rows = self.course.seen_from(self._today).rows()
        booked = {accrued.on for accrued in self.accruals}
        for k in range(len(rows)):
            due = date.fromordinal(rows.due[k])
            if due <= self._today and due not in booked and rows.interest[k] + rows.fees[k] + rows.penalties[k]:
                self.accruals.append(Accrued(due, rows.interest[k], rows.fees[k], rows.penalties[k]))

    def _accrue(self, day: date, *, at_end: bool) -> None:
        """What was earned by a day beyond what has been booked; all of it where the loan has ended."""
        state = self.course.state
        charged = [event for _, event in self.course.events() if isinstance(event, e.Charged) and (at_end or event.due_on <= day)]
        interest = sum(state.rows().interest) if at_end else self.course.interest_borne(self._today, day)
        bought_down = state.bought_down if at_end else buy_down_earned(state, day).minor
        new = Accrued(
            day,
            interest - sum(one.interest for one in self.accruals),
            sum(event.amount.minor for event in charged if event.part is Part.FEE) - sum(one.fees for one in self.accruals),
            sum(event.amount.minor for event in charged if event.part is Part.PENALTY) - sum(one.penalties for one in self.accruals),
            max(bought_down - sum(one.bought_down for one in self.accruals), 0),
        )
        if new.interest or new.fees or new.penalties or new.bought_down:
            self.accruals.append(new)


_RESCHEDULED_NUMBERS: Final = ("extraTerms", "graceOnPrincipal", "graceOnInterest")
_NONE: Final[frozenset[str]] = frozenset()
_AMOUNT: Final = frozenset({"amount"})
_PAUSE: Final = frozenset({"start", "end"})
_PLAYED: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "disburse": ("disburse", _AMOUNT),
    **dict.fromkeys(PAID, ("pay", frozenset({"amount", "interest_refund", "interest_refund_note"}))),
    "payoff": ("pay_off", _AMOUNT),
    "refund_by_cash": ("pay_back", _AMOUNT),
    "undo_transaction": ("undo_transaction", frozenset({"nth_on_date", "target"})),
    "undo_disbursement": ("undo_disbursement", _NONE),
    "add_charge": ("charge", frozenset({"charge", "kind", "amount", "pct", "due_date"})),
    "chargeback": ("charge_back", frozenset({"kind", "amount", "payment_nr"})),
    "credit_balance_refund": ("refund_credit", _AMOUNT),
    "reage": ("reage", frozenset({"frequencyNumber", "frequencyType", "startDate", "numberOfInstallments"})),
    "reamortize": ("reamortise", _NONE),
    "reschedule": (
        "reschedule",
        frozenset(
            {
                *("from_date", "rescheduleFromDate", "new_due_date", "adjustedDueDate", "newInterestRate", "submittedOnDate"),
                *_RESCHEDULED_NUMBERS,
            }
        ),
    ),
    "interest_pause": ("pause_interest", _PAUSE),
    "delinquency_pause": ("pause_arrears", _PAUSE),
    "delinquency_resume": ("resume_arrears", frozenset({"start"})),
    "charge_off": ("charge_off", frozenset({"fraud", "stop_interest"})),
    "write_off": ("write_off", _NONE),
    "write_off_recovery": ("recover", _AMOUNT),
    "buy_down_fee": ("buy_down", _AMOUNT),
    "pay_principal": ("pay_instalment", frozenset({"period_due", "amount"})),
    "pay_interest": ("pay_instalment", frozenset({"period_due", "amount"})),
    "run_eod": ("close_day", _NONE),
    "waive_interest": ("waive_interest", _AMOUNT),
}


def _either_day(event: Mapping[str, Any], name: str, other: str, at: str) -> date | None:
    """A day that has two names. Raises Unsupported where both are given and are not the same."""
    days = [day(event[key], f"{at}.{key}") for key in (name, other) if event.get(key) is not None]
    if len(set(days)) > 1:
        raise Unsupported(f"{at}.{other}: another day than {name}")
    return days[0] if days else None


def _charge_name(code: str) -> str:
    """The name of a charge code: LOAN_NSF_FEE is "NSF fee"."""
    words = code.removeprefix("LOAN_").split("_")
    first = words[0] if words[0] == "NSF" else words[0].capitalize()
    return " ".join([first, *(word.lower() for word in words[1:])])


def _same(type_: str, name: str) -> bool:
    return _plain(type_) == _plain(name)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


View = tuple[int, date | None]
"""After how many events a loan is looked at, and on which day, if not on that of the last event."""


def play_all(
    loan: Loan, events: Sequence[Mapping[str, Any]], wanted: Collection[View], course: CourseOf = Course
) -> tuple[dict[View, Told], list[Difference]]:
    """The loan at each view, and where what an event says of itself is not what came of it. `course` makes what the events are entered into."""
    story = Story(loan, course(loan.terms))
    days: dict[int, set[date | None]] = {}
    for number, seen in wanted:
        days.setdefault(number, set()).add(seen)
    told = {(0, seen): story.told(seen) for seen in days.get(0, ())}
    for number, event in enumerate(events, start=1):
        story.play(event, f"events[{number - 1}]")
        told |= {(number, seen): story.told(seen) for seen in days.get(number, ())}
    return told, story.differs
