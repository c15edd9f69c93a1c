"""Idempotency keys: same key and same content → the first result; same key and other content → refused, naming the first differing field.

A command claims the keys of its batch before it decides anything. Twins inside the batch are folded first; then all keys are
inserted by one statement in sorted order, so that two batches with the same keys wait for each other instead of deadlocking,
at most for the lock time-out of the transaction. A claim lives and dies with the transaction that carries its effect.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache, lru_cache
from hashlib import blake2b
from operator import itemgetter
from types import NoneType
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast
from uuid import UUID

from yuefu.errors import Refused
from yuefu.runtime import sql
from yuefu.runtime.values import Actor, Cause, UnitOfWork

KEY_REUSED = "key_reused"  # same key, other content: use a new key, or send the first content again
KEY_INVALID = "key_invalid"  # empty, longer than 255 characters, or with control characters

_DIGEST = 8

O = TypeVar("O")


class Keyed(Protocol):
    """A request. One that has a field `by` which does not count when two are compared, and which is given, was sent by that actor."""

    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier request of the same key and content led to."""

    object_id: UUID
    refused: Refused | None
    request_id: str


class Stored(NamedTuple):
    """What is kept of a key: of its first request the fingerprint and the id, the object it stands for, and why it was refused."""

    fingerprint: bytes
    object_id: UUID
    refused: Refused | None
    request_id: str


@dataclass(slots=True)
class Claim:
    """The outcome of claiming a batch, by index of the request."""

    fresh: list[int] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)
    refused: dict[int, Refused] = field(default_factory=dict)
    twins: dict[int, int] = field(default_factory=dict)
    """A later request of the same key and content → the first one of this batch."""


@cache
def _fields_of(kind: Hashable) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cast(Any, kind)) if f.name != "key" and f.compare)


def _content_fields(request: Any) -> tuple[str, ...]:
    return _fields_of(cast(Hashable, type(request)))


def fingerprint(request: Any) -> bytes:
    """Eight bytes a field, in the order of the dataclass, `key` left out: equality by field without storing the content. A field that does
    not count when two are compared, because it follows from the others, does not count here either.
    """
    return b"".join([_digest(getattr(request, name)) for name in _content_fields(request)])


def _digest(value: Any) -> bytes:
    return _kept_digest(value) if type(value) in _FEW else blake2b(_said(value), digest_size=_DIGEST).digest()


_FEW: Final = frozenset({NoneType, bool, date})
"""Kinds of which the same value comes again and again."""


@lru_cache(maxsize=1_000)
def _kept_digest(value: Any) -> bytes:
    return blake2b(_said(value), digest_size=_DIGEST).digest()


def _said(value: Any) -> bytes:
    """A value as its fingerprint is made of it. Half of all that is asked are ids, and their repr takes longer than its hash."""
    return b"UUID:" + value.int.to_bytes(16) if type(value) is UUID else repr(value).encode()


def first_difference(request: Any, earlier: bytes) -> str:
    """The first field in which a request differs from the stored fingerprint."""
    now = fingerprint(request)
    for position, name in enumerate(_content_fields(request)):
        part = slice(position * _DIGEST, (position + 1) * _DIGEST)
        if now[part] != earlier[part]:
            return name
    return "key"


def _same(request: Any, now: bytes, earlier: bytes) -> bool:
    """Equal by field. A field that requests were given after a key was stored, which is then their last, counts as its default there."""
    if now == earlier:
        return True
    later = _content_fields(request)[len(earlier) // _DIGEST :]
    defaults = {f.name: f.default for f in fields(request)}
    return bool(later) and now.startswith(earlier) and all(getattr(request, name) == defaults[name] for name in later)


Scopes = str | Sequence[str]
"""One scope for a whole batch, or one a request: the same key of two merchants is two keys."""


def scope_of(command: str, *senders: UUID) -> str:
    """The scope of a command whose keys are chosen by whoever sends it, widest first: a merchant, or the consumer; the book is a column
    of its own. An agent that acts for a merchant comes after it (`_names`): each has keys of its own.
    """
    return ":".join([command, *map(str, senders)])


def claim(*, work: UnitOfWork, scope: Scopes, requests: Sequence[Keyed], object_ids: Sequence[UUID]) -> Claim:
    """Claims the keys of a batch. `object_ids[i]` is the object that request i will create if it is fresh."""
    result = Claim()
    names = _names(scope, requests)
    prints = [fingerprint(request) for request in requests]
    first, later = _fold(names, result)
    # What this statement wrote is fresh, whatever its id: a seeded source may name an object twice the same way.
    senders = [_sender(work, request) for request in requests]
    inserted = _insert(work, [(*name, prints[i], object_ids[i], senders[i].request_id) for name, i in first.items()])
    known = stored(work=work, names=[name for name in first if name not in inserted])
    for name, index in [*first.items(), *((names[i], i) for i in later)]:
        before = known.get(name)
        earlier = bytes(before.fingerprint) if before else prints[first[name]]
        if not _same(requests[index], prints[index], earlier):
            result.refused[index] = reused(first_difference(requests[index], earlier))
        elif before:
            result.known[index] = Known(before.object_id, before.refused, before.request_id)
        elif index != first[name]:
            result.twins[index] = first[name]
        else:
            result.fresh.append(index)
    result.fresh.sort()
    work.claimed.update({object_ids[i]: Cause(requests[i].key, senders[i]) for i in result.fresh})
    work.again.update({senders[i].request_id: known.request_id for i, known in result.known.items()})
    work.again.update({senders[i].request_id: senders[one].request_id for i, one in result.twins.items()})
    return result


def _sender(work: UnitOfWork, request: Keyed) -> Actor:
    return getattr(request, "by", None) or work.by


def _names(scope: Scopes, requests: Sequence[Keyed]) -> list[tuple[str, str]]:
    scopes = [scope] * len(requests) if isinstance(scope, str) else scope
    return [(_through(name, request), request.key) for name, request in zip(scopes, requests, strict=True)]


def _through(scope: str, request: Keyed) -> str:
    """The scope of whoever sent a request: keys of an agent who acts for a merchant are apart from those of the merchant."""
    by = getattr(request, "by", None)
    return f"{scope}:{by.through}" if by is not None and by.through is not None else scope


def _fold(names: Sequence[tuple[str, str]], result: Claim) -> tuple[dict[tuple[str, str], int], list[int]]:
    """The first request of each key, and those that come with the same key later; the invalid are put aside."""
    first: dict[tuple[str, str], int] = {}
    later = []
    for index, name in enumerate(names):
        if not _valid(name[1]):
            result.refused[index] = Refused(KEY_INVALID, "a key has 1 to 255 printable characters", "key")
        elif first.setdefault(name, index) != index:
            later.append(index)
    return first, later


def _valid(key: str) -> bool:
    return 0 < len(key) <= 255 and key.isprintable()


def _insert(work: UnitOfWork, claims: Sequence[tuple[str, str, bytes, UUID, str]]) -> set[tuple[str, str]]:
    if not claims:
        return set()
    columns = {"scope": "text", "key": "text", "fingerprint": "bytea", "object_id": "uuid", "request_id": "text"}
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)}
    rows = sorted(claims, key=itemgetter(0, 1))
    written = sql.insert("runtime_key", columns, rows, same=same, often_same=("scope", "request_id"), suffix="ON CONFLICT DO NOTHING")
    if written == len(claims):
        return {(scope, key) for scope, key, *_ in claims}
    if not written:
        return set()
    # Some were there, perhaps claimed earlier by this same transaction. Those that were just written are its latest: of one command, which
    # PostgreSQL counts in a transaction (`cmin`). An id would not tell: a source with the same seed names objects twice the same way.
    source, params = sql.unnest({"scope": "text", "key": "text"}, [(scope, key) for scope, key, *_ in claims])
    ours = sql.rows(
        f"SELECT g.scope, g.key, k.command FROM {source} AS g CROSS JOIN LATERAL (SELECT xid, cmin::text::bigint AS command FROM runtime_key k"
        " WHERE k.book_id = %s AND k.scope = g.scope AND k.key = g.key OFFSET 0) AS k WHERE k.xid = pg_current_xact_id()",
        [*params, work.book.id],
    )
    latest = max(command for _, _, command in ours)
    fresh = {(scope, key) for scope, key, command in ours if command == latest}
    assert len(fresh) == written, "what was written is what is told"
    return fresh


def stored(*, work: UnitOfWork, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
    """What is stored of (scope, key). Unknown ones are absent."""
    if not names:
        return {}
    source, params = sql.unnest({"scope": "text", "key": "text"}, names)
    found = sql.rows(
        "SELECT k.scope, k.key, k.fingerprint, k.object_id, k.request_id, k.refused_code, k.refused_detail, k.refused_field"
        # A look-up into the key for each, whatever the statistics say: joined, it was planned as a scan of all keys of the book.
        f" FROM {source} AS g CROSS JOIN LATERAL (SELECT * FROM runtime_key k"
        " WHERE k.book_id = %s AND k.scope = g.scope AND k.key = g.key OFFSET 0) AS k",
        [*params, work.book.id],
    )
    return {
        (scope, key): Stored(mark, object_id, Refused(code, detail or "", name) if code else None, request_id)
        for scope, key, mark, object_id, request_id, code, detail, name in found
    }


def objects(*, book_id: UUID, scope: str, names: Sequence[str]) -> dict[str, UUID]:
    """What keys of a scope stand for in a book, of those that were not refused. Unknown ones are absent."""
    found = sql.rows(
        "SELECT g.key, k.object_id FROM unnest(%s::text[]) AS g (key) CROSS JOIN LATERAL (SELECT object_id FROM runtime_key k"
        " WHERE k.book_id = %s AND k.scope = %s AND k.key = g.key AND k.refused_code IS NULL OFFSET 0) AS k",
        [list(names), book_id, scope],
    )
    return dict(found)


def settle(*, work: UnitOfWork, refusals: Sequence[tuple[str, str, Refused]]) -> None:
    """Stores the refusals of fresh requests (scope, key, refusal), so that a decline is sticky for its key."""
    if not refusals:
        return
    columns = {"scope": "text", "key": "text", "code": "text", "detail": "text", "field": "text"}
    source, params = sql.unnest(columns, [(scope, key, r.code, r.detail, r.field) for scope, key, r in refusals])
    sql.run(
        "UPDATE runtime_key AS k SET refused_code = g.code, refused_detail = g.detail, refused_field = g.field"
        f" FROM {source} AS g WHERE k.book_id = %s AND k.scope = g.scope AND k.key = g.key",
        [*params, work.book.id],
    )


def reused(name: str) -> Refused:
    """The refusal of a key that was used before with another content of this field."""
    return Refused(KEY_REUSED, f"this key was used before with another {name}", name)


def answer(
    *,
    work: UnitOfWork,
    scope: Scopes,
    requests: Sequence[Keyed],
    object_ids: Sequence[UUID],
    decide: Callable[[list[int]], Mapping[int, O | Refused]],
    recall: Callable[[Sequence[UUID]], Mapping[UUID, O]],
    validate: Callable[[list[int]], Mapping[int, Refused]] | None = None,
) -> list[O | Refused]:
    """One outcome a request, in order: `decide` carries out the fresh ones (given by index), `recall` rebuilds the first
    outcome of known ones from their objects; refusals of fresh requests are stored and so stay refusals.

    `validate` refuses what can be mended and sent again with the same key: it claims nothing, so such a refusal is not remembered, and
    counts only where the key is not stored yet.
    """
    if not requests:
        return []
    names = _names(scope, requests)
    outcomes: dict[int, O | Refused] = {}
    if validate:
        # Nearly all pass: only of those that do not is it asked whether they were carried out before, when they did.
        faults = validate(list(range(len(requests))))
        known_before = stored(work=work, names=sorted({names[i] for i in faults if _valid(names[i][1])}))
        outcomes.update({i: refused for i, refused in faults.items() if names[i] not in known_before})
    claimable = [i for i in range(len(requests)) if i not in outcomes]
    claimed = claim(
        work=work,
        scope=[names[i][0] for i in claimable],
        requests=[requests[i] for i in claimable],
        object_ids=[object_ids[i] for i in claimable],
    )
    outcomes.update({claimable[n]: refused for n, refused in claimed.refused.items()})
    if claimed.fresh:
        fresh = [claimable[n] for n in claimed.fresh]
        decided = decide(fresh)
        assert len(decided) == len(fresh), "every fresh request gets an outcome"
        outcomes.update(decided)
        settle(work=work, refusals=[(*names[i], o) for i, o in decided.items() if isinstance(o, Refused)])
    again = [k.object_id for k in claimed.known.values() if k.refused is None]
    recalled = recall(again) if again else {}
    for n, known in claimed.known.items():
        outcomes[claimable[n]] = known.refused or recalled[known.object_id]
    for n, first in claimed.twins.items():
        outcomes[claimable[n]] = outcomes[claimable[first]]
    return [outcomes[index] for index in range(len(requests))]
