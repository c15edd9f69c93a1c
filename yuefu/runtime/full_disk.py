"""A full disk, named: what the driver says of it is seldom the cause.

A server that can write neither a page nor its log refuses the statement (53100), or ends all connections and recovers, or is gone: its
clients hear of a closed connection, of recovery, or of a missing socket. The true cause stands in its log, and on the disk.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
from django.db import InterfaceError, OperationalError

from yuefu.runtime.beside import Ended
from yuefu.runtime.cluster_home import disk_full, has_room, log_tail, no_space_left

LOG_BYTES_READ: Final = 256 * 1024
"""A server that ends itself first writes down the statements it was at; the reason stands before them."""


@contextlib.contextmanager
def named(home: Path) -> Iterator[None]:
    """What fails in the block because the disk of the server in `home` is full is raised as ClusterError DISK_FULL, however it was told."""
    try:
        yield
    except Exception as error:
        if _is_outage(error) and _is_full(home):
            raise disk_full(home, "it is full") from error
        raise


def _is_outage(error: BaseException) -> bool:
    kinds = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError, Ended)
    return any(isinstance(each, kinds) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _is_full(home: Path) -> bool:
    """By its free space, or by what the server said since it was last started: when it gave up, it gave back what it had half written."""
    if not has_room(home):
        return True
    said = re.split(r"LOG: +starting PostgreSQL", log_tail(home, LOG_BYTES_READ))[-1]
    return no_space_left(said)
