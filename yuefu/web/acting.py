"""Where somebody who has logged in works: as themselves, in one book; only what a merchant tells of itself is done for a merchant alone."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings
from structlog.contextvars import get_contextvars

from yuefu.access import queries as access
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import engines
from yuefu.journeys.desk import Desk
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import vault
from yuefu.runtime.values import Book
from yuefu.runtime.vault import Vault
from yuefu.web.scopes import Scope, Visitor, scopes_of


def books_with(visitor: Visitor, permission: str) -> list[Scope]:
    """The books in which somebody holds a permission for the whole of it."""
    return [scope for scope in scopes_of(visitor, permission) if scope.merchant_id is None]


def holds(visitor: Visitor, permission: str, book: Book) -> bool:
    return any(scope.book.id == book.id for scope in books_with(visitor, permission))


def the_vault() -> Vault:
    return vault.load(Path(settings.YUEFU_KEYS_FILE))


def desk_of(visitor: Visitor, book: Book) -> Desk | Refused:
    """The desk of somebody in a book. Refused where their login or role ended meanwhile."""
    known = access.actor_for_login(login=visitor.get_username(), book_id=book.id, request_id=str(get_contextvars().get("request_id", "")))
    if isinstance(known, Refused):
        return known
    ids = IdSource(secrets.randbits)
    return Desk(book, known[0], ids, the_vault(), SandboxChannel(book), SandboxBank(book), matching=engines.matching)
