"""How much memory there is, and what of it the database gets."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psutil

_MB: Final = 2**20
_CONTAINER: Final = Path("/sys/fs/cgroup/memory.max")


def there_is(*, container: Path = _CONTAINER) -> int:
    """Bytes of memory for all that runs here: what the machine has, or less where a container is held to less."""
    found = [psutil.virtual_memory().total]
    with contextlib.suppress(OSError, ValueError):  # no such file outside of containers; "max" where there is no limit
        found.append(int(container.read_text()))
    return min(found)


def shared_buffers_mb(bytes_of_memory: int) -> int:
    """Megabytes of `shared_buffers`: an eighth of the memory, because the server and the workers are on the same machine; at least what
    PostgreSQL begins with, and at most 1 GB. With 256 MB a checkout at full speed had its sessions write pages out to make room for new ones.
    """
    return min(max(bytes_of_memory // 8 // _MB, 128), 1024)
