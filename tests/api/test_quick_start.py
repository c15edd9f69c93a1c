"""The quick start of the documentation, pasted from its page into a shell, against the real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import Merchant

REPOSITORY = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(setup|sh|answer)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BETWEEN = "---- the next block ----"


def blocks_of(language: str) -> list[tuple[str, str]]:
    page = (REPOSITORY / "docs" / "site" / language / "quick-start.md").read_text("utf-8")
    return [(kind, text) for kind, text in _BLOCK.findall(page)]


def test_what_is_pasted_does_what_the_page_says(regular: Merchant) -> None:
    blocks = blocks_of("en")
    assert blocks[0][0] == "setup"
    assert f"export YUEFU_URL=http://127.0.0.1:8000\nexport YUEFU_API_KEY=$({'.venv/bin/yuefu'} key issue" in blocks[0][1]
    commands = [text for kind, text in blocks if kind == "sh"]
    script = f"echo '{_BETWEEN}'\n".join(commands)
    given = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "YUEFU_URL": f"http://127.0.0.1:{_port(regular)}",
        "YUEFU_API_KEY": regular.issued.secret,
        "no_proxy": "*",
    }
    ran = subprocess.run(["bash", "-c", script], env=given, capture_output=True, text=True, timeout=60)
    assert not ran.stderr
    said = [part.strip() for part in ran.stdout.split(_BETWEEN)]
    answers = _answers(blocks)
    assert len(said) == len(commands) == len(answers)
    for found, wanted in zip(said, answers, strict=True):
        if wanted is not None:
            pattern = ".*".join(re.escape(part) for part in wanted.strip().split("…"))
            assert re.fullmatch(pattern, re.sub(r"\n+", "\n", found), re.DOTALL), f"{found}\nis not\n{wanted}"


def _answers(blocks: list[tuple[str, str]]) -> list[str | None]:
    """What the page says of each block of commands, None where it says nothing."""
    following = [*blocks[1:], ("", "")]
    return [
        after if kind_after == "answer" else None for (kind, _), (kind_after, after) in zip(blocks, following, strict=True) if kind == "sh"
    ]


def _port(merchant: Merchant) -> int:
    return int(merchant.ask_with.__self__.port)  # type: ignore[attr-defined]


def test_both_languages_have_the_same_commands() -> None:
    assert blocks_of("en") == blocks_of("zh")


@pytest.mark.parametrize(
    ("address", "begins"), [("/docs/", "<!doctype html>"), ("/docs/zh/errors.html", "<!doctype html>"), ("/docs/openapi.json", "{")]
)
def test_the_server_serves_the_documentation(regular: Merchant, address: str, begins: str) -> None:
    reply = regular.ask_with("GET", address)
    assert reply.status == 200
    assert reply.raw.decode().startswith(begins)
    assert "max-age" in reply.headers["cache-control"]
    assert "script-src 'self'" in reply.headers["content-security-policy"]
