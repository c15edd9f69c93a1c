"""Reads of notices, as frozen values: of messages here, of webhooks by `webhooks`."""

from yuefu.notices.queries.telling import (
    CONTACT,
    Contact,
    Message,
    Step,
    contacts,
    listed,
    lock_free,
    messages,
    people_waiting,
    steps,
    stranded,
    told_since,
    unwanted,
    waiting,
    waiting_count,
)

__all__ = [
    "CONTACT",
    "Contact",
    "Message",
    "Step",
    "contacts",
    "listed",
    "lock_free",
    "messages",
    "people_waiting",
    "steps",
    "stranded",
    "told_since",
    "unwanted",
    "waiting",
    "waiting_count",
]
