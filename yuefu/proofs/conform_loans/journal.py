"""The bookings of a loan in the accounts of the cases' source: which of its accounts each part of a transaction moves."""

from __future__ import annotations

from typing import Any, Final

from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.fold import in_order, replay
from yuefu.plans.lifecycle.terms import PaidBy
from yuefu.proofs.conform_loans.story import Told
from yuefu.proofs.conform_loans.telling import text

LOANS: Final = ("ASSET", "Loans Receivable")
RECEIVABLE: Final = ("ASSET", "Interest/Fee Receivable")
CLEARING: Final = ("LIABILITY", "Suspense/Clearing account")
OVERPAYMENT: Final = ("LIABILITY", "Overpayment account")
BAD_DEBT: Final = ("EXPENSE", "Credit Loss/Bad Debt")
INTEREST_OFF: Final = ("INCOME", "Interest Income Charge Off")
FEES_OFF: Final = ("INCOME", "Fee Charge Off")
RECOVERIES: Final = ("INCOME", "Recoveries")
GOODWILL: Final = ("EXPENSE", "Goodwill Expense Account")
BUY_DOWN: Final = ("EXPENSE", "Buy Down Expense")
DEFERRED: Final = ("LIABILITY", "Deferred Capitalized Income")

Posting = tuple[tuple[str, str], int]


def journal(told: Told) -> list[dict[str, Any]]:
    """An entry a transaction that counts, in the order of the days: debits positive, credits negative, accounts that move nothing left out."""
    _, outcomes = replay(told.loan.terms, told.entries)
    found, off = [], False
    for number, event in in_order(told.entries):
        outcome = outcomes[number]
        parts = (outcome.principal.minor, outcome.interest.minor, outcome.fees.minor + outcome.penalties.minor)
        postings = _postings(event, parts, outcome.credit.minor, off)
        if isinstance(event, e.ChargedOff):
            off = True
            state, _ = replay(told.loan.terms, [entry for _, entry in in_order(told.entries)][: _position(told, number)])
            rows = state.rows()
            unpaid = [
                (
                    rows.unpaid_principal(k),
                    rows.interest[k] - rows.interest_paid[k],
                    rows.fees[k] + rows.penalties[k] - rows.fees_paid[k] - rows.penalties_paid[k],
                )
                for k in range(len(rows))
            ]
            postings = ("CHARGE_OFF", _charged_off(*(sum(column) for column in zip(*unpaid, strict=True))))
        if postings:
            found.append(_entry(postings[0], event, postings[1]))
    return [*found, *_undone(told)]


def _entry(name: str, event: e.Event, postings: list[Posting]) -> dict[str, Any]:
    return {"transaction": name, "date": event.on.isoformat(), "entries": [_line(*one) for one in postings if one[1]]}


def _undone(told: Told) -> list[dict[str, Any]]:
    """Payments that were undone: what they moved, and moved back."""
    found = []
    charged_off = [number for number, event in in_order(told.entries) if isinstance(event, e.ChargedOff)]
    for line in told.transactions:
        event, was = told.entries[line.entry - 1], line.outcome
        if line.reverted and was is not None and isinstance(event, e.Paid):
            parts = (was.principal.minor, was.interest.minor, was.fees.minor + was.penalties.minor)
            name, there = _paid(event, parts, was.credit.minor, any(number < line.entry for number in charged_off))
            found.append(_entry(name, event, [*there, *((account, -amount) for account, amount in there)]))
    return found


def _position(told: Told, number: int) -> int:
    return next(i for i, (entry, _) in enumerate(in_order(told.entries), start=1) if entry == number)


def _line(account: tuple[str, str], amount: int) -> dict[str, Any]:
    return {"type": account[0], "account_name": account[1], "debit" if amount > 0 else "credit": text(abs(amount))}


def _charged_off(principal: int, interest: int, costs: int) -> list[Posting]:
    return [(BAD_DEBT, principal), (INTEREST_OFF, interest), (FEES_OFF, costs), (LOANS, -principal), (RECEIVABLE, -interest - costs)]


def _postings(event: e.Event, parts: tuple[int, int, int], credit: int, off: bool) -> tuple[str, list[Posting]] | None:
    principal, interest, costs = parts
    total = principal + interest + costs + credit
    if isinstance(event, e.Disbursed):
        return "DISBURSEMENT", [(LOANS, event.amount.minor), (CLEARING, -event.amount.minor)]
    if isinstance(event, e.BoughtDown):
        return "BUY_DOWN_FEE", [(BUY_DOWN, event.amount.minor), (DEFERRED, -event.amount.minor)]
    if isinstance(event, e.CreditRefunded):
        return "CREDIT_BALANCE_REFUND", [(OVERPAYMENT, credit), (LOANS, principal), (CLEARING, -total)]
    if isinstance(event, e.ChargedBack):
        return "CHARGEBACK", [(LOANS, principal), (RECEIVABLE, interest + costs), (OVERPAYMENT, credit), (CLEARING, -total)]
    if isinstance(event, e.Paid):
        return _paid(event, parts, credit, off)
    return None


def _paid(event: e.Paid, parts: tuple[int, int, int], credit: int, off: bool) -> tuple[str, list[Posting]]:
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
        return name, [(CLEARING, total), (BAD_DEBT, -principal), (INTEREST_OFF, -interest), (FEES_OFF, -costs), (OVERPAYMENT, -credit)]
    if off:
        return name, [(CLEARING, total), (RECOVERIES, -(total - credit)), (OVERPAYMENT, -credit)]
    return name, [(CLEARING, total), (LOANS, -principal), (RECEIVABLE, -interest - costs), (OVERPAYMENT, -credit)]
