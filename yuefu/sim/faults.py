"""Breaks injected into bill files, with the truth kept apart: the files stay sound in themselves, only they no longer say what happened.

One fault an order. A faulty file still has right sums and running balances, or the reader would refuse it whole.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.ids import IdSource

Source = Literal["channel_trade", "channel_fund"]
Row = dict[str, str]

AMOUNT_DIFFERS, STATUS_DIFFERS, MISSING_HERE = "amount_differs", "status_differs", "missing_here"
MISSING_THERE, DUPLICATE, OTHER_DAY = "missing_there", "duplicate", "other_day"
CLASSES: Final = (AMOUNT_DIFFERS, STATUS_DIFFERS, MISSING_HERE, MISSING_THERE, DUPLICATE, OTHER_DAY)

_KEY: Final[Mapping[Source, str]] = {"channel_trade": "商户订单号", "channel_fund": "业务凭证号"}
_TIME: Final[Mapping[Source, str]] = {"channel_trade": "交易时间", "channel_fund": "记账时间"}


@dataclass(frozen=True, slots=True)
class Fault:
    cls: str
    reference: str
    source: Source
    on: date


@dataclass(slots=True)
class Injector:
    """Spoils a share of the payments of each day. `orders_of` says which order a reference belongs to."""

    rate: float
    dice: random.Random
    orders_of: Callable[[Sequence[str]], Mapping[str, UUID]]
    injected: list[Fault] = field(default_factory=list)
    _spoilt: set[UUID] = field(default_factory=set)
    _postponed: dict[tuple[Source, date], list[Row]] = field(default_factory=lambda: defaultdict(list))
    _owed: float = 0.0
    _turn: int = 0

    def spoil(self, *, on: date, following: date, files: dict[str, bytes], allowed: bool) -> dict[str, bytes]:
        """The files of a day with this day's faults, and with the lines that the day before postponed to it."""
        spoilt = dict(files)
        planned = self._plan(files, on) if allowed and self.rate > 0 else {}
        sources: tuple[Source, ...] = ("channel_trade", "channel_fund")
        for source in sources:
            late = self._postponed.pop((source, on), [])
            mine = {reference: fault for reference, fault in planned.items() if fault.source == source}
            if late or mine:
                spoilt[source] = _Bill(source, files[source]).spoil(mine, late, self._postponed[source, following], following, self.dice)
        return spoilt

    def _plan(self, files: Mapping[str, bytes], on: date) -> dict[str, Fault]:
        """Chooses payments of orders that no fault has touched; the classes take turns, so that every class occurs."""
        references = _Bill("channel_trade", files["channel_trade"]).payments()
        orders = self.orders_of(references)
        free = [r for r in references if r in orders and orders[r] not in self._spoilt]
        self.dice.shuffle(free)
        self._owed += self.rate * len(references)
        planned: dict[str, Fault] = {}
        for reference in free:
            if self._owed < 1:
                break
            if orders[reference] in self._spoilt:
                continue
            self._owed -= 1
            cls = CLASSES[self._turn % len(CLASSES)]
            source: Source = "channel_trade" if cls == STATUS_DIFFERS or (self._turn // len(CLASSES)) % 2 == 0 else "channel_fund"
            self._turn += 1
            self._spoilt.add(orders[reference])
            named = _invented(self.dice, on) if cls == MISSING_HERE else reference
            planned[reference] = Fault(cls, named, source, on)
            self.injected.append(planned[reference])
        return planned

    def by_class(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for fault in self.injected:
            found[fault.cls].append(fault.reference)
        return {cls: sorted(references) for cls, references in sorted(found.items())}


def _invented(dice: random.Random, on: date) -> str:
    """A reference that looks like ours and is not."""
    from datetime import UTC, datetime, time

    return ids.text("collection", IdSource(dice.getrandbits).new(datetime.combine(on, time(12), tzinfo=UTC)))


class _Bill:
    """A bill as rows of named cells, written back with right totals."""

    def __init__(self, source: Source, data: bytes) -> None:
        lines = data.decode("utf-8").splitlines()
        self.source = source
        self.header = lines[0].split(",")
        self.totals_header = lines[-2]
        self.rows = [dict(zip(self.header, line[1:].split(",`"), strict=True)) for line in lines[1:-2]]

    def payments(self) -> list[str]:
        """References of successful payments, in the order of the file, each once."""
        return [row["商户订单号"] for row in self.rows if row["交易状态"] == "SUCCESS"]

    def spoil(self, faults: Mapping[str, Fault], late: Sequence[Row], postponed: list[Row], following: date, dice: random.Random) -> bytes:
        kept: list[Row] = list(late)
        for row in self.rows:
            # A refund row carries the number of the payment it belongs to; only the payment itself is spoilt.
            fault = faults.get(row[_KEY[self.source]]) if row.get("交易状态") != "REFUND" else None
            kept += [row] if fault is None else self._spoilt(row, fault, postponed, following, dice)
        kept.sort(key=lambda row: row[_TIME[self.source]])
        return self._written(kept)

    def _spoilt(self, row: Row, fault: Fault, postponed: list[Row], following: date, dice: random.Random) -> list[Row]:
        """The rows that stand for `row` once the fault has happened. A payment's fee line follows it, but only the payment is changed."""
        main = self.source == "channel_trade" or row["业务类型"] == "交易"
        if fault.cls == MISSING_THERE:
            return []
        if fault.cls == OTHER_DAY:
            postponed.append(row | {_TIME[self.source]: f"{following}{row[_TIME[self.source]][10:]}"})
            return []
        if not main:
            return [row]
        if fault.cls == AMOUNT_DIFFERS:
            return [self._other_amount(row, dice)]
        if fault.cls == STATUS_DIFFERS:
            return [row | {"交易状态": "REVOKED"}]
        if fault.cls == DUPLICATE:
            return [row, dict(row)]
        assert fault.cls == MISSING_HERE
        return [row, row | {_KEY[self.source]: fault.reference} | self._other_ids(fault.reference)]

    def _other_amount(self, row: Row, dice: random.Random) -> Row:
        more = dice.randint(1, 500)
        names = ("应结订单金额", "订单金额") if self.source == "channel_trade" else ("收支金额(元)",)
        return row | {name: _yuan(_fen(row[name]) + more) for name in names}

    def _other_ids(self, reference: str) -> Row:
        names = ("微信订单号",) if self.source == "channel_trade" else ("微信支付业务单号", "资金流水单号")
        return dict.fromkeys(names, f"4299{reference[-24:]}")

    def _written(self, rows: list[Row]) -> bytes:
        totals = self._trade_totals(rows) if self.source == "channel_trade" else self._fund_totals(rows)
        body = ["`" + ",`".join(row[name] for name in self.header) for row in rows]
        return "\r\n".join([",".join(self.header), *body, self.totals_header, "`" + ",`".join(totals), ""]).encode()

    def _trade_totals(self, rows: Sequence[Row]) -> list[str]:
        def total(name: str) -> str:
            return _yuan(sum(_fen(row[name]) for row in rows))

        fee = _yuan(sum(_fen(row["手续费"][:-3]) for row in rows)) + "000"
        return [
            str(len(rows)),
            total("应结订单金额"),
            total("退款金额"),
            total("充值券退款金额"),
            fee,
            total("订单金额"),
            total("申请退款金额"),
        ]

    def _fund_totals(self, rows: list[Row]) -> list[str]:
        """Counts and sums by direction, after running the balance anew from where the file began."""
        opening = self._opening()
        sums = {"收入": [0, 0], "支出": [0, 0]}
        for row in rows:
            amount, direction = _fen(row["收支金额(元)"]), row["收支类型"]
            opening += amount if direction == "收入" else -amount
            row["账户结余(元)"] = _yuan(opening)
            sums[direction][0] += 1
            sums[direction][1] += amount
        return [str(len(rows)), str(sums["收入"][0]), _yuan(sums["收入"][1]), str(sums["支出"][0]), _yuan(sums["支出"][1])]

    def _opening(self) -> int:
        if not self.rows:
            return 0
        first = self.rows[0]
        amount = _fen(first["收支金额(元)"])
        return _fen(first["账户结余(元)"]) - (amount if first["收支类型"] == "收入" else -amount)


def _fen(text: str) -> int:
    """Exact minor units of a decimal text with two places."""
    yuan, _, cents = text.partition(".")
    sign = -1 if yuan.startswith("-") else 1
    return sign * (abs(int(yuan)) * 100 + int((cents + "00")[:2]))


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
