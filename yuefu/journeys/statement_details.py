"""The lines of a statement for programs that keep books by it: one CSV whose columns never change their names, with debit and credit apart, and each line
named by its order, its capture and what changed it. It is made of a statement that proved itself only, and its net sums to nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, Final
from uuid import UUID

from yuefu import ids
from yuefu.journeys import statements
from yuefu.journeys.statement_files import plain
from yuefu.journeys.statements import Line, Part, Proven
from yuefu.money.amounts import Money
from yuefu.orders.queries import told as order_told
from yuefu.settlement.rules import CATEGORIES

COLUMNS: Final = (
    "settlement", "pay_on", "balance_transaction", "type", "reporting_category", "order", "merchant_reference", "capture", "modification", "earned_on",
    "currency", "gross_debit", "gross_credit", "exchange_rate", "commission", "commission_tax", "markup", "net_currency", "net_debit", "net_credit",
    "payout", "payout_reference", "contract_version",
)  # fmt: skip
"""`order` and `capture` are our references of the payment, `modification` that of what changed it: the refund. `commission` is the service fee with its
`commission_tax` in it, `markup` the discount of an interest-free plan. Every amount is in the currency of the book, so the rate is 1."""


def write(*, proven: Proven, to: IO[bytes]) -> None:
    """Writes the lines of a statement, read as whoever it is for: UTF-8, with no mark before it."""
    wrapped = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    rows = csv.DictWriter(wrapped, COLUMNS, restval="", lineterminator="\r\n")
    rows.writeheader()
    for part in proven.statement.parts:
        for row in _of_batch(part):
            rows.writerow({name: plain(cell) for name, cell in row.items()})
    wrapped.detach()


def _of_batch(part: Part) -> Iterator[dict[str, object]]:
    """The lines of a batch, then what of it is paid, was frozen of that, and is carried on, with the sign turned round."""
    batch, paid = part.batch, part.payouts[-1] if part.payouts else None
    head: dict[str, object] = {"settlement": ids.text("batch", batch.id), "pay_on": batch.pay_on}
    went: dict[str, object] = {"payout": ids.text("payout", paid.id), "payout_reference": paid.reference} if paid else {}
    for chunk in statements.lines(part):
        refunds = order_told.refunds_of_shares(share_ids=[line.item.source_id for line in chunk if line.item.kind == "refund"])
        yield from ({**head, **_line(line, refunds), **went} for line in chunk)
    withheld = batch.totals.payout - batch.pays
    ends: tuple[tuple[str, Money, dict[str, object]], ...] = (
        ("payout", batch.pays, went),
        ("withheld", withheld, {}),
        ("carried_on", batch.totals.carried, {}),
    )
    for kind, amount, more in ends:
        if amount:
            yield {**head, "type": kind, "reporting_category": kind, "earned_on": batch.pay_on, **_net(-amount), **(more or {})}


def _line(line: Line, refunds: dict[UUID, UUID]) -> dict[str, object]:
    item = line.item
    kind = item.event or item.kind
    return {
        "balance_transaction": ids.text("balance_transaction", item.id),
        "type": kind,
        "reporting_category": CATEGORIES[kind],
        "order": line.order,
        "merchant_reference": line.reference,
        "capture": ids.text("capture", item.capture_id) if item.capture_id else "",
        "modification": ids.text("refund", refunds[item.source_id]) if item.source_id in refunds else "",
        "earned_on": item.earned_on,
        "currency": item.gross.currency,
        **_sides("gross", item.gross),
        "exchange_rate": "1",
        "commission": item.fee,
        "commission_tax": item.vat,
        "markup": item.discount,
        "contract_version": item.contract_version or "",
        **_net(item.net),
    }


def _net(amount: Money) -> dict[str, object]:
    return {"net_currency": amount.currency, **_sides("net", amount)}


def _sides(name: str, amount: Money) -> dict[str, object]:
    """What is taken from the merchant is its debit, what is given its credit."""
    return {f"{name}_debit": -amount} if amount.minor < 0 else {f"{name}_credit": amount}
