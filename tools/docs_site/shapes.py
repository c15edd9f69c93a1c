"""What a schema of the description looks like in a table, and an example of it."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from docs_site.languages import Wording
from docs_site.text import inline

Schema = dict[str, Any]
_ID = re.compile(r"\^([a-z]+)_\[0-7\]")
_REF = "#/components/schemas/"
_MOMENT, _DAY = "2026-11-28T02:00:00Z", "2026-11-28"
_AMOUNTS = ("amount", "total", "net", "fee", "balance", "principal", "cost", "price")

EXAMPLES: dict[str, Any] = {
    "NewPieces": {"line": 1, "quantity": 1},
    "NewCapture": {"amount": 19900},
    "NewRefund": {"amount": 5000},
    "NewCheckoutSession": {
        "merchant_reference": "A-1001",
        "amount": 19900,
        "currency": "CNY",
        "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart",
    },
    "NewQuote": {"product": "free", "amount": 19900, "currency": "CNY", "periods": 3, "consumer": "csm_01h455vb4pex5vsknk084sn02q"},
    "NewEndpoint": {"url": "https://shop.example/yuefu", "enabled_events": ["payment.*"]},
    "EndpointChange": {"disabled": False},
    "NewReplay": {"created_from": "2026-11-01T00:00:00Z", "created_before": "2026-11-02T00:00:00Z", "only_failed": True},
    "NewEvidence": {"kind": "other", "text": "SF1234567890"},
    "NewKey": {"scopes": ["order.read", "order.capture"], "expires_in_days": 90},
    "KeyChange": {"networks": ["203.0.113.0/24"]},
    "NewQrCodeBody": {"checkout_session": "chk_01h455vb4pex5vsknk084sn02q"},
    "NewTestClock": {"frozen_time": "2026-10-15T12:00:00+08:00", "name": "late payers"},
    "ClockAdvance": {"frozen_time": "2026-11-15T12:00:00+08:00"},
    "NewTestConsumer": {"email": "consumer+approved@test.example"},
    "NewRepayment": {"instrument": "wallet:sandbox", "amount": 6633, "currency": "CNY"},
}
"""Bodies that say more than the first value of each member would."""


class Shapes:
    """The schemas of the description, in the words of a language."""

    def __init__(self, schemas: dict[str, Schema], say: Wording) -> None:
        self.schemas, self.say = schemas, say

    def type_of(self, schema: Schema, objects: str) -> str:
        """HTML of a type; objects lead to their place on the page `objects`."""
        words = self.say.language.says
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            return f'<a href="{objects}#{name}">{name}</a>'
        if "anyOf" in schema:
            return words["or"].join(dict.fromkeys(self.type_of(one, objects) for one in schema["anyOf"]))
        if "const" in schema:
            return f"<code>{escape(json.dumps(schema['const'], ensure_ascii=False))}</code>"
        if "enum" in schema:
            return " · ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
        if prefix := _ID.match(schema.get("pattern", "")):
            return f"<code>{prefix[1]}_…</code>"
        kind = schema.get("type", "any")
        if kind == "array":
            return words["array"].format(self.type_of(schema.get("items", {}), objects)) + _bounds(schema, "minItems", "maxItems")
        if kind == "object" and schema.get("additionalProperties"):
            return words["map"]
        return f"{schema.get('format', kind)}{_bounds(schema, 'minLength', 'maxLength')}{_bounds(schema, 'minimum', 'maximum')}"

    def told(self, schema: Schema) -> str:
        """What a schema says of itself, its default included."""
        text = schema.get("description") or next((one["description"] for one in schema.get("anyOf", ()) if "description" in one), "")
        said = inline(self.say(text)) if text else ""
        if schema.get("default") not in (None, "", [], {}):
            said += f" {self.say.language.says['default']} <code>{escape(json.dumps(schema['default']))}</code>"
        return said

    def mark(self, required: bool) -> str:
        """What stands beside the name of what has to be given."""
        return f" <small>{self.say.language.says['required']}</small>" if required else ""

    def members(self, name: str, objects: str) -> str:
        """The table of the members of an object."""
        words, schema = self.say.language.says, self.schemas[name]
        properties = schema.get("properties", {})
        if not properties:
            return f"<p>{words['no_members']}</p>"
        required = schema.get("required", ()) if self.is_taken(name) else ()
        rows = "".join(
            f"<tr><td><code>{escape(member)}</code>{self.mark(member in required)}</td>"
            f"<td>{self.type_of(one, objects)}</td><td>{self.told(one)}</td></tr>\n"
            for member, one in properties.items()
        )
        head = f"<tr><th>{words['member']}</th><th>{words['type']}</th><th>{words['about']}</th></tr>"
        return f'<div class="table"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'

    def is_taken(self, name: str) -> bool:
        """Whether it is a body that is sent, which has nothing unknown in it."""
        return self.schemas[name].get("additionalProperties") is False

    def example(self, name: str) -> Any:
        """An object as it may look: of a body only what has to be there, or what EXAMPLES has for it."""
        if name in EXAMPLES:
            return EXAMPLES[name]
        return self._value({"$ref": _REF + name}, name, 0)

    def _value(self, schema: Schema, member: str, depth: int) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            whole = self.schemas[name]
            wanted = whole.get("required", ()) if self.is_taken(name) else whole.get("properties", ())
            if depth > 5:
                return {}
            return {key: self._value(whole["properties"][key], key, depth + 1) for key in wanted}
        for known in ("examples", "const", "enum"):
            if known in schema:
                return schema[known] if known == "const" else schema[known][0]
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0], member, depth)
        if schema.get("type") == "array":
            return [self._value(schema["items"], member, depth + 1)] if depth < 5 else []
        return _plain(schema, member)


def _plain(schema: Schema, member: str) -> Any:
    kind = schema.get("type")
    if schema.get("format") == "date-time":
        return _MOMENT
    if schema.get("format") == "date":
        return _DAY
    if kind == "integer":
        usual = 19900 if any(word in member for word in _AMOUNTS) else 1
        return max(usual, schema.get("minimum", usual))
    if kind == "object":
        return {}
    return {"boolean": False, "number": 1.0, "null": None}.get(str(kind), "…" if member != "currency" else "CNY")


def _bounds(schema: Schema, low: str, high: str) -> str:
    if low not in schema and high not in schema:
        return ""
    if low not in schema:
        return f" ≤ {schema[high]:,}"
    return f" ≥ {schema[low]:,}" if high not in schema else f" {schema[low]:,}–{schema[high]:,}"
