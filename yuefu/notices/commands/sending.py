"""Messages claimed: which go now is decided under the lock of each person's contact, and each try is stored before anybody is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu import ids
from yuefu.consumers.queries import Reach
from yuefu.notices import queries
from yuefu.notices.commands import changes
from yuefu.notices.queries import Contact, Message
from yuefu.notices.rules import kinds, timing
from yuefu.notices.rules.addresses import texting_form
from yuefu.notices.rules.kinds import KINDS, Channel, Params
from yuefu.notices.rules.length import parts
from yuefu.notices.rules.outgoing import Outgoing
from yuefu.notices.rules.policy import Policy, Sender
from yuefu.notices.rules.templates import render
from yuefu.notices.rules.timing import Drop, Go, Situation, Wait
from yuefu.runtime import sql
from yuefu.runtime.logs import logger
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

log = logger(__name__)

_URGENCY: Final = {code: place for place, code in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Found:
    """What was read of the people whose contacts are locked: what waits, how each can be reached, by which channels there is a carrier, and of
    some messages what they have to say by now; None where that is so no more.
    """

    contacts: Mapping[UUID, Contact]
    waiting: Mapping[UUID, Sequence[Message]]
    reach: Mapping[UUID, Reach]
    channels: frozenset[Channel]
    by_now: Mapping[UUID, Params | None]


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is to be handed over after the commit, and how many were decided on in which way."""

    outgoing: tuple[Outgoing, ...]
    decided: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Try:
    message: Message
    outgoing: Outgoing


def claim(*, work: UnitOfWork, vault: Vault, policy: Policy, sender: Sender, found: Found) -> Claimed:
    """Decides on each message and stores what was decided; those that go are `sending` from here on, with their try begun.

    The people's contacts are locked (`queries.lock_free`) before `found` is read. Of one person the most urgent go first, so that a full
    week keeps the least urgent back.
    """
    people = sorted(found.waiting.keys() & found.contacts.keys())
    told = Counter(queries.told_since(consumer_ids=people, since=work.now - timing.WEEK))
    unwanted = queries.unwanted(consumer_ids=people)
    changed: list[tuple[Message, Message]] = []
    tries: list[_Try] = []
    for person in people:
        for message in sorted(found.waiting[person], key=lambda m: (-_URGENCY.get(m.kind, 0), m.id)):
            it = _situation(work, found, message, unwanted[person], told[person, message.counts_as])
            after, attempt = _decided(work, it, message, policy, sender, found)
            changed.append((message, after))
            if attempt:
                tries.append(attempt)
                told[person, message.counts_as] += 1
    changes.store(work, changed)
    _begin(work, vault, tries)
    return Claimed(tuple(one.outgoing for one in tries), Counter(after.reason or after.state for _, after in changed))


def _situation(work: UnitOfWork, found: Found, message: Message, unwanted: frozenset[str], told: int) -> Situation:
    contact = found.contacts[message.consumer_id]
    return Situation(
        kind=message.kind,
        expires_at=message.expires_at,
        zone=ZoneInfo(contact.zone) if contact.zone else work.book.tz,
        is_forgotten=contact.is_forgotten,
        is_wanted=message.kind not in unwanted,
        is_reachable=_way(found, message.consumer_id) is not None,
        is_so=found.by_now.get(message.id, ()) is not None,
        told_in_the_week=told,
    )


def _way(found: Found, person: UUID) -> tuple[Channel, str] | None:
    """The channel the person wants where it has an address and a carrier, else the other one; None where neither has. Whose data was erased
    has none.
    """
    contact, reach = found.contacts[person], found.reach.get(person)
    if reach is None:
        return None
    ways: dict[Channel, str | None] = {"sms": texting_form(reach.phone), "email": contact.email}
    order: list[Channel] = ["email", "sms"] if contact.channel == "email" else ["sms", "email"]
    return next(((channel, to) for channel in order if channel in found.channels and (to := ways[channel]) is not None), None)


def _decided(
    work: UnitOfWork, it: Situation, message: Message, policy: Policy, sender: Sender, found: Found
) -> tuple[Message, _Try | None]:
    match timing.decide(it, now=work.now, policy=policy):
        case Drop(reason):
            return changes.suppressed(message, reason, work.now), None
        case Wait(until):
            return replace(message, not_before=until), None
        case Go():
            return _going(work, message, sender, found)


def _going(work: UnitOfWork, message: Message, sender: Sender, found: Found) -> tuple[Message, _Try | None]:
    contact, reach = found.contacts[message.consumer_id], found.reach[message.consumer_id]
    way = _way(found, message.consumer_id)
    assert way is not None, "who cannot be reached was told nothing"
    channel, to = way
    try:
        params = found.by_now.get(message.id) or kinds.read(message.kind, message.params)
        words = render(kind=message.kind, language=contact.language, channel=channel, params=params, sender=sender, name=reach.name)
    except Exception as error:
        # A fault of ours in one message keeps nobody else from being told.
        log.exception("message not rendered", message=ids.text("message", message.id), kind=message.kind, error=type(error).__name__)
        return changes.failed(message, timing.NOT_RENDERED, work.now), None
    after = replace(
        message, state="sending", params=kinds.plain(params), channel=channel, language=contact.language, tries=message.tries + 1,
        claimed_at=work.now, counted_at=work.now,
    )  # fmt: skip
    outgoing = Outgoing(ids.text("message", message.id), after.tries, channel, contact.language, to, reach.name, words.subject, words.text)
    return after, _Try(after, outgoing)


def _begin(work: UnitOfWork, vault: Vault, tries: Sequence[_Try]) -> None:
    columns = {
        "id": "uuid", "message_id": "uuid", "no": "smallint", "channel": "text", "address_index": "bytea", "text_hash": "text",
        "parts": "smallint",
    }  # fmt: skip
    indexes = [vault.index(one.outgoing.to, purpose=f"notices.{one.outgoing.channel}") for one in tries]
    rows = [
        (i, one.message.id, one.message.tries, one.outgoing.channel, index, _hash(one.outgoing), _parts(one.outgoing))
        for i, one, index in zip(work.ids.many(work.now, len(tries)), tries, indexes, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "recorded_at": ("timestamptz", work.now), "step": ("text", "begun")}
    sql.insert("notices_attempt", columns, rows, same=same | {"code": ("text", ""), "provider_ref": ("text", "")})


def _hash(out: Outgoing) -> str:
    return sha256(f"{out.subject}\n\n{out.text}".encode()).hexdigest()


def _parts(out: Outgoing) -> int:
    return parts(out.text) if out.channel == "sms" else 1
