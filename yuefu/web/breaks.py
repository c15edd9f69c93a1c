"""Breaks: a list with their ages, and each with its history and what a person may do about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from yuefu import ids
from yuefu.access.rules import MERCHANT_ROLES, ROLES
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import breaks
from yuefu.journeys.breaks import Listed, Seen
from yuefu.journeys.desk import Desk, open_day
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries as found_breaks
from yuefu.reconciliation.commands import Assignment, Ending, Evidence, NewFix, Note
from yuefu.reconciliation.queries import Fix
from yuefu.reconciliation.rules.breaks import STATES, TRANSITIONS
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.reconciliation.rules.matching import SOURCES
from yuefu.runtime import books, days
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.web.acting import books_with, desk_of, holds
from yuefu.web.scopes import Scope, Visitor

READ: Final = "reconcile"
WORK: Final = "break.resolve"
DECIDE: Final = "approve"
DONE: Final = frozenset({"fixed", "asked", "dropped", "decided", "noted", "kept", "assigned", "moved"})
WORKERS: Final = tuple(role for role in ROLES if role not in MERCHANT_ROLES and WORK in ROLES[role])
_LONGEST: Final = 2_000

Outcome = str | Refused
"""What was done, a code of DONE, or why not."""


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Breaks of the book that `?book=` names, else of the first one; of `?state=` (open unless given) and `?source=`, page by page by `?after=`."""
    code = request.GET.get("book", "")
    scope = next((scope for scope in books_with(request.user, READ) if code in ("", scope.book.code)), None)
    if scope is None:
        return render(request, "404.html", status=404)
    state, source = request.GET.get("state", "open"), request.GET.get("source", "")
    if state not in {*STATES, "all"} or source not in {*SOURCES, ""}:
        return render(request, "400.html", status=400)
    with scope.reading():
        found = breaks.listed(
            book_id=scope.book.id,
            on=_today(scope.book),
            state=None if state == "all" else state,
            source=source or None,
            cursor=request.GET.get("after", "")[:_LONGEST],
        )
    if isinstance(found, Refused):
        return render(request, "400.html", status=400)
    return show_list(request, found, book=scope.book, state=state, source=source)


def show_list(request: HttpRequest, found: Listed, *, book: Book, state: str = "open", source: str = "") -> HttpResponse:
    """The page of the list."""
    context = {"found": found, "book": book, "as_of": books.now_in(book).date(), "after": request.GET.get("after", "")}
    context |= {"state": state, "source": source, "states": [*STATES, "all"], "sources": SOURCES}
    with timezone.override(book.tz):
        return render(request, "web/breaks.html", context)


@login_required
@require_safe
def one(request: HttpRequest, public_id: str) -> HttpResponse:
    """One break, with forms for whoever may use them."""
    placed = _placed(request.user, public_id)
    return _page(request, *placed) if placed else render(request, "404.html", status=404)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do: work on breaks, and decide what another one asked for."""

    work: bool
    decide: bool


def show(
    request: HttpRequest, found: Seen, *, book: Book, allowed: Allowed, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page of a break; where something was `refused`, with why and what was `typed`."""
    done, b = request.GET.get("done", ""), found.found
    waiting = next((fix for fix in found.fixes if fix.state == "waiting"), None)
    context = {
        "seen": found,
        "found": b,
        "public_id": ids.text("break", b.id),
        "opposite": ids.text("break", found.opposite) if found.opposite else "",
        "waiting": waiting,
        "approval": ids.text("approval", waiting.approval_id) if waiting and waiting.approval_id else "",
        "endings": [state for state in STATES if (b.state, state) in TRANSITIONS],
        "roles": WORKERS,
        "book": book,
        "as_of": books.now_in(book).date(),
        "allowed": allowed,
        "done": done if done in DONE else "",
        "refused": refused,
        "typed": typed or {},
        # The same form sent twice is one request: the second is answered as the first.
        "key": secrets.token_hex(12),
    }
    with timezone.override(book.tz):
        return render(request, "web/break.html", context, status=422 if refused else 200)


@login_required
@require_safe
def evidence(request: HttpRequest, public_id: str, no: int) -> HttpResponse:
    """A file of evidence as it was given; it is downloaded, never shown as a page."""
    placed = _placed(request.user, public_id)
    kept = None
    if placed is not None:
        with placed[0].reading():
            kept = found_breaks.evidence(book_id=placed[0].book.id, break_id=placed[1], no=no)
    if kept is None:
        return render(request, "404.html", status=404)
    response = HttpResponse(kept[1], content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="evidence-{no}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_POST
def act(request: HttpRequest, public_id: str) -> HttpResponse:
    """Does what `do` says; then the break with what became of it."""
    placed, do = _placed(request.user, public_id), request.POST.get("do", "")
    permission = DECIDE if do in ("approve", "reject") else WORK
    if placed is None or do not in _ACTS or not holds(request.user, permission, placed[0].book):
        return render(request, "404.html", status=404)
    scope, break_id = placed
    desk = desk_of(request.user, scope.book)
    outcome = desk if isinstance(desk, Refused) else _ACTS[do](desk, break_id, request)
    if isinstance(outcome, Refused):
        return _page(request, scope, break_id, refused=outcome.code, typed={"do": do, **request.POST.dict()})
    return redirect(f"{reverse('break', args=[public_id])}?{urlencode({'done': outcome})}")


def _fix(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    kind = _text(request, "fix")
    if kind not in list(Kind):
        return Refused("unknown_fix", "there is no such fix", "fix")
    other = _id("break", _text(request, "other"))
    until = _day(_text(request, "until"))
    if isinstance(until, Refused):
        return until
    asked = NewFix(_text(request, "key"), break_id, Kind(kind), _text(request, "reason"), other, until)
    (done,) = breaks.ask(desk=desk, now=books.now_in(desk.book), fixes=[asked])
    if isinstance(done, Quarantined):
        return Refused("broke", done.error)
    if isinstance(done, Refused):
        return done
    return _DID.get(done.state, "fixed")


_DID: Final = {"waiting": "asked", "approved": "asked", "dropped": "dropped"}


def _decide(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    approval = _id("approval", _text(request, "approval"))
    approve = request.POST.get("do") == "approve"
    asked = found_breaks.fix_of_approval(book_id=desk.book.id, approval_id=approval) if approval else None
    if approval is None or asked is None or asked.break_id != break_id:
        return Refused("unknown_approval", "there is no such request about this break", "approval")

    def act(work: UnitOfWork) -> Fix | Refused:
        return breaks.decide(work=work, approval_id=approval, approve=approve, reason=_text(request, "reason"))

    done = _within(desk, act)
    if isinstance(done, Refused):
        return done
    breaks.carry_out(desk=desk, now=books.now_in(desk.book), fix_ids=[done.id])
    return "decided"


def _note(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    note = Note(break_id, _text(request, "text"))
    return _said(_within(desk, lambda work: reconciliation.note_breaks(work=work, notes=[note])[0]), "noted")


def _keep(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > reconciliation.MOST_EVIDENCE:
        return Refused("evidence_too_large", "the file is too large", "file")
    kept = Evidence(
        break_id, (file.name or "") if file else _text(request, "reference"), file.read() if file else None, _text(request, "text")
    )
    return _said(_within(desk, lambda work: reconciliation.prove_breaks(work=work, evidence=[kept])[0]), "kept")


def _assign(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    role, due = _text(request, "role"), _day(_text(request, "due"))
    if role not in WORKERS:
        return Refused("unknown_role", "nobody of this role works on breaks", "role")
    if isinstance(due, Refused):
        return due
    given = Assignment(break_id, role, due_on=due)
    return _said(_within(desk, lambda work: reconciliation.assign_breaks(work=work, assignments=[given])[0]), "assigned")


def _move(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    ending = Ending(break_id, _text(request, "state"), _text(request, "reason"))
    return _said(_within(desk, lambda work: reconciliation.resolve_breaks(work=work, endings=[ending])[0]), "moved")


_ACTS: Final[Mapping[str, Callable[[Desk, UUID, HttpRequest], Outcome]]] = {
    "fix": _fix,
    "approve": _decide,
    "reject": _decide,
    "note": _note,
    "evidence": _keep,
    "assign": _assign,
    "resolve": _move,
}


def _within(desk: Desk, act: Callable[[UnitOfWork], Any]) -> Any:
    """`act` in one transaction on the open day; what it refuses rolls it back."""
    try:
        with open_day(desk, books.now_in(desk.book)) as work:
            done = work if isinstance(work, Refused) else act(work)
            if isinstance(done, Refused):
                raise RefusedError(done)
    except RefusedError as error:
        return error.refused
    return done


def _said(outcome: object, done: str) -> Outcome:
    return outcome if isinstance(outcome, Refused) else done


def _text(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").strip()[: 2 * _LONGEST]


def _day(text: str) -> date | Refused | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return Refused("bad_date", "this is no day", "until")


def _id(kind: str, text: str) -> UUID | None:
    try:
        return ids.parse(kind, text) if text else None
    except ids.BadId:
        return None


def _today(book: Book) -> date:
    return days.open_date(book.id) or books.now_in(book).date()


def _placed(visitor: Visitor, public_id: str) -> tuple[Scope, UUID] | None:
    """In which book somebody may see a break; None where it does not exist or is not theirs, which look the same from outside."""
    break_id = _id("break", public_id)
    if break_id is None:
        return None
    return next(((scope, break_id) for scope in books_with(visitor, READ) if _is_there(scope, break_id)), None)


def _is_there(scope: Scope, break_id: UUID) -> bool:
    with scope.reading():
        return bool(found_breaks.breaks_by_id(book_id=scope.book.id, ids=[break_id]))


def _page(request: HttpRequest, scope: Scope, break_id: UUID, *, refused: str = "", typed: Mapping[str, str] | None = None) -> HttpResponse:
    desk = desk_of(request.user, scope.book)
    if isinstance(desk, Refused):
        return render(request, "404.html", status=404)
    with scope.reading():
        found = breaks.seen(desk=desk, break_ids=[break_id], on=_today(scope.book)).get(break_id)
    if found is None:
        return render(request, "404.html", status=404)
    allowed = Allowed(holds(request.user, WORK, scope.book), holds(request.user, DECIDE, scope.book))
    return show(request, found, book=scope.book, allowed=allowed, refused=refused, typed=typed)
