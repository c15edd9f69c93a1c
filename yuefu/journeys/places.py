"""Stores and tills, opened and closed by merchants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.merchants.commands import stores
from yuefu.merchants.commands.stores import Closed, Closing, NewStore, NewTerminal
from yuefu.merchants.rules.stores import Store, Terminal
from yuefu.runtime.batch import Quarantined


def open_stores(*, desk: Desk, now: datetime, requests: Sequence[NewStore]) -> list[Store | Refused | Quarantined]:
    """Opens stores. Refusals: see `merchants.commands.stores`."""
    return in_batches(
        desk,
        now,
        "open_store",
        requests,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: stores.open_stores(work=work, stores=given)),
    )


def open_terminals(*, desk: Desk, now: datetime, requests: Sequence[NewTerminal]) -> list[Terminal | Refused | Quarantined]:
    """Puts tills into stores. Refusals: see `merchants.commands.stores`."""
    return in_batches(
        desk,
        now,
        "open_terminal",
        requests,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: stores.open_terminals(work=work, terminals=given)),
    )


def close(*, desk: Desk, now: datetime, requests: Sequence[Closing]) -> list[Closed | Refused | Quarantined]:
    """Closes stores and tills. Refusals: see `merchants.commands.stores`."""
    return in_batches(
        desk,
        now,
        "close_place",
        requests,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: stores.close(work=work, closings=given)),
    )
