"""Receipts: booked once by the bank's number, matched to payments, given back to who paid; and the references that payers quote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Entry, Posted
from yuefu.money.amounts import Money
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands import changes
from yuefu.payments.commands.accounts import accounts_of
from yuefu.payments.rules import BankCredit, Payer, PayResult, Receipt, Return
from yuefu.payments.rules.receipts import SEALED_AS, SEALED_IN
from yuefu.payments.rules.references import made_for, quoted
from yuefu.runtime import audit, keys, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

_RETURN: Final = "payments.return_receipts"
_MOST_TRIES: Final = 20


def name_payers(*, work: UnitOfWork, consumer_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The reference that each of some consumers quotes, made where there was none. Of two that would get the same, one gets the next."""
    wanted = sorted(set(consumer_ids))
    named = queries.payer_references(book_id=work.book.id, consumer_ids=wanted)
    made = []
    for attempt in range(_MOST_TRIES):
        lacking = [one for one in wanted if one not in named]
        if not lacking:
            break
        new = work.ids.many(work.now, len(lacking))
        rows = [(new_id, one, made_for(one, attempt)) for new_id, one in zip(new, lacking, strict=True)]
        same = {"book_id": ("uuid", work.book.id)}
        columns = {"id": "uuid", "consumer_id": "uuid", "number": "text"}
        sql.insert("payments_payer_reference", columns, rows, same=same, suffix="ON CONFLICT DO NOTHING")
        found = queries.payer_references(book_id=work.book.id, consumer_ids=lacking)
        made += list(found)
        named |= found
    assert len(named) == len(wanted), "among twenty references of a consumer one is free"
    audit.record(work=work, action="payments.name_payers", object_kind="consumer", object_ids=made)
    return named


@dataclass(frozen=True, slots=True)
class Taken:
    """A receipt, and whether the bank told of it for the first time."""

    receipt: Receipt
    fresh: bool


def take_receipts(*, work: UnitOfWork, vault: Vault, came: Sequence[BankCredit], heard_by: str) -> list[Taken | Refused]:
    """Books what came, each once by the bank's number, as money that nobody has explained; one outcome a credit, in order.

    What its text quotes names the consumer; where it names nobody, or more than one, or the currency is another, `code` says so. Refused with
    CREDIT_INVALID, AMOUNT_NOT_POSITIVE, UNKNOWN_ACCOUNT, or CREDIT_DIFFERS where the bank told otherwise of this number before.
    """
    accounts = {account.number: account for account in accounts_of(work).values() if (account.kind, account.purpose) == ("bank", "own")}
    outcomes: dict[int, Taken | Refused] = {}
    told: dict[tuple[UUID, str], int] = {}
    for i, credit in enumerate(came):
        refused = rules.credit_fault(credit)
        account = accounts.get(credit.account)
        if refused or account is None:
            detail = f"{credit.account[:40]!r} is not an account of own money of this book"
            outcomes[i] = refused or Refused(rules.UNKNOWN_ACCOUNT, detail, "account")
        else:
            told.setdefault((account.id, credit.number), i)
    stored = _store(work, vault, {key: came[i] for key, i in told.items()}, heard_by)
    for i, credit in enumerate(came):
        if i not in outcomes:
            key = (accounts[credit.account].id, credit.number)
            receipt, fresh = stored[key]
            outcomes[i] = rules.differing(receipt, credit) or Taken(receipt, fresh and told[key] == i)
    return [outcomes[i] for i in range(len(came))]


def _store(
    work: UnitOfWork, vault: Vault, told: Mapping[tuple[UUID, str], BankCredit], heard_by: str
) -> dict[tuple[UUID, str], tuple[Receipt, bool]]:
    """Receipts by account and number, and whether they are new. Written in that order, so that two who are told the same wait, and see it."""
    named = queries.payers_of_references(book_id=work.book.id, numbers=[one for credit in told.values() for one in quoted(credit.text)])
    new = dict(zip(sorted(told), work.ids.many(work.now, len(told)), strict=True))
    made = [_receipt(work, vault, new_id, key[0], told[key], heard_by, named) for key, new_id in new.items()]
    columns = {
        "id": "uuid",
        "money_account_id": "uuid",
        "number": "text",
        "amount_minor": "bigint",
        "currency": "text",
        "payer_index": "bytea",
        "payer": "bytea",
        "consumer_id": "uuid",
        "code": "text",
        "came_on": "date",
        "came_at": "timestamptz",
        "left_minor": "bigint",
    }
    rows = [
        (
            *(r.id, r.money_account_id, r.number, r.amount.minor, r.amount.currency, r.payer_index, r.sealed),
            *(r.consumer_id, r.code, r.came_on, r.came_at, r.left.minor),
        )
        for r in made
    ]
    same = {
        "book_id": ("uuid", work.book.id),
        "heard_at": ("timestamptz", work.now),
        "heard_by": ("text", heard_by),
        "posted_on": ("date", work.day.on),
    }
    sql.insert("payments_receipt", columns, rows, same=same, suffix="ON CONFLICT DO NOTHING")
    found: dict[tuple[UUID, str], tuple[Receipt, bool]] = {}
    for account_id in {key[0] for key in told}:
        numbers = [number for account, number in told if account == account_id]
        known = queries.receipts_numbered(book_id=work.book.id, money_account_id=account_id, numbers=numbers)
        found |= {(account_id, number): (receipt, receipt.id == new[account_id, number]) for number, receipt in known.items()}
    fresh = [receipt for receipt, is_new in found.values() if is_new]
    _post(work, [entries.receipt_came(receipt) for receipt in sorted(fresh, key=lambda r: r.id)])
    audit.record(work=work, action="payments.take_receipts", object_kind="receipt", object_ids=sorted(r.id for r in fresh))
    return found


def _receipt(
    work: UnitOfWork, vault: Vault, new_id: UUID, account_id: UUID, credit: BankCredit, heard_by: str, named: Mapping[str, UUID]
) -> Receipt:
    references = quoted(credit.text)
    consumers = {named[one] for one in references if one in named}
    code = ""
    if credit.amount.currency != work.book.currency:
        code = rules.OTHER_CURRENCY
    elif len(consumers) > 1:
        code = rules.SEVERAL_REFERENCES
    elif not consumers:
        code = rules.REFERENCE_NOT_OURS if references else rules.NO_REFERENCE
    payer = dumps(Payer(credit.payer_account, credit.payer_name, credit.text))
    return Receipt(
        id=new_id,
        money_account_id=account_id,
        number=credit.number,
        amount=credit.amount,
        payer_index=vault.index(credit.payer_account, purpose="payer_account"),
        sealed=vault.seal(payer, table=SEALED_IN, column=SEALED_AS, row=new_id),
        consumer_id=next(iter(consumers)) if len(consumers) == 1 else None,
        code=code,
        came_on=credit.at.date(),
        came_at=credit.at.replace(tzinfo=ZoneInfo(work.book.zone)),
        heard_at=work.now,
        heard_by=heard_by,
        posted_on=work.day.on,
        left=credit.amount,
    )


def leave_receipts(*, work: UnitOfWork, why: Mapping[UUID, str]) -> None:
    """Leaves receipts for a person, each for a reason of `rules.WAITS`."""
    sql.update("payments_receipt", "id", {"id": "uuid", "code": "text"}, sorted(why.items()))
    audit.record(work=work, action="payments.leave_receipts", object_kind="receipt", object_ids=sorted(why))


@dataclass(frozen=True, slots=True)
class NewMatch:
    """What of a receipt is the payment `collection_id`, which was stored in the same transaction."""

    id: UUID
    receipt_id: UUID
    collection_id: UUID
    consumer_id: UUID
    amount: Money
    reason: str


def match_receipts(*, work: UnitOfWork, new: Sequence[NewMatch]) -> None:
    """Stores matches; whoever calls has locked the receipts and looked at what is left of them. The table checks both."""
    columns = {
        "id": "uuid",
        "receipt_id": "uuid",
        "collection_id": "uuid",
        "consumer_id": "uuid",
        "amount_minor": "bigint",
        "currency": "text",
        "actor": "text",
        "reason": "text",
    }
    rows = [
        (m.id, m.receipt_id, m.collection_id, m.consumer_id, m.amount.minor, m.amount.currency, work.acting(m.id).label, m.reason)
        for m in new
    ]
    same = {"book_id": ("uuid", work.book.id), "matched_at": ("timestamptz", work.now)}
    sql.insert("payments_receipt_match", columns, rows, same=same)
    why = {str(m.receipt_id): m.reason for m in new}
    audit.record(work=work, action="payments.match_receipts", object_kind="match", object_ids=[m.id for m in new], detail=why)


@dataclass(frozen=True, slots=True)
class OfMerchant:
    """What of a receipt a merchant paid of its debt."""

    receipt_id: UUID
    merchant_id: UUID
    amount: Money
    reason: str


def take_of_merchants(*, work: UnitOfWork, new: Sequence[OfMerchant]) -> None:
    """Takes out of receipts what merchants paid; whoever calls has locked the receipts, looked at what is left of them, and posts it. The table
    checks what is left."""
    columns = {
        "id": "uuid",
        "receipt_id": "uuid",
        "merchant_id": "uuid",
        "amount_minor": "bigint",
        "currency": "text",
        "actor": "text",
        "reason": "text",
    }
    ids_of = work.ids.many(work.now, len(new))
    rows = [
        (new_id, one.receipt_id, one.merchant_id, one.amount.minor, one.amount.currency, work.acting(new_id).label, one.reason)
        for new_id, one in zip(ids_of, new, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "taken_at": ("timestamptz", work.now)}
    sql.insert("payments_receipt_of_merchant", columns, rows, same=same)
    why = {str(one.receipt_id): one.reason for one in new}
    audit.record(
        work=work, action="payments.take_of_merchants", object_kind="receipt", object_ids=[one.receipt_id for one in new], detail=why
    )


@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """Give `amount` of a receipt, or all that is left, back to the account it came from."""

    key: str
    receipt_id: UUID
    amount: Money | None
    reason: str


def order_returns(*, work: UnitOfWork, orders: Sequence[ReturnOrder]) -> list[Return | Refused]:
    """Stores returns with the reference that the bank will know them by; one outcome each, in order. Commit, then call the bank.

    Refused with REASON_INVALID, UNKNOWN_RECEIPT, NOTHING_LEFT, MORE_THAN_LEFT, AMOUNT_NOT_POSITIVE or CURRENCY_DIFFERS. Posts nothing.
    """
    new = work.ids.many(work.now, len(orders))

    def decide(fresh: list[int]) -> Mapping[int, Return | Refused]:
        held = queries.receipts(book_id=work.book.id, ids=sorted({orders[i].receipt_id for i in fresh}), lock=True)
        outcomes: dict[int, Return | Refused] = {}
        for i in fresh:
            receipt = held.get(orders[i].receipt_id)
            refused = rules.left_refusal(receipt, orders[i].amount)
            if refused or receipt is None:
                outcomes[i] = refused or Refused(rules.UNKNOWN_RECEIPT)
                continue
            back = _ordered(work, new[i], orders[i], receipt)
            held[receipt.id] = replace(receipt, left=receipt.left - back.amount)
            outcomes[i] = back
        _insert(work, [one for one in outcomes.values() if isinstance(one, Return)])
        return outcomes

    return keys.answer(
        work=work,
        scope=_RETURN,
        requests=orders,
        object_ids=new,
        validate=lambda given: {i: refused for i in given if (refused := rules.reason_refusal(orders[i].reason))},
        decide=decide,
        recall=lambda known: queries.returns(book_id=work.book.id, ids=known),
    )


def _ordered(work: UnitOfWork, new_id: UUID, order: ReturnOrder, receipt: Receipt) -> Return:
    return Return(
        id=new_id,
        reference=ids.text("return", new_id),
        receipt_id=receipt.id,
        money_account_id=receipt.money_account_id,
        amount=order.amount or receipt.left,
        provider_id="",
        state="ordered",
        failure_code="",
        actor=work.acting(new_id).label,
        reason=order.reason,
        ordered_at=work.now,
        paid_on=None,
        returned_on=None,
    )


def _insert(work: UnitOfWork, new: Sequence[Return]) -> None:
    columns = {
        "id": "uuid",
        "reference": "text",
        "receipt_id": "uuid",
        "money_account_id": "uuid",
        "amount_minor": "bigint",
        "currency": "text",
        "actor": "text",
        "reason": "text",
    }
    rows = [(b.id, b.reference, b.receipt_id, b.money_account_id, b.amount.minor, b.amount.currency, b.actor, b.reason) for b in new]
    same = {
        "book_id": ("uuid", work.book.id),
        "ordered_at": ("timestamptz", work.now),
        "state": ("text", "ordered"),
        "provider_id": ("text", ""),
        "failure_code": ("text", ""),
    }
    sql.insert("payments_receipt_return", columns, rows, same=same)
    why = {str(b.receipt_id): b.reason for b in new}
    audit.record(work=work, action=_RETURN, object_kind="return", object_ids=[b.id for b in new], detail=why)


def settle_returns(*, work: UnitOfWork, results: Sequence[PayResult]) -> list[Return | Refused]:
    """Books what the bank says of returns, in order; the same answer again changes nothing. Refused with UNKNOWN_REFERENCE, AMOUNT_DIFFERS,
    CONTRADICTS, or as the ledger refuses.
    """
    references = [result.reference for result in results]
    # The receipts are locked before their returns, as an order does.
    concerned = {b.receipt_id for b in queries.returns_by_reference(book_id=work.book.id, references=references).values()}
    queries.receipts(book_id=work.book.id, ids=sorted(concerned), lock=True)
    known = queries.returns_by_reference(book_id=work.book.id, references=references, lock=True)
    decided = changes.decide(results, known, lambda r: r.reference, rules.paid_back, _entries)
    changes.post(work, decided)
    settled = list(decided.changed.values())
    sql.update(
        "payments_receipt_return",
        "id",
        {"id": "uuid", "state": "text", "provider_id": "text", "failure_code": "text", "paid_on": "date", "returned_on": "date"},
        [(b.id, b.state, b.provider_id, b.failure_code, b.paid_on, b.returned_on) for b in settled],
    )
    audit.record(work=work, action="payments.settle_returns", object_kind="return", object_ids=[b.id for b in settled])
    return decided.outcomes


def _entries(before: Return, after: Return) -> list[Entry]:
    steps: list[tuple[bool, Callable[[Return], Entry]]] = [
        (before.paid_on is None and after.paid_on is not None, entries.return_paid),
        (before.state != "returned" and after.state == "returned", entries.return_came_back),
    ]
    return [entry(after) for took, entry in steps if took]


def _post(work: UnitOfWork, posting: Sequence[Entry]) -> None:
    for posted in ledger.post(work=work, entries=[changes.by_today(work, entry) for entry in posting]):
        assert isinstance(posted, Posted), f"what came is always booked: {posted}"
