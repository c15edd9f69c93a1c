"""Handing out events: one dispatcher, woken by a notification, reads the outbox in commit order.

Delivery is at least once and says so. The reader here is the counters of this process; what merchants are told is another one, with a cursor
of its own (`webhooks.telling`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from yuefu.runtime import outbox, sql
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import EVENT_LAG, EVENTS

READER: Final = "metrics"
BATCH: Final = 1_000

log = logger(__name__)


def dispatch(now: datetime) -> int:
    """Takes the next batch of committed events and counts them. Returns how many there were; 0 when all are handed out."""
    with sql.transacting():
        taken = outbox.take(reader=READER, limit=BATCH, now=now)
        # Handled before the cursor is committed: stopped in between, they are handled again rather than never.
        for event in taken:
            EVENTS.labels(type=event.type).inc()
    if taken:
        EVENT_LAG.set(max((now - taken[-1].recorded_at).total_seconds(), 0.0))
        log.info("events dispatched", count=len(taken), newest=taken[-1].type)
    return len(taken)
