"""Reads of consumers; personal data leaves this package masked, as facts for a decision, or to write to the person themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from yuefu.consumers.rules import KNOWN_FOR, Code, Facts, age_years, masked_name, national_phone, phone_form
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault, mask

TABLE: Final = "consumers_consumer"


@dataclass(frozen=True, slots=True)
class Shown:
    """A consumer as staff and the consumer see it."""

    id: UUID
    external_ref: str
    state: str
    name_masked: str
    phone_masked: str
    id_number_masked: str


@dataclass(frozen=True, slots=True)
class Reach:
    """By what a person is greeted and called. Personal data never appears in a text of this value."""

    name: str = field(repr=False)
    phone: str = field(repr=False)


def facts(*, ids: Sequence[UUID], on: date, vault: Vault, book_id: UUID | None = None) -> dict[UUID, Facts]:
    """What a decision of that day may know of these consumers, of one book where it is named; unknown ids are left out."""
    found = sql.rows(
        # One way into the key for each, whatever the statistics say.
        "SELECT c.id, c.state, c.is_student, c.birth_on_sealed FROM unnest(%(ids)s::uuid[]) AS g (consumer) CROSS JOIN LATERAL"
        " (SELECT * FROM consumers_consumer WHERE id = g.consumer OFFSET 0) AS c WHERE %(book)s::uuid IS NULL OR c.book_id = %(book)s",
        {"ids": list(ids), "book": book_id},
    )
    return {
        row_id: Facts(row_id, state, age_years(_birth(vault, row_id, sealed), on), is_student)
        for row_id, state, is_student, sealed in found
    }


def in_book(*, book_id: UUID, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these are consumers of a book."""
    return frozenset(
        row[0] for row in sql.rows("SELECT id FROM consumers_consumer WHERE book_id = %s AND id = ANY(%s)", [book_id, list(ids)])
    )


def _birth(vault: Vault, row_id: UUID, sealed: bytes) -> date:
    return date.fromisoformat(vault.open(sealed, table=TABLE, column="birth_on", row=row_id))


def states_held(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The states of consumers of a book, share-locked in order of id until the transaction ends: nobody closes them meanwhile."""
    found = sql.rows(
        "SELECT id, state FROM consumers_consumer WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR SHARE", [book_id, sorted(set(ids))]
    )
    return dict(found)


def shown(*, ids: Sequence[UUID], vault: Vault) -> dict[UUID, Shown]:
    """These consumers as they may be shown; unknown ids are left out."""
    found = sql.rows(
        "SELECT id, external_ref, state, name_sealed, phone_sealed, id_number_sealed FROM consumers_consumer WHERE id = ANY(%s)",
        [list(ids)],
    )
    return {row[0]: _shown(vault, *row) for row in found}


def external_refs(*, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The references of consumers; unknown ids are left out. Nothing personal is read."""
    return dict(sql.rows("SELECT id, external_ref FROM consumers_consumer WHERE id = ANY(%s)", [list(ids)]))


def reachable(*, book_id: UUID, ids: Sequence[UUID], vault: Vault) -> dict[UUID, Reach]:
    """Name and phone (E.164) of consumers of a book, to write to them and for nothing else. Who is unknown, or whose data was erased, is left
    out.
    """
    found = sql.rows(
        "SELECT id, name_sealed, phone_sealed FROM consumers_consumer WHERE book_id = %s AND id = ANY(%s)"
        " AND length(name_sealed) > 0 AND length(phone_sealed) > 0",
        [book_id, list(ids)],
    )
    return {
        row_id: Reach(vault.open(name, table=TABLE, column="name", row=row_id), vault.open(phone, table=TABLE, column="phone", row=row_id))
        for row_id, name, phone in found
    }


def _shown(vault: Vault, row_id: UUID, external_ref: str, state: str, name: bytes, phone: bytes, id_number: bytes) -> Shown:
    plain_phone = national_phone(vault.open(phone, table=TABLE, column="phone", row=row_id))
    return Shown(
        row_id,
        external_ref,
        state,
        masked_name(vault.open(name, table=TABLE, column="name", row=row_id)),
        mask(plain_phone, head=3, tail=4),
        mask(vault.open(id_number, table=TABLE, column="id_number", row=row_id), head=3, tail=2),
    )


def listed(*, book_id: UUID, after: str = "", limit: int = 100) -> list[UUID]:
    """Consumers in the order of their references, after one of them."""
    found = sql.rows(
        "SELECT id FROM consumers_consumer WHERE book_id = %s AND external_ref > %s ORDER BY external_ref LIMIT %s", [book_id, after, limit]
    )
    return [row[0] for row in found]


def by_external_refs(*, book_id: UUID, external_refs: Sequence[str]) -> dict[str, UUID]:
    """Consumers by the reference a client gave them; unknown references are left out."""
    found = sql.rows(
        "SELECT external_ref, id FROM consumers_consumer WHERE book_id = %s AND external_ref = ANY(%s)", [book_id, list(external_refs)]
    )
    return dict(found)


def by_phone(*, book_id: UUID, phone: str, vault: Vault) -> list[UUID]:
    """Consumers with this phone number, however it is written; a number can pass from one person to the next."""
    number = phone_form(phone)
    if number is None:
        return []
    index = vault.index(number, purpose="phone")
    found = sql.rows("SELECT id FROM consumers_consumer WHERE book_id = %s AND phone_index = %s ORDER BY id", [book_id, index])
    return [row[0] for row in found]


def consents_in_force(*, consumer_ids: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """Purpose → version of what each consumer agreed to and has not withdrawn."""
    found = sql.rows(
        "SELECT DISTINCT ON (consumer_id, purpose) consumer_id, purpose, version, kind FROM consumers_consent"
        " WHERE consumer_id = ANY(%s) ORDER BY consumer_id, purpose, seq DESC",
        [list(consumer_ids)],
    )
    in_force: dict[UUID, dict[str, str]] = {consumer_id: {} for consumer_id in consumer_ids}
    for consumer_id, purpose, version, kind in found:
        if kind == "given":
            in_force[consumer_id][purpose] = version
    return in_force


def code_in_use(*, code_id: UUID, subject_id: UUID, now: datetime) -> Code | None:
    """A code of a subject that can be tried yet, or was confirmed not long ago: who confirmed it is who they say."""
    found = sql.rows_as(
        Code,
        "SELECT id, subject_id, consumer_id, state, tries, expires_at, confirmed_at FROM consumers_code"
        " WHERE id = %s AND subject_id = %s AND ((state = 'confirmed' AND confirmed_at > %s) OR (state = 'asked' AND expires_at > %s))",
        [code_id, subject_id, now - KNOWN_FOR, now],
    )
    return found[0] if found else None
