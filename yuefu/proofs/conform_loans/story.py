"""The events of a case, played: entries of ours, and the list of transactions as their source tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import as_of, in_order, replay
from yuefu.plans.lifecycle.levelling import down_payment_minor, fees_minor
from yuefu.plans.lifecycle.quotes import buy_down_earned, interest_earned
from yuefu.plans.lifecycle.terms import Fee, FeeWhen, Frequency, PaidBy, Part
from yuefu.plans.lifecycle.work import LoanState, Outcome
from yuefu.proofs.cases import Unsupported
from yuefu.proofs.conform_loans.inputs import Loan, day, money, one_of, percent

PAID: Final = {
    "repayment": (PaidBy.REPAYMENT, "Repayment"),
    "prepayment": (PaidBy.REPAYMENT, "Repayment"),
    "goodwill_credit": (PaidBy.GOODWILL, "Goodwill Credit"),
    "merchant_issued_refund": (PaidBy.MERCHANT_REFUND, "Merchant Issued Refund"),
    "payout_refund": (PaidBy.PAYOUT_REFUND, "Payout Refund"),
    "interest_payment_waiver": (PaidBy.GOODWILL, "Interest Payment Waiver"),
}
_PENALTY_NAMES: Final = ("nsf", "late", "penalty", "overdue")
_KNOWN: Final = {
    "disburse": {"amount"},
    "payoff": {"amount"},
    "refund_by_cash": {"amount"},
    "undo_transaction": {"nth_on_date", "target"},
    "undo_disbursement": set(),
    "add_charge": {"charge", "kind", "amount", "pct", "due_date"},
    "chargeback": {"kind", "amount", "payment_nr"},
    "credit_balance_refund": {"amount"},
    "reage": {"frequencyNumber", "frequencyType", "startDate", "numberOfInstallments"},
    "reamortize": set(),
    "reschedule": {
        *("from_date", "rescheduleFromDate", "new_due_date", "adjustedDueDate", "extraTerms", "newInterestRate"),
        *("graceOnPrincipal", "graceOnInterest", "submittedOnDate"),
    },
    "interest_pause": {"start", "end"},
    "delinquency_pause": {"start", "end"},
    "charge_off": {"fraud", "stop_interest"},
    "write_off": set(),
    "write_off_recovery": {"amount"},
    "buy_down_fee": {"amount"},
    "pay_principal": {"period_due", "amount"},
    "pay_interest": {"period_due", "amount"},
    "run_eod": set(),
    "waive_interest": {"amount"},
}


@dataclass(slots=True)
class Transaction:
    """A line of the list: the entry it came from, its day and name, and what became of it when it last counted."""

    entry: int
    on: date
    type: str
    amount: str
    outcome: Outcome | None = None
    reverted: bool = False
    shows_balance: bool = True
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Accrued:
    """Income booked on a day: interest, fees, penalties, and what was earned of the merchant's fee."""

    on: date
    interest: int
    fees: int
    penalties: int
    bought_down: int = 0


@dataclass(slots=True)
class ChargeLine:
    """A charge as the source lists it."""

    entry: int
    name: str
    part: Part
    due_on: date | None
    placed: str
    counted: str
    amount_minor: int


@dataclass(slots=True)
class Told:
    """The loan after some of its events, seen on the day on which the last one was entered."""

    loan: Loan
    state: LoanState
    today: date
    transactions: list[Transaction]
    charges: list[ChargeLine]
    entries: list[Event | Undone]
    accruals: list[Accrued]


@dataclass(slots=True)
class Story:
    """Plays events one after the other."""

    loan: Loan
    entries: list[Event | Undone] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    charges: list[ChargeLine] = field(default_factory=list)
    accruals: list[Accrued] = field(default_factory=list)
    today: date | None = None

    def play(self, event: Mapping[str, Any], at: str) -> None:
        """Enters one event. Raises Unsupported for a type, a key or an order of events that is not understood."""
        kind = str(event.get("type"))
        known = {"amount", "interest_refund", "interest_refund_note"} if kind in PAID else _KNOWN.get(kind)
        if known is None:
            raise Unsupported(f"{at}.type: {kind}")
        unknown = [f"{at}.{key}" for key in event if key not in known | {"type", "date", "business_date", "note"}]
        if unknown:
            raise Unsupported(*unknown)
        entered = event.get("business_date") or event.get("date") or event.get("start") or event.get("due_date") or self.today
        self.today = entered if isinstance(entered, date) else day(entered, f"{at}.business_date")
        on = day(event.get("date") or self.today, f"{at}.date")
        try:
            self._enter(kind, event, on, at)
            self._count()
        except PlanError as error:
            raise Unsupported(f"{at}: {error.detail}") from error

    def told(self) -> Told:
        """The loan as it stands."""
        state, _ = replay(self.loan.terms, self.entries)
        today = self.today or self.loan.terms.disbursed_on
        if state.lent and state.last_on <= today.toordinal() and not self.loan.calculator:
            state = as_of(state, today)
        lines = [Transaction(**{name: getattr(line, name) for name in Transaction.__slots__}) for line in self.transactions]
        return Told(self.loan, state, today, lines, list(self.charges), list(self.entries), list(self.accruals))

    def _add(self, event: Event | Undone, type_: str = "", amount: str = "", *, shows_balance: bool = True) -> None:
        self.entries.append(event)
        if type_ and not isinstance(event, Undone):
            self.transactions.append(Transaction(len(self.entries), event.on, type_, amount, shows_balance=shows_balance))

    def _count(self) -> None:
        """Brings what became of each transaction that counts up to date; of one undone it stays what it was."""
        state, outcomes = replay(self.loan.terms, self.entries)
        counted = {number for number, _ in in_order(self.entries)}
        for line in self.transactions:
            line.reverted = line.entry not in counted
            if line.entry in outcomes:
                line.replayed |= line.outcome not in {None, outcomes[line.entry]}
                line.outcome = outcomes[line.entry]
        if state.status in {"closed", "overpaid"}:
            self._accrue(state, self._today, at_end=True)

    def _enter(self, kind: str, event: Mapping[str, Any], on: date, at: str) -> None:
        amount = money(event["amount"], f"{at}.amount") if event.get("amount") is not None else None
        if kind == "disburse":
            self._disburse(on, event, at)
        elif kind in PAID:
            by, name = PAID[kind]
            assert amount is not None
            self._add(e.Paid(on, amount, by, interest_refund=bool(event.get("interest_refund"))), name, amount.decimal_text())
        elif kind == "payoff":
            self._add(e.PaidOff(on), "Repayment", "")
        elif kind in {"undo_transaction", "undo_disbursement"}:
            self._undo(kind, event, on, at)
        elif kind == "add_charge":
            self._charge(event, at)
        elif kind == "chargeback" and amount:
            self._add(e.ChargedBack(self._today, amount), "Chargeback", amount.decimal_text())
        elif kind == "refund_by_cash" and amount:
            self._add(e.PaidBack(on, amount), "Refund", amount.decimal_text())
        elif kind == "credit_balance_refund" and amount:
            self._add(e.CreditRefunded(on, amount), "Credit Balance Refund", amount.decimal_text())
        elif kind in {"pay_principal", "pay_interest"} and amount:
            part = Part.PRINCIPAL if kind == "pay_principal" else Part.INTEREST
            self._add(e.PaidInstalment(on, day(event["period_due"], f"{at}.period_due"), part, amount))
        elif kind == "write_off_recovery" and amount:
            self._add(e.Recovered(on, amount), "Recovery Repayment", amount.decimal_text())
        elif kind == "buy_down_fee" and amount:
            self._add(e.BoughtDown(on, amount), "Buy Down Fee", amount.decimal_text(), shows_balance=False)
        elif kind == "waive_interest" and amount:
            self._add(e.Waived(on, Part.INTEREST, amount), "Waive interest", amount.decimal_text())
        else:
            self._change(kind, event, on, at)

    @property
    def _today(self) -> date:
        assert self.today is not None
        return self.today

    def _change(self, kind: str, event: Mapping[str, Any], on: date, at: str) -> None:
        if kind == "run_eod":
            self._close_day()
        elif kind == "reamortize":
            self._add(e.Reamortised(on), "Re-amortize", "", shows_balance=False)
        elif kind == "reage":
            frequency = one_of({"DAYS": Frequency.DAYS, "WEEKS": Frequency.WEEKS, "MONTHS": Frequency.MONTHS}, event["frequencyType"], at)
            first = day(event["startDate"], f"{at}.startDate")
            periods, every = int(event["numberOfInstallments"]), int(event["frequencyNumber"])
            self._add(e.Reaged(on, first, periods, frequency, every), "Re-age", "", shows_balance=False)
        elif kind == "reschedule":
            self._reschedule(event, on, at)
        elif kind == "interest_pause":
            self._add(e.InterestPaused(day(event["start"], f"{at}.start"), day(event["end"], f"{at}.end")))
        elif kind == "delinquency_pause":
            self._add(e.ArrearsPaused(day(event["start"], f"{at}.start"), day(event["end"], f"{at}.end")))
        elif kind == "charge_off":
            self._add(e.ChargedOff(on), "Charge-off", "", shows_balance=False)
        elif kind == "write_off":
            self._add(e.WrittenOff(on), "Close (as written-off)", "")
        else:
            raise Unsupported(f"{at}.amount")

    def _close_day(self) -> None:
        """Books income: with each instalment that has fallen due, or daily up to the day before."""
        state, _ = replay(self.loan.terms, self.entries)
        state = as_of(state, self._today) if state.last_on <= self._today.toordinal() else state
        rows = state.rows()
        if self.loan.accrues_daily:
            self._accrue(state, self._today - timedelta(days=1), at_end=False)
            return
        booked = {accrued.on for accrued in self.accruals}
        for k in range(len(rows)):
            due = date.fromordinal(rows.due[k])
            if due <= self._today and due not in booked and rows.interest[k] + rows.fees[k] + rows.penalties[k]:
                self.accruals.append(Accrued(due, rows.interest[k], rows.fees[k], rows.penalties[k]))

    def _accrue(self, state: LoanState, day: date, *, at_end: bool) -> None:
        """What was earned by a day beyond what has been booked; all of it where the loan has ended."""
        charged = [event for _, event in in_order(self.entries) if isinstance(event, e.Charged) and (at_end or event.due_on <= day)]
        interest = sum(state.rows().interest) if at_end else interest_earned(state, day).minor
        fees = sum(event.amount.minor for event in charged if event.part is Part.FEE) - sum(one.fees for one in self.accruals)
        penalties = sum(event.amount.minor for event in charged if event.part is Part.PENALTY) - sum(one.penalties for one in self.accruals)
        bought_down = buy_down_earned(state, day).minor - sum(one.bought_down for one in self.accruals)
        new = Accrued(day, interest - sum(one.interest for one in self.accruals), fees, penalties, max(bought_down, 0))
        if new.interest or new.fees or new.penalties or new.bought_down:
            self.accruals.append(new)

    def _agree(self, more: Money) -> None:
        """A case may say what was agreed as what was lent at first: then what is lent is agreed with it."""
        lent = more.minor + sum(event.amount.minor for _, event in in_order(self.entries) if isinstance(event, e.Disbursed))
        if lent > self.loan.terms.principal.minor:
            self.loan = replace(self.loan, terms=replace(self.loan.terms, principal=Money(lent, more.currency)))

    def _disburse(self, on: date, event: Mapping[str, Any], at: str) -> None:
        amount = money(event.get("amount") or self.loan.terms.principal.decimal_text(), f"{at}.amount")
        self._agree(amount)
        self._add(e.Disbursed(on, amount), "Disbursement", amount.decimal_text())
        fees = fees_minor(self.loan.terms, FeeWhen.UPFRONT, self.loan.terms.principal.minor) if len(self.entries) == 1 else 0
        if fees:
            paid = Money(fees, amount.currency)
            self._add(e.Paid(on, paid), "Repayment (at time of disbursement)", paid.decimal_text())
            self.accruals.append(Accrued(on, 0, fees, 0))
        if self.loan.down_payment_auto:
            down = Money(down_payment_minor(self.loan.terms, amount.minor), amount.currency)
            self._add(e.Paid(on, down, PaidBy.DOWN_PAYMENT), "Down Payment", down.decimal_text())

    def _reschedule(self, event: Mapping[str, Any], on: date, at: str) -> None:
        begin = day(event.get("from_date") or event.get("rescheduleFromDate"), f"{at}.from_date")
        moved = event.get("new_due_date") or event.get("adjustedDueDate")
        rate = event.get("newInterestRate")
        self._add(
            e.Rescheduled(
                min(on, begin),
                begin,
                day(moved, f"{at}.new_due_date") if moved else None,
                int(event.get("extraTerms") or 0),
                percent(rate, f"{at}.newInterestRate") if rate is not None else None,
                int(event.get("graceOnPrincipal") or 0),
                int(event.get("graceOnInterest") or 0),
            )
        )

    def _undo(self, kind: str, event: Mapping[str, Any], on: date, at: str) -> None:
        if kind == "undo_disbursement":
            wanted = [line for line in self.transactions if line.type == "Disbursement" and not line.reverted]
        elif "target" in event:
            type_, _, when = str(event["target"]).rpartition(" ")
            wanted = [
                line for line in self.transactions if not line.reverted and _same(line.type, type_) and line.on == day(when, f"{at}.target")
            ]
        else:
            same_day = [line for line in self.transactions if line.on == on]
            position = int(event.get("nth_on_date") or 1)
            wanted = same_day[position - 1 : position]
        if not wanted:
            raise Unsupported(f"{at}.target: there is no such transaction")
        self._add(Undone(wanted[-1].entry))

    def _charge(self, event: Mapping[str, Any], at: str) -> None:
        code = str(event.get("charge") or "charge")
        kind = event.get("kind") or ("penalty" if any(word in code.lower() for word in _PENALTY_NAMES) else "fee")
        part = one_of({"FEE": Part.FEE, "PENALTY": Part.PENALTY}, kind, f"{at}.kind")
        name = _charge_name(code)
        if event.get("pct") is not None and "disbursement" in code.lower() and not self.entries:
            fee = Fee(code, FeeWhen.UPFRONT, rate=percent(event["pct"], f"{at}.pct"))
            self.loan = replace(self.loan, terms=replace(self.loan.terms, fees=(*self.loan.terms.fees, fee)))
            self.charges.append(ChargeLine(0, name, part, None, "Disbursement", "% Amount", 0))
            return
        if event.get("pct") is not None and "installment" in code.lower():
            self._add(e.ChargedEachInstalment(self._today, code, percent(event["pct"], f"{at}.pct")))
            self.charges.append(ChargeLine(len(self.entries), name, part, None, "Installment Fee", "% Loan Amount + Interest", 0))
            return
        due = event.get("due_date") or event.get("date") or self._today
        due_on = due if isinstance(due, date) else day(due, f"{at}.due_date")
        counted = "Flat"
        if event.get("pct") is not None:
            rate, counted = percent(event["pct"], f"{at}.pct"), "% Loan Amount + Interest"
            state, _ = replay(self.loan.terms, self.entries)
            rows = state.rows()
            base = Money(sum(rows.principal) + sum(rows.interest), self.loan.terms.currency)
            amount = rate.of(base, rounding=self.loan.terms.rounding)
        else:
            amount = money(event.get("amount"), f"{at}.amount")
        self._add(e.Charged(max(min(self._today, due_on), self.loan.terms.disbursed_on), code, part, amount, due_on))
        self.charges.append(ChargeLine(len(self.entries), name, part, due_on, "Specified due date", counted, amount.minor))


def _charge_name(code: str) -> str:
    """The name of a charge code: LOAN_NSF_FEE is "NSF fee"."""
    words = code.removeprefix("LOAN_").split("_")
    first = words[0] if words[0] == "NSF" else words[0].capitalize()
    return " ".join([first, *(word.lower() for word in words[1:])])


def _same(type_: str, name: str) -> bool:
    return _plain(type_) == _plain(name)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def play_all(loan: Loan, events: Sequence[Mapping[str, Any]], wanted: set[int]) -> dict[int, Told]:
    """The loan after as many events as each of `wanted` says."""
    story = Story(loan)
    told = {0: story.told()} if 0 in wanted else {}
    for count, event in enumerate(events, start=1):
        story.play(event, f"events[{count - 1}]")
        if count in wanted:
            told[count] = story.told()
    return told
