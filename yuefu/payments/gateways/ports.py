"""What a payment channel and a bank can do for us. Every call is outside: made before or after a transaction, never inside one.

References are ours. The same reference sent again has the same result and never moves money twice, so a call may be repeated after a
crash; an outcome that is not known is asked for by `query`, which answers only for references the other side has heard of.
Moments are given; days and times in the files are local to the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from yuefu.money.amounts import Money
from yuefu.payments.rules import (
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


class GatewayError(Exception):
    """The other side refuses to talk about this at all. `code`: reference_reused (same reference, other content),
    unknown_account (not an account of ours there)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Channel(Protocol):
    """A payment channel: takes money from consumers, gives it back, passes it on to our bank, and writes its daily files.

    It also keeps mandates. A debit is a collection whose instrument is a mandate (`contract:` and its number there): `collect` sends it and
    `query` asks for it, as for any other. `announce` gives the prior notice that a wallet wants; where it was given before, the channel
    says the same again. `revoke_mandates` names what the channel may never have heard of: then it is ended too.
    """

    def collect(self, *, orders: Sequence[CollectOrder], now: datetime) -> list[ChannelResult]: ...

    def refund(self, *, orders: Sequence[RefundOrder], now: datetime) -> list[ChannelResult]: ...

    def query(self, *, references: Sequence[str], now: datetime) -> Mapping[str, ChannelResult]: ...

    def sign_mandates(self, *, orders: Sequence[SignOrder], now: datetime) -> list[MandateResult]: ...

    def query_mandates(self, *, references: Sequence[str], now: datetime) -> Mapping[str, MandateResult]: ...

    def revoke_mandates(self, *, references: Sequence[str], now: datetime) -> list[MandateResult]: ...

    def announce(self, *, orders: Sequence[NoticeOrder], now: datetime) -> list[NoticeResult]: ...

    def withdraw(self, *, orders: Sequence[MoveOrder], now: datetime) -> list[TransferResult]: ...

    def balance(self) -> Money: ...

    def trade_bill(self, *, on: date) -> bytes: ...

    def fund_flow(self, *, on: date) -> bytes: ...


class Bank(Protocol):
    """A bank: pays merchants, may return what it paid, receives what funders send, moves money between our accounts, and writes the daily
    statement of each. `account` is the number of one of ours. `credits` tells what others transferred to us since a day, as often as it is asked.
    """

    def pay(self, *, account: str, orders: Sequence[PayOrder], now: datetime) -> list[PayResult]: ...

    def query(self, *, account: str, references: Sequence[str], now: datetime) -> Mapping[str, PayResult]: ...

    def receive(self, *, orders: Sequence[MoveOrder], payer: str, now: datetime) -> list[TransferResult]: ...

    def move(self, *, orders: Sequence[MoveOrder], now: datetime) -> list[TransferResult]: ...

    def credits(self, *, account: str, since: date) -> list[BankCredit]: ...

    def balance(self, *, account: str) -> Money: ...

    def statement(self, *, account: str, on: date) -> bytes: ...
