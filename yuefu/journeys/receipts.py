"""Receipts: what consumers pay by bank transfer, and money that nobody asked for.

Whatever comes to our bank account is booked once, by the bank's number, as money that nobody has explained: suspense. A reference in its text
names a consumer; then it is matched by itself, which is a payment over all their loans as `billing.pay` collects it, the oldest due first, what
is more ahead. Everything else waits for a person, who matches it, in parts too, or gives it back. A match is undone as a repayment is: its
money is then left of the receipt again.

A payment is stored with its match before it is booked, and booked by `repayment` as what a channel tells is: who breaks off in between, or comes
twice, leaves what `poll` books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.billing import queries as bill_book
from yuefu.errors import Refused
from yuefu.journeys import billing, repayment, undoing
from yuefu.journeys.billing import PayRequest
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day, unless_held_up
from yuefu.journeys.repayment import NOTHING_DUE, Repaid, RepaidTogether
from yuefu.journeys.undoing import UndoRequest
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import NewMatch, ReturnOrder, Taken, TogetherAttempt
from yuefu.payments.gateways.credit_file import read_credits
from yuefu.payments.rules import OPERATING, BankCredit, Collection, Match, PayOrder, PayResult, Receipt, Return
from yuefu.runtime import audit, keys, stops
from yuefu.runtime.batch import Quarantined, in_halves
from yuefu.runtime.logs import logger
from yuefu.runtime.values import Actor, UnitOfWork

BY_REFERENCE: Final = "its reference"
ONE_TARGET: Final = "one_target"  # a consumer, or a loan, or a bill
AT_ONCE: Final = 1_000
ASKED_FOR_DAYS: Final = 7
"""How far back the bank is asked: what it told late, or while we were down, is found again; what is known changes nothing."""
_MATCH: Final = "receipt.match"

log = logger(__name__)


# -------------------------------------------------------------------------------------------------------------------------------- take


def take(*, desk: Desk, now: datetime, came: Sequence[BankCredit], heard_by: str = "notice") -> list[Taken | Refused | Quarantined]:
    """Books what came, then matches what quotes a reference. One outcome a credit, in order; told again, by notice or in a file, it is the receipt
    as it stands. Refused as `payments.take_receipts` refuses. What is refused or breaks is not set aside, for it names people: it stays with the
    bank, which is asked for it again.
    """
    taken = in_halves(came, lambda batch: on_open_day(desk, now, batch, lambda work, told: _take(work, desk, told, heard_by)))
    for one in taken:
        if isinstance(one, Refused | Quarantined):
            log.error("receipt not booked", outcome=type(one).__name__, code=getattr(one, "code", "broke"), book=desk.book.code)
    match_waiting(desk=desk, now=now)
    ids = [one.receipt.id for one in taken if isinstance(one, Taken)]
    stand = payment_book.receipts(book_id=desk.book.id, ids=ids)
    return [replace(one, receipt=stand[one.receipt.id]) if isinstance(one, Taken) else one for one in taken]


def _take(work: UnitOfWork, desk: Desk, told: Sequence[BankCredit], heard_by: str) -> list[Taken | Refused]:
    return payments.take_receipts(work=work, vault=desk.vault, came=told, heard_by=heard_by)


@dataclass(frozen=True, slots=True)
class TakenLine:
    """What became of a line of a bank's file: its receipt, or why there is none."""

    no: int
    outcome: Taken | Refused | Quarantined


def take_file(*, desk: Desk, now: datetime, data: bytes) -> list[TakenLine] | Refused:
    """Books what a bank's file of an account says came in, line by line: a line that cannot be read is told with its number and reason, and the
    others are booked; sent again, it is mended. Refused with bad_file where nothing can be read.
    """
    lines = read_credits(data)
    if isinstance(lines, Refused):
        return lines
    readable = [(line.no, line.credit) for line in lines if isinstance(line.credit, BankCredit)]
    outcomes: dict[int, Taken | Refused | Quarantined] = {line.no: line.credit for line in lines if isinstance(line.credit, Refused)}
    for start in range(0, len(readable), AT_ONCE):
        part = readable[start : start + AT_ONCE]
        taken = take(desk=desk, now=now, came=[credit for _, credit in part], heard_by="file")
        outcomes.update(zip([no for no, _ in part], taken, strict=True))
    return [TakenLine(line.no, outcomes[line.no]) for line in lines]


def match_waiting(*, desk: Desk, now: datetime) -> int:
    """Matches receipts that quote a reference and were not matched yet, consumer by consumer one after the other; returns how many. One whose
    consumer owes nothing is left for a person, who is told so; what breaks is set aside.
    """
    matched, seen = 0, set[UUID]()
    while True:
        waiting = [r for r in payment_book.receipts_to_match(book_id=desk.book.id, limit=AT_ONCE) if r.id not in seen]
        if not waiting:
            return matched
        seen.update(r.id for r in waiting)
        asked = [MatchRequest(f"receipt:{r.id}", r.id, BY_REFERENCE, consumer_id=r.consumer_id) for r in waiting]
        outcomes = match(desk=desk, now=now, requests=asked)
        matched += sum(isinstance(one, Matched) for one in outcomes)
        why = {
            r.id: rules.NOTHING_TO_PAY for r, o in zip(waiting, outcomes, strict=True) if isinstance(o, Refused) and o.code == NOTHING_DUE
        }
        if why:
            with open_day(desk, now) as work:
                if not isinstance(work, Refused):
                    payments.leave_receipts(work=work, why=why)


# ------------------------------------------------------------------------------------------------------------------------------- match


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """What of a receipt, `amount` or all that is left, is a payment of a consumer: over all their loans, or for one loan, or for a bill first.
    Just one of the three is named; for a loan that was written off it is a recovery. `reason` is kept with it.
    """

    key: str
    receipt_id: UUID
    reason: str
    consumer_id: UUID | None = None
    loan_id: UUID | None = None
    bill_id: UUID | None = None
    amount: Money | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Matched:
    """A match and what became of its payment; `left` is what is left of its receipt."""

    match: Match
    parts: tuple[Repaid, ...]
    left: Money


def match(*, desk: Desk, now: datetime, requests: Sequence[MatchRequest]) -> list[Matched | Refused | Quarantined]:
    """Makes payments of receipts and applies them as of the day on which the bank had the money. One outcome a request, in order.

    Refused with one_target, reason_invalid, unknown_receipt, unknown_loan, unknown_bill, bill_paid, nothing_due, nothing_left, more_than_left,
    amount_not_positive, currency_differs, no_money_account or key_reused. What its loans cannot take is left of the receipt again.
    """
    begun = in_batches(desk, now, _MATCH, requests, lambda batch: on_open_day(desk, now, batch, _match))
    _book(desk, now, [one for one in begun if isinstance(one, Match)])
    ids = [one.id for one in begun if isinstance(one, Match)]
    stand = payment_book.matches(book_id=desk.book.id, ids=ids)
    receipts = payment_book.receipts(book_id=desk.book.id, ids=[one.receipt_id for one in stand.values()])
    told = repayment.told_of(book_id=desk.book.id, collection_ids=[one.collection_id for one in stand.values()])
    return [_matched(stand[one.id], told, receipts) if isinstance(one, Match) else one for one in begun]


def _matched(match: Match, told: Mapping[UUID, Repaid | RepaidTogether], receipts: Mapping[UUID, Receipt]) -> Matched:
    paid = told[match.collection_id]
    assert isinstance(paid, RepaidTogether), "a match is a payment over loans"
    return Matched(match, paid.parts, receipts[match.receipt_id].left)


def _match(work: UnitOfWork, requests: Sequence[MatchRequest]) -> list[Match | Refused]:
    new = work.ids.many(work.now, 2 * len(requests))
    match_ids, collection_ids = new[::2], new[1::2]

    def decide(fresh: list[int]) -> Mapping[int, Match | Refused]:
        return _decide(work, {i: requests[i] for i in fresh}, {i: (match_ids[i], collection_ids[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope=_MATCH,
        requests=requests,
        object_ids=match_ids,
        validate=lambda given: {i: refused for i in given if (refused := _unclear(requests[i]))},
        decide=decide,
        recall=lambda known: payment_book.matches(book_id=work.book.id, ids=known),
    )


def _unclear(request: MatchRequest) -> Refused | None:
    if sum(one is not None for one in (request.consumer_id, request.loan_id, request.bill_id)) != 1:
        return Refused(ONE_TARGET, "name a consumer, or a loan, or a bill: just one of them", "consumer_id")
    return rules.reason_refusal(request.reason)


def _decide(work: UnitOfWork, requests: Mapping[int, MatchRequest], new: Mapping[int, tuple[UUID, UUID]]) -> dict[int, Match | Refused]:
    """Each by itself: what one takes, the next of the same receipt or consumer has to see."""
    held = payment_book.receipts(book_id=work.book.id, ids=sorted({r.receipt_id for r in requests.values()}), lock=True)
    outcomes: dict[int, Match | Refused] = {}
    for i, request in requests.items():
        receipt = held.get(request.receipt_id)
        refused = rules.left_refusal(receipt, request.amount)
        if refused or receipt is None:
            outcomes[i] = refused or Refused(rules.UNKNOWN_RECEIPT)
            continue
        begun = _begin(work, request, receipt, *new[i])
        outcomes[i] = begun
        if isinstance(begun, Match):
            held[receipt.id] = replace(receipt, left=receipt.left - begun.amount)
    return outcomes


def _begin(work: UnitOfWork, request: MatchRequest, receipt: Receipt, match_id: UUID, collection_id: UUID) -> Match | Refused:
    consumer_id = _consumer(work, request)
    if isinstance(consumer_id, Refused):
        return consumer_id
    amount = request.amount or receipt.left
    asked = PayRequest(request.key, consumer_id, f"bank:{receipt.number}", request.bill_id, request.loan_id, amount, ahead=True)
    (parts,) = billing.plan(work, [asked])
    if isinstance(parts, Refused):
        return parts
    attempt = TogetherAttempt(consumer_id, asked.instrument, parts, rules.BANK)
    stored = payments.attempt_together(work=work, attempts={collection_id: attempt})[collection_id]
    if isinstance(stored, Refused):
        return stored
    payments.match_receipts(work=work, new=[NewMatch(match_id, receipt.id, collection_id, consumer_id, amount, request.reason)])
    return payment_book.matches(book_id=work.book.id, ids=[match_id])[match_id]


def _consumer(work: UnitOfWork, request: MatchRequest) -> UUID | Refused:
    if request.consumer_id:
        return request.consumer_id
    if request.loan_id:
        loan = loan_book.on_book([request.loan_id], work.day.on, book_id=work.book.id).get(request.loan_id)
        return loan.dims.consumer_id if loan else Refused(repayment.UNKNOWN_LOAN, "there is no such loan in this book", "loan_id")
    assert request.bill_id is not None, "what is unclear was refused before"
    bill = bill_book.bills(book_id=work.book.id, ids=[request.bill_id]).get(request.bill_id)
    return bill.consumer_id if bill else Refused(billing.UNKNOWN_BILL, "there is no such bill in this book", "bill_id")


def _book(desk: Desk, now: datetime, begun: Sequence[Match]) -> None:
    """Books the payments of matches whose money is here; again, nothing is new."""
    open_matches = [one for one in begun if one.state == "attempted"]
    receipts = payment_book.receipts(book_id=desk.book.id, ids=[one.receipt_id for one in open_matches])
    collections = payment_book.collections(book_id=desk.book.id, ids=[one.collection_id for one in open_matches])
    results = [rules.came(collections[one.collection_id].reference, one.amount, receipts[one.receipt_id]) for one in open_matches]
    unless_held_up(lambda given: repayment.book(desk=desk, now=now, results=given), results)


# -------------------------------------------------------------------------------------------------------------------------------- undo


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A match that was undone: `back` of it is left of its receipt again. `stays` went back to the consumer before, or came ahead of its day and
    pays what fell due meanwhile: `undoing.undo` is for that.
    """

    match: Match
    back: Money
    stays: Money


def undo(*, desk: Desk, now: datetime, match_id: UUID, key: str, reason: str) -> Unmatched | Refused | Quarantined:
    """Takes a payment off the loans it was matched to, which are then as if it had never been paid. Refused with reason_invalid, unknown_match,
    already_undone, or as `undoing.undo` refuses a part.
    """
    if unreasoned := rules.reason_refusal(reason):
        return unreasoned
    found = payment_book.matches(book_id=desk.book.id, ids=[match_id]).get(match_id)
    if found is None:
        return Refused(rules.UNKNOWN_MATCH, "there is no such match in this book", "match_id")
    if found.back == found.amount:
        return Refused(rules.ALREADY_UNDONE, "all of this match is left of its receipt again", "match_id")
    parts = payment_book.parts_of(book_id=desk.book.id, whole_ids=[found.collection_id])[found.collection_id]
    refused = _take_off(desk, now, [part for part in parts if not part.is_waiting], key, reason)
    for part in [part for part in parts if part.is_waiting]:
        # One by one: what it pays now that nothing else does is taken off before the next one comes.
        refused = refused or _first_refusal(billing.release_parts(desk=desk, now=now, part_ids=[part.id]))
        refused = refused or _take_off(desk, now, [part], key, reason)
    if refused is not None:
        return refused
    with open_day(desk, now) as work:
        if not isinstance(work, Refused):
            audit.record(work=work, action="receipt.undo", object_kind="match", object_ids=[match_id], detail={"reason": reason})
    now_is = payment_book.matches(book_id=desk.book.id, ids=[match_id])[match_id]
    return Unmatched(now_is, now_is.back - found.back, now_is.amount - now_is.back)


def _take_off(desk: Desk, now: datetime, parts: Sequence[Collection], key: str, reason: str) -> Refused | Quarantined | None:
    """Undoes what parts pay of their loans; the first refusal."""
    asked = [UndoRequest(f"{key}:{part.id}", part.id, reason) for part in _applied(desk, parts)]
    return _first_refusal(undoing.undo(desk=desk, now=now, requests=asked))


def _applied(desk: Desk, parts: Sequence[Collection]) -> list[Collection]:
    """Parts that pay something of a loan, of which nothing went back yet, the latest first: as they are taken off, none fills another's place."""
    now_are = payment_book.collections(book_id=desk.book.id, ids=[part.id for part in parts])
    events = loan_book.repayments(desk.book.id, list(now_are))
    mine = [part for part in now_are.values() if part.id in events and not events[part.id].reversed and part.left == part.amount]
    return sorted(mine, key=lambda part: part.id, reverse=True)


def _first_refusal(outcomes: Sequence[object]) -> Refused | Quarantined | None:
    return next((one for one in outcomes if isinstance(one, Refused | Quarantined)), None)


# --------------------------------------------------------------------------------------------------------------------------- give back


def give_back(*, desk: Desk, now: datetime, orders: Sequence[ReturnOrder]) -> list[Return | Refused | Quarantined]:
    """Gives what is left of receipts back to the accounts they came from. One outcome an order, in order, as the bank answered: what it has not
    said yet is `sent` or `ordered` and asked for by `poll`. Refused as `payments.order_returns` refuses.
    """
    ordered = in_batches(
        desk,
        now,
        "receipt.return",
        orders,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.order_returns(work=work, orders=given)),
    )
    waiting = [one for one in ordered if isinstance(one, Return) and one.state == "ordered"]
    _ask(desk, now, waiting, ask_first=any(one.ordered_at < now for one in waiting))
    stand = payment_book.returns(book_id=desk.book.id, ids=[one.id for one in ordered if isinstance(one, Return)])
    return [stand[one.id] if isinstance(one, Return) else one for one in ordered]


def book_returns(*, desk: Desk, now: datetime, results: Sequence[PayResult]) -> list[Return | Refused | Quarantined]:
    """Books what the bank says of returns. One outcome a result, in order."""
    return in_batches(
        desk,
        now,
        "receipt.return.book",
        results,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: payments.settle_returns(work=work, results=given)),
    )


def _ask(desk: Desk, now: datetime, waiting: Sequence[Return], *, ask_first: bool) -> None:
    """Pays returns; those that an earlier call may have reached the bank with are looked for there first."""
    numbers = {account.id: account.number for account in payment_book.money_accounts(book_id=desk.book.id).values()}
    receipts = payment_book.receipts(book_id=desk.book.id, ids=[one.receipt_id for one in waiting])
    results: list[PayResult] = []
    for account_id in dict.fromkeys(one.money_account_id for one in waiting):
        mine = [one for one in waiting if one.money_account_id == account_id]
        number = numbers[account_id]
        asked = desk.bank.query(account=number, references=[one.reference for one in mine], now=now) if ask_first else {}
        orders = [
            PayOrder(one.reference, payment_book.payer(receipts[one.receipt_id], vault=desk.vault).account, one.amount)
            for one in mine
            if one.reference not in asked and one.state == "ordered"
        ]
        results += [*asked.values(), *(desk.bank.pay(account=number, orders=orders, now=now) if orders else [])]
    unless_held_up(lambda given: book_returns(desk=desk, now=now, results=given), results)


# -------------------------------------------------------------------------------------------------------------------------------- poll


def poll(*, desk: Desk, now: datetime) -> int:
    """Asks the bank what came lately and what became of returns, and finishes what broke off. Returns how many receipts are new. In a read-only
    book nobody is asked.
    """
    if stops.read_only(book_id=desk.book.id, now=now):
        return 0
    _book(desk, now, payment_book.matches_to_book(book_id=desk.book.id, limit=AT_ONCE))
    since = _today(desk, now) - timedelta(days=ASKED_FOR_DAYS)
    _ask(desk, now, payment_book.returns_to_poll(book_id=desk.book.id, paid_since=since, limit=AT_ONCE), ask_first=True)
    account = payment_book.money_accounts(book_id=desk.book.id).get(OPERATING)
    told = desk.bank.credits(account=account.number, since=since) if account else []
    fresh = _unknown(desk, account.id, told) if account else []
    taken = [one for start in range(0, len(fresh), AT_ONCE) for one in take(desk=desk, now=now, came=fresh[start : start + AT_ONCE])]
    match_waiting(desk=desk, now=now)
    return sum(isinstance(one, Taken) and one.fresh for one in taken)


def _unknown(desk: Desk, account_id: UUID, told: Sequence[BankCredit]) -> list[BankCredit]:
    """Those that are not kept just as they are told: the bank is asked for a week, every minute."""
    known = payment_book.receipts_numbered(book_id=desk.book.id, money_account_id=account_id, numbers=[one.number for one in told])
    return [one for one in told if one.number not in known or rules.differing(known[one.number], one)]


def _today(desk: Desk, now: datetime) -> date:
    return desk.book.day_of(now)
