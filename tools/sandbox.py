"""Writes the tables of docs/sandbox.md and of its Chinese: how people of the sandbox behave, and what its channel does."""

import inspect
import re
from pathlib import Path

from yuefu.payments.gateways import sandbox, sandbox_mandates
from yuefu.sandbox.rules import fixtures

DOCS = Path(__file__).resolve().parents[1] / "docs"
TARGETS = (DOCS / "sandbox.md", DOCS / "sandbox.zh-CN.md")


def behaviours() -> str:
    """Every behaviour with what it does, in both languages, and the reasons of a decline."""
    rows = [
        f"| `{one.name}` | {one.en} | {one.zh} | {', '.join(f'`{code}`' for code in one.reasons) or 'approved'} |"
        for one in fixtures.BEHAVIOURS.values()
    ]
    return "\n".join(["| behaviour | what happens | 说明 | an order |", "|---|---|---|---|", *rows])


def behaviours_in_chinese() -> str:
    """The same for who reads Chinese only."""
    rows = [
        f"| `{one.name}` | {one.zh} | {'、'.join(f'`{code}`' for code in one.reasons) or '通过'} |" for one in fixtures.BEHAVIOURS.values()
    ]
    return "\n".join(["| 行为 | 会发生什么 | 下单结果 |", "|---|---|---|", *rows])


def instruments() -> str:
    """What the gateways say of themselves."""
    told = [_table(inspect.getdoc(module) or "") for module in (sandbox, sandbox_mandates)]
    return "\n\n".join(f"```\n{one}\n```" for one in told)


def _table(said: str) -> str:
    """The lines of a docstring that stand in columns."""
    lines = said.splitlines()
    first = next(i for i, line in enumerate(lines) if re.match(r"(collections|signing) {2,}", line))
    last = next(i for i, line in enumerate(lines) if i > first and re.match(r"(A collection|Held)", line))
    return "\n".join(lines[first:last]).strip()


def written(text: str) -> str:
    """The page with its tables as they are."""
    for name, table in (("behaviours", behaviours()), ("行为", behaviours_in_chinese()), ("instruments", instruments())):
        head = f"<!-- {name}: written by tools/sandbox.py -->"
        text = re.sub(rf"{re.escape(head)}.*?<!-- end -->", lambda _, h=head, t=table: f"{h}\n{t}\n<!-- end -->", text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for target in TARGETS:
        target.write_text(written(target.read_text(encoding="utf-8")), encoding="utf-8")
