"""The books that the sandbox channel and the sandbox bank keep for themselves, one a money account. Nothing else reads these tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Final, Literal
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.gateways.wechat_layout import FundRow
from yuefu.runtime import locks, sql
from yuefu.runtime.values import Book

Side = Literal["operating", "client", "channel"]
"""The account, by its code with us. Several are locked in this order."""

# 业务名称 and 业务类型 of each kind of movement, on either side.
_WORDS: Final = {
    ("channel", "payment"): ("交易", "交易"),
    ("channel", "fee"): ("交易", "扣除交易手续费"),
    ("channel", "refund"): ("退款", "退款"),
    ("channel", "withdrawal"): ("提现", "提现"),
    ("operating", "withdrawal"): ("转账", "渠道提现到账"),
    ("operating", "funding"): ("转账", "资金划入"),
    ("operating", "receipt"): ("转账", "来账"),
    ("operating", "safeguarding"): ("转账", "客户资金划拨"),
    ("operating", "release"): ("转账", "客户资金退拨"),
    # The operating account made payouts before there was one for client money.
    ("operating", "payout"): ("转账", "代付"),
    ("operating", "payout_returned"): ("转账", "代付退回"),
    ("client", "safeguarding"): ("转账", "客户资金划拨"),
    ("client", "release"): ("转账", "客户资金退拨"),
    ("client", "payout"): ("转账", "代付"),
    ("client", "payout_returned"): ("转账", "代付退回"),
}
_TRADE: Final = {
    "reference": "text",
    "kind": "text",
    "original_reference": "text",
    "provider_id": "text",
    "amount_minor": "bigint",
    "fee_minor": "bigint",
    "refunded_minor": "bigint",
    "status": "text",
    "failure_code": "text",
    "on_date": "date",
    "at": "timestamptz",
    "payer": "text",
    "description": "text",
    "silent": "boolean",
    "outcome_rule": "text",
}


_columns_of = attrgetter(*_TRADE)


@dataclass(slots=True)
class Trade:
    """One thing asked of the sandbox, as it knows it. `silent`: it happened, but the caller was not told."""

    reference: str
    kind: str
    original_reference: str
    provider_id: str
    amount_minor: int
    fee_minor: int
    refunded_minor: int
    status: str
    failure_code: str
    on_date: date
    at: datetime
    payer: str
    description: str
    silent: bool
    outcome_rule: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A movement to be written. `amount_minor` is signed: + into the account."""

    reference: str
    kind: str
    business_id: str
    amount_minor: int
    note: str


class SandboxBooks:
    """Trades and flows of one side in one book. Writing needs `lock` first, in the same transaction."""

    def __init__(self, book: Book, side: Side) -> None:
        self._book = book
        self._side = side

    @property
    def side(self) -> Side:
        return self._side

    def lock(self) -> None:
        """One writer a side at a time: the running balance needs it. Several sides are locked in the order of `Side`."""
        locks.wait(locks.SANDBOX, f"{self._book.id}/{self._side}")

    def trades(self, references: Sequence[str]) -> dict[str, Trade]:
        found = sql.rows_as(
            Trade,
            f"SELECT {', '.join(_TRADE)} FROM payments_sandbox_trade WHERE book_id = %s AND side = %s AND reference = ANY(%s)",
            [self._book.id, self._side, list(references)],
        )
        return {trade.reference: trade for trade in found}

    def trades_on(self, on: date) -> list[Trade]:
        """What succeeded on a day, in order."""
        return sql.rows_as(
            Trade,
            f"SELECT {', '.join(_TRADE)} FROM payments_sandbox_trade WHERE book_id = %s AND side = %s AND on_date = %s"
            " AND status = 'SUCCESS' ORDER BY at, provider_id",
            [self._book.id, self._side, on],
        )

    def trades_since(self, since: date, kind: str) -> list[Trade]:
        """What succeeded of a kind from a day on, in order."""
        return sql.rows_as(
            Trade,
            f"SELECT {', '.join(_TRADE)} FROM payments_sandbox_trade WHERE book_id = %s AND side = %s AND on_date >= %s AND kind = %s"
            " AND status = 'SUCCESS' ORDER BY at, provider_id",
            [self._book.id, self._side, since, kind],
        )

    def returning(self, before: date) -> list[Trade]:
        """Payouts made before a day that their beneficiary's bank sends back."""
        return sql.rows_as(
            Trade,
            f"SELECT {', '.join(_TRADE)} FROM payments_sandbox_trade WHERE book_id = %s AND side = %s AND on_date < %s"
            " AND outcome_rule = 'returned_later' AND status = 'SUCCESS' ORDER BY at, provider_id",
            [self._book.id, self._side, before],
        )

    def add(self, trades: Sequence[Trade]) -> None:
        columns = {"book_id": "uuid", "side": "text", "currency": "text", **_TRADE}
        head = (self._book.id, self._side, self._book.currency)
        sql.insert("payments_sandbox_trade", columns, [(*head, *_columns_of(trade)) for trade in trades])

    def change(self, trades: Sequence[Trade]) -> None:
        """Stores what may change of trades: status, day, counter, whether the caller knows, and what happens next."""
        if not trades:
            return
        columns = {
            "reference": "text",
            "status": "text",
            "failure_code": "text",
            "on_date": "date",
            "at": "timestamptz",
            "refunded_minor": "bigint",
            "silent": "boolean",
            "outcome_rule": "text",
        }
        values = [(t.reference, t.status, t.failure_code, t.on_date, t.at, t.refunded_minor, t.silent, t.outcome_rule) for t in trades]
        source, params = sql.unnest(columns, values)
        changes = ", ".join(f"{name} = g.{name}" for name in columns if name != "reference")
        where = "t.book_id = %s AND t.side = %s AND t.reference = g.reference"
        sql.run(f"UPDATE payments_sandbox_trade AS t SET {changes} FROM {source} AS g WHERE {where}", [*params, self._book.id, self._side])

    def balance_minor(self) -> int:
        return self._last()[1]

    def move(self, flows: Sequence[Flow], *, now: datetime) -> None:
        """Writes movements of now with the running balance. A movement of nothing is none."""
        seq, balance = self._last()
        values, on = [], self.local(now).date()
        for flow in flows:
            if flow.amount_minor:
                seq, balance = seq + 1, balance + flow.amount_minor
                head = (self._book.id, self._side, seq, flow.reference, flow.kind, flow.business_id, flow.amount_minor, balance)
                values.append((*head, self._book.currency, on, now, flow.note))
        columns = {
            "book_id": "uuid",
            "side": "text",
            "seq": "bigint",
            "reference": "text",
            "kind": "text",
            "business_id": "text",
            "amount_minor": "bigint",
            "balance_minor": "bigint",
            "currency": "text",
            "on_date": "date",
            "at": "timestamptz",
            "note": "text",
        }
        sql.insert("payments_sandbox_flow", columns, values)

    def fund_rows(self, on: date) -> tuple[Money, list[FundRow]]:
        """Opening balance and movements of a day, in order."""
        currency = self._book.currency
        opening = sql.value(
            "SELECT balance_minor FROM payments_sandbox_flow WHERE book_id = %s AND side = %s AND on_date < %s ORDER BY seq DESC LIMIT 1",
            [self._book.id, self._side, on],
        )
        found = sql.rows(
            "SELECT at, seq, reference, kind, business_id, amount_minor, note FROM payments_sandbox_flow"
            " WHERE book_id = %s AND side = %s AND on_date = %s ORDER BY seq",
            [self._book.id, self._side, on],
        )
        rows = []
        for at, seq, reference, kind, business_id, minor, note in found:
            name, word = _WORDS[self._side, kind]
            flow_id = f"{4 if self._side == 'channel' else 8}{on:%Y%m%d}{seq:016d}"
            rows.append(FundRow(self.local(at), business_id, flow_id, name, word, Money(minor, currency), "system", note, reference))
        return Money(opening or 0, currency), rows

    def local(self, at: datetime) -> datetime:
        """The local time of the other side, without its zone, as files print it."""
        return at.astimezone(self._book.tz).replace(tzinfo=None)

    def number(self, prefix: str, reference: str, now: datetime) -> str:
        """A number of 28 digits that the other side gives, the same for the same reference and day."""
        return f"{prefix}{self.local(now):%Y%m%d}{_digits(self._book.id, self._side + reference)}"

    def _last(self) -> tuple[int, int]:
        found = sql.rows(
            "SELECT seq, balance_minor FROM payments_sandbox_flow WHERE book_id = %s AND side = %s ORDER BY seq DESC LIMIT 1",
            [self._book.id, self._side],
        )
        return found[0] if found else (0, 0)


def _digits(book_id: UUID, text: str) -> str:
    return f"{int.from_bytes(blake2b(text.encode(), key=book_id.bytes, digest_size=8).digest(), 'big') % 10**16:016d}"
