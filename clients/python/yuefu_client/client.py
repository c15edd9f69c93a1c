"""The two clients. Their resources are attributes that are made from the description of the API: `client.orders`, `client.loans`, …"""

from __future__ import annotations

from types import TracebackType

import httpx

from yuefu_client.generated import async_resources, resources
from yuefu_client.generated.models import API_VERSION
from yuefu_client.retrying import Retrying
from yuefu_client.transport import AsyncTransport, Connection, Transport


class Yuefu(resources.Resources):
    """Asks as whom a key belongs to. `version` is that of the API, by default the one which the models are made for. `timeout` is in
    seconds, for each try; `retries` says how often a request is sent again that nobody answered, or that was asked to come back.

    One client serves all threads of a program. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        version: str = API_VERSION,
        timeout: float = 30.0,
        retries: int | Retrying = 2,
        http: httpx.Client | None = None,
    ) -> None:
        retrying = retries if isinstance(retries, Retrying) else Retrying(most=retries)
        self._http = http or httpx.Client(timeout=timeout, follow_redirects=False)
        super().__init__(Transport(Connection(api_key, base_url, version, retrying), self._http))

    def close(self) -> None:
        """Gives its connections back."""
        self._http.close()

    def __enter__(self) -> Yuefu:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncYuefu(async_resources.Resources):
    """The same for an event loop: every method is awaited, and a list is walked with `async for`."""

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        version: str = API_VERSION,
        timeout: float = 30.0,
        retries: int | Retrying = 2,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        retrying = retries if isinstance(retries, Retrying) else Retrying(most=retries)
        self._http = http or httpx.AsyncClient(timeout=timeout, follow_redirects=False)
        super().__init__(AsyncTransport(Connection(api_key, base_url, version, retrying), self._http))

    async def close(self) -> None:
        """Gives its connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncYuefu:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
