"""What becomes of a message by what its gateway says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from yuefu.notices.rules import timing
from yuefu.notices.rules.kinds import State
from yuefu.notices.rules.outgoing import Outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts of a message: its state and why, its latest try, and when what it says is over."""

    state: State
    reason: str
    tries: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ending:
    """`to` is the state; `reason` says why it is given up, `again_at` when it is queued for. What may have arrived goes on to count."""

    to: Literal["sent", "failed", "queued"]
    reason: str = ""
    again_at: datetime | None = None
    may_have_arrived: bool = False


def ending(it: Standing, *, no: int, outcome: Outcome, is_final: bool, now: datetime) -> Ending | None:
    """What a word about the `no`-th try makes of a message; None where it stays as it is. `is_final`: nobody will be asked any more.

    That it was taken counts whenever it is heard, also after nobody knew; every other word only about the try that is under way.
    """
    if outcome == "accepted":
        is_open = it.state == "sending" or (it.state == "failed" and it.reason == timing.OUTCOME_UNKNOWN)
        return Ending("sent", may_have_arrived=True) if is_open else None
    if it.state != "sending" or no != it.tries:
        return None
    if outcome == "refused":
        return Ending("failed", timing.ADDRESS_REFUSED)
    if outcome == "unknown":
        return Ending("failed", timing.OUTCOME_UNKNOWN, may_have_arrived=True) if is_final else None
    again = timing.again_at(it.tries, now, it.expires_at)
    return Ending("queued", again_at=again) if again else Ending("failed", timing.UNREACHABLE)
