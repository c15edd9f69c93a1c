"""Settlement: on its pay day each merchant gets one batch and one payout; money moves between funder, channel and bank."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import TransferOrder
from yuefu.payments.rules import PayOrder, Payout, PayResult, Transfer
from yuefu.runtime import keys
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.queries import Batch

_TRANSFER = "payments.transfer"  # the scope of the keys of transfers


def settle(*, desk: Desk, now: datetime) -> list[Batch] | Refused:
    """Builds the batches of today's pay day and pays them. Run again it finds what it built and sends only what was not sent."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        batches = settlement.settle(work=work, pay_on=work.day.on)
    send_payouts(desk=desk, now=now)
    return batches


def send_payouts(*, desk: Desk, now: datetime, limit: int = 5_000) -> list[Payout]:
    """Marks scheduled payouts as sent, then asks the bank to pay them: after a crash in between, `poll_payouts` asks what became of them."""
    waiting = payment_book.payouts_to_send(book_id=desk.book.id, limit=limit)
    if not waiting:
        return []
    accounts = merchants.settlement_accounts(merchant_ids=sorted({p.merchant_id for p in waiting}), vault=desk.vault)
    with open_day(desk, now) as work:
        assert not isinstance(work, Refused), work
        sent = [p for p in payments.send_payouts(work=work, payouts=waiting) if isinstance(p, Payout)]
    results = desk.bank.pay(orders=[PayOrder(p.reference, accounts[p.merchant_id], p.amount) for p in sent], now=now)
    return _book(desk, now, results)


def poll_payouts(*, desk: Desk, now: datetime, paid_since: date, limit: int = 5_000) -> list[Payout]:
    """Asks the bank what became of payouts on their way, or paid since a day (they may come back), and books what it says."""
    asked = payment_book.payouts_to_poll(book_id=desk.book.id, paid_since=paid_since, limit=limit)
    answers = desk.bank.query(references=[p.reference for p in asked], now=now)
    states = {p.reference: p.state for p in asked}
    news = [result for reference, result in answers.items() if result.outcome != states[reference]]
    lost = [p for p in asked if p.reference not in answers and p.state == "sent"]
    if lost:  # The bank never heard of them: sending them now, under the same reference, cannot pay twice.
        accounts = merchants.settlement_accounts(merchant_ids=sorted({p.merchant_id for p in lost}), vault=desk.vault)
        news += desk.bank.pay(orders=[PayOrder(p.reference, accounts[p.merchant_id], p.amount) for p in lost], now=now)
    return _book(desk, now, news)


def _book(desk: Desk, now: datetime, results: Sequence[PayResult]) -> list[Payout]:
    if not results:
        return []
    with open_day(desk, now) as work:
        assert not isinstance(work, Refused), work
        settled = [p for p in payments.settle_payouts(work=work, results=results) if isinstance(p, Payout)]
        settlement.mark_payouts(work=work, payouts=settled)
    return settled


def fund(*, desk: Desk, now: datetime, key: str, amount: Money, funder_id: UUID | None = None) -> Transfer | Refused:
    """Money of a funder arrives at the bank."""
    return _transfer(desk, now, TransferOrder(key, "funding", amount, funder_id or desk.book.id))


def withdraw(*, desk: Desk, now: datetime, key: str) -> Transfer | Refused | None:
    """Moves all that the channel holds for us to the bank; None where it holds nothing."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        begun = _begun(work, key)
    # One that broke off after the channel had moved the money would else find nothing to move, and never be booked.
    amount = begun.amount if begun else desk.channel.balance()
    return _transfer(desk, now, TransferOrder(key, "withdrawal", amount)) if amount.minor > 0 else None


def _begun(work: UnitOfWork, key: str) -> Transfer | None:
    """The transfer that a key stands for already."""
    for _, object_id, _ in keys.stored(work=work, names=[(_TRANSFER, key)]).values():
        return payment_book.transfers(book_id=work.book.id, ids=[object_id]).get(object_id)
    return None


def _transfer(desk: Desk, now: datetime, order: TransferOrder) -> Transfer | Refused:
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        (ordered,) = payments.order_transfers(work=work, orders=[order])
    if isinstance(ordered, Refused) or ordered.state != "ordered":
        return ordered
    (settled,) = _move(desk, now, [ordered])
    return settled


def resume_transfers(*, desk: Desk, now: datetime) -> list[Transfer | Refused]:
    """Carries out transfers that were ordered and then broke off. Under the same reference no money moves twice."""
    return _move(desk, now, payment_book.transfers_open(book_id=desk.book.id))


def _move(desk: Desk, now: datetime, ordered: Sequence[Transfer]) -> list[Transfer | Refused]:
    if not ordered:
        return []
    results = [
        desk.channel.withdraw(reference=one.reference, amount=one.amount, now=now)
        if one.kind == "withdrawal"
        else desk.bank.receive(reference=one.reference, amount=one.amount, payer="own funds", now=now)
        for one in ordered
    ]
    with open_day(desk, now) as work:
        assert not isinstance(work, Refused), work
        return payments.settle_transfers(work=work, results=results)
