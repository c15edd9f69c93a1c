"""Payouts to merchants and payees: ordered in the transaction that settles a batch, given to the bank afterwards, paid or returned by its word."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.ledger.rules import Entry
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import payee_accounts
from yuefu.money.amounts import Money
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands import changes
from yuefu.payments.commands.accounts import accounts_of, missing
from yuefu.payments.commands.changes import Changes
from yuefu.payments.commands.safeguarding import kept_for_merchants, lock_client_money
from yuefu.payments.rules import MoneyAccount, Payout, PayResult
from yuefu.runtime import keys, sql
from yuefu.runtime.values import UnitOfWork

_PAY_FROM: Final = ("client_cash", "bank_cash")
_SUSPENSE: Final = "suspense"
_SEQ: Final = {
    ("", "scheduled"): 1,
    **{(begun, end): 2 for begun in ("scheduled", "sent") for end in ("paid", "returned")},
    ("paid", "returned"): 3,
}


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """Pay a merchant what a settlement batch says. `key` names batch and try. `by_hand`: two people ordered it. `reference`: by which the bank knows
    it already, where it was paid outside of the platform; else we make one."""

    key: str
    merchant_id: UUID
    batch_id: UUID
    amount: Money
    by_hand: bool = False
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SharePayoutOrder:
    """Pay an agent, host or funder what a batch of its shares says, as two people ordered. `key` names batch and try."""

    key: str
    party: str
    payee_id: UUID
    batch_id: UUID
    amount: Money


def order_payouts(*, work: UnitOfWork, orders: Sequence[PayoutOrder]) -> list[Payout | Refused]:
    """Takes the money from what is available to the merchant and schedules its payout.

    Refused with AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS, NO_MONEY_ACCOUNT, or as the ledger refuses (limit_exceeded where less is
    available).
    """
    new = work.ids.many(work.now, len(orders))

    def decide(fresh: list[int]) -> Mapping[int, Payout | Refused]:
        outcomes: dict[int, Payout | Refused] = {}
        account = accounts_of(work).get(rules.CLIENT) if fresh else None
        for i in fresh:
            refused = rules.amount_refusal(orders[i].amount, work.book.currency)
            outcomes[i] = refused or (_ordered(work, new[i], orders[i], account) if account else missing(rules.CLIENT))
        wanted = [(i, o) for i, o in outcomes.items() if isinstance(o, Payout)]
        posted = ledger.post(work=work, entries=[entries.payout_ordered(p) for _, p in wanted]) if wanted else []
        outcomes.update({i: p for (i, _), p in zip(wanted, posted, strict=True) if isinstance(p, Refused)})
        _insert(work, [o for o in outcomes.values() if isinstance(o, Payout)])
        return outcomes

    return keys.answer(work=work, scope="payments.payout", requests=orders, object_ids=new, decide=decide, recall=_recall(work))


def order_share_payouts(*, work: UnitOfWork, orders: Sequence[SharePayoutOrder]) -> list[Payout | Refused]:
    """Schedules payouts of shares. Nothing is posted: they stay owed until they have left. Refused with AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS or
    NO_MONEY_ACCOUNT."""
    new = work.ids.many(work.now, len(orders))

    def decide(fresh: list[int]) -> Mapping[int, Payout | Refused]:
        outcomes: dict[int, Payout | Refused] = {}
        account = accounts_of(work).get(rules.OPERATING) if fresh else None
        for i in fresh:
            refused = rules.amount_refusal(orders[i].amount, work.book.currency)
            outcomes[i] = refused or (_ordered(work, new[i], orders[i], account) if account else missing(rules.OPERATING))
        _insert(work, [o for o in outcomes.values() if isinstance(o, Payout)])
        return outcomes

    return keys.answer(work=work, scope="payments.share_payout", requests=orders, object_ids=new, decide=decide, recall=_recall(work))


def _recall(work: UnitOfWork) -> Callable[[Sequence[UUID]], Mapping[UUID, Payout]]:
    return lambda known: queries.payouts(book_id=work.book.id, ids=known)


def send_payouts(*, work: UnitOfWork, payouts: Sequence[Payout], only_now: bool = False) -> list[Payout | Refused]:
    """Marks payouts as sent, before the bank is called: from then on its word is asked for, never the payment sent again blind.

    Only as far as the money in the account goes that was not sent before, is not on its way out of it and is not to go to merchants, in order: Refused
    with NOT_COVERED otherwise, and the payout stays scheduled. With `only_now`, what somebody else has sent meanwhile is left out.
    """
    lock_client_money(work)
    if only_now:
        scheduled = queries.payouts_where(
            "p.state = 'scheduled' AND p.id = ANY(%s)", [[p.id for p in payouts]], book_id=work.book.id, lock=True
        )
        still = {p.id for p in scheduled}
        payouts = [p for p in payouts if p.id in still]
    # What is promised is read first, what is there last: of money that moves in between, too little is seen and never too much.
    promised = queries.sent(book_id=work.book.id)
    for leaving in queries.transfers_open(book_id=work.book.id, kinds=["release", "safeguarding"]):
        assert leaving.from_account_id is not None, "what leaves comes from its account"
        promised[leaving.from_account_id] = promised.get(leaving.from_account_id, 0) + leaving.amount.minor
    held = {owner: minor for (code, owner), minor in ledger_book.money_balances(work.book.id).items() if owner and code in _PAY_FROM}
    for own in {p.money_account_id for p in payouts if p.payee_id}:
        # What nobody has explained yet may have to go back, or is on its way back: it pays nobody.
        unexplained = max(0, -ledger_book.code_sums(work.book.id, [_SUSPENSE])[_SUSPENSE])
        promised[own] = promised.get(own, 0) + kept_for_merchants(work) + unexplained
    reached = rules.covered(payouts, {account: minor - promised.get(account, 0) for account, minor in held.items()})
    ready = [PayResult(p.reference, "sent", p.amount) for p, enough in zip(payouts, reached, strict=True) if enough]
    outcomes = iter(settle_payouts(work=work, results=ready))
    waits = Refused(rules.NOT_COVERED, "the account does not hold the money of this payout yet")
    return [next(outcomes) if enough else waits for enough in reached]


def settle_payouts(*, work: UnitOfWork, results: Sequence[PayResult]) -> list[Payout | Refused]:
    """Books what the bank says, in order. The same answer again changes nothing.

    Refused with UNKNOWN_REFERENCE, AMOUNT_DIFFERS, CONTRADICTS, or as the ledger refuses. What comes back, or never left, is
    available to the merchant again.
    """
    known = queries.payouts_by_reference(book_id=work.book.id, references=[r.reference for r in results], lock=True)
    decided = changes.decide(results, known, lambda r: r.reference, rules.paid_out, _entries)
    changes.post(work, decided)
    _say_where(work, decided)
    settled = list(decided.changed.values())
    sql.update(
        "payments_payout",
        "id",
        {
            "id": "uuid",
            "state": "text",
            "provider_id": "text",
            "failure_code": "text",
            "paid_on": "date",
            "returned_on": "date",
            "account_id": "uuid",
        },
        [(p.id, p.state, p.provider_id, p.failure_code, p.paid_on, p.returned_on, p.account_id) for p in settled],
    )
    changes.tell(work, action="payments.settle_payouts", kind="payout", things=settled, before=decided.before, seq=_SEQ, snapshot=_snapshot)
    return decided.outcomes


def recall_payouts(*, work: UnitOfWork, merchant_ids: Sequence[UUID], code: str) -> list[Payout]:
    """Takes back the payouts of merchants that no bank was given yet, for a reason; what they would pay is available to them again. Returns them."""
    waiting = queries.payouts_where(
        "p.state = 'scheduled' AND p.merchant_id = ANY(%s)", [list(merchant_ids)], book_id=work.book.id, lock=True
    )
    results = [PayResult(p.reference, "rejected", p.amount, "", work.day.on, code) for p in waiting]
    return [p for p in settle_payouts(work=work, results=results) if isinstance(p, Payout)] if results else []


def _say_where(work: UnitOfWork, decided: Changes[Payout]) -> None:
    """What leaves goes to the account that whoever is paid has then, and keeps it. What left before that was written down went to the first: there was no
    other."""
    leaving = [p for p in decided.changed.values() if p.account_id is None and (p.state == "sent" or p.paid_on)]
    if not leaving:
        return
    concerned = sorted({p.merchant_id for p in leaving if p.merchant_id})
    accounts = {to_id: account.id for to_id, account in merchants.accounts_in_force(merchant_ids=concerned).items()}
    if payees := sorted({p.payee_id for p in leaving if p.payee_id}):
        accounts |= {to_id: account.id for to_id, account in payee_accounts.in_force(book_id=work.book.id, payee_ids=payees).items()}
    left_before = {p.id for p in leaving if p.merchant_id and decided.before[p.id].state != "scheduled"}
    first = merchants.first_accounts(merchant_ids=concerned) if left_before else {}
    where = {p.id: (first if p.id in left_before else accounts)[p.to_id] for p in leaving}
    decided.changed.update({p.id: replace(p, account_id=where[p.id]) for p in leaving})
    decided.outcomes[:] = [decided.changed.get(o.id, o) if isinstance(o, Payout) else o for o in decided.outcomes]


def _entries(before: Payout, after: Payout) -> list[Entry]:
    found = []
    if after.paid_on and not before.paid_on:
        found.append(entries.payout_paid(after))
    if after.state == "returned" and after.paid_on:
        found.append(entries.payout_returned(after))
    elif after.state == "returned" and after.merchant_id:
        found.append(entries.payout_rejected(after))
    return found


def _ordered(work: UnitOfWork, new_id: UUID, order: PayoutOrder | SharePayoutOrder, account: MoneyAccount) -> Payout:
    share = order if isinstance(order, SharePayoutOrder) else None
    to_merchant = order if isinstance(order, PayoutOrder) else None
    return Payout(
        id=new_id,
        reference=(to_merchant.reference if to_merchant else "") or ids.text("payout", new_id),
        money_account_id=account.id,
        merchant_id=to_merchant.merchant_id if to_merchant else None,
        batch_id=order.batch_id,
        amount=order.amount,
        provider_id="",
        state="scheduled",
        failure_code="",
        ordered_at=work.now,
        paid_on=None,
        returned_on=None,
        by_hand=to_merchant.by_hand if to_merchant else True,
        party=share.party if share else rules.MERCHANT,
        payee_id=share.payee_id if share else None,
    )


def _insert(work: UnitOfWork, ordered: Sequence[Payout]) -> None:
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "reference": "text",
        "money_account_id": "uuid",
        "merchant_id": "uuid",
        "batch_id": "uuid",
        "amount_minor": "bigint",
        "currency": "text",
        "provider_id": "text",
        "state": "text",
        "failure_code": "text",
        "ordered_at": "timestamptz",
        "by_hand": "boolean",
        "party": "text",
        "payee_id": "uuid",
    }
    values = [
        (
            *(p.id, work.book.id, p.reference, p.money_account_id, p.merchant_id, p.batch_id, p.amount.minor, p.amount.currency),
            *("", p.state, "", p.ordered_at, p.by_hand, p.party, p.payee_id),
        )
        for p in ordered
    ]
    sql.insert("payments_payout", columns, values)
    changes.tell(work, action="payments.order_payouts", kind="payout", things=ordered, before={}, seq=_SEQ, snapshot=_snapshot)


def _snapshot(payout: Payout) -> Mapping[str, Any]:
    return {
        "amount": payout.amount,
        "state": payout.state,
        "merchant_id": payout.merchant_id,
        "party": payout.party,
        "payee_id": payout.payee_id,
        "batch_id": payout.batch_id,
        "paid_on": payout.paid_on,
        "returned_on": payout.returned_on,
    }
