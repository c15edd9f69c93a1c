"""Writes of notices, over many. Claim first, commit, call the gateway, then settle with what it said."""

from yuefu.notices.commands.contacts import Choice, NewContact, choose, forget, set_contacts
from yuefu.notices.commands.queueing import NewMessage, Queued, queue
from yuefu.notices.commands.sending import Claimed, Found, claim
from yuefu.notices.commands.settling import Tried, settle

__all__ = [
    "Choice",
    "Claimed",
    "Found",
    "NewContact",
    "NewMessage",
    "Queued",
    "Tried",
    "choose",
    "claim",
    "forget",
    "queue",
    "set_contacts",
    "settle",
]
