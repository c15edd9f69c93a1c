"""How much room the log of changes gets on disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_MB: Final = 2**20
LEAST_MB: Final = 2 * 1024
MOST_MB: Final = 8 * 1024


def free_bytes(home: Path) -> int:
    """What is free on the disk of `home`; 0 of one that cannot be asked."""
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return 0


def max_wal_mb(free: int) -> int:
    """Megabytes of `max_wal_size`: a twelfth of what is free, from 2 to 8 GB. After each checkpoint every page that changes is logged whole, and two
    days of a million loans write 4 GB: with 2 GB there were three checkpoints in the midst of them, and a third more of log.
    """
    return min(max(free // 12 // _MB, LEAST_MB), MOST_MB)
