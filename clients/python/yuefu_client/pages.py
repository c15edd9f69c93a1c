"""Pages of lists. To iterate over one goes on over all that follow it; what is added to the list meanwhile stands before the first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yuefu_client.decoding import Answer, Model
from yuefu_client.requests import Request

if TYPE_CHECKING:
    from yuefu_client.transport import AsyncTransport, Transport

M = TypeVar("M", bound=Model)


class _Read(Generic[M]):
    """What was answered: `data` is what stands on this page, newest first; `has_more` says whether there is another."""

    def __init__(self, request: Request, model: type[M], raw: Mapping[str, Any], answer: Answer) -> None:
        self.raw, self.answer = raw, answer
        self.has_more: bool = raw.get("has_more") is True
        self.data: tuple[M, ...] = tuple(model.of(one) for one in raw.get("data", ()))
        self._request, self._model = request, model

    @property
    def _upwards(self) -> bool:
        """Whether it goes on towards newer ones, as `ending_before` asks."""
        return self._request.query.get("ending_before") is not None

    @property
    def _in_turn(self) -> tuple[M, ...]:
        """What stands here in the order in which the list is walked."""
        return self.data[::-1] if self._upwards else self.data

    def _following(self) -> Request | None:
        """What the next page is asked with."""
        if not self.has_more or not self.data:
            return None
        last = str(self._in_turn[-1].raw["id"])
        return self._request.also(ending_before=last) if self._upwards else self._request.also(starting_after=last)


class Page(_Read[M]):
    """`for order in client.orders.list(state="authorised"): …`"""

    def __init__(self, transport: Transport, request: Request, model: type[M], raw: Mapping[str, Any], answer: Answer) -> None:
        super().__init__(request, model, raw, answer)
        self._transport = transport

    def next_page(self) -> Page[M] | None:
        """The page that follows, None after the last."""
        following = self._following()
        return self._transport.page(following, self._model) if following else None

    def __iter__(self) -> Iterator[M]:
        page: Page[M] | None = self
        while page is not None:
            yield from page._in_turn  # noqa: SLF001 - a page of the same list
            page = page.next_page()


class AsyncPage(_Read[M]):
    """`async for order in await client.orders.list(state="authorised"): …`"""

    def __init__(self, transport: AsyncTransport, request: Request, model: type[M], raw: Mapping[str, Any], answer: Answer) -> None:
        super().__init__(request, model, raw, answer)
        self._transport = transport

    async def next_page(self) -> AsyncPage[M] | None:
        """The page that follows, None after the last."""
        following = self._following()
        return await self._transport.page(following, self._model) if following else None

    async def __aiter__(self) -> AsyncIterator[M]:
        page: AsyncPage[M] | None = self
        while page is not None:
            for one in page._in_turn:  # noqa: SLF001 - a page of the same list
                yield one
            page = await page.next_page()
