"""Statements of merchants: what a batch is made of, line by line, and the batches of a month; as values, and as a file in either language."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from yuefu import ids
from yuefu.ledger.rules.gl import decimal_text
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.payments.rules import Payout
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import Batch
from yuefu.settlement.rules import Item, Totals

Language = Literal["zh", "en"]

FIGURES: Final = tuple(one.name for one in fields(Totals))
COLUMNS: Final[Mapping[Language, tuple[str, ...]]] = {
    "zh": ("付款日", "批次", "日期", "类型", "订单", "商户订单号", "总额", "服务费", "贴息", "净额", "币种", "合同版本"),
    "en": ("pay_on", "batch", "date", "kind", "order", "reference", "gross", "fee", "discount", "net", "currency", "contract"),
}
KINDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "zh": {
        "capture": "请款",
        "refund": "退款",
        "carried": "上期结转",
        "reserved": "暂扣准备金",
        "released": "释放准备金",
        "frozen": "冻结",
        "thawed": "解冻",
        "withheld": "付款前冻结",
        "payout": "付款",
        "next": "结转下期",
    },
    "en": {
        name: name for name in ("capture", "refund", "carried", "reserved", "released", "frozen", "thawed", "withheld", "payout", "next")
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    """An item of a batch, with the reference that the merchant gave its order."""

    item: Item
    reference: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A batch with its lines by age, and its payouts, the oldest first. `adds_up` is computed from the lines."""

    batch: Batch
    merchant: Shown
    lines: tuple[Line, ...]
    payouts: tuple[Payout, ...]
    adds_up: bool


@dataclass(frozen=True, slots=True)
class Month:
    """The statements of the pay days of a month, and their figures together; `net`, `payout` and `carried` are sums of those of the batches."""

    merchant: Shown
    first: date
    statements: tuple[Statement, ...]
    totals: Totals

    @property
    def adds_up(self) -> bool:
        return all(one.adds_up for one in self.statements)


def of_batch(*, batch_id: UUID) -> Statement | None:
    """The statement of a batch that this scope sees, else None."""
    found = of_batches([batch_id])
    return found[0] if found else None


def of_batches(batch_ids: Sequence[UUID]) -> list[Statement]:
    """Statements in the order of pay days."""
    found = settlement.statements(batch_ids=batch_ids)
    order_ids = sorted({item.order_id for one in found for item in one.items if item.order_id})
    named = {order_id: order.merchant_reference for order_id, order in orders.orders(order_ids).items()}
    who = merchants.shown(ids=sorted({one.batch.merchant_id for one in found}))
    paid = payments.payouts_of_batches(batch_ids=[one.batch.id for one in found])
    return [
        Statement(
            one.batch,
            who[one.batch.merchant_id],
            tuple([Line(item, named.get(item.order_id, "") if item.order_id else "") for item in one.items]),
            tuple(paid.get(one.batch.id, ())),
            one.adds_up,
        )
        for one in found
    ]


def of_month(*, merchant_id: UUID, month: date, currency: str) -> Month | None:
    """The statements of a merchant of whose batches the pay day is in the month of a day; None where this scope sees no such merchant."""
    who = merchants.shown(ids=[merchant_id]).get(merchant_id)
    if who is None:
        return None
    first = month.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    found = of_batches(settlement.batches_between(merchant_id=merchant_id, since=first, until=last))
    sums = [sum(getattr(one.batch.totals, name).minor for one in found) for name in FIGURES]
    return Month(who, first, tuple(found), Totals(*(Money(minor, currency) for minor in sums)))


def as_csv(statements: Sequence[Statement], language: Language) -> str:
    """A header; of each batch its lines, then what of it is paid and what is carried on, with the sign turned round: its net is nothing in sum."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS[language])
    for one in statements:
        rows.writerows(_rows(one, KINDS[language]))
    return written.getvalue()


def _rows(one: Statement, kinds: Mapping[str, str]) -> list[tuple[str, ...]]:
    batch, head = one.batch, (one.batch.pay_on.isoformat(), ids.text("batch", one.batch.id))
    rows = [(*head, *_row(line, kinds)) for line in one.lines]
    for kind, amount in (("payout", batch.pays), ("withheld", batch.totals.payout - batch.pays), ("next", batch.totals.carried)):
        if amount:
            reference = one.payouts[-1].reference if kind == "payout" and one.payouts else ""
            rows.append((*head, batch.pay_on.isoformat(), kinds[kind], "", reference, "", "", "", _decimal(-amount), amount.currency, ""))
    return rows


def _row(line: Line, kinds: Mapping[str, str]) -> tuple[str, ...]:
    item = line.item
    return (
        item.earned_on.isoformat(),
        kinds[item.kind],
        ids.text("order", item.order_id) if item.order_id else "",
        _plain(line.reference),
        *(_decimal(amount) for amount in (item.gross, item.fee, item.discount, item.net)),
        item.net.currency,
        str(item.contract_version or ""),
    )


def _decimal(amount: Money) -> str:
    return decimal_text(amount.minor, amount.currency)


def _plain(text: str) -> str:
    """A text that no program for tables takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
