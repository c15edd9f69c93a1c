"""What the pages of things that people work on have in common, breaks and money that nobody explained: the book that is looked at, one thing of it by its
public id, and what a person asked for with a form.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk
from yuefu.runtime.values import Book
from yuefu.web.acting import books_with, desk_of, holds
from yuefu.web.pages import after, missing, named, page
from yuefu.web.scopes import Scope, Visitor

MOST_TEXT: Final = 2_000
"""The longest text of a form; more than twice as much is not even looked at."""

Outcome = str | Refused
"""What was done, as a code, or why not."""
Act = Callable[[Desk, UUID, HttpRequest], Outcome]


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one kind of things. `read` is the permission to see them, `is_there` whether one is in a book, `page` shows it with what was refused and
    typed; `acts` are what a form may ask for, each with its permission.
    """

    kind: str
    route: str
    read: str
    is_there: Callable[[Scope, UUID], bool]
    page: Callable[..., HttpResponse]
    acts: Mapping[str, tuple[str, Act]]

    def scope(self, visitor: Visitor, code: str) -> Scope | None:
        """The book that is named, else the first in which somebody may see such things."""
        return named(books_with(visitor, self.read), code)

    def placed(self, visitor: Visitor, public_id: str) -> tuple[Scope, UUID] | None:
        """In which book somebody may see a thing; None where it does not exist or is not theirs, which look the same from outside."""
        found = id_of(self.kind, public_id)
        if found is None:
            return None
        return next(((scope, found) for scope in books_with(visitor, self.read) if self.is_there(scope, found)), None)

    def one(self, request: HttpRequest, public_id: str) -> HttpResponse:
        placed = self.placed(request.user, public_id)
        return self.page(request, *placed) if placed else missing(request)

    def act(self, request: HttpRequest, public_id: str) -> HttpResponse:
        """Does what `do` says; then the thing with what became of it."""
        placed, do = self.placed(request.user, public_id), request.POST.get("do", "")
        permission, act = self.acts.get(do, ("", None))
        if placed is None or act is None or not holds(request.user, permission, placed[0].book):
            return missing(request)
        scope, found = placed
        desk = desk_of(request.user, scope.book)
        outcome = desk if isinstance(desk, Refused) else act(desk, found, request)
        if isinstance(outcome, Refused):
            return self.page(request, scope, found, refused=outcome.code, typed={"do": do, **request.POST.dict()})
        return redirect(f"{reverse(self.route, args=[public_id])}?{urlencode({'done': outcome})}")


def show_list(request: HttpRequest, template: str, found: object, *, book: Book, **more: Any) -> HttpResponse:
    """The page of a list; times are those of the book."""
    return page(request, template, book, {"found": found, "after": after(request), **more})


def show_one(
    request: HttpRequest,
    template: str,
    *,
    book: Book,
    did: frozenset[str],
    refused: str,
    typed: Mapping[str, str] | None,
    **more: Any,
) -> HttpResponse:
    """The page of one thing, with what was done, or with what was `refused` and `typed`."""
    done = request.GET.get("done", "")
    context = {
        "done": done if done in did else "",
        "refused": refused,
        "typed": typed or {},
        # The same form sent twice is one request: the second is answered as the first.
        "key": secrets.token_hex(12),
        **more,
    }
    return page(request, template, book, context, status=422 if refused else 200)


def text_of(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: 2 * MOST_TEXT]


def id_of(kind: str, text: str) -> UUID | None:
    try:
        return ids.parse(kind, text) if text else None
    except ids.BadId:
        return None
