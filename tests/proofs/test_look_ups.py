"""The hot path goes into indexes by whole keys, also in a book that nobody has analysed: how long a batch takes does not depend on the book."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from yuefu.journeys import checkout, refund, repayment
from yuefu.journeys.repayment import RepayRequest
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.proofs import bench_world
from yuefu.proofs.bench_world import DAY, NOON, Till
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault
from yuefu.sim import world
from yuefu.sim.world import World

MANY, FEW = 1_500, 5
NEARLY_NONE = 20
"""Rows that one look-up may read and throw away: more than anybody's own, far fewer than those of a book."""


@pytest.fixture
def busy(vault: Vault) -> World:
    """A book with many shoppers, each with an order of today."""
    made = world.found(first_day=DAY, seed=secrets.randbits(60), vault=vault, months=2, code=f"look-{secrets.token_hex(6)}", people=False)
    return replace(made, desk=world.at(made.desk, NOON))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def test_no_look_up_reads_the_book(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = busy.desk
    people = bench_world.shoppers(busy, MANY)
    till = Till((desk.book, desk.vault, 1))
    bought = bench_world.purchases(busy, people, busy.shops, MANY, "before")
    till.take(bought)
    till.authorise()
    placed = [
        (purchase.merchant_id, outcome.order_id) for purchase, outcome in zip(bought, till.outcomes(), strict=True) if outcome.approved
    ]
    _, *captured = checkout.capture(
        desk=desk, now=NOON, requests=[CaptureRequest(f"c{n}", *order) for n, order in enumerate(placed[: MANY // 2])]
    )
    more = bench_world.purchases(busy, people[:FEW], busy.shops, FEW, "now")
    acts: dict[str, Callable[[], object]] = {
        "authorise": lambda: checkout.authorise(desk=desk, now=NOON, purchases=more),
        "capture": lambda: checkout.capture(desk=desk, now=NOON, requests=[CaptureRequest("k", *order) for order in placed[-FEW:]]),
        "void": lambda: checkout.void(desk=desk, now=NOON, requests=[VoidRequest("k", *order) for order in placed[-2 * FEW : -FEW]]),
        "refund": lambda: refund.refund(desk=desk, now=NOON, requests=[RefundRequest("k", *order) for order in placed[:FEW]]),
        "repay": lambda: repayment.repay(
            desk=desk, now=NOON, requests=[RepayRequest("k", one.loan_id, None, "card:1:ok") for one in captured[-FEW:]]
        ),
    }
    told = [(verb, *found) for verb, act in acts.items() for found in wide_of(heard(act, monkeypatch))]
    assert not told, "\n".join(map(str, told))


def heard(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What an act asks of the tables of its packages."""
    asked: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def listening(self: psycopg.Cursor[Any], query: Any, params: Any = None, **how: Any) -> Any:
        asked.append((str(query), params))
        return execute(self, query, params, **how)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", listening)
        act()
    read = [(query, params) for query, params in asked if query.startswith("SELECT") and " FROM " in query and " runtime_" not in query]
    assert len(read) > 3, "these are the look-ups"
    return read


def wide_of(read: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Those that read many rows, with what read them."""
    found = []
    for query, params in read:
        with sql.transacting(by_keys=True):
            ((told,),) = sql.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params)
        found += [
            (
                " ".join(query.split()),
                f"{node['Node Type']} {node.get('Index Name')}: {node['Actual Rows']} rows {node['Actual Loops']} times",
            )
            for node in nodes(told[0]["Plan"])
            if node.get("Rows Removed by Filter", 0) > NEARLY_NONE or node["Actual Rows"] * node["Actual Loops"] > NEARLY_NONE * FEW
        ]
    return found
