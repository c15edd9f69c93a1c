"""When a message may go. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yuefu.notices.rules.kinds import KINDS
from yuefu.notices.rules.policy import Policy, Quiet, is_quiet

# Why a message was never sent.
FORGOTTEN: Final = "forgotten"  # the person asked to be forgotten
OPTED_OUT: Final = "opted_out"
OVERTAKEN: Final = "overtaken"  # what it was to tell is so no more: it was paid meanwhile
TOO_LATE: Final = "too_late"  # what it says would not be true any more: the day is over
QUIET_HOURS: Final = "quiet_hours"  # when they end it would be too late
WEEKLY_CAP: Final = "weekly_cap"
NO_ADDRESS: Final = "no_address"
SUPPRESSED: Final = (FORGOTTEN, OPTED_OUT, OVERTAKEN, TOO_LATE, QUIET_HOURS, WEEKLY_CAP, NO_ADDRESS)

# Why a message was given up.
ADDRESS_REFUSED: Final = "address_refused"  # the other side will not take it, now or later
UNREACHABLE: Final = "unreachable"  # it could not be handed over in all its tries, or in time
OUTCOME_UNKNOWN: Final = "outcome_unknown"  # it may have arrived; sent again it might arrive twice
NOT_RENDERED: Final = "not_rendered"  # a fault of ours: the log has it
FAILED: Final = (ADDRESS_REFUSED, UNREACHABLE, OUTCOME_UNKNOWN, NOT_RENDERED)

WEEK: Final = timedelta(days=7)
PAUSES: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
"""Before the second try and each one after it; then a message is given up."""
LEASE: Final = timedelta(minutes=10)
"""How long whoever sends is waited for; then what became of its messages is asked for."""
ASKED_FOR: Final = timedelta(days=1)
"""So long is an outcome asked for."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides about one message now: the zone of the person, whether they want this kind and can be reached, whether what it tells is
    still so, and how many of its group they were told in the week before `now`.
    """

    kind: str
    expires_at: datetime | None
    zone: ZoneInfo
    is_forgotten: bool
    is_wanted: bool
    is_reachable: bool
    is_so: bool
    told_in_the_week: int


@dataclass(frozen=True, slots=True)
class Go:
    pass


@dataclass(frozen=True, slots=True)
class Wait:
    until: datetime


@dataclass(frozen=True, slots=True)
class Drop:
    reason: str


def decide(it: Situation, *, now: datetime, policy: Policy) -> Go | Wait | Drop:
    """Whether a message goes now, waits for the next decent moment, or never goes, by the first reason of `SUPPRESSED` that holds."""
    kind = KINDS[it.kind]
    if it.is_forgotten:
        return Drop(FORGOTTEN)
    if kind.optional and not it.is_wanted:
        return Drop(OPTED_OUT)
    if not it.is_so:
        return Drop(OVERTAKEN)
    if it.expires_at is not None and now >= it.expires_at:
        return Drop(TOO_LATE)
    decent = decent_moment(now, policy.quiet, it.zone)
    if decent > now:
        return Drop(QUIET_HOURS) if it.expires_at is not None and decent >= it.expires_at else Wait(decent)
    if kind.group and it.told_in_the_week >= policy.most_a_week[kind.group]:
        return Drop(WEEKLY_CAP)
    return Go() if it.is_reachable else Drop(NO_ADDRESS)


def decent_moment(at: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    """`at` itself, or the end of the quiet hours that it lies in, in UTC. Where clocks go back in the night that is the later one of the two
    moments of that name, if `at` lies beyond the first; where they go forward over it, the hour after the gap.
    """
    local = at.astimezone(zone)
    if not is_quiet(local.time(), quiet):
        return at.astimezone(UTC)
    ends_on = local.date() + timedelta(days=quiet.begins > quiet.ends and local.time() >= quiet.begins)
    named = datetime.combine(ends_on, quiet.ends, zone)
    first, second = named.astimezone(UTC), named.replace(fold=1).astimezone(UTC)
    return first if first >= at else second


def again_at(tries: int, now: datetime, expires_at: datetime | None) -> datetime | None:
    """When a message that could not be handed over is tried again after so many tries; None where it is given up."""
    if tries > len(PAUSES):
        return None
    then = now + PAUSES[tries - 1]
    return None if expires_at is not None and then >= expires_at else then
