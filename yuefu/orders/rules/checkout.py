"""Checkout sessions: a purchase that a merchant offers and a consumer decides on, on our page. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit
from uuid import UUID

from yuefu.errors import Refused
from yuefu.money.amounts import Money

SessionState = Literal["open", "completed", "expired", "cancelled"]
Ending = Literal["expired", "cancelled"]
STATES: Final[tuple[SessionState, ...]] = ("open", "completed", "expired", "cancelled")

UNKNOWN_SESSION: Final = "unknown_checkout"
SESSION_OVER: Final = "checkout_over"  # completed, expired or cancelled
URL_INVALID: Final = "url_invalid"
EXPIRY_INVALID: Final = "expiry_invalid"

SHORTEST_S: Final = 5 * 60
USUAL_S: Final = 24 * 3_600
LONGEST_S: Final = 48 * 3_600

LONGEST_URL: Final = 2_000
_HERE: Final = ("localhost", "127.0.0.1")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Session:
    """A checkout session as it is stored. `products` and `periods` are what the consumer may choose from, empty: from all. `consumer_id` is for
    whom it is, where the merchant knows; `language` that of the page, where it says so.
    """

    id: UUID
    merchant_id: UUID
    merchant_reference: str
    amount: Money
    channel: str
    products: tuple[str, ...]
    periods: tuple[int, ...]
    success_url: str
    cancel_url: str
    consumer_id: UUID | None
    language: str
    host: str
    category: str
    state: SessionState
    order_id: UUID | None
    created_at: datetime
    expires_at: datetime
    seq: int
    store_id: UUID | None = None
    terminal_id: UUID | None = None

    def state_at(self, now: datetime) -> SessionState:
        """What it is at a moment: its time runs out by itself, whether or not anybody has written that down."""
        return "expired" if self.state == "open" and self.expires_at <= now else self.state

    def allows(self, product: str, periods: int) -> bool:
        return (not self.products or product in self.products) and (not self.periods or periods in self.periods)


def complete(session: Session | None, order_id: UUID, now: datetime) -> Session | Refused:
    """open → completed, by an order that was approved."""
    refused = over(session, now)
    if refused or session is None:
        return refused or Refused(UNKNOWN_SESSION)
    return replace(session, state="completed", order_id=order_id, seq=session.seq + 1)


def end(session: Session | None, by: Ending, now: datetime, *, by_time: bool = False) -> Session | Refused:
    """open → expired, by the merchant or `by_time`, or cancelled by the consumer."""
    refused = over(session, now)
    if session is not None and by_time:
        timely = session.state == "open" and session.expires_at <= now
        refused = (
            None
            if timely
            else Refused(SESSION_OVER, f"the session is {session.state} until {session.expires_at.isoformat()}", "checkout_id")
        )
    if refused or session is None:
        return refused or Refused(UNKNOWN_SESSION)
    return replace(session, state=by, seq=session.seq + 1)


def over(session: Session | None, now: datetime) -> Refused | None:
    """Why nothing can be done with a session any more."""
    if session is None:
        return Refused(UNKNOWN_SESSION, "there is no such checkout session of this merchant", "checkout_id")
    state = session.state_at(now)
    return None if state == "open" else Refused(SESSION_OVER, f"the session is {state}", "checkout_id")


def url_fault(url: str, *, field: str, live: bool) -> Refused | None:
    """A page of the merchant to which the consumer goes back: https, or http on the own machine in a test book. No login, and nothing that a
    browser would read otherwise.
    """
    told = Refused(URL_INVALID, f"{field} is an address with https:// of at most {LONGEST_URL} ASCII characters, without a login", field)
    if not 0 < len(url) <= LONGEST_URL or not url.isascii() or any(char <= " " or char in '\\"<>`{}|^\x7f' for char in url):
        return told
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return told
    here = not live and parts.scheme == "http" and host in _HERE
    named = host and _HOST.fullmatch(host) and "@" not in parts.netloc
    return None if named and (parts.scheme == "https" or here) else told


def expiry_fault(seconds: int) -> Refused | None:
    """How long a session may be open."""
    good = SHORTEST_S <= seconds <= LONGEST_S
    return None if good else Refused(EXPIRY_INVALID, f"a session is open for {SHORTEST_S} to {LONGEST_S} seconds", "expires_in")
