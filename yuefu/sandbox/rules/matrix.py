"""The matrix of amounts and terms: which combinations there are, what must hold of the answers to each, and what certifies that it did. Pure.

A combination is carried out as a merchant's program does it: quote, order, capture, a refund of a part and one of the rest. Every figure is
compared with another that was answered to another request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

from yuefu.errors import Refused

UNKNOWN_RUN: Final = "unknown_matrix_run"
NOTHING_TO_RUN: Final = "nothing_to_run"  # the contract has no product with terms, or no amount lies within them
MATRIX_TOO_LARGE: Final = "matrix_too_large"
MATRIX_UNFINISHED: Final = "matrix_unfinished"
MATRIX_FAILED: Final = "matrix_failed"  # there is no certificate; the first combination that failed is named

MOST_CELLS: Final = 5_000
CELLS_A_CONSUMER: Final = 20
"""How often velocity lets one consumer order in an hour, with room to spare."""
USUAL_AMOUNTS: Final = (100_00, 199_00, 333_33, 999_99, 1_999_00, 5_000_01)


@dataclass(frozen=True, slots=True)
class Offered:
    """A product of a contract: with which terms, from which to which amount."""

    product: str
    periods: tuple[int, ...]
    minimum_minor: int
    maximum_minor: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A combination, the `no`-th of a run."""

    no: int
    product: str
    periods: int
    amount_minor: int
    currency: str

    @property
    def name(self) -> str:
        return f"{self.product}, {self.periods} periods, {self.amount_minor} {self.currency}"

    @property
    def part_minor(self) -> int:
        """What is refunded first."""
        return max(self.amount_minor // 3, 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a combination. `figures` are those that were answered; `fault` is "" where all of them hold."""

    fault: str = ""
    order: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is kept. `through` is the address of the merchant's own integration; "" where the API was asked directly."""

    id: UUID
    book_id: UUID
    merchant_id: UUID
    through: str
    state: Literal["running", "passed", "failed"]
    cells: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Done:
    """A combination with its outcome, None while it waits."""

    cell: Cell
    outcome: Outcome | None


def cells(offered: Sequence[Offered], *, currency: str, amounts: Sequence[int] = ()) -> list[Cell]:
    """Every combination of products, terms and amounts. Without amounts: the smallest and the largest, the smallest and one cent, and some usual ones, of
    which all lie within what the product is for.
    """
    found: list[Cell] = []
    for one in sorted(offered, key=lambda o: o.product):
        wanted = amounts or (one.minimum_minor, one.minimum_minor + 1, *USUAL_AMOUNTS, one.maximum_minor)
        within = sorted({minor for minor in wanted if one.minimum_minor <= minor <= one.maximum_minor})
        for periods in sorted(one.periods):
            found += [Cell(len(found) + n, one.product, periods, minor, currency) for n, minor in enumerate(within, start=1)]
    return found


Answer = Mapping[str, Any]


def quote_faults(cell: Cell, quote: Answer) -> Iterator[str]:
    """What a price says that does not add up."""
    rows = quote["instalments"]
    yield from _differ("quote", "amount", quote["amount"], cell.amount_minor)
    yield from _differ("quote", "number of instalments", len(rows), cell.periods)
    yield from _rows_fault("quote", cell, rows)
    yield from _differ("quote", "total of the instalments", sum(row["total"] for row in rows), quote["total_payable"])
    yield from _differ("quote", "interest of the instalments", sum(row["interest"] for row in rows), quote["total_interest"])
    yield from _differ("quote", "amount and interest", cell.amount_minor + quote["total_interest"], quote["total_payable"])


def loan_faults(cell: Cell, loan: Answer, quote: Answer | None) -> Iterator[str]:
    """What a loan is other than what was shown."""
    rows = loan["instalments"]
    yield from _differ("loan", "amount", loan["amount"], cell.amount_minor)
    yield from _differ("loan", "number of instalments", len(rows), cell.periods)
    yield from _rows_fault("loan", cell, rows)
    if quote is not None:
        shown = [(row["due_on"], row["principal"], row["interest"], row["total"]) for row in quote["instalments"]]
        lent = [(row["due_on"], row["principal"], row["interest"], row["total"]) for row in rows]
        yield from _differ("loan", "schedule", lent, shown)


def _rows_fault(where: str, cell: Cell, rows: Sequence[Answer]) -> Iterator[str]:
    yield from _differ(where, "principal of the instalments", sum(row["principal"] for row in rows), cell.amount_minor)
    days = [row["due_on"] for row in rows]
    yield from _differ(where, "order of the due days", days, sorted(set(days)))
    yield from _differ(where, "numbers", [row["no"] for row in rows], list(range(1, len(rows) + 1)))
    wrong = [row["no"] for row in rows if row["principal"] + row["interest"] + row.get("fees", 0) != row["total"] or row["principal"] < 0]
    yield from _differ(where, "instalments that do not add up", wrong, [])


def order_faults(cell: Cell, order: Answer, *, consumer: str, state: str, captured: int, refunded: int) -> Iterator[str]:
    """What an order is other than it should be. Its `consumer` is one of the run, so no order of another run stands for it."""
    for name, expected in (
        ("consumer", consumer),
        ("product", cell.product), ("periods", cell.periods), ("amount", cell.amount_minor), ("currency", cell.currency), ("state", state),
        ("amount_captured", captured), ("amount_refunded", refunded),
    ):  # fmt: skip
        yield from _differ(f"order {state}", name, order[name], expected)


def books_faults(cell: Cell, transactions: Sequence[Answer], *, refunded: int) -> Iterator[str]:
    """What the merchant's books say of an order that was captured, and of which so much was refunded."""
    came = sum(one["amount"] for one in transactions if one["amount"] > 0)
    went = -sum(one["amount"] for one in transactions if one["amount"] < 0)
    yield from _differ("balance transactions", "gross", came, cell.amount_minor)
    yield from _differ("balance transactions", "refunds", went, refunded)
    wrong = [one["id"] for one in transactions if one["amount"] - one["fee"] != one["net"]]
    yield from _differ("balance transactions", "nets that are not gross less fee", wrong, [])


def _differ(where: str, name: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{where}: {name} is {found!s:.200}, not {expected!s:.200}"


def digest(run: Run, done: Sequence[Done]) -> str:
    """The SHA-256 of all that was found, combination by combination."""
    lines = [
        [d.cell.no, d.cell.product, d.cell.periods, d.cell.amount_minor, d.cell.currency, d.outcome.order, dict(d.outcome.figures)]
        for d in done
        if d.outcome
    ]
    said = json.dumps([str(run.id), run.through, lines], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(said.encode()).hexdigest()


def certificate_fault(run: Run, done: Sequence[Done]) -> Refused | None:
    """Why a run has no certificate."""
    failed = next((d for d in done if d.outcome and d.outcome.fault), None)
    if failed and failed.outcome:
        return Refused(MATRIX_FAILED, f"no. {failed.cell.no} ({failed.cell.name}) failed: {failed.outcome.fault}")
    waiting = next((d for d in done if d.outcome is None), None)
    if waiting or run.state != "passed" or len(done) != run.cells:
        return Refused(MATRIX_UNFINISHED, f"no. {waiting.cell.no} ({waiting.cell.name}) waits" if waiting else "the run has not ended")
    return None


TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("接入验收证书", "Certificate of integration"),
    "body": (
        "下列商户的接入在沙箱中完成了全部金额与期数组合：报价、下单、请款、部分退款与全额退款，每一项结果均逐分核对一致。",
        "The integration of this merchant carried out every combination of amount and term in the sandbox: quote, order, capture, refund of a part and of"
        " the rest. Every figure agreed to the cent.",
    ),
    "number": ("编号", "Number"),
    "merchant": ("商户", "Merchant"),
    "through": ("方式", "Through"),
    "direct": ("直接调用 API", "the API directly"),
    "finished": ("完成时间", "Finished"),
    "product": ("产品", "Product"),
    "terms": ("期数", "Terms"),
    "amounts": ("金额", "Amounts"),
    "count": ("组合数", "Combinations"),
    "passed": ("通过", "passed"),
    "code": ("结果摘要", "Digest of results"),
    "note": ("仅证明沙箱测试结果，不构成上线许可。", "It tells what was found in the sandbox, and is no leave to go live."),
}
"""What a certificate says: Chinese, English."""
