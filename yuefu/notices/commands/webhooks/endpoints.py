"""Endpoints made, changed, disabled and deleted, and their secrets rolled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.merchants.rules import metadata
from yuefu.notices.queries import webhooks as queries
from yuefu.notices.queries.webhooks import ENDPOINT, SECRET
from yuefu.notices.rules.addresses import email_form
from yuefu.notices.rules.webhooks import signing
from yuefu.notices.rules.webhooks.endpoints import (
    MOST_ENDPOINTS,
    NOTHING_CHANGED,
    TOO_MANY_ENDPOINTS,
    UNKNOWN_ENDPOINT,
    Endpoint,
    Payload,
    Reason,
    email_fault,
    metadata_fault,
    types_fault,
)
from yuefu.notices.rules.webhooks.signing import SECRET_BYTES, SEED_BYTES, Secret
from yuefu.notices.rules.webhooks.targets import Where, fault_of
from yuefu.runtime import audit, keys, locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Actor, UnitOfWork
from yuefu.runtime.vault import Vault

RandomBytes = Callable[[int], bytes]
Pairs = tuple[tuple[str, str], ...]
"""A map as two requests are compared by it: sorted."""

_ENDPOINT: Final = {
    "id": "uuid", "merchant_id": "uuid", "url": "text", "description": "text", "enabled_events": "jsonb", "api_version": "text",
    "payload": "text", "metadata": "jsonb", "email_sealed": "bytea", "public_key": "text",
}  # fmt: skip
_SECRET: Final = {
    "id": "uuid", "merchant_id": "uuid", "endpoint_id": "uuid", "no": "smallint", "secret_sealed": "bytea", "private_sealed": "bytea",
    "public_key": "text", "before_until": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    """An endpoint that a merchant wants. `where` says what may be called, by the installation and the book, and is no part of what is asked."""

    key: str
    merchant_id: UUID
    url: str
    enabled_events: tuple[str, ...]
    description: str
    api_version: str
    payload: Payload
    metadata: Pairs
    alert_email: str | None = field(repr=False)
    where: Where = field(compare=False)
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Created:
    """What was made, the same however often it is asked for with its key."""

    id: UUID
    created_at: datetime
    secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """What is to be different of an endpoint: None leaves as it is. `alert_email` of "" takes the address away; of `metadata` names that are
    given an empty text are dropped, and those that are not named stay.
    """

    key: str
    merchant_id: UUID
    endpoint_id: UUID
    where: Where = field(compare=False)
    url: str | None = None
    enabled_events: tuple[str, ...] | None = None
    description: str | None = None
    payload: Payload | None = None
    api_version: str | None = None
    metadata: Pairs | None = None
    alert_email: str | None = field(default=None, repr=False)
    disabled: bool | None = None
    by: Actor | None = field(default=None, compare=False)

    @property
    def members(self) -> dict[str, Any]:
        """What is to be different, by its name."""
        names = ("url", "enabled_events", "description", "payload", "api_version", "metadata", "alert_email", "disabled")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Changed:
    endpoint_id: UUID


@dataclass(frozen=True, slots=True)
class DeleteEndpoint:
    """`key` is that of the endpoint itself: it is deleted once."""

    merchant_id: UUID
    endpoint_id: UUID
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RollSecret:
    """A new secret; the one before goes on signing for so many hours, 0 for none."""

    key: str
    merchant_id: UUID
    endpoint_id: UUID
    overlap_h: int
    by: Actor | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rolled:
    endpoint_id: UUID
    created_at: datetime
    before_until: datetime
    secret: Secret = field(repr=False)


def create_endpoints(
    *, work: UnitOfWork, vault: Vault, requests: Sequence[CreateEndpoint], random_bytes: RandomBytes
) -> list[Created | Refused]:
    """Makes endpoints, one outcome a request, in order. Refused with the codes of `rules.webhooks.targets` and `endpoints`, too_many_webhook_endpoints
    and key_reused.
    """
    new_ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Created | Refused]:
        made = [(new_ids[i], requests[i], signing.made(random_bytes(SECRET_BYTES + SEED_BYTES))) for i in fresh]
        _insert(work, vault, made)
        return {i: Created(endpoint_id, work.now, secret) for i, (endpoint_id, _, secret) in zip(fresh, made, strict=True)}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook_endpoint.create", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=new_ids,
        decide=decide,
        recall=lambda again: _created(vault, again),
        validate=lambda given: _faults(requests, given),
    )


def _faults(requests: Sequence[CreateEndpoint], given: Sequence[int]) -> dict[int, Refused]:
    """What is wrong with requests; of each merchant no more are sound than it has room for. Two who make one at once wait for each other."""
    merchants = {requests[i].merchant_id for i in given}
    locks.wait_for_each(locks.ENDPOINTS, merchants)
    room = _room(merchants)
    faults: dict[int, Refused] = {}
    for i in given:
        request = requests[i]
        fault = _fault(request)
        if fault is None and room[request.merchant_id] <= 0:
            fault = Refused(TOO_MANY_ENDPOINTS, f"a merchant has {MOST_ENDPOINTS} endpoints at most: delete one")
        if fault:
            faults[i] = fault
        else:
            room[request.merchant_id] -= 1
    return faults


def _fault(request: CreateEndpoint) -> Refused | None:
    return (
        fault_of(request.url, request.where)
        or types_fault(request.enabled_events)
        or metadata_fault(dict(request.metadata))
        or email_fault(request.alert_email)
    )


def _room(merchant_ids: set[UUID]) -> dict[UUID, int]:
    counts = dict(
        sql.rows(
            "SELECT merchant_id, count(*) FROM notices_endpoint WHERE merchant_id = ANY(%s) AND state <> 'deleted' GROUP BY merchant_id",
            [list(merchant_ids)],
        )
    )
    return {merchant_id: MOST_ENDPOINTS - counts.get(merchant_id, 0) for merchant_id in merchant_ids}


def _insert(work: UnitOfWork, vault: Vault, made: Sequence[tuple[UUID, CreateEndpoint, Secret]]) -> None:
    if not made:
        return
    rows = [
        (
            *(i, r.merchant_id, r.url, r.description, dumps(list(r.enabled_events)), r.api_version, r.payload, dumps(dict(r.metadata))),
            *(_sealed_email(vault, i, r.alert_email), secret.public),
        )
        for i, r, secret in made
    ]
    same = {"book_id": ("uuid", work.book.id), "created_at": ("timestamptz", work.now), "state": ("text", "enabled")}
    same |= {"reason": ("text", ""), "strikes": ("smallint", 0), "revision": ("integer", 1), "told": ("integer", 0)}
    sql.insert("notices_endpoint", _ENDPOINT, rows, same=same)
    _insert_secrets(work, vault, [(i, request.merchant_id, i, 1, secret, None) for i, request, secret in made])
    audit.record(work=work, action="webhook_endpoint.create", object_kind="webhook_endpoint", object_ids=[i for i, *_ in made])


def _sealed_email(vault: Vault, endpoint_id: UUID, email: str | None) -> bytes | None:
    form = email_form(email) if email else None
    return None if form is None else vault.seal(form, table=ENDPOINT, column="email", row=endpoint_id)


def _insert_secrets(work: UnitOfWork, vault: Vault, new: Sequence[tuple[UUID, UUID, UUID, int, Secret, datetime | None]]) -> None:
    """Generations as (id, merchant, endpoint, number, secret, until when the one before goes on)."""
    rows = [
        (
            *(i, merchant_id, endpoint_id, no),
            vault.seal(secret.secret, table=SECRET, column="secret", row=i),
            vault.seal(secret.private, table=SECRET, column="private", row=i),
            *(secret.public, before_until),
        )
        for i, merchant_id, endpoint_id, no, secret, before_until in new
    ]
    sql.insert(SECRET, _SECRET, rows, same={"book_id": ("uuid", work.book.id), "created_at": ("timestamptz", work.now)})


def _created(vault: Vault, endpoint_ids: Sequence[UUID]) -> dict[UUID, Created]:
    first = queries.first_generations(endpoint_ids, vault=vault) if endpoint_ids else {}
    return {i: Created(i, one.created_at, one.secret) for i, one in first.items()}


def change_endpoints(*, work: UnitOfWork, vault: Vault, requests: Sequence[ChangeEndpoint]) -> list[Changed | Refused]:
    """Changes endpoints, each in the order asked. Refused as `create_endpoints`, with unknown_webhook_endpoint and nothing_to_change."""
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)

    def decide(fresh: list[int]) -> dict[int, Changed | Refused]:
        for i in fresh:
            _change(work, vault, requests[i], locked[requests[i].endpoint_id])
        changed = sorted({requests[i].endpoint_id for i in fresh})
        audit.record(work=work, action="webhook_endpoint.change", object_kind="webhook_endpoint", object_ids=changed)
        return {i: Changed(requests[i].endpoint_id) for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook_endpoint.change", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=[request.endpoint_id for request in requests],
        decide=decide,
        recall=lambda again: {i: Changed(i) for i in again},
        validate=lambda given: {i: fault for i in given if (fault := _change_fault(requests[i], locked))},
    )


def _change_fault(request: ChangeEndpoint, locked: Mapping[UUID, Endpoint]) -> Refused | None:
    endpoint = locked.get(request.endpoint_id)
    if fault := unknown(endpoint, request.merchant_id):
        return fault
    noted = endpoint.metadata if endpoint else {}
    if not request.members:
        return Refused(NOTHING_CHANGED, "send at least one member that is to be different")
    return (
        (fault_of(request.url, request.where) if request.url is not None else None)
        or (types_fault(request.enabled_events) if request.enabled_events is not None else None)
        or (metadata_fault(metadata.changed(noted, dict(request.metadata))) if request.metadata is not None else None)
        or email_fault(request.alert_email)
    )


def unknown(endpoint: Endpoint | None, merchant_id: UUID) -> Refused | None:
    """Refused with unknown_webhook_endpoint: there is none, it is another merchant's, or it is deleted."""
    if endpoint is None or endpoint.merchant_id != merchant_id or endpoint.state == "deleted":
        return Refused(UNKNOWN_ENDPOINT, "there is no such webhook endpoint", "webhook_endpoint_id")
    return None


def _change(work: UnitOfWork, vault: Vault, request: ChangeEndpoint, before: Endpoint) -> None:
    """One statement an endpoint: whoever configures changes one at a time."""
    given = request.members
    columns: dict[str, Any] = {name: given[name] for name in ("url", "description", "payload", "api_version") if name in given}
    columns |= {"enabled_events": dumps(list(given["enabled_events"]))} if "enabled_events" in given else {}
    columns |= {"metadata": dumps(metadata.changed(before.metadata, dict(given["metadata"])))} if "metadata" in given else {}
    if "alert_email" in given:
        columns["email_sealed"] = _sealed_email(vault, request.endpoint_id, request.alert_email)
    if request.disabled is False or request.url is not None:  # what is new there is tried afresh
        columns |= {"strikes": 0, "rest_until": None, "failing_since": None}
    if request.disabled is False:
        columns |= {"state": "enabled", "reason": ""}
    changes = ", ".join([f"{name} = %s" for name in columns] + ["revision = revision + 1"])
    sql.run(f"UPDATE notices_endpoint SET {changes} WHERE id = %s", [*columns.values(), request.endpoint_id])
    if request.disabled:
        disable(endpoint_ids=[request.endpoint_id], reason="asked", now=work.now)


def disable(*, endpoint_ids: Sequence[UUID], reason: Reason, now: datetime) -> None:
    """Nothing goes to them any more, and what waits is cancelled."""
    sql.run(
        "UPDATE notices_endpoint SET state = 'disabled', reason = %s, failing_since = NULL, revision = revision + 1"
        " WHERE id = ANY(%s) AND state = 'enabled'",
        [reason, list(endpoint_ids)],
    )
    _cancel(endpoint_ids, now)


def _cancel(endpoint_ids: Sequence[UUID], now: datetime) -> None:
    sql.run(
        "UPDATE notices_delivery SET state = 'cancelled', ended_at = %s WHERE endpoint_id = ANY(%s) AND state = 'waiting'",
        [now, list(endpoint_ids)],
    )


def delete_endpoints(*, work: UnitOfWork, requests: Sequence[DeleteEndpoint]) -> list[UUID | Refused]:
    """Deletes endpoints; what was delivered stays in the log. One that is deleted already is told as deleted."""
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)
    outcomes: list[UUID | Refused] = []
    going = []
    for request in requests:
        endpoint = locked.get(request.endpoint_id)
        if endpoint is None or endpoint.merchant_id != request.merchant_id:
            outcomes.append(Refused(UNKNOWN_ENDPOINT, "there is no such webhook endpoint", "webhook_endpoint_id"))
            continue
        outcomes.append(endpoint.id)
        going += [endpoint.id] if endpoint.state != "deleted" else []
    if going:
        _cancel(going, work.now)
        sql.run(
            "UPDATE notices_endpoint SET state = 'deleted', reason = 'asked', failing_since = NULL, revision = revision + 1"
            " WHERE id = ANY(%s) AND state <> 'deleted'",
            [going],
        )
        audit.record(work=work, action="webhook_endpoint.delete", object_kind="webhook_endpoint", object_ids=sorted(set(going)))
    return outcomes


def roll_secrets(
    *, work: UnitOfWork, vault: Vault, requests: Sequence[RollSecret], random_bytes: RandomBytes, now: datetime
) -> list[Rolled | Refused]:
    """New secrets. `now` is the clock of the world: by it messages are signed, so by it the one before ends.

    Refused with unknown_webhook_endpoint and key_reused.
    """
    locked = queries.endpoints({request.endpoint_id for request in requests}, lock=True)
    new_ids = work.ids.many(work.now, len(requests))

    def decide(fresh: list[int]) -> dict[int, Rolled | Refused]:
        secrets = {i: signing.made(random_bytes(SECRET_BYTES + SEED_BYTES)) for i in fresh}
        return {i: _roll(work, vault, requests[i], new_ids[i], secrets[i], now) for i in fresh}

    return keys.answer(
        work=work,
        scope=[keys.scope_of("webhook_endpoint.roll", request.merchant_id) for request in requests],
        requests=requests,
        object_ids=new_ids,
        decide=decide,
        recall=lambda again: {i: _rolled(one) for i, one in queries.generations(again, vault=vault).items()},
        validate=lambda given: {
            i: fault for i in given if (fault := unknown(locked.get(requests[i].endpoint_id), requests[i].merchant_id))
        },
    )


def _roll(work: UnitOfWork, vault: Vault, request: RollSecret, new_id: UUID, secret: Secret, now: datetime) -> Rolled:
    until = now + timedelta(hours=request.overlap_h)
    endpoint_id = request.endpoint_id
    last: int = sql.value("SELECT max(no) FROM notices_endpoint_secret WHERE endpoint_id = %s", [endpoint_id])
    # Those before the last one end no later than they would have.
    sql.run(
        "UPDATE notices_endpoint_secret SET expires_at = least(expires_at, %s) WHERE endpoint_id = %s AND (expires_at IS NULL OR expires_at > %s)",
        [until, endpoint_id, now],
    )
    _insert_secrets(work, vault, [(new_id, request.merchant_id, endpoint_id, last + 1, secret, until)])
    sql.run("UPDATE notices_endpoint SET public_key = %s, revision = revision + 1 WHERE id = %s", [secret.public, endpoint_id])
    audit.record(work=work, action="webhook_endpoint.roll", object_kind="webhook_endpoint", object_ids=[endpoint_id])
    return Rolled(endpoint_id, work.now, until, secret)


def _rolled(one: queries.Generation) -> Rolled:
    assert one.before_until is not None, "only a later generation has a key of a request"
    return Rolled(one.endpoint_id, one.created_at, one.before_until, one.secret)
