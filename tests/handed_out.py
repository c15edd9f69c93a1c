"""Events are handed out once no transaction runs that began before theirs, of whichever database of the server: other tests have some too."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from yuefu.ids import IdSource
from yuefu.journeys.webhooks import telling
from yuefu.runtime import sql

_PATIENCE_S: Final = 30.0
_LEFT: Final = (
    "SELECT EXISTS (SELECT FROM runtime_outbox AS o LEFT JOIN runtime_cursor AS c ON c.name = %s"
    " WHERE c.name IS NULL OR (o.epoch, o.xid, o.id) > (c.epoch, c.xid::xid8, coalesce(c.row_id, '00000000-0000-0000-0000-000000000000')))"
)


def tell_all(*, now: datetime, ids: IdSource) -> None:
    """Tells merchants all that has happened, waiting for what may not be told yet."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        while telling.tell(now=now, ids=ids):
            pass
        if not sql.value(_LEFT, [telling.READER]):
            return
        assert time.monotonic() < until, "an event is not handed out: a transaction that began before it does not end"
        time.sleep(0.01)
