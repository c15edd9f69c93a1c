"""What tools make of the clients: small, and never of a description that would make a client which lies."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.clients.pages import ROOT
from tools import client_models

DESCRIPTION = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


def test_the_script_for_pages_is_small() -> None:
    assert len((ROOT / "clients" / "js" / "yuefu.min.js").read_bytes()) < 10_000


@pytest.mark.parametrize(
    ("schema", "member", "shape", "told"),
    [
        ("NewOrder", "note", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "null would not mean"),
        ("NewOrder", "self", {"type": "string"}, "a name of our own"),
    ],
)
def test_what_would_mislead_ends_the_tool(schema: str, member: str, shape: dict[str, Any], told: str) -> None:
    changed = copy.deepcopy(DESCRIPTION)
    changed["components"]["schemas"][schema]["properties"][member] = shape
    with pytest.raises(AssertionError, match=told):
        client_models.generated(changed)


def test_a_member_whose_name_is_taken_is_read_all_the_same() -> None:
    changed = copy.deepcopy(DESCRIPTION)
    changed["components"]["schemas"]["OrderShown"]["properties"]["from"] = {"type": "string", "format": "date"}
    changed["components"]["schemas"]["OrderShown"]["properties"]["raw"] = {"type": "string"}
    text = client_models.generated(changed)["models.py"]
    assert "    from_: date\n" in text
    assert "    raw_: str\n" in text
    assert "_renamed: ClassVar[Mapping[str, str]] = {" in text
