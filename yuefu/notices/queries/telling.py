"""Reads of what people are told, as frozen values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from yuefu.notices.rules.kinds import Channel, Language, State
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

CONTACT: Final = "notices_contact"


@dataclass(frozen=True, slots=True)
class Contact:
    """How a consumer wants to be told. The address never appears in a text of this value."""

    consumer_id: UUID
    language: Language
    channel: Channel
    zone: str | None
    email: str | None = field(repr=False)
    is_forgotten: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands. `params` are as JSON keeps them (`rules.kinds.read`)."""

    id: UUID
    consumer_id: UUID
    kind: str
    occasion: str
    counts_as: str
    params: Mapping[str, Any]
    channel: Channel | None
    language: Language | None
    state: State
    reason: str
    queued_at: datetime
    not_before: datetime
    expires_at: datetime | None
    tries: int
    claimed_at: datetime | None
    counted_at: datetime | None
    ended_at: datetime | None
    seq: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a try: begun, or what the gateway said."""

    message_id: UUID
    no: int
    step: str
    channel: Channel
    parts: int | None
    code: str
    provider_ref: str
    recorded_at: datetime


_MESSAGE: Final = (
    "id, consumer_id, kind, occasion, counts_as, params, channel, language, state, reason, queued_at, not_before, expires_at, tries,"
    " claimed_at, counted_at, ended_at, seq"
)


def people_waiting(*, book_id: UUID, now: datetime, after: UUID | None, limit: int) -> list[UUID]:
    """Consumers with a message that may go now, by ascending id."""
    found = sql.rows(
        "SELECT DISTINCT consumer_id FROM notices_message WHERE book_id = %(book)s AND state = 'queued' AND not_before <= %(now)s"
        " AND (%(after)s::uuid IS NULL OR consumer_id > %(after)s) ORDER BY consumer_id LIMIT %(limit)s",
        {"book": book_id, "now": now, "after": after, "limit": limit},
    )
    return [row[0] for row in found]


def waiting_count(*, book_id: UUID, now: datetime) -> int:
    """How many messages may go now, as far as their moment says."""
    count: int = sql.value(
        "SELECT count(*) FROM notices_message WHERE book_id = %s AND state = 'queued' AND not_before <= %s", [book_id, now]
    )
    return count


def lock_free(*, book_id: UUID, consumer_ids: Sequence[UUID], vault: Vault) -> dict[UUID, Contact]:
    """The contacts that nobody else works on, locked in ascending order until the transaction ends; the others are left to whoever does."""
    return _contacts(vault, f"{_CONTACTS} ORDER BY id FOR NO KEY UPDATE SKIP LOCKED", [book_id, list(consumer_ids)])


def contacts(*, book_id: UUID, consumer_ids: Sequence[UUID], vault: Vault) -> dict[UUID, Contact]:
    """Contacts of consumers; of whom nothing is known yet is left out."""
    return _contacts(vault, _CONTACTS, [book_id, list(consumer_ids)])


_CONTACTS: Final = (
    "SELECT id, language, channel, zone, email_sealed, forgotten_at IS NOT NULL FROM notices_contact WHERE book_id = %s AND id = ANY(%s)"
)


def _contacts(vault: Vault, query: str, params: list[Any]) -> dict[UUID, Contact]:
    return {
        row: Contact(row, language, channel, zone, _email(vault, row, sealed), is_forgotten)
        for row, language, channel, zone, sealed, is_forgotten in sql.rows(query, params)
    }


def _email(vault: Vault, row: UUID, sealed: bytes | None) -> str | None:
    return None if sealed is None else vault.open(sealed, table=CONTACT, column="email", row=row)


def waiting(*, book_id: UUID, consumer_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Message]]:
    """Messages that may go now, by consumer."""
    found = sql.rows_as(
        Message,
        f"SELECT {_MESSAGE} FROM notices_message WHERE book_id = %s AND consumer_id = ANY(%s) AND state = 'queued' AND not_before <= %s"
        " ORDER BY id",
        [book_id, list(consumer_ids), now],
    )
    by_consumer: dict[UUID, list[Message]] = defaultdict(list)
    for message in found:
        by_consumer[message.consumer_id].append(message)
    return dict(by_consumer)


def told_since(*, consumer_ids: Sequence[UUID], since: datetime) -> dict[tuple[UUID, str], int]:
    """How many messages of a group each consumer may have got after a moment, by (consumer, group)."""
    found = sql.rows(
        "SELECT consumer_id, counts_as, count(*) FROM notices_message WHERE consumer_id = ANY(%s) AND counted_at > %s AND counts_as <> ''"
        " GROUP BY consumer_id, counts_as",
        [list(consumer_ids), since],
    )
    return {(consumer, group): count for consumer, group, count in found}


def unwanted(*, consumer_ids: Sequence[UUID]) -> dict[UUID, frozenset[str]]:
    """Kinds of messages that each consumer does not want any more."""
    found = sql.rows(
        "SELECT DISTINCT ON (consumer_id, kind) consumer_id, kind, is_wanted FROM notices_choice WHERE consumer_id = ANY(%s)"
        " ORDER BY consumer_id, kind, seq DESC",
        [list(consumer_ids)],
    )
    kinds: dict[UUID, set[str]] = {consumer_id: set() for consumer_id in consumer_ids}
    for consumer_id, kind, is_wanted in found:
        if not is_wanted:
            kinds[consumer_id].add(kind)
    return {consumer_id: frozenset(of_one) for consumer_id, of_one in kinds.items()}


def messages(*, book_id: UUID, message_ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Message]:
    """Messages of a book, with `lock` held in ascending order until the transaction ends."""
    found = sql.rows_as(
        Message,
        f"SELECT {_MESSAGE} FROM notices_message WHERE book_id = %s AND id = ANY(%s) ORDER BY id{' FOR NO KEY UPDATE' if lock else ''}",
        [book_id, list(message_ids)],
    )
    return {message.id: message for message in found}


def stranded(*, book_id: UUID, before: datetime, after: UUID | None, limit: int) -> list[Message]:
    """Messages that somebody began to send at `before` or earlier and of which nobody knows what became, by ascending id."""
    return sql.rows_as(
        Message,
        f"SELECT {_MESSAGE} FROM notices_message WHERE book_id = %(book)s AND state = 'sending' AND claimed_at <= %(before)s"
        " AND (%(after)s::uuid IS NULL OR id > %(after)s) ORDER BY id LIMIT %(limit)s",
        {"book": book_id, "before": before, "after": after, "limit": limit},
    )


def listed(*, book_id: UUID, state: str | None = None, consumer_id: UUID | None = None, limit: int = 100) -> list[Message]:
    """Messages, the newest first."""
    return sql.rows_as(
        Message,
        f"SELECT {_MESSAGE} FROM notices_message WHERE book_id = %(book)s AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(consumer)s::uuid IS NULL OR consumer_id = %(consumer)s) ORDER BY id DESC LIMIT %(limit)s",
        {"book": book_id, "state": state, "consumer": consumer_id, "limit": limit},
    )


def steps(message_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """The history of tries by message, in the order of recording."""
    found = sql.rows_as(
        Step,
        "SELECT message_id, no, step, channel, parts, code, provider_ref, recorded_at FROM notices_attempt WHERE message_id = ANY(%s)"
        " ORDER BY message_id, no, id",
        [list(message_ids)],
    )
    by_message: dict[UUID, list[Step]] = defaultdict(list)
    for step in found:
        by_message[step.message_id].append(step)
    return dict(by_message)
