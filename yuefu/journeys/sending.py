"""Messages on their way: what may go is claimed, handed to its carrier, and what that says is booked.

Each chunk is a transaction, the call of the carriers outside of any, and another transaction. Two who send at once take turns by person, so
nobody is told twice, nor more often in a week than the policy allows. Whoever is killed between the two transactions leaves messages that
are being sent; after `LEASE` their carrier is asked what became of them. One that never heard of a message is given it again, under the
same reference; one that cannot be asked (a mail server) is not: that message may never arrive, and none arrives twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys import dunning, reminders
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.reminders import Watch
from yuefu.notices import commands as notices
from yuefu.notices import queries as outbound
from yuefu.notices.commands import Claimed, Found, Tried
from yuefu.notices.gateways.ports import Mailer, Texter
from yuefu.notices.queries import Message
from yuefu.notices.rules.kinds import CHANNELS, Channel, Params
from yuefu.notices.rules.outgoing import DOWN, Outgoing, Told
from yuefu.notices.rules.timing import ASKED_FOR, LEASE
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import GATEWAY_FAILED, MESSAGES
from yuefu.runtime.values import UnitOfWork

CHUNK: Final = 200
"""So many people at a time: what is handed over in one go has to be done well within LEASE."""
NO_CARRIER: Final = (
    "no_carrier"  # nobody carries messages of this book: the settings of the installation name a mail server or a provider of texts
)

BROKEN: Final = "broken"

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Carriers:
    """Who carries messages of a book; a channel without one is not used."""

    mailer: Mailer | None
    texter: Texter | None

    @property
    def channels(self) -> frozenset[Channel]:
        return frozenset(channel for channel in CHANNELS if (self.mailer if channel == "email" else self.texter) is not None)


@dataclass(frozen=True, slots=True)
class Round:
    """What became of messages in one round, by state or, where they end for one, by reason; of those put off `queued`; `broken` are people
    whose messages raised and wait. `is_down`: a carrier did not answer, and the rest waits for the next round.
    """

    became: Mapping[str, int]
    is_down: bool


def send(*, desk: Desk, carriers: Carriers, now: datetime, watch: Watch = lambda _: None) -> Round | Refused:
    """Asks what became of messages that broke off, then sends what may go now, in chunks.

    Refused with read_only, no_open_day, no_sender or no_carrier; what was sent before stays sent.
    """
    if not carriers.channels:
        return Refused(NO_CARRIER, "nobody carries messages of this book: set YUEFU_SMS_URL or YUEFU_SMTP_URL (see README)")
    became: Counter[str] = Counter()
    with open_day(desk, now) as work:
        told = work if isinstance(work, Refused) else reminders.settings(work)
    if isinstance(told, Refused):
        return told
    if refused := _resume(desk, carriers, now, became):
        return refused
    after: UUID | None = None
    is_down = False
    while not is_down and (people := outbound.people_waiting(book_id=desk.book.id, now=now, after=after, limit=CHUNK)):
        after = people[-1]
        claimed = _claim(desk, carriers, now, people)
        if isinstance(claimed, Refused):
            return claimed
        became.update({name: count for name, count in claimed.decided.items() if name != "sending"})
        is_down = _hand_over(desk, carriers, now, claimed.outgoing, became)
        watch(became.total())
    for name, count in became.items():
        MESSAGES.labels(became=name).inc(count)
    return Round(dict(became), is_down)


def _claim(desk: Desk, carriers: Carriers, now: datetime, people: Sequence[UUID]) -> Claimed | Refused:
    """What goes next to these people. One whose messages or data raise is found by halves, stays as it is, and is `broken` in the log."""
    try:
        return _claim_together(desk, carriers, now, people)
    except Exception as error:
        if len(people) == 1:
            person = ids.text("consumer", people[0])
            log.exception("messages of a person cannot be sent", book=desk.book.code, consumer=person, error=type(error).__name__)
            return Claimed((), {BROKEN: 1})
    outgoing: list[Outgoing] = []
    decided: Counter[str] = Counter()
    for half in (people[: len(people) // 2], people[len(people) // 2 :]):
        claimed = _claim(desk, carriers, now, half)
        if isinstance(claimed, Refused):
            break  # stopped between the halves: what was claimed before is handed over all the same, and the next chunk is refused
        outgoing += claimed.outgoing
        decided.update(claimed.decided)
    return Claimed(tuple(outgoing), decided)


def _claim_together(desk: Desk, carriers: Carriers, now: datetime, people: Sequence[UUID]) -> Claimed | Refused:
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        told = reminders.settings(work)
        if isinstance(told, Refused):
            return told
        policy, sender = told
        contacts = outbound.lock_free(book_id=work.book.id, consumer_ids=people, vault=desk.vault)
        # Read after the lock: what somebody else sent meanwhile waits no more, and counts.
        waiting = outbound.waiting(book_id=work.book.id, consumer_ids=list(contacts), now=now)
        found = Found(
            contacts=contacts,
            waiting=waiting,
            reach=consumers.reachable(book_id=work.book.id, ids=list(contacts), vault=desk.vault),
            channels=carriers.channels,
            by_now=_by_now(work, [message for of_one in waiting.values() for message in of_one]),
        )
        return notices.claim(work=work, vault=desk.vault, policy=policy, sender=sender, found=found)


def _by_now(work: UnitOfWork, messages: Sequence[Message]) -> dict[UUID, Params | None]:
    return reminders.by_now(work, messages) | dunning.by_now(work, messages)


def _hand_over(desk: Desk, carriers: Carriers, now: datetime, outgoing: Sequence[Outgoing], became: Counter[str]) -> bool:
    """Gives each carrier what is its own and books what it says. Whether one did not answer. What one raises disturbs the other one's nothing."""
    is_down = False
    for channel in sorted(carriers.channels):
        own = [one for one in outgoing if one.channel == channel]
        if not own:
            continue
        try:
            told = _call(carriers, channel, own, now)
        except Exception as error:
            GATEWAY_FAILED.labels(call=f"notices.{channel}").inc()
            log.exception("carrier failed", book=desk.book.code, channel=channel, count=len(own), error=type(error).__name__)
            is_down = True
            continue
        tried = [Tried(ids.parse("message", one.reference), one.no, said) for one, said in zip(own, told, strict=True)]
        became.update(_settle(desk, now, _final_where_nobody_can_ask(carriers, channel, tried, now)))
        is_down = is_down or any(said.code in DOWN for said in told)
    return is_down


def _call(carriers: Carriers, channel: Channel, own: Sequence[Outgoing], now: datetime) -> list[Told]:
    if channel == "email":
        assert carriers.mailer is not None, "it is one of the channels"
        return carriers.mailer.mail(messages=own, now=now)
    assert carriers.texter is not None, "it is one of the channels"
    return carriers.texter.text(messages=own, now=now)


def _ask(carriers: Carriers, channel: Channel, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
    """None where the carrier can never be asked, or is there no more."""
    carrier = carriers.mailer if channel == "email" else carriers.texter
    return carrier.ask(references=references, now=now) if carrier else None


def _final_where_nobody_can_ask(carriers: Carriers, channel: Channel, tried: Sequence[Tried], now: datetime) -> list[Tried]:
    """An unknown outcome is final at once where the carrier has no question for it."""
    is_final = any(one.told.outcome == "unknown" for one in tried) and _ask(carriers, channel, [], now) is None
    return [replace(one, is_final=is_final) for one in tried]


def _settle(desk: Desk, now: datetime, tried: Sequence[Tried]) -> Counter[str]:
    """Books words of carriers, in a read-only book too: they have happened. What became of each message, by its state or reason."""
    with open_day(desk, now, though_read_only=True) as work:
        assert not isinstance(work, Refused), "a book that messages went out from has an open day"
        states = notices.settle(work=work, tried=tried)
    return Counter(states)


def _resume(desk: Desk, carriers: Carriers, now: datetime, became: Counter[str]) -> Refused | None:
    """Asks what became of messages that somebody began to send and that nobody has heard of since."""
    after: UUID | None = None
    while True:
        page = outbound.stranded(book_id=desk.book.id, before=now - LEASE, after=after, limit=CHUNK)
        if not page:
            return None
        after = page[-1].id
        tried = [one for channel in CHANNELS for one in _asked(carriers, channel, [m for m in page if m.channel == channel], now)]
        if not tried:
            return None  # nobody answers: later pages would fare no better
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            became.update(notices.settle(work=work, tried=tried))


def _asked(carriers: Carriers, channel: Channel, messages: Sequence[Message], now: datetime) -> list[Tried]:
    """What the carrier of a channel says now of messages. One that it cannot tell of stays as it is, and is given up after `ASKED_FOR`."""
    if not messages:
        return []
    references = {message.id: ids.text("message", message.id) for message in messages}
    said = _ask(carriers, channel, list(references.values()), now)
    tried: list[Tried] = []
    for message in messages:
        reference = references[message.id]
        told = said.get(reference) if said is not None else None
        assert message.claimed_at is not None, "what is being sent was claimed"
        is_final = said is None or now - message.claimed_at >= ASKED_FOR
        if told is not None:
            tried.append(Tried(message.id, message.tries, told))
        elif is_final:
            tried.append(Tried(message.id, message.tries, Told(reference, "unknown", "not_asked"), is_final=True))
    return tried
