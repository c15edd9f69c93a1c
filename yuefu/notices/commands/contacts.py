"""How people want to be told, what they do not want to be told, and who is to be forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.notices import queries
from yuefu.notices.commands import changes
from yuefu.notices.rules import addresses
from yuefu.notices.rules.kinds import KINDS, LANGUAGES, UNKNOWN_KIND
from yuefu.notices.rules.timing import FORGOTTEN
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

UNKNOWN_CONSUMER: Final = "unknown_consumer"
EMAIL_MISSING: Final = "email_missing"  # who wants e-mail gives an address
CONSUMER_FORGOTTEN: Final = "consumer_forgotten"  # asked to be forgotten, and is told nothing any more
NOT_OPTIONAL: Final = "not_optional"  # law or contract owe this message to the person

_CHINESE: Final = LANGUAGES[0]


@dataclass(frozen=True, slots=True)
class NewContact:
    """How a consumer wants to be told from now on, whole: what is left out is not kept. `zone` is that of the book where it is None."""

    consumer_id: UUID
    language: str = _CHINESE
    channel: str = "sms"
    zone: str | None = None
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """A consumer does not want a kind of message any more, or does again."""

    consumer_id: UUID
    kind: str
    is_wanted: bool


def ensure(*, work: UnitOfWork, consumer_ids: Iterable[UUID]) -> None:
    """Contacts of consumers who have none yet: text messages in Chinese, until they say otherwise."""
    columns = {"id": "uuid"}
    same = {
        "book_id": ("uuid", work.book.id),
        "language": ("text", _CHINESE),
        "channel": ("text", "sms"),
        "changed_at": ("timestamptz", work.now),
    }
    sql.insert(queries.CONTACT, columns, [(i,) for i in sorted(set(consumer_ids))], same=same, suffix="ON CONFLICT DO NOTHING")


def set_contacts(*, work: UnitOfWork, vault: Vault, contacts: Sequence[NewContact]) -> list[UUID | Refused]:
    """Sets how consumers want to be told; the later of two for one consumer counts. Returns the consumers in order.

    Refused with UNKNOWN_CONSUMER, CONSUMER_FORGOTTEN, EMAIL_MISSING or the codes of `rules.addresses`.
    """
    states = _locked(work, [contact.consumer_id for contact in contacts])
    outcomes = [_unknown_or_forgotten(states, c.consumer_id) or _fault(c) or c.consumer_id for c in contacts]
    latest = {c.consumer_id: c for c, outcome in zip(contacts, outcomes, strict=True) if not isinstance(outcome, Refused)}
    columns = {
        "id": "uuid",
        "language": "text",
        "channel": "text",
        "zone": "text",
        "email_sealed": "bytea",
        "changed_at": "timestamptz",
    }
    values = [(i, c.language, c.channel, c.zone, _sealed(vault, c), work.now) for i, c in latest.items()]
    sql.update(queries.CONTACT, "id", columns, values)
    audit.record(work=work, action="notices.set_contacts", object_kind="consumer", object_ids=list(latest))
    return outcomes


def _fault(contact: NewContact) -> Refused | None:
    if contact.email is not None and addresses.email_form(contact.email) is None:
        detail = "an e-mail address has ASCII before the @ and a domain name behind it, 254 characters at most"
        return Refused(addresses.EMAIL_INVALID, detail, "email")
    if contact.channel == "email" and contact.email is None:
        return Refused(EMAIL_MISSING, "who wants e-mail gives an address", "email")
    return addresses.way_fault(language=contact.language, channel=contact.channel, zone=contact.zone)


def _sealed(vault: Vault, contact: NewContact) -> bytes | None:
    address = addresses.email_form(contact.email) if contact.email is not None else None
    return None if address is None else vault.seal(address, table=queries.CONTACT, column="email", row=contact.consumer_id)


def choose(*, work: UnitOfWork, choices: Sequence[Choice]) -> list[bool | Refused]:
    """Records what consumers want to be told, each change as a row of its own. True for a change; False where it was so before.

    Refused with UNKNOWN_CONSUMER, CONSUMER_FORGOTTEN, UNKNOWN_KIND or NOT_OPTIONAL.
    """
    states = _locked(work, [choice.consumer_id for choice in choices])
    latest = _latest(list(states))
    outcomes: list[bool | Refused] = []
    rows: list[tuple[object, ...]] = []
    for choice, new_id in zip(choices, work.ids.many(work.now, len(choices)), strict=True):
        refused = _unknown_or_forgotten(states, choice.consumer_id) or _choice_fault(choice.kind)
        if refused:
            outcomes.append(refused)
            continue
        seq, was_wanted = latest.get((choice.consumer_id, choice.kind), (0, True))
        if was_wanted != choice.is_wanted:
            latest[choice.consumer_id, choice.kind] = (seq + 1, choice.is_wanted)
            rows.append((new_id, choice.consumer_id, choice.kind, seq + 1, choice.is_wanted))
        outcomes.append(was_wanted != choice.is_wanted)
    columns = {"id": "uuid", "consumer_id": "uuid", "kind": "text", "seq": "integer", "is_wanted": "boolean"}
    sql.insert("notices_choice", columns, rows, same={"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now)})
    audit.record(
        work=work, action="notices.choose", object_kind="consumer", object_ids=sorted({c.consumer_id for c in choices} & states.keys())
    )
    return outcomes


def _choice_fault(kind: str) -> Refused | None:
    if kind not in KINDS:
        return Refused(UNKNOWN_KIND, f"a message is of one of {', '.join(KINDS)}", "kind")
    if not KINDS[kind].optional:
        return Refused(NOT_OPTIONAL, f"{kind} is owed to the person, and cannot be stopped", "kind")
    return None


def _latest(consumer_ids: Sequence[UUID]) -> dict[tuple[UUID, str], tuple[int, bool]]:
    found = sql.rows(
        "SELECT DISTINCT ON (consumer_id, kind) consumer_id, kind, seq, is_wanted FROM notices_choice WHERE consumer_id = ANY(%s)"
        " ORDER BY consumer_id, kind, seq DESC",
        [list(consumer_ids)],
    )
    return {(consumer, kind): (seq, is_wanted) for consumer, kind, seq, is_wanted in found}


def forget(*, work: UnitOfWork, consumer_ids: Sequence[UUID]) -> list[UUID | Refused]:
    """Addresses go, what waits to be told is suppressed, and nothing is ever told again; what was told stays as a fact without an address.

    Again, it changes nothing. Refused with UNKNOWN_CONSUMER. What is being sent at this moment may still arrive.
    """
    states = _locked(work, consumer_ids)
    fresh = [consumer for consumer, is_forgotten in states.items() if not is_forgotten]
    sql.run(
        "UPDATE notices_contact SET email_sealed = NULL, zone = NULL, forgotten_at = %s, changed_at = %s WHERE id = ANY(%s)",
        [work.now, work.now, fresh],
    )
    waiting = sql.rows(
        "SELECT id FROM notices_message WHERE book_id = %s AND consumer_id = ANY(%s) AND state = 'queued' ORDER BY id",
        [work.book.id, fresh],
    )
    stored = queries.messages(book_id=work.book.id, message_ids=[row[0] for row in waiting], lock=True)
    changes.store(work, [(m, changes.suppressed(m, FORGOTTEN, work.now)) for m in stored.values()])
    audit.record(work=work, action="notices.forget", object_kind="consumer", object_ids=fresh)
    return [_unknown(states, consumer) or consumer for consumer in consumer_ids]


def _locked(work: UnitOfWork, consumer_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Consumers of the book, their contacts locked in order: whether each is forgotten."""
    known = consumers.in_book(book_id=work.book.id, ids=consumer_ids)
    ensure(work=work, consumer_ids=known)
    return dict(
        sql.rows(
            "SELECT id, forgotten_at IS NOT NULL FROM notices_contact WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [work.book.id, sorted(known)],
        )
    )


def _unknown(states: dict[UUID, bool], consumer_id: UUID) -> Refused | None:
    if consumer_id in states:
        return None
    return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")


def _unknown_or_forgotten(states: dict[UUID, bool], consumer_id: UUID) -> Refused | None:
    if states.get(consumer_id):
        return Refused(CONSUMER_FORGOTTEN, "this consumer asked to be forgotten", "consumer_id")
    return _unknown(states, consumer_id)
