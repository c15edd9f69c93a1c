"""The demo: a test book that anybody may look at, and the logins to try. Off unless the installation says YUEFU_DEMO=1."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from yuefu.runtime import books
from yuefu.runtime.values import Book


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """A login of the demo world. Its password is no secret."""

    role: str
    login: str
    password: str


def is_on() -> bool:
    """Whether this installation shows its demo book to everybody."""
    return bool(getattr(settings, "YUEFU_DEMO", os.environ.get("YUEFU_DEMO") == "1"))


def book() -> Book | None:
    """The book that everybody may look at: the latest test book. A live book is never shown, whatever the settings."""
    if not is_on():
        return None
    return next((found for found in reversed(books.all_books()) if found.mode == "test"), None)


def logins() -> list[DemoLogin]:
    """The logins that the demo wrote down; none outside the demo, or where its file is absent or not what it should be."""
    if not is_on():
        return []
    try:
        content = json.loads((Path(settings.YUEFU_HOME) / "demo" / "logins.json").read_text(encoding="utf-8"))
        return [DemoLogin(str(item["role"]), str(item["login"]), str(item["password"])) for item in content]
    except (OSError, ValueError, KeyError, TypeError):
        return []
