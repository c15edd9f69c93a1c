"""Who asks: the API key of the Authorization header, looked up at most once a second in each process.

What moves money looks at the key once more in its own transaction (`journeys.desk`), so a key that was revoked meanwhile does nothing.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.access.queries import actor_for_key, out_of_force
from yuefu.access.rules import may, opens_from, secret_hash, well_formed
from yuefu.api.counter import Counter, Holder
from yuefu.api.problems import Problem
from yuefu.api.reading import Headers, header
from yuefu.merchants.queries import acting
from yuefu.runtime import sql
from yuefu.runtime.books import now_in
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import Actor

KEPT_S: Final = 1.0
_MOST_KEPT: Final = 10_000
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="yuefu"'}
_INVALID: Final = {"WWW-Authenticate": 'Bearer realm="yuefu", error="invalid_token"'}


class Doors:
    """The keys that were looked up lately, unknown ones too: bounded, so that guesses cost nothing but a look-up each. They are kept under
    a mark that means nothing outside this process.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._salt = secrets.token_bytes(16)
        self._kept: OrderedDict[bytes, tuple[float, Holder | None]] = OrderedDict()

    async def open_to(self, headers: Headers, scope: str, address: str = "", *, agents: bool = False) -> Holder:
        """The holder of a key in force that may do `scope` from an address. An agent acts for the merchant that it names, or where `agents` may ask
        for themselves for nobody. Raises Problem with 400, 401 or 403.
        """
        holder = await self._holder(headers)
        if holder is None:
            raise Problem("key_unknown", headers=_INVALID)
        if refused := out_of_force(holder.key, _now(holder)):
            raise Problem(refused.code, refused.detail, headers=_INVALID)
        if not opens_from(holder.key, address):
            raise Problem("address_not_allowed")
        if scope and not may(holder.key, scope):
            challenge = {"WWW-Authenticate": f'Bearer realm="yuefu", error="insufficient_scope", scope="{scope}"'}
            raise Problem("scope_missing", _told(scope), headers=challenge)
        return await self._acting(holder, headers, agents=agents)

    async def _acting(self, holder: Holder, headers: Headers, *, agents: bool) -> Holder:
        """The holder as the merchant for whom it acts. Asked for each time: what an agent may not any more, it may not from the next request on."""
        named = header(headers, b"on-behalf-of")
        if holder.key.held_by != "agent":
            if named:
                raise Problem("not_an_agent")
            return holder
        if not named:
            if agents:
                return holder
            raise Problem("merchant_not_named")
        agent = holder.key.merchant_id
        try:
            merchant = ids.parse("merchant", named[0].decode("latin-1") if len(named) == 1 else "")
        except ids.BadId as error:
            raise Problem("merchant_not_yours") from error
        if not await self._counter.look(holder, lambda: _acts_for(agent, merchant)):
            raise Problem("merchant_not_yours")
        return Holder(replace(holder.key, merchant_id=merchant), holder.book, through=agent)

    async def _holder(self, headers: Headers) -> Holder | None:
        given = header(headers, b"authorization")
        mark = blake2b(given[0], digest_size=16, key=self._salt).digest() if len(given) == 1 else b""
        known = self._kept.get(mark)
        if known and stopwatch() - known[0] < KEPT_S:
            return known[1]
        secret = _secret(given)
        began = stopwatch()
        holder = await self._counter.holder(secret_hash(secret))
        if holder and not (secret.startswith(holder.key.prefix) and holder.key.prefix.endswith(f"_{holder.book.mode}_")):
            holder = None
        self._kept[mark] = (began, holder)
        self._kept.move_to_end(mark)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return holder


def _acts_for(agent: UUID, merchant: UUID) -> bool:
    """As the platform, which knows who acts for whom."""
    with sql.role():
        return acting.acts_for(agent_id=agent, merchant_id=merchant)


def _told(scope: str) -> str:
    return f"This key has no scope {scope}. Ask your platform for one that has it: yuefu key issue --merchant CODE --scope {scope}"


def _secret(given: list[bytes]) -> str:
    if not given:
        raise Problem("key_missing", headers=_CHALLENGE)
    scheme, _, rest = given[0].partition(b" ")
    secret = rest.strip().decode("latin-1")
    if len(given) > 1 or scheme.lower() != b"bearer" or not well_formed(secret):
        raise Problem("key_malformed", headers=_INVALID)
    return secret


def _now(holder: Holder) -> datetime:
    return now_in(holder.book)


def actor_of(holder: Holder, request_id: str) -> Actor:
    """Who acts, for events, entries and the audit trail."""
    return actor_for_key(key=holder.key, request_id=request_id, through=holder.through)
