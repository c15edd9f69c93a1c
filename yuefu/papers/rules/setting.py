"""How any paper is set: what it says as plain values, and typst at work on them. Pure, as `pages` says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.papers.rules.wording import text
from yuefu.plans.offer.wording import Language

_TEMPLATE: Final = Path(__file__).with_name("paper.typ")
_one_at_a_time: Final = Lock()


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
    with _one_at_a_time:  # the typesetter refuses a second thread while it is at work
        found = _compiler().compile(input=_TEMPLATE.read_bytes(), format="pdf", sys_inputs={"paper": said}, timestamp=0, pdf_tags=tagged)
    assert isinstance(found, bytes), "a paper is one file"
    return found


@cache
def _compiler() -> Any:
    """Loaded where a paper is asked for and nowhere else; its fonts are read once."""
    import pylopdf_fonts_zh_cn as fonts
    import typst

    return typst.Compiler(font_paths=[str(fonts.sans_path().parent)], ignore_system_fonts=True)
