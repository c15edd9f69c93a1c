"""What every command is told about its surroundings: whose book, which day, what time, by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from yuefu import ids
from yuefu.ids import IdSource

if TYPE_CHECKING:
    from yuefu.runtime.stops import Stop

DayState = Literal["open", "closing", "closed"]
ActorKind = Literal["user", "api_key", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. Written on every entry, audit row and approval as `kind:name`. `user_id` is the person behind it: the user, or
    the one who made the key; the platform itself is nobody. `through` is the agent who acts with it for a merchant.
    """

    kind: ActorKind
    name: str
    user_id: UUID | None = None
    request_id: str = ""
    through: UUID | None = None

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.name}"


def system_actor(name: str, request_id: str = "") -> Actor:
    """The platform itself, e.g. `system:close_of_day`; `request_id` tells one run of a job from the next."""
    return Actor(kind="system", name=name, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Book:
    """One set of books: legal entity × live or test × clock. Nothing crosses from one book to another. `of_clock`: a test clock does all that
    falls due in it, and no job does.
    """

    id: UUID
    code: str
    legal_entity: str
    mode: Literal["live", "test"]
    currency: str
    zone: str
    calendar: str
    cut_off: time
    clock_at: datetime | None = None
    of_clock: bool = False

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def public_id(self) -> str:
        return ids.text("book", self.id)

    def day_of(self, moment: datetime) -> date:
        """The calendar day of a moment where the book is: what a date of UTC is not, for eight hours of each day in China."""
        return moment.astimezone(self.tz).date()


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """A day of a book that something is posted to. `run_id` is set only for the run that closes it."""

    book_id: UUID
    on: date
    state: DayState
    run_id: UUID | None = None


class Cause(NamedTuple):
    """The request that led to something: its key, and who sent it."""

    key: str
    by: Actor


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """The surroundings of one batch of commands: one transaction, one moment, one day, one actor who carries it out.

    `claimed` has the cause of what is being carried out, by the object each request stands for: a batch may hold requests of many
    senders, and events, entries and the audit trail say whose led to them. `again` has the requests whose keys had been used with the same
    content, by their ids, each with the id of the first. `stops` are those in force when the day was locked.
    """

    book: Book
    day: BusinessDay
    now: datetime
    by: Actor
    ids: IdSource
    stops: tuple[Stop, ...] = field(default=(), compare=False, repr=False)
    claimed: dict[UUID, Cause] = field(default_factory=dict, compare=False, repr=False)
    again: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def acting(self, object_id: UUID | None) -> Actor:
        """Who sent the request that an object stands for; who carries out the batch, where nobody else did."""
        cause = self.claimed.get(object_id) if object_id and self.claimed else None
        return cause.by if cause else self.by
