"""The bookings of a loan in the accounts of the cases' source: which of its accounts each part of a transaction moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.fold import in_order, replay
from yuefu.plans.lifecycle.terms import PaidBy
from yuefu.plans.lifecycle.work import Outcome
from yuefu.proofs.conform_loans.telling import text
from yuefu.proofs.conform_loans.told import Told


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the source's chart."""

    type: str
    code: str
    name: str


LOANS: Final = Account("ASSET", "112601", "Loans Receivable")
RECEIVABLE: Final = Account("ASSET", "112603", "Interest/Fee Receivable")
CLEARING: Final = Account("LIABILITY", "145023", "Suspense/Clearing account")
OVERPAYMENT: Final = Account("LIABILITY", "l1", "Overpayment account")
DEFERRED: Final = Account("LIABILITY", "145024", "Deferred Capitalized Income")
BAD_DEBT: Final = Account("EXPENSE", "744007", "Credit Loss/Bad Debt")
FRAUD: Final = Account("EXPENSE", "744037", "Credit Loss/Bad Debt-Fraud")
GOODWILL: Final = Account("EXPENSE", "744003", "Goodwill Expense Account")
BUY_DOWN: Final = Account("EXPENSE", "450280", "Buy Down Expense")
INTEREST: Final = Account("INCOME", "404000", "Interest Income")
FEES: Final = Account("INCOME", "404007", "Fee Income")
INTEREST_OFF: Final = Account("INCOME", "404001", "Interest Income Charge Off")
FEES_OFF: Final = Account("INCOME", "404008", "Fee Charge Off")
RECOVERIES: Final = Account("INCOME", "744008", "Recoveries")
BOUGHT_DOWN: Final = Account("INCOME", "450281", "Income From Buy Down")
ACCOUNTS: Final = {
    account.name: account
    for account in (
        *(LOANS, RECEIVABLE, CLEARING, OVERPAYMENT, DEFERRED, BAD_DEBT, FRAUD, GOODWILL, BUY_DOWN),
        *(INTEREST, FEES, INTEREST_OFF, FEES_OFF, RECOVERIES, BOUGHT_DOWN),
    )
}
SOMETIMES: Final = frozenset({"ACCRUAL", "BUY_DOWN_FEE_AMORTIZATION"})
"""What is booked when jobs of the source run."""

Posting = tuple[Account, int]


def journal(told: Told) -> list[dict[str, Any]]:
    """An entry a transaction that counts, in the order of the days: debits positive, credits negative, accounts that move nothing left out."""
    _, outcomes = replay(told.loan.terms, told.entries)
    found: list[dict[str, Any]] = []
    off: Account | None = None
    for number, event in in_order(told.entries):
        outcome = outcomes[number]
        parts = (outcome.principal.minor, outcome.interest.minor, outcome.fees.minor + outcome.penalties.minor)
        postings = _postings(event, parts, outcome.credit.minor, off)
        if isinstance(event, e.ChargedOff):
            off = FRAUD if number in told.frauds else BAD_DEBT
            postings = ("CHARGE_OFF", _charged_off(off, *parts))
        if postings:
            found.append(_entry(postings[0], event.on, postings[1]))
        if outcome.interest_refund and off is None:
            returned = _off_the_loan(outcome.interest_refund)
            found.append(_entry("INTEREST_REFUND", event.on, [(INTEREST, -sum(amount for _, amount in returned)), *returned]))
    return [*found, *_undone(told), *_income(told)]


def _off_the_loan(outcome: Outcome) -> list[Posting]:
    costs = outcome.fees.minor + outcome.penalties.minor
    return [(LOANS, -outcome.principal.minor), (RECEIVABLE, -outcome.interest.minor - costs), (OVERPAYMENT, -outcome.credit.minor)]


def _income(told: Told) -> list[dict[str, Any]]:
    """What was earned, as it was booked: interest, fees and penalties each against the receivable."""
    found = []
    for one in told.accruals:
        earned = [(account, amount) for account, amount in ((INTEREST, one.interest), (FEES, one.fees), (FEES, one.penalties)) if amount]
        if earned:
            found.append(
                _entry("ACCRUAL", one.on, [line for account, amount in earned for line in ((RECEIVABLE, amount), (account, -amount))])
            )
        if one.bought_down:
            found.append(_entry("BUY_DOWN_FEE_AMORTIZATION", one.on, [(DEFERRED, one.bought_down), (BOUGHT_DOWN, -one.bought_down)]))
    return found


def _entry(name: str, on: date, postings: list[Posting]) -> dict[str, Any]:
    return {"transaction": name, "date": on.isoformat(), "entries": [_line(*one) for one in postings if one[1]]}


def _undone(told: Told) -> list[dict[str, Any]]:
    """Payments that were undone: what they moved, and moved back."""
    found = []
    charged_off = {
        number: FRAUD if number in told.frauds else BAD_DEBT for number, event in in_order(told.entries) if isinstance(event, e.ChargedOff)
    }
    for line in told.transactions:
        event, was = told.entries[line.entry - 1], line.outcome
        if line.reverted and was is not None and isinstance(event, e.Paid):
            parts = (was.principal.minor, was.interest.minor, was.fees.minor + was.penalties.minor)
            off = next((account for number, account in charged_off.items() if number < line.entry), None)
            name, there = _paid(event, parts, was.credit.minor, off)
            found.append(_entry(name, event.on, [*there, *((account, -amount) for account, amount in there)]))
    return found


def _line(account: Account, amount: int) -> dict[str, Any]:
    return {
        "type": account.type,
        "account_code": account.code,
        "account_name": account.name,
        "debit" if amount > 0 else "credit": text(abs(amount)),
    }


def _charged_off(lost: Account, principal: int, interest: int, costs: int) -> list[Posting]:
    return [(lost, principal), (INTEREST_OFF, interest), (FEES_OFF, costs), (LOANS, -principal), (RECEIVABLE, -interest - costs)]


def _postings(event: e.Event, parts: tuple[int, int, int], credit: int, off: Account | None) -> tuple[str, list[Posting]] | None:
    principal, interest, costs = parts
    total = principal + interest + costs + credit
    if isinstance(event, e.Disbursed):
        return "DISBURSEMENT", [(LOANS, event.amount.minor), (CLEARING, -event.amount.minor)]
    if isinstance(event, e.BoughtDown):
        return "BUY_DOWN_FEE", [(BUY_DOWN, event.amount.minor), (DEFERRED, -event.amount.minor)]
    if isinstance(event, e.CreditRefunded):
        return "CREDIT_BALANCE_REFUND", [(OVERPAYMENT, credit), (LOANS, principal), (CLEARING, -total)]
    if isinstance(event, e.ChargedBack) and off:
        return "CHARGEBACK", [(off, principal), (INTEREST_OFF, interest), (FEES_OFF, costs), (OVERPAYMENT, credit), (CLEARING, -total)]
    if isinstance(event, e.ChargedBack):
        return "CHARGEBACK", [(LOANS, principal), (RECEIVABLE, interest + costs), (OVERPAYMENT, credit), (CLEARING, -total)]
    if isinstance(event, e.Paid):
        return _paid(event, parts, credit, off)
    return None


def _paid(event: e.Paid, parts: tuple[int, int, int], credit: int, off: Account | None) -> tuple[str, list[Posting]]:
    principal, interest, costs = parts
    total = principal + interest + costs + credit
    name = {
        PaidBy.GOODWILL: "GOODWILL_CREDIT",
        PaidBy.MERCHANT_REFUND: "MERCHANT_ISSUED_REFUND",
        PaidBy.PAYOUT_REFUND: "PAYOUT_REFUND",
        PaidBy.DOWN_PAYMENT: "DOWN_PAYMENT",
    }.get(event.by, "REPAYMENT")
    if event.by is PaidBy.GOODWILL and off:
        return name, [(GOODWILL, principal), (INTEREST_OFF, interest), (FEES_OFF, costs), (RECOVERIES, -total)]
    if event.by is PaidBy.GOODWILL:
        given = [(GOODWILL, principal + credit), (INTEREST_OFF, interest), (FEES_OFF, costs)]  # income that is given up is no expense
        return name, [*given, (LOANS, -principal), (RECEIVABLE, -interest - costs), (OVERPAYMENT, -credit)]
    if off and event.by in {PaidBy.MERCHANT_REFUND, PaidBy.PAYOUT_REFUND}:
        return name, [(CLEARING, total), (off, -principal), (INTEREST_OFF, -interest), (FEES_OFF, -costs), (OVERPAYMENT, -credit)]
    if off:
        return name, [(CLEARING, total), (RECOVERIES, -(total - credit)), (OVERPAYMENT, -credit)]
    return name, [(CLEARING, total), (LOANS, -principal), (RECEIVABLE, -interest - costs), (OVERPAYMENT, -credit)]
