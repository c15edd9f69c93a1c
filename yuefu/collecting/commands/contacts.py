"""Contacts: stored before the call, and only where a person may be contacted; what came of it is told once, afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu.collecting import queries
from yuefu.collecting.queries import CONTACT, Case, Contact, Counts
from yuefu.collecting.rules import contacting
from yuefu.collecting.rules.contacting import OUTCOME_UNKNOWN, OUTCOMES, WEEK_DAYS, Standing
from yuefu.collecting.rules.policy import Policy
from yuefu.errors import Refused
from yuefu.loans.commands import late as loans
from yuefu.notices import queries as notices
from yuefu.notices.rules.kinds import ARREARS
from yuefu.runtime import audit, keys, outbox, sql
from yuefu.runtime.outbox import Event
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

UNKNOWN_CASE: Final = "unknown_case"
CASE_CLOSED: Final = "case_closed"
UNKNOWN_CONTACT: Final = "unknown_contact"
OUTCOME_TOLD: Final = "outcome_told"  # what came of a contact is told once
NOTE_INVALID: Final = "note_invalid"  # without an outcome, too long, or with control characters

_LONGEST_NOTE: Final = 2_000
_COLUMNS: Final = {
    "id": "uuid", "case_id": "uuid", "consumer_id": "uuid", "channel": "text", "inbound": "boolean", "local_on": "date",
    "local_time": "time", "of_day": "smallint", "outcome": "text", "note_sealed": "bytea", "outcome_at": "timestamptz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact about a case, now: by us, or `inbound` by the borrower. `outcome` where it is known already, else it is told later."""

    key: str
    case_id: UUID
    channel: str
    whom: str = contacting.BORROWER
    inbound: bool = False
    outcome: str = ""
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a contact."""

    contact_id: UUID
    outcome: str
    note: str = field(default="", repr=False)


def contact(
    *, work: UnitOfWork, vault: Vault, policy: Policy, zones: Mapping[UUID, ZoneInfo], contacts: Sequence[NewContact]
) -> list[UUID | Refused]:
    """Stores contacts that may be made now; make them only then. Returns their ids, in order; of a known key the first one.

    `zones` are those of people, by consumer; the book's unless given. Refused with UNKNOWN_CASE, CASE_CLOSED, NOTE_INVALID, outcome_unknown or the
    codes of `rules.contacting`; a refusal uses no key, for it may be otherwise in an hour.
    """
    new = work.ids.many(work.now, len(contacts))
    found = queries.lock(book_id=work.book.id, case_ids=sorted({one.case_id for one in contacts}))
    people = _People.read(work, found, zones)

    def refused(given: Sequence[int]) -> dict[int, Refused]:
        counts = Counter[UUID]()
        faults: dict[int, Refused] = {}
        for i in given:
            case = found.get(contacts[i].case_id)
            fault = case_fault(case) or _words_fault(contacts[i].outcome, contacts[i].note)
            if fault is None and case is not None:
                fault = contacting.fault_of(people.standing(case, contacts[i], counts[case.consumer_id]), policy)
                counts[case.consumer_id] += fault is None and not contacts[i].inbound
            if fault:
                faults[i] = fault
        return faults

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        _store(work, vault, {new[i]: (found[contacts[i].case_id], contacts[i]) for i in fresh}, people)
        return {i: new[i] for i in fresh}

    return keys.answer(
        work=work,
        scope="collect.contact",
        requests=contacts,
        object_ids=new,
        validate=refused,
        decide=decide,
        recall=lambda known: {contact_id: contact_id for contact_id in known},
    )


@dataclass(frozen=True, slots=True)
class _People:
    """What was read of the people of some cases, under the locks of these."""

    local: Mapping[UUID, datetime]
    counts: Mapping[UUID, Counts]
    told: Mapping[UUID, tuple[int, int]]
    restricted: Mapping[UUID, frozenset[str]]
    overdue: frozenset[UUID]
    promised: frozenset[UUID]

    @classmethod
    def read(cls, work: UnitOfWork, cases: Mapping[UUID, Case], zones: Mapping[UUID, ZoneInfo]) -> _People:
        people = sorted({case.consumer_id for case in cases.values()})
        local = {i: work.now.astimezone(zones.get(i, work.book.tz)) for i in people}
        late = loans.late_of(work.book.id, people, work.book.currency, work.day.on)
        return cls(
            local,
            queries.counted(days={i: at.date() for i, at in local.items()}, since=work.now - timedelta(days=WEEK_DAYS)),
            _told(work, local),
            queries.restricted(consumer_ids=people),
            frozenset(late),
            frozenset(queries.running_promises(book_id=work.book.id, consumer_ids=people)),
        )

    def standing(self, case: Case, new: NewContact, more: int) -> Standing:
        person = case.consumer_id
        by_message = self.told[person]
        return Standing(
            channel=new.channel,
            whom=new.whom,
            inbound=new.inbound,
            local=self.local[person],
            restricted=self.restricted[person],
            overdue=person in self.overdue,
            promised=person in self.promised,
            this_day=self.counts[person].of_day + by_message[0] + more,
            this_week=self.counts[person].of_week + by_message[1] + more,
        )


def _told(work: UnitOfWork, local: Mapping[UUID, datetime]) -> dict[UUID, tuple[int, int]]:
    """How many messages about arrears each person was sent: on the day that it is there, and in seven days. They count as contacts do."""
    week = notices.told_since(consumer_ids=list(local), since=work.now - timedelta(days=WEEK_DAYS))
    today: dict[UUID, int] = {}
    midnights = {at: [i for i, of in local.items() if _midnight(of) == at] for at in {_midnight(of) for of in local.values()}}
    for midnight, people in midnights.items():
        sent = notices.told_since(consumer_ids=people, since=midnight)
        today |= {i: sent.get((i, ARREARS), 0) for i in people}
    return {i: (today[i], week.get((i, ARREARS), 0)) for i in local}


def _midnight(local: datetime) -> datetime:
    return datetime.combine(local.date(), time(), local.tzinfo)


def case_fault(case: Case | None) -> Refused | None:
    """A case is there, and open."""
    if case is None:
        return Refused(UNKNOWN_CASE, "there is no such case in this book", "case_id")
    if case.state != "open":
        return Refused(CASE_CLOSED, f"the case was closed on {case.closed_on}: {case.closed_reason}", "case_id")
    return None


def _words_fault(outcome: str, note: str) -> Refused | None:
    if outcome and outcome not in OUTCOMES:
        return Refused(OUTCOME_UNKNOWN, f"an outcome is one of {', '.join(OUTCOMES)}", "outcome")
    if note and (not outcome or len(note) > _LONGEST_NOTE or not note.replace("\n", " ").isprintable()):
        return Refused(NOTE_INVALID, f"a note goes with an outcome and has at most {_LONGEST_NOTE} printable characters", "note")
    return None


def _store(work: UnitOfWork, vault: Vault, made: Mapping[UUID, tuple[Case, NewContact]], people: _People) -> None:
    counts = {person: counted.of_day for person, counted in people.counts.items()}
    rows = []
    for contact_id, (case, new) in made.items():
        local, of_day = people.local[case.consumer_id], None
        if not new.inbound:
            of_day = counts[case.consumer_id] = counts[case.consumer_id] + 1
        note = vault.seal(new.note, table=CONTACT, column="note", row=contact_id) if new.note else None
        rows.append(
            (
                contact_id, case.id, case.consumer_id, new.channel, new.inbound, local.date(), local.time(), of_day, new.outcome, note,
                work.now if new.outcome else None,
            )
        )  # fmt: skip
    same = {"book_id": ("uuid", work.book.id), "recorded_by": ("text", work.by.label), "made_at": ("timestamptz", work.now)}
    sql.insert("collecting_contact", _COLUMNS, rows, same=same)
    events = [
        Event("contact.made", "contact", contact_id, 1, _told_of(contact_id, case, new.channel, new.outcome, inbound=new.inbound))
        for contact_id, (case, new) in made.items()
    ]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="collect.contact", object_kind="contact", object_ids=list(made))


def _told_of(contact_id: UUID, case: Case | Contact, channel: str, outcome: str, *, inbound: bool) -> dict[str, Any]:
    """What events tell of a contact: never its note."""
    return {
        "id": contact_id,
        "case_id": case.id if isinstance(case, Case) else case.case_id,
        "consumer_id": case.consumer_id,
        "channel": channel,
        "inbound": inbound,
        "outcome": outcome,
    }


def tell_outcomes(*, work: UnitOfWork, vault: Vault, outcomes: Sequence[Outcome]) -> list[UUID | Refused]:
    """What came of contacts, each once. Returns the contacts. Refused with UNKNOWN_CONTACT, OUTCOME_TOLD, NOTE_INVALID or outcome_unknown."""
    known = queries.contacts_by_id(book_id=work.book.id, ids=[one.contact_id for one in outcomes], vault=vault, locked=True)
    told: dict[UUID, Outcome] = {}
    answers: list[UUID | Refused] = []
    for one in outcomes:
        fault = _outcome_fault(one, known.get(one.contact_id), again=one.contact_id in told)
        if fault is None:
            told[one.contact_id] = one
        answers.append(fault or one.contact_id)
    sealed = {i: vault.seal(one.note, table=CONTACT, column="note", row=i) if one.note else None for i, one in told.items()}
    columns = {"id": "uuid", "outcome": "text", "note_sealed": "bytea", "outcome_at": "timestamptz"}
    sql.update("collecting_contact", "id", columns, [(i, one.outcome, sealed[i], work.now) for i, one in told.items()])
    events = [
        Event(
            "contact.outcome_told",
            "contact",
            i,
            2,
            _told_of(i, known[i], known[i].channel, one.outcome, inbound=known[i].inbound),
            {"outcome": ""},
        )
        for i, one in told.items()
    ]
    outbox.emit(work=work, events=events)
    audit.record(work=work, action="collect.outcome", object_kind="contact", object_ids=list(told))
    return answers


def _outcome_fault(one: Outcome, stored: Contact | None, *, again: bool) -> Refused | None:
    if stored is None:
        return Refused(UNKNOWN_CONTACT, "there is no such contact in this book", "contact_id")
    if stored.outcome or again:
        return Refused(OUTCOME_TOLD, f"what came of it was told before: {stored.outcome}", "contact_id")
    return _words_fault(one.outcome or "?", one.note)
