"""Writes of access: users, memberships, API keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from yuefu.access import rules
from yuefu.access.rules import KeyKind, versions
from yuefu.errors import Refused
from yuefu.runtime import audit, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

LOGIN_INVALID: Final = "login_invalid"
LOGIN_TAKEN: Final = "login_taken"
PASSWORD_WEAK: Final = "password_weak"  # noqa: S105 - a code, not a password
UNKNOWN_ROLE: Final = "unknown_role"
UNKNOWN_USER: Final = "unknown_user"
MERCHANT_REQUIRED: Final = "merchant_required"  # a merchant role is for one merchant
MERCHANT_NOT_ALLOWED: Final = "merchant_not_allowed"  # a staff role is for the whole book
ALREADY_A_MEMBER: Final = "already_a_member"  # end the role in force first
UNKNOWN_SCOPE: Final = "unknown_scope"
UNKNOWN_KEY: Final = "unknown_key"
KEY_NOT_IN_FORCE: Final = "key_not_in_force"
KEY_ALREADY_ROLLED: Final = "key_already_rolled"
UNKNOWN_VERSION: Final = "unknown_version"
NETWORK_INVALID: Final = "network_invalid"
NETWORKS_TOO_MANY: Final = "networks_too_many"
OVERLAP_INVALID: Final = "overlap_invalid"  # negative, or longer than thirty days
NOT_A_MEMBER: Final = "not_a_member"

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class NewUser:
    """`password` never appears in a text of this value."""

    login: str
    display_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    user_id: UUID
    role: str
    merchant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """`networks` are those that it may be used from, all where none is named. `merchant_id` is the agent where it is `held_by` one."""

    merchant_id: UUID
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    kind: KeyKind = "secret"
    api_version: str = versions.CURRENT
    networks: tuple[str, ...] = ()
    held_by: str = "merchant"


@dataclass(frozen=True, slots=True)
class Roll:
    """Replaces a key by a new one with the same scopes; the old one goes on for `overlap`."""

    key_id: UUID
    overlap: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. `secret` is shown this once; nothing can show it again."""

    id: UUID
    secret: str = field(repr=False)


def create_users(*, work: UnitOfWork, users: Sequence[NewUser]) -> list[UUID | Refused]:
    """Makes users, each with an Argon2 hash of the password. Refused with LOGIN_INVALID, PASSWORD_WEAK or LOGIN_TAKEN."""
    outcomes: list[UUID | Refused] = [
        _new_user_fault(user) or user_id for user, user_id in zip(users, work.ids.many(work.now, len(users)), strict=True)
    ]
    fresh = [(i, user_id) for i, user_id in enumerate(outcomes) if isinstance(user_id, UUID)]
    rows = [(uid, _login(users[i]), users[i].display_name, make_password(users[i].password), True, work.now) for i, uid in fresh]
    columns = {
        "id": "uuid",
        "login": "text",
        "display_name": "text",
        "password": "text",
        "is_active": "boolean",
        "created_at": "timestamptz",
    }
    sql.insert("access_user", columns, sorted(rows, key=lambda row: row[1]), suffix="ON CONFLICT (login) DO NOTHING")
    stored = set(sql.rows("SELECT id FROM access_user WHERE id = ANY(%s)", [[uid for _, uid in fresh]]))
    for i, uid in fresh:
        if (uid,) not in stored:
            outcomes[i] = Refused(LOGIN_TAKEN, f"{_login(users[i])} is taken", "login")
    audit.record(work=work, action="access.create_users", object_kind="user", object_ids=[uid for uid in outcomes if isinstance(uid, UUID)])
    return outcomes


def _login(user: NewUser) -> str:
    return rules.login_form(user.login) or ""


def _new_user_fault(user: NewUser) -> Refused | None:
    if not rules.login_form(user.login):
        return Refused(LOGIN_INVALID, "a login has 1 to 150 letters, digits or . _ @ + -", "login")
    try:
        validate_password(user.password)
    except ValidationError as error:
        return Refused(PASSWORD_WEAK, " ".join(error.messages), "password")
    return None


def set_active(*, work: UnitOfWork, user_ids: Sequence[UUID], active: bool) -> list[UUID | Refused]:
    """Switches logins on or off. Refused with UNKNOWN_USER."""
    changed = sql.rows("UPDATE access_user SET is_active = %s WHERE id = ANY(%s) RETURNING id", [active, list(user_ids)])
    done = {row[0] for row in changed}
    audit.record(work=work, action="access.set_active", object_kind="user", object_ids=sorted(done), detail={"active": active})
    return [uid if uid in done else Refused(UNKNOWN_USER, "there is no such user", "user_id") for uid in user_ids]


def grant(*, work: UnitOfWork, memberships: Sequence[Grant]) -> list[UUID | Refused]:
    """Gives users a role in the book of the work; at most one is in force per user.

    Refused with UNKNOWN_ROLE, MERCHANT_REQUIRED, MERCHANT_NOT_ALLOWED, UNKNOWN_USER or ALREADY_A_MEMBER.
    """
    users = {row[0] for row in sql.rows("SELECT id FROM access_user WHERE id = ANY(%s)", [[m.user_id for m in memberships]])}
    new_ids = work.ids.many(work.now, len(memberships))
    outcomes: list[UUID | Refused] = [_grant_fault(m, m.user_id in users) or mid for m, mid in zip(memberships, new_ids, strict=True)]
    fresh = [(i, mid) for i, mid in enumerate(outcomes) if isinstance(mid, UUID)]
    rows = [
        (mid, work.book.id, memberships[i].user_id, memberships[i].role, memberships[i].merchant_id, work.by.label, work.now)
        for i, mid in fresh
    ]
    columns = {
        "id": "uuid", "book_id": "uuid", "user_id": "uuid", "role": "text", "merchant_id": "uuid", "granted_by": "text",
        "granted_at": "timestamptz",
    }  # fmt: skip
    sql.insert("access_membership", columns, sorted(rows, key=lambda row: row[2]), suffix="ON CONFLICT DO NOTHING")
    stored = set(sql.rows("SELECT id FROM access_membership WHERE id = ANY(%s)", [[mid for _, mid in fresh]]))
    for i, mid in fresh:
        if (mid,) not in stored:
            outcomes[i] = Refused(ALREADY_A_MEMBER, "this user already has a role in this book", "user_id")
    audit.record(work=work, action="access.grant", object_kind="membership", object_ids=[mid for mid in outcomes if isinstance(mid, UUID)])
    return outcomes


def _grant_fault(given: Grant, user_exists: bool) -> Refused | None:
    if given.role not in rules.ROLES:
        return Refused(UNKNOWN_ROLE, f"there is no role {given.role}", "role")
    if given.role in rules.MERCHANT_ROLES and given.merchant_id is None:
        return Refused(MERCHANT_REQUIRED, f"{given.role} is a role at one merchant", "merchant_id")
    if given.role not in rules.MERCHANT_ROLES and given.merchant_id is not None:
        return Refused(MERCHANT_NOT_ALLOWED, f"{given.role} is a role in the whole book", "merchant_id")
    return None if user_exists else Refused(UNKNOWN_USER, "there is no such user", "user_id")


def end_memberships(*, work: UnitOfWork, user_ids: Sequence[UUID]) -> list[UUID | Refused]:
    """Ends the roles in force of users in the book of the work. Refused with NOT_A_MEMBER."""
    ended = sql.rows(
        "UPDATE access_membership SET ended_at = %s WHERE book_id = %s AND user_id = ANY(%s) AND ended_at IS NULL RETURNING user_id, id",
        [work.now, work.book.id, list(user_ids)],
    )
    by_user = dict(ended)
    audit.record(work=work, action="access.end_memberships", object_kind="membership", object_ids=sorted(by_user.values()))
    return [by_user.get(uid) or Refused(NOT_A_MEMBER, "this user has no role in this book", "user_id") for uid in user_ids]


def issue_api_keys(
    *, work: UnitOfWork, api_keys: Sequence[NewApiKey], random_bytes: RandomBytes, ids: Sequence[UUID] | None = None
) -> list[IssuedKey | Refused]:
    """Makes keys for merchants of the book of the work, `sk_live_` only in a live book. Refused with UNKNOWN_SCOPE, UNKNOWN_VERSION,
    NETWORK_INVALID or NETWORKS_TOO_MANY.

    `random_bytes` is a source fit for secrets (os.urandom). A repeated request makes another key: a secret cannot be shown twice. `ids` are
    those of the new keys, where the caller has them already.
    """
    issued: list[IssuedKey | Refused] = [
        _key_fault(key) or IssuedKey(key_id, rules.make_secret(mode=work.book.mode, noise=random_bytes(rules.SECRET_BYTES), kind=key.kind))
        for key, key_id in zip(api_keys, ids or work.ids.many(work.now, len(api_keys)), strict=True)
    ]
    fresh = [(new, key, None) for new, key in zip(issued, api_keys, strict=True) if isinstance(new, IssuedKey)]
    _store_keys(work, fresh)
    audit.record(work=work, action="access.issue_api_keys", object_kind="api_key", object_ids=[new.id for new, _, _ in fresh])
    return issued


def _key_fault(key: NewApiKey) -> Refused | None:
    of_kind = rules.AGENT_SCOPES if key.held_by == "agent" else rules.KEY_SCOPES
    may = rules.PUBLIC_SCOPES if key.kind == "publishable" else of_kind
    unknown = sorted(set(key.scopes) - may)
    if unknown or not key.scopes:
        names = ", ".join(sorted(may)) or "none"
        told = f"no {key.kind} key has the scope {', '.join(unknown)}; there are {names}" if unknown else "a key needs a scope"
        return Refused(UNKNOWN_SCOPE, told, "scopes")
    return _version_fault(key.api_version) or _networks_fault(key.networks)


def _version_fault(version: str) -> Refused | None:
    if version in versions.VERSIONS:
        return None
    return Refused(UNKNOWN_VERSION, f"there are the versions {', '.join(versions.VERSIONS)}", "api_version")


def _networks_fault(networks: Sequence[str]) -> Refused | None:
    if len(networks) > rules.MOST_NETWORKS:
        return Refused(NETWORKS_TOO_MANY, f"a key has at most {rules.MOST_NETWORKS} networks", "networks")
    bad = next((text for text in networks if rules.network_form(text) is None), None)
    if bad is None:
        return None
    return Refused(NETWORK_INVALID, f"{bad[:50]!r} is no network such as 203.0.113.0/24, and no address", "networks")


def _store_keys(work: UnitOfWork, keys: Sequence[tuple[IssuedKey, NewApiKey, UUID | None]]) -> None:
    columns = {
        "id": "uuid", "book_id": "uuid", "merchant_id": "uuid", "scopes": "jsonb", "prefix": "text", "secret_hash": "bytea",
        "last_four": "text", "replaces_id": "uuid", "created_by": "text", "created_by_user_id": "uuid", "created_at": "timestamptz",
        "expires_at": "timestamptz", "api_version": "text", "networks": "jsonb", "held_by": "text",
    }  # fmt: skip
    rows = [
        (
            new.id, work.book.id, key.merchant_id, dumps(sorted(set(key.scopes))), f"{rules.KEY_KINDS[key.kind]}_{work.book.mode}_",
            rules.secret_hash(new.secret), new.secret[-4:], replaces, work.by.label, work.by.user_id, work.now, key.expires_at, key.api_version,
            dumps([rules.network_form(text) for text in key.networks]), key.held_by,
        )
        for new, key, replaces in keys
    ]  # fmt: skip
    sql.insert("access_api_key", columns, rows)


def roll_api_keys(
    *, work: UnitOfWork, rolls: Sequence[Roll], random_bytes: RandomBytes, ids: Sequence[UUID] | None = None
) -> list[IssuedKey | Refused]:
    """Replaces keys in force; old and new both work until the overlap ends. A new key keeps what the old one was for and has no expiry.

    Refused with UNKNOWN_KEY, KEY_NOT_IN_FORCE, KEY_ALREADY_ROLLED or OVERLAP_INVALID.
    """
    found = sql.rows(
        "SELECT id, merchant_id, scopes, expires_at, revoked_at, prefix, api_version, networks, held_by FROM access_api_key"
        " WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
        [work.book.id, [roll.key_id for roll in rolls]],
    )
    known: dict[UUID, list[Any]] = {key_id: rest for key_id, *rest in found}
    rolled = {row[0] for row in sql.rows("SELECT replaces_id FROM access_api_key WHERE replaces_id = ANY(%s)", [list(known)])}
    outcomes: list[IssuedKey | Refused] = []
    fresh: list[tuple[IssuedKey, NewApiKey, UUID | None]] = []
    ends: list[tuple[UUID, datetime]] = []
    for roll, new_id in zip(rolls, ids or work.ids.many(work.now, len(rolls)), strict=True):
        fault = _roll_fault(work, roll, known.get(roll.key_id), roll.key_id in rolled)
        if fault:
            outcomes.append(fault)
            continue
        merchant_id, scopes, expires_at, _, prefix, version, networks, held_by = known[roll.key_id]
        kind = rules.kind_of(prefix)
        new = IssuedKey(new_id, rules.make_secret(mode=work.book.mode, noise=random_bytes(rules.SECRET_BYTES), kind=kind))
        fresh.append((new, NewApiKey(merchant_id, tuple(scopes), None, kind, version, tuple(networks), held_by), roll.key_id))
        ends.append((roll.key_id, min(work.now + roll.overlap, expires_at or datetime.max.replace(tzinfo=work.now.tzinfo))))
        rolled.add(roll.key_id)
        outcomes.append(new)
    _store_keys(work, fresh)
    sql.update("access_api_key", "id", {"id": "uuid", "expires_at": "timestamptz"}, ends)
    audit.record(work=work, action="access.roll_api_keys", object_kind="api_key", object_ids=[key_id for key_id, _ in ends])
    return outcomes


def _roll_fault(work: UnitOfWork, roll: Roll, known: list[Any] | None, rolled: bool) -> Refused | None:
    if known is None:
        return Refused(UNKNOWN_KEY, "there is no such API key in this book", "key_id")
    if not timedelta(0) <= roll.overlap <= rules.LONGEST_OVERLAP:
        return Refused(OVERLAP_INVALID, "the overlap is between nothing and thirty days", "overlap")
    if rolled:
        return Refused(KEY_ALREADY_ROLLED, "this key was replaced before; roll its successor", "key_id")
    expires_at, revoked_at = known[2], known[3]
    if revoked_at is not None or (expires_at is not None and expires_at <= work.now):
        return Refused(KEY_NOT_IN_FORCE, "this key is revoked or expired; issue a new one", "key_id")
    return None


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What is changed of a key: its version of the API, or the networks it may be used from; None leaves it."""

    key_id: UUID
    api_version: str | None = None
    networks: tuple[str, ...] | None = None


def change_api_keys(*, work: UnitOfWork, changes: Sequence[KeyChange]) -> list[UUID | Refused]:
    """Changes keys. Refused with UNKNOWN_VERSION, NETWORK_INVALID, NETWORKS_TOO_MANY or UNKNOWN_KEY."""
    faults = [(c.api_version and _version_fault(c.api_version)) or _networks_fault(c.networks or ()) for c in changes]
    sound = [
        (c.key_id, c.api_version, None if c.networks is None else dumps([rules.network_form(text) for text in c.networks]))
        for c, fault in zip(changes, faults, strict=True)
        if not fault
    ]
    done: set[UUID] = set()
    if sound:
        source, params = sql.unnest({"id": "uuid", "api_version": "text", "networks": "jsonb"}, sound)
        found = sql.rows(
            f"UPDATE access_api_key AS k SET api_version = coalesce(g.api_version, k.api_version), networks = coalesce(g.networks, k.networks)"
            f" FROM {source} AS g WHERE k.id = g.id AND k.book_id = %s RETURNING k.id",
            [*params, work.book.id],
        )
        done = {key_id for (key_id,) in found}
    audit.record(work=work, action="access.change_api_keys", object_kind="api_key", object_ids=sorted(done))
    return [
        fault or (c.key_id if c.key_id in done else Refused(UNKNOWN_KEY, "there is no such API key in this book", "key_id"))
        for c, fault in zip(changes, faults, strict=True)
    ]


def revoke_api_keys(*, work: UnitOfWork, key_ids: Sequence[UUID]) -> list[UUID | Refused]:
    """Revokes keys at once; one that is revoked already stays as it is. Refused with UNKNOWN_KEY."""
    found = sql.rows(
        "UPDATE access_api_key SET revoked_at = coalesce(revoked_at, %s) WHERE book_id = %s AND id = ANY(%s) RETURNING id",
        [work.now, work.book.id, list(key_ids)],
    )
    done = {row[0] for row in found}
    audit.record(work=work, action="access.revoke_api_keys", object_kind="api_key", object_ids=sorted(done))
    return [key_id if key_id in done else Refused(UNKNOWN_KEY, "there is no such API key in this book", "key_id") for key_id in key_ids]


def note_use(*, work: UnitOfWork, key_ids: Sequence[UUID]) -> None:
    """Remembers when keys were last used, at most once a minute each, so that a busy key does not write on every request."""
    sql.run(
        "UPDATE access_api_key SET last_used_at = %s WHERE book_id = %s AND id = ANY(%s) AND (last_used_at IS NULL OR last_used_at < %s)",
        [work.now, work.book.id, sorted(set(key_ids)), work.now - timedelta(minutes=1)],
    )
