"""What browser tests of the clients share: a browser's page, a key for it, and servers in this process."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from django.db import connections

from tests.api.conftest import Merchant, issue

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


def example(name: str, path: str) -> ModuleType:
    """A program of examples/, as it would be started."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def publishable(merchant: Merchant) -> str:
    return aside(lambda: issue(merchant.shop, scopes=["offer.read"], kind="publishable").secret)


def aside(act: Callable[[], T]) -> T:
    """What asks the database, in a thread of its own: where a browser is driven, this one has an event loop, in which Django asks nothing."""

    def acted() -> T:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(acted).result(60)


@contextmanager
def serving(server: Any) -> Iterator[str]:
    """The address of a server while it serves."""
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)
