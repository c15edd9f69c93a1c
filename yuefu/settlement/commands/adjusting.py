"""What a merchant is charged or given beside its sales, each by two people: penalties and subsidies as its contract says, and what it pays of its debt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import OPERATING, UNKNOWN_RECEIPT, Receipt
from yuefu.payments.rules.receipts import left_refusal
from yuefu.runtime import approvals, audit, locks, outbox
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, rules
from yuefu.settlement.commands.accrual import insert_items
from yuefu.settlement.queries import adjustments as queries
from yuefu.settlement.rules import ADJUSTMENTS, Item

ADJUST: Final = "settlement.adjust"
"""The action of the approval that an adjustment needs; its object is the merchant."""

UNKNOWN_MERCHANT: Final = "unknown_merchant"
UNKNOWN_KIND: Final = "unknown_adjustment"
NOT_IN_CONTRACT: Final = "not_in_contract"  # the contract in force has no penalty or subsidy of this code
MORE_THAN_AGREED: Final = "more_than_agreed"
NOTHING_OWED: Final = "nothing_owed"  # a merchant pays no more than it owes


@dataclass(frozen=True, slots=True)
class NewAdjustment:
    """A penalty or subsidy of a code of the contract, or what the merchant paid of its debt (`collected`): `reference` is the bank's number of
    the transfer, which has come and lies in suspense."""

    merchant_id: UUID
    kind: str
    amount: Money
    reason: str
    code: str = ""
    reference: str = ""


def propose_adjustment(*, work: UnitOfWork, adjustment: NewAdjustment) -> UUID | Refused:
    """Asks for an adjustment; nothing is booked until a second person decides with `decide_adjustment`. Returns the approval.

    Refused with UNKNOWN_MERCHANT, UNKNOWN_KIND, AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS, NOT_IN_CONTRACT, MORE_THAN_AGREED, REFERENCE_REUSED,
    NOTHING_OWED; or with `payments.rules` UNKNOWN_RECEIPT, NOTHING_LEFT or MORE_THAN_LEFT of the transfer.
    """
    if fault := _fault(work, adjustment):
        return fault
    return approvals.request(
        work=work,
        action=ADJUST,
        object_kind="merchant",
        object_id=adjustment.merchant_id,
        content=content_of(adjustment),
        reason=adjustment.reason,
    )


def content_of(adjustment: NewAdjustment) -> dict[str, Any]:
    """What the second person approves."""
    return {
        "kind": adjustment.kind,
        "code": adjustment.code,
        "amount_minor": adjustment.amount.minor,
        "currency": adjustment.amount.currency,
        "reference": adjustment.reference,
    }


def decide_adjustment(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves an adjustment, which books it as an item that the next batch takes up, or rejects it. Returns the item; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where it is more than agreed, or than owed, by now: the request goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=ADJUST)
    if isinstance(decided, Refused):
        return decided
    if not approve:
        return None
    said = decided.content
    assert decided.object_id is not None, "it is about a merchant"
    amount = Money(said["amount_minor"], said["currency"])
    adjustment = NewAdjustment(decided.object_id, said["kind"], amount, reason, said["code"], said["reference"])
    if fault := _fault(work, adjustment):
        raise RefusedError(fault)
    item = _item(work, adjustment, approval_id)
    insert_items(work, [item])
    if item.kind == "collected":
        _take(work, adjustment, reason)
    (posted,) = ledger.post(work=work, entries=[_ENTRIES[item.kind](item)])
    if isinstance(posted, Refused):
        raise RefusedError(posted)
    snapshot = {"id": item.id, "merchant_id": item.merchant_id, "kind": item.kind, "code": item.product, "net": item.net}
    outbox.emit(work=work, events=[Event(f"settlement_item.{item.kind}", "settlement_item", item.id, 1, snapshot)])
    audit.record(
        work=work, action="settlement.adjust", object_kind="settlement_item", object_ids=[item.id], detail={"approval": approval_id}
    )
    return item.id


def _fault(work: UnitOfWork, adjustment: NewAdjustment) -> Refused | None:
    """Whoever pays, penalises or subsidises the same merchant at once waits here, and sees what was booked before."""
    if adjustment.kind not in ADJUSTMENTS:
        return Refused(UNKNOWN_KIND, f"an adjustment is one of {', '.join(ADJUSTMENTS)}", "kind")
    if adjustment.amount.currency != work.book.currency:
        return Refused(rules.CURRENCY_DIFFERS, f"this book is kept in {work.book.currency}", "amount")
    if adjustment.amount.minor <= 0:
        return Refused(rules.AMOUNT_NOT_POSITIVE, "an amount above zero is needed", "amount")
    if adjustment.merchant_id not in merchants.states(ids=[adjustment.merchant_id], book_id=work.book.id):
        return Refused(UNKNOWN_MERCHANT, "there is no such merchant in this book", "merchant_id")
    locks.wait(locks.SETTLEMENT, work.book.id)
    return _collected_fault(work, adjustment) if adjustment.kind == "collected" else _agreed_fault(work, adjustment)


def _agreed_fault(work: UnitOfWork, adjustment: NewAdjustment) -> Refused | None:
    contract = merchants.contracts_in_force(merchant_ids=[adjustment.merchant_id], on=work.day.on).get(adjustment.merchant_id)
    terms = contract.terms if contract else None
    if adjustment.kind == "penalty":
        penalty = next((one for one in terms.penalties if one.code == adjustment.code), None) if terms else None
        month = queries.net_of_month(book_id=work.book.id, merchant_id=adjustment.merchant_id, on=work.day.on, currency=work.book.currency)
        most = penalty.most(month) if penalty else None
    else:
        subsidy = next((one for one in terms.subsidies if one.code == adjustment.code), None) if terms else None
        given = queries.subsidised(
            book_id=work.book.id, merchant_id=adjustment.merchant_id, code=adjustment.code, currency=work.book.currency
        )
        most = subsidy.most - given if subsidy else None
    if most is None:
        return Refused(NOT_IN_CONTRACT, f"the contract in force has no {adjustment.kind} {adjustment.code:.40}", "code")
    if adjustment.amount > most:
        return Refused(MORE_THAN_AGREED, f"{most} is the most by the contract", "amount")
    return None


def _collected_fault(work: UnitOfWork, adjustment: NewAdjustment) -> Refused | None:
    receipt = _receipt(work, adjustment.reference)
    if receipt is None:
        detail = "no transfer of this number has come into our own account: take the bank's notice or statement in first"
        return Refused(UNKNOWN_RECEIPT, detail, "reference")
    counted = payment_book.debts_paid_by(book_id=work.book.id, receipt_ids=[receipt.id])
    if not counted and queries.was_collected(book_id=work.book.id, reference=adjustment.reference):
        return Refused(
            rules.REFERENCE_REUSED,
            "what a merchant paid was booked by this reference, beside the transfer that is in suspense",
            "reference",
        )
    if refused := left_refusal(receipt, adjustment.amount):
        return Refused(refused.code, refused.detail, "reference" if refused.field == "receipt_id" else refused.field)
    owes = queries.owes(book_id=work.book.id, merchant_id=adjustment.merchant_id, currency=work.book.currency)
    if adjustment.amount > owes:
        return Refused(NOTHING_OWED, f"the merchant owes {owes}", "amount")
    return None


def _item(work: UnitOfWork, adjustment: NewAdjustment, approval_id: UUID) -> Item:
    nothing = Money.zero(work.book.currency)
    net = -adjustment.amount if adjustment.kind == "penalty" else adjustment.amount
    return Item(
        id=work.ids.new(work.now),
        merchant_id=adjustment.merchant_id,
        kind=adjustment.kind,
        order_id=None,
        source_id=approval_id,
        capture_id=None,
        loan_id=None,
        funder_id=None,
        product=adjustment.code or adjustment.reference,
        gross=net,
        fee=nothing,
        discount=nothing,
        net=net,
        vat=nothing,
        contract_version=0,
        fee_on_refund="",
        earned_on=work.day.on,
        settles_on=work.day.on,
    )


_ENTRIES: Final[Mapping[str, Callable[[Item], Entry]]] = {
    "collected": entries.debt_paid,
    "penalty": entries.penalised,
    "subsidy": entries.subsidised,
}


def _receipt(work: UnitOfWork, number: str) -> Receipt | None:
    """The transfer of a number into our own account, locked: whoever matches it or gives it back waits."""
    bank = payment_book.money_accounts(book_id=work.book.id).get(OPERATING)
    if bank is None:
        return None
    found = payment_book.receipts_numbered(book_id=work.book.id, money_account_id=bank.id, numbers=[number]).get(number)
    return payment_book.receipts(book_id=work.book.id, ids=[found.id], lock=True)[found.id] if found else None


def _take(work: UnitOfWork, adjustment: NewAdjustment, reason: str) -> None:
    receipt = _receipt(work, adjustment.reference)
    assert receipt is not None, "it was looked at before"
    payments.take_of_merchants(work=work, new=[payments.OfMerchant(receipt.id, adjustment.merchant_id, adjustment.amount, reason)])
