"""Published cases by their id."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "data" / "payments_vectors.jsonl"


@cache
def _cases() -> dict[str, dict[str, Any]]:
    return {case["id"]: case for case in map(json.loads, VECTORS.read_text(encoding="utf-8").splitlines())}


def published(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is given in a case, and what is expected."""
    case = _cases()[name]
    return case["given"], case["expect"]
