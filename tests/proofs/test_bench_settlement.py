"""What the benchmark of settlement measures has happened: merchants sold, their batches add up, and they were paid."""

from __future__ import annotations

import pytest

from yuefu.proofs import bench_settlement
from yuefu.runtime import sql


def test_a_pay_day_of_many_orders_is_settled_and_measured():
    found = bench_settlement.measure(lambda text: None, orders=1_200, merchants=15)
    told = found["settlement"]
    assert found["settlement_s"] > 0
    assert (told["orders"], told["lines"] - told["orders"]) == (
        80 * told["merchants"],
        told["merchants"],
    )  # every fortieth came back in part
    assert told["merchants"] >= 14
    states = sql.rows(
        "SELECT b.state, count(*), sum(b.line_count), sum(b.payout_minor) FROM settlement_batch b JOIN runtime_book k ON k.id = b.book_id"
        " WHERE k.code LIKE 'bench-%%' AND b.built_at >= (SELECT max(built_at) FROM settlement_batch) GROUP BY 1"
    )
    assert states == [("paid", told["merchants"], told["lines"], told["paid_minor"])]


def test_no_merchant_sells_more_than_has_a_number_here():
    with pytest.raises(AssertionError, match="a merchant sells 1 to 10,000 orders here"):
        bench_settlement.measure(lambda text: None, orders=200_001, merchants=20)
