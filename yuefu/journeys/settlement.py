"""Settlement: on its pay day each merchant gets one batch and one payout, each payee one batch of its shares; money moves between funder, channel and
bank.

A pay day is a run: **build** the batches in chunks of merchants, **share**: those of payees, **safeguard** what became owed in the client account, **pay** out
of it.
What cannot be safeguarded is not paid: its payouts stay scheduled, and whoever settles or polls later takes them up. So do those of a
merchant who is suspended or closed, until it is active again, and what a stop of payouts is for, until that is over. A gateway that
fails or is silent holds up what it was asked for and nothing else: it is logged and counted, and the money that does not wait for it
moves on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import instalment_parts, sharing, stopping
from yuefu.journeys.desk import Desk, open_day
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import payee_accounts
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import TransferOrder
from yuefu.payments.rules import DEFAULT_PAYOUTS, PAYOUTS, HowPaid, MoveOrder, PayOrder, Payout, PayResult, Pays, Transfer, TransferResult
from yuefu.runtime import days, keys, locks, policies, runs, stops
from yuefu.runtime.calendars import calendar
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import CLIENT_MONEY_SHORT, GATEWAY_FAILED
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.runs import Run
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries as statements
from yuefu.settlement.queries import Batch
from yuefu.settlement.queries import shares as share_book

KIND: Final = "settlement"
STEPS: Final = ("build", "safeguard", "pay", sharing.STEP)
CHUNK: Final = 300
SENT_AT_ONCE: Final = 5_000
_PARTIES: Final[tuple[Pays, ...]] = ("merchants", "payees")

log = logger(__name__)

T = TypeVar("T")

_TRANSFER = "payments.transfer"  # the scope of the keys of transfers


def settle(*, desk: Desk, now: datetime, chunk: int = CHUNK) -> list[Batch] | Refused:
    """Builds the batches of today's pay day in chunks of `chunk` merchants, moves what is owed to the client account, and pays.

    Returns all batches of the pay day, as they stand before they are paid. A run that was stopped goes on where it stood. Again after its
    end it builds nothing, what fell due since waits for the next pay day; it orders what still lacks in the client account and sends what
    was not sent. Runs of earlier pay days that broke off are ended: this one takes up what they left. A pay day is a business day: on others
    nothing is built, whatever fell due (a reserve, evidence that was waited for), and what was not sent is.
    """
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        on = work.day.on
        run = None
        if calendar(desk.book.calendar, on.year, on.year).is_business_day(on):
            runs.end_overtaken(book_id=desk.book.id, kind=KIND, before=on, needs="build", now=now)
            run = runs.start(book_id=desk.book.id, kind=KIND, on=on, steps=STEPS, now=now, ids=desk.ids, actor=desk.by.label)
    if run and run.state != "done":
        instalment_parts.find(desk=desk, now=now)
        _build(desk, now, run, chunk)
        sharing.settle_shares(desk=desk, now=now, run=run)
    batches = statements.batches_on(book_id=desk.book.id, pay_on=on)
    _safeguard(desk, now, run)
    for pays in _PARTIES:
        while _send(desk, now, SENT_AT_ONCE, pays).more:
            pass
    if run and run.state != "done":
        _finish(desk, now, run)
    return batches


def _build(desk: Desk, now: datetime, run: Run, chunk: int) -> None:
    """Each chunk is one transaction that also moves the run forward."""
    done = False
    while not done:
        with open_day(desk, now) as work:
            if isinstance(work, Refused) or work.day.on != run.on:
                return  # The day was rolled over meanwhile: what is left belongs to the run of the next pay day.
            step = runs.take_turn(run_id=run.id, name="build")
            if step.state == "done":
                return
            after = settlement.build(work=work, pay_on=run.on, after=UUID(step.cursor) if step.cursor else None, limit=chunk)
            done = after is None
            if after is None:
                runs.finish_step(run_id=run.id, name="build", state="done", detail={}, now=now)
            else:
                runs.advance(run_id=run.id, name="build", cursor=str(after), now=now)


def _safeguard(desk: Desk, now: datetime, run: Run | None) -> None:
    """Orders the transfer that covers what is owed, calls the bank and books its answer. What was ordered before and broke off goes first:
    if it is done by now, there is that much less to move.
    """
    _move(desk, now, payment_book.transfers_open(book_id=desk.book.id, kinds=["safeguarding", "release"]))
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return
        step = runs.take_turn(run_id=run.id, name="safeguard") if run else None
        found = payments.safeguard(work=work)
        assert not isinstance(found, Refused), found
        if run and step and step.state != "done":
            runs.finish_step(run_id=run.id, name="safeguard", state="done", detail={"owed": found.owed.minor}, now=now)
    moved = _move(desk, now, [found.ordered]) if found.ordered else []
    failed = [t for t in moved if not isinstance(t, Refused) and t.state == "failed"]
    for transfer in failed:
        log.error("client money is short", book=desk.book.code, shortfall_minor=transfer.amount.minor, reason=transfer.failure_code)
    CLIENT_MONEY_SHORT.labels(book=desk.book.code).set(sum(t.amount.minor for t in failed if t.kind == "safeguarding"))


def _finish(desk: Desk, now: datetime, run: Run) -> None:
    """The run ends when all its batches are built, those of payees too; payouts that wait for money are sent by whoever comes later."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return
        steps = runs.turn(run_id=run.id)
        if all(steps[name].state == "done" for name in ("build", sharing.STEP)):
            runs.finish_step(run_id=run.id, name="pay", state="done", detail={}, now=now)
            runs.finish(run_id=run.id, state="done", now=now)


def send_payouts(*, desk: Desk, now: datetime, limit: int = SENT_AT_ONCE) -> list[Payout]:
    """Marks scheduled payouts as sent, those of active merchants as far as client money goes and those of payees as far as own money does, then asks
    the bank to pay them: after a crash in between, `poll_payouts` asks what became of them. Without an open day nothing is sent, nothing that a stop
    is for, and nothing in a book that pays by files (`payout_files`). At most `limit` of merchants are tried, and as many of payees: neither waits
    for money that is the other's.
    """
    return [payout for pays in _PARTIES for payout in _send(desk, now, limit, pays).booked]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a bank answered of payouts, and whether there may be more to send."""

    booked: list[Payout]
    more: bool


def _send(desk: Desk, now: datetime, limit: int, pays: Pays) -> _Sent:
    if how_paid(book_id=desk.book.id, on=days.business_date(desk.book, now)).by == "file":
        return _Sent([], more=False)
    all_stopped, merchants_stopped = stopping.payouts_stopped(book_id=desk.book.id, now=now)
    waiting = [] if all_stopped else payouts_waiting(desk=desk, limit=limit, stopped=merchants_stopped, pays=pays)
    if not waiting:
        return _Sent([], more=False)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return _Sent([], more=False)
        meant = _not_stopped(desk, now, waiting)  # Looked at again under the lock of the day, which whoever stops them waits for.
        done = payments.send_payouts(work=work, payouts=not_kept(work, meant))
        # What went into a file or was taken back meanwhile is not on its way by this bank.
        sent = [p for p in done if isinstance(p, Payout) and p.state == "sent" and p.file_id is None]
    booked = book_answers(desk=desk, now=now, results=_pay(desk, now, sent))
    return _Sent(booked, more=len(waiting) == limit and bool(sent))


def not_kept(work: UnitOfWork, payouts: Sequence[Payout]) -> list[Payout]:
    """Without those to payees with a sale in their batch that is kept by now: whoever freezes one waits until they are sent."""
    of_payees = [payout.batch_id for payout in payouts if payout.payee_id]
    if not of_payees:
        return list(payouts)
    locks.wait(locks.SETTLEMENT, work.book.id)
    kept = share_book.with_sales_kept(batch_ids=of_payees)
    return [payout for payout in payouts if payout.batch_id not in kept]


def how_paid(*, book_id: UUID, on: date) -> HowPaid:
    """The setting in force; a book from before there was one pays by its bank at once."""
    try:
        _, value = policies.in_force(book_id=book_id, name=PAYOUTS, on=on)
    except MissingSetting:
        value = DEFAULT_PAYOUTS
    return rules.how_paid(value)


def payouts_waiting(*, desk: Desk, limit: int, stopped: Sequence[UUID], pays: Pays | None = None) -> list[Payout]:
    """Payouts that may be given to a bank now, oldest first: not to merchants whose payouts are `stopped`, nor to whom a bank sent money back from the
    account of, not to payees with a sale in their batch that was frozen meanwhile, and to a merchant that is not active only what two people ordered."""
    return payment_book.payouts_to_send(
        book_id=desk.book.id,
        limit=limit,
        except_to=[*stopped, *merchants.flagged(book_id=desk.book.id), *payee_accounts.flagged(book_id=desk.book.id)],
        except_of=sorted(share_book.with_sales_kept(batch_ids=payment_book.payees_waiting(book_id=desk.book.id))),
        unless_by_hand=merchants.not_active(book_id=desk.book.id),
        pays=pays,
    )


def _not_stopped(desk: Desk, now: datetime, payouts: Sequence[Payout]) -> list[Payout]:
    """Those that may go to the bank now."""
    all_stopped, merchants_stopped = stopping.payouts_stopped(book_id=desk.book.id, now=now)
    return [] if all_stopped else [payout for payout in payouts if payout.to_id not in merchants_stopped]


def _pay(desk: Desk, now: datetime, payouts: Sequence[Payout]) -> list[PayResult]:
    """One call for each account they are paid from, each to the account it says. After one that failed its payouts are on their way for all we know:
    they are polled."""
    results: list[PayResult] = []
    to = merchants.beneficiaries(account_ids=sorted({p.account_id for p in payouts if p.account_id}), vault=desk.vault) if payouts else {}
    for number, mine in _by_account(desk, payouts).items():
        orders = [PayOrder(p.reference, to[p.account_id].number, p.amount) for p in mine if p.account_id]
        results += _answers(desk, "pay", partial(desk.bank.pay, account=number, orders=orders, now=now))
    return results


def _by_account(desk: Desk, payouts: Sequence[Payout]) -> dict[str, list[Payout]]:
    """Payouts by the number of the account they are paid from."""
    if not payouts:
        return {}
    numbers = {account.id: account.number for account in payment_book.money_accounts(book_id=desk.book.id).values()}
    found: dict[str, list[Payout]] = {}
    for payout in payouts:
        found.setdefault(numbers[payout.money_account_id], []).append(payout)
    return found


def poll_payouts(*, desk: Desk, now: datetime, paid_since: date, limit: int = 5_000) -> list[Payout]:
    """Asks the bank what became of payouts on their way, or paid since a day (they may come back), and books what it says.

    What the bank never heard of is sent now, but for what a stop is for; in a read-only book nobody is asked.
    """
    if stops.read_only(book_id=desk.book.id, now=now):
        return []
    asked = payment_book.payouts_to_poll(book_id=desk.book.id, paid_since=paid_since, limit=limit)
    answers: dict[str, PayResult] = {}
    for number, mine in _by_account(desk, asked).items():
        answers.update(desk.bank.query(account=number, references=[p.reference for p in mine], now=now))
    states = {p.reference: p.state for p in asked}
    news = [result for reference, result in answers.items() if result.outcome != states[reference]]
    lost = _not_stopped(desk, now, [p for p in asked if p.reference not in answers and p.state == "sent"])
    if lost:  # The bank never heard of them: sending them now, under the same reference, cannot pay twice.
        news += _pay(desk, now, lost)
    return book_answers(desk=desk, now=now, results=news)


def book_answers(*, desk: Desk, now: datetime, results: Sequence[PayResult]) -> list[Payout]:
    """Books what a bank says of payouts, and lets their batches follow."""
    if not results:
        return []
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return []  # Read only since the bank was called: it is asked again.
        settled = [p for p in payments.settle_payouts(work=work, results=results) if isinstance(p, Payout)]
        settlement.follow_payouts(work=work, payouts=settled)
    return settled


def fund(*, desk: Desk, now: datetime, key: str, amount: Money, funder_id: UUID | None = None) -> Transfer | Refused:
    """Money of a funder arrives at the bank, as own money."""
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
    for known in keys.stored(work=work, names=[(_TRANSFER, key)]).values():
        return payment_book.transfers(book_id=work.book.id, ids=[known.object_id]).get(known.object_id)
    return None


def _transfer(desk: Desk, now: datetime, order: TransferOrder) -> Transfer | Refused:
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        (ordered,) = payments.order_transfers(work=work, orders=[order])
    if isinstance(ordered, Refused) or ordered.state != "ordered":
        return ordered
    # Whoever asks for one transfer is told why it failed; it stays ordered, for the same key or for `resume_transfers`.
    (settled,) = _booked(desk, now, [ordered], _carried_out(desk, now, order.kind, _move_orders(desk, [ordered])[order.kind]))
    return settled


def resume_transfers(*, desk: Desk, now: datetime) -> list[Transfer | Refused]:
    """Carries out transfers that were ordered and then broke off, and sends the payouts that waited: for them, or for their merchant to be
    active again. Under the same reference no money moves twice.
    """
    if stops.read_only(book_id=desk.book.id, now=now):
        return []
    moved = _move(desk, now, payment_book.transfers_open(book_id=desk.book.id))
    send_payouts(desk=desk, now=now)
    return moved


def _move(desk: Desk, now: datetime, ordered: Sequence[Transfer]) -> list[Transfer | Refused]:
    """Carries out transfers and books them kind by kind, so that a gateway that fails holds up its own kind alone: that is logged and
    counted. One outcome each, in order; what was not answered is returned as it stands, ordered.
    """
    outcomes: dict[UUID, Transfer | Refused] = {}
    for kind, orders in _move_orders(desk, ordered).items():
        mine = [one for one in ordered if one.kind == kind]
        said = _answers(desk, kind, partial(_carried_out, desk, now, kind, orders))
        outcomes |= zip((one.id for one in mine), _booked(desk, now, mine, said), strict=True)
    return [outcomes[one.id] for one in ordered]


def _move_orders(desk: Desk, ordered: Sequence[Transfer]) -> dict[str, list[MoveOrder]]:
    """What the gateways are told, by kind of transfer."""
    if not ordered:
        return {}
    numbers = {account.id: account.number for account in payment_book.money_accounts(book_id=desk.book.id).values()}
    orders: dict[str, list[MoveOrder]] = {}
    for one in ordered:
        origin = numbers[one.from_account_id] if one.from_account_id else ""
        orders.setdefault(one.kind, []).append(MoveOrder(one.reference, one.amount, origin, numbers[one.to_account_id]))
    return orders


def _booked(desk: Desk, now: datetime, ordered: Sequence[Transfer], said: Sequence[TransferResult]) -> list[Transfer | Refused]:
    """Books the answers to transfers; one outcome each, in order. One without an answer stays ordered and is asked for again."""
    answers = {result.reference: result for result in said}
    answered = [one for one in ordered if one.reference in answers]
    if len(answered) < len(ordered):
        log.error("transfers were not answered", book=desk.book.code, references=[t.reference for t in ordered if t not in answered])
    if not answered:
        return list(ordered)
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return list(ordered)  # Read only since the gateway was called: they stay ordered and are carried out again.
        settled = payments.settle_transfers(work=work, results=[answers[one.reference] for one in answered])
    outcomes = dict(zip((one.id for one in answered), settled, strict=True))
    return [outcomes.get(one.id, one) for one in ordered]


def _answers(desk: Desk, call: str, ask: Callable[[], list[T]]) -> list[T]:
    """What a gateway answers. One that fails has answered nothing: it is logged and counted, and what it was asked for is taken up again."""
    try:
        return ask()
    except Exception as error:
        GATEWAY_FAILED.labels(call=call).inc()
        log.exception("gateway failed", book=desk.book.code, call=call, error=type(error).__name__)
        return []


def _carried_out(desk: Desk, now: datetime, kind: str, orders: Sequence[MoveOrder]) -> list[TransferResult]:
    """One call for all transfers of a kind."""
    if kind == "withdrawal":
        return desk.channel.withdraw(orders=orders, now=now)
    if kind == "funding":
        return desk.bank.receive(orders=orders, payer="own funds", now=now)
    return desk.bank.move(orders=orders, now=now)
