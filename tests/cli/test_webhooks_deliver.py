"""`yuefu webhooks deliver`: killed in the middle of a try, and told to end."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from tests.journeys.conftest import shop_opened
from tests.journeys.hooked import Hooked
from tests.notices.receivers import NETWORKS, Receiver
from yuefu.ids import IdSource
from yuefu.notices.queries import webhooks
from yuefu.runtime import sql
from yuefu.runtime import vault as vaults


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver in a thread of its own."""
    loop, ready, receiver = asyncio.new_event_loop(), threading.Event(), Receiver()

    async def live() -> None:
        async with receiver:
            ready.set()
            await asyncio.to_thread(over.wait)

    over = threading.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
    thread.start()
    assert ready.wait(20)
    yield receiver
    over.set()
    thread.join(20)


def begun() -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "yuefu.cli.main", "webhooks", "deliver"]
    return subprocess.Popen(
        program, env={**os.environ, "YUEFU_WEBHOOK_NETWORKS": NETWORKS}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def test_what_a_killed_one_had_in_hand_arrives_all_the_same_and_one_that_is_told_ends_cleanly() -> None:
    hooked = Hooked(shop_opened(vaults.load(Path(settings.YUEFU_KEYS_FILE)), IdSource(secrets.randbits)))
    with receiving() as receiver:
        made = hooked.endpoint(receiver.url("/hang"), "payment.authorized")
        hooked.shop.buy(hooked.shop.consumer())
        hooked.tell()
        first = begun()
        assert within(30, lambda: bool(receiver.seen)), "it sends"
        first.kill()
        first.wait(20)
        (delivery,) = hooked.deliveries(made.id)
        assert (delivery.state, delivery.tries) == ("waiting", 0)
        hooked.change(made.id, url=receiver.url("/answers"))
        sql.run("UPDATE notices_delivery SET due_at = now() WHERE id = %s", [delivery.id])  # its lease has ended
        second = begun()
        try:
            assert within(30, lambda: hooked.deliveries(made.id)[0].state == "delivered")
            second.terminate()
            assert second.wait(20) == 0
        finally:
            second.kill()
        assert [one.path for one in receiver.seen] == ["/hang", "/answers"]
        assert len({one.headers["webhook-id"] for one in receiver.seen}) == 1
        assert [one.outcome for one in webhooks.tries([delivery.id])[delivery.id]] == ["delivered"]
    sql.run("UPDATE notices_endpoint SET state = 'deleted', reason = 'asked' WHERE id = %s", [made.id])
