"""Writes clients/js/yuefu.min.js: clients/js/yuefu.js without its comments, indentation and most ends of lines. Names stay, so it can still be read.

It knows no JavaScript beyond that: a comment stands on lines of its own, or behind a semicolon; no text spans lines but the style sheet.
`--check` writes nothing and ends with 1 where the file is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[1] / "clients" / "js" / "yuefu.js"
TARGET: Final = SOURCE.with_name("yuefu.min.js")


def squeezed(source: str) -> str:
    """The same script, shorter."""
    without = re.sub(r"^\s*/\*\*.*?\*/\s*$", "", source, flags=re.DOTALL | re.MULTILINE)
    without = re.sub(r"^\s*//.*$|(?<=;) // .*$", "", without, flags=re.MULTILINE)
    lines = [line.strip() for line in without.splitlines()]
    text = "\n".join(line for line in lines if line)
    return "/* Yuefu, Apache-2.0 */\n" + re.sub(r"(?<=[{(\[,;])\n", "", text) + "\n"


def main() -> int:
    """0 where the file is as it should be."""
    text = squeezed(SOURCE.read_text(encoding="utf-8"))
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        print("clients/js/yuefu.min.js is stale; run python tools/squeeze_js.py.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
