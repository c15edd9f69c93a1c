"""A payment channel and a bank to practise with: real fakes with books of their own, idempotent by our reference.

What happens to a collection is chosen by its instrument (the word after the last colon), to a payout by the last seven digits of the
beneficiary's account. Both are stable for ever; anything else is normal.

collections  insufficient_funds      refused, nothing moves
             account_closed          refused, nothing moves
             unknown_then_success    no answer, yet the money moved; a query tells
             unknown_then_failure    no answer and nothing moved; a query tells
             late_success            no answer on the day itself, however often it is asked for; from the next day on, that the money moved
             failed_then_success     told as refused with system_error, yet the money moved; a query tells so, again and again
             refund_unknown          collected; a refund of it gets no answer, yet the money went back; a query tells
             refund_fails_once       collected; the first refund of it is refused, nothing moves; the next succeeds
             refund_fails            collected; every refund of it is refused, nothing moves
payouts      …9990001                refused, nothing moves
             …9990002                on its way; paid when it is asked for
             …9990003                paid, and sent back by the bank of the beneficiary on a later day

A collection whose instrument is a contract is a debit by a mandate: what happens to it is told in `sandbox_mandates`.

The channel's account may go below zero (a refund after all money was withdrawn), the bank's two may not. Each account has books of its
own; what moves between two of them is in both, under one reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Final, Literal, Protocol, TypeVar, get_args

from yuefu.money.amounts import Money
from yuefu.money.rates import Rate, Rounding
from yuefu.money.split import pro_rata_step
from yuefu.payments.gateways.ports import GatewayError
from yuefu.payments.gateways.sandbox_books import Flow, SandboxBooks, Side, Trade
from yuefu.payments.gateways.sandbox_mandates import SandboxMandates
from yuefu.payments.gateways.wechat_layout import TradeRow, fund_flow, trade_bill
from yuefu.payments.rules import (
    CHANNEL_NUMBER,
    CLIENT_NUMBER,
    OPERATING_NUMBER,
    BankCredit,
    ChannelResult,
    CollectOrder,
    MandateResult,
    MoveOrder,
    NoticeOrder,
    NoticeResult,
    PayOrder,
    PayResult,
    RefundOrder,
    SignOrder,
    TransferResult,
)
from yuefu.runtime import sql
from yuefu.runtime.values import Book

_SIDES: Final[Mapping[str, Side]] = {CHANNEL_NUMBER: "channel", OPERATING_NUMBER: "operating", CLIENT_NUMBER: "client"}
FEE: Final = Rate(6_000)

_R = TypeVar("_R")


class _Order(Protocol):
    @property
    def reference(self) -> str: ...
    @property
    def amount(self) -> Money: ...


_O = TypeVar("_O", bound=_Order)

_REFUSALS: Final = {"insufficient_funds": "insufficient_funds", "account_closed": "account_closed", "unknown_then_failure": "system_error"}
_BENEFICIARIES: Final = {"9990001": "rejected", "9990002": "sent_then_paid", "9990003": "returned_later"}
_REFUSING: Final = frozenset({"refund_fails", "refund_fails_once"})
_SILENT: Final = frozenset({"unknown_then_success", "unknown_then_failure", "late_success"})
_LATE, _TWO_TONGUES = "late_success", "failed_then_success"


class SandboxChannel:
    """The sandbox's payment channel for one book. Fee: 0.60 %, half up to the cent, and given back in proportion with a refund."""

    def __init__(self, book: Book, *, account: str = CHANNEL_NUMBER) -> None:
        self._book = book
        self._account = account
        self._books = SandboxBooks(book, "channel")
        self._mandates = SandboxMandates(book, self._books)

    def collect(self, *, orders: Sequence[CollectOrder], now: datetime) -> list[ChannelResult]:
        """Takes money, or does not; one result an order. Raises GatewayError reference_reused."""
        return _answer_once(self._books, orders, lambda fresh: self._collect(fresh, now), self._result)

    def refund(self, *, orders: Sequence[RefundOrder], now: datetime) -> list[ChannelResult]:
        """Gives money of earlier collections back, never more than was taken; one result an order."""
        return _answer_once(self._books, orders, lambda fresh: self._refund(fresh, now), self._result)

    def query(self, *, references: Sequence[str], now: datetime) -> Mapping[str, ChannelResult]:
        """What became of references. One that is missing was never heard of."""
        today = self._books.local(now).date()
        with sql.transacting():
            self._books.lock()
            known = self._books.trades(references)
            told = [trade for trade in known.values() if trade.silent and not (trade.outcome_rule == _LATE and trade.on_date == today)]
            for trade in told:
                trade.silent = False
            self._books.change(told)
        return {reference: self._result(known[reference]) for reference in references if reference in known}

    def sign_mandates(self, *, orders: Sequence[SignOrder], now: datetime) -> list[MandateResult]:
        """Makes mandates, or does not; one result an order. Raises GatewayError reference_reused."""
        return self._mandates.sign(orders=orders, now=now)

    def query_mandates(self, *, references: Sequence[str], now: datetime) -> Mapping[str, MandateResult]:
        """What became of mandates. One that is missing was never heard of."""
        del now
        return self._mandates.query(references=references)

    def revoke_mandates(self, *, references: Sequence[str], now: datetime) -> list[MandateResult]:
        """Ends mandates; one result a reference."""
        return self._mandates.revoke(references=references, now=now)

    def announce(self, *, orders: Sequence[NoticeOrder], now: datetime) -> list[NoticeResult]:
        """Takes prior notices, or does not; one result an order. Raises GatewayError reference_reused."""
        return self._mandates.announce(orders=orders, now=now)

    def withdraw(self, *, orders: Sequence[MoveOrder], now: datetime) -> list[TransferResult]:
        """Moves money from the channel's account to our bank, the same day, in order. Fails where the account has less."""
        return _moved(self._book, orders, now, "5010", lambda _: "withdrawal")

    def balance(self) -> Money:
        """What is in the account now."""
        return Money(self._books.balance_minor(), self._book.currency)

    def trade_bill(self, *, on: date) -> bytes:
        """The trade bill of a day: payments and refunds."""
        trades = [trade for trade in self._books.trades_on(on) if trade.kind in ("payment", "refund")]
        originals = self._books.trades([trade.original_reference for trade in trades if trade.kind == "refund"])
        return trade_bill([self._row(trade, originals.get(trade.original_reference)) for trade in trades])

    def fund_flow(self, *, on: date) -> bytes:
        """The fund flow of a day: payments, fees, refunds net of fees, withdrawals."""
        opening, rows = self._books.fund_rows(on)
        return fund_flow(rows, opening=opening)

    def _collect(self, orders: Sequence[CollectOrder], now: datetime) -> list[Trade]:
        trades, flows = [], []
        permits = self._mandates.permit(orders, now)
        for order in orders:
            rule, refused = permits.get(order.reference) or (_rule(order.instrument), "")
            failure = refused or _REFUSALS.get(rule, "")
            trade = _trade(self._books, "4200", "payment", order.reference, order.amount, now, failure=failure)
            trade.payer, trade.description, trade.outcome_rule = order.payer, order.description, "" if refused else rule
            trade.silent = trade.outcome_rule in _SILENT or trade.outcome_rule == _TWO_TONGUES
            if trade.status == "SUCCESS":
                trade.fee_minor = FEE.of(order.amount, rounding=Rounding.HALF_UP).minor
                note = f"结算总金额{order.amount.decimal_text()}元;含手续费{Money(trade.fee_minor, order.amount.currency).decimal_text()}元"
                flows.append(Flow(order.reference, "payment", trade.provider_id, trade.amount_minor, note))
                flows.append(Flow(order.reference, "fee", trade.provider_id, -trade.fee_minor, note))
            trades.append(trade)
        self._books.add(trades)
        self._books.move(flows, now=now)
        return trades

    def _refund(self, orders: Sequence[RefundOrder], now: datetime) -> list[Trade]:
        originals = self._books.trades([order.original_reference for order in orders])
        trades, flows = [], []
        for order in orders:
            original = originals.get(order.original_reference)
            failure = _refund_failure(original, order.amount)
            if original is not None and original.outcome_rule == "refund_fails_once":
                original.outcome_rule = "refund_failed"
            trade = _trade(self._books, "5030", "refund", order.reference, order.amount, now, failure=failure)
            trade.original_reference = order.original_reference
            if original is not None and trade.status == "SUCCESS":
                trade.fee_minor = self._returned_fee(original, order.amount.minor)
                trade.payer, trade.description = original.payer, original.description
                trade.silent = original.outcome_rule == "refund_unknown"
                original.refunded_minor += order.amount.minor
                note = f"退款总金额{order.amount.decimal_text()}元;含手续费{Money(trade.fee_minor, order.amount.currency).decimal_text()}元"
                flows.append(Flow(order.reference, "refund", trade.provider_id, trade.fee_minor - order.amount.minor, note))
            trades.append(trade)
        self._books.add(trades)
        self._books.change(list(originals.values()))
        self._books.move(flows, now=now)
        return trades

    def _returned_fee(self, original: Trade, minor: int) -> int:
        fee, before = Money(original.fee_minor, self._book.currency), original.refunded_minor
        step = pro_rata_step(fee, done_before=before, done_after=before + minor, of=original.amount_minor, rounding=Rounding.HALF_UP)
        return step.minor

    def _result(self, trade: Trade) -> ChannelResult:
        amount = Money(trade.amount_minor, self._book.currency)
        if trade.silent and trade.outcome_rule == _TWO_TONGUES:
            return ChannelResult(trade.reference, "failed", amount, amount - amount, trade.provider_id, None, "system_error")
        if trade.silent:
            return ChannelResult(trade.reference, "unknown", amount, amount - amount, failure_code="no_answer")
        if trade.status != "SUCCESS":
            return ChannelResult(trade.reference, "failed", amount, amount - amount, trade.provider_id, None, trade.failure_code)
        fee = Money(trade.fee_minor, self._book.currency)
        return ChannelResult(trade.reference, "succeeded", amount, fee, trade.provider_id, trade.on_date)

    def _row(self, trade: Trade, original: Trade | None) -> TradeRow:
        fee = Money(trade.fee_minor if original is None else -trade.fee_minor, self._book.currency)
        return TradeRow(
            at=self._books.local(trade.at),
            account=self._account,
            kind=trade.kind,
            provider_id=trade.provider_id,
            reference=trade.reference,
            original_reference=trade.original_reference,
            original_provider_id=original.provider_id if original else "",
            amount=Money(trade.amount_minor, self._book.currency),
            fee=fee,
            fee_rate_text=FEE.percent_text() + "%",
            status="SUCCESS",
            payer=trade.payer,
            description=trade.description,
        )


class SandboxBank:
    """The sandbox's bank for one book."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def pay(self, *, account: str, orders: Sequence[PayOrder], now: datetime) -> list[PayResult]:
        """Pays merchants while the account has enough, in order; one result an order. Raises GatewayError reference_reused."""
        books = _books_of(self._book, account)

        def act(fresh: Sequence[PayOrder]) -> list[Trade]:
            return self._pay(books, fresh, now)

        return _answer_once(books, orders, act, self._result, before=lambda: self._send_back(books, now))

    def query(self, *, account: str, references: Sequence[str], now: datetime) -> Mapping[str, PayResult]:
        """What became of payouts. What was on its way arrives now; one that is missing was never heard of."""
        books = _books_of(self._book, account)
        with sql.transacting():
            books.lock()
            self._send_back(books, now)
            known = books.trades(references)
            arriving = [trade for trade in known.values() if trade.status == "PROCESSING"]
            for trade in arriving:
                trade.status, trade.on_date, trade.at = "SUCCESS", books.local(now).date(), now
            books.change(arriving)
            books.move([_payout_flow(trade) for trade in arriving], now=now)
        return {reference: self._result(known[reference]) for reference in references if reference in known}

    def receive(self, *, orders: Sequence[MoveOrder], payer: str, now: datetime) -> list[TransferResult]:
        """A funder's money arrives."""

        def act(books: SandboxBooks, fresh: Sequence[MoveOrder]) -> list[Trade]:
            trades = [_trade(books, "8800", "funding", order.reference, order.amount, now) for order in fresh]
            for trade in trades:
                trade.payer = payer
            books.add(trades)
            books.move([Flow(t.reference, t.kind, t.provider_id, t.amount_minor, payer) for t in trades], now=now)
            return trades

        found: dict[str, TransferResult] = {}
        for account in dict.fromkeys(order.target for order in orders):
            books = _books_of(self._book, account)
            mine = [order for order in orders if order.target == account]
            results = _answer_once(books, mine, partial(act, books), partial(_transfer_result, self._book))
            found.update({result.reference: result for result in results})
        return [found[order.reference] for order in orders]

    def deposit(
        self, *, account: str, payer_account: str, payer_name: str, amount: Money, text: str, key: str, now: datetime
    ) -> BankCredit:
        """Somebody transfers money to an account of ours, as people do to try it out; once a `key`. Nobody is told until they ask."""
        books = _books_of(self._book, account)
        with sql.transacting():
            books.lock()
            number = books.number("8805", f"deposit/{key}", now)
            if number not in books.trades([number]):
                trade = _trade(books, "8805", "receipt", number, amount, now)
                trade.provider_id, trade.payer, trade.description = number, f"{payer_account}\n{payer_name}", text
                books.add([trade])
                books.move([Flow(number, "receipt", number, amount.minor, text)], now=now)
            return self._credit(account, books, books.trades([number])[number])

    def credits(self, *, account: str, since: date) -> list[BankCredit]:
        """What others transferred to an account of ours since a day, oldest first."""
        books = _books_of(self._book, account)
        return [self._credit(account, books, trade) for trade in books.trades_since(since, "receipt")]

    def _credit(self, account: str, books: SandboxBooks, trade: Trade) -> BankCredit:
        payer_account, _, payer_name = trade.payer.partition("\n")
        amount = Money(trade.amount_minor, self._book.currency)
        return BankCredit(trade.reference, account, amount, payer_account, payer_name, trade.description, books.local(trade.at))

    def move(self, *, orders: Sequence[MoveOrder], now: datetime) -> list[TransferResult]:
        """Moves money between our accounts, the same day, in order. Fails where the account has less."""
        return _moved(self._book, orders, now, "8802", lambda order: "safeguarding" if order.target == CLIENT_NUMBER else "release")

    def balance(self, *, account: str) -> Money:
        """What is in an account now."""
        return Money(_books_of(self._book, account).balance_minor(), self._book.currency)

    def statement(self, *, account: str, on: date) -> bytes:
        """The statement of an account and day, in the layout of a fund flow."""
        opening, rows = _books_of(self._book, account).fund_rows(on)
        return fund_flow(rows, opening=opening)

    def _pay(self, books: SandboxBooks, orders: Sequence[PayOrder], now: datetime) -> list[Trade]:
        left = books.balance_minor()
        trades, flows = [], []
        for order in orders:
            rule = _BENEFICIARIES.get(order.beneficiary[-7:], "")
            short = "insufficient_funds" if order.amount.minor > left else ""
            failure = "currency_not_held" if order.amount.currency != self._book.currency else short
            failure = "beneficiary_rejected" if rule == "rejected" else failure
            trade = _trade(books, "8801", "payout", order.reference, order.amount, now, failure=failure)
            trade.outcome_rule = rule
            if not failure:
                left -= order.amount.minor
                if rule == "sent_then_paid":
                    trade.status = "PROCESSING"
                else:
                    flows.append(_payout_flow(trade))
            trades.append(trade)
        books.add(trades)
        books.move(flows, now=now)
        return trades

    def _send_back(self, books: SandboxBooks, now: datetime) -> None:
        """Returns what was paid on an earlier day to beneficiaries whose bank refuses it."""
        returning = books.returning(books.local(now).date())
        for trade in returning:
            trade.status, trade.failure_code = "RETURNED", "beneficiary_account_closed"
            trade.on_date, trade.at = books.local(now).date(), now
        books.change(returning)
        books.move([Flow(t.reference, "payout_returned", t.provider_id, t.amount_minor, t.failure_code) for t in returning], now=now)

    def _result(self, trade: Trade) -> PayResult:
        outcomes: Mapping[str, Literal["sent", "paid", "returned", "rejected"]]
        outcomes = {"SUCCESS": "paid", "PROCESSING": "sent", "RETURNED": "returned", "FAIL": "rejected"}
        amount = Money(trade.amount_minor, self._book.currency)
        return PayResult(trade.reference, outcomes[trade.status], amount, trade.provider_id, trade.on_date, trade.failure_code)


def _books_of(book: Book, number: str) -> SandboxBooks:
    if number not in _SIDES:
        raise GatewayError("unknown_account", f"there is no account {number[:32]!r} here")
    return SandboxBooks(book, _SIDES[number])


def _moved(
    book: Book, orders: Sequence[MoveOrder], now: datetime, prefix: str, kind_of: Callable[[MoveOrder], str]
) -> list[TransferResult]:
    """Money from one account to another, in the books of both; known by its reference in those of the account it leaves."""
    found: dict[str, TransferResult] = {}
    for origin, target in dict.fromkeys((order.origin, order.target) for order in orders):
        left, gained = _books_of(book, origin), _books_of(book, target)

        def act(fresh: Sequence[MoveOrder], left: SandboxBooks = left, gained: SandboxBooks = gained) -> list[Trade]:
            rest, trades = left.balance_minor(), []
            for order in fresh:
                enough = 0 < order.amount.minor <= rest
                rest -= order.amount.minor if enough else 0
                failure = "" if enough else "insufficient_funds"
                trades.append(_trade(left, prefix, kind_of(order), order.reference, order.amount, now, failure=failure))
            done = [trade for trade in trades if trade.status == "SUCCESS"]
            left.add(trades)
            left.move([Flow(t.reference, t.kind, t.provider_id, -t.amount_minor, "") for t in done], now=now)
            gained.move([Flow(t.reference, t.kind, t.provider_id, t.amount_minor, "") for t in done], now=now)
            return trades

        mine = [order for order in orders if (order.origin, order.target) == (origin, target)]
        results = _answer_once(left, mine, act, partial(_transfer_result, book), also=gained)
        found.update({result.reference: result for result in results})
    return [found[order.reference] for order in orders]


def _answer_once(
    books: SandboxBooks,
    orders: Sequence[_O],
    act: Callable[[Sequence[_O]], list[Trade]],
    result: Callable[[Trade], _R],
    *,
    before: Callable[[], None] | None = None,
    also: SandboxBooks | None = None,
) -> list[_R]:
    """Acts on orders whose reference is new, each reference once, and answers all of them from the books. `also` is written to as well."""
    with sql.transacting():
        for side in sorted([books, *([also] if also else [])], key=lambda one: get_args(Side).index(one.side)):
            side.lock()
        if before:
            before()
        known = books.trades([order.reference for order in orders])
        fresh: dict[str, _O] = {}
        for order in orders:
            if order.reference not in known:
                fresh.setdefault(order.reference, order)
        known.update({trade.reference: trade for trade in act(list(fresh.values()))})
        for order in orders:
            if known[order.reference].amount_minor != order.amount.minor:
                raise GatewayError("reference_reused", f"{order.reference} was used before with another amount")
    return [result(known[order.reference]) for order in orders]


def _trade(books: SandboxBooks, prefix: str, kind: str, reference: str, amount: Money, now: datetime, *, failure: str = "") -> Trade:
    return Trade(
        reference=reference,
        kind=kind,
        original_reference="",
        provider_id=books.number(prefix, reference, now),
        amount_minor=amount.minor,
        fee_minor=0,
        refunded_minor=0,
        status="FAIL" if failure else "SUCCESS",
        failure_code=failure,
        on_date=books.local(now).date(),
        at=now,
        payer="",
        description="",
        silent=False,
        outcome_rule="",
    )


def _rule(code: str) -> str:
    return code.rpartition(":")[2]


def _payout_flow(trade: Trade) -> Flow:
    return Flow(trade.reference, "payout", trade.provider_id, -trade.amount_minor, "")


def _refund_failure(original: Trade | None, amount: Money) -> str:
    if original is None or original.kind != "payment" or original.status != "SUCCESS":
        return "original_not_found"
    if amount.minor <= 0 or original.refunded_minor + amount.minor > original.amount_minor:
        return "refund_exceeds_payment"
    return "account_abnormal" if original.outcome_rule in _REFUSING else ""


def _transfer_result(book: Book, trade: Trade) -> TransferResult:
    amount = Money(trade.amount_minor, book.currency)
    outcome: Literal["done", "failed"] = "done" if trade.status == "SUCCESS" else "failed"
    return TransferResult(trade.reference, outcome, amount, trade.provider_id, trade.on_date, trade.failure_code)
