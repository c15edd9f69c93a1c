"""What the description allows and what it forbids is sent to the real server: every answer is one that it describes (schemathesis)."""

from __future__ import annotations

import os
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

from tests.api import things
from tests.api.conftest import Merchant, Server
from tests.api.test_sent_twice import without
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
CLOCKS: Final = "/v1/test_helpers/test_clocks"
# What a text may hold is said in words: no pattern knows which characters of Unicode are printable.
SAID_IN_WORDS: Final = {
    "#/merchant_reference",
    "#/product",
    "#/instrument",
    "#/currency",
    "#/host",
    "#/category",
    "#/metadata",
    "#/networks",
    "#/content",
    "#/name",
    "#/url",
    "#/enabled_events",
    "#/types",
    "#/description",
    "#/alert_email",
    "#/note",
    "#/text",
}

FEW: Final = frozenset({CLOCKS})
"""Addresses at which each request founds a book: a few are enough."""

EXAMPLES: Final = int(os.environ.get("YUEFU_API_EXAMPLES", "10"))
"""A request each; `yuefu prove api` sends many more."""

AT_LENGTH: Final = EXAMPLES > 10
"""Then each request that was carried out is sent a second time."""

repeatable = settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def examples(route: Route) -> settings:
    return settings(repeatable, max_examples=8) if route.path in FEW and route.method == "POST" else repeatable


def there_is(merchant: Merchant, route: Route) -> dict[str, Any]:
    """What is there to be named, in a request that would otherwise name nothing: things in the address, members of a body that is taken,
    the ends of a list.
    """
    body = things.body(route, merchant) or {}
    listed = merchant.get(route.path).body.get("data", []) if not things.names_in(route) and route.method == "GET" else []
    ends = {"starting_after": listed[0]["id"], "ending_before": listed[-1]["id"]} if listed else {}
    return {"amount": 10_000, "currency": "CNY", **body, **ends, **things.named(route, merchant)}


def named(given: Any, there: dict[str, Any]) -> Any:
    """The same members or parameters, those that name a thing naming one that is there."""
    return {name: there.get(name, value) for name, value in given.items()} if isinstance(given, dict) else given


def whole(given: Any) -> Any:
    """1.0 is an integer to JSON Schema, and none to us: an amount is written as what it is."""
    if isinstance(given, dict):
        return {name: whole(value) for name, value in given.items()}
    return int(given) if isinstance(given, float) and given.is_integer() else given


def sent(case: Case, server: Server, merchant: Merchant) -> Any:
    return case.call(base_url=f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {merchant.issued.secret}"})


@pytest.mark.parametrize("route", [r for r in ROUTES if r.gives], ids=lambda route: f"{route.method} {route.path}")
def test_what_is_described_is_understood_and_answered_as_described(regular: Merchant, server: Server, route: Route) -> None:
    merchant, there = regular, there_is(regular, route)
    answered: Counter[int] = Counter()

    @examples(route)
    @given(case=SCHEMA[route.path][route.method].as_strategy(generation_mode=GenerationMode.POSITIVE), real=st.booleans())
    def holds(case: Case, real: bool) -> None:
        if real:
            case.path_parameters, case.query, case.body = (named(part, there) for part in (case.path_parameters, case.query, case.body))
            case.body, query = whole(case.body), case.query or {}
            if "starting_after" in query or "starting_after" not in there:
                query.pop("ending_before", None)
            if "starting_after" not in there:
                query.pop("starting_after", None)
        answer = sent(case, server, merchant)
        answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKED)
        told = answer.json()
        if AT_LENGTH and route.method == "POST" and "Idempotency-Key" in (case.headers or {}) and answer.status_code in (200, 201, 402):
            again = sent(case, server, merchant)
            assert (again.status_code, without(again.json())) == (answer.status_code, without(told))
        faults = {fault.get("pointer") for fault in told.get("errors", ())}
        assert not real or told.get("code") not in UNREADABLE or (faults and faults <= SAID_IN_WORDS), told

    holds()
    assert answered[route.status], f"nothing was carried out: {answered}"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_is_not_described_is_refused_and_changes_nothing(regular: Merchant, server: Server, route: Route) -> None:
    merchant, there = regular, there_is(regular, route)
    before = merchant.get("/v1/orders?limit=100").body
    refused: Counter[int] = Counter()

    @examples(route)
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
