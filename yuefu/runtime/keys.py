"""Idempotency keys: same key and same content → the first result; same key and other content → refused, naming the first differing field.

A command claims the keys of its batch before it decides anything. Twins inside the batch are folded first; then all keys are
inserted by one statement in sorted order, so that two batches with the same keys wait for each other instead of deadlocking,
at most for the lock time-out of the transaction. A claim lives and dies with the transaction that carries its effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Protocol, TypeVar
from uuid import UUID

from yuefu.errors import Refused
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

KEY_REUSED = "key_reused"  # same key, other content: use a new key, or send the first content again
KEY_INVALID = "key_invalid"  # empty, longer than 255 characters, or with control characters

_DIGEST = 8

O = TypeVar("O")


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier request of the same key and content led to."""

    object_id: UUID
    refused: Refused | None


@dataclass(slots=True)
class Claim:
    """The outcome of claiming a batch, by index of the request."""

    fresh: list[int] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    refused: dict[int, Refused] = field(default_factory=dict)
    twins: dict[int, int] = field(default_factory=dict)
    """A later request of the same key and content → the first one of this batch."""


@lru_cache(maxsize=256)
def _content_fields(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name != "key")


def fingerprint(request: Any) -> bytes:
    """Eight bytes a field, in the order of the dataclass, `key` left out: equality by field without storing the content."""
    return b"".join(blake2b(repr(getattr(request, name)).encode(), digest_size=_DIGEST).digest() for name in _content_fields(type(request)))


def first_difference(request: Any, earlier: bytes) -> str:
    """The first field in which a request differs from the stored fingerprint."""
    now = fingerprint(request)
    for position, name in enumerate(_content_fields(type(request))):
        part = slice(position * _DIGEST, (position + 1) * _DIGEST)
        if now[part] != earlier[part]:
            return name
    return "key"


def claim(*, work: UnitOfWork, scope: str, requests: Sequence[Keyed], object_ids: Sequence[UUID]) -> Claim:
    """Claims the keys of a batch in `scope`. `object_ids[i]` is the object that request i will create if it is fresh."""
    result = Claim()
    prints = [fingerprint(request) for request in requests]
    first = _fold(requests, prints, result)
    _insert(work, scope, [(requests[i].key, prints[i], object_ids[i]) for i in first.values()])
    stored = _stored(work, scope, list(first))
    for key, index in first.items():
        earlier, object_id, refused = stored[key]
        if object_id == object_ids[index]:
            result.fresh.append(index)
        elif bytes(earlier) != prints[index]:
            result.refused[index] = _reused(first_difference(requests[index], bytes(earlier)))
        else:
            result.known[index] = Known(object_id, refused)
    result.fresh.sort()
    return result


def _fold(requests: Sequence[Keyed], prints: Sequence[bytes], result: Claim) -> dict[str, int]:
    """The first request of each key; its twins and the invalid are put aside."""
    first: dict[str, int] = {}
    for index, request in enumerate(requests):
        key = request.key
        if not key or len(key) > 255 or not key.isprintable():
            result.refused[index] = Refused(KEY_INVALID, "a key has 1 to 255 printable characters", "key")
        elif key not in first:
            first[key] = index
        elif prints[first[key]] == prints[index]:
            result.twins[index] = first[key]
        else:
            result.refused[index] = _reused(first_difference(request, prints[first[key]]))
    return first


def _insert(work: UnitOfWork, scope: str, claims: Sequence[tuple[str, bytes, UUID]]) -> None:
    values = [(work.book.id, scope, key, mark, object_id, work.now) for key, mark, object_id in sorted(claims, key=lambda c: c[0])]
    columns = {
        "book_id": "uuid",
        "scope": "text",
        "key": "text",
        "fingerprint": "bytea",
        "object_id": "uuid",
        "recorded_at": "timestamptz",
    }
    sql.insert("runtime_key", columns, values, suffix="ON CONFLICT DO NOTHING")


def _stored(work: UnitOfWork, scope: str, claimed: Sequence[str]) -> dict[str, tuple[bytes, UUID, Refused | None]]:
    found = sql.rows(
        "SELECT key, fingerprint, object_id, refused_code, refused_detail, refused_field"
        " FROM runtime_key WHERE book_id = %s AND scope = %s AND key = ANY(%s)",
        [work.book.id, scope, list(claimed)],
    )
    return {key: (mark, oid, Refused(code, detail or "", name) if code else None) for key, mark, oid, code, detail, name in found}


def settle(*, work: UnitOfWork, scope: str, refusals: Sequence[tuple[str, Refused]]) -> None:
    """Stores the refusals of fresh requests, so that a decline is sticky for its key."""
    if not refusals:
        return
    columns = {"key": "text", "code": "text", "detail": "text", "field": "text"}
    source, params = sql.unnest(columns, [(key, r.code, r.detail, r.field) for key, r in refusals])
    sql.run(
        "UPDATE runtime_key AS k SET refused_code = g.code, refused_detail = g.detail, refused_field = g.field"
        f" FROM {source} AS g WHERE k.book_id = %s AND k.scope = %s AND k.key = g.key",
        [*params, work.book.id, scope],
    )


def _reused(name: str) -> Refused:
    return Refused(KEY_REUSED, f"this key was used before with another {name}", name)


def answer(
    *,
    work: UnitOfWork,
    scope: str,
    requests: Sequence[Keyed],
    object_ids: Sequence[UUID],
    decide: Callable[[list[int]], Mapping[int, O | Refused]],
    recall: Callable[[Sequence[UUID]], Mapping[UUID, O]],
) -> list[O | Refused]:
    """One outcome a request, in order: `decide` carries out the fresh ones (given by index), `recall` rebuilds the first
    outcome of known ones from their objects; refusals of fresh requests are stored and so stay refusals.
    """
    if not requests:
        return []
    claimed = claim(work=work, scope=scope, requests=requests, object_ids=object_ids)
    outcomes: dict[int, O | Refused] = dict(claimed.refused)
    if claimed.fresh:
        decided = decide(claimed.fresh)
        assert len(decided) == len(claimed.fresh), "every fresh request gets an outcome"
        outcomes.update(decided)
        settle(work=work, scope=scope, refusals=[(requests[i].key, o) for i, o in decided.items() if isinstance(o, Refused)])
    again = [k.object_id for k in claimed.known.values() if k.refused is None]
    recalled = recall(again) if again else {}
    for index, known in claimed.known.items():
        outcomes[index] = known.refused or recalled[known.object_id]
    for index, first in claimed.twins.items():
        outcomes[index] = outcomes[first]
    return [outcomes[index] for index in range(len(requests))]
