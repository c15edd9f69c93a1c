"""What the answer to a delivery means, and when it is tried again. Pure.

Tries: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each with up to a tenth more by chance: 75 hours and 35 minutes
in all, and a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal

Outcome = Literal["delivered", "retry", "throttled", "gone", "refused"]
"""Taken; to be tried again; to be tried again, and the endpoint is left in peace for a while; never again, as the receiver says (410); never
sent, because its address may not be called, and tried again, for an address may change."""

PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""Before the second try and each one after it; then a delivery has failed."""
MOST_TRIES: Final = 1 + len(PAUSES)
JITTER_PARTS: Final = 1_000
"""Chance is given as a whole number below this: a tenth of a pause is divided into so many."""

LEASE: Final = timedelta(seconds=60)
"""How long a try that was begun is nobody else's: four times as long as one may take. What a worker that was killed had in hand is tried again then."""
TIMEOUT_S: Final = 15.0
"""In all: name, connection, TLS, and the last byte of the answer that is read."""
ANSWER_BYTES: Final = 16_384
"""Of an answer no more is read."""
ANSWER_KEPT: Final = 1_000

_THROTTLES: Final = frozenset({429, 502, 504})
_REST: Final = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
"""For how long an endpoint that throttles is left in peace, by how often it did so in a row."""
LONGEST_REST: Final = timedelta(hours=6)
"""However long a Retry-After asks for."""

FAILING_AFTER: Final = timedelta(days=1)
"""An endpoint that has failed for so long, with nothing delivered between, is written about, and again after each day."""
DISABLED_AFTER_DAYS: Final = 5
"""And is disabled after so many days, unless the setting `webhooks.policy` says otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one try: the status of an answer, or, where none came, a code for why. `text` is the beginning of its body."""

    status: int | None
    code: str = ""
    text: str = ""
    retry_after: str = ""
    took_ms: int = 0


@dataclass(frozen=True, slots=True)
class Next:
    """What follows from a try: it is over (`again_at` is None), or tried again; and until when the endpoint is left in peace."""

    outcome: Outcome
    again_at: datetime | None
    rest_until: datetime | None


def outcome_of(answer: Answer) -> Outcome:
    """2xx alone is delivered. A redirect is never followed: where messages go is for the endpoint to say."""
    if answer.status is None:
        return "refused" if answer.code.startswith("url_") else "retry"
    if 200 <= answer.status < 300:
        return "delivered"
    if answer.status == 410:
        return "gone"
    return "throttled" if answer.status in _THROTTLES or (answer.status == 503 and answer.retry_after) else "retry"


def follows(answer: Answer, *, tried: int, strikes: int, now: datetime, chance: int) -> Next:
    """`tried` counts the tries of this round, this one included; `strikes` how often the endpoint throttled in a row before."""
    outcome = outcome_of(answer)
    if outcome in ("delivered", "gone"):
        return Next(outcome, None, None)
    asked = _asked(answer.retry_after, now) if outcome == "throttled" else None
    rest = max(_REST[min(strikes, len(_REST) - 1)], asked or timedelta()) if outcome == "throttled" else None
    until = now + min(rest, LONGEST_REST) if rest is not None else None
    if tried >= MOST_TRIES:
        return Next(outcome, None, until)
    pause = PAUSES[tried - 1]
    again = now + pause + pause / 10 * chance / JITTER_PARTS
    return Next(outcome, max(again, until) if until else again, until)


def _asked(text: str, now: datetime) -> timedelta | None:
    """Retry-After, in seconds or as a date of HTTP; None where it is neither or has passed."""
    word = text.strip()
    if word.isascii() and word.isdigit():
        return timedelta(seconds=min(int(word[:9]), int(LONGEST_REST.total_seconds())))
    try:
        at = parsedate_to_datetime(word)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    given = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return given if given > timedelta() else None


def room(strikes: int, most: int) -> int:
    """How many may be on their way to an endpoint at once: one, where it throttled last."""
    return 1 if strikes else most
