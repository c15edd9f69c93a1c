"""The API over HTTP: what nothing costs, and beside it a quote, an order, one order read, and a page of orders.

`noop` is `GET /v1/whoami`: HTTP, the key, the limits and JSON, and nothing behind them. Server, database and load generator share the
processors, so a figure is what is left for the server; the ratios say what each verb costs beside nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from secrets import token_bytes
from typing import Any, Final

import orjson

from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.access.commands import IssuedKey, NewApiKey
from yuefu.journeys import checkout
from yuefu.journeys.checkout import Authorised
from yuefu.journeys.desk import open_day
from yuefu.proofs import bench_world, load
from yuefu.proofs.bench_served import sent, served
from yuefu.proofs.bench_world import NOON, Stage
from yuefu.runtime.values import UnitOfWork

CONNECTIONS: Final = 64
COUNTS: Final = {"noop": 30_000, "quote": 6_000, "authorise": 8_000, "get": 20_000, "list": 10_000}
"""So many requests of each, unless a test asks for fewer."""

GET_BESIDE_NOOP: Final = 0.5
"""An order is read at least at so large a part of the rate at which nothing is."""

_PLENTY: Final = {"YUEFU_API_RATE_TEST": "1000000000"}
_SCOPES: Final = ("order.authorise", "order.read")
Part = Callable[[int], list[bytes]]


def measure(say: Callable[[str], None], *, counts: dict[str, int] | None = None) -> dict[str, Any]:
    """Requests a second with their latencies: `noop_rps`, `noop_p50_ms`, `noop_p99_ms`, …, and `errors_5xx`, of the requests of all parts."""
    wanted = counts or COUNTS
    found: dict[str, Any] = {}
    errors = 0
    with bench_world.opened() as made, _listening(made) as (port, parts):
        for name, requests in parts.items():
            say(name)
            sent(port, CONNECTIONS, requests(max(200, wanted[name] // 10)))
            told = sent(port, CONNECTIONS, requests(wanted[name]))
            errors += sum(count for status, count in told["statuses"].items() if int(status) >= 500)
            right = sum(
                count for status, count in told["statuses"].items() if int(status) < 400 or (name == "authorise" and status == "402")
            )
            assert right == wanted[name], told  # every request its answer, and no other kind of answer
            found |= {f"{name}_rps": told["per_s"], f"{name}_p50_ms": told["p50_ms"], f"{name}_p99_ms": told["p99_ms"]}
    found["get_beside_noop"] = round(found["get_rps"] / found["noop_rps"], 2)
    return {**found, "errors_5xx": errors}


@contextmanager
def _listening(made: Stage) -> Iterator[tuple[int, dict[str, Part]]]:
    """The port of a server on a book with orders in it, and what makes the requests of each part."""
    people, shops = bench_world.shoppers(made, 2_000), made.shops
    secrets = dict(zip(shops, _keys(made), strict=True))
    bought = bench_world.purchases(made, people, shops, 2_000, "before")
    outcomes = checkout.authorise(desk=made.desk, now=NOON, purchases=bought)
    orders = [
        (public.text("order", one.order_id), secrets[purchase.merchant_id])
        for one, purchase in zip(outcomes, bought, strict=True)
        if isinstance(one, Authorised)
    ]
    tags = iter(range(1_000))

    def quotes(count: int) -> list[bytes]:
        wish = {"product": "free", "amount": 199_900, "currency": "CNY", "periods": 3}
        bodies = [orjson.dumps(wish | {"consumer": public.text("consumer", person)}) for person in people[: min(count, len(people))]]
        return [_post("/v1/quotes", body, secrets[shop]) for body, shop in islice(zip(cycle(bodies), cycle(shops), strict=False), count)]

    def new_orders(count: int) -> list[bytes]:
        wanted = bench_world.purchases(made, people, shops, count, f"api{next(tags)}")
        return [_post("/v1/orders", _body(one), secrets[one.merchant_id], key=one.key) for one in wanted]

    parts: dict[str, Part] = {
        "noop": lambda count: [_get("/v1/whoami", secret) for secret in islice(cycle(secrets.values()), count)],
        "get": lambda count: [_get(f"/v1/orders/{order}", secret) for order, secret in islice(cycle(orders), count)],
        "list": lambda count: [_get("/v1/orders?limit=10", secret) for secret in islice(cycle(secrets.values()), count)],
        "quote": quotes,
        "authorise": new_orders,
    }
    with served(made.keys_file, **_PLENTY) as port:
        yield port, parts


def _keys(made: Stage) -> list[str]:
    with open_day(made.desk, NOON) as work:
        assert isinstance(work, UnitOfWork)
        new = [NewApiKey(shop, _SCOPES) for shop in made.shops]
        issued = access.issue_api_keys(work=work, api_keys=new, random_bytes=token_bytes)
    return [key.secret for key in issued if isinstance(key, IssuedKey)]


def _body(purchase: checkout.Purchase) -> bytes:
    return orjson.dumps(
        {
            "quote": public.text("quote", purchase.quote_id),
            "consumer": public.text("consumer", purchase.consumer_id),
            "merchant_reference": purchase.merchant_reference,
        }
    )


def _get(path: str, secret: str) -> bytes:
    return load.request("GET", path, headers={"Authorization": f"Bearer {secret}"})


def _post(path: str, body: bytes, secret: str, *, key: str = "") -> bytes:
    headers = {"Authorization": f"Bearer {secret}"} | ({"Idempotency-Key": key} if key else {})
    return load.request("POST", path, headers=headers, body=body)
