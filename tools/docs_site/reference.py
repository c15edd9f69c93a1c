"""The pages that are made: routes by resource, objects, problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from django.utils import translation
from django.utils.translation import gettext

from docs_site.languages import Wording
from docs_site.shapes import Shapes
from docs_site.text import inline, slug
from yuefu.api.problems import KINDS

Operation = tuple[str, str, dict[str, Any]]
_OBJECTS, _ERRORS = "objects.html", "errors.html"


def resource_of(path: str) -> str:
    """The name of the page that a route stands on."""
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return parts[2] if parts[1] == "test_helpers" else parts[1]


def anchor(method: str, path: str) -> str:
    """Where a route stands on its page."""
    return slug(f"{method} {path.removeprefix('/v1/')}")


def operations(description: dict[str, Any]) -> Iterator[Operation]:
    for path, by_method in description["paths"].items():
        for method, operation in by_method.items():
            yield method.upper(), path, operation


class Reference:
    """The made pages in one language. Their names are flat: `reference-orders`, `objects`, `errors`, `reference`."""

    def __init__(self, description: dict[str, Any], say: Wording) -> None:
        self.description, self.say, self.words = description, say, say.language.says
        self.shapes = Shapes(description["components"]["schemas"], say)
        self.by_resource: dict[str, list[Operation]] = {}
        for one in operations(description):
            self.by_resource.setdefault(resource_of(one[1]), []).append(one)

    def named(self, code: str) -> str | None:
        """Where a piece of code leads: to a route, or to a problem."""
        if code in KINDS:
            return f"{_ERRORS}#{code}"
        method, _, path = code.partition(" ")
        if (path := path.partition("?")[0]) in self.description["paths"] and method.lower() in self.description["paths"][path]:
            return f"reference-{resource_of(path)}.html#{anchor(method, path)}"
        return None

    def pages(self) -> Iterator[tuple[str, str, Callable[[], str]]]:
        """Name, title and content of each page."""
        yield "reference", self.words["routes"], self._all_routes
        for resource, found in self.by_resource.items():
            yield f"reference-{resource}", resource.replace("_", " "), lambda one=resource, routes=found: self._resource(one, routes)
        yield "objects", self.words["objects"], self._all_objects
        yield "errors", self.words["errors"], self._errors

    def _find(self) -> str:
        return f'<label hidden>{self.words["find"]}<input class="find" type="search" autocomplete="off"></label>'

    def _all_routes(self) -> str:
        rows = "".join(
            f'<tr data-find><td><a href="{self.named(f"{method} {path}")}"><code>{method} {escape(path)}</code></a></td>'
            f"<td>{inline(self.say(operation['summary']))}</td></tr>\n"
            for method, path, operation in operations(self.description)
        )
        about = f'<p>{self.words["routes_about"]} <a href="../openapi.json"><code>openapi.json</code></a>.</p>'
        return f'<h1>{self.words["routes"]}</h1>{about}{self._find()}<div class="table"><table><tbody>{rows}</tbody></table></div>'

    def _resource(self, resource: str, found: list[Operation]) -> str:
        return f"<h1>{escape(resource.replace('_', ' '))}</h1>\n" + "".join(self._route(*one) for one in found)

    def _route(self, method: str, path: str, operation: dict[str, Any]) -> str:
        words = self.words
        parts = [f'<section class="route" id="{anchor(method, path)}"><h2>{method} {escape(path)}</h2>']
        parts.append(f"<p>{inline(self.say(operation['summary']))}</p><p>{self._asked_of(operation)}</p>")
        if operation["parameters"]:
            parts.append(f"<h3>{words['parameters']}</h3>{self._parameters(operation['parameters'])}")
        if "requestBody" in operation:
            name = _ref(operation["requestBody"]["content"]["application/json"]["schema"])
            parts.append(f'<h3>{words["body"]} <a href="{_OBJECTS}#{name}">{name}</a></h3>{self.shapes.members(name, _OBJECTS)}')
            parts.append(_code(self.shapes.example(name)))
        parts += [self._answer(status, one) for status, one in operation["responses"].items() if status < "400"]
        parts.append(self._problems(operation["responses"]))
        return "".join(parts) + "</section>\n"

    def _asked_of(self, operation: dict[str, Any]) -> str:
        scope = operation["description"].partition("`")[2].partition("`")[0]
        said = f"{self.words['scope']}: " + (f"<code>{scope}</code>" if scope else self.words["any"])
        key = next((one for one in operation["parameters"] if one["name"] == "Idempotency-Key"), None)
        if key:
            said += f' · <a href="idempotency.html">{self.words["keyed" if key["required"] else "may_key"]}</a>'
        return said

    def _parameters(self, found: list[dict[str, Any]]) -> str:
        words = self.words
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code>{self.shapes.mark(one['required'])}</td>"
            f"<td>{one['in']}</td><td>{self.shapes.type_of(one['schema'], _OBJECTS)}</td><td>{self.shapes.told(one)}</td></tr>\n"
            for one in found
        )
        head = f"<tr><th>{words['member']}</th><th>{words['where']}</th><th>{words['type']}</th><th>{words['about']}</th></tr>"
        return f'<div class="table"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'

    def _answer(self, status: str, answer: dict[str, Any]) -> str:
        content = answer.get("content", {})
        if "application/json" not in content:
            return f"<h3>{self.words['answer']} {status}</h3><p>{self.words['file']}: {', '.join(sorted(content))}</p>"
        name = _ref(content["application/json"]["schema"])
        head = f'<h3>{self.words["answer"]} {status} <a href="{_OBJECTS}#{name}">{name}</a></h3>'
        return f"{head}<details><summary>{self.words['example']}</summary>{_code(self.shapes.example(name))}</details>"

    def _problems(self, responses: dict[str, Any]) -> str:
        rows = "".join(
            f'<p class="codes">{status}: '
            + " ".join(f'<a href="{_ERRORS}#{code}"><code>{code}</code></a>' for code in responses[status]["description"].split(", "))
            + "</p>"
            for status in responses
            if status >= "400"
        )
        return f"<details><summary>{self.words['problems']}</summary>{rows}</details>"

    def _all_objects(self) -> str:
        found = "".join(
            f'<section class="one" id="{name}" data-find><h2>{name}</h2><p>{self.shapes.told(schema)}</p>'
            f"{self.shapes.members(name, '')}</section>\n"
            for name, schema in self.shapes.schemas.items()
        )
        return f"<h1>{self.words['objects']}</h1><p>{self.words['objects_about']}</p>{self._find()}{found}"

    def _errors(self) -> str:
        words = self.words
        with translation.override(self.say.language.django):
            rows = "".join(
                f'<section class="one" id="{code}" data-find><h2>{code}</h2><p><strong>{escape(gettext(kind.title))}</strong></p>'
                f"<p>{words['status']} {kind.status} · {words['retryable']}: {words['yes' if kind.retryable else 'no']}</p>"
                f"<p>{words['advice']}: {escape(gettext(kind.advice))}</p></section>\n"
                for code, kind in KINDS.items()
            )
        return f"<h1>{words['errors']}</h1><p>{inline(words['errors_about'])}</p>{self._find()}{rows}"


def _ref(schema: dict[str, Any]) -> str:
    return str(schema["$ref"].rsplit("/", 1)[1])


def _code(value: Any) -> str:
    return f"<pre><code>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</code></pre>"
