"""typst at work on one paper, in this process or, for a long one, in a process that ends with it.

typst remembers the pieces of its last ten papers, in case the next one has them too: some 90 kB a line, which nothing gives back while the process lives.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

_TEMPLATE: Final = Path(__file__).with_name("paper.typ")
_SECONDS: Final = 300
_one_at_a_time: Final = Lock()


class NotSet(Exception):
    """A process that should have set a paper did not."""


def here(said: str, *, tagged: bool) -> bytes:
    """The paper that `said` (JSON) describes, as a PDF."""
    with _one_at_a_time:  # the typesetter refuses a second thread while it is at work
        found = _compiler().compile(input=_TEMPLATE.read_bytes(), format="pdf", sys_inputs={"paper": said}, timestamp=0, pdf_tags=tagged)
    assert isinstance(found, bytes), "a paper is one file"
    return found


def apart(said: str, *, tagged: bool) -> bytes:
    """The same bytes, set by a process of its own, one at a time. Raises NotSet."""
    words = [sys.executable, "-m", __name__, "tagged" if tagged else "plain"]
    with _one_at_a_time:
        done = subprocess.run(words, input=said.encode(), capture_output=True, check=False, timeout=_SECONDS)
    if done.returncode:
        raise NotSet(f"The typesetter ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


@cache
def _compiler() -> Any:
    """Loaded where a paper is asked for and nowhere else; its fonts are read once."""
    import pylopdf_fonts_zh_cn as fonts
    import typst

    return typst.Compiler(font_paths=[str(fonts.sans_path().parent)], ignore_system_fonts=True)


if __name__ == "__main__":
    sys.stdout.buffer.write(here(sys.stdin.buffer.read().decode(), tagged=sys.argv[1] == "tagged"))
