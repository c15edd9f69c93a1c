"""How requests travel: twice the same loop, one of which waits in an event loop. All that they decide is in `retrying`."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TypeVar

import httpx

from yuefu_client import answers
from yuefu_client.answers import Download
from yuefu_client.decoding import Model
from yuefu_client.pages import AsyncPage, Page
from yuefu_client.requests import Request
from yuefu_client.retrying import Exchange, Retrying
from yuefu_client.version import __version__

M = TypeVar("M", bound=Model)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Connection:
    """Where the API is, and as whom it is asked."""

    def __init__(self, api_key: str, base_url: str, version: str, retrying: Retrying) -> None:
        url = httpx.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ValueError("base_url is an address such as https://pay.example")
        if url.scheme == "http" and "_live_" in api_key and url.host not in _LOOPBACK:
            raise ValueError("a live key is sent over https only")
        if not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key and api_key):
            raise ValueError("the API key was cut off, or has blanks in it")
        self.base_url = str(url).rstrip("/")
        self.retrying = retrying
        self.headers = {
            "Authorization": f"Bearer {api_key}",
            "Api-Version": version,
            "Accept": "application/json",
            "User-Agent": f"yuefu-client-python/{__version__}",
        }

    def headers_of(self, request: Request) -> dict[str, str]:
        """Those of one request. A key is sent bare, as it was given."""
        found = dict(self.headers)
        if request.content is not None:
            found["Content-Type"] = "application/json"
        if request.key is not None:
            found["Idempotency-Key"] = request.key
        return found


class Transport:
    """Sends requests, one after another or from several threads."""

    def __init__(self, connection: Connection, http: httpx.Client) -> None:
        self.connection, self.http = connection, http

    def one(self, request: Request, model: type[M]) -> M:
        """One object."""
        response = self._answer(request)
        return model.of(answers.members(response), answers.about(response))

    def page(self, request: Request, model: type[M]) -> Page[M]:
        """A page of a list."""
        response = self._answer(request)
        return Page(self, request, model, answers.members(response), answers.about(response))

    def file(self, request: Request) -> Download:
        """A file."""
        return answers.download(self._answer(request))

    def _answer(self, request: Request) -> httpx.Response:
        request = request.keyed()
        exchange = Exchange(request, self.connection.retrying, random.random)
        content, headers = request.content, self.connection.headers_of(request)
        while True:
            pause: float | None
            try:
                response = self.http.request(
                    request.method,
                    self.connection.base_url + request.path,
                    params=request.parameters,
                    content=content,
                    headers=headers,
                )
                pause = exchange.answered(response)
                if pause is None:
                    return response
            except httpx.RequestError as error:
                pause = exchange.failed(error)
            time.sleep(pause)


class AsyncTransport:
    """The same in an event loop."""

    def __init__(self, connection: Connection, http: httpx.AsyncClient) -> None:
        self.connection, self.http = connection, http

    async def one(self, request: Request, model: type[M]) -> M:
        """One object."""
        response = await self._answer(request)
        return model.of(answers.members(response), answers.about(response))

    async def page(self, request: Request, model: type[M]) -> AsyncPage[M]:
        """A page of a list."""
        response = await self._answer(request)
        return AsyncPage(self, request, model, answers.members(response), answers.about(response))

    async def file(self, request: Request) -> Download:
        """A file."""
        return answers.download(await self._answer(request))

    async def _answer(self, request: Request) -> httpx.Response:
        request = request.keyed()
        exchange = Exchange(request, self.connection.retrying, random.random)
        content, headers = request.content, self.connection.headers_of(request)
        while True:
            pause: float | None
            try:
                response = await self.http.request(
                    request.method,
                    self.connection.base_url + request.path,
                    params=request.parameters,
                    content=content,
                    headers=headers,
                )
                pause = exchange.answered(response)
                if pause is None:
                    return response
            except httpx.RequestError as error:
                pause = exchange.failed(error)
            await asyncio.sleep(pause)
