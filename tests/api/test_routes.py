"""Each address leads to its own routes, however many resources have addresses of the same form."""

from __future__ import annotations

from yuefu.api import routes


def test_every_address_is_found_with_what_it_names() -> None:
    for route in routes.ROUTES:
        given = {part[1:-1]: f"x{n}" for n, part in enumerate(route.path.split("/")) if part.startswith("{")}
        found, named = routes.at(route.path.format(**given))
        assert found[route.method] is route, route.path
        assert named == given


def test_a_resource_that_there_is_not_is_nowhere() -> None:
    for path in (
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/orders/",
        "/v1/nothing/x",
        "/v2/orders",
        "/v1/orders/x/nothing",
        "/v1/orders/a%2Fb",
    ):
        assert routes.at(path) == ({}, {}), path
