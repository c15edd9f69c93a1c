"""Where something is sold: the stores and tills that purchases name, read together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.checkout.values import STORE_NOT_OF_CHANNEL
from yuefu.merchants.queries import stores
from yuefu.merchants.rules.stores import STORE_NOT_SELLING, TERMINAL_NOT_SELLING, Store, Terminal


class SoldAt(Protocol):
    """What names a store, or a till, which names its store."""

    @property
    def merchant_id(self) -> UUID: ...
    @property
    def channel(self) -> str: ...
    @property
    def store_id(self) -> UUID | None: ...
    @property
    def terminal_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Places:
    stores: Mapping[UUID, Store]
    terminals: Mapping[UUID, Terminal]

    @classmethod
    def of(cls, sold: Collection[SoldAt]) -> Places:
        """Nothing is read where nothing is named."""
        tills = {one.terminal_id for one in sold if one.terminal_id}
        terminals = stores.terminals(sorted(tills)) if tills else {}
        named = {one.store_id for one in sold if one.store_id} | {till.store_id for till in terminals.values()}
        return cls(stores.stores(sorted(named)) if named else {}, terminals)

    def store_of(self, sold: SoldAt) -> UUID | None:
        """The store that is named, or that of the till."""
        return self.terminals[sold.terminal_id].store_id if sold.terminal_id else sold.store_id

    def fault(self, sold: SoldAt) -> Refused | None:
        """What is not there, is closed, or is another merchant's is one and the same."""
        if sold.store_id is None and sold.terminal_id is None:
            return None
        if sold.channel != "store":
            return Refused(STORE_NOT_OF_CHANNEL, "only what is sold by the channel store names a store or a till", "channel")
        till = self.terminals.get(sold.terminal_id) if sold.terminal_id else None
        if sold.terminal_id and (till is None or not till.sells or till.merchant_id != sold.merchant_id):
            return Refused(TERMINAL_NOT_SELLING, "there is no such till of yours that sells", "terminal")
        if till is not None and sold.store_id not in (None, till.store_id):
            return Refused(STORE_NOT_SELLING, "the till stands in another store", "store")
        store = self.stores.get(self.store_of(sold) or UUID(int=0))
        if store is None or store.state != "active" or store.merchant_id != sold.merchant_id:
            return Refused(STORE_NOT_SELLING, "there is no such store of yours that sells", "store")
        return None
