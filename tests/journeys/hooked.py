"""A shop whose merchants have webhook endpoints, with a clock of the world that a test moves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.handed_out import tell_all
from tests.journeys.conftest import Shop, shop_opened
from tests.notices.receivers import NETWORKS, Receiver
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys.webhooks import changing, delivering
from yuefu.journeys.webhooks.delivering import Deliverer
from yuefu.notices.commands.webhooks import ChangeEndpoint, Created, CreateEndpoint
from yuefu.notices.queries import webhooks
from yuefu.notices.queries.webhooks import Delivery
from yuefu.notices.rules.webhooks.endpoints import Endpoint
from yuefu.notices.rules.webhooks.events import PublicEvent
from yuefu.notices.rules.webhooks.targets import Where, networks_of
from yuefu.runtime import sql
from yuefu.runtime.paging import Span
from yuefu.runtime.vault import Vault

WHERE = Where(is_live=False, networks=networks_of(NETWORKS))
ALL = Span(1_000)


@dataclass
class Hooked:
    """`now` is the clock of the world, which endpoints are called by; the shop has its own."""

    shop: Shop
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    ids: IdSource = field(default_factory=lambda: IdSource(secrets.randbits))

    def endpoint(self, url: str, *types: str, merchant: int = 0, **more: object) -> Created:
        given = {"description": "", "api_version": "2026-11-28", "payload": "full", "metadata": (), "alert_email": None} | more
        request = CreateEndpoint(
            key=f"we-{secrets.token_hex(6)}", merchant_id=self.shop.merchants[merchant], url=url, enabled_events=types or ("*",), where=WHERE, **given
        )  # fmt: skip
        (made,) = changing.create(desk=self.shop.desk, now=self.shop.now(), requests=[request])
        assert isinstance(made, Created), made
        return made

    def change(self, endpoint_id: UUID, merchant: int = 0, **what: object) -> None:
        request = ChangeEndpoint(f"c-{secrets.token_hex(6)}", self.shop.merchants[merchant], endpoint_id, WHERE, **what)  # type: ignore[arg-type]
        (outcome,) = changing.change(desk=self.shop.desk, now=self.shop.now(), requests=[request])
        assert not isinstance(outcome, Refused), outcome

    def tell(self) -> None:
        tell_all(now=self.now, ids=self.ids)

    def events(self, merchant: int = 0) -> list[PublicEvent]:
        """Newest first."""
        self.tell()
        return webhooks.page(merchant_id=self.shop.merchants[merchant], where={}, span=ALL) or []

    def deliveries(self, endpoint_id: UUID) -> list[Delivery]:
        """Newest first."""
        return webhooks.deliveries(endpoint_id=endpoint_id, where={}, span=ALL) or []

    def state(self, endpoint_id: UUID) -> Endpoint:
        return webhooks.endpoints([endpoint_id])[endpoint_id]

    def deliver(self, receiver: Callable[[], Receiver], act: Callable[[Receiver], Callable[[], bool]], *, within_s: float = 20) -> Receiver:
        """Opens a receiver, does what `act` does with it, and delivers until what it returned is so."""

        async def run() -> Receiver:
            async with receiver() as opened:
                done = await asyncio.to_thread(act, opened)
                await self.work_until(done, within_s)
                return opened

        return asyncio.run(run())

    async def work_until(self, done: Callable[[], bool], within_s: float) -> None:
        deliverer = Deliverer(vault=self.shop.desk.vault, networks=WHERE.networks, clock=lambda: self.now, chance=lambda n: 0)
        running = asyncio.create_task(deliverer.run())
        try:
            async with asyncio.timeout(within_s):
                while not await asyncio.to_thread(done):  # noqa: ASYNC110 - it asks the database
                    await asyncio.sleep(0.02)
        finally:
            deliverer.stop()
            await running

    def settled(self, endpoint_id: UUID, tries: int) -> Callable[[], bool]:
        """Whether so many tries at an endpoint are in its log."""
        return lambda: sum(one.tries for one in self.deliveries(endpoint_id)) >= tries

    def later(self, **how_much: float) -> None:
        self.now += timedelta(**how_much)


@pytest.fixture
def hooked(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooked]:
    monkeypatch.setattr(delivering, "ASK_EVERY_S", 0.05)  # its clock is moved, and nobody tells it
    opened = Hooked(shop_opened(vault, IdSource(secrets.randbits)))
    yield opened
    with sql.transacting():  # nobody delivers to it any more
        sql.run(
            "UPDATE notices_endpoint SET state = 'deleted', reason = 'asked' WHERE book_id = %s AND state <> 'deleted'",
            [opened.shop.book_id],
        )


__all__ = ["ALL", "WHERE", "Hooked", "delivering", "hooked"]
