"""Writes of consumers: registration, consents, closing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from yuefu.consumers import rules
from yuefu.consumers.queries import TABLE
from yuefu.consumers.rules import Consent, Person
from yuefu.errors import Refused
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

EXTERNAL_REF_TAKEN: Final = "external_ref_taken"
ID_NUMBER_KNOWN: Final = "id_number_known"  # this person is registered in this book already
UNKNOWN_CONSUMER: Final = "unknown_consumer"
CONSUMER_CLOSED: Final = "consumer_closed"
NOTHING_TO_WITHDRAW: Final = "nothing_to_withdraw"

_COLUMNS: Final = {
    "id": "uuid", "book_id": "uuid", "external_ref": "text", "name_sealed": "bytea", "phone_sealed": "bytea", "phone_index": "bytea",
    "id_number_sealed": "bytea", "id_number_index": "bytea", "birth_on_sealed": "bytea", "is_student": "boolean", "state": "text",
    "created_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewConsumer:
    """Personal data never appears in a text of this value."""

    key: str
    external_ref: str
    name: str = field(repr=False)
    phone: str = field(repr=False)
    id_number: str = field(repr=False)
    is_student: bool = False
    consents: tuple[Consent, ...] = ()


@dataclass(frozen=True, slots=True)
class _Content:
    """What the key of a registration remembers: personal data only as keyed hashes, because a plain hash of a phone can be guessed."""

    key: str
    external_ref: str
    name: bytes
    phone: bytes
    id_number: bytes
    is_student: bool
    consents: tuple[Consent, ...]


@dataclass(frozen=True, slots=True)
class ConsentAct:
    """`kind` is given or withdrawn; a withdrawal names the purpose, and the version and hash it takes back."""

    key: str
    consumer_id: UUID
    kind: str
    consent: Consent


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: UUID
    given: NewConsumer
    person: Person
    id_number_index: bytes


@dataclass(frozen=True, slots=True)
class _ConsentRow:
    id: UUID
    consumer_id: UUID
    kind: str
    seq: int
    consent: Consent


def register(*, work: UnitOfWork, vault: Vault, consumers: Sequence[NewConsumer], sender: UUID | None = None) -> list[UUID | Refused]:
    """Registers people; the birth date comes from the identity number. Returns the ids in order.

    `sender` chose the keys: a merchant that registers its shoppers, or (None) the operator, whose people are one sender and may repeat
    what a colleague began. Equal keys of two senders are two keys; that a person is registered once in a book does not rest on them.
    Refused with the codes of `rules`, with EXTERNAL_REF_TAKEN or with ID_NUMBER_KNOWN.
    """
    new_ids = work.ids.many(work.now, len(consumers))
    contents = [_content(vault, consumer) for consumer in consumers]

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _register(work, vault, {i: (new_ids[i], consumers[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope=keys.scope_of("consumers.register", *([sender] if sender else [])),
        requests=contents,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {consumer_id: consumer_id for consumer_id in known},
    )


def _content(vault: Vault, given: NewConsumer) -> _Content:
    return _Content(
        given.key,
        given.external_ref,
        vault.index(given.name, purpose="key.name"),
        vault.index(given.phone, purpose="key.phone"),
        vault.index(given.id_number, purpose="key.id_number"),
        given.is_student,
        given.consents,
    )


def _register(work: UnitOfWork, vault: Vault, given: Mapping[int, tuple[UUID, NewConsumer]]) -> dict[int, UUID | Refused]:
    outcomes: dict[int, UUID | Refused] = {}
    candidates: dict[int, _Candidate] = {}
    for i, (new_id, consumer) in given.items():
        checked = _checked(consumer)
        if isinstance(checked, Refused):
            outcomes[i] = checked
        else:
            candidates[i] = _Candidate(new_id, consumer, checked, vault.index(checked.id_number, purpose="id_number"))
    outcomes |= _first_of_each(candidates)
    fresh = {i: candidate for i, candidate in candidates.items() if i not in outcomes}
    outcomes |= _store(work, vault, fresh)
    made = [candidate for i, candidate in fresh.items() if isinstance(outcomes[i], UUID)]
    _store_consents(work, [_ConsentRow(work.ids.new(work.now), c.id, "given", 1, consent) for c in made for consent in c.given.consents])
    _tell(work, [candidate.id for candidate in made])
    return outcomes


def _checked(consumer: NewConsumer) -> Person | Refused:
    fault = rules.reference_fault(consumer.external_ref) or rules.consents_fault(consumer.consents)
    return fault or rules.person(name=consumer.name, phone=consumer.phone, id_number=consumer.id_number)


def _first_of_each(candidates: Mapping[int, _Candidate]) -> dict[int, Refused]:
    """Refuses, in order, whoever repeats the reference or the person of an earlier request of the batch."""
    refused: dict[int, Refused] = {}
    references: set[str] = set()
    people: set[bytes] = set()
    for i, candidate in candidates.items():
        if candidate.given.external_ref in references:
            refused[i] = _reference_taken(candidate)
        elif candidate.id_number_index in people:
            refused[i] = _person_known()
        else:
            references.add(candidate.given.external_ref)
            people.add(candidate.id_number_index)
    return refused


def _reference_taken(candidate: _Candidate) -> Refused:
    return Refused(EXTERNAL_REF_TAKEN, f"{candidate.given.external_ref} is another consumer of this book", "external_ref")


def _person_known() -> Refused:
    return Refused(ID_NUMBER_KNOWN, "a consumer of this book has this identity number", "id_number")


def _store(work: UnitOfWork, vault: Vault, fresh: Mapping[int, _Candidate]) -> dict[int, UUID | Refused]:
    """Writes what does not exist yet. Sorted, so that two batches wait for each other in one order; the constraints decide a race."""
    rows = sorted((_row(work, vault, candidate) for candidate in fresh.values()), key=lambda row: str(row[2]))
    sql.insert(TABLE, _COLUMNS, rows, suffix="ON CONFLICT DO NOTHING")
    stored = sql.rows(
        "SELECT id, external_ref FROM consumers_consumer WHERE book_id = %s AND (external_ref = ANY(%s) OR id_number_index = ANY(%s))",
        [work.book.id, [c.given.external_ref for c in fresh.values()], [c.id_number_index for c in fresh.values()]],
    )
    made, taken = {row[0] for row in stored}, {row[1] for row in stored}
    return {
        i: c.id if c.id in made else _reference_taken(c) if c.given.external_ref in taken else _person_known() for i, c in fresh.items()
    }


def _row(work: UnitOfWork, vault: Vault, candidate: _Candidate) -> tuple[object, ...]:
    row, person = candidate.id, candidate.person
    return (
        row,
        work.book.id,
        candidate.given.external_ref,
        vault.seal(person.name, table=TABLE, column="name", row=row),
        vault.seal(person.phone, table=TABLE, column="phone", row=row),
        vault.index(person.phone, purpose="phone"),
        vault.seal(person.id_number, table=TABLE, column="id_number", row=row),
        candidate.id_number_index,
        vault.seal(person.birth_on.isoformat(), table=TABLE, column="birth_on", row=row),
        candidate.given.is_student,
        "active",
        work.now,
    )


def _tell(work: UnitOfWork, made: Sequence[UUID]) -> None:
    outbox.emit(
        work=work, events=[Event("consumer.registered", "consumer", made_id, 1, {"id": made_id, "state": "active"}) for made_id in made]
    )
    audit.record(work=work, action="consumers.register", object_kind="consumer", object_ids=made)


def record_consents(*, work: UnitOfWork, acts: Sequence[ConsentAct]) -> list[UUID | Refused]:
    """Records consents given and withdrawn, each as a row of its own. Returns the ids of the rows.

    Refused with CONSENT_INVALID, UNKNOWN_CONSUMER, or NOTHING_TO_WITHDRAW where the purpose has no consent in force.
    """
    new_ids = work.ids.many(work.now, len(acts))

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _record_consents(work, {i: (new_ids[i], acts[i]) for i in fresh})

    return keys.answer(
        work=work,
        scope=[keys.scope_of("consumers.record_consents", act.consumer_id) for act in acts],
        requests=acts,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {consent_id: consent_id for consent_id in known},
    )


def _record_consents(work: UnitOfWork, given: Mapping[int, tuple[UUID, ConsentAct]]) -> dict[int, UUID | Refused]:
    latest = _latest_acts(work, sorted({act.consumer_id for _, act in given.values()}))
    outcomes: dict[int, UUID | Refused] = {}
    rows: list[_ConsentRow] = []
    for i, (row_id, act) in given.items():
        seq, kind = latest.get(act.consumer_id, {}).get(act.consent.purpose, (0, "withdrawn"))
        fault = _act_fault(act, known=act.consumer_id in latest, in_force=kind == "given")
        if fault:
            outcomes[i] = fault
            continue
        latest[act.consumer_id][act.consent.purpose] = (seq + 1, act.kind)
        outcomes[i] = row_id
        rows.append(_ConsentRow(row_id, act.consumer_id, act.kind, seq + 1, act.consent))
    _store_consents(work, rows)
    outbox.emit(work=work, events=[_consent_event(row) for row in rows])
    audit.record(work=work, action="consumers.record_consents", object_kind="consent", object_ids=[row.id for row in rows])
    return outcomes


def _latest_acts(work: UnitOfWork, consumer_ids: Sequence[UUID]) -> dict[UUID, dict[str, tuple[int, str]]]:
    """Locks the consumers in order, so that two withdrawals of one purpose cannot both find it in force."""
    known = sql.rows(
        "SELECT id FROM consumers_consumer WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [work.book.id, list(consumer_ids)],
    )
    latest: dict[UUID, dict[str, tuple[int, str]]] = {row[0]: {} for row in known}
    found = sql.rows(
        "SELECT DISTINCT ON (consumer_id, purpose) consumer_id, purpose, seq, kind FROM consumers_consent"
        " WHERE consumer_id = ANY(%s) ORDER BY consumer_id, purpose, seq DESC",
        [list(latest)],
    )
    for consumer_id, purpose, seq, kind in found:
        latest[consumer_id][purpose] = (seq, kind)
    return latest


def _act_fault(act: ConsentAct, *, known: bool, in_force: bool) -> Refused | None:
    if act.kind not in {"given", "withdrawn"}:
        return Refused(rules.CONSENT_INVALID, "a consent is given or withdrawn", "kind")
    if not known:
        return Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id")
    if act.kind == "withdrawn" and not in_force:
        return Refused(NOTHING_TO_WITHDRAW, "this consent is not in force", "consent")
    return rules.consents_fault([act.consent])


def _consent_event(row: _ConsentRow) -> Event:
    snapshot = {"id": row.id, "consumer_id": row.consumer_id, "purpose": row.consent.purpose, "version": row.consent.version}
    return Event(f"consent.{row.kind}", "consent", row.id, 1, snapshot)


def _store_consents(work: UnitOfWork, rows: Sequence[_ConsentRow]) -> None:
    columns = {
        "id": "uuid", "book_id": "uuid", "consumer_id": "uuid", "kind": "text", "seq": "integer", "purpose": "text", "version": "text",
        "text_hash": "text", "recorded_at": "timestamptz",
    }  # fmt: skip
    values = [
        (
            row.id,
            work.book.id,
            row.consumer_id,
            row.kind,
            row.seq,
            row.consent.purpose,
            row.consent.version,
            row.consent.text_hash,
            work.now,
        )
        for row in rows
    ]
    sql.insert("consumers_consent", columns, values)


def close(*, work: UnitOfWork, consumer_ids: Sequence[UUID]) -> list[UUID | Refused]:
    """active → closed: no new orders; what is owed stays owed. Refused with UNKNOWN_CONSUMER or CONSUMER_CLOSED."""
    states = dict(
        sql.rows(
            "SELECT id, state FROM consumers_consumer WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE",
            [work.book.id, list(consumer_ids)],
        )
    )
    outcomes: list[UUID | Refused] = []
    closing: list[UUID] = []
    for consumer_id in consumer_ids:
        if consumer_id not in states:
            outcomes.append(Refused(UNKNOWN_CONSUMER, "there is no such consumer in this book", "consumer_id"))
        elif (states[consumer_id], "closed") not in rules.TRANSITIONS:
            outcomes.append(Refused(CONSUMER_CLOSED, "this consumer is closed already", "consumer_id"))
        else:
            states[consumer_id] = "closed"
            closing.append(consumer_id)
            outcomes.append(consumer_id)
    sql.run("UPDATE consumers_consumer SET state = 'closed', closed_at = %s WHERE id = ANY(%s)", [work.now, closing])
    outbox.emit(
        work=work,
        events=[Event("consumer.closed", "consumer", i, 2, {"id": i, "state": "closed"}, changed={"state": "active"}) for i in closing],
    )
    audit.record(work=work, action="consumers.close", object_kind="consumer", object_ids=closing)
    return outcomes
