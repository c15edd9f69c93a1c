"""What the description allows and what it forbids is sent to the real server: every answer is one that it describes (schemathesis)."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation

from tests.api.conftest import Merchant, Server
from yuefu.api import openapi
from yuefu.api.problems import Problem
from yuefu.api.reading import idempotency_key
from yuefu.api.route import Route
from yuefu.api.routes import ROUTES

load_all_checks()

# Without its API keys, which `test_access.py` is about: else most of what is wrong is wrong with the key alone.
SCHEMA: Final = schemathesis.openapi.from_dict({**openapi.description(), "security": []})
CHECKED: Final = CHECKS.get_by_names([
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance",
    "negative_data_rejection", "missing_required_header",
])  # fmt: skip
UNREADABLE: Final = {
    "body_missing", "duplicate_member", "idempotency_key_invalid", "idempotency_key_missing", "invalid_parameter", "invalid_request",
    "malformed_json", "unsupported_media_type",
}  # fmt: skip
# What a text may hold is said in words: no pattern knows which characters of Unicode are printable.
SAID_IN_WORDS: Final = {"#/merchant_reference", "#/product", "#/instrument", "#/currency", "#/host", "#/category"}

repeatable = settings(max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def things(merchant: Merchant, route: Route) -> dict[str, Any]:
    """What is there to be named, in a request that would otherwise name nothing."""
    sold, loan = merchant.due() if "{loan_id}" in route.path else merchant.sold()
    consumer = merchant.consumer(limit="1000000.00")
    quote = merchant.quote(consumer)
    placed = merchant.post("/v1/orders", {"quote": quote, "consumer": consumer, "merchant_reference": "A"})
    assert placed.status == 201
    order = sold if route.path.endswith("refund") else placed.body["id"]
    hooks = hooked(merchant) if "webhook" in route.path or "event" in route.path else {}
    pages = hooks.get(route.path.rpartition("/")[2], [sold, order])
    first = {name: found[0] for name, found in hooks.items()}
    named_by = (
        {"event_id": first["events"], "webhook_endpoint_id": first["webhook_endpoints"], "webhook_endpoint": first["webhook_endpoints"]}
        if hooks
        else {}
    )
    return {
        **named_by,
        "starting_after": pages[0], "ending_before": pages[1],
        "url": "https://93.184.216.34/hooks", "enabled_events": ["payment.*"], "types": ["*"], "metadata": {"a": "b"},
        "alert_email": "people@example.com", "description": "mine", "overlap_hours": 24,
        "order_id": order, "loan_id": loan, "quote": quote, "consumer": consumer,
        "merchant_reference": "B", "product": "free", "currency": "CNY", "amount": 30_000, "periods": 3,
    }  # fmt: skip


def hooked(merchant: Merchant) -> dict[str, list[str]]:
    """Endpoints, deliveries to the first of them, and events."""
    endpoints = [merchant.endpoint()["id"] for _ in range(2)]
    events = merchant.told()
    log = merchant.get(f"/v1/webhook_endpoints/{endpoints[0]}/deliveries").body["data"]
    return {"webhook_endpoints": endpoints, "events": events, "deliveries": [one["id"] for one in log]}


def named(given: Any, there: dict[str, Any]) -> Any:
    """The same members or parameters, those that name a thing naming one that is there."""
    return {name: there.get(name, value) for name, value in given.items()} if isinstance(given, dict) else given


def sent(case: Case, server: Server, merchant: Merchant) -> Any:
    return case.call(base_url=f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {merchant.issued.secret}"})


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_described_is_understood_and_answered_as_described(merchant: Merchant, server: Server, route: Route) -> None:
    there = things(merchant, route)
    answered: Counter[int] = Counter()

    @repeatable
    @given(case=SCHEMA[route.path][route.method].as_strategy(generation_mode=GenerationMode.POSITIVE), real=st.booleans())
    def holds(case: Case, real: bool) -> None:
        if real:
            case.path_parameters, case.query, case.body = (named(part, there) for part in (case.path_parameters, case.query, case.body))
            if "starting_after" in (case.query or {}):
                case.query.pop("ending_before", None)
        answer = sent(case, server, merchant)
        answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKED)
        told = answer.json()
        faults = {fault.get("pointer") for fault in told.get("errors", ())}
        assert not real or told.get("code") not in UNREADABLE or (faults and faults <= SAID_IN_WORDS), told

    holds()
    assert answered[route.status], f"nothing was carried out: {answered}"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_not_described_is_refused_and_changes_nothing(merchant: Merchant, server: Server, route: Route) -> None:
    there = things(merchant, route)
    before = merchant.get("/v1/orders?limit=100").body
    refused: Counter[int] = Counter()

    @repeatable
    @given(case=SCHEMA[route.path][route.method].as_strategy(generation_mode=GenerationMode.NEGATIVE), real=st.booleans())
    def holds(case: Case, real: bool) -> None:
        path = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
        if real and path and path.mode.is_positive:
            case.path_parameters = named(case.path_parameters, there)
        answer = sent(case, server, merchant)
        refused[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKED)

    holds()
    assert max(refused) < 500
    assert sum(count for status, count in refused.items() if status >= 400)
    assert merchant.get("/v1/orders?limit=100").body == before


@settings(max_examples=500)
@given(text=st.text(alphabet='" \\a!~', min_size=1, max_size=8).filter(lambda text: text == text.strip()))
def test_a_key_is_described_as_it_is_read(text: str) -> None:
    (pattern,) = {
        parameter["schema"]["pattern"]
        for methods in openapi.description()["paths"].values()
        for parameter in methods.get("post", {}).get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    }
    try:
        read = bool(idempotency_key([(b"idempotency-key", text.encode())], required=True))
    except Problem:
        read = False
    assert bool(re.fullmatch(pattern, text)) == read
