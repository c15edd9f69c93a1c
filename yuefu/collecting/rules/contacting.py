"""Whether a person may be contacted now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from yuefu.collecting.rules.policy import CHANNELS, Policy
from yuefu.errors import Refused

CHANNEL_UNKNOWN: Final = "channel_unknown"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
THIRD_PARTY: Final = "third_party"  # nobody but the borrower is asked for the borrower's debt
DO_NOT_CONTACT: Final = "do_not_contact"  # the person asked for it, is represented, or disputes the debt
CHANNEL_NOT_ALLOWED: Final = "channel_not_allowed"  # the policy of the book leaves this channel out
PROMISE_RUNS: Final = "promise_runs"  # what was promised is waited for
NOTHING_OVERDUE: Final = "nothing_overdue"
QUIET_HOURS: Final = "quiet_hours"
TOO_OFTEN_A_DAY: Final = "too_often_a_day"
TOO_OFTEN_A_WEEK: Final = "too_often_a_week"

Outcome = Literal["no_answer", "left_message", "reached", "promised", "refuses", "disputes", "hardship", "wrong_number", "delivered"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
BORROWER: Final = "borrower"
ALL: Final = "all"
"""A restriction of this channel is one of every channel."""
WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides about a contact now: whether it is the person's own call, to whom, the moment where the person is, what the person asked not to
    be contacted by, whether something is overdue and a promise waited for, and how often we were in touch this day and in the seven days up to it.
    """

    channel: str
    whom: str
    inbound: bool
    local: datetime
    restricted: frozenset[str]
    overdue: bool
    promised: bool
    this_day: int
    this_week: int


def fault_of(it: Standing, policy: Policy) -> Refused | None:
    """Why a person may not be contacted now, by the first reason that holds. Whoever calls us is always heard."""
    if it.channel not in CHANNELS:
        return Refused(CHANNEL_UNKNOWN, f"a channel is one of {', '.join(CHANNELS)}", "channel")
    if it.whom != BORROWER:
        return Refused(THIRD_PARTY, "only the borrower is contacted about a debt, nobody else", "whom")
    if it.inbound:
        return None
    if {it.channel, ALL} & it.restricted:
        return Refused(DO_NOT_CONTACT, f"this person is not to be contacted by {it.channel}: see the restrictions of the case", "channel")
    if it.channel not in policy.channels:
        return Refused(CHANNEL_NOT_ALLOWED, f"the policy allows {', '.join(sorted(policy.channels)) or 'no channel'}", "channel")
    if not it.overdue:
        return Refused(NOTHING_OVERDUE, "nothing is overdue any more: there is nothing to ask for", "case_id")
    if it.promised:
        return Refused(PROMISE_RUNS, "a promise runs: what was promised is waited for until its day", "case_id")
    if not policy.contact_from <= it.local.time() < policy.contact_until:
        hours = f"{policy.contact_from:%H:%M} to {policy.contact_until:%H:%M}"
        return Refused(QUIET_HOURS, f"people are contacted from {hours}; it is {it.local:%H:%M} where this person is")
    if it.this_day >= policy.most_a_day:
        return Refused(TOO_OFTEN_A_DAY, f"{it.this_day} contacts today are the most of a day: again tomorrow")
    if it.this_week >= policy.most_a_week:
        return Refused(TOO_OFTEN_A_WEEK, f"{it.this_week} contacts in seven days are the most of a week")
    return None
