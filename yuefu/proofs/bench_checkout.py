"""The checkout under load: in batches, one by one, over HTTP, at one hot merchant, and beside a million orders that are there already."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.access.commands import IssuedKey, NewApiKey
from yuefu.journeys.checkout import Purchase
from yuefu.journeys.desk import open_day
from yuefu.proofs import bench_world, load
from yuefu.proofs.bench_fill import fill
from yuefu.proofs.bench_served import sent, served
from yuefu.proofs.bench_world import BATCH, NOON, Stage
from yuefu.runtime.beside import Beside
from yuefu.runtime.values import UnitOfWork
from yuefu.sim.world import World

SHOPPERS: Final = 10_000
MERCHANTS: Final = 10_000
ORDERS: Final = 20_000  # of each measurement in batches
ONE_BY_ONE: Final = 1_500
OVER_HTTP: Final = {128: 16_000, 32: 8_000}
FULL: Final = 1_000_000


def measure(say: Callable[[str], None], *, full: int = FULL) -> dict[str, Any]:
    """All figures. `full` is how many orders are there in the last measurement.

    What is compared is measured in turns, so that a machine that becomes slower meanwhile becomes so for both.
    """
    with bench_world.opened() as made, bench_world.tills(made) as both:
        say(f"{SHOPPERS:,} shoppers, {MERCHANTS:,} merchants")
        people, many = bench_world.shoppers(made, SHOPPERS), bench_world.shops(made, MERCHANTS)
        _core(made, both, people, made.shops, 8 * BATCH, "warm")
        say("in batches")
        empty = [_core(made, both, people, made.shops, ORDERS, f"core{n}") for n in range(3)]
        say("at one merchant and at all")
        hot, spread = [], []
        for n in range(3):
            hot.append(_core(made, both, people, many[:1], ORDERS // 2, f"hot{n}"))
            spread.append(_core(made, both, people, many, ORDERS // 2, f"spread{n}"))
        say("one by one")
        figures = {
            "core_orders_per_s": _mean(empty),
            "core_orders": 3 * ORDERS,
            "one_by_one_orders_per_s": _one_by_one(made, both, people),
            "hot_account_ratio": round(_mean(hot) / _mean(spread), 2),
        }
        say("over HTTP")
        figures |= _over_http(made, people)
        figures |= _beside(made, both, people, full, say)
    return figures


def beside(count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Only the last measurement: how much slower orders are beside `count` that are there already."""
    with bench_world.opened() as made, bench_world.tills(made) as both:
        people = bench_world.shoppers(made, SHOPPERS)
        _core(made, both, people, made.shops, 8 * BATCH, "warm")
        return _beside(made, both, people, count, say)


def _beside(made: Stage, both: tuple[Beside, Beside], people: Sequence[UUID], count: int, say: Callable[[str], None]) -> dict[str, Any]:
    empty = [_core(made, both, people, made.shops, ORDERS, f"before{n}") for n in range(2)]
    fill(made.desk.book.id, count, say=say)
    filled = [_core(made, both, people, made.shops, ORDERS, f"full{n}") for n in range(2)]
    return {
        f"full_{_short(count)}_ratio": round(_mean(filled) / _mean(empty), 2),
        f"full_{_short(count)}_orders_per_s": _mean(filled),
    }


def _mean(figures: Sequence[float]) -> float:
    return round(sum(figures) / len(figures), 1)


def _short(count: int) -> str:
    return f"{count // 1_000_000}m" if count % 1_000_000 == 0 else f"{count // 1_000}k"


def _core(made: World, both: tuple[Beside, Beside], people: Sequence[UUID], shops: Sequence[UUID], count: int, tag: str) -> float:
    """Orders a second in batches: keys, features with velocity, decision, hold, order, decision record, event and trail; one commit a
    batch, two batches at a time. The quotes were shown before, as in life.
    """
    purchases = bench_world.purchases(made, people, shops, count, tag)
    outcomes, seconds = bench_world.at_both(both, "authorise", bench_world.halves(purchases))
    assert sum(o.approved for o in outcomes) > 0.9 * count, "the benchmark is of approved orders"
    return count / seconds


def _one_by_one(made: World, both: tuple[Beside, Beside], people: Sequence[UUID]) -> float:
    """Orders a second, each a batch and a transaction of its own."""
    purchases = bench_world.purchases(made, people, made.shops, ONE_BY_ONE, "single")
    _, seconds = bench_world.at_both(both, "authorise", bench_world.halves(purchases), 1)
    return round(ONE_BY_ONE / seconds, 1)


# --------------------------------------------------------------------------------------------------------------------------- over HTTP


def _over_http(made: Stage, people: Sequence[UUID]) -> dict[str, Any]:
    """The server, the database and the load generator on the same processors; each request an order of its own."""
    keys = {shop: key.secret for shop, key in zip(made.shops, _keys(made), strict=True)}
    found: dict[str, Any] = {}
    with served(made.keys_file) as port:
        _sent(port, 32, _requests(made, people, keys, 2_000, "warm"))
        for connections, count in OVER_HTTP.items():
            found[str(connections)] = _sent(port, connections, _requests(made, people, keys, count, str(connections)))
    most = found["128"]
    return {
        "http_orders_per_s": most["per_s"],
        "http_p50_ms": most["p50_ms"],
        "http_p99_ms": most["p99_ms"],
        "http_p99_ms_32": found["32"]["p99_ms"],
        "http": found,
    }


def _keys(made: World) -> list[IssuedKey]:
    with open_day(made.desk, NOON) as work:
        assert isinstance(work, UnitOfWork)
        new = [NewApiKey(shop, ("order.authorise",)) for shop in made.shops]
        issued = access.issue_api_keys(work=work, api_keys=new, random_bytes=secrets.token_bytes)
    return [key for key in issued if isinstance(key, IssuedKey)]


def _requests(made: World, people: Sequence[UUID], keys: dict[UUID, str], count: int, tag: str) -> list[bytes]:
    return [_request(p, keys[p.merchant_id]) for p in bench_world.purchases(made, people, made.shops, count, f"http{tag}")]


def _request(purchase: Purchase, secret: str) -> bytes:
    body = {
        "quote": public.text("quote", purchase.quote_id),
        "consumer": public.text("consumer", purchase.consumer_id),
        "merchant_reference": purchase.merchant_reference,
    }
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": purchase.key}
    return load.request("POST", "/v1/orders", headers=headers, body=orjson.dumps(body))


def _sent(port: int, connections: int, requests: Sequence[bytes]) -> dict[str, Any]:
    found = sent(port, connections, requests)
    approved, declined = found["statuses"].get("201", 0), found["statuses"].get("402", 0)
    assert approved + declined == len(requests), found  # every request its answer, and no other kind of answer
    assert approved > 0.9 * len(requests), found
    return found
