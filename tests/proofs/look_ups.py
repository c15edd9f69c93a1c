"""Which look-ups of the verbs read many rows, in a book with many shoppers that nobody has analysed: `main` prints them as JSON.

For a database of its own: in one with a thousand little books any index that begins with the book is as good as the right one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg

MANY, FEW = 1_500, 5
NEARLY_NONE = 20
"""Rows that one look-up may read and throw away: more than anybody's own, far fewer than those of a book."""


def main(keys_file: str) -> None:
    import django

    django.setup()

    from yuefu.journeys import checkout, refund, repayment
    from yuefu.journeys.repayment import RepayRequest
    from yuefu.money.amounts import Money
    from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
    from yuefu.proofs import bench_world
    from yuefu.proofs.bench_world import DAY, NOON, Till
    from yuefu.runtime import vault
    from yuefu.sim import world

    made = world.found(first_day=DAY, seed=1, vault=vault.create(Path(keys_file)), months=2, people=False)
    busy = replace(made, desk=world.at(made.desk, NOON))
    desk = busy.desk
    people = bench_world.shoppers(busy, MANY)
    till = Till((desk.book, desk.vault, 1))
    bought = bench_world.purchases(busy, people, busy.shops, MANY, "before")
    till.take(bought)
    till.authorise()
    placed = [
        (purchase.merchant_id, outcome.order_id) for purchase, outcome in zip(bought, till.outcomes(), strict=True) if outcome.approved
    ]
    first = [CaptureRequest(f"c{n}", *order) for n, order in enumerate(placed[: MANY // 2])]
    captured = checkout.capture(desk=desk, now=NOON, requests=first)
    more = bench_world.purchases(busy, people[:FEW], busy.shops, FEW, "now")
    to_capture = [CaptureRequest(f"k{n}", *order) for n, order in enumerate(placed[-FEW:])]
    to_void = [VoidRequest(f"k{n}", *order) for n, order in enumerate(placed[-2 * FEW : -FEW])]
    to_refund = [RefundRequest(f"k{n}", *order) for n, order in enumerate(placed[:FEW])]
    to_repay = [RepayRequest(f"k{n}", one.loan_id, Money(1_00, "CNY"), "card:1:ok") for n, one in enumerate(captured[-FEW:])]  # type: ignore[union-attr]
    acts: dict[str, Callable[[], Sequence[object]]] = {
        "authorise": lambda: checkout.authorise(desk=desk, now=NOON, purchases=more),
        "capture": lambda: checkout.capture(desk=desk, now=NOON, requests=to_capture),
        "void": lambda: checkout.void(desk=desk, now=NOON, requests=to_void),
        "refund": lambda: refund.refund(desk=desk, now=NOON, requests=to_refund),
        "repay": lambda: repayment.repay(desk=desk, now=NOON, requests=to_repay),
    }
    print(json.dumps([(verb, *found) for verb, act in acts.items() for found in _wide(_heard(act))]))


def _heard(act: Callable[[], Sequence[object]]) -> list[tuple[str, Any]]:
    """What an act asks of the tables of its packages."""
    asked: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def listening(self: psycopg.Cursor[Any], query: Any, params: Any = None, **how: Any) -> Any:
        asked.append((str(query), params))
        return execute(self, query, params, **how)

    with mock.patch.object(psycopg.Cursor, "execute", listening):
        outcomes = act()
    assert {type(outcome).__name__ for outcome in outcomes} <= {"Authorised", "Captured", "Released", "Refunded", "Repaid"}, outcomes
    read = [(query, params) for query, params in asked if query.startswith("SELECT") and " FROM " in query and " runtime_" not in query]
    assert len(read) > 3, "these are the look-ups"
    return read


def _wide(read: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Those that read many rows, with what read them."""
    from yuefu.runtime import sql

    found = []
    for query, params in read:
        with sql.transacting(by_keys=True):
            ((told,),) = sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
        found += [
            (
                " ".join(query.split()),
                f"{node['Node Type']} {node.get('Index Name')}: {node['Actual Rows']} rows {node['Actual Loops']} times",
            )
            for node in _nodes(told[0]["Plan"])
            if node.get("Rows Removed by Filter", 0) > NEARLY_NONE or node["Actual Rows"] * node["Actual Loops"] > NEARLY_NONE * FEW
        ]
    return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
