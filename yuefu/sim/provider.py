"""A provider that is asked about breaks: it brings the line that was missing, or another that takes back what it had said too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from yuefu.journeys import reconciliation
from yuefu.journeys.desk import Desk
from yuefu.money.amounts import Money
from yuefu.reconciliation.queries import Break
from yuefu.sim.faults import MISSING_THERE, Bill, Row, Source

_IN, _OUT = "收入", "支出"


def answers(*, desk: Desk, asked: Sequence[tuple[Break, Money]], on: date) -> list[Row]:
    """A line of `on` for each of some breaks of one source, with what is left of each: bill − books."""
    files = {b.opened_on: reconciliation.fetch(desk=desk, on=b.opened_on) for b, _ in asked}
    return [_answer(b, left, Bill(_source(b), files[b.opened_on][b.source]).rows, on) for b, left in asked]


def _answer(about: Break, left: Money, rows: Sequence[Row], on: date) -> Row:
    """What was missing comes late; of what was said too much, or for another amount, the difference is taken back under a number of its own."""
    mine = next((row for row in rows if row["业务凭证号"] == about.reference), None)
    if about.cls == MISSING_THERE and mine is not None:
        return mine | {"记账时间": f"{on} 08:00:00"}
    like = mine or rows[0]
    number = f"back{about.id.hex[:24]}"
    size = Money(abs(left.minor), left.currency).decimal_text()
    way = _OUT if left.minor > 0 else _IN
    named = {"业务凭证号": number, "微信支付业务单号": number, "资金流水单号": number}
    return like | named | {"记账时间": f"{on} 08:00:00", "收支类型": way, "收支金额(元)": size}


def brought(*, files: Mapping[str, bytes], source: Source, rows: Sequence[Row], before: Money) -> dict[str, bytes]:
    """The files of a day with lines that a provider brings; `before` is what lay in the account."""
    bill = Bill(source, files[source], before.minor)
    return {**files, source: bill.written([*bill.rows, *map(dict, rows)])}


def _source(about: Break) -> Source:
    sources: tuple[Source, ...] = ("channel_fund", "bank", "bank_client")
    return next(source for source in sources if source == about.source)
