"""Who runs a command, in which book, and what they may do there."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from yuefu.cli import installation
from yuefu.cli.faults import fail
from yuefu.cli.output import current

if TYPE_CHECKING:
    from yuefu.errors import Refused
    from yuefu.journeys.desk import Desk
    from yuefu.runtime.values import Actor, Book, UnitOfWork
    from yuefu.runtime.vault import Vault

T = TypeVar("T")

NO_WORLD: Final = "no_world"
UNKNOWN_BOOK: Final = "unknown_book"
BOOK_NEEDED: Final = "book_needed"
NOT_ALLOWED: Final = "not_allowed"
NOT_THE_OWNER: Final = "not_the_owner"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who acts, in which book, and for which merchant only (None: for the whole book)."""

    desk: Desk
    merchant_id: UUID | None

    @property
    def book(self) -> Book:
        return self.desk.book

    @property
    def now(self) -> datetime:
        """The moment it is in the book."""
        from yuefu.runtime import books

        return books.now_in(self.desk.book)

    @property
    def today(self) -> Any:
        """The open business day, or the calendar day of the book where none is open."""
        from yuefu.runtime import days

        return days.business_date(self.book, self.now)

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Reads as this caller may; PostgreSQL holds it."""
        from yuefu.runtime import sql

        if self.merchant_id is not None:
            return sql.reading(merchant_id=self.merchant_id)
        return sql.reading(book_id=self.book.id)

    def acting(self, act: Callable[[UnitOfWork], T | Refused]) -> T:
        """`act` in one transaction on the open day; a refusal is raised, and everything rolled back."""
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys.desk import open_day

        with open_day(self.desk, self.now) as work:
            outcome = work if isinstance(work, Refused) else act(work)
            if isinstance(outcome, Refused):
                raise RefusedError(outcome)
        return outcome

    def for_the_book(self) -> Caller:
        """Itself, where it acts for the whole book; a merchant's person does not."""
        if self.merchant_id is not None:
            fail(NOT_ALLOWED, "This is not for the people of a merchant.")
        return self

    def to_write(self) -> Caller:
        """Itself, for the whole book, where that is not read only now; else the refusal, before anything else is done."""
        from yuefu.errors import RefusedError
        from yuefu.runtime import stops

        if refused := stops.read_only(book_id=self.for_the_book().book.id, now=self.now):
            raise RefusedError(refused)
        return self

    def owns(self, merchant_id: UUID) -> bool:
        return self.merchant_id in (None, merchant_id)


@contextlib.contextmanager
def at_work(permission: str) -> Iterator[Caller]:
    """The caller in the book of this command, once it is certain that the permission is theirs."""
    with installation.installed():
        yield caller(permission)


def caller(permission: str) -> Caller:
    """Who runs this command: the user of --as by the permissions of their role, else the owner of the installation as system:cli."""
    from yuefu.ids import IdSource
    from yuefu.journeys import engines
    from yuefu.journeys.desk import Desk
    from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel

    book = the_book()
    current().zone = book.tz
    by, merchant_id = _actor(book, permission)
    desk = Desk(book, by, IdSource(secrets.randbits), the_vault(), SandboxChannel(book), SandboxBank(book), matching=engines.matching)
    return Caller(desk, merchant_id)


def the_vault() -> Vault:
    from yuefu.runtime import vault

    return vault.load(Path(os.environ["YUEFU_KEYS_FILE"]))


def the_book() -> Book:
    """The book of --book, or the only one."""
    from yuefu.runtime import books

    wanted = current().book
    found = books.with_jobs() if wanted is None else books.all_books()  # a test clock is looked for by name only
    if not found:
        fail(NO_WORLD, "There is no book here yet; run `yuefu demo` for a world of one, or `yuefu book create`.")
    if wanted is None:
        if len(found) > 1:
            fail(BOOK_NEEDED, f"There are several books; choose one with --book: {_listed([book.code for book in found])}.")
        return found[0]
    chosen = next((book for book in found if book.code == wanted), None)
    if chosen is None:
        fail(UNKNOWN_BOOK, f"There is no book {wanted!r:.60}; there is {_listed([book.code for book in found])}.")
    return chosen


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(codes[:10]) + (" …" if len(codes) > 10 else "")


def the_owner() -> Actor:
    """The owner of the installation, who acts without a name and may do everything; anybody else is turned away."""
    from yuefu.runtime.values import Actor

    if os.geteuid() not in {0, installation.home().stat().st_uid}:
        fail(NOT_THE_OWNER, f"Only the owner of {installation.home()} acts without a name; say who you are with --as USER.")
    return Actor("system", "cli", None, current().request_id)


def _actor(book: Book, permission: str) -> tuple[Actor, UUID | None]:
    from yuefu.access import queries as access
    from yuefu.access.rules import may
    from yuefu.errors import Refused, RefusedError

    login, request_id = current().login, current().request_id
    if login is None:
        return the_owner(), None
    known = access.actor_for_login(login=login, book_id=book.id, request_id=request_id)
    if isinstance(known, Refused):
        raise RefusedError(known)
    actor, membership = known
    if not may(membership, permission):
        fail(NOT_ALLOWED, f"{actor.name} has the role {membership.role}, which may not: {permission}.")
    return actor, membership.merchant_id
