"""What a person may look at: whole books for staff, one merchant for its people, the demo book for a visitor of the demo."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from yuefu.access import queries as access
from yuefu.access.rules import Membership, may
from yuefu.runtime import books, sql
from yuefu.runtime.values import Book
from yuefu.web import demo

Visitor = AbstractBaseUser | AnonymousUser
_HELD: Final = "held_memberships"


@dataclass(frozen=True, slots=True)
class Scope:
    """One book, or one merchant of it, that somebody may read."""

    book: Book
    merchant_id: UUID | None

    def reading(self) -> AbstractContextManager[None]:
        """Reads as this scope may. PostgreSQL holds it, not the query: the staff role sees one book, the reader one merchant."""
        if self.merchant_id is not None:
            return sql.reading(merchant_id=self.merchant_id)
        return sql.reading(book_id=self.book.id)


def memberships_of(visitor: Visitor) -> list[Membership]:
    """The memberships in force of a person, none of somebody who has not logged in. Asked for once a request, for which a visitor lives: the page, its bar
    and its links say the same.
    """
    if not visitor.is_authenticated:
        return []
    held: list[Membership] | None = getattr(visitor, _HELD, None)
    if held is None:
        held = access.memberships_of(user_id=visitor.pk)
        setattr(visitor, _HELD, held)
    return held


def scopes_of(visitor: Visitor, permission: str) -> list[Scope]:
    """Where a person holds a permission, by the memberships in force; nowhere for somebody who has not logged in."""
    held = [m for m in memberships_of(visitor) if may(m, permission)]
    found = [(books.by_id(m.book_id), m.merchant_id) for m in held]
    return [Scope(book, merchant_id) for book, merchant_id in found if book is not None]


def overviews_for(visitor: Visitor) -> list[Scope]:
    """The books whose overview somebody may see: staff who may read the ledger, and in the demo everybody its test book."""
    held = [scope for scope in scopes_of(visitor, "ledger.read") if scope.merchant_id is None]
    shown = demo.book()
    if shown is not None and all(scope.book.id != shown.id for scope in held):
        held.append(Scope(shown, None))
    return held
