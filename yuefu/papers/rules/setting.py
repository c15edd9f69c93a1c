"""How any paper is set: what it says as plain values, and typst at work on them. Pure, as `pages` says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.papers.rules import typesetter
from yuefu.papers.rules.wording import text
from yuefu.plans.offer.wording import Language

MOST_LINES_HERE: Final = 200
"""A paper of more lines is set by a process of its own."""


def figure(money: Money) -> str:
    """With grouped thousands and a true minus; nothing is a dash."""
    if not money.minor:
        return "–"
    whole, point, decimals = Money(abs(money.minor), money.currency).decimal_text().partition(".")
    return f"{'−' if money.minor < 0 else ''}{int(whole):,}{point}{decimals}"


def row(kind: str, cells: Sequence[str]) -> dict[str, Any]:
    return {"kind": kind, "cells": list(cells)}


def section(
    heading: str,
    fields: Sequence[Sequence[str]],
    columns: Sequence[dict[str, Any]] = (),
    rows: Sequence[dict[str, Any]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    return {"heading": heading, "fields": list(fields), "columns": list(columns), "rows": list(rows), "notes": list(notes)}


def typeset(language: Language, *, code: Sequence[Sequence[str]] = (), wide: bool = False, tagged: bool = True, **paper: Any) -> bytes:
    """The paper, set. Everything in it is text by now. `tagged`: with what a screen reader goes by, which in a long table is most of the file."""
    plain = {
        "language": language,
        "wide": wide,
        "code": list(code),
        "page": text("page", language, page="{page}", pages="{pages}"),
        **paper,
    }
    said = json.dumps(plain, ensure_ascii=False)
    lines = sum(len(section["rows"]) for section in paper["sections"])
    return (typesetter.apart if lines > MOST_LINES_HERE else typesetter.here)(said, tagged=tagged)
