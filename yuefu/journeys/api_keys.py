"""API keys that a merchant's program looks after with a key of its own: made, rolled, revoked, changed.

A key never makes or touches one that may more than it may itself, nor makes one that opens from more networks or works longer. A secret is
in the first answer and in no other: who sends a request again because the answer was lost revokes that key and makes another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from yuefu.access import commands as access
from yuefu.access import queries
from yuefu.access.commands import IssuedKey, KeyChange, NewApiKey, RandomBytes, Roll
from yuefu.access.rules import ApiKey, network_form, reaches_beyond, versions
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, in_batches, on_open_day
from yuefu.runtime import keys
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, UnitOfWork

UNKNOWN_API_KEY: Final = "unknown_api_key"
SCOPES_BEYOND_OWN: Final = "scopes_beyond_own"  # a key may make no key that may more than itself

Q = TypeVar("Q", bound="Making | Rolling | Revoking | Changing")


@dataclass(frozen=True, slots=True)
class Making:
    """A restricted key with some of the scopes that `holder`, the key it is asked for with, has itself."""

    key: str
    merchant_id: UUID
    holder: UUID
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    networks: tuple[str, ...] = ()
    api_version: str = versions.CURRENT
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rolling:
    key: str
    merchant_id: UUID
    holder: UUID
    key_id: UUID
    overlap: timedelta
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Revoking:
    key: str
    merchant_id: UUID
    holder: UUID
    key_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Changing:
    key: str
    merchant_id: UUID
    holder: UUID
    key_id: UUID
    api_version: str | None = None
    networks: tuple[str, ...] | None = None
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A key that was made or rolled. `secret` is empty where the request was answered before."""

    id: UUID
    secret: str = field(repr=False)


def make(*, desk: Desk, now: datetime, requests: Sequence[Making], random_bytes: RandomBytes) -> list[Kept | Refused | Quarantined]:
    """Makes restricted keys. Refused with scopes_beyond_own, unknown_scope, unknown_version, network_invalid, networks_too_many or key_reused."""

    def act(work: UnitOfWork, given: Sequence[Making]) -> list[Kept | Refused]:
        own = _own(work, given)

        def fault(one: Making) -> Refused | None:
            holder = own[one.holder]
            if beyond := sorted(set(one.scopes) - set(holder.scopes)):
                return Refused(SCOPES_BEYOND_OWN, f"this key has itself no scope {', '.join(beyond)[:200]}", "scopes")
            return _opens_more(one.networks, holder, "networks") or _lives_longer(one.expires_at, holder, "expires_in_days")

        def validate(indexes: list[int]) -> dict[int, Refused]:
            return {i: refused for i in indexes if (refused := fault(given[i]))}

        def decide(work: UnitOfWork, fresh: Sequence[Making], ids: Sequence[UUID]) -> list[IssuedKey | Refused]:
            new = [NewApiKey(one.merchant_id, one.scopes, one.expires_at, "restricted", one.api_version, one.networks) for one in fresh]
            return access.issue_api_keys(work=work, api_keys=new, random_bytes=random_bytes, ids=ids)

        return _answered(work, "api_key.make", given, work.ids.many(work.now, len(given)), decide, validate)

    return in_batches(desk, now, "key", requests, lambda batch: on_open_day(desk, now, batch, act))


def roll(*, desk: Desk, now: datetime, requests: Sequence[Rolling], random_bytes: RandomBytes) -> list[Kept | Refused | Quarantined]:
    """Replaces keys; old and new both work until the overlap ends. Refused with unknown_api_key, scopes_beyond_own, key_not_in_force,
    key_already_rolled, overlap_invalid or key_reused.
    """

    def decide(work: UnitOfWork, fresh: Sequence[Rolling], ids: Sequence[UUID]) -> list[IssuedKey | Refused]:
        return access.roll_api_keys(work=work, rolls=[Roll(one.key_id, one.overlap) for one in fresh], random_bytes=random_bytes, ids=ids)

    def act(work: UnitOfWork, given: Sequence[Rolling]) -> list[Kept | Refused]:
        def goes_on(one: Rolling, key: ApiKey, holder: ApiKey) -> Refused | None:
            del one
            return _opens_more(key.networks, holder, "api_key_id") or _lives_longer(None, holder, "api_key_id")

        return _answered(work, "api_key.roll", given, work.ids.many(work.now, len(given)), decide, _within(work, given, goes_on))

    return in_batches(desk, now, "roll_key", requests, lambda batch: on_open_day(desk, now, batch, act))


def revoke(*, desk: Desk, now: datetime, requests: Sequence[Revoking]) -> list[Kept | Refused | Quarantined]:
    """Revokes keys at once, the one that asks too. Refused with unknown_api_key, scopes_beyond_own or key_reused."""

    def decide(work: UnitOfWork, fresh: Sequence[Revoking], ids: Sequence[UUID]) -> list[IssuedKey | Refused]:
        del fresh
        return _named(access.revoke_api_keys(work=work, key_ids=ids))

    def act(work: UnitOfWork, given: Sequence[Revoking]) -> list[Kept | Refused]:
        return _answered(work, "api_key.revoke", given, [one.key_id for one in given], decide, _within(work, given))

    return in_batches(desk, now, "revoke_key", requests, lambda batch: on_open_day(desk, now, batch, act))


def change(*, desk: Desk, now: datetime, requests: Sequence[Changing]) -> list[Kept | Refused | Quarantined]:
    """Changes the version or the networks of keys. Refused with unknown_api_key, scopes_beyond_own, unknown_version, network_invalid,
    networks_too_many or key_reused.
    """

    def decide(work: UnitOfWork, fresh: Sequence[Changing], ids: Sequence[UUID]) -> list[IssuedKey | Refused]:
        del ids
        changes = [KeyChange(one.key_id, one.api_version, one.networks) for one in fresh]
        return _named(access.change_api_keys(work=work, changes=changes))

    def act(work: UnitOfWork, given: Sequence[Changing]) -> list[Kept | Refused]:
        def opens(one: Changing, key: ApiKey, holder: ApiKey) -> Refused | None:
            del key
            return None if one.networks is None else _opens_more(one.networks, holder, "networks")

        return _answered(work, "api_key.change", given, [one.key_id for one in given], decide, _within(work, given, opens))

    return in_batches(desk, now, "change_key", requests, lambda batch: on_open_day(desk, now, batch, act))


def _named(outcomes: Sequence[UUID | Refused]) -> list[IssuedKey | Refused]:
    return [one if isinstance(one, Refused) else IssuedKey(one, "") for one in outcomes]


def _own(work: UnitOfWork, requests: Sequence[Any]) -> Mapping[UUID, ApiKey]:
    """The keys of the merchants that ask, by id."""
    merchants = sorted({one.merchant_id for one in requests})
    return {key.id: key for key in queries.api_keys(book_id=work.book.id, merchant_ids=merchants)}


def _opens_more(networks: Sequence[str], holder: ApiKey, name: str) -> Refused | None:
    forms = [form for text in networks if (form := network_form(text))]
    beyond = reaches_beyond(forms, holder.networks)
    return Refused(SCOPES_BEYOND_OWN, f"this key opens not from {', '.join(beyond)[:200]}", name) if beyond else None


def _lives_longer(expires_at: datetime | None, holder: ApiKey, name: str) -> Refused | None:
    if holder.expires_at is None or (expires_at is not None and expires_at <= holder.expires_at):
        return None
    return Refused(SCOPES_BEYOND_OWN, f"this key works until {holder.expires_at.isoformat()}, and what it makes no longer", name)


Beyond = Callable[[Any, ApiKey, ApiKey], Refused | None]
"""What else a request would reach of a key, beyond the key that asks."""


def _within(work: UnitOfWork, requests: Sequence[Any], beyond_it: Beyond | None = None) -> Callable[[list[int]], dict[int, Refused]]:
    """Refuses what is not the merchant's own, and what may more than the key that asks."""
    own = _own(work, requests)

    def fault(one: Any) -> Refused | None:
        key = own.get(one.key_id)
        if key is None or key.merchant_id != one.merchant_id:
            return Refused(UNKNOWN_API_KEY, "there is no such API key of this merchant", "api_key_id")
        beyond = sorted(set(key.scopes) - set(own[one.holder].scopes))
        if beyond:
            return Refused(SCOPES_BEYOND_OWN, f"that key may more than this one: {', '.join(beyond)}", "api_key_id")
        return beyond_it(one, key, own[one.holder]) if beyond_it else None

    return lambda indexes: {i: refused for i in indexes if (refused := fault(requests[i]))}


def _answered(
    work: UnitOfWork,
    command: str,
    requests: Sequence[Q],
    key_ids: Sequence[UUID],
    decide: Callable[[UnitOfWork, Sequence[Q], Sequence[UUID]], list[IssuedKey | Refused]],
    validate: Callable[[list[int]], dict[int, Refused]],
) -> list[Kept | Refused]:
    """Outcomes by their keys, `key_ids` being those that the requests make or are about. What is made acts for the person behind the key that
    asked, so each sender's requests go together.
    """

    def fresh(indexes: list[int]) -> dict[int, Kept | Refused]:
        outcomes: dict[int, Kept | Refused] = {}
        by_sender: dict[Actor, list[int]] = {}
        for i in indexes:
            by_sender.setdefault(requests[i].by or work.by, []).append(i)
        for sender, group in by_sender.items():
            done = decide(replace(work, by=sender), [requests[i] for i in group], [key_ids[i] for i in group])
            outcomes |= {i: one if isinstance(one, Refused) else Kept(one.id, one.secret) for i, one in zip(group, done, strict=True)}
        return outcomes

    scopes = [keys.scope_of(command, one.merchant_id) for one in requests]
    return keys.answer(work=work, scope=scopes, requests=requests, object_ids=key_ids, decide=fresh, recall=_again, validate=validate)


def _again(key_ids: Sequence[UUID]) -> dict[UUID, Kept]:
    return {key_id: Kept(key_id, "") for key_id in key_ids}
