"""The words for codes. The database and the journeys know codes only; here each gets its text, and its colour where it is a state.

One table a kind of code; a test walks the codes of the business and fails for one without a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yuefu.web import break_texts, checkout_texts, entry_texts, loan_texts, recon_texts, report_texts, settlement_texts, suspense_texts

Tone = Literal["good", "busy", "warn", "bad", "still"]
Table = Mapping[str, Promise]

PLACES: Final[Table] = {
    "recon": _("Bills against books"),
    "breaks": _("Breaks"),
    "suspense": _("Money not explained"),
    "settlements": _("Settlement"),
    "invoices": _("Invoices for fees"),
    "shares": _("Profit shares"),
    "funds": _("Fund plan"),
    "late_loans": _("Late loans"),
    "reports": _("Reports"),
}
STAGES: Final[Table] = {
    "order": _("Order"),
    "decision": _("Decision"),
    "loan": _("Loan"),
    "posting": _("Posting"),
    "settlement": _("Settlement"),
    "repayment": _("Repayment"),
    "reconciliation": _("Reconciliation"),
}
STAGE_STATES: Final[Table] = {
    "done": pgettext_lazy("stage", "Done"),
    "partly": pgettext_lazy("stage", "Partly done"),
    "waiting": pgettext_lazy("stage", "Not due yet"),
    "overdue": pgettext_lazy("stage", "Overdue"),
    "none": pgettext_lazy("stage", "Does not apply"),
}
ORDER_STATES: Final[Table] = {
    "declined": pgettext_lazy("order", "Declined"),
    "authorised": pgettext_lazy("order", "Authorised"),
    "part_captured": pgettext_lazy("order", "Partly captured"),
    "captured": pgettext_lazy("order", "Captured"),
    "part_refunded": pgettext_lazy("order", "Partly refunded"),
    "refunded": pgettext_lazy("order", "Refunded"),
    "voided": pgettext_lazy("order", "Voided"),
    "expired": pgettext_lazy("order", "Expired"),
}
DECISIONS: Final[Table] = {
    "approved": pgettext_lazy("decision", "Approved"),
    "declined": pgettext_lazy("decision", "Declined"),
}
REASONS: Final[Table] = {
    "under_age": _("The shopper is under age"),
    "over_age": _("The shopper is above the age limit"),
    "student": _("No new credit for students"),
    "no_credit_account": _("There is no credit account"),
    "suspected_fraud": _("Marked: suspected fraud"),
    "under_review": _("Marked: under review"),
    "account_frozen": _("The credit account is frozen"),
    "account_closed": _("The credit account is closed"),
    "consumer_closed": _("The shopper’s account is closed"),
    "overdue": _("An earlier instalment is overdue"),
    "limit": _("The amount is above the limit that is left"),
    "velocity": _("Too many orders in a short time"),
    "duplicate": _("The merchant sent the same order before"),
    "merchant_suspended": _("The merchant is suspended"),
    "merchant_closed": _("The merchant’s account is closed"),
    "product_not_offered": _("The product is not on offer"),
    "new_credit_stopped": _("New credit is stopped for now"),
    "product_stopped": _("New credit on this product is stopped for now"),
    "funder_stopped": _("New credit from this funder is stopped for now"),
    "merchant_stopped": _("New credit at this merchant is stopped for now"),
    "channel_stopped": _("New credit through this sales channel is stopped for now"),
}
HAPPENINGS: Final[Table] = {
    "quote.shown": _("Plan shown"),
    "order.created": _("Order created"),
    "decision.approved": _("Approved"),
    "decision.declined": _("Declined"),
    "order.authorised": _("Amount held on the credit line"),
    "order.captured": _("Captured"),
    "order.voided": _("Voided: the hold was released"),
    "order.expired": _("Expired: the hold ran out"),
    "order.refunded": _("Refunded by the merchant"),
    "loan.booked": _("Loan booked"),
    "instalment.due": _("Instalment due"),
    "loan.repaid": _("Repayment received"),
    "loan.refunded": _("Refund applied to the loan"),
    "loan.reversed": _("Repayment taken off the loan"),
    "loan.charged_back": _("Payment taken back by the bank"),
    "loan.credit_refunded": _("Credit balance paid out"),
    "settlement.batched": _("In a settlement batch for the merchant"),
    "payout.paid": _("Paid out to the merchant, the whole batch"),
    "payout.returned": _("Payout came back from the bank"),
    "channel.refunded": _("Money sent back to the shopper"),
    "channel.refused": _("The channel refused to send money back; it is tried again"),
    "bill.line": _("Found in a bill"),
}
INSTALMENT_STATES: Final[Table] = {
    "paid": pgettext_lazy("instalment", "Paid"),
    "refunded": pgettext_lazy("instalment", "Refunded"),
    "given_up": pgettext_lazy("instalment", "Given up"),
    "part_paid": pgettext_lazy("instalment", "Partly paid"),
    "due": pgettext_lazy("instalment", "Due today"),
    "overdue": pgettext_lazy("instalment", "Overdue"),
    "upcoming": pgettext_lazy("instalment", "Upcoming"),
}
OUTCOMES: Final[Table] = {
    "matched": _("Matches our books"),
    "amount_differs": _("Amount differs"),
    "status_differs": _("Status differs"),
    "missing_here": _("In the bill, not in our books"),
    "missing_there": _("In our books, not in the bill"),
    "duplicate": _("In the bill twice"),
    "other_day": _("Booked on another day"),
    "correction": _("Corrects a break"),
    "": _("Not compared yet"),
}
SOURCES: Final[Table] = {
    "channel_trade": _("Channel: trade bill"),
    "channel_fund": _("Channel: fund flow"),
    "bank": _("Bank: statement of own money"),
    "bank_client": _("Bank: statement of client money"),
}
MOVEMENTS: Final[Table] = {
    "payment": pgettext_lazy("movement", "Payment"),
    "fee": pgettext_lazy("movement", "Fee"),
    "refund": pgettext_lazy("movement", "Refund"),
    "withdrawal": pgettext_lazy("movement", "Withdrawal to the bank"),
    "payout": pgettext_lazy("movement", "Payout"),
    "payout_returned": pgettext_lazy("movement", "Payout returned"),
    "funding": pgettext_lazy("movement", "Funding"),
    "receipt": pgettext_lazy("movement", "Bank transfer to us"),
    "safeguarding": pgettext_lazy("movement", "Moved to client money"),
    "release": pgettext_lazy("movement", "Released from client money"),
    "share": pgettext_lazy("movement", "Share"),
    "chargeback": pgettext_lazy("movement", "Charge-back"),
    "chargeback_reversed": pgettext_lazy("movement", "Charge-back won"),
    "tax": pgettext_lazy("movement", "Tax on fees"),
    "reserve": pgettext_lazy("movement", "Reserve"),
    "debt": pgettext_lazy("movement", "Debt to the channel"),
    "balance_transfer": pgettext_lazy("movement", "Balance carried over"),
    "correction": pgettext_lazy("movement", "Correction"),
    "other": pgettext_lazy("movement", "Other"),
    "opening": pgettext_lazy("movement", "Opening balance"),
}
DAY_STATES: Final[Table] = {
    "open": pgettext_lazy("day", "Open"),
    "closing": pgettext_lazy("day", "Closing"),
    "closed": pgettext_lazy("day", "Closed"),
}
RUN_STATES: Final[Table] = {
    "waiting": pgettext_lazy("run", "Waiting"),
    "running": pgettext_lazy("run", "Running"),
    "failed": pgettext_lazy("run", "Failed"),
    "done": pgettext_lazy("run", "Done"),
}
CLOSE_STEPS: Final[Table] = {
    "due": pgettext_lazy("close step", "Instalments fall due"),
    "accrue": pgettext_lazy("close step", "Interest accrues"),
    "overdue": pgettext_lazy("close step", "Late loans are marked"),
    "advance": pgettext_lazy("close step", "Loans are brought to the end of the day"),
    "post": pgettext_lazy("close step", "What the day brought is posted"),
    "prove": pgettext_lazy("close step", "Proofs"),
}
PROOFS: Final[Table] = {
    "trial_balance_zero": pgettext_lazy("proof", "the trial balance is zero"),
    "subledgers_equal_control": pgettext_lazy("proof", "sub-ledgers equal their control accounts"),
    "nothing_unposted": pgettext_lazy("proof", "nothing is left unposted"),
    "statements_add_up": pgettext_lazy("proof", "statements add up"),
    "bills_add_up": pgettext_lazy("proof", "bills add up"),
    "client_money": pgettext_lazy("proof", "no own money is among that of clients"),
    "loans_equal_replay": pgettext_lazy("proof", "loans are stored as a replay has them"),
}
TRIED: Final[Table] = {
    "went_on": _("The loan went on."),
    "still_stuck": _("It broke again: what it raised now is below."),
    "refused": _("It was not tried: somebody has dealt with it meanwhile, or the book is read only."),
}
BRIDGE_STATES: Final[Table] = {
    "waiting": pgettext_lazy("bridge", "Waiting for the file"),
    "running": pgettext_lazy("bridge", "Running"),
    "done": pgettext_lazy("bridge", "Done"),
    "failed": pgettext_lazy("bridge", "Failed"),
}
SALES_CHANNELS: Final[Table] = {
    "online": _("Online"),
    "store": _("Store"),
    "mini": _("Mini program"),
    "live": _("Live room"),
    "agent": _("Agent"),
}
MODES: Final[Table] = {"test": _("Test mode"), "live": _("Live")}
ROLES: Final[Table] = {
    "operator": pgettext_lazy("role", "Operator"),
    "risk": pgettext_lazy("role", "Risk"),
    "finance": pgettext_lazy("role", "Finance"),
    "support": pgettext_lazy("role", "Support"),
    "compliance": pgettext_lazy("role", "Compliance"),
    "merchant_owner": pgettext_lazy("role", "Merchant: owner"),
    "merchant_staff": pgettext_lazy("role", "Merchant: staff"),
}
PARAMS: Final[Table] = {
    "amount": _("Amount"),
    "loan": _("Loan"),
    "no": _("Instalment"),
    "instalment": _("Instalment"),
    "late_charges": _("Late charges since"),
    "periods": _("Instalments"),
    "product": _("Product"),
    "reasons": _("Reasons"),
    "reason": _("Reason"),
    "due_on": _("Due"),
    "first_due_on": _("First due"),
    "pay_on": _("Pay day"),
    "paid_on": _("Paid on"),
    "expires_at": _("Hold ends"),
    "expires_on": _("Hold ends"),
    "batch": _("Settlement batch"),
    "payout": _("Payout"),
    "capture": _("Capture"),
    "refund": _("Refund"),
    "collection": _("Collection"),
    "provider_id": _("Number at the channel"),
    "reference": _("Our number"),
    "policy_version": _("Policy version"),
    "contract_version": _("Contract version"),
    "source": _("File"),
    "outcome": _("Comparison"),
    "quote": _("Quote"),
    "shown_to": _("Shown to"),
    "language": _("Language"),
}
LANGUAGES: Final[Table] = {"zh": pgettext_lazy("language", "Chinese"), "en": pgettext_lazy("language", "English")}
SHOWN_TO: Final[Table] = {"shopper": pgettext_lazy("shown to", "the shopper"), "anybody": pgettext_lazy("shown to", "nobody in particular")}
NEXT_STEPS: Final[Table] = {
    "nothing": _("Nothing more is to come."),
    "order.waiting": _("Next: capture by the merchant"),
    "decision.waiting": _("Next: the decision"),
    "loan.waiting": _("Next: the loan is booked at capture"),
    "posting.waiting": _("Next: posting in the ledger"),
    "settlement.waiting": _("Next: settles with the merchant"),
    "repayment.waiting": _("Next: repayment by the shopper"),
    "reconciliation.waiting": _("Next: comparison with the bills"),
    "order.overdue": _("Late: capture or expiry should have happened"),
    "decision.overdue": _("Late: there is no decision"),
    "loan.overdue": _("Late: the loan is not booked"),
    "posting.overdue": _("Late: the ledger entries are missing"),
    "settlement.overdue": _("Late: not settled with the merchant"),
    "repayment.overdue": _("Late: repayment by the shopper"),
    "reconciliation.overdue": _("Late: not compared with the bills"),
}
ANSWERS: Final[Table] = {
    "adds_up": _("The books add up."),
    "breaks_open": _("The books add up; differences from the bills are open."),
    "day_not_closed": _("A business day has not closed yet."),
    "does_not_add_up": _("The books do not add up."),
}

STOPS: Final[Table] = {
    "new_credit": _("New credit is stopped"),
    "payouts": _("Payouts are stopped"),
    "read_only": _("This book is read only"),
}
STOPPED_FOR: Final[Table] = {
    "": _("the whole book"),
    "product": pgettext_lazy("stopped for", "product"),
    "funder": pgettext_lazy("stopped for", "funder"),
    "merchant": pgettext_lazy("stopped for", "merchant"),
    "channel": pgettext_lazy("stopped for", "sales channel"),
}

TABLES: Final[Mapping[str, Table]] = {
    "page": PLACES,
    "stage": STAGES,
    "stage_state": STAGE_STATES,
    "order_state": ORDER_STATES,
    "checkout_state": checkout_texts.STATES,
    "checkout_fault": checkout_texts.FAULTS,
    "decision": DECISIONS,
    "reason": REASONS,
    "happening": HAPPENINGS,
    "instalment_state": INSTALMENT_STATES,
    "outcome": OUTCOMES,
    "source": SOURCES,
    "movement": MOVEMENTS,
    "entry_kind": entry_texts.ENTRY_KINDS,
    "day_state": DAY_STATES,
    "bridge_state": BRIDGE_STATES,
    "run_state": RUN_STATES,
    "close_step": CLOSE_STEPS,
    "proof": PROOFS,
    "tried": TRIED,
    "suspense": suspense_texts.SUSPENSE,
    "suggestion": suspense_texts.SUGGESTIONS,
    "return_state": suspense_texts.RETURN_STATES,
    "heard_by": suspense_texts.HEARD_BY,
    "suspense_done": suspense_texts.SUSPENSE_DONE,
    "suspense_refused": suspense_texts.SUSPENSE_REFUSED,
    "verdict": recon_texts.VERDICTS,
    "carried_class": recon_texts.CLASSES,
    "carried_result": recon_texts.RESULTS,
    "lifecycle": recon_texts.LIFECYCLES,
    "ended": recon_texts.ENDINGS,
    "check": recon_texts.CHECKS,
    "batch_state": settlement_texts.BATCH_STATES,
    "payout_state": settlement_texts.PAYOUT_STATES,
    "settlement_line": settlement_texts.LINE_KINDS,
    "statement_fault": settlement_texts.STATEMENT_FAULTS,
    "share_state": settlement_texts.SHARE_STATES,
    "share_line": settlement_texts.SHARE_LINES,
    "party": settlement_texts.PARTIES,
    "invoice_state": settlement_texts.INVOICE_STATES,
    "invoice_done": settlement_texts.INVOICE_DONE,
    "invoice_refused": settlement_texts.INVOICE_REFUSED,
    "break_state": break_texts.STATES,
    "fix": break_texts.FIXES,
    "fix_state": break_texts.FIX_STATES,
    "break_event": break_texts.EVENTS,
    "level": break_texts.LEVELS,
    "break_done": break_texts.BREAK_DONE,
    "break_refused": break_texts.BREAK_REFUSED,
    "loan_state": loan_texts.LOAN_STATES,
    "related": loan_texts.RELATED,
    "aftersale": loan_texts.AFTERSALES,
    "related_state": loan_texts.RELATED_STATES,
    "place": report_texts.PLACES,
    "sold": report_texts.SOLD,
    "envelope": report_texts.ENVELOPES,
    "concentration": report_texts.LEVELS,
    "coming": report_texts.COMING,
    "funds_done": report_texts.FUNDS_DONE,
    "funds_refused": report_texts.FUNDS_REFUSED,
    "path": report_texts.PATHS,
    "sales_channel": SALES_CHANNELS,
    "mode": MODES,
    "role": ROLES,
    "param": PARAMS,
    "language": LANGUAGES,
    "shown_to": SHOWN_TO,
    "next_step": NEXT_STEPS,
    "answer": ANSWERS,
    "stop": STOPS,
    "stopped_for": STOPPED_FOR,
}

TONES: Final[Mapping[str, Mapping[str, Tone]]] = {
    "stage_state": {"done": "good", "partly": "busy", "waiting": "still", "overdue": "bad", "none": "still"},
    "order_state": {
        "declined": "bad", "authorised": "busy", "part_captured": "busy", "captured": "good", "part_refunded": "warn", "refunded": "still",
        "voided": "still", "expired": "still",
    },
    "batch_state": settlement_texts.BATCH_STATE_TONES,
    "share_state": settlement_texts.SHARE_STATE_TONES,
    "payout_state": settlement_texts.PAYOUT_STATE_TONES,
    "invoice_state": settlement_texts.INVOICE_STATE_TONES,
    "loan_state": loan_texts.LOAN_STATE_TONES,
    "instalment_state": {"paid": "good", "refunded": "good", "given_up": "still", "part_paid": "busy", "due": "warn", "overdue": "bad", "upcoming": "still"},
    "outcome": {
        "matched": "good", "amount_differs": "bad", "status_differs": "warn", "missing_here": "bad", "missing_there": "bad",
        "duplicate": "bad", "other_day": "warn", "correction": "good", "": "still",
    },
    "day_state": {"open": "good", "closing": "warn", "closed": "still"},
    "bridge_state": {"waiting": "still", "running": "busy", "done": "good", "failed": "bad"},
    "run_state": {"waiting": "still", "running": "busy", "failed": "bad", "done": "good"},
    "return_state": suspense_texts.RETURN_STATE_TONES,
    "verdict": recon_texts.VERDICT_TONES,
    "carried_result": recon_texts.RESULT_TONES,
    "check": recon_texts.CHECK_TONES,
    "concentration": report_texts.LEVEL_TONES,
    "break_state": break_texts.STATE_TONES,
    "fix_state": break_texts.FIX_STATE_TONES,
    "mode": {"test": "warn", "live": "good"},
    "decision": {"approved": "good", "declined": "bad"},
    "answer": {"adds_up": "good", "breaks_open": "warn", "day_not_closed": "warn", "does_not_add_up": "bad"},
}  # fmt: skip


def text_of(kind: str, code: str) -> str:
    """The text of a code in the language in force; for a code without one, the code in plain letters rather than nothing."""
    known = TABLES[kind].get(code)
    return str(known) if known is not None else code.replace("_", " ").replace(".", " ")


def tone_of(kind: str, code: str) -> Tone:
    """The colour of a state; a state that has none is shown at rest."""
    return TONES[kind].get(code, "still")
