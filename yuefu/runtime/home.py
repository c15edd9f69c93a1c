"""Where an installation keeps its state: the database of its own, keys, the secret of sessions, the heads of the seals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """YUEFU_HOME, else a place of the user's own; root's home is closed to the user the database runs as, so root has another."""
    if environ.get("YUEFU_HOME"):
        return Path(environ["YUEFU_HOME"]).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/yuefu")
    return Path(environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "yuefu"
