"""Reads of access; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.access.rules import ApiKey, Membership, login_form, secret_hash, well_formed
from yuefu.errors import Refused
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span
from yuefu.runtime.values import Actor

UNKNOWN_LOGIN: Final = "unknown_login"
LOGIN_INACTIVE: Final = "login_inactive"
NO_MEMBERSHIP: Final = "no_membership"  # the user has no role in this book
KEY_MALFORMED: Final = "key_malformed"  # a typing error or a cut-off secret; no look-up was made
KEY_UNKNOWN: Final = "key_unknown"
KEY_REVOKED: Final = "key_revoked"
KEY_EXPIRED: Final = "key_expired"

_A_NEW_ONE: Final = ": ask your platform for a new one (yuefu key issue --merchant CODE --scope SCOPE)"

_USER = "id, login, display_name, is_active, created_at"
_KEY = (
    "id, book_id, merchant_id, scopes, prefix, last_four, created_at, expires_at, revoked_at, last_used_at, created_by_user_id, api_version,"
    " held_by, networks"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A user as shown."""

    id: UUID
    login: str
    display_name: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user with the role held in a book."""

    login: str
    display_name: str
    membership: Membership


def user_by_login(*, login: str) -> Person | None:
    """The user of a login, in whatever case it is typed."""
    found = sql.rows_as(Person, f"SELECT {_USER} FROM access_user WHERE login = %s", [login_form(login) or ""])
    return found[0] if found else None


def actor_for_login(*, login: str, book_id: UUID, request_id: str = "") -> tuple[Actor, Membership] | Refused:
    """Who acts when this user acts in this book. Refused with UNKNOWN_LOGIN, LOGIN_INACTIVE or NO_MEMBERSHIP."""
    person = user_by_login(login=login)
    if person is None:
        return Refused(UNKNOWN_LOGIN, "nobody has this login", "login")
    if not person.is_active:
        return Refused(LOGIN_INACTIVE, "this login is switched off", "login")
    found = sql.rows_as(
        Membership,
        "SELECT id, book_id, user_id, role, merchant_id FROM access_membership WHERE user_id = %s AND book_id = %s AND ended_at IS NULL",
        [person.id, book_id],
    )
    if not found:
        return Refused(NO_MEMBERSHIP, f"{person.login} has no role in this book", "login")
    return Actor("user", person.login, person.id, request_id), found[0]


def memberships_of(*, user_id: UUID) -> list[Membership]:
    """The roles in force of one user, over all books."""
    return sql.rows_as(
        Membership,
        "SELECT id, book_id, user_id, role, merchant_id FROM access_membership WHERE user_id = %s AND ended_at IS NULL ORDER BY book_id",
        [user_id],
    )


def members(*, book_id: UUID) -> list[Member]:
    """Everybody with a role in force in a book, by login."""
    found = sql.rows(
        "SELECT u.login, u.display_name, m.id, m.book_id, m.user_id, m.role, m.merchant_id"
        " FROM access_membership m JOIN access_user u ON u.id = m.user_id WHERE m.book_id = %s AND m.ended_at IS NULL ORDER BY u.login",
        [book_id],
    )
    return [Member(login, name, Membership(*rest)) for login, name, *rest in found]


def key_by_secret(*, secret: str, now: datetime) -> ApiKey | Refused:
    """The key in force of a secret. Refused with KEY_MALFORMED, KEY_UNKNOWN, KEY_REVOKED or KEY_EXPIRED."""
    if not well_formed(secret):
        return Refused(KEY_MALFORMED, "this is not an API key: it was typed wrong or cut off")
    found = list(keys_by_hash(hashes=[secret_hash(secret)]).values())
    if not found:
        return Refused(KEY_UNKNOWN, "there is no such API key")
    return out_of_force(found[0], now) or found[0]


def out_of_force(key: ApiKey, now: datetime) -> Refused | None:
    """Why a key opens nothing any more: KEY_REVOKED or KEY_EXPIRED."""
    if key.revoked_at is not None:
        return Refused(KEY_REVOKED, f"this API key was revoked at {key.revoked_at.isoformat()}{_A_NEW_ONE}")
    if key.expires_at is not None and key.expires_at <= now:
        return Refused(KEY_EXPIRED, f"this API key expired at {key.expires_at.isoformat()}{_A_NEW_ONE}")
    return None


def keys_out_of_force(*, book_id: UUID, key_ids: Sequence[UUID], now: datetime) -> dict[UUID, Refused]:
    """Those of the keys of a book that open nothing any more, each with why: KEY_REVOKED or KEY_EXPIRED."""
    found = sql.rows_as(_key, f"SELECT {_KEY} FROM access_api_key WHERE book_id = %s AND id = ANY(%s)", [book_id, list(key_ids)])
    known = {key.id: out_of_force(key, now) for key in found}
    gone = {key_id: known.get(key_id, Refused(KEY_UNKNOWN, "there is no such API key")) for key_id in key_ids}
    return {key_id: refused for key_id, refused in gone.items() if refused}


def keys_by_hash(*, hashes: Sequence[bytes]) -> dict[bytes, ApiKey]:
    """Keys of any book by the hash of their secret, in force or not; unknown ones are absent."""
    found = sql.rows(f"SELECT secret_hash, {_KEY} FROM access_api_key WHERE secret_hash = ANY(%s)", [list(hashes)])
    return {bytes(mark): _key(*rest) for mark, *rest in found}


def actor_for_key(*, key: ApiKey, request_id: str = "", through: UUID | None = None) -> Actor:
    """Who acts when a program acts with this key: the key by name, and behind it the person who made it; `through` an agent, for a merchant."""
    return Actor("api_key", ids.text("api_key", key.id), key.made_by, request_id, through)


def api_keys(*, book_id: UUID, merchant_ids: Sequence[UUID]) -> list[ApiKey]:
    """All keys of merchants, newest first, the revoked and expired among them."""
    return sql.rows_as(
        _key,
        f"SELECT {_KEY} FROM access_api_key WHERE book_id = %s AND merchant_id = ANY(%s) ORDER BY created_at DESC, id DESC",
        [book_id, list(merchant_ids)],
    )


def keys_of_merchant(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[ApiKey] | None:
    """A page of the keys of a merchant, newest first, read as whoever reads; None where the span begins at no key of this merchant."""
    return paging.page(
        _key, columns=_KEY, table="access_api_key", owner={"merchant_id": merchant_id}, conditions={}, where=where, span=span
    )


def keys_by_id(*, key_ids: Sequence[UUID]) -> dict[UUID, ApiKey]:
    """Keys by their ids, as far as whoever reads may see them."""
    return {key.id: key for key in sql.rows_as(_key, f"SELECT {_KEY} FROM access_api_key WHERE id = ANY(%s)", [list(key_ids)])}


def _key(key_id: UUID, book_id: UUID, merchant_id: UUID, scopes: list[str], *rest: Any) -> ApiKey:
    *plain, networks = rest
    made: tuple[Any, ...] = (key_id, book_id, merchant_id, tuple(scopes), *plain, tuple(networks))
    return ApiKey(*made)
