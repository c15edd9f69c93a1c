"""Writes clients/python/yuefu_client/generated from docs/openapi.json: models, and a resource for each address, synchronous and not.

`--check` writes nothing and ends with 1 where something is stale.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = ROOT / "clients" / "python" / "yuefu_client" / "generated"
NAMES: Final = {"POST /v1/loans/{loan_id}/repayments": "repay"}
"""Methods that are called otherwise than the rule in `_method_name` would."""
OWN: Final = frozenset({"raw", "answer", "of", "idempotency_key", "self"})
"""What a model or a method has of its own, and no member may be called."""
IMPORTS: Final = (
    ("collections.abc", ("Mapping", "Sequence"), ""),
    ("dataclasses", ("dataclass",), ""),
    ("datetime", ("date", "datetime"), ""),
    ("typing", ("Any", "ClassVar", "Literal", "TypedDict"), "\n"),
    ("yuefu_client.answers", ("Download",), ""),
    ("yuefu_client.decoding", ("KINDS", "Model", "Parser", "day", "many", "moment", "named", "same"), ""),
    ("yuefu_client.generated", ("models",), ""),
    ("yuefu_client.pages", ("AsyncPage", "Page"), ""),
    ("yuefu_client.requests", ("Request", "given", "listed", "segment"), ""),
    ("yuefu_client.transport", ("AsyncTransport", "Transport"), ""),
)
_HEAD: Final = '"""{told} Made by tools/client_models.py; nothing here is changed by hand."""\n\nfrom __future__ import annotations\n\n'


def main() -> int:
    """0 where all is as it should be."""
    description = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    stale = []
    for name, text in generated(description).items():
        target = TARGET / name
        if "--check" not in sys.argv[1:]:
            target.write_text(text, encoding="utf-8")
        elif not target.is_file() or target.read_text(encoding="utf-8") != text:
            stale.append(str(target.relative_to(ROOT)))
    if stale:
        print(f"Stale: {', '.join(stale)}; run python tools/client_models.py.", file=sys.stderr)
    return 1 if stale else 0


def generated(description: Mapping[str, Any]) -> dict[str, str]:
    """The text of each file."""
    api = Api(description)
    return {
        "models.py": module("models.py", "What the API answers and takes.", models(api)),
        "resources.py": module("resources.py", "A method for each address of the API.", resources(api, asynchronous=False)),
        "async_resources.py": module("async_resources.py", "The same methods, to be awaited.", resources(api, asynchronous=True)),
    }


def module(name: str, told: str, parts: Iterator[str]) -> str:
    """A file, with an import for each name that it uses and no other."""
    text = "".join(parts)
    code = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    used = set(re.findall(r"\b[A-Za-z_]\w*\b", code))
    imports = [
        f"from {source} import {', '.join(found)}\n{gap}"
        for source, names, gap in IMPORTS
        if (found := [one for one in names if one in used])
    ]
    return formatted(name, _HEAD.format(told=told) + "".join(imports) + "\n" + text)


def formatted(name: str, text: str) -> str:
    """In the one format of the project."""
    program = [str(Path(sys.executable).with_name("ruff")), "format", "--quiet", "--stdin-filename", str(TARGET / name), "-"]
    return subprocess.run(program, input=text, capture_output=True, text=True, check=True, cwd=ROOT, encoding="utf-8").stdout


# ----------------------------------------------------------------------------------------------------- what the API has


@dataclass
class Operation:
    """One method of a resource."""

    method: str
    path: str
    summary: str
    name: str
    in_path: list[tuple[str, dict[str, Any]]]
    query: list[dict[str, Any]]
    takes: str | None
    gives: str | None
    """The schema of the answer, of a list that of what is in it; None for a file."""
    is_list: bool
    may_fail: bool


@dataclass
class Node:
    """What has operations, or other nodes in it."""

    path: tuple[str, ...]
    operations: list[Operation] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        return "".join(part.title().replace("_", "") for part in self.path) or "Resources"


class Api:
    """The description as the generator needs it."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.schemas: dict[str, dict[str, Any]] = description["components"]["schemas"]
        self.root = Node(())
        self.version = ""
        for path, methods in description["paths"].items():
            for method, told in methods.items():
                self._place(method.upper(), path, told)
        self.bodies = sorted({one.takes for one in self.operations() if one.takes})
        self.kinds = self._kinds()

    def operations(self, node: Node | None = None) -> Iterator[Operation]:
        node = node or self.root
        yield from node.operations
        for child in node.children.values():
            yield from self.operations(child)

    def _place(self, method: str, path: str, told: Mapping[str, Any]) -> None:
        parts = path.removeprefix("/v1/").split("/")
        first = next((at for at, part in enumerate(parts) if part.startswith("{")), len(parts))
        node = self.root
        for part in parts[:first]:
            node = node.children.setdefault(part, Node((*node.path, part)))
        operation = self._operation(method, path, told, parts[first:])
        assert operation.name not in [one.name for one in node.operations], f"two are called {operation.name} in {node.path}"
        assert operation.name not in node.children, f"{operation.name} is a resource and a method"
        node.operations.append(operation)

    def _operation(self, method: str, path: str, told: Mapping[str, Any], rest: list[str]) -> Operation:
        given = told["parameters"]
        version = next(one for one in given if one["name"] == "Api-Version")["schema"]["const"]
        assert self.version in ("", version), "there is one newest version"
        self.version = version
        content = next(value for status, value in told["responses"].items() if status.startswith("2"))["content"]
        shown = content.get("application/json", {}).get("schema")
        gives = _ref(shown) if shown else None
        item = self._item(gives) if gives else None
        body = told.get("requestBody")
        return Operation(
            method,
            path,
            told["summary"],
            NAMES.get(f"{method} {path}") or _method_name(method, rest, is_list=item is not None, is_file=gives is None),
            [(one["name"], one["schema"]) for one in given if one["in"] == "path"],
            [one for one in given if one["in"] == "query"],
            _ref(body["content"]["application/json"]["schema"]) if body else None,
            item or gives,
            item is not None,
            "402" in told["responses"],
        )

    def _item(self, name: str) -> str | None:
        """What a list is of, None where the schema is no list."""
        members = self.schemas[name].get("properties", {})
        return _ref(members["data"]["items"]) if {"has_more", "data"} <= members.keys() else None

    def _kinds(self) -> dict[str, str]:
        """By kind of object, the schema as which it is shown alone, else in its list."""
        found: dict[str, str] = {}
        for one in sorted(self.operations(), key=lambda one: one.is_list):
            if one.method == "GET" and one.gives:
                kind = self.schemas[one.gives].get("properties", {}).get("object", {}).get("const")
                if kind:
                    found.setdefault(kind, one.gives)
        return found


def _ref(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _method_name(method: str, rest: list[str], *, is_list: bool, is_file: bool) -> str:
    """What is done with a collection or with one of it; what follows on one is a verb, or a collection inside it."""
    inside = "_".join(part for part in rest if not part.startswith("{"))
    if is_file:
        return "download"
    if not inside:
        if method == "POST":
            return "update" if rest else "create"
        return "delete" if method == "DELETE" else "list" if is_list else "retrieve"
    one = inside.removesuffix("s")
    if method == "POST":
        return inside if one == inside else f"create_{one}"
    return f"list_{inside}" if is_list else f"{'delete' if method == 'DELETE' else 'retrieve'}_{one}"


def attribute(name: str, *, of_model: bool = False) -> str:
    """A member as an attribute of Python; one that the model has of its own stands under its name with a `_` behind it."""
    own = OWN - {"idempotency_key"} if of_model else OWN
    assert of_model or name not in own, f"{name} is a name of our own"
    return f"{name}_" if keyword.iskeyword(name) or name in own else name


def model_name(schema: str) -> str:
    return schema.removesuffix("Shown")


# --------------------------------------------------------------------------------------------------------------- models


def models(api: Api) -> Iterator[str]:
    """What is answered as dataclasses, those before others that are made of them; what stands inside a body as typed dictionaries."""
    yield f'API_VERSION = "{api.version}"\n"""The version of the API that these are made for."""\n\n\n'
    names = answered(api)
    assert len({model_name(name) for name in names}) == len(names), "two models have one name"
    for name in names:
        yield from model(api, name)
    for name in inside_bodies(api):
        yield from typed_dictionary(api, name)
    yield f"KINDS.update({{{', '.join(f'{kind!r}: {model_name(name)}' for kind, name in sorted(api.kinds.items()))}}})\n"


def answered(api: Api) -> list[str]:
    """Schemas of answers, each after those in it."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for inner in refs(api.schemas[name]):
                visit(inner)
            order.append(name)

    for one in api.operations():
        if one.gives:
            visit(one.gives)
    return order


def inside_bodies(api: Api) -> list[str]:
    """Schemas that stand inside the bodies that are taken."""
    order: list[str] = []

    def visit(name: str) -> None:
        for inner in refs(api.schemas[name]):
            visit(inner)
            if inner not in order:
                order.append(inner)

    for name in api.bodies:
        visit(name)
    return order


def refs(schema: Any) -> Iterator[str]:
    """What a schema is made of."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield _ref(schema)
        for value in schema.values():
            yield from refs(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from refs(value)


def model(api: Api, name: str) -> Iterator[str]:
    schema = api.schemas[name]
    members = schema.get("properties", {})
    yield f"@dataclass(frozen=True)\nclass {model_name(name)}(Model):\n"
    yield _docstring(schema.get("description", ""), fallback=_words(model_name(name)))
    for member, shape in members.items():
        values = shape.get("enum")
        told = f"  # {', '.join(values)}" if values else ""
        yield f"    {attribute(member, of_model=True)}: {_shown(api, shape, member)}{told}\n"
    parsers = {attribute(member, of_model=True): parser for member, shape in members.items() if (parser := _parser(shape)) != "same"}
    if parsers:
        yield "\n    _parsers: ClassVar[Mapping[str, Parser]] = {"
        yield "".join(f"{member!r}: {parser}, " for member, parser in parsers.items()) + "}\n"
    renamed = {attribute(member, of_model=True): member for member in members if attribute(member, of_model=True) != member}
    if renamed:
        yield f"    _renamed: ClassVar[Mapping[str, str]] = {renamed!r}\n"
    yield "\n\n"


def typed_dictionary(api: Api, name: str) -> Iterator[str]:
    """What has to be there stands in a class of its own: Python before 3.11 has no NotRequired."""
    schema = api.schemas[name]
    needed = schema.get("required", [])
    members = {member: _taken(shape) for member, shape in schema["properties"].items()}
    assert not any(keyword.iskeyword(member) for member in members), f"{name} has a member that Python cannot name"
    yield (
        f"class _{name}Needs(TypedDict):\n"
        + "".join(f"    {member}: {members[member]}\n" for member in needed)
        + "    pass\n" * (not needed)
    )
    yield f"\n\nclass {name}(_{name}Needs, total=False):\n{_docstring(schema.get('description', ''), fallback=_words(name))}"
    yield "".join(f"    {member}: {kind}\n" for member, kind in members.items() if member not in needed) + "\n\n"


def _shown(api: Api, schema: Mapping[str, Any], member: str) -> str:
    """The type of what is answered. A text of a few values is a text: values are added without a new version."""
    if "$ref" in schema:
        return model_name(_ref(schema))
    if "anyOf" in schema:
        if _is_named(schema):
            kind = api.kinds.get(member) or api.kinds.get(member.removesuffix("s"))
            return f"str | {model_name(kind) if kind else 'Model'}"
        (inner,) = [one for one in schema["anyOf"] if one.get("type") != "null"]
        return f"{_shown(api, inner, member)} | None"
    if schema.get("type") == "array":
        return f"tuple[{_shown(api, schema['items'], member)}, ...]"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"Mapping[str, {_shown(api, inner, member) if isinstance(inner, dict) else 'Any'}]"
    if schema.get("type") == "string":
        return {"date": "date", "date-time": "datetime"}.get(schema.get("format", ""), "str")
    return {"integer": "int", "boolean": "bool", "number": "float", "null": "None"}.get(schema.get("type", ""), "Any")


def _parser(schema: Mapping[str, Any]) -> str:
    """What reads it, `same` where nothing has to."""
    if "$ref" in schema:
        return f"{model_name(_ref(schema))}.of"
    if "anyOf" in schema:
        if _is_named(schema):
            return "named"
        return next(_parser(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        inner = _parser(schema["items"])
        return f"many({inner})"
    return {"date": "day", "date-time": "moment"}.get(schema.get("format", ""), "same")


def _is_named(schema: Mapping[str, Any]) -> bool:
    """An id, or the object of it."""
    return [one.get("type") for one in schema["anyOf"]] == ["string", "object"]


def _taken(schema: Mapping[str, Any], prefix: str = "") -> str:
    """The type of what is sent; `prefix` is where the typed dictionaries are. None stands for what is left out."""
    if "$ref" in schema:
        return f"{prefix}{_ref(schema)}"
    if "anyOf" in schema:
        kinds = [_taken(one, prefix) for one in schema["anyOf"] if one.get("type") != "null"]
        return " | ".join(kinds)
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if schema.get("type") == "array":
        return f"Sequence[{_taken(schema['items'], prefix)}]"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"Mapping[str, {_taken(inner, prefix) if isinstance(inner, dict) else 'Any'}]"
    if schema.get("type") == "string":
        return _text_taken(schema)
    return {"integer": "int", "boolean": "bool", "number": "float"}.get(schema.get("type", ""), "Any")


def _text_taken(schema: Mapping[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return "bytes | str"
    if schema.get("format") == "date-time" or _is_day(schema):
        return "datetime | date | str"
    return "date | str" if schema.get("format") == "date" else "str"


def _is_day(schema: Mapping[str, Any]) -> bool:
    """A parameter of a time is described by a pattern, since a day and a moment will do."""
    return "pattern" in schema and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", str(next(iter(schema.get("examples", [])), ""))))


# ------------------------------------------------------------------------------------------------------------ resources


def resources(api: Api, *, asynchronous: bool) -> Iterator[str]:
    """A class for each resource, those in others first, and `Resources`, which has them all."""
    transport = "AsyncTransport" if asynchronous else "Transport"
    for node in _inner_first(api.root):
        yield f"class {node.class_name}:\n    "
        yield f'"""/v1/{"/".join(node.path)}"""\n\n' if node.path else '"""All resources."""\n\n'
        yield f"    def __init__(self, transport: {transport}) -> None:\n        self._transport = transport\n"
        yield "".join(f"        self.{name} = {child.class_name}(transport)\n" for name, child in node.children.items())
        for one in node.operations:
            yield "\n" + operation(api, one, asynchronous=asynchronous)
        yield "\n\n"


def _inner_first(node: Node) -> Iterator[Node]:
    for child in node.children.values():
        yield from _inner_first(child)
    yield node


def operation(api: Api, one: Operation, *, asynchronous: bool) -> str:
    """A method."""
    positional = [f"{attribute(name)}: {'str' if 'enum' not in schema else _taken(schema)}" for name, schema in one.in_path]
    named = [*_members_taken(api, one), *_query_taken(one)]
    if one.method == "POST":
        named.append("idempotency_key: str | None = None")
    signature = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    gives = "Download" if one.gives is None else f"models.{model_name(one.gives)}"
    if one.is_list:
        gives = f"{'AsyncPage' if asynchronous else 'Page'}[{gives}]"
    sends = "file" if one.gives is None else "page" if one.is_list else "one"
    model_sent = "" if one.gives is None else f", models.{model_name(one.gives)}"
    awaits, begins = ("await ", "async def") if asynchronous else ("", "def")
    return (
        f"    {begins} {one.name}({signature}) -> {gives}:\n{_method_docstring(api, one)}"
        f"        return {awaits}self._transport.{sends}({_request(api, one)}{model_sent})\n"
    )


def _members_taken(api: Api, one: Operation) -> list[str]:
    if one.takes is None:
        return []
    schema = api.schemas[one.takes]
    needed = schema.get("required", [])
    found = {}
    for member, shape in schema.get("properties", {}).items():
        may_be_null = any(inner.get("type") == "null" for inner in shape.get("anyOf", ()))
        assert not may_be_null or shape.get("default", "") is None, f"{one.takes}.{member}: null would not mean what is left out"
        kind = _taken(shape, "models.")
        found[member] = f"{attribute(member)}: {kind}" if member in needed else f"{attribute(member)}: {kind} | None = None"
    return sorted(found.values(), key=lambda text: text.endswith("= None"))


def _query_taken(one: Operation) -> list[str]:
    found = []
    for parameter in one.query:
        schema, name = parameter["schema"], attribute(parameter["name"].removesuffix("[]"))
        if schema.get("type") == "array":
            literal = _taken(schema["items"])
            kind = f"{literal} | Sequence[{literal}]"
        else:
            kind = _taken(schema)
        found.append(f"{name}: {kind}" if parameter["required"] else f"{name}: {kind} | None = None")
    return sorted(found, key=lambda text: text.endswith("= None"))


def _request(api: Api, one: Operation) -> str:
    path = one.path
    for name, _ in one.in_path:
        path = path.replace(f"{{{name}}}", f"{{segment({attribute(name)})}}")
    parts = [repr(one.method), f"f{path!r}" if one.in_path else repr(path)]
    if one.query:
        entries = ", ".join(f"{each['name']!r}: {_query_value(each)}" for each in one.query)
        parts.append(f"query=given({{{entries}}})")
    if one.takes is not None:
        members = ", ".join(f"{member!r}: {attribute(member)}" for member in api.schemas[one.takes].get("properties", {}))
        parts.append(f"body=given({{{members}}})" if members else "body={}")
    if one.method == "POST":
        parts.append("key=idempotency_key")
    return f"Request({', '.join(parts)})"


def _query_value(parameter: Mapping[str, Any]) -> str:
    name = attribute(parameter["name"].removesuffix("[]"))
    return f"listed({name})" if parameter["schema"].get("type") == "array" else name


def _method_docstring(api: Api, one: Operation) -> str:
    """What it does, and what is said of each thing that it takes."""
    lines = [one.summary.removesuffix(".") + "."]
    lines[0] += " Raises Declined where the answer is no." if one.may_fail else ""
    said = [(attribute(each["name"].removesuffix("[]")), each.get("description", "")) for each in one.query]
    if one.takes is not None:
        schema = api.schemas[one.takes]
        if schema.get("description") and schema.get("properties"):
            lines.append(schema["description"])
        for member, shape in schema.get("properties", {}).items():
            inner = next((each for each in shape.get("anyOf", ()) if each.get("type") != "null"), shape)
            said.append((attribute(member), shape.get("description") or inner.get("description", "")))
    text = "\n\n".join(textwrap.fill(" ".join(line.split()), 116) for line in lines)
    told = "\n".join(textwrap.fill(f"{name}: {' '.join(what.split())}", 116, subsequent_indent="    ") for name, what in said if what)
    return _docstring_block(text + (f"\n\n{told}" if told else ""), 8)


def _docstring(text: str, *, fallback: str) -> str:
    return _docstring_block(textwrap.fill(" ".join((text or fallback).split()), 120), 4) + "\n"


def _docstring_block(text: str, indent: int) -> str:
    safe = text.replace("\\", "\\\\").replace('"""', "'''")
    safe += " " if safe.endswith('"') else ""
    body = f'"""{safe}"""' if "\n" not in safe else f'"""{safe}\n"""'
    return textwrap.indent(body, " " * indent) + "\n"


def _words(name: str) -> str:
    text = re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
    return f"{text[0].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(main())
