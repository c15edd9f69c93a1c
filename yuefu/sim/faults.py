"""Breaks injected into bill files, with the truth kept apart: the files stay sound in themselves, only they no longer say what happened.

One fault an order in the bills of the channel, one a reference in the statements of the bank. A faulty file still has right sums and running
balances, or the reader would refuse it whole; what it refuses is in `sim.files`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.ids import IdSource
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import BillLine

Source = Literal["channel_trade", "channel_fund", "bank", "bank_client"]
Row = dict[str, str]

AMOUNT_DIFFERS, STATUS_DIFFERS, MISSING_HERE = "amount_differs", "status_differs", "missing_here"
MISSING_THERE, DUPLICATE, OTHER_DAY = "missing_there", "duplicate", "other_day"
CLASSES: Final = (AMOUNT_DIFFERS, STATUS_DIFFERS, MISSING_HERE, MISSING_THERE, DUPLICATE, OTHER_DAY)
FEE_DIFFERS, REFUND_STUCK = "fee_differs", "refund_stuck"
"""Besides: the fee of a payment is another in the fund flow, and a refund that we booked is still under way in the trade bill."""
UNHEARD: Final = "unheard"
"""And what is wrong is with us: a channel said that a payment failed, which its bills have as paid. No file is spoilt for it."""
FOUND_AS: Final = {**{cls: cls for cls in CLASSES}, FEE_DIFFERS: AMOUNT_DIFFERS, REFUND_STUCK: STATUS_DIFFERS, UNHEARD: MISSING_HERE}

_MONEY: Final = tuple(cls for cls in CLASSES if cls != STATUS_DIFFERS)
_CHANNEL: Final[tuple[tuple[str, Source], ...]] = (
    *((cls, "channel_trade") for cls in CLASSES),
    *((cls, "channel_trade" if cls == STATUS_DIFFERS else "channel_fund") for cls in CLASSES),
    (FEE_DIFFERS, "channel_fund"),
    (REFUND_STUCK, "channel_trade"),
)
_BANKS: Final[tuple[tuple[str, Source], ...]] = tuple((cls, bank) for cls in _MONEY for bank in ("bank", "bank_client"))

_KEY: Final[Mapping[Source, str]] = {
    "channel_trade": "商户订单号",
    "channel_fund": "业务凭证号",
    "bank": "业务凭证号",
    "bank_client": "业务凭证号",
}
_TIME: Final[Mapping[Source, str]] = {
    "channel_trade": "交易时间",
    "channel_fund": "记账时间",
    "bank": "记账时间",
    "bank_client": "记账时间",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`cls` is what was done. `more` is by how many minor units an amount was raised."""

    cls: str
    reference: str
    source: Source
    on: date
    more: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """A break that a fault should be found as: its halves in minor units, as the bill and our books have them."""

    fault: str
    source: str
    cls: str
    kind: str
    reference: str
    line_minor: int | None
    movement_minor: int | None


@dataclass(slots=True)
class Injector:
    """Spoils a share of the payments of each day, and with `banks` of the lines of the bank's statements. `orders_of` says which order a reference
    belongs to.
    """

    rate: float
    dice: random.Random
    orders_of: Callable[[Sequence[str]], Mapping[str, UUID]]
    banks: bool = False
    injected: list[Fault] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    unchained: list[tuple[Source, date]] = field(default_factory=list)
    """Files whose balances do not go on where those before them ended: lines are missing in one of the two, or are other than they were."""
    _spoilt: set[UUID | str] = field(default_factory=set)
    _postponed: dict[tuple[Source, date], list[Row]] = field(default_factory=lambda: defaultdict(list))
    _closing: dict[Source, int] = field(default_factory=dict)
    _printed: dict[Source, int] = field(default_factory=dict)
    _owed: float = 0.0
    turns: list[tuple[str, Source]] = field(default_factory=list)
    """What is injected next, in this order, as far as there is something for it; what was has its next turn last."""

    def __post_init__(self) -> None:
        self.turns = self.turns or [*_CHANNEL, *(_BANKS if self.banks else ())]

    def spoil(self, *, on: date, following: date, files: dict[str, bytes], allowed: bool, unheard: Sequence[str] = ()) -> dict[str, bytes]:
        """The files of a day with this day's faults, and with the lines that the day before postponed to it. `unheard` are payments of which their channel
        told us otherwise: they are faults as they are, and nothing else is done to their orders.
        """
        spoilt = dict(files)
        self._keep(files, on, unheard)
        planned = self._plan(files, on) if allowed and self.rate > 0 else {}
        sources: tuple[Source, ...] = ("channel_trade", "channel_fund", "bank", "bank_client")
        for source in sources:
            late = self._postponed.pop((source, on), [])
            mine = {reference: fault for (of, reference), fault in planned.items() if of == source}
            bill = Bill(source, files[source], self._closing.get(source, 0)) if source in files else None
            if bill is not None and (late or mine):
                spoilt[source] = bill.spoil(mine, late, self._postponed[source, following], following, self.dice)
            if bill is not None and source != "channel_trade":
                self._closing[source] = bill.closing()
                self._follow(source, on, Bill(source, spoilt[source]))
        return spoilt

    def _follow(self, source: Source, on: date, sent: Bill) -> None:
        """Notes a file that does not begin with the balance that the last one with lines ended with."""
        if sent.rows:
            if self._printed.get(source, sent.opening()) != sent.opening():
                self.unchained.append((source, on))
            self._printed[source] = sent.closing()

    def _keep(self, files: Mapping[str, bytes], on: date, unheard: Sequence[str]) -> None:
        if not unheard:
            return
        self._spoilt |= set(self.orders_of(unheard).values())
        sources: tuple[Source, ...] = ("channel_trade", "channel_fund")
        for source in sources:
            lines = read_bill(files[source]).lines
            for reference in unheard:
                fault = Fault(UNHEARD, reference, source, on)
                self.injected.append(fault)
                self.expected += _expected(fault, [line for line in lines if line.reference == reference])

    def _plan(self, files: Mapping[str, bytes], on: date) -> dict[tuple[Source, str], Fault]:
        """Chooses lines that no fault has touched, each with its order."""
        pools = _Pools(files, self.orders_of, self.dice, banks=self.banks)
        self._owed += self.rate * pools.size
        planned: dict[tuple[Source, str], Fault] = {}
        while self._owed >= 1:
            chosen = next(((turn, reference) for turn in self.turns for reference in self._free(pools, *turn)), None)
            if chosen is None:
                break
            (cls, source), reference = chosen
            self.turns.remove((cls, source))
            self.turns.append((cls, source))
            self._owed -= 1
            self._spoilt |= pools.touched(source, reference)
            named = _invented(self.dice, on) if cls == MISSING_HERE else reference
            fault = Fault(cls, named, source, on, self.dice.randint(1, 500))
            planned[source, reference] = fault
            self.injected.append(fault)
            self.expected += _expected(fault, pools.lines(source, reference))
        return planned

    def _free(self, pools: _Pools, cls: str, source: Source) -> Iterator[str]:
        """References that a fault may touch, none of them touched before."""
        return (reference for reference in pools.of(cls, source) if not self._spoilt & pools.touched(source, reference))

    def by_class(self) -> dict[str, list[str]]:
        """References by the class that each is found as."""
        found: dict[str, set[str]] = defaultdict(set)
        for fault in self.injected:
            found[FOUND_AS[fault.cls]].add(fault.reference)
        return {cls: sorted(references) for cls, references in sorted(found.items())}


class _Pools:
    """What of a day's files may be spoilt: payments and refunds of the channel by order, lines of the bank by reference."""

    def __init__(
        self, files: Mapping[str, bytes], orders_of: Callable[[Sequence[str]], Mapping[str, UUID]], dice: random.Random, *, banks: bool
    ) -> None:
        self._lines: dict[tuple[Source, str], list[BillLine]] = defaultdict(list)
        sources: tuple[Source, ...] = ("channel_trade", "channel_fund", *(("bank", "bank_client") if banks else ()))
        for source in sources:
            for line in read_bill(files[source]).lines if source in files else ():
                self._lines[source, line.reference].append(line)
        trade = [(line.kind, line.reference) for (source, _), lines in self._lines.items() if source == "channel_trade" for line in lines]
        self._payments, self._refunds = ([ref for kind, ref in trade if kind == wanted] for wanted in ("payment", "refund"))
        self._orders = orders_of([*self._payments, *self._refunds])
        self._of_bank = {bank: [ref for source, ref in self._lines if source == bank and ref] for bank in ("bank", "bank_client")}
        self.size = len(self._payments) + sum(len(refs) for refs in self._of_bank.values())
        for pool in (self._payments, self._refunds, *self._of_bank.values()):
            dice.shuffle(pool)

    def of(self, cls: str, source: Source) -> Sequence[str]:
        if source in self._of_bank:
            return self._of_bank[source]
        if cls == REFUND_STUCK:
            return [ref for ref in self._refunds if ref in self._orders]
        return [ref for ref in self._payments if ref in self._orders and (cls != FEE_DIFFERS or self._fee(ref))]

    def touched(self, source: Source, reference: str) -> set[UUID | str]:
        return {reference} if source in self._of_bank else {self._orders[reference]}

    def lines(self, source: Source, reference: str) -> Sequence[BillLine]:
        return self._lines[source, reference]

    def _fee(self, reference: str) -> bool:
        return any(line.kind == "fee" for line in self._lines["channel_fund", reference])


def _expected(fault: Fault, lines: Sequence[BillLine]) -> Iterator[Expected]:
    """What a fault should be found as: one break, or one a line where the payment and its fee are gone or late."""
    main = next(line for line in lines if (line.kind == "fee") == (fault.cls == FEE_DIFFERS))
    minor, cls = main.amount.minor, FOUND_AS[fault.cls]
    raised = minor + (fault.more if minor > 0 else -fault.more)
    if fault.cls == UNHEARD:
        for line in lines:
            yield Expected(fault.cls, fault.source, cls, line.kind, fault.reference, line.amount.minor, None)
        return
    if fault.cls in (MISSING_THERE, OTHER_DAY):
        for line in lines:
            there = None if fault.cls == MISSING_THERE else line.amount.minor
            yield Expected(fault.cls, fault.source, cls, line.kind, fault.reference, there, line.amount.minor)
        return
    there, here = {
        MISSING_HERE: (minor, None),
        DUPLICATE: (minor, None),
        STATUS_DIFFERS: (minor, minor),
        REFUND_STUCK: (minor, minor),
    }.get(fault.cls, (raised, minor))
    yield Expected(fault.cls, fault.source, cls, main.kind, fault.reference, there, here)


def _invented(dice: random.Random, on: date) -> str:
    """A reference that looks like ours and is not."""
    from datetime import UTC, datetime, time

    return ids.text("collection", IdSource(dice.getrandbits).new(datetime.combine(on, time(12), tzinfo=UTC)))


_FEE: Final = "扣除交易手续费"


class Bill:
    """A bill as rows of named cells, written back with right totals. `before` is what lay in the account, where the file has no line that says it."""

    def __init__(self, source: Source, data: bytes, before: int = 0) -> None:
        lines = data.decode("utf-8").splitlines()
        self.source = source
        self.header = lines[0].split(",")
        self.totals_header = lines[-2]
        self.before = before
        self.rows = [dict(zip(self.header, line[1:].split(",`"), strict=True)) for line in lines[1:-2]]

    def payments(self) -> list[str]:
        """References of successful payments, in the order of the file, each once."""
        return [row["商户订单号"] for row in self.rows if row["交易状态"] == "SUCCESS"]

    def spoil(self, faults: Mapping[str, Fault], late: Sequence[Row], postponed: list[Row], following: date, dice: random.Random) -> bytes:
        kept: list[Row] = list(late)
        for row in self.rows:
            # A refund row carries the number of the payment it belongs to, besides its own.
            fault = faults.get(row["商户退款单号"] if row.get("交易状态") == "REFUND" else row[_KEY[self.source]])
            kept += [row] if fault is None else self._spoilt(row, fault, postponed, following, dice)
        return self.written(kept)

    def _spoilt(self, row: Row, fault: Fault, postponed: list[Row], following: date, dice: random.Random) -> list[Row]:
        """The rows that stand for `row` once the fault has happened. A payment's fee line follows it, but only the payment is changed."""
        kind = row.get("业务类型", "")
        if fault.cls == MISSING_THERE:
            return []
        if fault.cls == OTHER_DAY:
            postponed.append(row | {_TIME[self.source]: f"{following}{row[_TIME[self.source]][10:]}"})
            return []
        if (kind == _FEE) != (fault.cls == FEE_DIFFERS):
            return [row]
        if fault.cls in (AMOUNT_DIFFERS, FEE_DIFFERS):
            return [self._other_amount(row, fault.more or dice.randint(1, 500))]
        if fault.cls == STATUS_DIFFERS:
            return [row | {"交易状态": "REVOKED"}]
        if fault.cls == REFUND_STUCK:
            return [row | {"退款状态": "PROCESSING"}]
        if fault.cls == DUPLICATE:
            return [row, dict(row)]
        assert fault.cls == MISSING_HERE
        return [row, row | {_KEY[self.source]: fault.reference} | self._other_ids(fault.reference)]

    def _other_amount(self, row: Row, more: int) -> Row:
        names = ("应结订单金额", "订单金额") if self.source == "channel_trade" else ("收支金额(元)",)
        return row | {name: raised(row[name], more) for name in names}

    def _other_ids(self, reference: str) -> Row:
        names = ("微信订单号",) if self.source == "channel_trade" else ("微信支付业务单号", "资金流水单号")
        return dict.fromkeys(names, f"4299{reference[-24:]}")

    def written(self, rows: list[Row]) -> bytes:
        """The file with these rows, in the order of their moments."""
        rows.sort(key=lambda row: row[_TIME[self.source]])
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
        opening = self.opening()
        sums = {"收入": [0, 0], "支出": [0, 0]}
        for row in rows:
            amount, direction = _fen(row["收支金额(元)"]), row["收支类型"]
            opening += amount if direction == "收入" else -amount
            row["账户结余(元)"] = _yuan(opening)
            sums[direction][0] += 1
            sums[direction][1] += amount
        return [str(len(rows)), str(sums["收入"][0]), _yuan(sums["收入"][1]), str(sums["支出"][0]), _yuan(sums["支出"][1])]

    def opening(self) -> int:
        """What the file says lay in the account before it."""
        if not self.rows:
            return self.before
        first = self.rows[0]
        amount = _fen(first["收支金额(元)"])
        return _fen(first["账户结余(元)"]) - (amount if first["收支类型"] == "收入" else -amount)

    def closing(self) -> int:
        """What the file says lies in the account after it, as it came."""
        return _fen(self.rows[-1]["账户结余(元)"]) if self.rows else self.before


def raised(text: str, more: int) -> str:
    """An amount as a file has it, raised by so many minor units."""
    return _yuan(_fen(text) + more)


def _fen(text: str) -> int:
    """Exact minor units of a decimal text with two places."""
    yuan, _, cents = text.partition(".")
    sign = -1 if yuan.startswith("-") else 1
    return sign * (abs(int(yuan)) * 100 + int((cents + "00")[:2]))


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
