"""The hot path goes into indexes by whole keys, also in a book that nobody has analysed: how long a batch takes does not depend on the book."""

from __future__ import annotations

import json
from pathlib import Path

from tests import fresh

LOOK_UPS = """
import sys
from tests.proofs import look_ups
look_ups.main(sys.argv[1])
"""


def test_no_look_up_reads_the_book(tmp_path: Path) -> None:
    told = json.loads(fresh.run(LOOK_UPS, str(tmp_path / "keys"), directory=tmp_path))
    assert not told, "\n".join(" | ".join(one) for one in told)
