"""The description of the API (OpenAPI 3.1), made from its routes and bodies. `docs/openapi.json` is the same; a test holds that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from yuefu.access.rules import versions
from yuefu.api import expanding
from yuefu.api.bodies import ProblemShown, id_text
from yuefu.api.problems import KINDS
from yuefu.api.route import Route
from yuefu.api.routes import ROUTES

_REF: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (401, 403, 429, 500, 503)
_TAKING: Final = (400, 408, 409, 413, 415, 422)
_BARE: Final = r"[!#-~]([ -~]*[!-~])?"
_INNER: Final = r"([!#-\[\]-~]|\\[\"\\])"
_QUOTED: Final = rf'"{_INNER}(( |{_INNER})*{_INNER})?"'
_ABOUT: Final = (
    "Amounts are whole minor units beside their currency; ids are texts with a prefix. Every answer has a Request-Id. Members and codes are"
    " added without a new version: ignore those that you do not know. A request that moves money needs an Idempotency-Key: the same key"
    " with the same content is answered the same for ever, with the header Idempotent-Replayed; a decline too. Problems follow RFC 9457:"
    " `code` is stable, `retryable` says whether the same request with the same key may succeed later by itself;"
    " where it is false something has to change first, as the problem's page says. Only what was carried out or declined keeps its key."
)


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    shapes = {route.gives for route in ROUTES if route.gives} | {route.takes for route in ROUTES if route.takes} | {ProblemShown}
    schemas = _schemas(sorted(shapes, key=lambda shape: shape.__name__))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Yuefu", "version": "1", "description": _ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key: sk_test_… or sk_live_…"}},
            "schemas": schemas,
        },
    }


def _schemas(shapes: Sequence[type[BaseModel]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mode, group in (("validation", [s for s in shapes if _is_taken(s)]), ("serialization", [s for s in shapes if not _is_taken(s)])):
        _, part = models_json_schema([(shape, mode) for shape in group], ref_template=_REF)  # type: ignore[misc]
        found.update(part["$defs"])
    return dict(sorted(found.items()))


def _is_taken(shape: type[BaseModel]) -> bool:
    return any(route.takes is shape for route in ROUTES)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rsplit('.', 1)[1]}_{route.handler.__name__}",
        "summary": route.summary,
        "description": f"Needs a key with the scope `{route.scope}`." if route.scope else "Any key may ask.",
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.takes:
        schema = {"$ref": _REF.format(model=route.takes.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [_in_path(route, part[1:-1]) for part in route.path.split("/") if part.startswith("{")]
    if route.method == "POST":
        key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^({_BARE}|{_QUOTED})$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": route.keyed, "schema": key})
    found.append({"name": "Api-Version", "in": "header", "required": False, "schema": {"type": "string", "const": versions.CURRENT}})
    if route.expands:
        expand = {"type": "array", "items": {"type": "string", "enum": list(route.expands)}, "maxItems": expanding.MOST}
        told = "Show what is named by its id in its place; paths with dots, four names deep at most."
        found.append(
            {"name": "expand[]", "in": "query", "required": False, "schema": expand, "style": "form", "explode": True, "description": told}
        )
    found += [
        {"name": name, "in": "query", "required": name in route.needs, "schema": schema, "description": text}
        for name, schema, text in route.parameters
    ]
    return found


def _in_path(route: Route, name: str) -> dict[str, Any]:
    told = next(((schema, text) for known, schema, text in route.named if known == name), None)
    if told is None:
        return {"name": name, "in": "path", "required": True, "schema": id_text(name.removesuffix("_id"))}
    return {"name": name, "in": "path", "required": True, "schema": told[0], "description": told[1]}


def _responses(route: Route) -> dict[str, Any]:
    headers = {"Request-Id": {"schema": {"type": "string"}}}
    if route.keyed:
        headers["Idempotent-Replayed"] = {"schema": {"type": "string", "const": "true"}}
    if route.gives is None:
        headers["Content-Disposition"] = {"schema": {"type": "string"}}
    given: dict[str, Any] = (
        {"application/json": {"schema": {"$ref": _REF.format(model=route.gives.__name__)}}}
        if route.gives
        else {kind: {} for kind in route.files}
    )
    responses: dict[str, Any] = {str(route.status): {"description": route.summary, "headers": headers, "content": given}}
    for status in _statuses(route):
        codes = sorted(code for code, kind in KINDS.items() if kind.status == status)
        told = {"application/problem+json": {"schema": {"$ref": _REF.format(model="ProblemShown")}}}
        responses[str(status)] = {"description": ", ".join(codes), "content": told}
    return dict(sorted(responses.items()))


def _statuses(route: Route) -> set[int]:
    found = {*_ALWAYS, 400, 409}
    found |= set(_TAKING) if route.takes else set()
    found |= {402} if route.may_fail else set()
    return found | ({404} if "{" in route.path else set())
