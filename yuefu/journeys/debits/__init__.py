"""Debits: what falls due is taken by mandate. Planned ahead, announced where the channel wants that, sent on its day, tried again by policy.

Every step can be repeated: it looks for what waits for it, locks it, and finds nothing the second time. A debit is sent as a collection,
which is stored before the channel is called and booked by `repayment`, so an unknown outcome is asked for and never sent again blind; a debit
ends as its collection does. Before another try, and before a debit is given up, the channel is asked what became of those that failed: where
it contradicts itself, that is kept for a person, and nothing more is taken until they have looked.
"""

from yuefu.journeys.debits.files import LineRead, take_file
from yuefu.journeys.debits.rounds import Ran, book_accepted, close, drop_missed, run, try_again
from yuefu.journeys.debits.taking import (
    Owed,
    announce,
    book_notices,
    follow,
    follow_tries,
    owed_of,
    plan,
    plan_mandates,
    policy_in_force,
    send,
    send_tries,
)

__all__ = [
    "LineRead",
    "Owed",
    "Ran",
    "announce",
    "book_accepted",
    "book_notices",
    "close",
    "drop_missed",
    "follow",
    "follow_tries",
    "owed_of",
    "plan",
    "plan_mandates",
    "policy_in_force",
    "run",
    "send",
    "send_tries",
    "take_file",
    "try_again",
]
