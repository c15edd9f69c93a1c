"""The ASGI application that granian serves: the API in the event loop, the pages and probes of Django in threads."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from yuefu.runtime import logs

logs.configure()
pages = get_wsgi_application()
if settings.SECRET_KEY == settings.NO_SECRET:
    raise SystemExit(
        "The secret of sessions and signed links is the one that everybody can read: the settings were loaded before there was one."
    )

from yuefu.api.application import Api, Receive, Scope, Send  # noqa: E402 - Django has to be set up first

API: Final = "/v1"


class Front:
    """Sends each request where it belongs. The API lives as long as the server's process."""

    def __init__(self, api: Api, pages: Any, *, threads: int) -> None:
        self._api = api
        self._pages = WSGIMiddleware(pages, workers=threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            path = scope["path"]
            if path == API or path.startswith(f"{API}/"):
                await self._api(scope, receive, send)
            else:
                await self._pages(scope, _as_coroutine(receive), send)  # type: ignore[arg-type]

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._api.begin()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._api.end()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _as_coroutine(receive: Receive) -> Receive:
    """What the bridge to WSGI asks in another thread has to be a coroutine; the server gives a future, which is none."""

    async def received() -> MutableMapping[str, Any]:
        return await receive()

    return received


application = Front(Api(), pages, threads=int(os.environ.get("YUEFU_THREADS", "4")))
